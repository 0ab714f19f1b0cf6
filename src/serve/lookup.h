// SPDX-License-Identifier: MIT
/*
 * A lookup finds one symbol in the configured stores, in their order, and hands over its body as
 * a fill or as an open file. It decides between candidates and between stores:
 *
 *  - Within a store all candidates are asked at once; the first in order that is found is the
 *    answer, and only once all before it are proven misses.
 *  - A miss moves on to the next store. So does a fault, but it is remembered: in the end 404 is
 *    said only when every store has answered (a store that is optional is not missed).
 *  - A store whose breaker is open, or that does not take the name, is passed over.
 *
 * Threads: lookup_start() and lookup_release() may be called by any thread; all work, and the
 * call of answered(), happens on the loop's thread.
 */
#pragma once
#include "cache/fill.h"
#include "serve/request.h"
#include "store/store.h"

struct lookup;

struct store_list {
	struct store **store;
	size_t n;
};

/* All lookups of a server; the loop's thread only. Zeroed: empty. */
struct lookups {
	struct lookup *first;
	bool closing;
};

struct lookup_request {
	struct lookups *all;
	const struct symbol_path *path; /* borrowed until the release */
	const struct store_list *stores;
	struct loop *loop;
	bool head;
	bool ranged; /* only this part is wanted */
	struct range_ask range;
	const char *if_range; /* header values or NULL, copied */
	const char *via;
	bool looped; /* Via names us: other servers are not asked again */
	bool accepts_gzip;
	bool any_path;     /* else private stores serve symbol shapes only */
	int64_t budget_ns; /* to be answered in so much time */
	size_t ring_max;
};

enum answer_kind { ANSWER_FOUND, ANSWER_MISS, ANSWER_UNSATISFIABLE, ANSWER_FAULT };

struct answer {
	enum answer_kind kind;
	struct object_head
		head;       /* FOUND: complete, fd owned by the receiver; UNSATISFIABLE: total */
	struct fill *fill;  /* FOUND, unless only the head was asked or head.fd >= 0; owned */
	const char *store;  /* name of the store that answered; NULL on a miss */
	bool unsure;        /* MISS: an optional store did not answer */
	struct error error; /* FAULT */
};

/* answered is called exactly once unless the lookup is released before. */
struct lookup *lookup_start(const struct lookup_request *request,
			    void (*answered)(void *ud, struct answer *answer), void *ud);
/*
 * The receiver is done with it: what still runs is cancelled. `released` is called on the loop's
 * thread when nothing touches ud, the path or the stores any more.
 */
void lookup_release(struct lookup *l, void (*released)(void *ud));
/*
 * Loop's thread: answer those that wait with a fault, break off the bodies of the others, and do
 * so at once with all that are started from now on.
 */
void lookup_abort_all(struct lookups *all);
