// SPDX-License-Identifier: MIT
/*
 * Bodies of found answers. They come in three ways: from an open file; from memory that has the whole; or
 * from a fill that is still being written, whose reader waits at the end of what is there and is woken by
 * the fill. Of a fill that is a file nothing is copied: it is sent from that.
 *
 * When the disk under a fill fails, the body goes on past the cache (lookup_rescue()).
 *
 * Thread of the connection.
 */
#pragma once
#include "serve/exchange.h"

/* The body of x->answer, into *ret; its descriptor passes to the exchange. Nothing for a HEAD. */
void body_begin(struct exchange *x, struct http_answer *ret);
/* Loop's thread: the client of ud, an exchange, has left. If its body waits, it waits no more. */
void body_leave(void *ud);
