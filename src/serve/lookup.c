// SPDX-License-Identifier: MIT
/*
 * See lookup.h. One store is asked at a time (a stage); the stage has one fetch per candidate.
 * Whatever arrives, judge() looks at all of them in order and sees whether the stage is decided:
 *
 *	all before missing, this one found	the answer
 *	all before missing, this one a fault	the store has failed, next store
 *	all missing				next store
 *	else					wait
 *
 * A stage that is not decided when its share of the budget is over (`overdue`) has failed. A small
 * answer waits a moment for its body (`settling`); what the other candidates say then is ignored.
 *
 * The fetch that becomes the answer lives on in `winner` until the release, since the fill that
 * the client reads is fed by it.
 */
#include "serve/lookup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/fetch.h"
#include "metric/metric.h"
#include "serve/candidates.h"
#include "serve/condition.h"
#include "serve/shape.h"

#define STAGE_GRACE_NS (100 * NS_PER_MS)
#define SPOOLING_NS    (60 * NS_PER_S)

enum state { WAITING, FOUND, MISSING, UNSATISFIABLE, FAULTY };

struct slot {
	struct lookup *lookup;
	struct fetch *fetch;
	enum state state;
	struct object_head head;
	struct error error;
};

struct lookup {
	struct lookup_request request;
	char *if_range, *via; /* owned copies of the request's */
	void (*answered)(void *ud, struct answer *answer);
	void (*released)(void *ud);
	void *ud;
	struct loop_task start, release;
	struct loop_timer next;    /* the next stage, outside of everybody's callbacks */
	struct loop_timer overdue; /* the present stage takes too long */
	int64_t deadline_ns;

	size_t at;          /* the present store */
	struct slot *slots; /* owned array */
	size_t n_slots;
	struct fetch *winner;
	struct slot *settling; /* the answer-to-be, waiting for its body */
	struct loop_timer settled;
	bool done;                         /* answered() was called */
	struct lookup *next_one, **at_one; /* in request.all */
	struct error fault;                /* of the first store that counts; code OK = none */
	const char *fault_store;
	bool unsure; /* an optional store failed */
};

static struct store *present(const struct lookup *l)
{
	return l->request.stores->store[l->at];
}

static void drop_slots(struct lookup *l)
{
	loop_timer_stop(l->request.loop, &l->overdue);
	for (size_t i = 0; i < l->n_slots; i++) {
		fetch_free(l->slots[i].fetch);
		if (l->slots[i].state == FOUND)
			close_p(&l->slots[i].head.fd);
	}
	l->n_slots = 0;
	free(TAKE(l->slots));
}

/* ---- the end ---- */

static void answer(struct lookup *l, struct answer *a)
{
	drop_slots(l);
	l->done = true;
	l->answered(l->ud, a);
}

/*
 * A small object usually has arrived whole a moment after its head. Answering then costs one
 * hand-over between threads instead of two or three, and if the body fails meanwhile the client
 * gets 503 in place of a broken answer. A slow body is not waited for.
 */
#define SETTLE_LENGTH ((int64_t)FILL_RING_MIN)
#define SETTLE_NS     (3 * NS_PER_MS)

static void body_ended(void *ud)
{
	struct lookup *l = ud;

	loop_timer_set(l->request.loop, &l->settled, 0);
}

static bool settle(struct lookup *l, struct slot *slot)
{
	if (l->request.head || slot->head.fd >= 0 || slot->head.length > SETTLE_LENGTH)
		return false;
	if (!fill_wait(fetch_body(slot->fetch), slot->head.length, body_ended, l))
		return false;
	l->settling = slot;
	loop_timer_stop(l->request.loop, &l->overdue);
	loop_timer_set(l->request.loop, &l->settled, clock_mono_ns() + SETTLE_NS);
	return true;
}

static void answer_found(struct lookup *l, struct slot *slot)
{
	struct answer a = {
		.kind = ANSWER_FOUND, .head = slot->head, .store = present(l)->traits.name};

	if (!l->request.head && a.head.fd < 0)
		a.fill = fill_ref(fetch_body(slot->fetch));
	slot->head.fd = -1;
	l->winner = TAKE(slot->fetch);
	answer(l, &a);
}

static void answer_nothing(struct lookup *l)
{
	struct answer a = {.kind = ANSWER_MISS, .head.fd = -1, .unsure = l->unsure};

	if (l->fault.code) {
		a.kind = ANSWER_FAULT;
		a.error = l->fault;
		a.store = l->fault_store;
	}
	answer(l, &a);
}

/* ---- one store ---- */

