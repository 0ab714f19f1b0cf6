// SPDX-License-Identifier: MIT
/*
 * Which stores are asked for a path, and for which keys: what is common to looking at what is known
 * (known.c) and to asking (lookup.c). Pure but for the atomics of a store and, with a cache, its indexes of
 * names; any thread, and with a cache one that is a reader of these (quiet.h).
 */
#pragma once
#include "cache/cache.h"
#include "serve/candidates.h"

struct store_list {
	struct store **store;
	size_t n;
};

struct resolve_rules {
	const struct symbol_path *path; /* borrowed, as the next */
	const struct client *client;    /* not NULL */
	const struct cache
		*cache; /* whose indexes tell how stores spell names; NULL: nothing does */
	bool looped;    /* Via names us: other servers are not asked again */
	bool any_path;  /* else private stores serve symbols only (symbol_path.h) */
	bool cabinets;  /* SERVE_CAB: one is made where the `_` twin is asked for */
	bool ranged;    /* a part is wanted */
	bool head;      /* no body is wanted */
};

/*
 * Is the path refused to this client, whichever store has it: the `_` twin, to a client that takes it
 * for the plain file? Then every store is passed over; it is asked by itself before an answer is looked
 * for that does not depend on the stores (hot.h).
 */
bool resolve_refuses(const struct resolve_rules *rules);
/* Is this store not to be asked for the path, whatever it has? */
bool resolve_passes_over(const struct resolve_rules *rules, struct store *s);
/*
 * As far as only= and not= go: may it be asked for the path name/KEY/last, in any spelling; for any file below the name,
 * as symbol clients ask for files? For whoever tells what stores have.
 */
bool resolve_takes_key(const struct store *s, struct slice name, struct slice key,
		       struct slice last);
bool resolve_takes_below(const struct store *s, struct slice name);
/*
 * Is the store passed over because the request came through it? Then a 404 is that of this request
 * alone, and no cache may keep it.
 */
bool resolve_is_loop(const struct resolve_rules *rules, const struct store *s);
/*
 * The request headers (BY_...) that decided which stores and keys were asked until the answer was found
 * in `from`; late: there behind keys that not every client asks for. NULL: until all were missing.
 */
unsigned resolve_decided_by(const struct resolve_rules *rules, const struct store_list *stores,
			    const struct store *from, bool late);
/*
 * As what the candidate is asked for, and known to be missing: FORM_MSFZ if it may be that too, for a client
 * that accepts it and wants the whole.
 */
enum form resolve_asks_for(const struct resolve_rules *rules, const struct candidate *c);
/* What may hold it, likeliest first. As candidates_make(). */
MUST_CHECK bool resolve_candidates(const struct resolve_rules *rules, struct store *s,
				   struct candidates *ret);
/*
 * For a purge: every key under which any client may have been given the path out of the store, with
 * whatever had been learnt of the store by then. They come in pieces; *next tells where each begins: at
 * first 0, and 0 again after the last. As candidates_make().
 */
MUST_CHECK bool resolve_every(const struct symbol_path *path, struct store *s, size_t *next,
			      struct candidates *ret);
/* What may hold the file that a file.ptr of the store points to. As candidates_of_target(). */
MUST_CHECK bool resolve_target(const struct resolve_rules *rules, struct slice target,
			       struct store *s, struct candidates *ret);
/*
 * The other names that a debugger asks for when this one is missing, and that are no candidates of
 * it: after the `_` twin the plain name, and file.ptr, where the client is one that asks for it. They are
 * asked along with it, so that a missing module costs one round. Up to two paths; returns how many.
 */
size_t resolve_siblings(const struct symbol_path *path, bool wants_ptr,
			struct symbol_path ret[static 2]);
