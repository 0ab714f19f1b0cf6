// SPDX-License-Identifier: MIT
/*
 * The body of a request as it comes, of a known length or in chunks (RFC 9112, 7.1). The frame of chunks
 * is read strictly: what does not parse ends the connection, since nobody knows where it ends.
 * Extensions and trailers are skipped. Pure, nothing is copied or allocated.
 */
#pragma once
#include "http/head.h"

#define HTTP_CHUNK_LINE_MAX 1024 /* bytes of a chunk's size and its extensions */
#define HTTP_TRAILERS_MAX   8192

enum http_body_state {
	HTTP_BODY_MORE, /* all that was given is taken */
	HTTP_BODY_DATA,
	HTTP_BODY_END,
	HTTP_BODY_BEYOND, /* longer than it may be */
	HTTP_BODY_BAD,
};

struct http_body {
	int at;         /* its own: where in the frame */
	bool digits;    /* its own: a chunk's size has begun */
	uint32_t frame; /* its own: bytes of the present line, or of all trailers */
	uint64_t left;  /* its own: of the length or the chunk */
	uint64_t room;  /* how much more may come */
};

/* As the head says; at most max bytes. */
struct http_body http_body_of(const struct http_head *h, uint64_t max);
/* Take what is at the front of *in; DATA: *ret is the next piece of the body, and there may be more. */
enum http_body_state http_body_take(struct http_body *b, struct slice *in, struct slice *ret);
