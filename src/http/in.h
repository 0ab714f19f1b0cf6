// SPDX-License-Identifier: MIT
/*
 * The bytes that have come on a connection and that it is not done with. They are received into the
 * worker's buffer, which is another connection's at the next turn, and get one of the connection's own
 * only where they have to stay: a head that is not complete, whose request is not over yet, or what came
 * behind it. A connection that rests has none.
 */
#pragma once
#include "base/slice.h"

struct http_in {
	char *own;   /* owned */
	char *p;     /* in `own`, or in the worker's buffer */
	size_t n;    /* bytes from p on */
	size_t used; /* of these: that the present request has taken */
	size_t room; /* so many may there be from p on */
};

/* What has come behind what the present request has taken. */
static inline struct slice http_in_rest(const struct http_in *in)
{
	return slice_from((struct slice){in->p, in->n}, in->used);
}

/*
 * Make room for more bytes of a head, at p + n: in the turn's buffer if nothing is there yet. False: memory
 * is out, here and below; then all is as it was.
 */
MUST_CHECK bool http_in_extend(struct http_in *in, char *turn, size_t turn_n);
/* Have a buffer of its own hold what is there, or none if that is nothing. */
MUST_CHECK bool http_in_stay(struct http_in *in);
/* Put more behind what is there, in a buffer of its own. */
MUST_CHECK bool http_in_add(struct http_in *in, struct slice more);
/* The present request keeps `head` bytes of what it has taken; behind them the last n stay. */
void http_in_forget(struct http_in *in, size_t head, size_t n);
/* Let go of what the present request has taken; p moves. */
void http_in_next(struct http_in *in);
/* Let go of all. */
void http_in_drop(struct http_in *in);
