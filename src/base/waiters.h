// SPDX-License-Identifier: MIT
/*
 * A bounded list of those who wait for one event. Embedded, nothing allocates; one thread.
 */
#pragma once
#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

#define WAITERS_MAX 4096

struct waiter {
	void (*wake)(struct waiter *w);
	struct waiter *next, **at; /* at == NULL: not waiting */
	uint64_t round;            /* the list's when it began to wait */
};

struct waiters {
	struct waiter *first, **last;
	size_t n;
	uint64_t round; /* how often all have been woken */
};

/* False when the list is full. A zeroed struct waiters is an empty one. */
static inline bool waiters_add(struct waiters *ws, struct waiter *w)
{
	if (ws->n >= WAITERS_MAX)
		return false;
	if (!ws->first)
		ws->last = &ws->first;
	w->next = NULL;
	w->round = ws->round;
	w->at = ws->last;
	*ws->last = w;
	ws->last = &w->next;
	ws->n++;
	return true;
}

static inline void waiters_remove(struct waiters *ws, struct waiter *w)
{
	if (!w->at)
		return;
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	else
		ws->last = w->at;
	w->at = NULL;
	ws->n--;
}

/* Wake all who wait now, in order; who waits again meanwhile waits for the next time. */
static inline void waiters_wake(struct waiters *ws)
{
	uint64_t round = ws->round++;

	while (ws->first && ws->first->round <= round) {
		struct waiter *w = ws->first;

		waiters_remove(ws, w);
		w->wake(w);
	}
}
