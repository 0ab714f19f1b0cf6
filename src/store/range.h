// SPDX-License-Identifier: MIT
/*
 * Byte ranges (RFC 9110, section 14), in both directions: the Range header of a client and the
 * Content-Range header of a store. Only a single range is ever granted; whatever else a Range
 * header says is ignored and answered with the whole object, as the RFC allows. Pure.
 *
 * Sizes and positions are int64_t and never negative, but for RANGE_UNKNOWN. Positions in a Range
 * header that do not fit are taken as INT64_MAX, which is as far behind every end; in a
 * Content-Range, which is a statement of fact, they are an error.
 */
#pragma once
#include "base/slice.h"

#define RANGE_UNKNOWN INT64_C(-1)

/* What was asked for, before the size is known. */
struct range_ask {
	int64_t first; /* RANGE_UNKNOWN: the last `last` bytes */
	int64_t last;  /* inclusive; INT64_MAX when open */
};

struct range {
	int64_t first, last; /* inclusive, first <= last < total */
};

enum range_result {
	RANGE_PART,          /* 206 with *ret */
	RANGE_UNSATISFIABLE, /* 416 with "Content-Range: bytes *" and "/total" */
};

/* False: no range that we grant; send the whole. An absent header is SLICE_NONE. */
MUST_CHECK bool range_parse(struct slice header, struct range_ask *ret);
enum range_result range_resolve(const struct range_ask *ask, int64_t total, struct range *ret);

struct content_range {
	int64_t first, last; /* both RANGE_UNKNOWN in the form of a 416 ("*" for the range) */
	int64_t total;       /* RANGE_UNKNOWN when the store says "*" */
};

MUST_CHECK bool content_range_parse(struct slice header, struct content_range *ret);
/* The value of a Range header for what is wanted, "" for the whole (NULL). */
void range_header(const struct range_ask *r, char *ret, size_t size);
