// SPDX-License-Identifier: MIT
/*
 * Small objects of a store that are read and written as a whole, in memory: plans and what is written beside them.
 * Loop's thread; exactly one done(), never from inside the functions that begin, or a cancel.
 */
#pragma once
#include "store/store.h"

struct small;

/*
 * e == NULL: *bytes, which may be taken; NULL where no such object is there. ERR_LIMIT: it has more than max bytes.
 */
typedef void small_got(void *ud, struct buf *bytes, const struct error *e);
struct small *small_get(struct store *s, struct slice key, size_t max, small_got *done, void *ud);

/* No more than its first max bytes. */
struct small *small_get_first(struct store *s, struct slice key, size_t max, small_got *done,
			      void *ud);

/* *bytes is taken. What is there is replaced. */
typedef void small_was_put(void *ud, const struct error *e);
struct small *small_put(struct store *s, struct slice key, struct buf *bytes, small_was_put *done,
			void *ud);

void small_cancel(struct small *m); /* accepts NULL */
