// SPDX-License-Identifier: MIT
/*
 * When is what was replaced read no more? Readers without a lock are the threads of loops: they take a
 * shared pointer by a sequentially consistent load and keep it for a turn of their loop at most. One
 * thread, the owner's, replaces what the pointer leads to by a sequentially consistent exchange, and gives
 * what was there before to quiet_free_later(): it is freed when each reader sleeps, or has begun another
 * turn since.
 */
#pragma once
#include "base/loop.h"

struct quiet;

/*
 * owner: a loop, borrowed. It may read as well, within one callback: what is replaced is freed by a timer of
 * it, maybe in the same turn.
 */
struct quiet *quiet_new(struct loop *owner);
/* After all readers have ended, and the owner. Frees what was left for later. Accepts NULL. */
void quiet_free(struct quiet *q);

/* Any thread: a reader, from before its loop begins until after it has ended. */
void quiet_add(struct quiet *q, const struct loop *reader);
void quiet_remove(struct quiet *q, const struct loop *reader);

/* The owner's thread. Not from within a turn of it that still uses p. */
void quiet_free_later(struct quiet *q, void *p, void (*free_it)(void *p));
