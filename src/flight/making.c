// SPDX-License-Identifier: MIT
/*
 * A flight of a derived form (flight.h): it finds the stored form of its object, in the cache, in a
 * local store, or in a flight of that where it takes a seat, and has a maker turn it into what is
 * wanted while it arrives. What the store says of the stored form it says of this one, too.
 *
 * The flight stays FLIGHT_ASKING until its maker has begun. The maker is a job of its flight
 * (flight.jobs), and reads the fill of the seat: both stay until it has ended, also when the flight
 * has no seat any more.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "flight/confirm.h"
#include "flight/maker.h"
#include "metric/metric.h"

#include <inttypes.h>
#include <xxhash.h>

/* A shorter one arrives as soon as its end would. */
#define TAIL_FROM (INT64_C(256) * 1024)
/* That of a longer one is not believed (gzip_guess_size()). */
#define TAIL_TO ((INT64_C(1) << 32) / 1032)

struct making {
	struct flight *flight;
	struct seat seat;          /* in the flight of the stored form */
	struct fetch *fetch;       /* of a local store */
	struct object_head stored; /* fd: the stored form, where it is a file */
	struct maker *maker;
	struct fetch *tail_fetch; /* of its last bytes */
	char tail[MAKER_TAIL];
	size_t tail_n;
	bool declined;          /* the cache has declined the stored form before */
	struct loop_timer soon; /* a refusal that is known at the start */
	struct error refusal;
};

static void find_stored(struct flight *f);

/* ---- the outcome ---- */

/*
 * From now on readers follow the draft. One that was made in a temporary file because its length
 * was not known is complete.
 */
static void adopt(struct flight *f)
{
	struct making *d = f->making;
	struct draft *draft;
	bool scratch;

	f->head = form_head(f->form, &d->stored);
	f->head.total = f->head.length = maker_length(d->maker);
	draft = maker_draft(d->maker, &scratch);
	keep_made(f, draft, scratch, maker_promised(d->maker),
		  maker_made(d->maker) == f->head.total);
	f->phase = FLIGHT_UNDER_WAY;
	f->counted = true;
	f->all->fills++;
	metric_inc(active_fills);
	fill_begin_file(f->fill, f->head.total);
	fill_set_file(f->fill, draft_fd(draft), OBJECT_HEADER_SIZE);
	fill_add_part(f->fill, 0, f->head.total);
}

static void take_made(struct flight *f)
{
	int64_t made = maker_made(f->making->maker);

	keep_arrived(f, made - f->received);
	f->received = made;
	fill_stored(f->fill, 0, made);
}

static void began(void *ud)
{
	struct flight *f = ud;

	if (f->phase != FLIGHT_ASKING)
		return;
	adopt(f);
	metric_inc(fills_started);
	take_made(f);
	flight_found(f);
}

static void grew(void *ud)
{
	struct flight *f = ud;

	if (f->phase == FLIGHT_UNDER_WAY)
		take_made(f);
}

/* ---- versions that cannot be made ---- */

/* This version, for this form, unless it is purged. */
static struct object_id version_of(const struct flight *f)
{
	const struct object_head *h = &f->making->stored;
	struct buf text CLEANUP(buf_fini) = BUF_MAX(1024);
	struct object_id id;
	XXH128_canonical_t hash;

	buf_add(&text, (struct slice){(const char *)f->id.b, sizeof(f->id.b)});
	buf_printf(&text, "%" PRIx64 " %" PRId64 " %s", f->generation, h->total, h->etag);
	XXH128_canonicalFromHash(&hash, XXH3_128bits(text.p, text.n));
	_Static_assert(sizeof(hash) == sizeof(id.b), "an identity has 128 bits");
	memcpy(id.b, &hash, sizeof(id.b));
	return id;
}

/*
 * The input had come whole and could not be decoded: this version is not tried again for as long as
 * a miss would be remembered.
 */
static void note_in_vain(struct flight *f)
{
	struct object_id id = version_of(f);
	int64_t ttl_ns = MIN(cache_miss_ttl_ns(f->cache), f->store->traits.miss_ttl_max_ns);

	if (f->making->stored.etag[0] && ttl_ns > 0)
		recent_note(&f->all->vain, &id, clock_mono_ns() + ttl_ns);
}

