// SPDX-License-Identifier: MIT
/*
 * What the answers of a store come to. Whatever arrives, lookup_judge() looks at all candidates in order
 * and sees whether the stage is decided:
 *
 *	all before missing, this one found	the answer
 *	all before missing, this one there	ask for it
 *	all before missing, this one a fault	the store has failed, next store
 *	all missing				next store
 *	else					wait
 *
 * A small answer waits a moment for its body (`settling`); what the other candidates say then is
 * ignored.
 */
#include "base/log.h"
#include "base/text.h"
#include "codec/gzip.h"
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

/* body_end is registered. */
static void wait_for_body(struct lookup *l, struct slot *slot, int64_t until_ns)
{
	l->settling = slot;
	loop_timer_stop(l->request.loop, &l->overdue);
	loop_timer_set(l->request.loop, &l->settled, until_ns);
}

static bool settle(struct lookup *l, struct slot *slot)
{
	bool pointer = slot->candidate.want == WANT_POINTER;

	if (slot->head.fd >= 0 ||
	    (!pointer && (l->request.head || slot->head.length > SETTLE_LENGTH)))
		return false;
	l->body_end = (struct fill_waiter){.ready = body_ended, .offset = slot->head.length};
	if (!fill_wait(ask_body(slot->ask), &l->body_end))
		return false;
	wait_for_body(l, slot, pointer ? l->stage_deadline_ns : clock_mono_ns() + SETTLE_NS);
	return true;
}

static void answer_found(struct lookup *l, struct slot *slot)
{
	const struct symbol_path *path = l->request.rules.path;
	struct answer a = {
		.kind = ANSWER_FOUND,
		.head = slot->head,
		.way = ask_way(slot->ask),
		.from = lookup_present(l),
	};

	if (!l->request.head && a.head.fd < 0)
		a.fill = fill_ref(ask_body(slot->ask));
	slot->head.fd = -1;
	answer_describe(&a, &slot->candidate, ask_form(slot->ask));
	a.late |= l->target.n > 0;
	a.from->packs = slot->candidate.want == WANT_EXPANDED;
	if (path->unified && fold_equal(slot->candidate.key, path->spelling[0].path))
		atomic_store(&a.from->unified, true);
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
	struct answer a = {.kind = ANSWER_FAULT, .head.fd = -1};

	if (!l->fault_store && !l->working) {
		a.kind = ANSWER_MISS;
		a.keep_ns = l->keep_ns;
	} else {
		a.error = l->fault;
		a.from = l->fault_store;
		a.working = l->working;
	}
	lookup_answer(l, &a);
}

/* ---- one store ---- */

bool lookup_has_spare(const struct lookup *l)
{
	return l->request.spare.kind == ANSWER_FOUND && l->request.spare.from == lookup_present(l);
}

static void answer_spare(struct lookup *l)
{
	struct answer a = l->request.spare;

	l->request.spare = (struct answer){.kind = ANSWER_MISS, .head.fd = -1};
	answer_cut(&a, &l->request.part);
	lookup_answer(l, &a);
}

