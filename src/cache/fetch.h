// SPDX-License-Identifier: MIT
/*
 * A fetch is the whole life of reading one key from one store: it tries again after passing
 * failures, decides found or missing once, feeds the body into a fill, and continues a body that
 * broke off by a ranged read of the same version. The retry policy of the program is here and
 * nowhere else.
 *
 * Loop's thread only. The owner frees it with fetch_free(), which cancels what is still running.
 */
#pragma once
#include "cache/fill.h"
#include "store/store.h"

struct fetch;

enum fetch_result { FETCH_FOUND, FETCH_MISS, FETCH_UNSATISFIABLE, FETCH_FAULT };

struct fetch_request {
	struct store *store;
	struct slice key; /* copied */
	bool head;
	bool ranged; /* only this part is wanted */
	struct range_ask range;
	const char *via;     /* borrowed for the life of the fetch; may be NULL */
	int64_t deadline_ns; /* to be decided by then */
	size_t ring_max;
};

/*
 * Called once, never from inside fetch_start(). FOUND: head is complete and fetch_body()
 * has the body, unless only the head was asked or head->fd holds it (the callee owns the
 * descriptor). UNSATISFIABLE: head->total is the size. FAULT: e says why.
 */
typedef void fetch_decided(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e);

struct fetch *fetch_start(const struct fetch_request *request, fetch_decided *decided, void *ud);
/* The body; the reference is the fetch's. */
struct fill *fetch_body(const struct fetch *f);
/* Break it off: a body that runs fails. The fetch stays, for its reader may be using it now. */
void fetch_abort(struct fetch *f);
/* Is an answer without a length being received? It may take longer than the deadline. */
bool fetch_is_spooling(const struct fetch *f);
void fetch_free(struct fetch *f); /* accepts NULL; only once nobody reads the body any more */
