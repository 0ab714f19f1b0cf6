// SPDX-License-Identifier: MIT
/*
 * A growing byte buffer that cannot be made without a ceiling. The failure is sticky: after an
 * append that would pass the ceiling (or finds no memory) the buffer stays as it was, further
 * appends do nothing, and buf_failed() says so once at the end. Not thread safe.
 *
 *	struct buf b CLEANUP(buf_fini) = BUF_MAX(4096);
 *	buf_puts(&b, "GET ");
 *	buf_add(&b, path);
 *	if (buf_failed(&b))
 *		return err_set(e, ERR_LIMIT, "path too long");
 */
#pragma once
#include "base/slice.h"

struct buf {
	char *p; /* NUL-terminated whenever it is not NULL */
	size_t n;
	size_t cap;
	size_t max; /* ceiling of n */
	bool failed;
};

#define BUF_MAX(limit) ((struct buf){.max = (limit)})

void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* empty and not failed; keeps the memory */
void buf_add(struct buf *b, struct slice s);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Room for n more bytes: the caller writes them and adds n to b->n. NULL on failure. */
char *buf_reserve(struct buf *b, size_t n);
/* The content as a C string; "" when empty. Valid until the next append. */
const char *buf_str(const struct buf *b);

static inline bool buf_failed(const struct buf *b)
{
	return b->failed;
}

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}
