// SPDX-License-Identifier: MIT
/*
 * See ask.h. Of `seat` and `fetch` one is in use at a time. What passes through is compared with its
 * checksum on the loop's thread, since there is no file that somebody else could read it from. For
 * the same reason only its beginning can be held against its key (ask_inspect.c).
 *
 * Whether an object is encoded is known when its head is in; an ask that cannot use it so lets go of
 * it and asks for FORM_PLAIN in its place, whose flight goes on with what flies already.
 */
#include "base/clock.h"
#include "flight/ask_priv.h"
#include "metric/metric.h"
#include "store/encoding.h"

#define RESCUE_BUDGET_NS (8 * NS_PER_S)
#define PATIENCE_NS      (300 * NS_PER_S) /* a flight may go on so long after who began it left */

_Static_assert(FILL_ROOM >= 2 * TRANSFER_READ_MAX, "what comes behind a pause has to fit");

static void begin(struct ask *a);

/* ---- deciding ---- */

static void tell_found(struct loop_timer *timer)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, soon);
	struct object_head head = a->found;

	a->found.fd = -1;
	a->decided(a->ud, FETCH_FOUND, &head, NULL);
}

static void tell_refusal(struct loop_timer *timer)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, soon);

	a->decided(a->ud, FETCH_FAULT, NULL, &a->refusal);
}

static void tell_miss(struct loop_timer *timer)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, soon);

	a->decided(a->ud, FETCH_MISS, NULL, NULL);
}

static void tell_soon(struct ask *a, void (*tell)(struct loop_timer *timer))
{
	a->soon.due = tell;
	loop_timer_set(a->request.flights->loop, &a->soon, 0);
}

void ask_tell_found_soon(struct ask *a)
{
	tell_soon(a, tell_found);
}

void ask_tell_soon(struct ask *a, const struct error *fault)
{
	a->refusal = *fault;
	tell_soon(a, tell_refusal);
}

static void note_miss(struct ask *a, enum fetch_result how)
{
	cache_note_miss(a->request.flights->cache, a->request.store, slice_of(a->key),
			a->request.via, a->request.checksum, a->ticket, how);
}

void ask_tell_wrong_soon(struct ask *a)
{
	if (a->fetch)
		fetch_abort(a->fetch);
	if (!a->expect)
		note_miss(a, FETCH_MISS);
	tell_soon(a, tell_miss);
}

/* ---- its encoding ---- */

/* Is it encoded as the asker cannot use it, and can that be undone? */
static bool needs_plain(const struct ask *a, const struct object_head *head)
{
	bool gzip = slice_eq_nocase(slice_of(head->encoding), SLICE("gzip"));

	return a->form == FORM_STORED && !a->request.probe && !a->rescuing &&
	       encoding_is_undone(head->encoding) && !(gzip && a->request.accepts_gzip);
}

/* What flies of the stored form is kept flying: the other flight takes a seat there before we go. */
void ask_for_plain(struct ask *a)
{
	fetch_free(TAKE(a->fetch));
	fill_unref(TAKE(a->ring));
	digest_free(TAKE(a->digest));
	a->form = FORM_PLAIN;
	a->seat = &a->seats[1];
	begin(a);
	seat_refuse(&a->seats[0]);
}

/* ---- a fetch of its own ---- */

static enum err ring_begin(void *ud, const struct object_head *head, struct error *e)
{
	struct ask *a = ud;

	a->passed = *head;
	if (!head->ranged && landing_told_sum(head, &a->expected))
		a->digest = digest_new(a->expected.kind);
	return fill_begin_ring(a->ring, head->length, a->request.ring_max, e);
}

static bool ring_write(void *ud, struct slice data)
{
	struct ask *a = ud;
	struct error e;

	if (a->digest)
		digest_add(a->digest, data);
	if (a->holding)
		ask_inspect(a, data);
	if (fill_fits(a->ring, data.n))
		return fill_write(a->ring, data);
	err_set(&e, ERR_LIMIT, "more bytes came than were asked for before the pause");
	fetch_fail(a->fetch, &e);
	return true;
}

static bool ring_may_write(void *ud)
{
	struct ask *a = ud;

	return fill_may_write(a->ring);
}

/* All has passed but for the tail. */
static void ring_over(struct ask *a, const struct error *e)
{
	if (e)
		fill_fail(a->ring, e);
	else
		fill_commit(a->ring);
	if (e && a->holding) {
		a->holding = false;
		ask_tell_soon(a, e);
	}
}

static void ring_corrupt(struct ask *a)
{
	struct error e;

	landing_corrupt(a->request.store, a->key, &e);
	ring_over(a, &e);
}

static void rechecked(void *ud, bool same)
{
	struct ask *a = ud;

	recheck_free(TAKE(a->recheck));
	if (same)
		ring_over(a, NULL);
	else
		ring_corrupt(a);
}

