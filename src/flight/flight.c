// SPDX-License-Identifier: MIT
/*
 * See flight.h. Here: the table of flights, who has a seat in which, and the end. Nothing here
 * reads an answer of a store: what the first one means, and what is asked next, is flight_answer.c.
 *
 * Seats that wait for the decision are in `seats`, those that have been told in `aboard`. A seat
 * that is told may leave, and may make other seats leave, so the list is read anew each time.
 *
 * Nearly everything that happens to a flight may end it: a seat that is told leaves, and the last
 * seat to leave a flight that is FLIGHT_GONE frees it. So each task, timer or event that is called
 * from outside holds its flight from its first line to its last, and nothing in between can free
 * it. The functions that tell seats or end a flight assert that it is held.
 */
#include "base/text.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"

#define PRESENCES_MAX 512

/* ---- the table ---- */

static size_t bucket_of(const struct object_id *id)
{
	return (size_t)(id->b[0] | id->b[1] << 8) % FLIGHT_BUCKETS;
}

static bool same_id(const struct object_id *a, const struct object_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static bool is_asking(const struct flight *f)
{
	return f->phase == FLIGHT_ASKING || f->phase == FLIGHT_PRESENCE;
}

/* May the store yet say that there is no such object? Not when something is being made of it. */
static bool waits_for_store(const struct flight *f)
{
	return is_asking(f) && !making_is_spooling(f);
}

/* Would a miss of this flight be a miss for a request with these (NULL: none)? */
static bool asks_alike(const struct flight *f, struct slice key, const char *via,
		       const char *checksum)
{
	const struct store_traits *t = &f->store->traits;

	return (!t->minds_case || slice_eq(slice_of(f->key), key)) &&
	       (!t->checksums || text_same(f->checksum, checksum)) &&
	       (!t->loops || text_same(f->via, via));
}

/*
 * The flight of an object: the one that asks for this spelling, else the one that is for all
 * spellings. A flight that was begun before a purge is passed over, since its answer is out of
 * date; so is one that asks with another Via or SymbolChecksum than the request has, or for another
 * spelling where the store minds that, until it has found something.
 */
static struct flight *find(const struct flights *all, const struct object_id *id, struct slice key,
			   const char *via, const char *checksum)
{
	struct flight *found = NULL, *f;

	LIST_FOREACH (f, &all->bucket[bucket_of(id)], place) {
		if (!same_id(&f->id, id) || flight_is_outdated(f) ||
		    (waits_for_store(f) && !asks_alike(f, key, via, checksum)))
			continue;
		if (slice_eq(slice_of(f->key), key))
			return f;
		if (!f->alone)
			found = f;
	}
	return found;
}

static void take_out(struct flight *f)
{
	if (LIST_IS_IN(f, place))
		LIST_LEAVE(f, place);
}

/* ---- the end ---- */

static void uncount(struct flight *f)
{
	if (!f->counted)
		return;
	f->counted = false;
	f->all->fills--;
	metric_dec(active_fills);
}

static void settle(struct flight *f)
{
	if (LIST_IS_IN(f, place) || !LIST_EMPTY(&f->seats) || !LIST_EMPTY(&f->aboard) || f->jobs ||
	    atomic_load(&f->arrival.wanted.queued))
		return;
	uncount(f);
	arrival_drop(f);
	making_free(f);
	proving_fini(f);
	fill_unref(f->fill);
	keep_fini(f);
	free(f->key);
	free(f->named);
	free(f->via);
	free(f->checksum);
	free(f);
}

static void board(struct flight *f, struct seat *s)
{
	LIST_REMOVE(s, place);
	LIST_INSERT_HEAD(&f->aboard, s, place);
}

static void tell(struct flight *f, struct seat *s, enum fetch_result result, const struct error *e)
{
	struct object_head head = f->head;

	board(f, s);
	s->decided(s, result, result == FETCH_FOUND ? &head : NULL, e);
}

void flight_tell(struct flight *f, enum fetch_result result, const struct error *e)
{
	ASSERT(f->jobs);
	f->told = true;
	while (!LIST_EMPTY(&f->seats))
		tell(f, LIST_FIRST(&f->seats), result, e);
}

void flight_gone(struct flight *f)
{
	ASSERT(f->jobs);
	f->phase = FLIGHT_GONE;
	take_out(f);
	uncount(f);
	keep_promise_end(f);
	arrival_drop(f);
	making_stop(f);
}

void flight_fail(struct flight *f, const struct error *e)
{
	struct error why = *e; /* it may lie in a fetch that is dropped now */
	bool flying = f->phase == FLIGHT_UNDER_WAY;

	flight_gone(f);
	if (flying)
		fill_fail(f->fill, &why);
	flight_tell(f, FETCH_FAULT, &why);
}

void flight_landed(struct flight *f, bool kept)
{
	if (kept) {
		f->all->landed[bucket_of(&f->id)] = f->id;
		f->all->landed_generation[bucket_of(&f->id)] = f->generation;
	}
	ASSERT(f->jobs);
	f->phase = FLIGHT_LANDED;
	take_out(f);
	uncount(f);
	keep_promise_end(f);
}

/* ---- seats ---- */

static const struct flight_events events = {
	.begin = flight_begin,
	.answered = flight_answered,
	.torn = flight_torn,
	.plausible = flight_found,
	.other = flight_is_other,
	.proven = flight_proven,
	.failed = flight_fail,
	.drafted = arrival_flush,
	.kept = flight_landed,
	.disk_failed = flight_disk_failed,
	.idle = settle,
};

static struct flight *flight_new(const struct flight_request *r, const struct object_id *id)
{
	struct flight *f = xnew(struct flight);

	f->all = r->flights;
	f->cache = r->flights->cache;
	f->id = *id;
	f->store = r->store;
	f->form = r->form;
	f->key = xstrndup(r->key.p, r->key.n);
	f->named = r->named ? xstrdup(r->named) : NULL;
	f->via = r->via ? xstrdup(r->via) : NULL;
	f->checksum = r->checksum ? xstrdup(r->checksum) : NULL;
	f->asker = r->asker;
	f->deadline_ns = r->deadline_ns;
	f->patient = r->patient;
	f->scratch_ok = r->scratch;
	f->anew = r->anew;
	f->whole = flight_whole(f);
	f->head.fd = -1;
	f->fill = fill_new((struct fill_writer){.wanted = arrival_want, .ud = f});
	f->events = &events;
	arrival_init(f);
	proving_init(f);
	keep_init(f);
	LIST_INSERT_HEAD(&f->all->bucket[bucket_of(id)], f, place);
	return f;
}

/* Tell a seat that was taken after the decision. */
static void tell_late(struct loop_timer *timer)
{
	struct seat *s = CONTAINER_OF(timer, struct seat, late);
	struct object_head head = s->flight->head;

	s->decided(s, FETCH_FOUND, &head, NULL);
}

static void sit(struct flight *f, struct seat *s)
{
	s->flight = f;
	s->late.due = tell_late;
	f->takers += s->use == SEAT_TAKES;
	making_wanted(f);
	proving_begin_late(f);
	if (is_asking(f) || !f->told) {
		LIST_INSERT_HEAD(&f->seats, s, place);
		return;
	}
	LIST_INSERT_HEAD(&f->aboard, s, place);
	loop_timer_set(f->all->loop, &s->late, 0);
}

void flight_decline(struct flight *f)
{
	struct object_head head = f->head;
	struct seat *s;

	flight_gone(f);
	while ((s = LIST_FIRST(&f->seats))) {
		board(f, s);
		if (s->use == SEAT_PRESENCE)
			s->decided(s, FETCH_FOUND, &head, NULL);
		else
			s->declined(s);
	}
}

/* The seats that came before may have had less time. */
static void wait_longer(struct flight *f, int64_t deadline_ns, bool patient)
{
	f->deadline_ns = MAX(f->deadline_ns, deadline_ns);
	f->patient = f->patient || patient;
	if (!is_asking(f))
		return;
	arrival_extend(f);
	making_extend(f);
}

static bool has_landed(const struct flight_request *r, const struct object_id *id)
{
	const struct flights *all = r->flights;
	size_t bucket = bucket_of(id);

	return same_id(&all->landed[bucket], id) &&
	       all->landed_generation[bucket] ==
		       cache_generation(r->flights->cache, r->store, r->key, r->named);
}

enum seated seat_take(const struct flight_request *r, struct seat *s)
{
	struct flights *all = r->flights;
	struct object_id id = cache_id(r->flights->cache, r->store, r->key, r->form, r->named);
	struct flight *f = find(all, &id, r->key, r->via, r->checksum);

	if (all->closing)
		return NO_SEAT;
	if (f && f->n_seats >= r->flights->settings.max_fill_waiters) {
		metric_inc(refused_fill_waiters);
		return NO_SEAT_LEFT;
	}
	if (!f && s->use != SEAT_PRESENCE && has_landed(r, &id))
		return NO_SEAT_LANDED;
	if (!f && r->join_only)
		return NO_SEAT;
	s->first = !f;
	if (!f) {
		f = flight_new(r, &id);
		flight_ask(f, s->use == SEAT_PRESENCE ? FLIGHT_PRESENCE : FLIGHT_ASKING);
		all->presences += s->use == SEAT_PRESENCE;
	}
	f->n_seats++;
	f->scratch_ok = f->scratch_ok || r->scratch;
	sit(f, s);
	wait_longer(f, r->deadline_ns, r->patient);
	return SEATED;
}

static bool is_for(const struct flight *f, const struct seat *s)
{
	return slice_eq(s->key, slice_of(f->key)) && asks_alike(f, s->key, s->via, s->checksum);
}

/* A seat whose request would have asked the store with another spelling, Via or SymbolChecksum. */
static struct seat *other_seat(const struct flight *f)
{
	struct seat *s;

	LIST_FOREACH (s, &f->seats, place)
		if (!is_for(f, s))
			return s;
	return NULL;
}

static void move(struct seat *s)
{
	struct flight *from = s->flight, *to;
	const struct flight_request r = {
		.flights = from->all,
		.store = from->store,
		.key = s->key,
		.form = from->form,
		.named = from->named,
		.via = s->via,
		.checksum = s->checksum,
		.asker = s->asker,
		.deadline_ns = from->deadline_ns,
		.patient = from->patient,
		.scratch = from->scratch_ok,
		.anew = from->anew,
	};

	LIST_REMOVE(s, place);
	from->n_seats--;
	LIST_FOREACH (to, &from->all->bucket[bucket_of(&from->id)], place)
		if (!flight_is_outdated(to) && same_id(&to->id, &from->id) && is_for(to, s))
			break;
	s->first = !to;
	if (!to) {
		to = flight_new(&r, &from->id);
		to->alone = true;
		flight_ask(to, s->use == SEAT_PRESENCE ? FLIGHT_PRESENCE : FLIGHT_ASKING);
		to->all->presences += s->use == SEAT_PRESENCE;
	}
	to->n_seats++;
	sit(to, s);
	wait_longer(to, r.deadline_ns, r.patient);
}

void flight_part_ways(struct flight *f)
{
	struct seat *s;

	ASSERT(f->phase == FLIGHT_GONE && f->jobs);
	while ((s = other_seat(f)))
		move(s);
}

/*
 * The flight of FORM_STORED that brings the object. One that only asks whether the object is there
 * is passed over: it would have to ask once more for the body.
 */
static struct flight *find_plain(const struct flight *f, const struct object_id *id)
{
	struct flight *to = find(f->all, id, slice_of(f->key), f->via, f->checksum);

	return to && to->phase != FLIGHT_PRESENCE ? to : NULL;
}

static void give_seats(struct flight *f, struct flight *to)
{
	struct seat *s;

	while ((s = LIST_FIRST(&f->seats))) {
		LIST_REMOVE(s, place);
		f->n_seats--;
		to->n_seats++;
		s->first = false;
		sit(to, s);
	}
	wait_longer(to, f->deadline_ns, f->patient);
}

bool flight_is_plain(struct flight *f)
{
	struct object_id id = cache_id(f->cache, f->store, slice_of(f->key), FORM_STORED, f->named);
	struct flight *to = find_plain(f, &id);

	ASSERT(f->form == FORM_MSFZ && f->jobs);
	if (!to) {
		take_out(f);
		f->form = FORM_STORED;
		f->id = id;
		LIST_INSERT_HEAD(&f->all->bucket[bucket_of(&id)], f, place);
		return true;
	}
	give_seats(f, to);
	return false;
}

bool flight_merges(struct flight *f)
{
	struct flight *to;

	ASSERT(f->jobs);
	LIST_FOREACH (to, &f->all->bucket[bucket_of(&f->id)], place)
		if (to != f && same_id(&to->id, &f->id) && !waits_for_store(to) &&
		    !flight_is_outdated(to) && slice_eq(slice_of(to->key), slice_of(f->key))) {
			give_seats(f, to);
			return true;
		}
	return false;
}

void flights_forget_landed(struct flights *all, const struct object_id *id)
{
	memset(&all->landed[bucket_of(id)], 0, sizeof(*id));
}

struct fill *seat_fill(const struct seat *s)
{
	return s->flight->fill;
}

void seat_extend(struct seat *s, int64_t deadline_ns, bool patient)
{
	wait_longer(s->flight, deadline_ns, patient);
}

bool seat_is_spooling(const struct seat *s)
{
	return making_is_spooling(s->flight) || arrival_is_spooling(s->flight);
}

void seat_leave(struct seat *s)
{
	struct flight *f = TAKE(s->flight);

	if (!f)
		return;
	flight_hold(f);
	loop_timer_stop(f->all->loop, &s->late);
	LIST_REMOVE(s, place);
	f->n_seats--;
	if (f->n_seats == 0 && ((f->phase == FLIGHT_UNDER_WAY && !flight_worth_finishing(f)) ||
				(f->phase == FLIGHT_ASKING && !making_goes_on(f))))
		flight_cancel(f);
	flight_let_go(f);
}

void seat_refuse(struct seat *s)
{
	if (s->flight)
		s->flight->takers--;
	seat_leave(s);
}

void flight_ask_presence(const struct flight_request *r)
{
	struct flights *all = r->flights;
	struct object_id id = cache_id(r->flights->cache, r->store, r->key, FORM_STORED, NULL);
	struct flight *f;

	if (all->closing || all->presences >= PRESENCES_MAX ||
	    find(all, &id, r->key, r->via, r->checksum))
		return;
	all->presences++;
	f = flight_new(r, &id);
	flight_ask(f, FLIGHT_PRESENCE);
}

/* ---- all ---- */

void flights_fail_all(struct flights *all)
{
	static const struct error closing = {ERR_CANCELED, 0, "shutting down"};
	struct flight *f;

	all->closing = true;
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
		while ((f = LIST_FIRST(&all->bucket[i]))) {
			flight_hold(f);
			flight_fail(f, &closing);
			flight_let_go(f);
		}
}
