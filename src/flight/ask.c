// SPDX-License-Identifier: MIT
/*
 * See ask.h. Of `seat` and `pass` one is in use at a time.
 *
 * Whether an object is encoded is known when its head is in. An ask whose client cannot read the
 * encoding lets go of the object and asks for FORM_PLAIN in its place; the flight of that form
 * reads the stored form from the flight that is under way.
 *
 * An ask that accepts MSFZ takes a seat in the flight of FORM_STORED if there is one, and else in
 * that of FORM_MSFZ, which turns into one of FORM_STORED when the store's answer is no MSFZ
 * (flight_is_plain()).
 */
#include "flight/ask.h"
#include "base/clock.h"
#include "flight/flight_priv.h"
#include "flight/pass.h"
#include "metric/metric.h"
#include "store/encoding.h"

#define RESCUE_BUDGET_NS (8 * NS_PER_S)
#define PATIENCE_NS      (300 * NS_PER_S) /* a flight of a patient ask may go on so long */

struct ask {
	struct ask_request request;
	char *key, *named; /* owned; named may be NULL */
	enum form form;    /* the request's; or FORM_PLAIN, or FORM_MSFZ, for FORM_STORED */
	fetch_decided *decided;
	void *ud;
	enum ask_way way;
	struct seat seats[2],
		*seat; /* seat: the one in use; the other one was of the stored form */
	struct pass *pass;
	struct loop_timer soon;   /* an answer that is known already */
	struct object_head found; /* to be told soon */
	struct error refusal;
	struct object_head version; /* rescue */
	bool rescuing;
};

static void begin_ask(struct ask *a);

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

static void tell_soon(struct ask *a, void (*tell)(struct loop_timer *timer))
{
	a->soon.due = tell;
	loop_timer_set(a->request.flights->loop, &a->soon, 0);
}

/* ---- its encoding ---- */

/* Is it encoded as the asker cannot use it, and can that be undone? */
static bool needs_plain(const struct ask *a, const struct object_head *head)
{
	bool gzip = slice_eq_nocase(slice_of(head->encoding), SLICE("gzip"));

	return a->form == FORM_STORED && !a->request.presence && !a->request.as_it_is &&
	       !a->rescuing && encoding_is_undone(head->encoding) &&
	       !(gzip && a->request.accepts_gzip);
}

/*
 * The asker cannot use the stored form: its encoding is to be undone. A flight of the stored form
 * is kept flying, for the flight of FORM_PLAIN takes a seat there before this ask leaves its own.
 */
static void ask_for_plain(struct ask *a)
{
	pass_free(TAKE(a->pass));
	a->form = FORM_PLAIN;
	a->seat = &a->seats[1];
	begin_ask(a);
	seat_refuse(&a->seats[0]);
}

/* ---- past the cache, or a seat ---- */

static void ask_answered(void *ud, enum fetch_result result, const struct object_head *head,
			 const struct error *e)
{
	struct ask *a = ud;

	if (result == FETCH_FOUND && a->form == FORM_MSFZ && !head->msfz && !a->rescuing)
		a->form = FORM_STORED;
	if (result != FETCH_FOUND || !needs_plain(a, head)) {
		a->decided(a->ud, result, head, e);
		return;
	}
	if (head->fd >= 0)
		close(head->fd);
	ask_for_plain(a);
}

static void pass_by(struct ask *a, const struct object_head *pin)
{
	const struct ask_request *r = &a->request;
	const struct pass_request pass = {
		.flights = r->flights,
		.key = a->key,
		.named = a->named,
		.looked_at = !r->presence && !a->rescuing,
		.ring_max = r->ring_max,
		.fetch =
			{
				.store = r->store,
				/*
				 * A local file is opened for any question, so that it can be looked
				 * at.
				 */
				.head = (r->head && !r->store->traits.local) || r->presence,
				.tried = r->accepts_gzip && !r->presence && !r->as_it_is,
				.judged = !r->presence && !r->as_it_is,
				.no_length = r->presence,
				.ranged = r->ranged,
				.range = r->range,
				.pin = pin,
				.via = r->via,
				.checksum = r->checksum,
				.msfz = a->form == FORM_MSFZ,
				.asker = r->asker,
				.goes_on = a->rescuing,
				.deadline_ns = r->deadline_ns,
				.patient = r->patient,
			},
	};

	a->way = ASK_PASSED;
	a->pass = pass_start(&pass, ask_answered, a);
}

static void seat_answered(struct seat *s, enum fetch_result result, const struct object_head *head,
			  const struct error *e)
{
	ask_answered(s->ud, result, head, e);
}

static void refuse_soon(struct ask *a, enum err code, const char *why)
{
	err_set(&a->refusal, code, "%s", why);
	tell_soon(a, tell_refusal);
}

/* The cache takes no part: the stored form passes through; a form that has to be made cannot. */
static void go_alone(struct ask *a)
{
	if (form_is_sent(a->form) && !a->request.seekable)
		pass_by(a, NULL);
	else
		refuse_soon(a, ERR_CANCELED, "nothing can be made now");
}

static void seat_declined(struct seat *s)
{
	struct ask *a = s->ud;

	seat_leave(s);
	go_alone(a);
}

