// SPDX-License-Identifier: MIT
/* See two_tier.h. */
#include "cmd/two_tier.h"

#include "base/clock.h"
#include "publish/await.h"

#include <unistd.h>

#define LOOK_NS (30 * NS_PER_S)
#define TRIES   3

/* An empty index2.txt counts, so that this is no fetch, to which an empty object is none. */
struct look {
	struct await await;
	struct store *store;
	enum store_result result;
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
	await_over(&l->await, result == STORE_FAULT || result == STORE_FAULT_RETRY ? e : NULL);
}

static void look_go(struct await *await)
{
	static const struct store_events events = {look_head, look_data, look_done};
	struct look *l = CONTAINER_OF(await, struct look, await);
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
	struct look l = {.await.begin = look_go, .store = store, .result = STORE_FAULT_RETRY};
	int tier = atomic_load(&store->tier);
	enum err err = OK;

	*ret = tier == TIER_TWO;
	if (tier != TIER_UNKNOWN)
		return OK;
	for (unsigned i = 0; i < TRIES && l.result == STORE_FAULT_RETRY; i++)
		err = await_run(&l.await, s->loop, e);
	*ret = l.result == STORE_FOUND;
	return err;
}
