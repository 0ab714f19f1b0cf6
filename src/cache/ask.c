// SPDX-License-Identifier: MIT
/*
 * See ask.h. Of `seat` and `fetch` one is in use at a time. What passes through is compared with its
 * checksum on the loop's thread, since there is no file that somebody else could read it from.
 */
#include "cache/ask.h"
#include "base/clock.h"
#include "cache/cache_priv.h"
#include "metric/metric.h"

#define RESCUE_BUDGET_NS (8 * NS_PER_S)
#define PATIENCE_NS      (300 * NS_PER_S) /* a flight may go on so long after who began it left */

_Static_assert(FILL_ROOM >= 2 * TRANSFER_READ_MAX, "what comes behind a pause has to fit");

struct ask {
	struct ask_request request;
	char *key;
	fetch_decided *decided;
	void *ud;
	enum ask_way way;
	struct seat seat;
	struct fetch *fetch;
	struct fill *ring;
	struct loop_task room;  /* posted by the ring's reader */
	struct loop_timer soon; /* an answer that is known at the start */
	struct object_head hit;
	struct error refusal;
	uint64_t ticket;            /* for its miss, from when the store was asked */
	struct object_head version; /* rescue */
	struct digest *digest;      /* of what passes, when there is something to compare with */
	struct checksum expected;
};

/* ---- a fetch of its own ---- */

static enum err ring_begin(void *ud, const struct object_head *head, struct error *e)
{
	struct ask *a = ud;

	if (!head->ranged && landing_told_sum(head, &a->expected))
		a->digest = digest_new(a->expected.kind);
	return fill_begin_ring(a->ring, head->length, a->request.ring_max, e);
}

static enum fill_flow ring_write(void *ud, struct slice data)
{
	struct ask *a = ud;
	struct error e;

	if (a->digest)
		digest_add(a->digest, data);
	if (fill_fits(a->ring, data.n))
		return fill_write(a->ring, data);
	err_set(&e, ERR_LIMIT, "more bytes came than were asked for before the pause");
	fetch_fail(a->fetch, &e);
	return FILL_GO;
}

static bool ring_may_write(void *ud)
{
	struct ask *a = ud;

	return fill_may_write(a->ring);
}

static void ring_end(void *ud, const struct error *e)
{
	struct ask *a = ud;
	struct error wrong;

	if (!e && a->digest && !digest_matches(a->digest, &a->expected)) {
		landing_corrupt(a->request.store, a->key, &wrong);
		e = &wrong;
	}
	if (e)
		fill_fail(a->ring, e);
	else
		fill_commit(a->ring);
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

	loop_post(a->request.cache->loop, &a->room);
}

static void fetch_answered(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e)
{
	struct ask *a = ud;

	if (result == FETCH_MISS || result == FETCH_DENIED)
		cache_note_miss(a->request.cache, a->request.store, slice_of(a->key),
				a->request.via, a->ticket);
	a->decided(a->ud, result, head, e);
}

static void pass(struct ask *a, const struct object_head *pin)
{
	static const struct fetch_sink sink = {ring_begin, ring_write, ring_may_write, ring_end};
	const struct ask_request *r = &a->request;
	struct fetch_request fetch = {
		.store = r->store,
		.key = slice_of(a->key),
		.head = r->head,
		.ranged = r->ranged,
		.range = r->range,
		.pin = pin,
		.via = r->via,
		.deadline_ns = r->deadline_ns,
		.patient = r->patient,
	};

	a->way = ASK_PASSED;
	a->ticket = cache_miss_ticket(r->cache, r->store);
	if (!r->head)
		a->ring = fill_new((struct fill_writer){.room = post_room, .ud = a});
	a->fetch = fetch_start(&fetch, r->head ? NULL : &sink, fetch_answered, a);
}

/* ---- a seat ---- */

static void seat_answered(struct seat *s, enum fetch_result result, const struct object_head *head,
			  const struct error *e)
{
	struct ask *a = CONTAINER_OF(s, struct ask, seat);

	a->decided(a->ud, result, head, e);
}

