// SPDX-License-Identifier: MIT
/*
 * The keeper holds a store's AWS credentials and renews them in the background before they
 * expire, so that no request waits for it while the old ones are valid. What blocks (STS, the
 * metadata services, files) runs on a worker thread. Loop's thread, but for keeper_init().
 */
#pragma once
#include "base/waiters.h"
#include "store/creds.h"
#include "store/store.h"

enum keeper_answer {
	KEEPER_READY,  /* *ret is borrowed until the next call; NULL: sign nothing */
	KEEPER_WAIT,   /* being loaded: wait in k->waiters, then ask again */
	KEEPER_FAILED, /* could not be loaded: k->failure says why */
};

struct keeper {
	const struct store_context *ctx;
	char *region; /* for STS; the store may move on to another meanwhile */
	struct creds *creds;
	bool known; /* creds is the truth, even when NULL */
	bool loading, anonymous;
	atomic_bool signs; /* any thread: are requests signed, as far as is known? */
	bool by_network;   /* they may come from a service, even if none came yet */
	void (*changed)(struct keeper *k); /* other credentials than before; may be NULL */
	int64_t tried_ns;                  /* the last load began; 0 = never */
	int64_t pause_ns;                  /* until a service that gave none is asked again */
	struct error failure;              /* of the last load; code OK = it went well */
	struct waiters waiters;

	struct pool_job job; /* while loading: belongs to the worker */
	struct loop_task back;
	struct creds *loaded;
	enum err result;
	struct error error;
};

/* Takes what can be had without the network; ERR_USAGE for settings that contradict themselves. */
MUST_CHECK enum err keeper_init(struct keeper *k, const struct store_context *ctx,
				const char *region, bool anonymous, struct error *e);
void keeper_fini(struct keeper *k);
enum keeper_answer keeper_get(struct keeper *k, const struct creds **ret);
/* The store does not accept them: load anew, unless that was done a moment ago (false). */
bool keeper_renew(struct keeper *k);
