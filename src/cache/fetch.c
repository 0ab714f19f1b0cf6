// SPDX-License-Identifier: MIT
/*
 * See fetch.h. States, only ever forward:
 *
 *	ASKING -> BODY -> ENDED		the usual way; decided() is called between ASKING and BODY
 *	ASKING -> SPOOLING -> ENDED	the store gives no length: the body goes into an unnamed
 *					temporary file first, since a client must be told a length
 *	ASKING -> ENDED			no body: missing, only the head, a file, or no answer
 *
 * In ASKING a passing failure is tried again after a growing, jittered pause, within the deadline.
 * In BODY the bytes that have arrived are promised already: the rest is asked for by a range that
 * is pinned to the ETag, again within a budget of its own; what does not fit exactly (another
 * ETag, size or offset) ends the fill as failed, and the client's connection is cut short.
 */
#include "cache/fetch.h"
#include "base/clock.h"
#include "base/random.h"
#include "metric/metric.h"

#include <fcntl.h>
#include <stdio.h>

#define TRIES_MAX        4
#define FIRST_PAUSE_NS   (50 * NS_PER_MS)
#define RESUMES_MAX      8
#define RESUME_BUDGET_NS (8 * NS_PER_S)
#define SPOOL_MAX        (INT64_C(4) << 30)

_Static_assert(FILL_ROOM >= 2 * TRANSFER_READ_MAX, "what comes behind a pause has to fit");

/* Bytes in the temporary files of all fetches that are not freed yet; the loop's thread only. */
static int64_t spooled_now;

enum phase { ASKING, BODY, SPOOLING, ENDED };

struct fetch {
	struct fetch_request request;
	char *key;
	fetch_decided *decided;
	void *ud;
	enum phase phase;
	struct store_call *call; /* NULL between tries */
	struct loop_timer again;
	struct loop_task room; /* posted by the fill's reader */
	unsigned tries, resumes;
	struct object_head head; /* of the first answer */
	bool resuming;           /* this call continues a body */
	int64_t resumed_at;      /* what the fill held when it was asked for the rest */
	bool held;               /* the rest is to be asked for once the fill has room */
	struct fill *fill;
	int spool; /* -1 unless SPOOLING */
	int64_t spooled;
};

static void ask(struct fetch *f);

static struct loop *loop_of(const struct fetch *f)
{
	return f->request.store->ctx->loop;
}

/* The owner may free the fetch in here: whoever calls this must not touch it afterwards. */
static void decide(struct fetch *f, enum fetch_result result, const struct object_head *head,
		   const struct error *e)
{
	if (f->phase != BODY)
		f->phase = ENDED;
	f->decided(f->ud, result, head, e);
}

/* Found; a descriptor in the head becomes the owner's. */
static void decide_found(struct fetch *f)
{
	struct object_head head = f->head;

	f->head.fd = -1;
	decide(f, FETCH_FOUND, &head, NULL);
}

static void drop_call(struct fetch *f)
{
	struct store_call *call = f->call;

	f->call = NULL;
	if (call)
		store_call_cancel(f->request.store, call);
}

/* ---- the body ---- */

static void body_failed(struct fetch *f, const struct error *e)
{
	f->phase = ENDED;
	drop_call(f);
	fill_fail(f->fill, e);
}

/* Only a version that can be named can be continued. */
static bool can_resume(const struct fetch *f)
{
	const char *etag = f->head.etag;

	return etag[0] == '"' && f->head.total >= 0 && f->resumes < RESUMES_MAX;
}

static void resume_body(struct fetch *f, const struct error *e)
{
	int64_t now = clock_mono_ns();
	bool progress = fill_written(f->fill) > f->resumed_at;

	if (!can_resume(f)) {
		body_failed(f, e);
		return;
	}
	if (!f->resuming || progress) {
		f->request.deadline_ns = now + RESUME_BUDGET_NS;
		f->tries = 0;
	}
	if (f->tries >= TRIES_MAX || now >= f->request.deadline_ns) {
		body_failed(f, e);
		return;
	}
	f->resumes++;
	f->resuming = true;
	f->resumed_at = fill_written(f->fill);
	metric_inc(store_resumes);
	loop_timer_set(loop_of(f), &f->again, now + (f->tries ? (FIRST_PAUSE_NS << f->tries) : 0));
}

/* Does the answer to a resuming call continue exactly what we have? */
static bool continues(const struct fetch *f, const struct object_head *head)
{
	return strcmp(head->etag, f->head.etag) == 0 && head->total == f->head.total &&
	       head->first == f->head.first + f->resumed_at &&
	       head->length == f->head.length - f->resumed_at && head->fd < 0;
}

/* ---- a body without a length ---- */

