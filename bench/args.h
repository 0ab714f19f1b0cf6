// SPDX-License-Identifier: MIT
/* What the programs of the benchmark share: numbers on the command line, and giving up. */
#pragma once
#include "base/slice.h"
#include <stdio.h>

/* A benchmark that met a failure has no result: say why and end the process. */
static inline NORETURN void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static inline NORETURN void die_sys(const char *what)
{
	perror(what);
	exit(1);
}

/* Decimal digits at the start of s; -1 when there are none or the number is beyond max. */
static inline int64_t number_at(const char *s, int64_t max)
{
	int64_t n = *s >= '0' && *s <= '9' ? 0 : -1;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (n > (max - (*s - '0')) / 10)
			return -1;
		n = n * 10 + (*s - '0');
	}
	return n;
}

static inline int64_t arg_number(const char *s, int64_t max)
{
	int64_t n = number_at(s, max);

	if (n < 0)
		die("a number is missing or too big");
	return n;
}
