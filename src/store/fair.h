// SPDX-License-Identifier: MIT
/*
 * A fair queue for a bounded number of things that all askers share. Turns go round by asker, and
 * an asker that has been given none yet comes first, so that one that wants many does not hold up
 * one that wants a single one. So that the many are not put off for ever by ever new askers, each
 * fourth turn is of askers that have been given some.
 *
 * An item may go on with something that its asker has been given before, and has promised to others
 * since (the rest of a body). Such items have every second turn, and are never turned away: there
 * is one for each promise.
 *
 * Asker 0 stands for all requests that no client waits for: together they are one asker, never a
 * new one.
 *
 * An asker is known while an item of it is held or waits. All is constant in time but
 * fair_last_of_most(). The items are embedded in their owner's struct; one thread.
 */
#pragma once
#include "base/list.h"
#include "base/macros.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAIR_FIRSTS  3 /* turns of new ones in a row, while others wait, too */
#define FAIR_BUCKETS 1024

struct fair_asker;

struct fair_item {
	struct fair_asker *asker;
	bool goes_on;
	TAILQ_ENTRY(fair_item) place; /* among those of its asker that wait, or those that go on */
};

TAILQ_HEAD(fair_items, fair_item);

TAILQ_HEAD(fair_list, fair_asker);

/* Zeroed: empty. */
struct fair_queue {
	LIST_HEAD(, fair_asker) bucket[FAIR_BUCKETS];
	struct fair_list fresh, served; /* askers that wait: given none yet, given some */
	unsigned firsts;                /* turns in a row of `fresh` */
	struct fair_items going_on;     /* those that wait */
	bool went_on;                   /* the last turn was theirs */
	size_t waiting;
};

/* The item is given out without waiting. */
void fair_hold(struct fair_queue *q, struct fair_item *i, uint64_t asker);
/*
 * Where no more may wait: the last item of the asker that has most waiting, in whose place one of
 * this asker may wait; NULL when none has at least two more waiting than this one: among equals the
 * latest is turned away. It goes through all askers that wait.
 */
struct fair_item *fair_last_of_most(const struct fair_queue *q, uint64_t asker);
void fair_wait(struct fair_queue *q, struct fair_item *i, uint64_t asker);
/* The same for an item that goes on. */
void fair_wait_to_go_on(struct fair_queue *q, struct fair_item *i, uint64_t asker);
/* The item whose turn it is: it is given out from now on. NULL: none waits. */
struct fair_item *fair_next(struct fair_queue *q);
/* It is given back, or does not wait any longer. */
void fair_leave(struct fair_queue *q, struct fair_item *i);

static inline bool fair_waits(const struct fair_item *i)
{
	return TAILQ_IS_IN(i, place);
}