static void begin_spool(struct fetch *f)
{
	const char *dir = getenv("TMPDIR");
	struct error e;

	f->spool = open(dir && dir[0] ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (f->spool < 0) {
		err_sys(&e, ERR_IO, "cannot make a temporary file for an answer without a length");
		drop_call(f);
		decide(f, FETCH_FAULT, NULL, &e);
		return;
	}
	f->phase = SPOOLING;
}

static bool write_all(int fd, struct slice bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0)
			return false;
		bytes = slice_from(bytes, (size_t)n);
	}
	return true;
}

static bool spool(struct fetch *f, struct slice bytes)
{
	struct error e;

	if (spooled_now + (int64_t)bytes.n > SPOOL_MAX) {
		metric_inc(refused_spool);
		err_set(&e, ERR_LIMIT, "answers without a length take more than %lld bytes",
			(long long)SPOOL_MAX);
	} else if (!write_all(f->spool, bytes)) {
		err_sys(&e, ERR_IO, "cannot write to a temporary file");
	} else {
		f->spooled += (int64_t)bytes.n;
		spooled_now += (int64_t)bytes.n;
		return true;
	}
	drop_call(f);
	decide(f, FETCH_FAULT, NULL, &e);
	return true;
}

static void spool_done(struct fetch *f)
{
	f->head.total = f->head.length = f->spooled;
	f->head.fd = TAKE_FD(f->spool);
	if (f->spooled == 0) {
		decide(f, FETCH_MISS, NULL, NULL);
		return;
	}
	decide_found(f);
}

/* ---- what the store says ---- */

static void begin_body(struct fetch *f)
{
	struct error e;

	if (fill_begin(f->fill, f->head.length, &e) != OK) {
		drop_call(f);
		decide(f, FETCH_FAULT, NULL, &e);
		return;
	}
	f->phase = BODY;
	decide_found(f);
}

/* Passed on, it would tell a client that asked for the whole something of a part. */
static void unasked(struct fetch *f, int status)
{
	struct error e;

	err_set(&e, ERR_CORRUPT, "answered %d to a request without a range", status);
	drop_call(f);
	decide(f, FETCH_FAULT, NULL, &e);
}

/*
 * Is the part that comes the part that was asked for? Some services answer an empty range
 * ("-0") with everything, where HTTP wants 416.
 */
static bool check_range(struct fetch *f)
{
	const struct object_head *h = &f->head;
	struct range want = {0};
	struct error e;

	if (!f->request.ranged) {
		unasked(f, 206);
		return false;
	}
	if (h->total >= 0 &&
	    range_resolve(&f->request.range, h->total, &want) == RANGE_UNSATISFIABLE) {
		drop_call(f);
		decide(f, FETCH_UNSATISFIABLE, &f->head, NULL);
		return false;
	}
	if (h->total >= 0 && h->first == want.first && h->length > 0 &&
	    h->length <= want.last - want.first + 1)
		return true; /* a store may give less than was asked for */
	err_set(&e, ERR_CORRUPT, "another range came than was asked for");
	drop_call(f);
	decide(f, FETCH_FAULT, NULL, &e);
	return false;
}

static void on_head(void *ud, const struct object_head *head)
{
	struct fetch *f = ud;
	struct error e;

	if (f->phase == BODY) {
		if (!continues(f, head)) {
			err_set(&e, ERR_CORRUPT, "the object changed during the transfer");
			body_failed(f, &e);
		}
		return;
	}
	f->head = *head;
	if (head->ranged && !check_range(f))
		return;
	if (f->request.head)
		return; /* nothing more to say before done */
	if (head->fd >= 0 || head->total == 0)
		return;
	if (!f->fill && head->length >= 0) {
		/* A HEAD that had to be asked by GET: the rest may go. */
		drop_call(f);
		decide_found(f);
		return;
	}
	if (head->length < 0)
		begin_spool(f);
	else
		begin_body(f);
}

static bool on_data(void *ud, struct slice bytes)
{
	struct fetch *f = ud;
	struct error e;

	if (f->phase == SPOOLING)
		return spool(f, bytes);
	if (f->phase != BODY)
		return true;
	if (fill_written(f->fill) + (int64_t)bytes.n > f->head.length) {
		err_set(&e, ERR_CORRUPT, "more bytes than promised");
		body_failed(f, &e);
		return true;
	}
	if (!fill_fits(f->fill, bytes.n)) {
		err_set(&e, ERR_LIMIT, "more bytes came than were asked for before the pause");
		body_failed(f, &e);
		return true;
	}
	return fill_write(f->fill, bytes) == FILL_GO;
}

/* The call is complete and said "found": what follows depends on what was asked. */
static void found_done(struct fetch *f)
{
	struct error e;

	switch (f->phase) {
	case SPOOLING: spool_done(f); break;
	case BODY:
		if (fill_written(f->fill) < f->head.length) {
			err_set(&e, ERR_NET, "the body is short");
			resume_body(f, &e);
			break;
		}
		f->phase = ENDED;
		(void)!fill_commit(f->fill, &e);
		break;
	case ASKING:
		if (f->head.total == 0) {
			decide(f, FETCH_MISS, NULL, NULL);
		} else if (f->request.head && f->head.length < 0) {
			f->request.head = false; /* the length shows only at the end */
			ask(f);
		} else {
			decide_found(f);
		}
		break;
	case ENDED: break;
	}
}

