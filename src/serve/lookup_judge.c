// SPDX-License-Identifier: MIT
/*
 * How the answers of one store decide a stage. After each answer lookup_judge() looks at all
 * candidates in order:
 *
 *	all before missing, this one found	the answer
 *	all before missing, this one there	ask for it
 *	all before missing, this one a fault	the store has failed, next store
 *	all missing				next store
 *	else					wait
 *
 * The states of a slot. What leads on from THERE, FOUND and FIT happens when all slots before it
 * are MISSING, and so does what leads on from HELD; of the three that wait for a body there is one at
 * a time (`awaited`), and what the slots behind it say does not matter any more.
 *
 *	from		when					to
 *	WAITING		its ask has answered			THERE, FOUND, MISSING, UNSATISFIABLE, FAULTY
 *	HELD		-					WAITING, as all that are HELD
 *	THERE		-					WAITING: asked for itself
 *	FOUND		leads elsewhere				LEADING; MISSING if too long for that
 *	FOUND		is called gzip, and is to be sent so	PEEKING
 *	FOUND		else					FIT
 *	PEEKING		the first bytes are gzip's		FIT
 *	PEEKING		they are not				WAITING: asked for expanded
 *	LEADING		it leads to a file of the store		another stage of the same store
 *	LEADING		it does not				MISSING
 *	FIT		is a part where the whole is needed	the stage begins again, for the whole
 *	FIT		is encoded as the client cannot read	the store has failed
 *	FIT		is small, and its body not yet there	SETTLING
 *	FIT		else					the answer
 *	SETTLING	the body is there, or SETTLE_NS over	the answer
 *
 * PEEKING, LEADING, FIT and SETTLING become MISSING when the body turns out to be another file's;
 * when it fails, or does not come in time for the first two, the store has failed. A body that is
 * there already is not waited for.
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
#define HOT_LOCAL_NS  (1 * NS_PER_S)

static void body_came(struct fill_waiter *w)
{
	struct lookup *l = CONTAINER_OF(w, struct lookup, body);

	loop_timer_set(l->request.loop, &l->awaken, 0);
}

/* False, and the slot keeps its state: the body has come so far, or has failed. */
static bool await(struct lookup *l, struct slot *slot, enum slot_state as,
		  const struct fill_waiter *body, int64_t until_ns)
{
	l->body = *body;
	l->body.ready = body_came;
	if (slot->head.fd >= 0 || !fill_wait(ask_body(slot->ask), &l->body))
		return false;
	slot->state = as;
	l->awaited = slot;
	loop_timer_stop(l->request.loop, &l->overdue);
	loop_timer_set(l->request.loop, &l->awaken, until_ns);
	return true;
}

/*
 * A local file, and what was found to be missing before it, is taken for granted for a second from when
 * that was asked, but what was known to be missing for no longer than that is remembered. What comes behind it
 * does not matter.
 */
static int64_t hot_for(struct lookup *l, const struct slot *found)
{
	if (!found->head.changed_ns || l->fault_store || l->working)
		return 0;
	l->keep_ns = MIN(l->keep_before_ns, HOT_LOCAL_NS);
	for (const struct slot *slot = l->slots; slot < found; slot++)
		if (!slot->ask && !lookup_knows_missing(l, &slot->candidate))
			return 0;
	return MAX(l->stage_began_ns + l->keep_ns - clock_mono_ns(), 0);
}

