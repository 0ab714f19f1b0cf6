// SPDX-License-Identifier: MIT
/*
 * A lookup finds one symbol in the configured stores, in their order, and hands over its body as
 * a fill or as an open file. It decides between candidates and between stores:
 *
 *  - Within a store all candidates are asked at once: the likely ones for themselves, the others
 *    whether they are there, and where the store is known to have the name, when the likely ones are
 *    missing. The first in order that is found is the answer, and only once all before it are misses.
 *  - A miss moves on to the next store. So does a fault, but it is remembered: in the end 404 is
 *    said only when every store has answered (a store that is optional is not missed).
 *  - Beyond max_questions the least likely are not asked for; the 404 that is said then may not be
 *    kept. A candidate that is known to be missing does not count, so the next request goes on from
 *    there.
 *  - A store that is left alone has failed (gate.h). One that does not take the name is passed over, as
 *    if it were none.
 *
 * Threads: lookup_start() and lookup_release() may be called by any thread; all work, and the
 * call of answered(), happens on the loop's thread.
 */
#pragma once
#include "serve/answer.h"
#include "serve/resolve.h"

struct lookup;

/* Where requests for a path were cut (max_questions), so that the next one goes on from there. */
#define LOOKUP_CUTS 256

struct lookup_cut {
	uint64_t of;      /* path and store */
	size_t at;        /* the first candidate that was not asked for; 0: the last one was */
	int64_t until_ns; /* by then it is forgotten */
};

/* All lookups of a server; the loop's thread only. Zeroed: empty. */
struct lookups {
	LIST_HEAD(, lookup) list;
	uint64_t count; /* of all that have begun */
	bool closing;
	struct lookup_cut cut[LOOKUP_CUTS]; /* by hash: a later one takes the place of an earlier */
};

/* What has become of one candidate in one store, or of a store. */
enum lookup_said {
	SAID_FOUND,
	SAID_MISS,
	SAID_DENIED,  /* FETCH_DENIED */
	SAID_REFUSED, /* FETCH_REFUSED */
	SAID_FAULT,
	SAID_NO_ANSWER,   /* asked, and not waited for any longer */
	SAID_NOT_ASKED,   /* not needed, or beyond max_questions */
	SAID_PASSED_OVER, /* a store: it is not asked for the path */
};

struct lookup_note {
	const struct store *store;
	const struct candidate *candidate; /* NULL: it is of the store as a whole */
	bool listed; /* keys that begin with the candidate's were looked for, not itself */
	enum lookup_said said;
	bool memory;     /* it was known before */
	const char *why; /* or NULL */
	int64_t took_ns; /* until it was said; 0: nothing was asked, or said */
};

struct lookup_request {
	struct lookups *all;
	struct flights *flights;
	const struct store_list *stores;
	/* the path is borrowed until the release; texts of the client's headers are copied */
	struct resolve_rules rules;
	struct loop *loop;
	const atomic_bool *left; /* the client has gone away; lives until the release */
	void (*leave)(void *ud); /* for lookup_sweep(): give up the body that it waits for */
	bool head;
	struct part_ask part; /* if_range copied */
	const char *via;
	bool patient;      /* when the budget is over its flights go on (answer.working) */
	int64_t budget_ns; /* to be answered in so much time */
	size_t ring_max;
	size_t max_questions; /* keys that a store over the network is asked for; 0: no limit */
	/*
	 * Only whether it is there, and where: with `head`. No body is fetched but of what leads to another object, nothing
	 * is made, names that may be asked for next are left alone, and an encoding does not matter. What is
	 * FOUND is then the stored form, and its head that of the store.
	 */
	bool presence;
	uint64_t
		asker; /* whose turn its transfers take, by the number of another lookup; 0: its own */
	/* NULL, or: of each store that was dealt with, in their order, what its candidates came to. */
	void (*note)(void *ud, const struct lookup_note *note);
	bool tells; /* a line of the log, at level debug, for each candidate asked and answered */
	/*
	 * FOUND: an object of the cache, to be answered if all candidates before it are missing or
	 * cannot be asked for (known_answer()). Its descriptor is the lookup's.
	 */
	struct answer spare;
};

/* answered is called exactly once unless the lookup is released before. */
struct lookup *lookup_start(const struct lookup_request *request,
			    void (*answered)(void *ud, struct answer *answer), void *ud);
/*
 * Any thread: the disk of the cache has failed in the body of a FOUND answer. Go on for bytes first
 * to last of the object, past the cache: rescued() is called once on the loop's thread, with a
 * fill that begins at first (the receiver owns the reference), or NULL.
 */
void lookup_rescue(struct lookup *l, int64_t first, int64_t last,
		   void (*rescued)(void *ud, struct fill *body));
/*
 * The receiver is done with it: asks that still run are cancelled; a flight goes on if others wait
 * for it or it is worth to be finished. `released` is called on the loop's thread when nothing
 * touches ud, the path or the stores any more.
 */
void lookup_release(struct lookup *l, void (*released)(void *ud));
/* Loop's thread: end those whose clients have left while they waited. */
void lookup_sweep(struct lookups *all);
/*
 * Loop's thread: answer those that wait with a fault, break off the bodies of the others, and do
 * so at once with all that are started from now on.
 */
void lookup_abort_all(struct lookups *all);