static void seat_declined(struct seat *s)
{
	struct ask *a = CONTAINER_OF(s, struct ask, seat);

	seat_leave(s);
	pass(a, NULL);
}

static void tell_hit(struct loop_timer *timer)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, soon);
	struct object_head head = a->hit;

	a->hit.fd = -1;
	a->decided(a->ud, FETCH_FOUND, &head, NULL);
}

static void tell_refusal(struct loop_timer *timer)
{
	struct ask *a = CONTAINER_OF(timer, struct ask, soon);

	a->decided(a->ud, FETCH_FAULT, NULL, &a->refusal);
}

static void tell_soon(struct ask *a, void (*tell)(struct loop_timer *timer))
{
	a->soon.due = tell;
	loop_timer_set(a->request.cache->loop, &a->soon, 0);
}

static void begin(struct ask *a)
{
	const struct ask_request *r = &a->request;
	struct flight_request flight = {
		.cache = r->cache,
		.store = r->store,
		.key = slice_of(a->key),
		.via = r->via,
		.deadline_ns = r->patient ? clock_mono_ns() + PATIENCE_NS : r->deadline_ns,
		.patient = r->patient,
		/* Without a disk there is nothing to join but who finds out whether it is missing. */
		.join_only = r->head || !cache_disk_usable(r->cache),
	};
	struct cache_object o;
	struct object_id id;

	if (r->store->traits.local) {
		pass(a, NULL);
		return;
	}
	a->seat.decided = seat_answered;
	a->seat.declined = seat_declined;
	a->seat.key = slice_of(a->key);
	switch (seat_take(&flight, &a->seat)) {
	case SEATED: a->way = a->seat.first ? ASK_FILLED : ASK_JOINED; return;
	case NO_SEAT: break;
	case NO_SEAT_LEFT:
		err_set(&a->refusal, ERR_BUSY, "too many wait for this object");
		tell_soon(a, tell_refusal);
		return;
	case NO_SEAT_LANDED:
		if (cache_find(r->cache, r->store, slice_of(a->key), &o)) {
			a->way = ASK_HIT;
			a->hit = o.head;
			tell_soon(a, tell_hit);
			return;
		}
		id = cache_id(r->store, slice_of(a->key));
		flights_forget_landed(r->cache->flights, &id);
		begin(a);
		return;
	}
	pass(a, NULL);
}

struct ask *ask_start(const struct ask_request *request, fetch_decided *decided, void *ud)
{
	struct ask *a = xnew(struct ask);

	a->request = *request;
	a->key = xstrndup(request->key.p, request->key.n);
	a->decided = decided;
	a->ud = ud;
	a->hit.fd = -1;
	a->room.run = room_made;
	begin(a);
	return a;
}

/* ---- questions ---- */

struct fill *ask_body(const struct ask *a)
{
	if (a->ring)
		return a->ring;
	return a->seat.flight ? seat_fill(&a->seat) : NULL;
}

enum ask_way ask_way(const struct ask *a)
{
	return a->way;
}

bool ask_is_spooling(const struct ask *a)
{
	if (a->fetch)
		return fetch_is_spooling(a->fetch);
	return a->seat.flight && seat_is_spooling(&a->seat);
}

/* ---- the end ---- */

void ask_abort(struct ask *a)
{
	if (a->fetch)
		fetch_abort(a->fetch);
}

bool ask_rescue(struct ask *a, const struct object_head *version, int64_t first, int64_t last,
		fetch_decided *decided, void *ud)
{
	bool whole = first == 0 && last == version->total - 1;
	bool named = version->etag[0] == '"' && version->total >= 0;

	if (a->ring || (!named && !whole))
		return false;
	a->decided = decided;
	a->ud = ud;
	a->version = *version;
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
	loop_timer_stop(a->request.cache->loop, &a->soon);
	seat_leave(&a->seat);
	fetch_free(a->fetch);
	fill_unref(a->ring);
	digest_free(a->digest);
	close_p(&a->hit.fd);
	free(a->key);
	free(a);
}
