// SPDX-License-Identifier: MIT
/* One bounds check, in lies_in_file(), and everything else on top of it; see head.h. */
#include "symfmt/head.h"

struct head head_of(struct slice bytes, uint64_t file_size)
{
	return (struct head){.bytes = slice_head(bytes, (size_t)MIN(file_size, bytes.n)),
			     .file_size = file_size};
}

struct head head_of_file(const struct source *source, struct head_file *f)
{
	size_t n = (size_t)MIN((int64_t)sizeof(f->first), source->size);
	struct head h;

	f->source = source;
	f->windows_left = HEAD_WINDOWS_MAX;
	f->used = 0;
	for (size_t i = 0; i < ARRAY_LEN(f->window); i++)
		f->window[i].at = f->window[i].n = 0;
	if (source_read(source, 0, f->first, n, NULL))
		n = f->windows_left = 0;
	h = head_of((struct slice){f->first, n}, (uint64_t)source->size);
	h.file = f;
	return h;
}

enum parse head_state(const struct head *h)
{
	if (h->corrupt)
		return PARSE_CORRUPT;
	return h->need ? PARSE_MORE : PARSE_OK;
}

/* Remembers when not. */
static bool lies_in_file(struct head *h, uint64_t at, uint64_t n)
{
	uint64_t end;

	if (head_state(h) != PARSE_OK)
		return false;
	h->corrupt = __builtin_add_overflow(at, n, &end) || end > h->file_size;
	return !h->corrupt;
}

/* Are the n bytes at at there? Remembers why not. */
static bool reach(struct head *h, uint64_t at, uint64_t n)
{
	if (lies_in_file(h, at, n) && at + n > h->bytes.n)
		h->need = at + n;
	return head_state(h) == PARSE_OK;
}

/* In place of the one that was not used last. A window that could not be read is the last one. */
static bool load_window(struct head_file *f, uint64_t at)
{
	struct head_window *w = &f->window[!f->used];
	size_t n = (size_t)MIN(sizeof(w->bytes), (uint64_t)f->source->size - at);

	if (f->windows_left == 0)
		return false;
	w->n = 0;
	if (source_read(f->source, at, w->bytes, n, NULL)) {
		f->windows_left = 0;
		return false;
	}
	f->windows_left--;
	f->used = !f->used;
	w->n = n;
	w->at = at;
	return true;
}

/* The same bytes by way of a window; they lie in the file. SLICE_NONE when that cannot be. */
static struct slice look_through(struct head_file *f, uint64_t at, uint64_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(f->window); i++)
		if (at >= f->window[i].at && at + n <= f->window[i].at + f->window[i].n) {
			f->used = i;
			return (struct slice){f->window[i].bytes + (at - f->window[i].at),
					      (size_t)n};
		}
	if (n > HEAD_WINDOW || !load_window(f, at))
		return SLICE_NONE;
	return (struct slice){f->window[f->used].bytes, (size_t)n};
}

struct slice head_bytes(struct head *h, uint64_t at, uint64_t n)
{
	struct slice seen = SLICE_NONE;

	if (h->file && lies_in_file(h, at, n) && at + n > h->bytes.n)
		seen = look_through(h->file, at, n);
	if (seen.p || !reach(h, at, n))
		return seen;
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
