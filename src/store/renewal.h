// SPDX-License-Identifier: MIT
/*
 * The AWS credentials of a store, and their renewal in the background before they expire, so that
 * no request waits for it while the old ones are valid. Loading, which blocks (STS, the metadata
 * services, files), runs on a worker thread. Loop's thread, but for renewal_init().
 */
#pragma once
#include "base/waiters.h"
#include "store/creds.h"
#include "store/store.h"

enum renewal_answer {
	RENEWAL_READY,  /* *ret is borrowed until the next call; NULL: sign nothing */
	RENEWAL_WAIT,   /* being loaded: wait in r->waiters, then ask again */
	RENEWAL_FAILED, /* could not be loaded: r->failure says why */
};

struct renewal {
	const struct store_context *ctx;
	char *region; /* for STS; the store may move on to another meanwhile */
	struct creds *creds;
	bool known; /* creds is the truth, even when NULL */
	bool loading, anonymous;
	atomic_bool signs; /* any thread: are requests signed, as far as is known? */
	bool by_network;   /* they may come from a service, even if none came yet */
	void (*changed)(struct renewal *r); /* other credentials than before; may be NULL */
	int64_t tried_ns;                   /* the last load began; 0 = never */
	int64_t pause_ns;                   /* until a service that gave none is asked again */
	struct error failure;               /* of the last load; code OK = it went well */
	struct waiters waiters;

	struct pool_job job; /* while loading: belongs to the worker */
	struct loop_task back;
	struct creds *loaded;
	enum err result;
	struct error error;
};

/*
 * Takes the credentials that can be had without the network; ERR_USAGE for settings that contradict
 * themselves.
 */
MUST_CHECK enum err renewal_init(struct renewal *r, const struct store_context *ctx,
				 const char *region, bool anonymous, struct error *e);
void renewal_fini(struct renewal *r);
enum renewal_answer renewal_get(struct renewal *r, const struct creds **ret);
/* The store does not accept them: load anew, unless that was done a moment ago (false). */
bool renewal_now(struct renewal *r);
