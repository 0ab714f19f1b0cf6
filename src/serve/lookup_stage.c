// SPDX-License-Identifier: MIT
/*
 * Asking one store: an ask for each candidate that is not known to be missing, all at once. Of one
 * that is not likely, and of the names that a debugger asks for next, it is only asked whether it
 * is there (its presence); where the store is known to have the name, not before the likely ones are
 * missing. A stage that is not decided when its share of the budget is over has failed.
 */
#include "base/log.h"
#include "metric/metric.h"
#include "serve/lookup_priv.h"

#include <xxhash.h>

#define STAGE_GRACE_NS (100 * NS_PER_MS)
#define SPOOLING_NS    (60 * NS_PER_S)
#define CUT_NS         (60 * NS_PER_S)

/* Each store gets an even share of what is left, so that a dead one leaves time for the next. */
static int64_t stage_deadline(const struct lookup *l)
{
	int64_t now = clock_mono_ns(), stores_left = 1;

	for (size_t i = l->at + 1; i < l->request.stores->n; i++)
		stores_left += !resolve_passes_over(&l->request.rules, l->request.stores->store[i]);
	return now + MAX(l->deadline_ns - now, 0) / stores_left;
}

/* A transfer that passes the cache ends with the lookup. */
static bool goes_on(const struct lookup *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (l->slots[i].state == WAITING && l->slots[i].ask &&
		    ask_way(l->slots[i].ask) != ASK_PASSED)
			return l->request.patient;
	return false;
}

/*
 * The client is answered in time even if a store hangs (a directory on a dead network file system,
 * a stalled error document). Only an answer without a length, which has to be received whole before
 * it can be passed on, gets longer.
 */
void lookup_overdue(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, overdue);
	struct error e;
	bool working, spools = false;

	for (size_t i = 0; i < l->n_slots; i++) {
		spools |= l->slots[i].state == WAITING && l->slots[i].ask &&
			  ask_is_spooling(l->slots[i].ask);
		if (spools && clock_mono_ns() < l->deadline_ns + SPOOLING_NS) {
			loop_timer_set(l->request.loop, timer, clock_mono_ns() + NS_PER_S);
			return;
		}
	}
	err_set(&e, ERR_TIMEOUT, "no answer in time");
	working = goes_on(l);
	l->working = l->working || working;
	lookup_store_failed(l, &e, !working);
}

static enum form form_wanted(const struct candidate *c)
{
	switch (c->want) {
	case WANT_EXPANDED: return FORM_EXPANDED;
	case WANT_CABINET: return FORM_CABINET;
	case WANT_FILE:
	case WANT_POINTER: break;
	}
	return FORM_STORED;
}

static void log_asked(const struct slot *slot, enum form form, bool presence)
{
	struct log_line line;

	log_begin(&line, LOG_DEBUG, "candidate asked");
	log_add(&line, "store", slice_of(lookup_present(slot->lookup)->traits.name));
	log_add(&line, "key", slot->candidate.key);
	log_add(&line, "form", slice_of(form_name(form)));
	log_add(&line, "for", presence ? SLICE("whether it is there") : SLICE("itself"));
	log_end(&line);
}

static void start_ask(struct slot *slot, bool only_presence)
{
	struct lookup *l = slot->lookup;
	const struct lookup_request *r = &l->request;
	bool pointer = slot->candidate.want == WANT_POINTER;
	bool looked_into = pointer || slot->candidate.gzipped;
	enum form form = form_wanted(&slot->candidate);
	bool presence = only_presence ||
			(r->presence && (form != FORM_STORED || slot->candidate.gzipped));
	const struct ask_request request = {
		.flights = r->flights,
		.store = lookup_present(l),
		.key = slot->candidate.key,
		.form = form,
		.as_it_is = r->presence,
		.accepts_gzip = r->rules.client->gzip && !r->part.ranged && !pointer,
		.msfz = resolve_asks_for(&r->rules, &slot->candidate) == FORM_MSFZ,
		.named = l->asked,
		.presence = presence,
		.seekable = looked_into && !presence,
		/*
		 * The candidates of the path were looked for in the cache before (known.c); those
		 * of a pointer's target were not.
		 */
		.look = pointer || l->target.n > 0 || form != FORM_STORED,
		.head = r->head && !looked_into,
		.ranged = r->part.ranged && !looked_into,
		.range = r->part.range,
		.via = l->via,
		.checksum = l->checksum,
		.asker = l->number,
		.deadline_ns = l->stage_deadline_ns,
		.patient = r->patient,
		.ring_max = r->ring_max,
	};

	if (r->tells)
		log_asked(slot, form, presence);
	if (r->note)
		slot->asked_ns = clock_mono_ns();
	slot->presence = presence;
	slot->state = WAITING;
	slot->ask = ask_start(&request, lookup_decided, slot);
}