static bool is_known_in_vain(const struct flight *f)
{
	struct object_id id = version_of(f);

	return recent_has(&f->all->vain, &id, clock_mono_ns());
}

/* ---- the maker's events ---- */

static void conclude_maker(struct flight *f, enum maker_end end)
{
	struct error e;

	switch (end) {
	case MAKER_MADE:
		take_made(f);
		flight_made(f);
		return;
	case MAKER_WRONG: flight_is_other(f); return;
	case MAKER_NONE: flight_missing(f, FETCH_MISS); return;
	case MAKER_FAILED:
		e = *maker_failure(f->making->maker);
		flight_fail(f, &e);
		return;
	}
}

/*
 * Before the maker had begun, so that no reader has any byte: the disk failed under the stored
 * form; or that was given up as the flight had no seats, and now it has one.
 */
static bool may_try_again(const struct flight *f, enum maker_end end, enum err why)
{
	const struct making *d = f->making;

	return f->phase == FLIGHT_ASKING && end == MAKER_FAILED &&
	       ((why == ERR_IO && !d->declined) || (why == ERR_CANCELED && !LIST_EMPTY(&f->seats)));
}

static void try_again(struct flight *f, bool declined)
{
	struct making *d = f->making;

	d->declined = d->declined || declined;
	d->tail_n = 0;
	close_p(&d->stored.fd);
	d->stored.fd = -1;
	find_stored(f);
}

static void ended(void *ud, enum maker_end end)
{
	struct flight *f = ud;
	struct making *d = f->making;
	enum err why = maker_failure(d->maker)->code;
	bool again = may_try_again(f, end, why);

	if (maker_is_in_vain(d->maker))
		note_in_vain(f);
	if (maker_broke_promise(d->maker))
		recent_note(&f->all->liars, &f->id, INT64_MAX);
	if (!again && (f->phase == FLIGHT_ASKING || f->phase == FLIGHT_UNDER_WAY))
		conclude_maker(f, end);
	fetch_free(TAKE(d->tail_fetch));
	maker_free(TAKE(d->maker));
	seat_leave(&d->seat);
	if (again)
		try_again(f, why == ERR_IO);
	flight_let_go(f);
}

/* ---- the stored form ---- */

static void fail_soon(struct flight *f, const struct error *e)
{
	f->making->refusal = *e;
	loop_timer_set(f->all->loop, &f->making->soon, 0);
}

static void fail_now(struct loop_timer *timer)
{
	struct making *d = CONTAINER_OF(timer, struct making, soon);
	struct flight *f = d->flight;

	flight_hold(f);
	flight_fail(f, &d->refusal);
	flight_let_go(f);
}

/* ---- the last bytes, where they tell the length ---- */

static bool tail_arrived(void *ud, struct slice bytes)
{
	struct making *d = ((struct flight *)ud)->making;
	size_t n = MIN(bytes.n, sizeof(d->tail) - d->tail_n);

	memcpy(d->tail + d->tail_n, bytes.p, n);
	d->tail_n += n;
	return true;
}

static void tail_ended(void *ud, const struct error *e)
{
	struct making *d = ((struct flight *)ud)->making;

	if (!e && d->tail_n == sizeof(d->tail) && d->maker)
		maker_tell_tail(d->maker, d->tail);
}

static void tail_decided(void *ud, enum fetch_result result, const struct object_head *head,
			 const struct error *e)
{
	/* Last bytes that do not come are read when the whole has arrived. */
	if (result == FETCH_FAULT && e->code == ERR_CORRUPT)
		flight_learn(ud, e);
}

/*
 * By its label, or its name: is it in a packing that states the length of its content at its end?
 */
