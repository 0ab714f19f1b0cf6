// SPDX-License-Identifier: MIT
/*
 * An object that passes by the cache: one asker has a fetch of its own, whose body goes through a
 * ring (fill.h) to one reader, and nothing of it is kept. What can be said of its being right is
 * said all the same: its beginning is held against its key, which is enough for images and small
 * files, the whole against the checksum that the store tells. A file of a local store is looked at
 * whole (local_look.h).
 *
 * Loop's thread. Freed by its owner.
 */
#pragma once
#include "flight/fill.h"
#include "flight/flights.h"
#include "store/fetch.h"

struct pass;

struct pass_request {
	struct flights *flights;
	struct fetch_request fetch; /* its key is the next */
	const char *key;            /* borrowed for the life of the pass, as the next */
	const char *named;          /* the path whose key it has to be true to; NULL: its own */
	bool looked_at;             /* it is held against that, and a local file looked into */
	size_t ring_max;
};

/* As fetch_decided, but that it is MISS too where another file came than its key names. */
struct pass *pass_start(const struct pass_request *request, fetch_decided *decided, void *ud);
/* NULL when only the head is asked. The reference is the pass's. */
struct fill *pass_body(const struct pass *p);
bool pass_is_spooling(const struct pass *p);
/* Break it off: the body ends with ERR_CANCELED. */
void pass_abort(struct pass *p);
void pass_free(struct pass *p); /* accepts NULL */
