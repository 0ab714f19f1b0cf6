// SPDX-License-Identifier: MIT
/*
 * The head of a request (RFC 9112): its line and its headers, read in place as the bytes come. It takes
 * any target, since debuggers send raw spaces, raw UTF-8, backslashes and whole Windows paths; but of
 * what tells where a request ends it takes nothing that somebody before us might understand otherwise:
 *
 *  - a bare CR, a folded line, a name that is no token or has a blank before its colon, a NUL in a
 *    header, a version that is not 1.x (or none at all: HTTP/0.9): 400;
 *  - two Content-Lengths that differ, one that is no number, one together with Transfer-Encoding, more
 *    than one Transfer-Encoding, any in HTTP/1.0: 400; a coding other than chunked: 501.
 *
 * A line may end with LF alone. A missing Host is nobody's loss. Pure, and bounded by the caller's max.
 */
#pragma once
#include "base/slice.h"

enum http_head_state { HTTP_HEAD_MORE, HTTP_HEAD_DONE, HTTP_HEAD_BAD };

/* Zeroed for each new head. Offsets are from its first byte, as the bytes may move between calls. */
struct http_head {
	uint32_t size; /* DONE: of the whole, the empty line included */
	uint32_t method, method_n, target, target_n; /* method_n == 0: the line is not in yet */
	uint32_t fields;                             /* where the headers begin */
	uint32_t line, scanned; /* its own: the line it is in; no line ends before this */
	int status;             /* BAD: what to answer: 400, 414, 431, 501 */
	uint64_t length;        /* Content-Length; 0 without */
	bool http_1_0, says_close, says_keep;
	bool has_length, has_coding, chunked, expects_continue;
};

/*
 * Go on with n bytes at p, which begin with what was given before and may have moved; at most max of
 * them are a head. Changes bytes: behind each header's value stands a NUL afterwards.
 */
enum http_head_state http_head_read(struct http_head *h, char *p, size_t n, size_t max);

/* May another request follow on the connection? */
static inline bool http_head_keeps(const struct http_head *h)
{
	return !h->says_close && (!h->http_1_0 || h->says_keep);
}

static inline bool http_head_has_body(const struct http_head *h)
{
	return h->chunked || h->length > 0;
}

struct http_field {
	struct slice name, value; /* a NUL behind the value */
};

/* DONE: the headers one after another; *at is 0 for the first. p: where the head lies now. */
bool http_head_next(const struct http_head *h, const char *p, size_t *at, struct http_field *ret);