static bool tells_at_end(const struct flight *f, const struct object_head *head)
{
	struct slice key = slice_of(f->key), coding = slice_of(head->encoding);

	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++) {
		const struct packing_row *row = &packing_rows[p];
		size_t n = strlen(row->affix);

		if (row->length != LENGTH_END)
			continue;
		if (f->form == FORM_PLAIN && slice_eq_nocase(coding, slice_of(row->coding)))
			return true;
		if (f->form == FORM_EXPANDED && !coding.n && key.n > n &&
		    slice_eq_nocase(slice_from(key, key.n - n), slice_of(row->affix)))
			return true;
	}
	return false;
}

/*
 * An answer begins with the length of its body, and a gzip file states the length of its content in
 * its last bytes. So these are fetched beside the rest, pinned to the same version. When they do
 * not come they are read at their place once the whole has arrived.
 */
static void fetch_tail(struct flight *f, const struct object_head *head)
{
	static const struct fetch_sink sink = {.write = tail_arrived, .end = tail_ended};
	const struct fetch_request r = {
		.store = f->store,
		.key = slice_of(f->key),
		.ranged = true,
		.range = {head->total - MAKER_TAIL, head->total - 1},
		.pin = head,
		.via = f->via,
		.checksum = f->checksum,
		.asker = f->asker,
		.deadline_ns = f->deadline_ns,
	};

	if (head->total >= TAIL_FROM && head->total < TAIL_TO && head->etag[0] == '"' &&
	    tells_at_end(f, head) && !flight_whole(f))
		f->making->tail_fetch = fetch_start(&r, &sink, tail_decided, f);
}

/* ---- making ---- */

/* The stored form lies in a file, or arrives in a fill. */
static void start_maker(struct flight *f, const struct object_head *head, struct fill *fill)
{
	struct making *d = f->making;
	const char *path = f->named ? f->named : f->key;
	struct error e;

	d->stored = *head;
	const struct maker_request r = {
		.flights = f->all,
		.form = f->form,
		.input = {fill, head->fd, head->fd_base, head->total, d->stored.encoding},
		.store = f->store->traits.name,
		.key = f->key,
		.named = f->all->settings.verify ? path : NULL,
		.mtime = MAX(head->mtime, 0),
		.promise = !recent_has(&f->all->liars, &f->id, clock_mono_ns()),
		.began = began,
		.grew = grew,
		.ended = ended,
		.ud = f,
	};

	if (is_known_in_vain(f)) {
		err_set(&e, ERR_CORRUPT, "what is stored could not be decoded a moment ago");
		fail_soon(f, &e);
		return;
	}
	if (maker_start(&r, &d->maker, &e) != OK) {
		fail_soon(f, &e);
		return;
	}
	flight_hold(f);
	if (fill)
		fetch_tail(f, &d->stored);
}

static void stored_answered(struct flight *f, enum fetch_result result,
			    const struct object_head *head, struct fill *fill,
			    const struct error *e)
{
	ASSERT(result != FETCH_UNSATISFIABLE); /* no part was asked for */
	if (result == FETCH_FOUND && flight_merges(f)) {
		if (head->fd >= 0)
			close(head->fd);
		flight_gone(f);
	} else if (result == FETCH_FOUND)
		start_maker(f, head, fill);
	else if (fetch_is_miss(result))
		flight_missing(f, result);
	else
		flight_fail(f, e);
}

static void stored_seat_decided(struct seat *s, enum fetch_result result,
				const struct object_head *head, const struct error *e)
{
	struct flight *f = CONTAINER_OF(s, struct making, seat)->flight;

	flight_hold(f);
	if (f->phase == FLIGHT_ASKING)
		stored_answered(f, result, head, result == FETCH_FOUND ? seat_fill(s) : NULL, e);
	flight_let_go(f);
}

static void stored_seat_declined(struct seat *s)
{
	struct making *d = CONTAINER_OF(s, struct making, seat);
	struct flight *f = d->flight;
	struct error e;

	flight_hold(f);
	seat_leave(s);
	if (f->phase == FLIGHT_ASKING && !d->declined) {
		try_again(f, true);
	} else if (f->phase == FLIGHT_ASKING) {
		err_set(&e, ERR_IO, "no file for what is to be decoded");
		flight_fail(f, &e);
	}
	flight_let_go(f);
}

