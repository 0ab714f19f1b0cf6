// SPDX-License-Identifier: MIT
/* See two_tier.h. */
#include "cmd/two_tier.h"

#include "base/clock.h"

#include <semaphore.h>
#include <unistd.h>

#define LOOK_NS (30 * NS_PER_S)
#define TRIES   3

/* An empty index2.txt counts, so that this is no fetch, to which an empty object is none. */
struct look {
	struct store *store;
	struct loop_task go;
	enum store_result result;
	struct error error;
	sem_t done;
};

static void look_head(void *ud, const struct object_head *head)
{
	if (head->fd >= 0)
		close(head->fd);
}

static bool look_data(void *ud, struct slice bytes)
{
	return true;
}

static void look_done(void *ud, enum store_result result, const struct object_head *head,
		      const struct error *e)
{
	struct look *l = ud;

	l->result = result;
	if (result == STORE_FAULT || result == STORE_FAULT_RETRY)
		l->error = *e;
	sem_post(&l->done);
}

static void look_go(struct loop_task *task)
{
	static const struct store_events events = {look_head, look_data, look_done};
	struct look *l = CONTAINER_OF(task, struct look, go);
	const struct store_read read = {
		.key = SLICE("index2.txt"),
		.head = true,
		.denied_fails = true,
		.deadline_ns = clock_mono_ns() + LOOK_NS,
	};

	(void)store_start(l->store, &read, &events, l);
}

enum err two_tier_ask(struct service *s, struct store *store, bool *ret, struct error *e)
{
	struct look l = {.store = store, .go.run = look_go, .result = STORE_FAULT_RETRY};
	int tier = atomic_load(&store->tier);

	*ret = tier == TIER_TWO;
	if (tier != TIER_UNKNOWN)
		return OK;
	sem_init(&l.done, 0, 0);
	for (unsigned i = 0; i < TRIES && l.result == STORE_FAULT_RETRY; i++) {
		loop_post(s->loop, &l.go);
		while (sem_wait(&l.done) != 0)
			; /* by a signal */
	}
	sem_destroy(&l.done);
	*ret = l.result == STORE_FOUND;
	if (l.result != STORE_FAULT && l.result != STORE_FAULT_RETRY)
		return OK;
	*e = l.error;
	return e->code;
}
