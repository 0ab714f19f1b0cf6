// SPDX-License-Identifier: MIT
/*
 * The functions behind macros.h: the end of the process when an invariant does not hold, or memory
 * is out.
 */
#include "base/macros.h"

#include <stdio.h>
#include <string.h>

void assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "pepto-symbol: %s:%d: this cannot happen: !(%s)\n", file, line, expr);
	abort();
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	ASSERT(p);
	return p;
}

void *xzalloc(size_t n)
{
	return xcalloc(1, n);
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xzalloc(n + 1);

	if (n)
		memcpy(p, s, n);
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}
