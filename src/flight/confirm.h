// SPDX-License-Identifier: MIT
/*
 * Asking a store, in the background, whether a cached object is still what it has, or whether a key
 * is still missing: the client has been served already. An object is removed only when the store
 * says 404 to a request without SymbolChecksum, since it may compare a checksum with that of the
 * file; where it denies (a policy may have slipped), refuses the name or fails, the object stays,
 * is served, and is asked about again a minute later. An object that has changed is fetched anew:
 * see confirm_changed.
 */
#pragma once
#include "cache/cache.h"

struct confirms;

/* The object that is asked about; all but store and key may be NULL. */
struct confirm_request {
	struct store *store;
	struct slice key;
	enum form form;
	const char *named, *checksum;
};

/* Bring the new version into the cache; on the loop's thread. r is lent for the call. */
typedef void confirm_changed(void *ud, const struct confirm_request *r);

/* Loop, cache and pool (for short jobs) are borrowed. */
struct confirms *confirms_new(struct loop *loop, struct cache *cache, struct pool *pool,
			      confirm_changed *changed, void *ud);
void confirms_free(struct confirms *all);  /* after the loop; accepts NULL */
void confirms_abort(struct confirms *all); /* loop's thread */

/* ---- any thread; r is copied ---- */

/* As cache_find(); a stale object is confirmed. */
bool confirm_find(struct confirms *all, const struct confirm_request *r, struct cache_object *ret);
/*
 * Is it still what its head says? Does nothing when it is being asked, or was a moment ago.
 * spelled: the key is spelled as the store does; else a 404 may be one of the spelling, and removes
 * nothing.
 */
void confirm_start(struct confirms *all, const struct confirm_request *r,
		   const struct object_head *head, bool spelled);
/* Is the key still missing? The answer is remembered as any other. */
void confirm_missing(struct confirms *all, const struct confirm_request *r);
