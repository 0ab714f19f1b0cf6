// SPDX-License-Identifier: MIT
/*
 * Names that match a GLOB, for api_search.h: by the indexes of names, which are looked through in the order of their
 * bytes from where the answer before has ended until this one is full. So many names in one turn of the loop, fewer
 * where they are work to match, whatever the index has.
 */
#include "serve/api_search.h"
#include "serve/resolve.h"

#define NAMES_A_TURN 4096
#define BARRED_LOOKS 64 /* that it takes to find out that nobody is given what lies below a name */

bool search_names_of(struct api_search *a, size_t place)
{
	struct store *s = a->stores->store[place];
	struct part *part = &a->part[place];

	search_names_init(&part->names, a->search.name,
			  a->from.store == place ? a->from.folder : SLICE_NONE, a->wanted);
	part->walks = !s->traits.local && s->index;
	if (s->traits.local)
		return true;
	if (!s->index)
		part->lacks = "its names are not listed: give it the store option index=on";
	else if (a->from.store == place)
		buf_add(&a->walk_at, a->from.folder);
	return false;
}

bool search_take_name(struct api_search *a, size_t place, struct slice folder, struct slice name)
{
	struct search_names *m = &a->part[place].names;

	if (!search_names_match(m, name))
		return true;
	if (!resolve_takes_below(a->stores->store[place], name))
		return false;
	search_names_add(m, folder, name);
	return true;
}

/* Begins as no name does that matches: on to one that may. */
static void pass(const struct search_names *m, struct slice name, struct name_walk *w)
{
	struct buf to CLEANUP(buf_fini) = BUF_MAX(4096);

	if (search_names_pass(m, name, &to) && !buf_failed(&to))
		name_walk_pass(w, buf_slice(&to));
}

/* False: there is no more to be looked at. */
static bool walk_store(struct api_search *a, size_t place)
{
	struct part *part = &a->part[place];
	struct listed_name name;
	struct name_walk w;

	if (!cache_walk_names(a->cache, a->stores->store[place], buf_slice(&a->walk_at),
			      NAMES_A_TURN, &w)) {
		part->lacks = "its names are not known (yet): ask again, or see INDEX_NAMES_MAX";
		buf_clear(&a->walk_at); /* the next store begins at its beginning */
		return false;
	}
	while (!part->names.more && name_walk_next(&w, &name)) {
		if (!search_take_name(a, place, name.folder, name.name))
			w.looks -= MIN(w.looks, BARRED_LOOKS);
		w.looks -= MIN(w.looks, search_names_looks(&part->names));
		pass(&part->names, name.name, &w);
	}
	if (!w.whole)
		part->lacks = "of its two tiers only folders that were asked for often are known";
	buf_clear(&a->walk_at);
	if (w.more)
		name_walk_where(&w, &a->walk_at);
	return w.more && !buf_failed(&a->walk_at);
}

bool search_walk(struct api_search *a)
{
	while (a->walked < a->stores->n && !a->part[a->walked].walks)
		a->walked++;
	if (a->walked < a->stores->n && !walk_store(a, a->walked))
		a->part[a->walked].walks = false;
	return a->walked < a->stores->n;
}

void search_names_late(struct api_search *a)
{
	for (size_t i = a->at; i < a->targets; i++)
		a->part[a->target[i].place].walks = true;
	for (size_t i = 0; i < a->stores->n; i++)
		if (a->part[i].walks)
			a->part[i].lacks =
				"time was over before all its names were looked at: ask for less";
}

static void tell_name(const struct store *s, struct slice folder, struct buf *out)
{
	size_t slash = slice_find(folder, '/');
	struct slice name = search_bare(slash + 1 < folder.n ? slice_from(folder, slash + 1)
							     : folder);

	buf_puts(out, "\n{\"name\":");
	api_string(name, out);
	buf_puts(out, ",\"key\":null,\"path\":null");
	search_tell_href(name, out);
	buf_puts(out, ",\"store\":");
	api_string(slice_of(s->traits.name), out);
	buf_puts(out, ",\"stored\":");
	api_string(folder, out);
	buf_puts(out, ",\"form\":null,\"size\":null,\"date\":null,\"transaction\":null}");
}

/* Store by store; the cursor is the last that is told. */
void search_tell_names(const struct api_search *a, struct search_cursor *next, bool *more,
		       struct buf *out)
{
	size_t told = 0;

	for (size_t i = a->from.store; i < a->stores->n && !*more; i++) {
		const struct search_names *m = &a->part[i].names;

		for (size_t k = 0; k < m->n && told < a->wanted; k++) {
			buf_puts(out, told++ ? "," : "");
			tell_name(a->stores->store[i], slice_of(m->folder[k]), out);
			*next = (struct search_cursor){i, slice_of(m->folder[k]), SLICE_NONE};
			*more = told == a->wanted && (m->more || k + 1 < m->n);
		}
		for (size_t later = i + 1; later < a->stores->n && told == a->wanted; later++)
			*more |= a->part[later].names.n > 0;
	}
}