void lookup_ask(struct slot *slot)
{
	struct lookup *l = slot->lookup;

	ask_free(TAKE(slot->ask));
	/* It was stopped while something was looked into. */
	loop_timer_set(l->request.loop, &l->overdue, l->stage_deadline_ns + STAGE_GRACE_NS);
	start_ask(slot, false);
}

static struct miss miss_of_candidate(const struct lookup *l, const struct resolve_rules *rules,
				     const struct candidate *c)
{
	return cache_find_miss(flights_cache(l->request.flights), lookup_present(l), c->key,
			       resolve_asks_for(rules, c), l->checksum);
}

bool lookup_knows_missing(struct lookup *l, const struct candidate *c)
{
	struct miss miss = miss_of_candidate(l, &l->request.rules, c);

	cache_note_absent(flights_cache(l->request.flights), lookup_present(l), c->key, &miss);
	if (miss.answers_ns > 0)
		l->keep_ns = MIN(l->keep_ns, miss.refused ? 0 : miss.answers_ns);
	return miss.answers_ns > 0;
}

static void leave_alone(struct slot *slot)
{
	slot->state = FAULTY;
	err_set(&slot->error, ERR_UPSTREAM, "left alone after repeated failures");
}

/* One key more? The last in the list has a place of its own when it is the path as it was asked. */
static bool take_question(struct lookup *l, const struct candidates *c, size_t i)
{
	size_t last = c->n - 1;
	size_t reserved = c->list[last].as_asked && i < last;

	if (l->questions_left <= reserved)
		return false;
	l->questions_left--;
	return true;
}

/* ---- going on where the request before was cut ---- */

/* A cut is one in the order of the candidates, which what is learnt changes. */
static uint64_t order_of(const struct candidates *c)
{
	uint64_t order = 0;

	for (size_t i = 0; i < c->n; i++)
		order = order * 31 + (uint64_t)(c->list[i].key.p - c->text.p);
	return order;
}

/*
 * Where the request before was cut is noted apart from the misses, since these may be remembered
 * for too short a time, or not at all. The note is valid under the same conditions as they are.
 */
static uint64_t cut_hash(const struct lookup *l, const struct candidates *c)
{
	struct slice path = l->request.rules.path->spelling[0].path;
	const struct store *s = lookup_present(l);
	const struct {
		uint64_t candidates, order, target, msfz, purges, epoch, via, checksum;
	} also = {
		.candidates = c->n,
		.order = order_of(c),
		.target = l->target.n,
		.msfz = l->request.rules.client->msfz,
		/*
		 * After a purge, or once the store's misses no longer count (epoch), the next
		 * request begins at the first candidate again.
		 */
		.purges = cache_purges(flights_cache(l->request.flights)),
		.epoch = atomic_load_explicit(&s->epoch, memory_order_relaxed),
		/* A miss for a request with these headers says nothing of requests with others. */
		.via = l->via ? XXH3_64bits(l->via, strlen(l->via)) : 0,
		.checksum = l->checksum ? XXH3_64bits(l->checksum, strlen(l->checksum)) : 0,
	};
	uint64_t seed;

	memcpy(&seed, s->id, sizeof(seed));
	seed = XXH3_64bits_withSeed(&also, sizeof(also), seed);
	return XXH3_64bits_withSeed(path.p, path.n, seed) | 1;
}

/* The likeliest are asked for by each request. */
static size_t asked_always(const struct lookup *l)
{
	return l->request.max_questions > 1 ? MAX(l->request.max_questions / 4, 1) : 0;
}

static size_t goes_on_at(const struct lookup *l, uint64_t of)
{
	const struct lookup_cut *cut = &l->request.all->cut[of % LOOKUP_CUTS];

	return cut->of == of && clock_mono_ns() < cut->until_ns ? cut->at : 0;
}

