// SPDX-License-Identifier: MIT
/*
 * Which stores are asked for a path, and for which keys: what is common to looking at what is known
 * (known.c) and to asking (lookup.c). Pure but for the atomics of a store; any thread.
 */
#pragma once
#include "serve/candidates.h"
#include "store/store.h"

struct store_list {
	struct store **store;
	size_t n;
};

struct resolve_rules {
	const struct symbol_path *path; /* borrowed */
	bool looped;                    /* Via names us: other servers are not asked again */
	bool any_path;                  /* else private stores serve symbol shapes only */
};

/* Is this store not to be asked for the path, whatever it has? */
bool resolve_passes_over(const struct resolve_rules *rules, struct store *s);
/* The keys that may hold it, likeliest first. As candidates_make(). */
MUST_CHECK bool resolve_candidates(const struct symbol_path *path, struct store *s,
				   struct candidates *ret);
/*
 * The other names that a debugger asks for when this one is missing: the `_` twin or the plain
 * name, and, where the client is one that asks for it, file.ptr. They are asked along with it, so
 * that a missing module costs one round. Up to two paths; returns how many.
 */
size_t resolve_siblings(const struct symbol_path *path, bool wants_ptr,
			struct symbol_path ret[static 2]);
