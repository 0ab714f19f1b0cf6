// SPDX-License-Identifier: MIT
/*
 * The steps of request.h in their order, on one buffer that is allocated once at its full size,
 * so that slices into it stay put:
 *
 *	decoded target (then, in place, the joined key at the first segment's place) | spellings
 *
 * A raw '+' has to be told from an escaped one until the spellings are made. Control bytes cannot
 * occur in a decoded path, so one of them, RAW_PLUS, stands for it on the way.
 */
#include "serve/request.h"
#include "base/text.h"
#include "store/name_list.h"

#define RAW_PLUS '\x01'
/* The most segments that base path and token may take. */
#define PREFIX_MAX 16
#define ROOM       (REQUEST_TARGET_MAX + SYMBOL_PATH_SPELLINGS_MAX * SYMBOL_PATH_MAX)

struct cuts {
	size_t first, n; /* the path is seg[first] to seg[n - 1] */
	struct slice seg[SYMBOL_PATH_SEGMENTS_MAX + PREFIX_MAX];
};

/* What each spelling makes of the three bytes; the order is part of the contract. */
static const struct reading {
	char raw_plus, plus, space;
} readings[SYMBOL_PATH_SPELLINGS_MAX] = {
	{'+', '+', ' '},
	{' ', '+', ' '},
	{' ', ' ', ' '},
	{'+', '+', '+'},
};

static bool path_of_target(struct slice target, struct slice *ret)
{
	target = slice_head(target, slice_find(target, '?'));
	if (slice_starts_nocase(target, SLICE("http://")))
		target = slice_from(target, 7);
	else if (slice_starts_nocase(target, SLICE("https://")))
		target = slice_from(target, 8);
	else if (!slice_starts(target, SLICE("/")))
		return false;
	*ret = slice_from(target, slice_find(target, '/'));
	return ret->n <= REQUEST_TARGET_MAX;
}

static bool has_control(struct slice s)
{
	bool found = false;

	for (size_t i = 0; i < s.n; i++)
		found |= ((unsigned char)s.p[i] < 0x20) | (s.p[i] == 0x7f);
	return found;
}

/* Append the bytes that the escapes stand for; most paths have none. */
static bool unescape(struct slice piece, struct buf *text)
{
	if (slice_find(piece, '%') < piece.n)
		return percent_decode(piece, text);
	buf_add(text, piece);
	return true;
}

static bool decode(struct slice raw, struct buf *text)
{
	struct slice piece;

	while (slice_next(&raw, '+', &piece)) {
		size_t at = text->n;

		if (!unescape(piece, text) || has_control(slice_from(buf_slice(text), at)))
			return false;
		if (raw.p)
			buf_putc(text, RAW_PLUS);
	}
	return true;
}

static bool cut(struct slice path, char sep, struct cuts *ret)
{
	struct slice field;

	ret->first = ret->n = 0;
	while (slice_next(&path, sep, &field)) {
		if (field.n == 0)
			continue;
		if (ret->n == ARRAY_LEN(ret->seg))
			return false;
		ret->seg[ret->n++] = field;
	}
	return true;
}

/* A path that knows no slash but backslashes is one of foo.pdb\KEY\foo.pdb. */
static bool cut_backslashes(struct cuts *c)
{
	struct slice only;

	if (c->n - c->first != 1)
		return true;
	only = c->seg[c->first];
	if (slice_find(only, '\\') == only.n)
		return true;
	/* Backslashes and nothing else: an empty name, not the root. */
	return cut(only, '\\', c) && c->n > 0;
}

/* Write s to `to`, which may be its own place. */
static void spell(struct slice s, const struct reading *r, char *to)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case RAW_PLUS: to[i] = r->raw_plus; break;
		case '+': to[i] = r->plus; break;
		case ' ': to[i] = r->space; break;
		default: to[i] = s.p[i];
		}
	}
}

/* A slice of the text, to be changed in place. */
static char *place(struct symbol_path *p, struct slice s)
{
	return p->text.p + (s.p - p->text.p);
}

static bool strip_base(struct symbol_path *p, struct cuts *c, struct slice base)
{
	struct slice want;
	size_t i = c->first;

	while (slice_next(&base, '/', &want)) {
		if (want.n == 0)
			continue;
		if (i == c->n)
			return false;
		spell(c->seg[i], &readings[0], place(p, c->seg[i]));
		if (!fold_equal(c->seg[i], want))
			return false;
		i++;
	}
	c->first = i;
	return true;
}

