// SPDX-License-Identifier: MIT
/*
 * The walk of name_index.h. A folder of two letters holds names, if it is one of a two-tier store; they come where it
 * stands itself in the root, so that all are in their order. What is no folder is passed over. w->whole ends with the
 * first folder of a two-tier store that has not been listed.
 */
#include "cache/name_index_priv.h"

#define PASS_LOOKS 16 /* so many looks a binary search counts for */

/* Is it a folder that holds names? w->names: those, or NULL where none of them are known. */
static bool enter(struct name_walk *w, struct slice folder)
{
	const struct edition *e;

	if (folder.n != 3 || folder.p[2] != '/')
		return false;
	w->below = level_find(w->x, folder);
	e = w->below ? atomic_load(&w->below->edition) : NULL;
	w->names = e ? e->names : NULL;
	w->below_at = 0;
	w->whole = w->whole && (e || !w->two);
	return w->below || w->two;
}

bool name_walk_begin(struct name_walk *w, struct name_index *x, struct slice from, size_t looks)
{
	const struct edition *root = atomic_load(&x->root->edition);
	struct slice first = name_of_key(from);

	*w = (struct name_walk){.whole = true, .x = x, .looks = looks};
	if (!root)
		return false;
	w->two = atomic_load(&x->set.store->tier) == TIER_TWO;
	w->root = root->names;
	w->at = names_from(w->root, first);
	if (first.n < from.n && w->at < names_count(w->root) &&
	    slice_eq(names_at(w->root, w->at), first) && enter(w, first) && w->names)
		w->below_at = names_from(w->names, slice_from(from, first.n));
	return true;
}

/* Where it is; none: at the end. */
static struct slice here(struct name_walk *w)
{
	if (w->names && w->below_at == names_count(w->names)) {
		w->names = NULL;
		w->at++;
	}
	if (w->names)
		return names_at(w->names, w->below_at);
	return w->at < names_count(w->root) ? names_at(w->root, w->at) : SLICE_NONE;
}

bool name_walk_next(struct name_walk *w, struct listed_name *ret)
{
	for (struct slice name; (name = here(w)).n;) {
		bool below = w->names != NULL, folder;

		w->more = !w->looks;
		if (w->more)
			return false;
		w->looks--;
		folder = !below && enter(w, name);
		if (below)
			w->below_at++;
		else if (!w->names)
			w->at++;
		if (folder || name.p[name.n - 1] != '/')
			continue;
		*ret = (struct listed_name){
			.folder = below ? slice_of(w->below->folder) : SLICE_NONE,
			.name = slice_head(name, name.n - 1),
		};
		return true;
	}
	return false;
}

void name_walk_pass(struct name_walk *w, struct slice name)
{
	if (w->names)
		w->below_at = MAX(w->below_at, names_from(w->names, name));
	else if (atomic_load(&w->x->set.store->tier) == TIER_ONE)
		w->at = MAX(w->at, names_from(w->root, name));
	else
		return;
	w->looks -= MIN(w->looks, PASS_LOOKS);
}

void name_walk_where(const struct name_walk *w, struct buf *from)
{
	if (w->names)
		buf_puts(from, w->below->folder);
	buf_add(from, w->names ? names_at(w->names, w->below_at) : names_at(w->root, w->at));
}
