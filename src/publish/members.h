// SPDX-License-Identifier: MIT
/*
 * How plans and markers are read and written: an object of JSON, whose members are asked for by name, each
 * with its limit. A member that is there and is not as it has to be is an error (ERR_CORRUPT), whether it was
 * wanted or not. Pure.
 */
#pragma once
#include "base/err.h"
#include "publish/transaction.h"

#include <jansson.h>

void json_done(json_t **j); /* for CLEANUP */

/* One object, nothing behind it, no member twice, no NUL, all UTF-8. */
MUST_CHECK enum err members_parse(struct slice text, json_t **ret, struct error *e);
/* "pepto": a number above newest is ERR_LIMIT, with what to do. */
MUST_CHECK enum err member_format(const json_t *o, bool wanted, int newest, struct error *e);
/* Lives as long as o; SLICE_NONE when it is not there. */
MUST_CHECK enum err member_text(const json_t *o, const char *name, size_t max, struct slice *ret,
				struct error *e);
/* 0 to INT64_MAX; 0 when it is not there and not wanted. */
MUST_CHECK enum err member_count(const json_t *o, const char *name, bool wanted, int64_t *ret,
				 struct error *e);
/* Seconds since the epoch, above 0; 0 when it is not there and not wanted. */
MUST_CHECK enum err member_date(const json_t *o, const char *name, bool wanted, int64_t *ret,
				struct error *e);

/* Text is escaped where it is no UTF-8, cut beyond max bytes, and left out when it is "". */
void member_put_text(json_t *o, const char *name, struct slice s, size_t max);
void member_put_date(json_t *o, const char *name, int64_t t); /* left out when it is 0 */
/* Append o, compact, as a line. */
void members_write(const json_t *o, struct buf *out);

/*
 * Of a failed reading: which object it is, and, for ERR_CORRUPT, what is to be done. e: not NULL. Returns
 * e->code.
 */
enum err members_refused(const struct tx_id *id, enum tx_object which, struct error *e);
