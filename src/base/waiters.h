// SPDX-License-Identifier: MIT
/*
 * A bounded list of waiters for one event. Embedded, nothing allocates; one thread.
 */
#pragma once
#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>

#define WAITERS_MAX 4096

struct waiter {
	void (*wake)(struct waiter *w);
	TAILQ_ENTRY(waiter) place;
	uint64_t round; /* the list's when it began to wait */
};

struct waiters {
	TAILQ_HEAD(, waiter) list;
	size_t n;
	uint64_t round; /* how often all have been woken */
};

/* False when the list is full. A zeroed struct waiters is an empty one. */
static inline bool waiters_add(struct waiters *ws, struct waiter *w)
{
	if (ws->n >= WAITERS_MAX)
		return false;
	w->round = ws->round;
	TAILQ_ADD(&ws->list, w, place);
	ws->n++;
	return true;
}

static inline void waiters_remove(struct waiters *ws, struct waiter *w)
{
	if (!TAILQ_IS_IN(w, place))
		return;
	TAILQ_LEAVE(&ws->list, w, place);
	ws->n--;
}

/* Wake all that wait now, in order; one that is added again meanwhile waits for the next time. */
static inline void waiters_wake(struct waiters *ws)
{
	uint64_t round = ws->round++;
	struct waiter *w;

	while ((w = TAILQ_FIRST(&ws->list)) && w->round <= round) {
		waiters_remove(ws, w);
		w->wake(w);
	}
}
