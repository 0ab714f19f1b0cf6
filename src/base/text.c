// SPDX-License-Identifier: MIT
/*
 * See text.h. fold_lower() leaves the Unicode tables to libunistring (uc_tolower: simple mapping,
 * no locale, no context) and only walks the UTF-8.
 */
#include "base/text.h"

#include <stdio.h>

#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_only(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return false;
	return s.n > 0;
}

void hex_encode(const unsigned char *p, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * n] = '\0';
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The digits without their padding; padding that is there must be right: to a multiple of four. */
static struct slice base64_digits(struct slice s)
{
	if (s.n % 4 != 0 || s.n == 0 || s.p[s.n - 1] != '=')
		return s;
	return slice_head(s, s.n - (s.p[s.n - 2] == '=' ? 2 : 1));
}

bool base64_decode(struct slice s, struct buf *out)
{
	unsigned acc = 0;
	int bits = 0;

	s = base64_digits(s);
	if (s.n % 4 == 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int d = base64_digit(s.p[i]);

		if (d < 0)
			return false;
		acc = (acc << 6 | (unsigned)d) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_putc(out, (char)(acc >> bits & 0xff));
		}
	}
	return !buf_failed(out);
}

static bool unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void percent_encode(struct slice s, const char *keep, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (unreserved(s.p[i]) || (c && strchr(keep, c)))
			buf_putc(out, s.p[i]);
		else
			buf_add(out,
				(struct slice){(char[]){'%', digits[c >> 4], digits[c & 15]}, 3});
	}
}

/* How many escapes there are in s; false when one of them is invalid. */
static bool count_escapes(struct slice s, size_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%')
			continue;
		if (s.n - i < 3 || hex_digit(s.p[i + 1]) < 0 || hex_digit(s.p[i + 2]) < 0)
			return false;
		++*ret;
		i += 2;
	}
	return true;
}

bool percent_decode(struct slice s, struct buf *out)
{
	size_t escapes, n = 0;
	char *to;

	if (!count_escapes(s, &escapes))
		return false;
	to = buf_reserve(out, s.n - 2 * escapes);
	if (!to)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			to[n++] = s.p[i];
			continue;
		}
		to[n++] = (char)((unsigned)hex_digit(s.p[i + 1]) << 4 |
				 (unsigned)hex_digit(s.p[i + 2]));
		i += 2;
	}
	out->n += n;
	return true;
}

/* The first character of s in lower case; a byte that is no UTF-8 becomes INVALID + byte. */
#define INVALID 0x110000u

static size_t fold_char(struct slice s, ucs4_t *ret)
{
	int n;

	if ((unsigned char)s.p[0] < 0x80) {
		*ret = (unsigned char)ascii_lower(s.p[0]);
		return 1;
	}
	n = u8_mbtoucr(ret, (const uint8_t *)s.p, s.n);
	*ret = n > 0 ? uc_tolower(*ret) : INVALID + (unsigned char)s.p[0];
	return n > 0 ? (size_t)n : 1;
}

/* The ASCII at the front of s, in one go: most names are nothing else. Returns its length. */
static size_t fold_ascii(struct slice s, struct buf *out)
{
	size_t n = 0;
	char *to;

	while (n < s.n && (unsigned char)s.p[n] < 0x80)
		n++;
	to = buf_reserve(out, n);
	if (!to)
		return n;
	for (size_t i = 0; i < n; i++)
		to[i] = ascii_lower(s.p[i]);
	out->n += n;
	return n;
}

void fold_lower(struct slice s, struct buf *out)
{
	for (;;) {
		uint8_t text[6];
		size_t used;
		ucs4_t c;

		s = slice_from(s, fold_ascii(s, out));
		if (s.n == 0)
			return;
		used = fold_char(s, &c);
		if (c < INVALID)
			buf_add(out, (struct slice){(const char *)text,
						    (size_t)u8_uctomb(text, c, sizeof(text))});
		else
			buf_putc(out, s.p[0]);
		s = slice_from(s, used);
	}
}

bool fold_lower_ascii(struct slice s, char *ret)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.n; i++) {
		all |= (unsigned char)s.p[i];
		ret[i] = ascii_lower(s.p[i]);
	}
	return all < 0x80;
}

