// SPDX-License-Identifier: MIT
/* See fair.h. */
#include "store/fair.h"

#include <stdlib.h>

struct fair_asker {
	uint64_t id;
	size_t held, waits;
	bool served;                     /* has been given some */
	struct fair_item *first, **last; /* that wait */
	struct fair_asker *next, **at;   /* in the list of those who wait; at == NULL: in none */
	struct fair_list *list;
	struct fair_asker *next_known, **at_known; /* in its bucket */
};

static struct fair_asker *find_asker(const struct fair_queue *q, uint64_t id)
{
	struct fair_asker *a = q->bucket[id % FAIR_BUCKETS];

	while (a && a->id != id)
		a = a->next_known;
	return a;
}

static struct fair_asker *asker_of(struct fair_queue *q, uint64_t id)
{
	struct fair_asker **head = &q->bucket[id % FAIR_BUCKETS], *a = find_asker(q, id);

	if (a)
		return a;
	a = xnew(struct fair_asker);
	a->id = id;
	a->served = id == 0;
	a->next_known = *head;
	a->at_known = head;
	if (a->next_known)
		a->next_known->at_known = &a->next_known;
	*head = a;
	return a;
}

static void forget_idle(struct fair_asker *a)
{
	if (a->held || a->first)
		return;
	*a->at_known = a->next_known;
	if (a->next_known)
		a->next_known->at_known = a->at_known;
	free(a);
}

static void line_up(struct fair_asker *a, struct fair_list *list)
{
	if (!list->first)
		list->last = &list->first;
	a->list = list;
	a->next = NULL;
	a->at = list->last;
	*list->last = a;
	list->last = &a->next;
}

static void step_out(struct fair_asker *a)
{
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
	else
		a->list->last = a->at;
	a->at = NULL;
}

/* It does not wait any more; nor does its asker, if it was the last. */
static void take_out(struct fair_queue *q, struct fair_item *i)
{
	struct fair_asker *a = i->asker;

	*i->at = i->next;
	if (i->next)
		i->next->at = i->at;
	else
		a->last = i->at;
	i->at = NULL;
	a->waits--;
	q->waiting--;
	if (!a->first)
		step_out(a);
}

void fair_hold(struct fair_queue *q, struct fair_item *i, uint64_t asker)
{
	i->at = NULL;
	i->asker = asker_of(q, asker);
	i->asker->held++;
	i->asker->served = true;
}

void fair_wait(struct fair_queue *q, struct fair_item *i, uint64_t asker)
{
	struct fair_asker *a = asker_of(q, asker);

	i->asker = a;
	if (!a->first) {
		a->last = &a->first;
		line_up(a, a->served ? &q->served : &q->fresh);
	}
	i->next = NULL;
	i->at = a->last;
	*a->last = i;
	a->last = &i->next;
	a->waits++;
	q->waiting++;
}

struct fair_item *fair_last_of_most(const struct fair_queue *q, uint64_t asker)
{
	const struct fair_asker *const lists[] = {q->fresh.first, q->served.first};
	const struct fair_asker *own = find_asker(q, asker), *most = NULL;
	size_t least = (own ? own->waits : 0) + 2;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (const struct fair_asker *a = lists[i]; a; a = a->next)
			if (a->waits >= (most ? most->waits + 1 : least))
				most = a;
	return most ? CONTAINER_OF(most->last, struct fair_item, next) : NULL;
}

static struct fair_asker *whose_turn(struct fair_queue *q)
{
	if (q->fresh.first && (!q->served.first || q->firsts < FAIR_FIRSTS)) {
		q->firsts++;
		return q->fresh.first;
	}
	q->firsts = 0;
	return q->served.first;
}

struct fair_item *fair_next(struct fair_queue *q)
{
	struct fair_asker *a = whose_turn(q);
	struct fair_item *i;

	if (!a)
		return NULL;
	i = a->first;
	take_out(q, i);
	a->held++;
	a->served = true;
	if (a->first) {
		step_out(a);
		line_up(a, &q->served);
	}
	return i;
}

void fair_leave(struct fair_queue *q, struct fair_item *i)
{
	struct fair_asker *a = i->asker;

	if (fair_waits(i))
		take_out(q, i);
	else
		a->held--;
	i->asker = NULL;
	forget_idle(a);
}