static void file_decided(void *ud, enum fetch_result result, const struct object_head *head,
			 const struct error *e)
{
	struct flight *f = ud;

	flight_hold(f);
	fetch_free(TAKE(f->making->fetch));
	stored_answered(f, result, head, NULL, e);
	flight_let_go(f);
}

static void take_stored_seat(struct flight *f)
{
	struct object_id id = cache_id(f->cache, f->store, slice_of(f->key), FORM_STORED, f->named);
	struct making *d = f->making;
	const struct flight_request r = {
		.flights = f->all,
		.store = f->store,
		.key = slice_of(f->key),
		.named = f->named,
		.via = f->via,
		.checksum = f->checksum,
		.asker = f->asker,
		.deadline_ns = f->deadline_ns,
		.patient = f->patient,
		.scratch = true,
	};
	struct error e;

	d->seat.use = SEAT_MAKES;
	d->seat.decided = stored_seat_decided;
	d->seat.declined = stored_seat_declined;
	d->seat.key = slice_of(f->key);
	d->seat.via = f->via;
	d->seat.checksum = f->checksum;
	d->seat.asker = f->asker;
	switch (seat_take(&r, &d->seat)) {
	case SEATED: return;
	case NO_SEAT_LANDED:
		flights_forget_landed(f->all, &id);
		find_stored(f);
		return;
	case NO_SEAT_LEFT:
		metric_inc(refused_fill_waiters);
		err_set(&e, ERR_BUSY, "too many wait for this object");
		break;
	case NO_SEAT: err_set(&e, ERR_CANCELED, "shutting down"); break;
	}
	fail_soon(f, &e);
}

static void fetch_file(struct flight *f)
{
	static const struct fetch_sink none = {0};
	const struct fetch_request r = {.store = f->store,
					.key = slice_of(f->key),
					.asker = f->asker,
					.deadline_ns = f->deadline_ns};

	f->making->fetch = fetch_start(&r, &none, file_decided, f);
}

static void find_stored(struct flight *f)
{
	const struct confirm_request stored = {f->store, slice_of(f->key), FORM_STORED, f->named,
					       f->checksum};
	struct cache_object o;

	if (f->store->traits.local)
		fetch_file(f);
	else if (!f->anew && confirm_find(f->all->confirms, &stored, &o))
		start_maker(f, &o.head, NULL);
	else
		take_stored_seat(f);
}

void making_ask(struct flight *f)
{
	struct making *d = xnew(struct making);

	d->flight = f;
	d->stored.fd = -1;
	d->soon.due = fail_now;
	f->making = d;
	find_stored(f);
}

/* ---- the frame ---- */

void making_extend(struct flight *f)
{
	struct making *d = f->making;

	if (d && d->seat.flight)
		seat_extend(&d->seat, f->deadline_ns, f->patient);
}

/* Its length is known only when all of it has been made. */
bool making_is_spooling(const struct flight *f)
{
	return f->making && f->phase == FLIGHT_ASKING && f->making->maker;
}

bool making_goes_on(struct flight *f)
{
	struct making *d = f->making;

	if (!d || !d->maker || f->patient)
		return true;
	if (d->stored.total > FLIGHT_FINISH_BYTES || !cache_evict(f->cache) || f->keep.unkept ||
	    flight_is_outdated(f))
		return false;
	maker_end_beyond(d->maker, FLIGHT_FINISH_BYTES);
	return true;
}

void making_wanted(struct flight *f)
{
	if (f->making && f->making->maker)
		maker_end_beyond(f->making->maker, INT64_MAX);
}

/* The outcome is not wanted any more. The input of the maker stays until it has ended. */
void making_stop(struct flight *f)
{
	struct making *d = f->making;

	if (!d)
		return;
	loop_timer_stop(f->all->loop, &d->soon);
	fetch_free(TAKE(d->fetch));
	fetch_free(TAKE(d->tail_fetch));
	if (d->maker)
		maker_cancel(d->maker);
	else
		seat_leave(&d->seat);
}

void making_free(struct flight *f)
{
	struct making *d = TAKE(f->making);

	if (!d)
		return;
	close_p(&d->stored.fd);
	free(d);
}
