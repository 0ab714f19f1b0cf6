// SPDX-License-Identifier: MIT
/*
 * The text is brought into UTF-8, its first line taken, and then it and root are walked segment by
 * segment; see pointer.h.
 */
#include "symfmt/pointer.h"
#include "base/bytes.h"
#include "base/text.h"

#include <unistr.h>

#define UNITS_MAX (POINTER_MAX / 2)

/* A unit of UTF-16 takes three bytes at most. */
struct text {
	uint8_t utf8[UNITS_MAX * 3];
};

/* SLICE_NONE for a text that is not UTF-16. */
static struct slice from_utf16(struct slice bytes, struct text *t)
{
	uint16_t units[UNITS_MAX];
	size_t n = bytes.n / 2, size = sizeof(t->utf8);

	for (size_t i = 0; i < n; i++)
		units[i] = load_le16(bytes.p + 2 * i);
	if (bytes.n % 2 || !u16_to_u8(units, n, t->utf8, &size))
		return SLICE_NONE;
	return (struct slice){(const char *)t->utf8, size};
}

static struct slice first_line(struct slice s)
{
	s = slice_head(s, slice_find(s, '\n'));
	return slice_trim(s);
}

static struct slice path_of(struct slice file, struct text *t)
{
	struct slice tag = SLICE("PATH:"), line;

	if (file.n > POINTER_MAX)
		return SLICE_NONE;
	if (slice_starts(file, SLICE("\xff\xfe")))
		file = from_utf16(slice_from(file, 2), t);
	else if (slice_starts(file, SLICE("\xef\xbb\xbf")))
		file = slice_from(file, 3);
	line = first_line(file);
	return slice_starts_nocase(line, tag) ? slice_trim(slice_from(line, tag.n)) : line;
}

static bool is_separator(char c)
{
	return c == '\\' || c == '/';
}

/* How many separators s begins with. */
static size_t leading(struct slice s)
{
	size_t n = 0;

	while (n < s.n && is_separator(s.p[n]))
		n++;
	return n;
}

/* Cut the next segment off: empty at the end. */
static struct slice next_segment(struct slice *path)
{
	struct slice s = slice_from(*path, leading(*path));
	size_t n = 0;

	while (n < s.n && !is_separator(s.p[n]))
		n++;
	*path = slice_from(s, n);
	return slice_head(s, n);
}

/* Take root off the front of the path. */
static bool enter(struct slice root, struct slice *path)
{
	bool is_named = false;

	if (leading(root) != leading(*path))
		return false;
	for (struct slice s = next_segment(&root); s.n; s = next_segment(&root)) {
		if (!fold_equal(s, next_segment(path)))
			return false;
		is_named = true;
	}
	return is_named;
}

static bool is_segment_good(struct slice segment)
{
	for (size_t i = 0; i < segment.n; i++)
		if ((unsigned char)segment.p[i] < ' ' || segment.p[i] == 0x7f)
			return false;
	return !slice_eq(segment, SLICE(".."));
}

/* Is it the path of a file, and of none above where it begins? */
static bool is_path_good(struct slice path)
{
	size_t files = 0;

	for (struct slice s = next_segment(&path); s.n; s = next_segment(&path)) {
		if (!is_segment_good(s))
			return false;
		files += !slice_eq(s, SLICE("."));
	}
	return files > 0;
}

static void add_path(struct slice path, struct buf *out)
{
	const char *separator = "";

	for (struct slice s = next_segment(&path); s.n; s = next_segment(&path)) {
		if (slice_eq(s, SLICE(".")))
			continue;
		buf_puts(out, separator);
		buf_add(out, s);
		separator = "/";
	}
}

bool pointer_target(struct slice file, struct slice root, struct buf *out)
{
	struct text text;
	struct slice path = path_of(file, &text);

	if (!enter(root, &path) || !is_path_good(path))
		return false;
	add_path(path, out);
	return true;
}
