// SPDX-License-Identifier: MIT
/*
 * Heads and bodies of requests. The first byte says where the input is split: what is read must not
 * depend on that. What is taken for a head must be what head.h promises, and what is behind it is its
 * body.
 */
#include "http/body.h"
#include "http/head.h"

#define MAX_HEAD 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In blocks of their own, so that no byte beyond is looked at unseen. */
static enum http_head_state read_split(struct http_head *h, struct slice all, size_t split,
				       char **ret)
{
	enum http_head_state state;
	char *first = malloc(split ? split : 1);

	ASSERT(first);
	*h = (struct http_head){0};
	memcpy(first, all.p, split);
	state = http_head_read(h, first, split, MAX_HEAD);
	*ret = malloc(all.n ? all.n : 1);
	ASSERT(*ret);
	memcpy(*ret, first, split);
	memcpy(*ret + split, all.p + split, all.n - split);
	free(first);
	return state == HTTP_HEAD_MORE ? http_head_read(h, *ret, all.n, MAX_HEAD) : state;
}

static bool same(const struct http_head *a, const struct http_head *b)
{
	return a->size == b->size && a->target == b->target && a->target_n == b->target_n &&
	       a->method_n == b->method_n && a->length == b->length && a->chunked == b->chunked &&
	       a->has_length == b->has_length && http_head_keeps(a) == http_head_keeps(b);
}

static void check_head(const struct http_head *h, const char *p, size_t n)
{
	struct http_field f;
	size_t lengths = 0, codings = 0;

	ASSERT(h->size <= n && h->size <= MAX_HEAD && h->method_n && h->target_n);
	ASSERT(h->target + h->target_n < h->size && !memchr(p + h->target, '\n', h->target_n));
	for (size_t at = 0; http_head_next(h, p, &at, &f);) {
		ASSERT(at <= h->size && f.name.n && f.value.p[f.value.n] == '\0');
		ASSERT(!memchr(f.name.p, ' ', f.name.n) && !memchr(f.value.p, '\n', f.value.n));
		lengths += slice_eq_nocase(f.name, SLICE("Content-Length"));
		codings += slice_eq_nocase(f.name, SLICE("Transfer-Encoding"));
	}
	ASSERT((lengths > 0) == h->has_length && codings == h->has_coding);
	ASSERT(!(lengths && codings) && (!codings || h->chunked));
}

/* All of the body, in steps: how much data there is, and how much is behind it. */
static size_t read_body(const struct http_head *h, struct slice rest, size_t step,
			enum http_body_state *ret, size_t *ret_behind)
{
	struct http_body b = http_body_of(h, 1000);
	struct slice in = SLICE_NONE, piece;
	size_t n = 0;

	for (;;) {
		while ((*ret = http_body_take(&b, &in, &piece)) == HTTP_BODY_DATA) {
			ASSERT(piece.n);
			n += piece.n;
		}
		*ret_behind = in.n + rest.n;
		if (*ret != HTTP_BODY_MORE || !rest.n)
			break;
		ASSERT(!in.n);
		in = slice_head(rest, step);
		rest = slice_from(rest, step);
	}
	ASSERT(n <= 1000);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = slice_from((struct slice){(const char *)data, size}, 1);
	enum http_head_state whole, split;
	enum http_body_state at_once, in_steps;
	struct http_head a, b;
	size_t n, m, behind_n, behind_m;
	char *p, *q;

	if (size < 2)
		return 0;
	whole = read_split(&a, all, 0, &p);
	split = read_split(&b, all, data[0] % (all.n + 1), &q);
	ASSERT(whole == split || whole == HTTP_HEAD_BAD || split == HTTP_HEAD_BAD);
	ASSERT(whole == split && (whole != HTTP_HEAD_DONE || same(&a, &b)));
	if (whole == HTTP_HEAD_DONE) {
		check_head(&a, p, all.n);
		check_head(&b, q, all.n);
		n = read_body(&a, slice_from(all, a.size), SIZE_MAX, &at_once, &behind_n);
		m = read_body(&a, slice_from(all, a.size), (size_t)data[0] + 1, &in_steps,
			      &behind_m);
		ASSERT(at_once == in_steps &&
		       (at_once == HTTP_BODY_BAD || (n == m && behind_n == behind_m)));
	}
	free(p);
	free(q);
	return 0;
}
