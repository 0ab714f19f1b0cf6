// SPDX-License-Identifier: MIT
/*
 * Three nested loops over spelling, tier and case; see candidates.h. The text grows while keys are
 * added, so a key only becomes a slice when all are there; until then it is known by its end.
 */
#include "serve/candidates.h"
#include "base/text.h"
#include "serve/shape.h"

/* Lower-casing makes two bytes into three at worst, and a folder adds two characters. */
#define KEY_BYTES_MAX (REQUEST_KEY_MAX * 3 / 2 + 16)

/* A key as asked, in two parts so that a twin needs no copy. */
struct form {
	struct slice folder; /* to be put before the rest; n == 0 for none */
	struct slice rest;
};

struct list {
	struct candidates *to;
	size_t end[CANDIDATES_MAX];
};

static struct slice key_at(const struct list *l, size_t i)
{
	size_t start = i ? l->end[i - 1] : 0;

	return (struct slice){l->to->text.p + start, l->end[i] - start};
}

/* The bytes behind the last key become a key, unless it is there already. */
static void close_key(struct list *l)
{
	struct candidates *c = l->to;
	size_t start = c->n ? l->end[c->n - 1] : 0;
	struct slice key = slice_from(buf_slice(&c->text), start);

	for (size_t i = 0; i < c->n; i++) {
		if (slice_eq(key_at(l, i), key)) {
			c->text.n = start;
			return;
		}
	}
	l->end[c->n++] = c->text.n;
}

static void add(struct list *l, struct form f, void (*put)(struct buf *b, struct slice s))
{
	struct buf *text = &l->to->text;

	if (f.folder.n) {
		put(text, f.folder);
		buf_putc(text, '/');
	}
	put(text, f.rest);
	close_key(l);
}

static void put_lower(struct buf *b, struct slice s)
{
	fold_lower(s, b);
}

static void add_cases(struct list *l, struct form f, enum key_case key_case)
{
	if (key_case != KEY_CASE_ASKED)
		add(l, f, put_lower);
	if (key_case != KEY_CASE_LOWER)
		add(l, f, buf_add);
}

/* How many segments make a one-tier path: name/KEY/last or name/KEY/msfz0/last. */
static size_t one_tier_segments(const struct symbol_path *p)
{
	bool msfz = p->segments > 3 && slice_eq_nocase(p->segment[p->segments - 2], SLICE("msfz0"));

	return msfz ? 4 : 3;
}

/* The layouts in which to look for spelling s, in order. */
static size_t make_forms(const struct symbol_path *p, size_t s, enum key_tier tier,
			 struct form ret[static 2])
{
	struct slice key = p->spelling[s], first = symbol_path_segment(p, s, 0);
	size_t one_tier = one_tier_segments(p), n = 0;

	if (p->segments == one_tier && tier == KEY_TIER_TWO)
		ret[n++] = (struct form){shape_tier_folder(first), key};
	ret[n++] = (struct form){SLICE_NONE, key};
	if (p->segments == one_tier && tier == KEY_TIER_UNKNOWN)
		ret[n++] = (struct form){shape_tier_folder(first), key};
	if (p->segments == one_tier + 1 &&
	    slice_eq_nocase(first, shape_tier_folder(symbol_path_segment(p, s, 1))))
		ret[n++] = (struct form){SLICE_NONE, slice_from(key, first.n + 1)};
	return n;
}

bool candidates_make(const struct symbol_path *p, const struct candidate_options *o,
		     struct candidates *ret)
{
	struct list l = {.to = ret};

	*ret = (struct candidates){.text = BUF_MAX((size_t)CANDIDATES_MAX * KEY_BYTES_MAX)};
	if (p->segments == 0)
		return true;
	for (size_t s = 0; s < p->spellings; s++) {
		struct form form[2];
		size_t n = make_forms(p, s, o->tier, form);

		for (size_t i = 0; i < n; i++)
			add_cases(&l, form[i], o->key_case);
	}
	if (buf_failed(&ret->text))
		return false;
	for (size_t i = 0; i < ret->n; i++)
		ret->key[i] = key_at(&l, i);
	return true;
}

void candidates_fini(struct candidates *c)
{
	buf_fini(&c->text);
	c->n = 0;
}
