// SPDX-License-Identifier: MIT
/*
 * See ask.h. Of `seat` and `fetch` one is in use at a time. What passes through is compared with its
 * checksum on the loop's thread, since there is no file that somebody else could read it from. For
 * the same reason only its beginning can be held against its key.
 *
 * Whether an object is encoded is known when its head is in; an ask that cannot use it so lets go of
 * it and asks for FORM_PLAIN in its place, whose flight goes on with what flies already.
 */
#include "flight/ask.h"
#include "base/clock.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"
#include "store/encoding.h"

#define RESCUE_BUDGET_NS (8 * NS_PER_S)
#define PATIENCE_NS      (300 * NS_PER_S) /* a flight may go on so long after who began it left */

_Static_assert(FILL_ROOM >= 2 * TRANSFER_READ_MAX, "what comes behind a pause has to fit");

struct local_check {
	struct ask *ask; /* NULL: it has gone */
	struct loop *loop;
	struct object_head head;
	struct proof proof;
	char *key;   /* owned, for the ask may go */
	bool verify; /* it is held to its key */
	struct pool_job job;
	struct loop_task done;
};

struct ask {
	struct ask_request request;
	char *key, *named; /* owned; named may be NULL */
	enum form form;    /* the request's, or FORM_PLAIN for FORM_STORED */
	fetch_decided *decided;
	void *ud;
	enum ask_way way;
	struct seat seats[2],
		*seat; /* seat: the one in use; the other one was of the stored form */
	struct fetch *fetch;
	struct fill *ring;
	struct loop_task room;  /* posted by the ring's reader */
	struct loop_timer soon; /* an answer that is known already */
	struct object_head
		found; /* to be told soon, or held until the beginning has been looked at */
	struct error refusal;
	uint64_t ticket;            /* for its miss, from when the store was asked */
	struct object_head version; /* rescue */
	bool rescuing;
	struct object_head passed; /* of what passes */
	struct proof proof;
	bool holding; /* FOUND is not told yet: the beginning of what passes is looked at */
	struct local_check *check;
};

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

static void tell_fault_soon(struct ask *a, const struct error *fault)
{
	a->refusal = *fault;
	tell_soon(a, tell_refusal);
}

static void note_miss(struct ask *a, enum fetch_result how)
{
	cache_note_miss(a->request.flights->cache, a->request.store, slice_of(a->key),
			a->request.via, a->request.checksum, a->ticket, how);
}

/* It is there, but not what was asked for: a miss, and remembered. */
static void tell_other_soon(struct ask *a)
{
	if (a->fetch)
		fetch_abort(a->fetch);
	if (!a->named)
		note_miss(a, FETCH_MISS);
	tell_soon(a, tell_miss);
}

/* ---- its encoding ---- */

/* Is it encoded as the asker cannot use it, and can that be undone? */
static bool needs_plain(const struct ask *a, const struct object_head *head)
{
	bool gzip = slice_eq_nocase(slice_of(head->encoding), SLICE("gzip"));

	return a->form == FORM_STORED && !a->request.presence && !a->rescuing &&
	       encoding_is_undone(head->encoding) && !(gzip && a->request.accepts_gzip);
}

/*
 * It cannot be used as it is stored: its encoding is to be undone. What flies of the stored form is kept flying: the other flight takes a
 * seat there before we go.
 */
static void ask_for_plain(struct ask *a)
{
	fetch_free(TAKE(a->fetch));
	fill_unref(TAKE(a->ring));
	proof_fini(&a->proof);
	a->form = FORM_PLAIN;
	a->seat = &a->seats[1];
	begin(a);
	seat_refuse(&a->seats[0]);
}

/* ---- is it what its key names? ---- */

/*
 * Of what passes through only the beginning can be looked at, while it waits in the ring: that is enough
 * for images and small files. A file of a local store is looked at whole, by a worker, for its disk may be
 * slow; the worker's struct outlives an ask that has no more time. There it is also seen what is compressed
 * under a plain name (encoding.h).
 */

static struct source source_of_file(const struct object_head *h, struct file_source *file)
{
	*file = (struct file_source){h->fd, h->fd_base};
	return file_source_of(file, h->total);
}

static void look_at_file(struct pool_job *job)
{
	struct local_check *c = CONTAINER_OF(job, struct local_check, job);
	struct file_source file;
	struct source source = source_of_file(&c->head, &file);
	size_t n = (size_t)MIN((int64_t)ENCODING_HEAD, c->head.total);
	char beginning[ENCODING_HEAD];

	if (source_read(&source, 0, beginning, n, NULL) == OK)
		(void)encoding_judge(slice_of(c->key), (struct slice){beginning, n}, true,
				     c->head.encoding);
	if (c->verify && !c->head.encoding[0])
		proof_look_at_all(&c->proof, &source);
	loop_post(c->loop, &c->done);
}

static void check_free(struct local_check *c)
{
	proof_fini(&c->proof);
	close_p(&c->head.fd);
	free(c->key);
	free(c);
}

static void file_looked_at(struct loop_task *task)
{
	struct local_check *c = CONTAINER_OF(task, struct local_check, done);
	struct ask *a = c->ask;
	struct file_source file;
	struct source source = source_of_file(&c->head, &file);

	if (a && c->proof.other) {
		proof_tell_other(&c->proof, a->request.store->traits.name, &source);
		a->check = NULL;
		tell_other_soon(a);
	} else if (a && c->head.encoding[0]) {
		a->check = NULL;
		ask_for_plain(a);
	} else if (a) {
		a->check = NULL;
		a->found = c->head;
		c->head.fd = -1;
		tell_soon(a, tell_found);
	}
	check_free(c);
}

