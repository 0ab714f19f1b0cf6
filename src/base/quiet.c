// SPDX-License-Identifier: MIT
/*
 * See quiet.h. What waits to be freed has with it the turns in which the readers were when it was
 * replaced. They are looked at again now and then: nobody waits for it, and a turn is short.
 */
#include "base/quiet.h"
#include "base/clock.h"

#define LOOK_NS (10 * NS_PER_MS)

/* A reader that was in a turn; NULL: it has left that, or is gone. */
struct reading {
	const struct loop *loop;
	uint64_t turn;
};

struct waste {
	STAILQ_ENTRY(waste) place;
	void *p;
	void (*free_it)(void *p);
	size_t n;
	struct reading readings[];
};

struct quiet {
	struct loop *owner;
	struct loop_timer look;
	STAILQ_HEAD(wastes, waste) wastes; /* the owner's */
	pthread_mutex_t mu;
	size_t n;                   /* under mu, as the next */
	const struct loop **reader; /* so many */
};

/* Is it one still? A loop that is gone cannot be looked at. The caller holds mu. */
static bool is_reader(const struct quiet *q, const struct loop *reader)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->reader[i] == reader)
			return true;
	return false;
}

/* The caller holds mu. */
static bool is_read(const struct quiet *q, struct waste *w)
{
	for (; w->n; w->n--) {
		const struct reading *r = &w->readings[w->n - 1];

		if (r->turn % 2 && is_reader(q, r->loop) && loop_turn(r->loop) == r->turn)
			return true;
	}
	return false;
}

static bool is_first_read(struct quiet *q)
{
	struct waste *first = STAILQ_FIRST(&q->wastes);

	LOCK_SCOPE(&q->mu);
	return first && is_read(q, first);
}

static void free_first(struct quiet *q)
{
	struct waste *w = STAILQ_FIRST(&q->wastes);

	STAILQ_REMOVE_HEAD(&q->wastes, place);
	w->free_it(w->p);
	free(w);
}

/* In the order in which they were replaced: what is behind one that is read may wait as well. */
static void look(struct loop_timer *timer)
{
	struct quiet *q = CONTAINER_OF(timer, struct quiet, look);

	while (!STAILQ_EMPTY(&q->wastes) && !is_first_read(q))
		free_first(q);
	if (!STAILQ_EMPTY(&q->wastes))
		loop_timer_set(q->owner, &q->look, clock_mono_ns() + LOOK_NS);
}

static struct waste *note_readers(struct quiet *q)
{
	struct waste *w;

	LOCK_SCOPE(&q->mu);
	w = xzalloc(sizeof(*w) + q->n * sizeof(w->readings[0]));
	w->n = q->n;
	for (size_t i = 0; i < q->n; i++)
		w->readings[i] = (struct reading){q->reader[i], loop_turn(q->reader[i])};
	return w;
}

void quiet_free_later(struct quiet *q, void *p, void (*free_it)(void *p))
{
	struct waste *w;

	if (!p)
		return;
	w = note_readers(q);
	w->p = p;
	w->free_it = free_it;
	STAILQ_INSERT_TAIL(&q->wastes, w, place);
	if (w == STAILQ_FIRST(&q->wastes))
		loop_timer_set(q->owner, &q->look, clock_mono_ns() + LOOK_NS);
}

void quiet_add(struct quiet *q, const struct loop *reader)
{
	LOCK_SCOPE(&q->mu);

	q->reader = realloc(q->reader, (q->n + 1) * sizeof(const struct loop *));
	ASSERT(q->reader);
	q->reader[q->n++] = reader;
}

void quiet_remove(struct quiet *q, const struct loop *reader)
{
	LOCK_SCOPE(&q->mu);

	for (size_t i = 0; i < q->n; i++)
		if (q->reader[i] == reader)
			q->reader[i--] = q->reader[--q->n];
}

struct quiet *quiet_new(struct loop *owner)
{
	struct quiet *q = xnew(struct quiet);

	q->owner = owner;
	q->look.due = look;
	STAILQ_INIT(&q->wastes);
	pthread_mutex_init(&q->mu, NULL);
	return q;
}

void quiet_free(struct quiet *q)
{
	if (!q)
		return;
	while (!STAILQ_EMPTY(&q->wastes))
		free_first(q);
	pthread_mutex_destroy(&q->mu);
	free(q->reader);
	free(q);
}
