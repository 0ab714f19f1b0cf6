// SPDX-License-Identifier: MIT
/* Who asks, and what he has been told. */
#pragma once
#include "flight/ask.h"
#include "maker_rig.h"

struct asker {
	struct ask *ask;
	int told;
	enum fetch_result result;
	struct object_head head;
	struct error error;
};

static void told(void *ud, enum fetch_result result, const struct object_head *head,
		 const struct error *e)
{
	struct asker *a = ud;

	ASSERT(a->ask); /* never from inside ask_start() */
	a->told++;
	a->result = result;
	if (head)
		a->head = *head;
	if (e)
		a->error = *e;
}

static struct ask_request rig_request(struct cache_rig *r, const char *key)
{
	return (struct ask_request){.flights = r->flights,
				    .store = &r->store.store,
				    .key = slice_of(key),
				    .asker = RIG_ASKER,
				    .deadline_ns = clock_mono_ns() + 8 * NS_PER_S,
				    .ring_max = FILL_RING_MIN};
}

static void ask_for(struct asker *a, const struct ask_request *request)
{
	*a = (struct asker){.head.fd = -1};
	a->ask = ask_start(request, told, a);
}

__attribute__((unused)) static void ask_key(struct cache_rig *r, struct asker *a, const char *key)
{
	struct ask_request request = rig_request(r, key);

	ask_for(a, &request);
}

static void done(struct asker *a)
{
	close_p(&a->head.fd);
	ask_free(TAKE(a->ask));
}