static bool check_file(struct ask *a, const struct object_head *head)
{
	struct local_check *c = xnew(struct local_check);

	c->ask = a;
	c->loop = a->request.flights->loop;
	c->head = *head;
	c->key = xstrdup(a->key);
	c->verify = a->request.flights->settings.verify;
	proof_begin(&c->proof, a->proof.path);
	c->job.run = look_at_file;
	c->done.run = file_looked_at;
	if (pool_submit(a->request.store->ctx->disk, &c->job) == OK) {
		a->check = c;
		return true;
	}
	c->head.fd = -1; /* too much waits for the disk: it is let through */
	check_free(c);
	return false;
}

/* FOUND, with this head: is there something to wait for? Then the head is ask's. */
static bool looks(struct ask *a, const struct object_head *head)
{
	const struct ask_request *r = &a->request;
	bool whole = head->fd >= 0 || (head->first == 0 && head->length == head->total);

	if ((!r->flights->settings.verify && head->fd < 0) || r->presence || a->rescuing ||
	    head->encoding[0] || !whole || (r->head && head->fd < 0))
		return false;
	proof_begin(&a->proof, a->named ? a->named : a->key);
	if (!a->proof.looking)
		return false;
	if (head->fd >= 0)
		return check_file(a, head);
	a->found = *head;
	a->holding = true;
	return true;
}

static void look_at_beginning(struct ask *a, struct slice bytes)
{
	proof_look(&a->proof, bytes, a->found.total);
	if (a->proof.looking)
		return;
	a->holding = false;
	if (!a->proof.other) {
		tell_soon(a, tell_found);
		return;
	}
	proof_tell_other(&a->proof, a->request.store->traits.name, NULL);
	tell_other_soon(a);
}

/* ---- a fetch of its own ---- */

static enum err ring_begin(void *ud, const struct object_head *head, struct error *e)
{
	struct ask *a = ud;

	a->passed = *head;
	if (!head->ranged)
		proof_hear(&a->proof, head);
	return fill_begin_ring(a->ring, head->length, a->request.ring_max, e);
}

static bool ring_write(void *ud, struct slice data)
{
	struct ask *a = ud;
	struct error e;

	proof_add(&a->proof, data);
	if (a->holding)
		look_at_beginning(a, data);
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
		tell_fault_soon(a, e);
	}
}

static void ring_damaged(struct ask *a)
{
	struct error e;

	proof_damaged(a->request.store, a->key, &e);
	ring_over(a, &e);
}

static void checked(void *ud, bool sound)
{
	struct ask *a = ud;

	if (sound)
		ring_over(a, NULL);
	else
		ring_damaged(a);
}

static void ring_end(void *ud, const struct error *e)
{
	struct ask *a = ud;
	const struct proof_origin from = {
		.store = a->request.store,
		.key = a->key,
		.via = a->request.via,
		.checksum = a->request.checksum,
		.asker = a->request.asker,
		.patient = a->request.patient,
		.head = &a->passed,
	};

	if (e) {
		ring_over(a, e);
		return;
	}
	switch (proof_check(&a->proof, &from, checked, a)) {
	case PROOF_SOUND: ring_over(a, NULL); break;
	case PROOF_DAMAGED: ring_damaged(a); break;
	case PROOF_LATER: break;
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
	} else if (result != FETCH_FOUND || !looks(a, head)) {
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
		.head = (r->head && !r->store->traits.local) || r->presence,
		.tried = r->accepts_gzip && !r->presence,
		.judged = !r->presence,
		.no_length = r->presence,
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
	tell_fault_soon(a, &e);
}

/* The cache takes no part: an object passes through, what would be made of it cannot. */
static void go_alone(struct ask *a)
{
	if (a->form == FORM_STORED && !a->request.seekable)
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

	if (!flights_find(a->request.flights, a->request.store, slice_of(a->key), form, a->named,
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
	tell_soon(a, tell_found);
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
	a->seat->checksum = r->checksum;
	a->seat->asker = r->asker;
	return seat_take(&flight, a->seat);
}

/* Is it known already that it is encoded, and being decoded for somebody else? */
static bool join_plain(struct ask *a)
{
	if (a->form != FORM_STORED || a->request.presence || a->request.accepts_gzip ||
	    take(a, FORM_PLAIN, true) != SEATED)
		return false;
	a->form = FORM_PLAIN;
	a->way = ASK_JOINED;
	return true;
}

static void take_seat(struct ask *a)
{
	const struct ask_request *r = &a->request;
	bool object = a->form == FORM_STORED && !r->presence && !r->seekable;
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
	id = cache_id(r->flights->cache, r->store, slice_of(a->key), a->form, a->named);
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
	a->named = request->named ? xstrdup(request->named) : NULL;
	a->form = request->presence ? FORM_STORED : request->form;
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
	if (a->proof.recheck) { /* the fetch has ended before */
		proof_fini(&a->proof);
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
	if (a->check)
		a->check->ask = NULL;
	fill_unref(a->ring);
	proof_fini(&a->proof);
	close_p(&a->found.fd);
	free(a->named);
	free(a->key);
	free(a);
}