static void next_stage(struct lookup *l)
{
	drop_slots(l);
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
static void store_failed(struct lookup *l, const struct error *e, bool log)
{
	struct store *s = present(l);

	if (log && may_log(s))
		log_event(LOG_WARN, "store failed", "store", s->traits.name, "error", e->msg,
			  "kind", err_name(e->code), NULL);
	if (s->traits.optional) {
		l->unsure = true;
	} else if (!l->fault.code) {
		l->fault = *e;
		l->fault_store = s->traits.name;
	}
	next_stage(l);
}

static void note_success(struct store *s)
{
	if (breaker_succeeded(&s->breaker))
		log_event(LOG_INFO, "store answers again", "store", s->traits.name, NULL);
}

static void note_fault(struct store *s, const struct error *e)
{
	metric_inc(store_faults);
	/* Our own limits say nothing about the store, a refusal or a bad object not of others. */
	if (e->code == ERR_BUSY || e->code == ERR_LIMIT || e->code == ERR_NOMEM ||
	    e->code == ERR_DENIED || e->code == ERR_CORRUPT)
		return;
	if (breaker_failed(&s->breaker, clock_mono_ns())) {
		metric_inc(breaker_opened);
		log_event(LOG_WARN, "store left alone for a while", "store", s->traits.name,
			  "error", e->msg, NULL);
	}
}

static bool is_gzip(const struct object_head *h)
{
	return slice_eq_nocase(slice_of(h->encoding), SLICE("gzip"));
}

/*
 * The object is there, but a range of it is not what this client may have: If-Range names
 * another version, or the stored bytes are encoded and ranges of those mean nothing. Ask again
 * for the whole.
 */
static bool needs_whole(const struct lookup *l, const struct object_head *h)
{
	const struct condition_headers asked = {.if_range = slice_of(l->if_range)};
	const struct validators have = {
		.etag = slice_of(h->etag),
		.modified = h->mtime >= 0 ? h->mtime : DATE_UNKNOWN,
	};

	return l->request.ranged && (h->encoding[0] || !condition_range_allowed(&asked, &have));
}

static void ask_for_whole(struct lookup *l)
{
	l->request.ranged = false;
	drop_slots(l);
	loop_timer_set(l->request.loop, &l->next, clock_mono_ns());
}

static void found(struct lookup *l, struct slot *slot)
{
	struct object_head *h = &slot->head;
	struct error e;

	if (needs_whole(l, h)) {
		ask_for_whole(l);
		return;
	}
	if (h->encoding[0] && !(l->request.accepts_gzip && is_gzip(h))) {
		metric_inc(store_encoded);
		err_set(&e, ERR_UPSTREAM,
			"stored with Content-Encoding '%s', which the client does not accept",
			h->encoding);
		store_failed(l, &e, true);
		return;
	}
	if (!l->request.head && h->fd < 0 && fill_failed(fetch_body(slot->fetch), &e))
		store_failed(l, &e, true);
	else if (!settle(l, slot))
		answer_found(l, slot);
}

static void settled(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, settled);
	struct slot *slot = TAKE(l->settling);
	struct fill *body = fetch_body(slot->fetch);
	struct error e;

	fill_unwait(body);
	if (fill_failed(body, &e))
		store_failed(l, &e, true);
	else
		answer_found(l, slot);
}

/* A range that lies outside, of a version that If-Range may not mean: the whole settles it. */
static void unsatisfiable(struct lookup *l, const struct slot *slot)
{
	struct answer a = {
		.kind = ANSWER_UNSATISFIABLE, .head = slot->head, .store = present(l)->traits.name};

	if (l->request.if_range)
		ask_for_whole(l);
	else
		answer(l, &a);
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
			store_failed(l, &e, true);
			return;
		}
	}
	next_stage(l);
}

static void decided(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct slot *slot = ud;
	struct lookup *l = slot->lookup;
	struct store *s = present(l);

	if (head)
		slot->head = *head;
	switch (result) {
	case FETCH_FOUND:
		slot->state = FOUND;
		metric_inc(store_found);
		note_success(s);
		break;
	case FETCH_MISS:
		slot->state = MISSING;
		metric_inc(store_missing);
		note_success(s);
		break;
	case FETCH_UNSATISFIABLE:
		slot->state = UNSATISFIABLE;
		note_success(s);
		break;
	case FETCH_FAULT:
		slot->state = FAULTY;
		slot->error = *e;
		note_fault(s, e);
		break;
	}
	judge(l);
}

static struct candidate_options options_of(struct store *s)
{
	static const enum key_case cases[] = {[CASE_LOWER] = KEY_CASE_LOWER,
					      [CASE_ASKED] = KEY_CASE_ASKED,
					      [CASE_BOTH] = KEY_CASE_BOTH};
	static const enum key_tier tiers[] = {[TIER_UNKNOWN] = KEY_TIER_UNKNOWN,
					      [TIER_ONE] = KEY_TIER_ONE,
					      [TIER_TWO] = KEY_TIER_TWO};

	return (struct candidate_options){
		.key_case = s->traits.any_case ? KEY_CASE_ASKED : cases[s->traits.key_case],
		.tier = tiers[atomic_load(&s->tier)]};
}

static bool passes_over(const struct lookup *l, struct store *s)
{
	const struct symbol_path *path = l->request.path;

	return !store_takes_name(s, path->segment[path->segments - 1]) ||
	       (l->request.looped && s->traits.loops) ||
	       (!l->request.any_path && store_is_private(s) && !shape_is_symbol(path));
}

