// SPDX-License-Identifier: MIT
/*
 * See candidate_list.h. The text moves while keys are added, so a key only becomes a slice when all
 * are there; until then it is known by its end.
 */
#include "serve/candidate_list.h"
#include "base/text.h"
#include "symfmt/key.h"

/*
 * Room for the parts that are put before, into and behind a path that was asked for: a folder,
 * msfz0, ".zst".
 */
#define ADDED_MAX 32
/* In another case one byte is three at worst, the Kelvin sign. */
#define KEY_BYTES_MAX ((size_t)(SYMBOL_PATH_MAX + KEY_TEXT_MAX + ADDED_MAX) * 3)

void candidate_list_begin(struct candidate_list *l, const struct candidate_options *o,
			  struct candidates *ret)
{
	*ret = (struct candidates){
		.text = BUF_MAX((CANDIDATES_MAX + CANDIDATES_ADDED_MAX + CANDIDATE_STARTS_MAX + 1) *
				KEY_BYTES_MAX)};
	*l = (struct candidate_list){.o = o, .to = ret, .key = BUF_MAX(KEY_BYTES_MAX)};
}

static struct slice key_at(const struct candidate_list *l, size_t i)
{
	size_t start = i ? l->end[i - 1] : 0;

	return (struct slice){l->to->text.p + start, l->end[i] - start};
}

/* A candidate turns out to be one under a name that the store has. */
static void describe(const struct candidate_list *l, struct candidate *c,
		     const struct candidate *as)
{
	c->casings |= as->casings;
	if (c->name_n)
		return;
	c->folder_n = as->folder_n;
	c->name_n = as->name_n;
	c->name = as->name;
	c->packing = as->packing;
	c->rank = l->o->names_first ? as->rank : c->rank;
}

/* The bytes behind the last key become one. */
static void close_key(struct candidate_list *l, const struct candidate *as)
{
	struct candidates *c = l->to;
	size_t start = c->n ? l->end[c->n - 1] : 0;
	struct slice key = slice_from(buf_slice(&c->text), start);
	bool superfluous = l->seen++ < l->o->first || c->next;

	for (size_t i = 0; i < c->n && !superfluous; i++) {
		superfluous = slice_eq(key_at(l, i), key);
		if (superfluous && as->name_n)
			describe(l, &c->list[i], as);
	}
	if (!superfluous && as->added) {
		superfluous = l->added == CANDIDATES_ADDED_MAX;
		l->added += !superfluous;
	} else if (!superfluous && c->n - l->added == CANDIDATES_MAX) {
		c->next = l->seen - 1;
		superfluous = true;
	}
	if (superfluous) {
		c->text.n = start;
		return;
	}
	l->end[c->n] = c->text.n;
	c->list[c->n] = *as;
	c->list[c->n++].late = l->late;
}

void candidate_list_add_listed(struct candidate_list *l, const struct candidate *as)
{
	struct candidate listed = *as;

	listed.rank = (uint8_t)(l->rank + as->name + !l->o->names_first);
	l->listed = true;
	if (l->key.n <= SYMBOL_PATH_MAX) { /* no store has longer ones */
		buf_add(&l->to->text, buf_slice(&l->key));
		close_key(l, &listed);
	}
	l->key.n = 0;
}

bool candidate_list_is_mixed(struct slice name)
{
	struct buf longer CLEANUP(buf_fini) = {0};
	char space[256];

	return !slice_eq(fold_within(name, space, sizeof(space), &longer), name);
}

void candidate_list_add_start(struct candidate_list *l)
{
	struct candidates *c = l->to;
	size_t from = c->text.n;

	buf_add(&c->text, buf_slice(&l->key));
	l->key.n = 0;
	if (c->starts) {
		size_t before = c->starts > 1 ? l->start_end[c->starts - 2] : l->end[c->n - 1];

		if (slice_eq((struct slice){c->text.p + before, from - before},
			     slice_from(buf_slice(&c->text), from)))
			c->text.n = from;
	}
	c->starts_cut |= c->starts == CANDIDATE_STARTS_MAX && c->text.n > from;
	if (c->n && c->starts < CANDIDATE_STARTS_MAX && c->text.n > from)
		l->start_end[c->starts++] = c->text.n;
	else
		c->text.n = from;
}

/* ---- the order ---- */

/* Never another key, since what lies under the key that was asked for goes before. */
static bool lies_so(const struct candidate *c, uint8_t learnt)
{
	return learnt && !c->alias && candidate_lies(c, learnt) == learnt;
}

/*
 * By rank; and of those under one name that the store has, where its files are known to lie first. Few are out
 * of place.
 */
static void sort(struct candidate_list *l)
{
	struct candidates *c = l->to;

	for (size_t i = 1; i < c->n; i++) {
		struct candidate x = c->list[i];
		size_t at = i;

		while (at > 0 && c->list[at - 1].rank > x.rank)
			at--;
		memmove(&c->list[at + 1], &c->list[at], (i - at) * sizeof(x));
		c->list[at] = x;
	}
	/* Behind the first name's there may be aliases for other clients. */
	for (size_t i = 1; i < c->n; i++)
		c->list[i].late |= c->list[i].rank > c->list[0].rank;
	for (size_t i = 1; i < c->n; i++) {
		struct candidate x = c->list[i];
		const struct listed_name *name = &l->o->names[x.name];
		size_t at = i;

		if (!x.name_n || !(l->o->names_first || x.added) ||
		    !lies_so(&x, name->learnt ? name->learnt : l->o->learnt))
			continue;
		while (at > 0 && c->list[at - 1].rank == x.rank)
			at--;
		memmove(&c->list[at + 1], &c->list[at], (i - at) * sizeof(x));
		c->list[at] = x;
	}
}

void candidate_list_add(struct candidate_list *l, const struct candidate *template)
{
	struct slice key = buf_slice(&l->key);
	struct candidate other = *template;
	const struct candidate *as = &other;

	other.rank = (uint8_t)(l->rank + (l->o->names_first ? NAMES_ALIKE_MAX : 0));

	if (l->o->key_case != CASE_ASKED) {
		fold_lower(key, &l->to->text);
		close_key(l, as);
	}
	if (l->o->key_case != CASE_LOWER) {
		buf_add(&l->to->text, key);
		close_key(l, as);
	}
	l->key.n = 0;
}

bool candidate_list_end(struct candidate_list *l)
{
	struct candidates *c = l->to;
	bool complete = !buf_failed(&l->key) && !buf_failed(&c->text);

	if (!complete)
		c->n = 0;
	for (size_t i = 0; i < c->n; i++)
		c->list[i].key = key_at(l, i);
	for (size_t i = 0, from = c->n ? l->end[c->n - 1] : 0; i < c->starts; i++) {
		c->start[i] = (struct slice){c->text.p + from, l->start_end[i] - from};
		from = l->start_end[i];
	}
	if (c->starts)
		c->in_vain = slice_from(buf_slice(&c->text), l->start_end[c->starts - 1]);
	if (l->listed)
		sort(l);
	buf_fini(&l->key);
	return complete;
}