/* All that could be asked is missing, or the store has failed. */
void lookup_next_stage(struct lookup *l)
{
	if (lookup_has_spare(l)) {
		answer_spare(l);
		return;
	}
	lookup_drop_slots(l);
	lookup_forget_target(l);
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
		l->keep_ns = 0;
	} else if (!l->fault_store) {
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

/* Wait for the first bytes of it? */
static bool peek(struct lookup *l, struct slot *slot)
{
	l->body_end = (struct fill_waiter){.ready = body_ended, .offset = 1, .ahead = true};
	if (slot->head.fd >= 0 || !fill_wait(ask_body(slot->ask), &l->body_end))
		return false;
	wait_for_body(l, slot, l->stage_deadline_ns);
	l->peeking = true;
	return true;
}

static bool begins_like_gzip(const struct slot *slot)
{
	char magic[2];
	size_t n = 0;

	if (slot->head.fd >= 0)
		return answer_is_gzip(&slot->head);
	return !slot->head.encoding[0] &&
	       fill_read_ahead(ask_body(slot->ask), 0, magic, 2, &n) == FILL_DATA && n == 2 &&
	       memcmp(magic, GZIP_MAGIC, 2) == 0;
}

/* What is called foo.pdb.gz goes out as it is if that is what it is; else it is asked for expanded. */
static bool may_go_gzipped(struct slot *slot)
{
	if (ask_form(slot->ask) == FORM_STORED && begins_like_gzip(slot))
		return true;
	close_p(&slot->head.fd);
	slot->head.fd = -1;
	slot->candidate.gzipped = false;
	slot->candidate.want = WANT_EXPANDED;
	lookup_ask(slot);
	return false;
}

/* Another file than its key names is a miss, not a failure of the store. */
static void body_failed(struct lookup *l, struct slot *slot, const struct error *e)
{
	if (e->code == ERR_OTHER)
		lookup_take_for_missing(l, slot);
	else
		lookup_store_failed(l, e, true);
}

static void found(struct lookup *l, struct slot *slot)
{
	struct object_head *h = &slot->head;
	struct error e;

	if (slot->candidate.want == WANT_POINTER && !lookup_may_point(slot)) {
		lookup_take_for_missing(l, slot);
		return;
	}
	if (slot->candidate.want == WANT_POINTER) {
		if (!settle(l, slot))
			lookup_pointer_arrived(l, slot);
		return;
	}
	if (slot->candidate.gzipped && (peek(l, slot) || !may_go_gzipped(slot)))
		return;
	if (needs_whole(l, slot)) {
		ask_for_whole(l);
		return;
	}
	if (!answer_acceptable(h, l->request.rules.client->gzip)) {
		metric_inc(store_encoded);
		err_set(&e, ERR_UPSTREAM,
			"stored with Content-Encoding '%s', which the client does not accept",
			h->encoding);
		lookup_store_failed(l, &e, true);
		return;
	}
	if (!l->request.head && h->fd < 0 && fill_failed(ask_body(slot->ask), &e))
		body_failed(l, slot, &e);
	else if (!settle(l, slot))
		answer_found(l, slot);
}

void lookup_settled(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, settled);
	struct slot *slot = TAKE(l->settling);
	struct fill *body = ask_body(slot->ask);
	bool complete = !fill_unwait(body, &l->body_end), pointer, peeking;
	struct error e;

	pointer = slot->candidate.want == WANT_POINTER;
	peeking = l->peeking;
	l->peeking = false;
	if (fill_failed(body, &e)) {
		body_failed(l, slot, &e);
	} else if (!complete && (pointer || peeking)) {
		err_set(&e, ERR_TIMEOUT, "what has to be looked into did not come in time");
		lookup_store_failed(l, &e, true);
	} else if (pointer) {
		lookup_pointer_arrived(l, slot);
	} else if (peeking) {
		found(l, slot);
	} else {
		answer_found(l, slot);
	}
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

/* What is not remembered by now, for whatever reason, nobody else is to keep. */
static void all_missing(struct lookup *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (!lookup_knows_missing(l, l->slots[i].candidate.key))
			l->keep_ns = 0;
	lookup_remember_cut(l);
	lookup_next_stage(l);
}

void lookup_judge(struct lookup *l)
{
	if (l->settling)
		return; /* decided; what the others say does not matter any more */
	for (size_t i = 0; i < l->n_slots; i++) {
		struct slot *slot = &l->slots[i];
		struct error e;

		switch (slot->state) {
		case WAITING: return;
		case MISSING: continue;
		case THERE: lookup_ask(slot); return;
		case FOUND: found(l, slot); return;
		case UNSATISFIABLE: unsatisfiable(l, slot); return;
		case FAULTY:
			e = slot->error;
			lookup_store_failed(l, &e, true);
			return;
		}
	}
	all_missing(l);
}

static void log_answered(const struct slot *slot, enum fetch_result result, const struct error *e)
{
	static const char *const names[] = {
		[FETCH_FAULT] = "fault",   [FETCH_FOUND] = "found",
		[FETCH_MISS] = "miss",     [FETCH_UNSATISFIABLE] = "range",
		[FETCH_DENIED] = "denied", [FETCH_REFUSED] = "refused",
	};
	struct log_line line;

	log_begin(&line, LOG_DEBUG, "candidate answered");
	log_add(&line, "store", slice_of(lookup_present(slot->lookup)->traits.name));
	log_add(&line, "key", slot->candidate.key);
	log_add(&line, "answer", slice_of(names[result]));
	if (result == FETCH_FAULT)
		log_add(&line, "error", slice_of(e->msg));
	log_end(&line);
}

void lookup_decided(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct slot *slot = ud;

	if (slot->lookup->request.tells)
		log_answered(slot, result, e);
	if (head)
		slot->head = *head;
	if (head && slot->presence) {
		close_p(&slot->head.fd);
		slot->head.fd = -1;
	}
	switch (result) {
	case FETCH_FOUND: slot->state = slot->presence ? THERE : FOUND; break;
	case FETCH_MISS:
	case FETCH_DENIED:
	case FETCH_REFUSED: slot->state = MISSING; break;
	case FETCH_UNSATISFIABLE: slot->state = slot->presence ? THERE : UNSATISFIABLE; break;
	case FETCH_FAULT:
		slot->state = FAULTY;
		slot->error = *e;
		break;
	}
	lookup_judge(slot->lookup);
}

void lookup_take_for_missing(struct lookup *l, struct slot *slot)
{
	close_p(&slot->head.fd);
	slot->head.fd = -1;
	slot->state = MISSING;
	lookup_judge(l);
}
