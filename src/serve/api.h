// SPDX-License-Identifier: MIT
/*
 * /-/api/...: what the server knows, as JSON for the page and for scripts (docs/api.md). Reached as files are, behind
 * base path and token, by whoever may read files; where a bucket is read with credentials and no token is asked for,
 * on a loopback address only, since the names in it are nobody else's business.
 *
 * On the connection's thread; gives exactly one answer.
 */
#pragma once
#include "serve/exchange.h"

/* Is it such a path? */
bool api_is(const struct symbol_path *path);
void api_answer(struct exchange *x);

/* api_live.c: what the server does, in numbers. */
void api_live(struct exchange *x, struct slice query, struct page *ret);
/* api_missing.c: the files that were asked for most and are nowhere. */
void api_missing(struct exchange *x, struct slice query, struct page *ret);

/*
 * The value of a parameter of a query, decoded and appended. False, with nothing appended: it is not there, or cannot
 * be decoded.
 */
bool api_parameter(struct slice query, struct slice name, struct buf *out);
/* A string of JSON, quotes included; bytes that are no UTF-8, and what is not seen, are escaped (text_show()). */
void api_string(struct slice s, struct buf *out);