/*
 * Noted only when all asks of the stage were answered by a miss: a request that comes before asks
 * for the same candidates, and so does one after a fault or a find.
 */
void lookup_remember_cut(struct lookup *l)
{
	if (!l->cut.of)
		return;
	l->cut.until_ns = clock_mono_ns() + CUT_NS;
	l->request.all->cut[l->cut.of % LOOKUP_CUTS] = l->cut;
}

/*
 * Of the candidates' kinds of question (bits) those alone are asked that the store's gates admit.
 * The keys go from the candidates to the lookup. Of a store that packs its files the first packed
 * form is as likely as the plain one, and saves a round when it is asked for itself. A candidate
 * for which no question is left counts as missing, but not as proven. Where the store is known to have the name,
 * the likeliest goes out alone, and the others wait (HELD) for its miss; where that is not believed, only those that
 * are candidates for no other reason wait.
 */
static void start_asks(struct lookup *l, struct candidates *c, unsigned kinds)
{
	bool packs = lookup_present(l)->packs, cut = false, named = false;
	bool alone = lookup_present(l)->traits.listed_believed;
	uint64_t of = cut_hash(l, c);
	size_t on = goes_on_at(l, of), stopped = 0, unknown = 0;

	l->stage_began_ns = clock_mono_ns();
	l->keep_before_ns = l->keep_ns;
	l->stage_deadline_ns = stage_deadline(l);
	/* After all that end by themselves at the deadline. */
	loop_timer_set(l->request.loop, &l->overdue, l->stage_deadline_ns + STAGE_GRACE_NS);
	l->questions_left = lookup_present(l)->traits.local || !l->request.max_questions
				    ? SIZE_MAX
				    : l->request.max_questions;
	l->keys = c->text;
	c->text = (struct buf){0};
	l->n_slots = c->n;
	l->slots = xzalloc((c->n + c->starts) * sizeof(struct slot));
	for (size_t i = 0; i < c->n; i++) {
		struct slot *slot = &l->slots[i];
		bool eager = c->list[i].eager || (alone && c->list[i].name_n && !named) ||
			     (packs && c->list[i].want == WANT_EXPANDED);

		packs = packs && c->list[i].want != WANT_EXPANDED;
		*slot = (struct slot){
			.lookup = l, .candidate = c->list[i], .state = MISSING, .head.fd = -1};
		slot->candidate.eager = eager;
		slot->known = lookup_knows_missing(l, &c->list[i]);
		if (slot->known)
			continue;
		if (!(kinds & 1U << question_of(c->list[i].key)))
			leave_alone(slot);
		else if (i < on && unknown >= asked_always(l))
			cut = true;
		else if (!take_question(l, c, i))
			stopped = stopped ? stopped : i;
		else if (c->list[i].added ? !alone || named : alone && named)
			slot->state = HELD;
		else
			start_ask(slot, !eager);
		named = named || c->list[i].name_n;
		unknown++;
	}
	l->named = named || c->starts;
	l->in_vain = SLICE_NONE;
	if (c->starts)
		lookup_add_lists(l, c);
	l->cut = (struct lookup_cut){cut || stopped ? of : 0, stopped, 0};
	if (l->cut.of) {
		l->keep_ns = 0;
		metric_inc(refused_questions);
	}
}

static void ask_presence(struct lookup *l, struct flight_request *flight,
			 const struct resolve_rules *rules)
{
	struct candidates c;

	if (resolve_candidates(rules, flight->store, &c))
		for (size_t i = 0; i < c.n && l->questions_left; i++) {
			flight->key = c.list[i].key;
			if (!c.list[i].eager ||
			    miss_of_candidate(l, rules, &c.list[i]).answers_ns > 0)
				continue;
			l->questions_left--;
			flight_ask_presence(flight);
		}
	candidates_fini(&c);
}

/*
 * Find out in the same round whether the names are there that a debugger asks for next if this one
 * is missing. Not for a server before us (via), which does so by itself.
 */