static void ring_end(void *ud, const struct error *e)
{
	struct ask *a = ud;
	bool md5 = a->digest && digest_kind(a->digest) == CHECKSUM_MD5; /* only ETags are one */
	struct recheck_request again;

	if (e) {
		ring_over(a, e);
	} else if (!a->digest || digest_matches(a->digest, &a->expected)) {
		if (md5)
			recheck_agreed(a->request.store);
		ring_over(a, NULL);
	} else if (!md5) {
		ring_corrupt(a);
	} else if (recheck_needless(a->request.store)) {
		ring_over(a, NULL);
	} else {
		again = landing_recheck(a->request.store, a->key, &a->passed, a->digest);
		again.via = a->request.via;
		again.checksum = a->request.checksum;
		again.asker = a->request.asker;
		again.patient = a->request.patient;
		a->recheck = recheck_start(&again, rechecked, a);
	}
}

static void room_made(struct loop_task *task)
{
	struct ask *a = CONTAINER_OF(task, struct ask, room);

	if (a->fetch)
		fetch_resume(a->fetch);
}

/* On the reader's thread. */
static void post_room(void *ud)
{
	struct ask *a = ud;

	loop_post(a->request.flights->loop, &a->room);
}

static void fetch_answered(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e)
{
	struct ask *a = ud;

	if (fetch_is_miss(result))
		note_miss(a, result);
	if (result == FETCH_FOUND)
		cache_note_found(a->request.flights->cache, a->request.store, slice_of(a->key));
	if (result == FETCH_FOUND && needs_plain(a, head)) {
		if (head->fd >= 0)
			close(head->fd);
		ask_for_plain(a);
	} else if (result != FETCH_FOUND || !ask_inspects(a, head)) {
		a->decided(a->ud, result, head, e);
	}
}

static void pass(struct ask *a, const struct object_head *pin)
{
	static const struct fetch_sink sink = {ring_begin, ring_write, ring_may_write, ring_end};
	const struct ask_request *r = &a->request;
	struct fetch_request fetch = {
		.store = r->store,
		.key = slice_of(a->key),
		/* A local file is opened for any question, so that it can be looked at. */
		.head = (r->head && !r->store->traits.local) || r->probe,
		.tried = r->accepts_gzip && !r->probe,
		.no_length = r->probe,
		.ranged = r->ranged,
		.range = r->range,
		.pin = pin,
		.via = r->via,
		.checksum = r->checksum,
		.asker = r->asker,
		.deadline_ns = r->deadline_ns,
		.patient = r->patient,
	};

	a->way = ASK_PASSED;
	a->ticket = cache_miss_ticket(r->flights->cache, r->store, slice_of(a->key));
	if (!fetch.head)
		a->ring = fill_new((struct fill_writer){.room = post_room, .ud = a});
	a->fetch = fetch_start(&fetch, fetch.head ? NULL : &sink, fetch_answered, a);
}

/* ---- a seat ---- */

static void seat_answered(struct seat *s, enum fetch_result result, const struct object_head *head,
			  const struct error *e)
{
	struct ask *a = s->ud;

	if (result == FETCH_FOUND && needs_plain(a, head))
		ask_for_plain(a);
	else
		a->decided(a->ud, result, head, e);
}

static void refuse(struct ask *a, enum err code, const char *why)
{
	struct error e;

	err_set(&e, code, "%s", why);
	ask_tell_soon(a, &e);
}

/* The cache takes no part: an object passes through, what would be made of it cannot. */
static void go_alone(struct ask *a)
{
	if (a->form == FORM_STORED && !a->request.whole)
		pass(a, NULL);
	else
		refuse(a, ERR_CANCELED, "nothing can be made now");
}

static void seat_declined(struct seat *s)
{
	struct ask *a = s->ud;

	seat_leave(s);
	go_alone(a);
}

static bool look_for(struct ask *a, enum form form)
{
	struct cache_object o;

	if (!flights_find(a->request.flights, a->request.store, slice_of(a->key), form, a->expect,
			  a->request.checksum, &o))
		return false;
	a->form = form;
	if (needs_plain(a, &o.head)) {
		close(o.head.fd);
		a->form = FORM_PLAIN;
		return false;
	}
	a->way = ASK_HIT;
	a->found = o.head;
	ask_tell_found_soon(a);
	return true;
}

/* In the cache: as it is stored, else without its encoding. */
static bool look(struct ask *a)
{
	return look_for(a, a->form) || (a->request.form == FORM_STORED && look_for(a, FORM_PLAIN));
}

static enum seated take(struct ask *a, enum form form, bool join_only)
{
	const struct ask_request *r = &a->request;
	const struct flight_request flight = {
		.flights = r->flights,
		.store = r->store,
		.key = slice_of(a->key),
		.form = form,
		.expect = a->expect,
		.via = r->via,
		.checksum = r->checksum,
		.asker = r->asker,
		.deadline_ns = r->patient ? clock_mono_ns() + PATIENCE_NS : r->deadline_ns,
		.patient = r->patient,
		.join_only = join_only,
		.scratch = r->whole,
	};

