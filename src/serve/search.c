// SPDX-License-Identifier: MIT
/*
 * See search.h. A cursor is hex digits of
 *
 *	store ':' length of the folder ':' folder token
 */
#include "serve/search.h"

#include "base/text.h"
#include "serve/symbol_path.h"
#include "store/name_list.h"
#include "store/packing.h"

/* ---- what is typed ---- */

static bool is_glob(struct slice s)
{
	return slice_find(s, '*') < s.n || slice_find(s, '?') < s.n;
}

/* A path that leads elsewhere is none of a name. */
static bool is_name(struct slice s)
{
	return s.n && !slice_eq(s, SLICE(".")) && !slice_eq(s, SLICE("..")) && !name_is_reserved(s);
}

static const char *read_parts(struct slice text, struct search *ret)
{
	struct slice part[3] = {{0}};
	size_t n = 0;

	for (struct slice s; slice_next(&text, '/', &s);) {
		if (!s.n)
			continue;
		if (n == ARRAY_LEN(part))
			return "ask for a name, name/KEY or a GLOB of names";
		part[n++] = s;
	}
	if (!n || !is_name(part[0]) || (n > 1 && !is_name(part[1])))
		return "ask for a name, name/KEY or a GLOB of names";
	ret->name = part[0];
	ret->key = part[1];
	ret->kind = n > 1 ? SEARCH_KEY : is_glob(part[0]) ? SEARCH_NAMES : SEARCH_NAME;
	if (n > 1 && (is_glob(part[0]) || is_glob(part[1])))
		return "a GLOB is one of names: ask for these first, then for a name's keys";
	return NULL;
}

const char *search_read(struct slice typed, struct search *ret)
{
	struct slice text = slice_trim(typed);

	*ret = (struct search){.text = BUF_MAX(SEARCH_TEXT_MAX)};
	if (text.n > SEARCH_TEXT_MAX || slice_find(text, '\0') < text.n)
		return "it is longer than 1024 bytes, or has a NUL in it";
	for (size_t i = 0; i < text.n; i++)
		buf_putc(&ret->text, text.p[i]);
	for (size_t i = 0; i < ret->text.n; i++)
		if (ret->text.p[i] == '\\')
			ret->text.p[i] = '/';
	return read_parts(buf_slice(&ret->text), ret);
}

void search_fini(struct search *s)
{
	buf_fini(&s->text);
}

static struct slice add_spaced(struct slice s, struct buf *out)
{
	buf_add(out, s);
	for (size_t i = 0; i < out->n; i++)
		if (out->p[i] == '+')
			out->p[i] = ' ';
	return buf_slice(out);
}

bool search_same_name(struct slice a, struct slice b)
{
	struct buf x CLEANUP(buf_fini) = BUF_MAX(a.n + 1), y CLEANUP(buf_fini) = BUF_MAX(b.n + 1);

	return fold_equal(add_spaced(a, &x), add_spaced(b, &y));
}

static struct slice take_first(struct slice *path)
{
	struct slice first = name_of_key(*path);

	*path = slice_from(*path, first.n);
	return slice_ends(first, SLICE("/")) ? slice_head(first, first.n - 1) : first;
}

bool search_is_of(const struct search *s, struct slice folder)
{
	struct slice rest = folder, first = take_first(&rest);

	if (!slice_ends(folder, SLICE("/")))
		return false;
	if (rest.n && first.n <= 8 && search_same_name(first, name_tier_folder(s->name)) &&
	    !search_same_name(first, s->name))
		first = take_first(&rest);
	if (!search_same_name(first, s->name))
		return false;
	return !rest.n ||
	       (s->kind == SEARCH_KEY && search_same_name(take_first(&rest), s->key) && !rest.n);
}

/* ---- what is found ---- */

/* foo.pdb.gz is foo.pdb in gzip. */
static const char *form_behind(struct slice name, struct slice last)
{
	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++) {
		struct slice affix = slice_of(packing_rows[p].affix);

		if (packing_rows[p].place == PLACE_BEHIND && last.n == name.n + affix.n &&
		    fold_equal(slice_head(last, name.n), name) &&
		    slice_eq_nocase(slice_from(last, name.n), affix))
			return packing_rows[p].coding;
	}
	return NULL;
}

bool search_row_of(struct slice stored, struct search_row *ret)
{
	struct spelling s = path_end(stored);
	const char *behind;

	if (!s.name.n || !s.key.text.n || !s.last.n || segment_is_ours(s.key.text) ||
	    segment_is_ours(s.last))
		return false;
	*ret = (struct search_row){s.name, s.key.text, s.name, "other"};
	switch (s.last_is) {
	case LAST_PLAIN: ret->form = s.msfz ? "msfz" : "plain"; break;
	case LAST_TWIN: ret->form = "cabinet"; break;
	case LAST_PTR: ret->form = "pointer"; break;
	case LAST_SYM:
		ret->form = "sym";
		ret->last = s.last;
		break;
	case LAST_OTHER:
		behind = form_behind(s.name, s.last);
		if (behind)
			ret->form = behind;
		else
			ret->last = s.last;
		break;
	}
	return true;
}

/* ---- where it goes on ---- */

void search_cursor_write(const struct search_cursor *c, struct buf *out)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX / 2);

	buf_printf(&text, "%zu:%zu:", c->store, c->folder.n);
	buf_add(&text, c->folder);
	buf_add(&text, c->token);
	out->failed |= buf_failed(&text);
	for (size_t i = 0; i < text.n; i++)
		buf_printf(out, "%02x", (unsigned char)text.p[i]);
}

static bool take_number(struct slice *s, uint64_t max, size_t *ret)
{
	struct slice field;
	uint64_t v;

	if (slice_find(*s, ':') == s->n || !slice_next(s, ':', &field) ||
	    !parse_u64(field, max, &v))
		return false;
	*ret = v;
	return true;
}

bool search_cursor_read(struct slice s, struct search_cursor *ret)
{
	struct search_cursor c = {.text = BUF_MAX(SEARCH_CURSOR_MAX / 2)};
	struct slice rest;
	size_t n;

	if (s.n % 2 || s.n > SEARCH_CURSOR_MAX || !hex_only(s))
		return false;
	for (size_t i = 0; i < s.n; i += 2)
		buf_putc(&c.text, (char)(hex_digit(s.p[i]) << 4 | hex_digit(s.p[i + 1])));
	rest = buf_slice(&c.text);
	if (!take_number(&rest, 65535, &c.store) || !take_number(&rest, SEARCH_CURSOR_MAX, &n) ||
	    n > rest.n) {
		buf_fini(&c.text);
		return false;
	}
	c.folder = slice_head(rest, n);
	c.token = slice_from(rest, n);
	*ret = c;
	return true;
}

void search_cursor_fini(struct search_cursor *c)
{
	buf_fini(&c->text);
}
