// SPDX-License-Identifier: MIT
/*
 * Bodies of found answers. They come in three ways: from an open file, which libmicrohttpd sends by
 * sendfile(2); from memory that has the whole; or from a fill that is still being written, whose
 * reader suspends the connection at the end of what is there and is resumed by the fill.
 *
 * When the disk under a fill fails, the body goes on past the cache (lookup_rescue()).
 *
 * Thread of the connection.
 */
#pragma once
#include "serve/exchange.h"

/* A response without headers for x->answer, whose fill and descriptor pass to it. */
struct MHD_Response *body_response(struct exchange *x);
/* Loop's thread: the client of ud, an exchange, has left. If its body waits, it waits no more. */
void body_leave(void *ud);
/*
 * Is it one that may be kept for others? Then the response is made here, with the body in memory
 * if it is small, and *ret is what hot_add() wants; x->answer keeps its descriptor.
 */
bool body_offer(struct exchange *x, struct hot_offer *ret);
