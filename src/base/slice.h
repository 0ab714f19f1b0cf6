// SPDX-License-Identifier: MIT
/*
 * A slice is a run of bytes that it does not own: pointer and length, not NUL-terminated.
 * Small value, pass it by value. A slice with n == 0 may have p == NULL. All case rules here are
 * ASCII and independent of the locale; for Unicode see text.h.
 */
#pragma once
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

#define SLICE(lit)   ((struct slice){(lit), sizeof(lit) - 1})
#define SLICE_NONE   ((struct slice){NULL, 0})
#define SLICE_FMT    "%.*s"
#define SLICE_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

static inline struct slice slice_of(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static inline struct slice slice_from(struct slice s, size_t at)
{
	return at >= s.n ? SLICE_NONE : (struct slice){s.p + at, s.n - at};
}

static inline struct slice slice_head(struct slice s, size_t n)
{
	return (struct slice){s.p, MIN(n, s.n)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
/* Index of the first (last) c, or s.n when there is none. */
/* < 0, 0, > 0: by their bytes, unsigned; the beginning of another one comes first. */
int slice_compare(struct slice a, struct slice b);
size_t slice_find(struct slice s, char c);
size_t slice_rfind(struct slice s, char c);
/* Without leading and trailing blanks (space, tab, CR, LF). */
struct slice slice_trim(struct slice s);
/*
 * Cut the next field off *s at sep: returns false when *s is exhausted. "a,b" gives "a", "b";
 * "a," gives "a", "". Start with the whole text; *s is SLICE_NONE (p == NULL) when done.
 */
bool slice_next(struct slice *s, char sep, struct slice *ret_field);

/* Decimal digits only, whole slice, at most max; *ret untouched on failure. */
bool parse_u64(struct slice s, uint64_t max, uint64_t *ret);