static bool look_for(struct ask *a, enum form form)
{
	const struct confirm_request wanted = {a->request.store, slice_of(a->key), form, a->named,
					       a->request.checksum};
	struct cache_object o;

	if (!flights_find(a->request.flights, &wanted, &o))
		return false;
	a->form = form;
	if (needs_plain(a, &o.head)) {
		close(o.head.fd);
		a->form = FORM_PLAIN;
		return false;
	}
	a->way = ASK_HIT;
	a->found = o.head;
	tell_soon(a, tell_found);
	return true;
}

/* In the cache: as it is stored, else without its encoding. */
static bool look_in_cache(struct ask *a)
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
		.named = a->named,
		.via = r->via,
		.checksum = r->checksum,
		.asker = r->asker,
		.deadline_ns = r->patient ? clock_mono_ns() + PATIENCE_NS : r->deadline_ns,
		.patient = r->patient,
		.join_only = join_only,
		.scratch = r->seekable,
	};

	a->seat->ud = a;
	a->seat->use = r->presence ? SEAT_PRESENCE : SEAT_TAKES;
	a->seat->decided = seat_answered;
	a->seat->declined = seat_declined;
	a->seat->key = slice_of(a->key);
	a->seat->via = r->via;
	a->seat->checksum = r->checksum;
	a->seat->asker = r->asker;
	return seat_take(&flight, a->seat);
}

/* Is a flight under way already that undoes the object's encoding? Then join that. */
static bool join_plain(struct ask *a)
{
	if (a->form != FORM_STORED || a->request.presence || a->request.as_it_is ||
	    a->request.accepts_gzip || take(a, FORM_PLAIN, true) != SEATED)
		return false;
	a->form = FORM_PLAIN;
	a->way = ASK_JOINED;
	return true;
}

/* A store that has lately refused to be asked for MSFZ is not. */
static bool accepts_msfz(const struct ask *a)
{
	return a->request.msfz && !a->request.presence && form_is_sent(a->form) &&
	       store_negotiates(a->request.store);
}

static enum seated take_any(struct ask *a, bool join_only)
{
	enum seated seated;

	if (!accepts_msfz(a))
		return take(a, a->form, join_only);
	a->form = FORM_STORED;
	seated = take(a, a->form, true);
	if (seated != NO_SEAT)
		return seated;
	a->form = FORM_MSFZ;
	return take(a, a->form, join_only);
}

static void take_seat(struct ask *a)
{
	const struct ask_request *r = &a->request;
	bool object = form_is_sent(a->form) && !r->presence && !r->seekable;
	struct object_id id;

	if (join_plain(a))
		return;
	/*
	 * Without a disk nothing is kept, but a flight may be finding out whether the object is
	 * there.
	 */
	switch (take_any(a, object && (r->head || !cache_disk_usable(r->flights->cache)))) {
	case SEATED: a->way = a->seat->first ? ASK_FILLED : ASK_JOINED; return;
	case NO_SEAT: go_alone(a); return;
	case NO_SEAT_LEFT: refuse_soon(a, ERR_BUSY, "too many wait for this object"); return;
	case NO_SEAT_LANDED: break;
	}
	if (look_for(a, a->form))
		return;
	id = cache_id(r->flights->cache, r->store, slice_of(a->key), a->form, a->named);
	flights_forget_landed(r->flights, &id);
	begin_ask(a);
}

static void begin_ask(struct ask *a)
{
	const struct ask_request *r = &a->request;

	if (r->store->traits.local && a->form == FORM_STORED)
		pass_by(a, NULL);
	else if (!r->look || !look_in_cache(a))
		take_seat(a);
}

struct ask *ask_start(const struct ask_request *request, fetch_decided *decided, void *ud)
{
	struct ask *a = xnew(struct ask);

	a->request = *request;
	a->key = xstrndup(request->key.p, request->key.n);
	a->named = request->named ? xstrdup(request->named) : NULL;
	a->form = request->presence ? FORM_STORED : request->form;
	a->seat = &a->seats[0];
	a->decided = decided;
	a->ud = ud;
	a->found.fd = -1;
	begin_ask(a);
	return a;
}

/* ---- questions ---- */

struct fill *ask_body(const struct ask *a)
{
	if (a->pass)
		return pass_body(a->pass);
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
	if (a->pass)
		return pass_is_spooling(a->pass);
	return a->seat->flight && seat_is_spooling(a->seat);
}

/* ---- the end ---- */

void ask_abort(struct ask *a)
{
	if (a->pass)
		pass_abort(a->pass);
}

bool ask_rescue(struct ask *a, const struct object_head *version, int64_t first, int64_t last,
		fetch_decided *decided, void *ud)
{
	bool whole = first == 0 && last == version->total - 1;
	bool named = version->etag[0] == '"' && version->total >= 0;

	if (a->pass || !form_is_sent(a->form) || (!named && !whole))
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
	pass_by(a, named ? &a->version : NULL);
	return true;
}

void ask_free(struct ask *a)
{
	if (!a)
		return;
	loop_timer_stop(a->request.flights->loop, &a->soon);
	seat_leave(&a->seats[0]);
	seat_leave(&a->seats[1]);
	pass_free(a->pass);
	close_p(&a->found.fd);
	free(a->named);
	free(a->key);
	free(a);
}