struct slice fold_within(struct slice s, char *space, size_t n, struct buf *longer)
{
	*longer = BUF_MAX(4 * s.n);
	if (s.n <= n && fold_lower_ascii(s, space))
		return (struct slice){space, s.n};
	fold_lower(s, longer);
	return buf_slice(longer);
}

bool fold_equal(struct slice a, struct slice b)
{
	while (a.n && b.n) {
		ucs4_t x, y;

		a = slice_from(a, fold_char(a, &x));
		b = slice_from(b, fold_char(b, &y));
		if (x != y)
			return false;
	}
	return a.n == b.n;
}

/* Does the glob's first character stand for the name's? Both have one. */
static bool stands_for(struct slice glob, struct slice name, bool open_end)
{
	ucs4_t x, y;
	size_t n = fold_char(name, &x);

	fold_char(glob, &y);
	return x == y || glob.p[0] == '?' || (open_end && n == name.n);
}

/* The usual two-pointer walk: on a mismatch go back to the last star and let it take one more. */
bool fold_glob(struct slice name, struct slice glob, bool open_end)
{
	struct slice star = SLICE_NONE, mark = SLICE_NONE;
	ucs4_t c;

	while (name.n) {
		if (glob.n && glob.p[0] == '*') {
			star = glob = slice_from(glob, 1);
			mark = name;
			if (!star.n)
				return true;
		} else if (glob.n && stands_for(glob, name, open_end)) {
			glob = slice_from(glob, fold_char(glob, &c));
			name = slice_from(name, fold_char(name, &c));
		} else if (star.n) {
			glob = star;
			name = mark = slice_from(mark, fold_char(mark, &c));
		} else {
			return false;
		}
	}
	while (glob.n && glob.p[0] == '*')
		glob = slice_from(glob, 1);
	return !glob.n;
}

/* U+2800 is a blank of Braille, by its category a symbol. */
static bool is_unseen(ucs4_t c)
{
	const uint32_t unseen = UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z;

	if (c < 0x7f)
		return c < ' ';
	return uc_is_general_category_withtable(c, unseen) ||
	       uc_is_property_default_ignorable_code_point(c) || c == 0x2800;
}

size_t text_escape(struct slice s, char ret[static TEXT_ESCAPE_SIZE])
{
	ucs4_t c;
	int n = u8_mbtoucr(&c, (const uint8_t *)s.p, s.n);

	ret[0] = '\0';
	if (n <= 0)
		snprintf(ret, TEXT_ESCAPE_SIZE, "\\u%04x", (unsigned char)s.p[0]);
	else if (is_unseen(c) && c < 0x10000)
		snprintf(ret, TEXT_ESCAPE_SIZE, "\\u%04x", (unsigned)c);
	else if (is_unseen(c))
		snprintf(ret, TEXT_ESCAPE_SIZE, "\\u%04x\\u%04x",
			 0xd800 + (unsigned)((c - 0x10000) >> 10), 0xdc00 + (unsigned)(c & 0x3ff));
	return n > 0 ? (size_t)n : 1;
}

void text_show(struct slice s, struct buf *out)
{
	char text[TEXT_ESCAPE_SIZE];

	while (s.n) {
		size_t used = text_escape(s, text);

		buf_add(out, text[0] ? slice_of(text) : slice_head(s, used));
		s = slice_from(s, used);
	}
}

struct slice text_trim_slashes(struct slice s)
{
	while (s.n && s.p[0] == '/')
		s = slice_from(s, 1);
	while (s.n && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

void text_cut_users(struct buf *b, size_t at)
{
	const char *mark;

	while (at < b->n && (mark = memmem(b->p + at, b->n - at, "://", 3))) {
		size_t host;

		at = host = (size_t)(mark - b->p) + 3;
		for (size_t i = at; i < b->n && b->p[i] != '/'; i++)
			if (b->p[i] == '@')
				host = i + 1;
		memmove(b->p + at, b->p + host, b->n - host);
		b->n -= host - at;
	}
}

bool text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

bool text_is_field_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] > '~')
			return false;
	return true;
}

bool equal_secret(struct slice a, struct slice b)
{
	unsigned char diff = a.n != b.n;

	for (size_t i = 0; i < a.n; i++)
		diff |= (unsigned char)(a.p[i] ^ (b.n ? b.p[i % b.n] : 0));
	return diff == 0;
}