static void fault_done(struct fetch *f, bool retry, const struct error *e)
{
	int64_t pause, now = clock_mono_ns();

	if (f->phase == BODY) {
		if (retry)
			resume_body(f, e);
		else
			body_failed(f, e);
		return;
	}
	pause = FIRST_PAUSE_NS << f->tries;
	pause = pause / 2 + (int64_t)random_below((uint64_t)pause);
	if (!retry || f->phase != ASKING || f->tries >= TRIES_MAX ||
	    now + pause >= f->request.deadline_ns) {
		decide(f, FETCH_FAULT, NULL, e);
		return;
	}
	metric_inc(store_retries);
	loop_timer_set(loop_of(f), &f->again, now + pause);
}

static void on_done(void *ud, enum store_result result, const struct object_head *head,
		    const struct error *e)
{
	struct fetch *f = ud;
	struct error changed;

	f->call = NULL;
	switch (result) {
	case STORE_FOUND: found_done(f); return;
	case STORE_FAULT:
	case STORE_FAULT_RETRY: fault_done(f, result == STORE_FAULT_RETRY, e); return;
	case STORE_MISS:
	case STORE_UNSATISFIABLE:
	case STORE_CHANGED: break;
	}
	if (f->phase == BODY) {
		err_set(&changed, ERR_CORRUPT, "the object changed during the transfer");
		body_failed(f, &changed);
	} else if (result == STORE_UNSATISFIABLE && !f->request.ranged) {
		unasked(f, 416);
	} else if (result == STORE_UNSATISFIABLE) {
		decide(f, head->total == 0 ? FETCH_MISS : FETCH_UNSATISFIABLE, head, NULL);
	} else {
		decide(f, FETCH_MISS, NULL, NULL);
	}
}

static void ask(struct fetch *f)
{
	static const struct store_events events = {on_head, on_data, on_done};
	struct store_read read = {
		.key = slice_of(f->key),
		.head = f->request.head,
		.ranged = f->request.ranged,
		.range = f->request.range,
		.via = f->request.via,
		.deadline_ns = f->request.deadline_ns,
	};

	f->tries++;
	if (f->resuming) {
		read.if_match = f->head.etag;
		read.ranged = true;
		read.range = (struct range_ask){f->head.first + f->resumed_at,
						f->head.first + f->head.length - 1};
	}
	f->call = store_start(f->request.store, &read, &events, f);
}

static void ask_again(struct loop_timer *timer)
{
	struct fetch *f = CONTAINER_OF(timer, struct fetch, again);

	f->held = f->phase == BODY && !fill_may_write(f->fill);
	if (!f->held)
		ask(f);
}

static void room_made(struct loop_task *task)
{
	struct fetch *f = CONTAINER_OF(task, struct fetch, room);

	if (f->phase != BODY || !fill_may_write(f->fill))
		return;
	if (f->call) {
		store_call_resume(f->request.store, f->call);
	} else if (f->held) {
		f->held = false;
		f->request.deadline_ns = clock_mono_ns() + RESUME_BUDGET_NS;
		ask(f);
	}
}

/* Called by the reader, on its thread. */
static void post_room(void *ud)
{
	struct fetch *f = ud;

	loop_post(loop_of(f), &f->room);
}

struct fetch *fetch_start(const struct fetch_request *request, fetch_decided *decided, void *ud)
{
	struct fetch *f = xnew(struct fetch);

	f->request = *request;
	f->key = xstrndup(request->key.p, request->key.n);
	f->decided = decided;
	f->ud = ud;
	f->spool = -1;
	f->head.fd = -1;
	f->again.due = ask_again;
	f->room.run = room_made;
	if (!request->head)
		f->fill = fill_new(request->ring_max,
				   (struct fill_writer){.room = post_room, .ud = f});
	ask(f);
	return f;
}

struct fill *fetch_body(const struct fetch *f)
{
	return f->fill;
}

void fetch_abort(struct fetch *f)
{
	static const struct error gone = {ERR_CANCELED, 0, "nobody waits for it"};
	enum phase before = f->phase;

	f->phase = ENDED;
	loop_timer_stop(loop_of(f), &f->again);
	drop_call(f);
	if (before == BODY)
		fill_fail(f->fill, &gone);
}

bool fetch_is_spooling(const struct fetch *f)
{
	return f->phase == SPOOLING;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	fetch_abort(f);
	fill_unref(f->fill);
	spooled_now -= f->spooled;
	close_p(&f->spool);
	close_p(&f->head.fd);
	free(f->key);
	free(f);
}
