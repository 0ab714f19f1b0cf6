// SPDX-License-Identifier: MIT
/* See fair.h. */
#include "store/fair.h"

#include <stdlib.h>

struct fair_asker {
	uint64_t id;
	size_t held, waits;
	bool served;                   /* has been given some */
	struct fair_items items;       /* that wait */
	struct fair_list *list;        /* of the askers that wait, while it does */
	TAILQ_ENTRY(fair_asker) place; /* in that */
	LIST_ENTRY(fair_asker) known;  /* in its bucket */
};

static struct fair_asker *find_asker(const struct fair_queue *q, uint64_t id)
{
	struct fair_asker *a;

	LIST_FOREACH (a, &q->bucket[id % FAIR_BUCKETS], known)
		if (a->id == id)
			return a;
	return NULL;
}

static struct fair_asker *asker_of(struct fair_queue *q, uint64_t id)
{
	struct fair_asker *a = find_asker(q, id);

	if (a)
		return a;
	a = xnew(struct fair_asker);
	a->id = id;
	a->served = id == 0;
	TAILQ_INIT(&a->items);
	LIST_INSERT_HEAD(&q->bucket[id % FAIR_BUCKETS], a, known);
	return a;
}

static void forget_idle(struct fair_asker *a)
{
	if (a->held || !TAILQ_EMPTY(&a->items))
		return;
	LIST_REMOVE(a, known);
	free(a);
}

static void line_up(struct fair_asker *a, struct fair_list *list)
{
	a->list = list;
	TAILQ_ADD(list, a, place);
}

/* It does not wait any more; nor does its asker, if it was the last. */
static void take_out(struct fair_queue *q, struct fair_item *i)
{
	struct fair_asker *a = i->asker;

	q->waiting--;
	if (i->goes_on) {
		TAILQ_LEAVE(&q->going_on, i, place);
		return;
	}
	TAILQ_LEAVE(&a->items, i, place);
	a->waits--;
	if (!a->waits)
		TAILQ_REMOVE(a->list, a, place);
}

void fair_hold(struct fair_queue *q, struct fair_item *i, uint64_t asker)
{
	i->place.tqe_prev = NULL;
	i->goes_on = false;
	i->asker = asker_of(q, asker);
	i->asker->held++;
	i->asker->served = true;
}

void fair_wait(struct fair_queue *q, struct fair_item *i, uint64_t asker)
{
	struct fair_asker *a = asker_of(q, asker);

	i->asker = a;
	i->goes_on = false;
	if (!a->waits)
		line_up(a, a->served ? &q->served : &q->fresh);
	TAILQ_INSERT_TAIL(&a->items, i, place);
	a->waits++;
	q->waiting++;
}

/* The asker counts as one that holds something, though this item waits. */
void fair_wait_to_go_on(struct fair_queue *q, struct fair_item *i, uint64_t asker)
{
	fair_hold(q, i, asker);
	i->goes_on = true;
	TAILQ_ADD(&q->going_on, i, place);
	q->waiting++;
}

struct fair_item *fair_last_of_most(const struct fair_queue *q, uint64_t asker)
{
	const struct fair_list *const lists[] = {&q->fresh, &q->served};
	const struct fair_asker *own = find_asker(q, asker), *most = NULL, *a;
	size_t least = (own ? own->waits : 0) + 2;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		TAILQ_FOREACH (a, lists[i], place)
			if (a->waits >= (most ? most->waits + 1 : least))
				most = a;
	return most ? TAILQ_LAST(&most->items, fair_items) : NULL;
}

static struct fair_asker *whose_turn(struct fair_queue *q)
{
	if (!TAILQ_EMPTY(&q->fresh) && (TAILQ_EMPTY(&q->served) || q->firsts < FAIR_FIRSTS)) {
		q->firsts++;
		return TAILQ_FIRST(&q->fresh);
	}
	q->firsts = 0;
	return TAILQ_FIRST(&q->served);
}

static bool is_turn_of_going_on(struct fair_queue *q)
{
	bool others = !TAILQ_EMPTY(&q->fresh) || !TAILQ_EMPTY(&q->served);

	q->went_on = !TAILQ_EMPTY(&q->going_on) && !(q->went_on && others);
	return q->went_on;
}

struct fair_item *fair_next(struct fair_queue *q)
{
	struct fair_asker *a;
	struct fair_item *i;

	if (is_turn_of_going_on(q)) {
		i = TAILQ_FIRST(&q->going_on);
		take_out(q, i);
		return i;
	}
	a = whose_turn(q);
	if (!a)
		return NULL;
	i = TAILQ_FIRST(&a->items);
	take_out(q, i);
	a->held++;
	a->served = true;
	if (a->waits) {
		TAILQ_REMOVE(a->list, a, place);
		line_up(a, &q->served);
	}
	return i;
}

void fair_leave(struct fair_queue *q, struct fair_item *i)
{
	struct fair_asker *a = i->asker;

	if (!fair_waits(i) || i->goes_on)
		a->held--;
	if (fair_waits(i))
		take_out(q, i);
	i->asker = NULL;
	forget_idle(a);
}