/* Each store gets an even share of what is left, so that a dead one leaves time for the next. */
static int64_t stage_deadline(const struct lookup *l)
{
	int64_t now = clock_mono_ns(), stores_left = 1;

	for (size_t i = l->at + 1; i < l->request.stores->n; i++)
		stores_left += !passes_over(l, l->request.stores->store[i]);
	return now + MAX(l->deadline_ns - now, 0) / stores_left;
}

/*
 * Whatever a store does (a directory on a dead network file system, a stalled error document),
 * the client has its answer in time. Only an answer without a length, which has to be received
 * whole before it can be passed on, gets longer.
 */
static void stage_overdue(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, overdue);
	struct error e;

	for (size_t i = 0; i < l->n_slots; i++) {
		if (l->slots[i].state == WAITING && fetch_is_spooling(l->slots[i].fetch) &&
		    clock_mono_ns() < l->deadline_ns + SPOOLING_NS) {
			loop_timer_set(l->request.loop, timer, clock_mono_ns() + NS_PER_S);
			return;
		}
	}
	err_set(&e, ERR_TIMEOUT, "no answer in time");
	note_fault(present(l), &e);
	store_failed(l, &e, true);
}

static void start_fetches(struct lookup *l, const struct candidates *c)
{
	int64_t deadline = stage_deadline(l);

	/* After all that end by themselves at the deadline. */
	loop_timer_set(l->request.loop, &l->overdue, deadline + STAGE_GRACE_NS);
	l->n_slots = c->n;
	l->slots = xzalloc(c->n * sizeof(struct slot));
	for (size_t i = 0; i < c->n; i++) {
		struct fetch_request request = {.store = present(l),
						.key = c->key[i],
						.head = l->request.head,
						.ranged = l->request.ranged,
						.range = l->request.range,
						.via = l->via,
						.deadline_ns = deadline,
						.ring_max = l->request.ring_max};

		l->slots[i] = (struct slot){.lookup = l, .head.fd = -1};
		l->slots[i].fetch = fetch_start(&request, decided, &l->slots[i]);
	}
}

static void stage(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, next);
	struct candidates c;
	struct candidate_options o;
	struct error e;

	while (l->at < l->request.stores->n && passes_over(l, present(l)))
		l->at++;
	if (l->at == l->request.stores->n) {
		answer_nothing(l);
		return;
	}
	if (!breaker_allows(&present(l)->breaker, clock_mono_ns())) {
		metric_inc(store_skipped);
		err_set(&e, ERR_UPSTREAM, "left alone after repeated failures");
		store_failed(l, &e, false);
		return;
	}
	o = options_of(present(l));
	if (candidates_make(l->request.path, &o, &c)) {
		start_fetches(l, &c);
	} else {
		err_set(&e, ERR_NOMEM, "no memory for the candidates");
		store_failed(l, &e, true);
	}
	candidates_fini(&c);
}

static void stop_timers(struct lookup *l)
{
	struct slot *slot = TAKE(l->settling);

	loop_timer_stop(l->request.loop, &l->next);
	loop_timer_stop(l->request.loop, &l->settled);
	if (slot)
		fill_unwait(fetch_body(slot->fetch));
}

static void abort_one(struct lookup *l)
{
	struct answer a = {.kind = ANSWER_FAULT, .head.fd = -1};

	if (l->winner)
		fetch_abort(l->winner);
	if (l->done)
		return;
	stop_timers(l);
	err_set(&a.error, ERR_CANCELED, "shutting down");
	answer(l, &a);
}

void lookup_abort_all(struct lookups *all)
{
	all->closing = true;
	for (struct lookup *l = all->first; l; l = l->next_one)
		abort_one(l);
}

static void begin(struct loop_task *task)
{
	struct lookup *l = CONTAINER_OF(task, struct lookup, start);

	l->next_one = l->request.all->first;
	l->at_one = &l->request.all->first;
	if (l->next_one)
		l->next_one->at_one = &l->next_one;
	l->request.all->first = l;
	if (l->request.all->closing)
		abort_one(l);
	else
		stage(&l->next);
}

static void let_go(struct loop_task *task)
{
	struct lookup *l = CONTAINER_OF(task, struct lookup, release);

	stop_timers(l);
	drop_slots(l);
	fetch_free(l->winner);
	*l->at_one = l->next_one;
	if (l->next_one)
		l->next_one->at_one = l->at_one;
	l->released(l->ud);
	free(l->if_range);
	free(l->via);
	free(l);
}

struct lookup *lookup_start(const struct lookup_request *request,
			    void (*answered)(void *ud, struct answer *answer), void *ud)
{
	struct lookup *l = xnew(struct lookup);

	l->request = *request;
	l->if_range = request->if_range ? xstrdup(request->if_range) : NULL;
	l->via = request->via ? xstrdup(request->via) : NULL;
	l->answered = answered;
	l->ud = ud;
	l->start.run = begin;
	l->release.run = let_go;
	l->next.due = stage;
	l->settled.due = settled;
	l->overdue.due = stage_overdue;
	l->deadline_ns = clock_mono_ns() + request->budget_ns;
	loop_post(request->loop, &l->start);
	return l;
}

void lookup_release(struct lookup *l, void (*released)(void *ud))
{
	l->released = released;
	loop_post(l->request.loop, &l->release);
}
