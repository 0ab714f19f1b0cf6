// SPDX-License-Identifier: MIT
/*
 * Waiting for what the loop does, from a thread that has nothing else to do: what has to happen in
 * an order is told in that order. Not for the loop's own thread, nor for one that serves.
 */
#pragma once
#include "publish/store_lock.h"
#include "store/write.h"

#include <semaphore.h>
#include <stdatomic.h>

/* One thing. Embedded in what it needs besides. */
struct await {
	void (*begin)(struct await *a); /* loop's thread */
	struct loop_task task;
	sem_t over;
	struct error error;
};

/* Begins it, and waits for await_over(). Signals do not end the wait. */
MUST_CHECK enum err await_run(struct await *a, struct loop *loop, struct error *e);
/* Loop's thread: it is over. e == NULL: and well. */
void await_over(struct await *a, const struct error *e);

/* Several of a kind, some at a time. */
struct await_each {
	struct await await;
	size_t n, at_once;
	void (*start)(struct await_each *a, size_t which); /* loop's thread */
	const atomic_bool *stop; /* set: no more are begun, ERR_CANCELED; may be NULL */
	size_t next, running;
	struct error error;
};

/* OK: all of them went well. After the first that did not, no more are begun. */
MUST_CHECK enum err await_each(struct await_each *a, struct loop *loop, struct error *e);
/* Loop's thread, never from inside start(): one is over. */
void await_each_over(struct await_each *a, const struct error *e);

/* Put bytes, whatever lies there. */
MUST_CHECK enum err await_put(struct store *s, struct slice key, struct slice bytes,
			      struct store_put_answer *ret, struct error *e);
/* As store_remove(): failed() of each key that is there still, on the loop's thread. */
MUST_CHECK enum err await_remove(struct store *s, const struct store_remove *remove,
				 void (*failed)(void *ud, size_t which, const struct error *e),
				 void *ud, struct error *e);
/* As store_lock_start(); *ret is to be given to await_unlock() in any case, which accepts NULL. */
MUST_CHECK enum err await_lock(struct store *s, bool alone, struct store_lock **ret,
			       struct error *e);
void await_unlock(struct store *s, struct store_lock *lock);
