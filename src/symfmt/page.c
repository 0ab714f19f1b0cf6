// SPDX-License-Identifier: MIT
/*
 * See page.h. White space and a byte order mark may stand before a page, before nothing else.
 * UTF-16 is known by its mark, and read as the ASCII in it.
 */
#include "symfmt/page.h"
#include "base/text.h"

#define CHUNK_DIGITS_MAX 8

/* The beginning, of UTF-16 one byte for each unit: to is PAGE_HEAD bytes. */
static struct slice as_ascii(struct slice s, char *to)
{
	bool little = slice_starts(s, SLICE("\xff\xfe")), big = slice_starts(s, SLICE("\xfe\xff"));
	size_t n = 0;

	s = slice_head(s, PAGE_HEAD);
	if (!little && !big)
		return s;
	for (size_t i = 2; i + 1 < s.n; i += 2)
		to[n++] = s.p[little ? i + 1 : i] ? '\x80' : s.p[little ? i : i + 1];
	return (struct slice){to, n};
}

static bool is_one_of(char c, struct slice set)
{
	return slice_find(set, c) < set.n;
}

static struct slice without_blanks(struct slice s)
{
	if (slice_starts(s, SLICE("\xef\xbb\xbf")))
		s = slice_from(s, 3);
	while (s.n && is_one_of(s.p[0], SLICE(" \t\r\n\f")))
		s = slice_from(s, 1);
	return s;
}

/* A tag ends with its name: "<htmlx" is none. */
static bool starts_tag(struct slice s, const char *tag)
{
	struct slice name = slice_of(tag);

	return slice_starts_nocase(s, name) && s.n > name.n &&
	       is_one_of(s.p[name.n], SLICE(" \t\r\n\f/>"));
}

static bool is_html(struct slice s)
{
	static const char *const tags[] = {
		"<!doctype", "<html", "<head", "<title", "<body", "<meta",   "<script", "<style",
		"<iframe",   "<h1",   "<div",  "<table", "<font", "<center", "<p",      "<a",
	};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (starts_tag(s, tags[i]))
			return true;
	return slice_starts(s, SLICE("<!--")); /* an XML document would have said so */
}

/* "10000;chunk-signature=..." where chunks are signed, "10000" and a line break where not. */
static bool is_chunk(struct slice s)
{
	size_t digits = 0;

	while (digits < s.n && hex_digit(s.p[digits]) >= 0)
		digits++;
	s = slice_from(s, digits);
	return digits && digits <= CHUNK_DIGITS_MAX &&
	       (slice_starts(s, SLICE("\r\n")) || slice_starts(s, SLICE(";chunk-signature=")));
}

const char *page_name(struct slice beginning)
{
	char ascii[PAGE_HEAD];
	struct slice s = without_blanks(as_ascii(beginning, ascii));

	if (is_html(s))
		return "an HTML page";
	if (slice_starts_nocase(s, SLICE("<?xml")))
		return "an XML document";
	if (slice_starts(s, SLICE("version https://git-lfs.github.com/spec/")))
		return "a Git LFS pointer";
	return is_chunk(slice_head(beginning, PAGE_HEAD)) ? "the framing of an upload (aws-chunked)"
							  : NULL;
}

bool page_is_text(struct slice beginning)
{
	char ascii[PAGE_HEAD];
	struct slice s = as_ascii(beginning, ascii);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c < ' ' && !is_one_of(s.p[i], SLICE("\t\r\n\f"))) || c == 0x7f)
			return false;
	}
	return s.n > 0;
}
