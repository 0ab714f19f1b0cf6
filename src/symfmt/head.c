// SPDX-License-Identifier: MIT
/* One bounds check, in reach(), and everything else on top of it; see head.h. */
#include "symfmt/head.h"

struct head head_of(struct slice bytes, uint64_t file_size)
{
	return (struct head){.bytes = slice_head(bytes, (size_t)MIN(file_size, bytes.n)),
			     .file_size = file_size};
}

enum parse head_state(const struct head *h)
{
	if (h->corrupt)
		return PARSE_CORRUPT;
	return h->need ? PARSE_MORE : PARSE_OK;
}

/* Are the n bytes at at there? Remembers why not. */
static bool reach(struct head *h, uint64_t at, uint64_t n)
{
	uint64_t end;

	if (head_state(h) != PARSE_OK)
		return false;
	if (__builtin_add_overflow(at, n, &end) || end > h->file_size)
		h->corrupt = true;
	else if (end > h->bytes.n)
		h->need = end;
	return head_state(h) == PARSE_OK;
}

struct slice head_bytes(struct head *h, uint64_t at, uint64_t n)
{
	if (!reach(h, at, n))
		return SLICE_NONE;
	return slice_head(slice_from(h->bytes, (size_t)at), (size_t)n);
}

bool head_starts(struct head *h, struct slice magic)
{
	return slice_eq(head_bytes(h, 0, magic.n), magic);
}

enum parse head_other(const struct head *h)
{
	return head_state(h) == PARSE_MORE ? PARSE_MORE : PARSE_OTHER;
}

/* An integer of n bytes, 8 at most. */
static uint64_t integer(struct head *h, uint64_t at, size_t n)
{
	struct slice s = head_bytes(h, at, n);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | (unsigned char)s.p[h->big_endian ? i : s.n - 1 - i];
	return v;
}

uint16_t head_u16(struct head *h, uint64_t at)
{
	return (uint16_t)integer(h, at, 2);
}

uint32_t head_u32(struct head *h, uint64_t at)
{
	return (uint32_t)integer(h, at, 4);
}

uint64_t head_u64(struct head *h, uint64_t at)
{
	return integer(h, at, 8);
}

struct slice head_text(struct head *h, uint64_t at, char stop, size_t max)
{
	size_t there = at < h->bytes.n ? h->bytes.n - (size_t)at : 0;
	struct slice s = {there ? h->bytes.p + at : NULL, MIN(there, max + 1)};
	size_t n = slice_find(s, stop);

	if (n > max)
		h->corrupt = true;
	else if (n == s.n && (stop != '\n' || at + n != h->file_size))
		(void)reach(h, at, n + 1);
	return head_state(h) == PARSE_OK ? slice_head(s, n) : SLICE_NONE;
}
