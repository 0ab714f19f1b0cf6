// SPDX-License-Identifier: MIT
/* See breaker.h. Four that never report back, half open, are replaced by others a pause later. */
#include "store/breaker.h"

static void change(struct breaker *b, enum breaker_state state, int64_t now_ns)
{
	*b = (struct breaker){.state = state, .since_ns = now_ns};
}

bool breaker_allows(struct breaker *b, int64_t now_ns)
{
	if (b->state == BREAKER_CLOSED)
		return true;
	if (b->state == BREAKER_OPEN)
		return false;
	if (now_ns >= b->until_ns) {
		b->until_ns = now_ns + BREAKER_PAUSE_NS;
		b->tries = 0;
	}
	return b->tries++ < BREAKER_TRIES;
}

/* The failures of one request count as one fault, however many keys it asks for. */
static void count(struct breaker *b, uint64_t asker, int64_t now_ns)
{
	for (unsigned i = 0; asker && i < b->faults; i++)
		if (b->askers[i] == asker)
			return;
	if (b->faults == BREAKER_FAULTS)
		return;
	if (b->faults == 0)
		b->first_ns = now_ns;
	b->askers[b->faults++] = asker;
}

bool breaker_failed(struct breaker *b, uint64_t asker, int64_t asked_ns, int64_t now_ns)
{
	bool half = b->state == BREAKER_HALF_OPEN;

	if (b->state == BREAKER_OPEN || asked_ns < b->since_ns)
		return false;
	count(b, asker, now_ns);
	if (half ? b->faults < BREAKER_TRIES
		 : b->faults < BREAKER_FAULTS || now_ns - b->first_ns < BREAKER_RUN_NS)
		return false;
	change(b, BREAKER_OPEN, now_ns);
	b->until_ns = half ? now_ns + BREAKER_PAUSE_NS : now_ns;
	return true;
}

bool breaker_succeeded(struct breaker *b, int64_t now_ns)
{
	bool was_closed = b->state == BREAKER_CLOSED;

	change(b, BREAKER_CLOSED, now_ns);
	return !was_closed;
}

void breaker_probed(struct breaker *b, int64_t now_ns)
{
	if (b->state == BREAKER_OPEN && now_ns >= b->until_ns)
		change(b, BREAKER_HALF_OPEN, now_ns);
}
