// SPDX-License-Identifier: MIT
/*
 * The head of an answer as it goes over the wire: what the handler says in it, and how it ends, which is
 * the connection's to say; and the answers that are no handler's.
 */
#pragma once
#include "base/buf.h"

void http_reply_begin(struct buf *out, int status);
void http_reply_add(struct buf *out, const char *name, const char *value);
/* Content-Length. */
void http_reply_length(struct buf *out, int64_t length);

/* ---- for connections ---- */

/* Begun, without a body; of 400, 414, 431 and 501. */
struct slice http_refusal(int status);
struct slice http_continue(void);
/* A whole 400 but for its tail, and its body: for who speaks plain HTTP where TLS is expected. */
struct slice http_wants_tls(struct slice *ret_body);

enum http_tail { HTTP_TAIL_KEPT, HTTP_TAIL_SAYS_KEPT, HTTP_TAIL_CLOSES, HTTP_TAILS };

/* How heads end: Date, Connection, and the empty line. */
struct http_tails {
	int64_t s; /* the second for which these are */
	char text[HTTP_TAILS][96];
	size_t n[HTTP_TAILS];
};

/* As it is at this second; lives until the next one. Zeroed before the first. */
struct slice http_tail(struct http_tails *t, enum http_tail which);
