// SPDX-License-Identifier: MIT
/*
 * What became of each file of an upload, and what is answered: a status, and JSON:
 *
 *	{"transaction":ID,"files":[{"name","key","status":"stored|exists|conflict|refused|unknown|failed","why"}]}
 *
 * With "error" behind the transaction where the upload as a whole has come to nothing. Pure; one
 * thread at a time.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum delivery_status {
	DELIVERY_OPEN, /* nothing yet; told as failed */
	DELIVERY_STORED,
	DELIVERY_EXISTS,
	DELIVERY_CONFLICT,
	DELIVERY_REFUSED, /* its name, or the token's globs */
	DELIVERY_UNKNOWN, /* no symbol file */
	DELIVERY_FAILED,  /* damaged, or such as the store never takes */
	DELIVERY_FAULT,   /* the store's fault; told as failed */
};
#define DELIVERY_STATUSES 8

struct delivery_row {
	struct slice name; /* as it was sent; borrowed */
	char *key;         /* owned; NULL: none has been made */
	char *why;         /* owned; NULL: nothing to say */
	enum delivery_status status;
	size_t same_as; /* 1 + the row of the same file under the same key; 0: none */
};

struct delivery_rows {
	struct delivery_row *row; /* owned */
	size_t n, room;
};

struct delivery_row *delivery_row_add(struct delivery_rows *rows, struct slice name);
/* Replaces what was said before. */
void delivery_row_set(struct delivery_row *row, enum delivery_status status, const char *why);
void delivery_rows_fini(struct delivery_rows *rows);
/* Each row that is the same as another has become what that did: there already, if it was stored. */
void delivery_rows_settle(struct delivery_rows *rows);
size_t delivery_rows_count(const struct delivery_rows *rows, enum delivery_status status);

/* By what has come of all: 201, 200, 403, 409, 422 or 503. */
int delivery_rows_status(const struct delivery_rows *rows);
/* "": no transaction; error: NULL: none. */
void delivery_tell(const struct delivery_rows *rows, const char *transaction, const char *error,
		   struct buf *out);
