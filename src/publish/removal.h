// SPDX-License-Identifier: MIT
/*
 * Removing transactions from a store while others add to it (docs/publish.md). A key is removed only
 * if a transaction that is gone has stored it, no live or open one names it, and no refs.ptr of
 * symstore.exe lies beside it. What other removals have left half-done is finished along with it. Of a transaction
 * that is gone already, and named once more, goes what its objects say that it stored since: an add that ran on.
 *
 *	LIST, plans; PUT rm/OURS; PUT .gone "going" of each; LIST
 *	for each thousand keys:  PUT rm/OURS; LIST, what is new; DELETE, within a minute of that PUT
 *	PUT .gone "gone" of each; DELETE rm/OURS
 *
 * Each DELETE ends by itself, by the store's own clock (store/write.h); whoever adds waits for two
 * minutes after a marker rm/. tests/unit/publish/test_protocol.c searches what can happen. A local
 * store has no markers: it is locked alone, and what is left of adds that were killed is swept meanwhile.
 *
 * A plan that cannot be read ends it: before anything was written, or, if it comes meanwhile, before
 * anything more is removed. On a thread that waits (await.h).
 */
#pragma once
#include "publish/catalog.h"
#include "publish/removal_keys.h"

struct removal_request {
	const struct catalog_source *from;
	const struct tx_id *id;
	size_t n;
	const char *by, *why; /* for .gone */
	bool dry_run;         /* nothing is written, and what would be removed is */
};

/* On the caller's thread, at the end. */
struct removal_events {
	/* Each key that any of them names, in their order; its `why` counts with FATE_FAILED. */
	void (*key)(void *ud, const struct removal_key *key);
	/*
	 * is_gone: all is done; else it is to be removed once more. state: what it is now; of a dry run, what it is still.
	 */
	void (*transaction)(void *ud, const struct tx_id *id, bool is_gone, enum tx_state state,
			    int64_t removed, int64_t kept);
};

struct removal_result {
	bool any_written; /* so that an error is not one of reaching the store at all */
	size_t failed;    /* keys */
	size_t drafts;    /* of a local store, that were swept (drafts.h) */
};

/*
 * OK: all of it was done but what failed. ERR_USAGE: there is no such transaction, or it has no plan;
 * ERR_CANCELED: stopped. Then, as with any other error, what is going stays so until the next removal.
 */
MUST_CHECK enum err removal_run(const struct removal_request *request,
				const struct removal_events *events, void *ud,
				struct removal_result *ret, struct error *e);