static struct slice strip_token(struct cuts *c)
{
	const struct slice *seg = c->seg + c->first;

	if (c->n - c->first < 2 || !slice_eq_nocase(seg[0], SLICE("t")) || !hex_only(seg[1]))
		return SLICE_NONE;
	c->first += 2;
	return seg[1];
}

/* False when the path lies outside the base path; then nothing is taken off. */
static bool strip(struct symbol_path *p, struct cuts *c, const struct request_rules *rules)
{
	struct cuts was = *c;
	bool inside = strip_base(p, c, rules->base_path);

	if (rules->path_token)
		p->token = strip_token(c);
	if (inside || strip_base(p, c, rules->base_path))
		return true;
	*c = was;
	p->token = SLICE_NONE;
	return false;
}

/* The name at the end of a Windows path. */
static struct slice windows_name(struct slice s)
{
	size_t at;

	if (slice_find(s, '\\') == s.n)
		return s;
	while (s.n && s.p[s.n - 1] == '\\')
		s.n--;
	at = slice_rfind(s, '\\');
	if (at < s.n)
		s = slice_from(s, at + 1);
	if (s.n >= 2 && s.p[1] == ':' && ascii_lower(s.p[0]) >= 'a' && ascii_lower(s.p[0]) <= 'z')
		s = slice_from(s, 2);
	return s;
}

/*
 * Move the segments together, a slash between them; a segment only ever moves to the left.
 * Leaves the key in spelling[0].path, its raw pluses still marked.
 */
static bool join(struct symbol_path *p, const struct cuts *c)
{
	char *to;
	size_t n = 0;

	p->segments = c->n - c->first;
	if (p->segments == 0)
		return true;
	if (p->segments > SYMBOL_PATH_SEGMENTS_MAX)
		return false;
	to = place(p, c->seg[c->first]);
	for (size_t i = 0; i < p->segments; i++) {
		struct slice s = windows_name(c->seg[c->first + i]);

		if (s.n == 0 || slice_eq(s, SLICE(".")) || slice_eq(s, SLICE("..")) ||
		    segment_is_ours(s))
			return false;
		if (i > 0)
			to[n++] = '/';
		memmove(to + n, s.p, s.n);
		p->segment[i] = (struct slice){to + n, s.n};
		n += s.n;
	}
	p->spelling[0].path = (struct slice){to, n};
	return n <= SYMBOL_PATH_MAX;
}

static bool is_new_spelling(const struct symbol_path *p, struct slice s)
{
	for (size_t i = 0; i < p->spellings; i++)
		if (slice_eq(p->spelling[i].path, s))
			return false;
	return true;
}

static void make_spellings(struct symbol_path *p)
{
	struct slice marked = p->spelling[0].path;
	size_t in_key = 0;

	p->spellings = 1;
	if (slice_find(marked, RAW_PLUS) == marked.n && slice_find(marked, '+') == marked.n &&
	    slice_find(marked, ' ') == marked.n)
		return;
	p->spellings = 0;
	for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
		struct slice s = {p->text.p + p->text.n, marked.n};

		spell(marked, &readings[i], p->text.p + p->text.n);
		if (!is_new_spelling(p, s))
			continue;
		p->spelling[p->spellings++].path = s;
		p->text.n += s.n;
	}
	for (size_t i = 0; i < p->segments; i++) {
		p->segment[i].p = p->spelling[0].path.p + in_key;
		in_key += p->segment[i].n + 1;
	}
}

enum request_verdict request_clean(struct slice target, const struct request_rules *rules,
				   struct symbol_path *ret)
{
	struct slice raw;
	struct cuts c;
	bool inside;

	*ret = (struct symbol_path){.text = BUF_MAX(ROOM)};
	if (!path_of_target(target, &raw))
		return REQUEST_BAD;
	if (!buf_reserve(&ret->text,
			 raw.n + SYMBOL_PATH_SPELLINGS_MAX * MIN(raw.n, SYMBOL_PATH_MAX)))
		return REQUEST_NOMEM;
	if (!decode(raw, &ret->text) || !cut(buf_slice(&ret->text), '/', &c) ||
	    !cut_backslashes(&c))
		return REQUEST_BAD;
	inside = strip(ret, &c, rules);
	if (!cut_backslashes(&c) || !join(ret, &c))
		return REQUEST_BAD;
	make_spellings(ret);
	symbol_path_read(ret);
	return inside ? REQUEST_CLEAN : REQUEST_OUTSIDE;
}
