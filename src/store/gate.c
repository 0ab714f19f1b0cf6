// SPDX-License-Identifier: MIT
/*
 * See gate.h. A closed gate probes at once, since a store may well be alive that only failed for
 * the keys that were asked for, and then each second.
 */
#include "store/gate.h"
#include "base/clock.h"
#include "store/store.h"

#define PROBE_EVERY_NS (1 * NS_PER_S)
#define PROBES_MAX     4

static void probed(void *ud, const struct error *e)
{
	struct gate *g = ud;

	g->probes--;
	/*
	 * A store that tells misses as it should is well. Then the faults were those of single
	 * keys, and a few bad keys that are asked for again and again must not close the store for
	 * all others.
	 */
	if (!e) {
		(void)breaker_succeeded(&g->breaker, clock_mono_ns());
		return;
	}
	/*
	 * Any other answer is a sign of life: there are stores that say 500 to names they do not
	 * know, and 200 to all. Whether it is well the next four requests tell.
	 */
	if (e->code == ERR_UPSTREAM || e->code == ERR_DENIED || e->code == ERR_CORRUPT)
		breaker_probed(&g->breaker, clock_mono_ns());
}

static void probe(struct loop_timer *timer)
{
	struct gate *g = CONTAINER_OF(timer, struct gate, timer);
	struct store *s = g->store;

	if (g->breaker.state != BREAKER_OPEN)
		return;
	s->fresh_ns = clock_mono_ns();
	loop_timer_set(s->ctx->loop, timer, s->fresh_ns + PROBE_EVERY_NS);
	if (g->probes == PROBES_MAX)
		return;
	g->probes++;
	store_probe(s, g->question, probed, g); /* which may end it at once */
}

void gates_init(struct store *s)
{
	for (int q = 0; q < QUESTIONS; q++)
		s->gate[q] =
			(struct gate){.store = s, .question = (enum question)q, .timer.due = probe};
}

bool gate_admits(struct store *s, enum question q)
{
	return breaker_allows(&s->gate[q].breaker, clock_mono_ns());
}

bool gate_is_closed(const struct store *s, enum question q)
{
	return s->gate[q].breaker.state != BREAKER_CLOSED;
}

bool gate_answered(struct store *s, enum question q)
{
	return breaker_succeeded(&s->gate[q].breaker, clock_mono_ns());
}

bool gate_failed(struct store *s, enum question q, uint64_t asker, int64_t asked_ns)
{
	struct gate *g = &s->gate[q];
	bool was_closed = g->breaker.state == BREAKER_CLOSED;

	if (!breaker_failed(&g->breaker, asker, asked_ns, clock_mono_ns()))
		return false;
	loop_timer_set(s->ctx->loop, &g->timer, g->breaker.until_ns);
	return was_closed;
}
