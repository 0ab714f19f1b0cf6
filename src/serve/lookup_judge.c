// SPDX-License-Identifier: MIT
/*
 * What the answers of a store come to. Whatever arrives, judge() looks at all candidates in order
 * and sees whether the stage is decided:
 *
 *	all before missing, this one found	the answer
 *	all before missing, this one a fault	the store has failed, next store
 *	all missing				next store
 *	else					wait
 *
 * A small answer waits a moment for its body (`settling`); what the other candidates say then is
 * ignored.
 */
#include "base/log.h"
#include "metric/metric.h"
#include "serve/lookup_priv.h"

/*
 * A small object usually has arrived whole a moment after its head. Answering then costs one
 * hand-over between threads instead of two or three, and if the body fails meanwhile the client
 * gets 503 in place of a broken answer. A slow body is not waited for.
 */
#define SETTLE_LENGTH ((int64_t)FILL_RING_MIN)
#define SETTLE_NS     (3 * NS_PER_MS)

static void body_ended(struct fill_waiter *w)
{
	struct lookup *l = CONTAINER_OF(w, struct lookup, body_end);

	loop_timer_set(l->request.loop, &l->settled, 0);
}

static bool settle(struct lookup *l, struct slot *slot)
{
	if (l->request.head || slot->head.fd >= 0 || slot->head.length > SETTLE_LENGTH)
		return false;
	l->body_end = (struct fill_waiter){.ready = body_ended, .offset = slot->head.length};
	if (!fill_wait(ask_body(slot->ask), &l->body_end))
		return false;
	l->settling = slot;
	loop_timer_stop(l->request.loop, &l->overdue);
	loop_timer_set(l->request.loop, &l->settled, clock_mono_ns() + SETTLE_NS);
	return true;
}

static void answer_found(struct lookup *l, struct slot *slot)
{
	struct answer a = {
		.kind = ANSWER_FOUND,
		.head = slot->head,
		.way = ask_way(slot->ask),
		.from = lookup_present(l),
	};

	if (!l->request.head && a.head.fd < 0)
		a.fill = fill_ref(ask_body(slot->ask));
	slot->head.fd = -1;
	l->version = slot->head;
	l->winner = TAKE(slot->ask);
	if (a.way == ASK_HIT)
		a.fresh_ns = NS_PER_S; /* it has landed a moment ago */
	if (a.way != ASK_PASSED)
		answer_cut(&a, &l->request.part);
	lookup_answer(l, &a);
}

void lookup_answer_nothing(struct lookup *l)
{
	struct answer a = {.kind = ANSWER_MISS, .head.fd = -1, .unsure = l->unsure};

	if (l->fault.code || l->working) {
		a.kind = ANSWER_FAULT;
		a.error = l->fault;
		a.from = l->fault_store;
		a.working = l->working;
	}
	lookup_answer(l, &a);
}

/* ---- one store ---- */

void lookup_next_stage(struct lookup *l)
{
	lookup_drop_slots(l);
	l->at++;
	loop_timer_set(l->request.loop, &l->next, clock_mono_ns());
}

/* One line a second and store tells enough; the request lines tell the rest. */
static bool may_log(struct store *s)
{
	int64_t now = clock_mono_ns();

	if (s->logged_ns && now - s->logged_ns < NS_PER_S)
		return false;
	s->logged_ns = now;
	return true;
}

/* A store has failed: remember it for the end, and log it unless that is what it is known for. */
void lookup_store_failed(struct lookup *l, const struct error *e, bool log)
{
	struct store *s = lookup_present(l);

	if (log && may_log(s))
		log_event(LOG_WARN, "store failed", "store", s->traits.name, "error", e->msg,
			  "kind", err_name(e->code), NULL);
	if (s->traits.optional) {
		l->unsure = true;
	} else if (!l->fault.code) {
		l->fault = *e;
		l->fault_store = s;
	}
	lookup_next_stage(l);
}

/*
 * The object is there, but a range of it is not what this client may have: If-Range names
 * another version, or the stored bytes are encoded and ranges of those mean nothing. Ask again
 * for the whole.
 */
static bool needs_whole(const struct lookup *l, const struct slot *slot)
{
	return l->request.part.ranged && ask_way(slot->ask) == ASK_PASSED &&
	       !answer_may_be_part(&slot->head, &l->request.part);
}

static void ask_for_whole(struct lookup *l)
{
	l->request.part.ranged = false;
	lookup_drop_slots(l);
	loop_timer_set(l->request.loop, &l->next, clock_mono_ns());
}

static void found(struct lookup *l, struct slot *slot)
{
	struct object_head *h = &slot->head;
	struct error e;

	if (needs_whole(l, slot)) {
		ask_for_whole(l);
		return;
	}
	if (!answer_acceptable(h, l->request.accepts_gzip)) {
		metric_inc(store_encoded);
		err_set(&e, ERR_UPSTREAM,
			"stored with Content-Encoding '%s', which the client does not accept",
			h->encoding);
		lookup_store_failed(l, &e, true);
		return;
	}
	if (!l->request.head && h->fd < 0 && fill_failed(ask_body(slot->ask), &e))
		lookup_store_failed(l, &e, true);
	else if (!settle(l, slot))
		answer_found(l, slot);
}

void lookup_settled(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, settled);
	struct slot *slot = TAKE(l->settling);
	struct fill *body = ask_body(slot->ask);
	struct error e;

	fill_unwait(body, &l->body_end);
	if (fill_failed(body, &e))
		lookup_store_failed(l, &e, true);
	else
		answer_found(l, slot);
}

/* A range that lies outside, of a version that If-Range may not mean: the whole settles it. */
static void unsatisfiable(struct lookup *l, const struct slot *slot)
{
	struct answer a = {
		.kind = ANSWER_UNSATISFIABLE, .head = slot->head, .from = lookup_present(l)};

	if (l->request.part.if_range)
		ask_for_whole(l);
	else
		lookup_answer(l, &a);
}

static void judge(struct lookup *l)
{
	if (l->settling)
		return; /* decided; what the others say does not matter any more */
	for (size_t i = 0; i < l->n_slots; i++) {
		struct slot *slot = &l->slots[i];
		struct error e;

		switch (slot->state) {
		case WAITING: return;
		case MISSING: continue;
		case FOUND: found(l, slot); return;
		case UNSATISFIABLE: unsatisfiable(l, slot); return;
		case FAULTY:
			e = slot->error;
			lookup_store_failed(l, &e, true);
			return;
		}
	}
	lookup_next_stage(l);
}

void lookup_decided(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct slot *slot = ud;

	if (head)
		slot->head = *head;
	switch (result) {
	case FETCH_FOUND: slot->state = FOUND; break;
	case FETCH_MISS:
	case FETCH_DENIED: slot->state = MISSING; break;
	case FETCH_UNSATISFIABLE: slot->state = UNSATISFIABLE; break;
	case FETCH_FAULT:
		slot->state = FAULTY;
		slot->error = *e;
		break;
	}
	judge(slot->lookup);
}