	a->seat->ud = a;
	a->seat->use = r->probe ? SEAT_PROBES : SEAT_TAKES;
	a->seat->decided = seat_answered;
	a->seat->declined = seat_declined;
	a->seat->key = slice_of(a->key);
	a->seat->checksum = r->checksum;
	a->seat->asker = r->asker;
	return seat_take(&flight, a->seat);
}

/* Is it known already that it is encoded, and being decoded for somebody else? */
static bool join_plain(struct ask *a)
{
	if (a->form != FORM_STORED || a->request.probe || a->request.accepts_gzip ||
	    take(a, FORM_PLAIN, true) != SEATED)
		return false;
	a->form = FORM_PLAIN;
	a->way = ASK_JOINED;
	return true;
}

static void take_seat(struct ask *a)
{
	const struct ask_request *r = &a->request;
	bool object = a->form == FORM_STORED && !r->probe && !r->whole;
	struct object_id id;

	if (join_plain(a))
		return;
	/* Without a disk there is nothing to join but who finds out whether it is missing. */
	switch (take(a, a->form, object && (r->head || !cache_disk_usable(r->flights->cache)))) {
	case SEATED: a->way = a->seat->first ? ASK_FILLED : ASK_JOINED; return;
	case NO_SEAT: go_alone(a); return;
	case NO_SEAT_LEFT: refuse(a, ERR_BUSY, "too many wait for this object"); return;
	case NO_SEAT_LANDED: break;
	}
	if (look_for(a, a->form))
		return;
	id = cache_id(r->flights->cache, r->store, slice_of(a->key), a->form, a->expect);
	flights_forget_landed(r->flights, &id);
	begin(a);
}

static void begin(struct ask *a)
{
	const struct ask_request *r = &a->request;

	if (r->store->traits.local && a->form == FORM_STORED)
		pass(a, NULL);
	else if (!r->look || !look(a))
		take_seat(a);
}

struct ask *ask_start(const struct ask_request *request, fetch_decided *decided, void *ud)
{
	struct ask *a = xnew(struct ask);

	a->request = *request;
	a->key = xstrndup(request->key.p, request->key.n);
	a->expect = request->expect ? xstrdup(request->expect) : NULL;
	a->form = request->probe ? FORM_STORED : request->form;
	a->seat = &a->seats[0];
	a->decided = decided;
	a->ud = ud;
	a->found.fd = -1;
	a->room.run = room_made;
	begin(a);
	return a;
}

/* ---- questions ---- */

struct fill *ask_body(const struct ask *a)
{
	if (a->ring)
		return a->ring;
	return a->seat->flight ? seat_fill(a->seat) : NULL;
}

enum form ask_form(const struct ask *a)
{
	return a->form;
}

enum ask_way ask_way(const struct ask *a)
{
	return a->way;
}

bool ask_is_spooling(const struct ask *a)
{
	if (a->fetch)
		return fetch_is_spooling(a->fetch);
	return a->seat->flight && seat_is_spooling(a->seat);
}

/* ---- the end ---- */

void ask_abort(struct ask *a)
{
	static const struct error gone = {ERR_CANCELED, 0, "nobody waits for it"};

	if (a->fetch)
		fetch_abort(a->fetch);
	if (a->recheck) { /* the fetch has ended before */
		recheck_free(TAKE(a->recheck));
		ring_over(a, &gone);
	}
}

bool ask_rescue(struct ask *a, const struct object_head *version, int64_t first, int64_t last,
		fetch_decided *decided, void *ud)
{
	bool whole = first == 0 && last == version->total - 1;
	bool named = version->etag[0] == '"' && version->total >= 0;

	if (a->ring || a->form != FORM_STORED || (!named && !whole))
		return false;
	a->decided = decided;
	a->ud = ud;
	a->version = *version;
	a->rescuing = true;
	a->request.head = false;
	a->request.ranged = named;
	a->request.range = (struct range_ask){first, last};
	a->request.deadline_ns = clock_mono_ns() + RESCUE_BUDGET_NS;
	metric_inc(fills_rescued);
	pass(a, named ? &a->version : NULL);
	return true;
}

void ask_free(struct ask *a)
{
	if (!a)
		return;
	loop_timer_stop(a->request.flights->loop, &a->soon);
	seat_leave(&a->seats[0]);
	seat_leave(&a->seats[1]);
	fetch_free(a->fetch);
	recheck_free(a->recheck);
	fill_unref(a->ring);
	digest_free(a->digest);
	ask_inspect_fini(a);
	close_p(&a->found.fd);
	free(a->expect);
	free(a->key);
	free(a);
}
