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
/* Lower-casing makes two bytes into three at worst. */
#define KEY_BYTES_MAX ((size_t)(SYMBOL_PATH_MAX + KEY_TEXT_MAX + ADDED_MAX) * 3 / 2)

void candidate_list_begin(struct candidate_list *l, const struct candidate_options *o,
			  struct candidates *ret)
{
	*ret = (struct candidates){.text = BUF_MAX(CANDIDATES_MAX * KEY_BYTES_MAX)};
	*l = (struct candidate_list){.o = o, .to = ret, .key = BUF_MAX(KEY_BYTES_MAX)};
}

static struct slice key_at(const struct candidate_list *l, size_t i)
{
	size_t start = i ? l->end[i - 1] : 0;

	return (struct slice){l->to->text.p + start, l->end[i] - start};
}

/* The bytes behind the last key become one. */
static void close_key(struct candidate_list *l, const struct candidate *as)
{
	struct candidates *c = l->to;
	size_t start = c->n ? l->end[c->n - 1] : 0;
	struct slice key = slice_from(buf_slice(&c->text), start);
	bool superfluous = l->seen++ < l->o->first || c->next;

	for (size_t i = 0; i < c->n && !superfluous; i++)
		superfluous = slice_eq(key_at(l, i), key);
	if (!superfluous && c->n == CANDIDATES_MAX) {
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

void candidate_list_add(struct candidate_list *l, const struct candidate *as)
{
	struct slice key = buf_slice(&l->key);

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
	buf_fini(&l->key);
	return complete;
}
