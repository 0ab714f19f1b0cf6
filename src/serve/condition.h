// SPDX-License-Identifier: MIT
/*
 * Conditional requests (RFC 9110, section 13): is the client's copy still good, and may it have
 * the range it asks for? Pure.
 *
 * If-None-Match is compared weakly and, when it is there at all, silences If-Modified-Since.
 * If-Range is compared strongly; a date in it must be the very date we gave. A date that does not
 * parse is as good as absent, except in If-Range, where it denies the range.
 *
 * If-Match and If-Unmodified-Since are not looked at. They protect writes; on a read they could
 * only lead to 412, which no symbol client understands and which never leaves this server. The
 * RFC (13.1.1, 13.1.4) lets an intermediary, such as we are before a store, ignore them.
 */
#pragma once
#include "base/slice.h"

#define DATE_UNKNOWN INT64_MIN

/* Header values as sent; p == NULL when the header is absent. */
struct condition_headers {
	struct slice if_none_match, if_modified_since, if_range;
};

/* The ETag and Last-Modified that we send for the object. */
struct validators {
	struct slice etag; /* with its quotes, and W/ if weak; n == 0 when unknown */
	int64_t modified;  /* seconds since the epoch, or DATE_UNKNOWN */
};

enum condition {
	COND_PROCEED,
	COND_NOT_MODIFIED, /* 304, whether there is a Range header or not */
};

/* For GET and HEAD of an object that exists. */
enum condition condition_check(const struct condition_headers *h, const struct validators *v);
/* May a Range header be honoured? If not, the whole is sent. */
bool condition_range_allowed(const struct condition_headers *h, const struct validators *v);