static void ask_siblings(struct lookup *l)
{
	const struct lookup_request *r = &l->request;
	struct resolve_rules rules = r->rules;
	struct flight_request flight = {.flights = r->flights,
					.store = lookup_present(l),
					.via = l->via,
					.checksum = l->checksum,
					.asker = l->number,
					.deadline_ns = l->deadline_ns};
	struct symbol_path sibling[2];
	size_t n;

	if (l->target.n || r->spare.kind == ANSWER_FOUND || l->via || r->presence ||
	    lookup_present(l)->traits.local || !cache_remembers(flights_cache(r->flights)))
		return;
	n = resolve_siblings(r->rules.path, r->rules.client->symsrv, sibling);
	for (size_t i = 0; i < n; i++) {
		rules.path = &sibling[i];
		if (!resolve_passes_over(&rules, lookup_present(l)))
			ask_presence(l, &flight, &rules);
		symbol_path_fini(&sibling[i]);
	}
}

static bool any_is(const struct lookup *l, enum slot_state state)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (l->slots[i].state == state)
			return true;
	return false;
}

void lookup_ask_held(struct lookup *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (l->slots[i].state == HELD && l->slots[i].lists)
			lookup_list(&l->slots[i], lookup_judge);
		else if (l->slots[i].state == HELD)
			start_ask(&l->slots[i], !l->slots[i].candidate.eager);
	ask_siblings(l);
}

static bool misses_all(struct lookup *l, const struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (!lookup_knows_missing(l, &c->list[i]))
			return false;
	return !c->starts || lookup_knows_missing(l, &(struct candidate){.key = c->in_vain});
}

/* Which kinds of question (bits) the store may be asked now, of those that the candidates are. */
static unsigned admitted(struct lookup *l, const struct candidates *c)
{
	struct store *s = lookup_present(l);
	unsigned kinds = 0, ret = 0;

	for (size_t i = 0; i < c->n; i++)
		if (miss_of_candidate(l, &l->request.rules, &c->list[i]).answers_ns <= 0)
			kinds |= 1U << question_of(c->list[i].key);
	for (int q = 0; q < QUESTIONS; q++)
		if (kinds & 1U << q && gate_admits(s, (enum question)q))
			ret |= 1U << q;
	return ret;
}

static void ask_store(struct lookup *l, struct candidates *c)
{
	unsigned kinds = admitted(l, c);
	struct error e;

	if (kinds || (c->starts && !gate_is_closed(lookup_present(l), QUESTION_SYMBOL))) {
		start_asks(l, c, kinds);
		if (!any_is(l, HELD))
			ask_siblings(l);
		if (!any_is(l, WAITING)) /* what goes first is known to be missing */
			lookup_judge(l);
		return;
	}
	metric_inc(store_skipped);
	err_set(&e, ERR_UPSTREAM, "left alone after repeated failures");
	lookup_note_store(l, SAID_FAULT, e.msg);
	lookup_store_failed(l, &e, false);
}

static bool make_candidates(struct lookup *l, struct candidates *ret)
{
	struct resolve_rules *rules = &l->request.rules;

	rules->ranged = l->request.part.ranged;
	if (l->target.n)
		return resolve_target(rules, buf_slice(&l->target), lookup_present(l), ret);
	return resolve_candidates(rules, lookup_present(l), ret);
}

void lookup_stage(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, next);
	const struct store_list *stores = l->request.stores;
	struct candidates c;
	struct error e;
	bool made;

	while (l->at < stores->n && resolve_passes_over(&l->request.rules, lookup_present(l))) {
		if (resolve_is_loop(&l->request.rules, lookup_present(l)))
			l->keep_ns = 0;
		lookup_note_store(l, SAID_PASSED_OVER, NULL);
		l->at++;
	}
	if (l->at == stores->n) {
		lookup_answer_nothing(l);
		return;
	}
	made = make_candidates(l, &c);
	/*
	 * Candidates behind the spare answer, which is in the cache already, need not be asked for.
	 */
	if (lookup_has_spare(l) && !l->target.n) {
		c.n = MIN(c.n, l->request.spare.rank);
		c.starts = 0;
	}
	if (!made) {
		err_set(&e, ERR_NOMEM, "no memory for the candidates");
		lookup_store_failed(l, &e, true);
	} else if (misses_all(l, &c)) {
		lookup_note_known(l, &c);
		lookup_next_stage(l);
	} else {
		ask_store(l, &c);
	}
	candidates_fini(&c);
}