/* The next file below this name is looked for where this one lay. */
static void learn(struct lookup *l, const struct candidate *c)
{
	const struct cache *cache = flights_cache(l->request.flights);
	struct store *s = lookup_present(l);
	struct listed_name name = {slice_head(c->key, c->folder_n),
				   slice_head(slice_from(c->key, c->folder_n), c->name_n), 0};
	uint8_t lies = candidate_lies(c, atomic_load(&s->learnt));

	if (!c->name_n)
		return;
	cache_learn_name(cache, s, &name, lies);
	atomic_store(&s->learnt, lies);
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

	a.hot_ns = hot_for(l, slot);
	if (!l->request.head && a.head.fd < 0)
		a.fill = fill_ref(ask_body(slot->ask));
	slot->head.fd = -1;
	answer_describe(&a, &slot->candidate, ask_form(slot->ask));
	a.late |= l->target.n > 0;
	a.from->packs = slot->candidate.want == WANT_EXPANDED;
	if (path->unified && fold_equal(slot->candidate.key, path->spelling[0].path))
		atomic_store(&a.from->unified, true);
	learn(l, &slot->candidate);
	lookup_list_found(l, slot);
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

/* A store has failed: remember it for the end, and log it unless it is optional. */
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
 * The object is there, but this client may not be given a range of it: If-Range names another
 * version, or the stored bytes are encoded and ranges of those mean nothing. Ask again for the
 * whole.
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

/* Another file than its key names is a miss, not a failure of the store. */
static void slot_body_failed(struct lookup *l, struct slot *slot, const struct error *e)
{
	if (e->code == ERR_OTHER)
		lookup_take_for_missing(l, slot);
	else
		lookup_store_failed(l, e, true);
}

static void lead(struct lookup *l, struct slot *slot)
{
	const struct fill_waiter end = {.offset = slot->head.length};

	if (!lookup_may_point(slot))
		lookup_take_for_missing(l, slot);
	else if (!await(l, slot, LEADING, &end, l->stage_deadline_ns))
		lookup_pointer_arrived(l, slot);
}

static void fit(struct lookup *l, struct slot *slot)
{
	const struct fill_waiter end = {.offset = slot->head.length};
	struct object_head *h = &slot->head;
	struct error e;

	slot->state = FIT;
	if (needs_whole(l, slot)) {
		ask_for_whole(l);
	} else if (!l->request.presence && !answer_acceptable(h, l->request.rules.client->gzip)) {
		metric_inc(store_encoded);
		err_set(&e, ERR_UPSTREAM,
			"stored with Content-Encoding '%s', which the client does not accept",
			h->encoding);
		lookup_store_failed(l, &e, true);
	} else if (!l->request.head && h->fd < 0 && fill_failed(ask_body(slot->ask), &e)) {
		slot_body_failed(l, slot, &e);
	} else if (l->request.head || h->length > SETTLE_LENGTH ||
		   !await(l, slot, SETTLING, &end, clock_mono_ns() + SETTLE_NS)) {
		answer_found(l, slot);
	}
}

/*
 * A file that is called foo.pdb.gz goes out as it is if its bytes are gzip; else it is asked for
 * expanded.
 */
static void peeked(struct lookup *l, struct slot *slot)
{
	if (ask_form(slot->ask) == FORM_STORED && begins_like_gzip(slot)) {
		fit(l, slot);
		return;
	}
	close_p(&slot->head.fd);
	slot->head.fd = -1;
	slot->candidate.gzipped = false;
	slot->candidate.want = WANT_EXPANDED;
	lookup_ask(slot);
}

static void found(struct lookup *l, struct slot *slot)
{
	const struct fill_waiter first = {.offset = 1, .ahead = true};

	if (slot->candidate.want == WANT_POINTER)
		lead(l, slot);
	else if (!slot->candidate.gzipped)
		fit(l, slot);
	else if (!await(l, slot, PEEKING, &first, l->stage_deadline_ns))
		peeked(l, slot);
}

void lookup_awaken(struct loop_timer *timer)
{
	struct lookup *l = CONTAINER_OF(timer, struct lookup, awaken);
	struct slot *slot = TAKE(l->awaited);
	struct fill *body = ask_body(slot->ask);
	bool came = !fill_unwait(body, &l->body);
	struct error e;

	if (fill_failed(body, &e)) {
		slot_body_failed(l, slot, &e);
	} else if (slot->state == SETTLING) {
		answer_found(l, slot);
	} else if (!came) {
		err_set(&e, ERR_TIMEOUT, "what has to be looked into did not come in time");
		lookup_store_failed(l, &e, true);
	} else if (slot->state == LEADING) {
		lookup_pointer_arrived(l, slot);
	} else {
		peeked(l, slot);
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

/* A 404 that rests on a miss which is not remembered (any more) may not be kept by clients. */
static void all_missing(struct lookup *l)
{
	struct error e;

	if (l->cut.of && l->named && !lookup_lists_prove(l)) {
		err_set(&e, ERR_LIMIT, "more keys may hold it than may be asked for");
		lookup_store_failed(l, &e, true);
		return;
	}
	for (size_t i = 0; i < l->n_slots; i++)
		if (!l->slots[i].lists && !lookup_knows_missing(l, &l->slots[i].candidate))
			l->keep_ns = 0;
	if (l->in_vain.n)
		lookup_lists_in_vain(l);
	if (l->in_vain.n && !lookup_knows_missing(l, &(struct candidate){.key = l->in_vain}))
		l->keep_ns = 0;
	lookup_remember_cut(l);
	lookup_next_stage(l);
}

void lookup_judge(struct lookup *l)
{
	for (size_t i = 0; i < l->n_slots; i++) {
		struct slot *slot = &l->slots[i];
		struct error e;

		switch (slot->state) {
		case WAITING:
		case PEEKING:
		case LEADING:
		case FIT:
		case SETTLING: return;
		case MISSING: continue;
		case HELD:
			lookup_ask_held(l);
			if (slot->state == MISSING) /* not to be listed */
				continue;
			return;
		case THERE:
			if (l->request.presence && slot->ask &&
			    slot->candidate.want != WANT_POINTER)
				answer_found(l, slot);
			else
				lookup_ask(slot);
			return;
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
	if (slot->lookup->request.note)
		slot->took_ns = MAX(clock_mono_ns() - slot->asked_ns, 1);
	slot->answered = true;
	slot->result = result;
	if (e)
		slot->error = *e;
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
	case FETCH_FAULT: slot->state = FAULTY; break;
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
