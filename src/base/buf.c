// SPDX-License-Identifier: MIT
/* Growth by doubling up to the ceiling; see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = BUF_MAX(b->max);
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 64;
	char *p;

	/* No object is larger than PTRDIFF_MAX; below it the sums and the doubling are safe. */
	if (b->failed || n > b->max - b->n || n >= PTRDIFF_MAX - b->n) {
		b->failed = true;
		return NULL;
	}
	while (cap < b->n + n + 1)
		cap *= 2;
	if (cap != b->cap) {
		p = realloc(b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	b->p[b->n + n] = '\0';
	return b->p + b->n;
}

void buf_add(struct buf *b, struct slice s)
{
	char *to = buf_reserve(b, s.n);

	if (!to || s.n == 0)
		return;
	memcpy(to, s.p, s.n);
	b->n += s.n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, slice_of(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, (struct slice){&c, 1});
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

const char *buf_str(const struct buf *b)
{
	return b->p && b->n ? b->p : "";
}
