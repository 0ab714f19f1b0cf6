// SPDX-License-Identifier: MIT
/*
 * Which stores are asked for a path, and for which keys: what is common to looking at what is known
 * (known.c) and to asking (lookup.c). Pure but for the atomics of a store; any thread.
 */
#pragma once
#include "serve/candidates.h"

struct store_list {
	struct store **store;
	size_t n;
};

struct resolve_rules {
	const struct symbol_path *path; /* borrowed, as the next */
	const struct client *client;    /* not NULL */
	bool looped;                    /* Via names us: other servers are not asked again */
	bool any_path;                  /* else private stores serve symbols only (symbol_path.h) */
	bool cabinets;                  /* SERVE_CAB: made for who asks for the `_` twin */
	bool ranged;                    /* a part is wanted */
};

/*
 * Is this not given to this client, whoever has it: the `_` twin, to one that takes it for the plain
 * file? Then every store is passed over. For answers that are found without asking which store.
 */
bool resolve_refuses(const struct resolve_rules *rules);
/* Is this store not to be asked for the path, whatever it has? */
bool resolve_passes_over(const struct resolve_rules *rules, struct store *s);
/* Is it passed over for who asks, whatever the path? Then a miss is nobody else's to keep. */
bool resolve_is_loop(const struct resolve_rules *rules, const struct store *s);
/*
 * The request headers (BY_...) that decided which stores and keys were asked until the answer was found
 * in `from`; late: there behind keys that not every client asks for. NULL: until all were missing.
 */
unsigned resolve_decided_by(const struct resolve_rules *rules, const struct store_list *stores,
			    const struct store *from, bool late);
/* What may hold it, likeliest first. As candidates_make(). */
MUST_CHECK bool resolve_candidates(const struct resolve_rules *rules, struct store *s,
				   struct candidates *ret);
/*
 * Every key under which somebody may have had it of the store, whoever he was and whatever had been
 * learnt of the store by then: for a purge. They come in pieces, *next, at first 0, telling where each
 * begins; 0 again: that was the last. As candidates_make().
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
