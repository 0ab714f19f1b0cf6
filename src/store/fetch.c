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
 * is pinned to the ETag, again within a budget of its own.
 *
 * An answer that does not fit a version that is known exactly (another ETag, size or offset, a
 * miss, 412) is tried again like a passing failure: behind one address there may be several nodes,
 * of which another one has that version. After a 412 the next try goes without If-Match, which some
 * nodes refuse. If the whole object is wanted the last try asks for the whole, since some nodes
 * give no parts.
 */
#include "base/clock.h"
#include "base/log.h"
#include "metric/metric.h"
#include "store/encoding.h"
#include "store/fetch_priv.h"

#include <errno.h>

#define UNRANGED_NS (3600 * NS_PER_S) /* so long a store that gives no parts is not asked for any */

bool fetch_is_miss(enum fetch_result result)
{
	switch (result) {
	case FETCH_MISS:
	case FETCH_DENIED:
	case FETCH_REFUSED: return true;
	case FETCH_FAULT:
	case FETCH_FOUND:
	case FETCH_UNSATISFIABLE: break;
	}
	return false;
}

/* ---- the tally ---- */

static void note_success(const struct fetch *f)
{
	struct store *s = f->request.store;

	if (gate_answered(s, question_of(slice_of(f->key))))
		log_event(LOG_INFO, "store answers again", "store", s->traits.name, NULL);
}

/*
 * Does the error count against the store? Our own limits say nothing about it, and a refusal or a
 * bad object nothing about its other objects. An I/O error is the store's fault only if the store
 * is a directory.
 */
static bool is_of_the_store(const struct store *s, const struct error *e)
{
	if (err_sys_is_ours(e->sys))
		return false;
	switch (e->code) {
	case ERR_NET:
	case ERR_UPSTREAM:
	case ERR_TIMEOUT: return true;
	case ERR_IO: return s->traits.local;
	case OK:
	case ERR_NOMEM:
	case ERR_DENIED:
	case ERR_CORRUPT:
	case ERR_OTHER:
	case ERR_LIMIT:
	case ERR_BUSY:
	case ERR_CANCELED:
	case ERR_USAGE: break;
	}
	return false;
}

static void note_fault(const struct fetch *f, const struct error *e)
{
	struct store *s = f->request.store;

	if (e->code == ERR_CANCELED)
		return; /* by us */
	metric_inc(store_faults);
	last_fault_note(s, e);
	if (!is_of_the_store(s, e) ||
	    !gate_failed(s, question_of(slice_of(f->key)), f->request.asker, f->asked_ns))
		return;
	metric_inc(breaker_opened);
	log_event(LOG_WARN, "store left alone until it answers a probe", "store", s->traits.name,
		  "error", e->msg, NULL);
}

static void note(const struct fetch *f, enum fetch_result result, const struct error *e)
{
	switch (result) {
	case FETCH_FOUND:
		metric_inc(store_found);
		note_success(f);
		break;
	case FETCH_MISS:
	case FETCH_DENIED:
	case FETCH_REFUSED:
		metric_inc(store_missing);
		note_success(f);
		break;
	case FETCH_UNSATISFIABLE: note_success(f); break;
	case FETCH_FAULT: note_fault(f, e); break;
	}
}

/* The owner may free the fetch in here: the caller must not touch it afterwards. */
void fetch_decide(struct fetch *f, enum fetch_result result, const struct object_head *head,
		  const struct error *e)
{
	if (f->phase != BODY)
		f->phase = ENDED;
	note(f, result, e);
	f->decided(f->ud, result, head, e);
}

/* Found; a descriptor in the head becomes the owner's. */
void fetch_decide_found(struct fetch *f)
{
	struct object_head head = f->head;

	f->head.fd = -1;
	fetch_decide(f, FETCH_FOUND, &head, NULL);
}

void fetch_drop_call(struct fetch *f)
{
	struct store_call *call = f->call;

	f->call = NULL;
	if (call)
		store_call_cancel(f->request.store, call);
}

/* ---- what the store says ---- */

static void begin_body(struct fetch *f)
{
	struct error e;

	if (f->sink.begin && f->sink.begin(f->ud, &f->head, &e) != OK) {
		fetch_drop_call(f);
		fetch_decide(f, FETCH_FAULT, NULL, &e);
		return;
	}
	f->phase = BODY;
	fetch_decide_found(f);
}

/* An answer to a question that was not asked tells nothing of the object. */
static void fail_unasked(struct fetch *f, const char *what)
{
	struct error e;

	err_set(&e, ERR_CORRUPT, "answered %s", what);
	fetch_drop_call(f);
	fetch_decide(f, FETCH_FAULT, NULL, &e);
}

/* The store has something else than the version that is known. */
static void other_version(struct fetch *f, const char *why)
{
	struct error e;

	err_set(&e, ERR_CORRUPT, "%s", why);
	fetch_drop_call(f);
	if (f->phase == ASKING)
		close_p(&f->head.fd);
	fetch_fault(f, true, &e);
}

/* A part of a version that is known: nothing else will do. */
static bool check_pinned(struct fetch *f)
{
	const struct object_head *h = &f->head;
	struct range want = {0};

	if (h->ranged && h->total == f->pin.total && strcmp(h->etag, f->pin.etag) == 0 &&
	    range_resolve(&f->request.range, h->total, &want) != RANGE_UNSATISFIABLE &&
	    h->first == want.first && h->length == want.last - want.first + 1)
		return true;
	other_version(f, h->ranged ? "the object changed during the transfer"
				   : "the whole came in place of a part");
	return false;
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
		fail_unasked(f, "206 to a request without a range");
		return false;
	}
	if (h->total >= 0 &&
	    range_resolve(&f->request.range, h->total, &want) == RANGE_UNSATISFIABLE) {
		fetch_drop_call(f);
		fetch_decide(f, FETCH_UNSATISFIABLE, &f->head, NULL);
		return false;
	}
	if (h->total >= 0 && h->first == want.first && h->length > 0 &&
	    h->length <= want.last - want.first + 1)
		return true; /* a store may give less than was asked for */
	err_set(&e, ERR_CORRUPT, "another range came than was asked for");
	fetch_drop_call(f);
	fetch_decide(f, FETCH_FAULT, NULL, &e);
	return false;
}

void fetch_begin(struct fetch *f)
{
	if (f->head.length < 0 || f->request.into_file)
		fetch_begin_spool(f);
	else
		begin_body(f);
}

static void call_head(void *ud, const struct object_head *head)
{
	struct fetch *f = ud;

	if (f->peeking) {
		fetch_peek_head(f, head);
		return;
	}
	if (f->by_beginning && fetch_beginning_head(f, head))
		return;
	if (f->phase == BODY) {
		if (!fetch_body_continues(f, head))
			other_version(f, "the object changed during the transfer");
		return;
	}
	f->head = *head;
	f->headed = true;
	if (f->request.pin ? !check_pinned(f) : head->ranged && !check_range(f))
		return;
	if (f->request.head)
		return; /* nothing more to say before done */
	if (head->fd >= 0 || head->total == 0)
		return;
	if ((!f->sink.write && !f->request.into_file && head->length >= 0) ||
	    (f->request.no_length && head->length < 0)) {
		/* A HEAD that had to be asked by GET, or a probe: the rest may go. */
		fetch_drop_call(f);
		fetch_decide_found(f);
		return;
	}
	if (!fetch_looks(f))
		fetch_begin(f);
}

bool fetch_data(struct fetch *f, struct slice bytes)
{
	struct error e;
	size_t before;

	if (f->phase == SPOOLING)
		return fetch_spool(f, bytes);
	if (f->phase != BODY)
		return true;
	before = (size_t)MIN((int64_t)bytes.n, f->skip);
	f->skip -= (int64_t)before;
	bytes = slice_from(bytes, before);
	if (!bytes.n)
		return true;
	if (f->received + (int64_t)bytes.n > f->head.length) {
		err_set(&e, ERR_CORRUPT, "more bytes than promised");
		fetch_body_failed(f, &e);
		return true;
	}
	f->received += (int64_t)bytes.n;
	if (f->sink.write(f->ud, bytes))
		return true; /* it may be gone */
	fetch_body_paused(f);
	return false;
}

static bool call_data(void *ud, struct slice bytes)
{
	struct fetch *f = ud;

	return f->looking ? fetch_look(f, bytes) : fetch_data(f, bytes);
}

/* The call is complete and said "found": what follows depends on what was asked. */
static void found_done(struct fetch *f)
{
	struct error e;

	if (f->looking && !fetch_look_done(f))
		return;
	switch (f->phase) {
	case SPOOLING: fetch_spool_done(f); break;
	case BODY:
		if (f->received < f->head.length) {
			err_set(&e, ERR_NET, "the body is short");
			fetch_body_resume(f, &e);
			break;
		}
		fetch_body_ended(f, NULL);
		break;
	case ASKING:
		if (f->unranged && f->headed)
			f->request.store->unranged_ns = clock_mono_ns() + UNRANGED_NS;
		if (!f->headed) {
			fail_unasked(f, "without a head");
		} else if (f->head.total == 0) {
			fetch_decide(f, FETCH_MISS, NULL, NULL);
		} else if (f->request.head && f->head.length < 0 && !f->request.no_length) {
			f->request.head = false; /* the length shows only at the end */
			fetch_ask(f);
		} else if (!fetch_peeks(f)) {
			fetch_decide_found(f);
		}
		break;
	case ENDED: break;
	}
}

/* An answer that was understood, if not one that helps. */
static bool is_answer(const struct error *e)
{
	return e->code == ERR_UPSTREAM || e->code == ERR_DENIED || e->code == ERR_CORRUPT;
}

void fetch_fault(struct fetch *f, bool retry, const struct error *e)
{
	int64_t at_ns;

	f->answered = e->code == ERR_UPSTREAM;
	if (f->phase == BODY) {
		/* A store that refuses a part may give the whole. */
		if (retry || (f->resuming && is_answer(e)))
			fetch_body_resume(f, e);
		else
			fetch_body_failed(f, e);
		return;
	}
	if (retry && f->phase == ASKING && retry_later(f->tries, f->request.deadline_ns, &at_ns))
		loop_timer_set(fetch_loop(f), &f->again, at_ns);
	else
		fetch_decide(f, FETCH_FAULT, NULL, e);
}

/* The store does not have the version that has been begun, or that was known to be there. */
static void changed_done(struct fetch *f)
{
	other_version(f, "the object changed during the transfer");
}

static void miss_done(struct fetch *f, enum fetch_result miss)
{
	if (f->phase == BODY || f->request.pin)
		changed_done(f);
	else
		fetch_decide(f, miss, NULL, NULL);
}

static void unsatisfiable_done(struct fetch *f, const struct object_head *head)
{
	if (f->phase == BODY || f->request.pin)
		changed_done(f);
	else if (!f->request.ranged)
		fail_unasked(f, "416 to a request without a range");
	else
		fetch_decide(f, head->total == 0 ? FETCH_MISS : FETCH_UNSATISFIABLE, head, NULL);
}

static void call_done(void *ud, enum store_result result, const struct object_head *head,
		      const struct error *e)
{
	struct fetch *f = ud;

	f->call = NULL;
	if (f->peeking) {
		fetch_peek_done(f);
		return;
	}
	if (result != STORE_FOUND)
		fetch_look_stop(f);
	if (f->by_beginning && result == STORE_UNSATISFIABLE && head->total == 0) {
		fetch_decide(f, FETCH_MISS, NULL, NULL);
		return;
	}
	if (f->by_beginning && fetch_beginning_refused(f, result, e))
		return;
	switch (result) {
	case STORE_FAULT: fetch_fault(f, false, e); return;
	case STORE_FAULT_RETRY: fetch_fault(f, true, e); return;
	case STORE_FOUND: found_done(f); return;
	case STORE_UNSATISFIABLE: unsatisfiable_done(f, head); return;
	case STORE_CHANGED:
		f->unmatched = true;
		if (f->phase == BODY || f->request.pin)
			changed_done(f);
		else
			fail_unasked(f, "412 to a request without If-Match");
		return;
	case STORE_MISS: miss_done(f, FETCH_MISS); return;
	case STORE_MISS_DENIED: miss_done(f, FETCH_DENIED); return;
	case STORE_MISS_REFUSED: miss_done(f, FETCH_REFUSED); return;
	}
}

void fetch_ask(struct fetch *f)
{
	static const struct store_events events = {call_head, call_data, call_done};
	struct store_read read = {
		.key = slice_of(f->key),
		.head = f->request.head,
		.unproven = f->request.unproven,
		.denied_fails = f->request.denied_fails,
		.origin = f->request.origin,
		.ranged = f->request.ranged,
		.range = f->request.range,
		.via = f->request.via,
		.checksum = f->request.checksum,
		.msfz = f->request.msfz,
		.asker = f->request.asker,
		.put_off_ns = f->request.goes_on || f->resuming ? &f->request.deadline_ns : NULL,
		.if_match = f->request.pin ? f->pin.etag : NULL,
		.deadline_ns = f->request.deadline_ns,
		.patient = f->request.patient,
	};

	fetch_look_stop(f);
	f->tries++;
	f->skip = 0;
	f->asked_ns = clock_mono_ns();
	f->by_beginning = fetch_by_beginning(f);
	if (f->peeking || f->by_beginning) {
		read.head = false;
		read.ranged = true;
		read.range = (struct range_ask){0, ENCODING_HEAD - 1};
	} else if (f->resuming) {
		read.if_match = f->head.etag;
		read.ranged = !fetch_body_anew(f);
		read.range = (struct range_ask){f->head.first + f->resumed_at,
						f->head.first + f->head.length - 1};
	} else if (f->request.or_whole && f->answered && f->tries == RETRY_TRIES_MAX) {
		read.ranged = false;
	}
	if (f->unmatched || (f->resuming && !read.ranged))
		read.if_match = NULL; /* the answer is compared all the same */
	f->call = store_start(f->request.store, &read, &events, f);
}

static void next_try(struct loop_timer *timer)
{
	struct fetch *f = CONTAINER_OF(timer, struct fetch, again);

	if (f->looking) {
		fetch_look_overdue(f);
		return;
	}
	f->held = f->phase == BODY && !fetch_sink_may_write(f);
	if (!f->held)
		fetch_ask(f);
}

void fetch_resume(struct fetch *f)
{
	if (f->phase != BODY || !fetch_sink_may_write(f))
		return;
	loop_timer_stop(fetch_loop(f), &f->idle);
	if (f->call) {
		store_call_resume(f->request.store, f->call);
	} else if (f->held) {
		f->held = false;
		f->request.deadline_ns = clock_mono_ns() + FETCH_RESUME_BUDGET_NS;
		fetch_ask(f);
	}
}

struct fetch *fetch_start(const struct fetch_request *request, const struct fetch_sink *sink,
			  fetch_decided *decided, void *ud)
{
	struct fetch *f = xnew(struct fetch);

	ASSERT(request->head || request->into_file || sink);
	f->request = *request;
	f->key = xstrndup(request->key.p, request->key.n);
	if (request->pin)
		f->pin = *request->pin;
	if (sink)
		f->sink = *sink;
	f->decided = decided;
	f->ud = ud;
	f->head.fd = -1;
	f->again.due = next_try;
	fetch_ask(f);
	return f;
}

void fetch_extend(struct fetch *f, int64_t deadline_ns)
{
	if (f->phase == ASKING)
		f->request.deadline_ns = MAX(f->request.deadline_ns, deadline_ns);
}

void fetch_fail(struct fetch *f, const struct error *e)
{
	if (f->phase == BODY)
		fetch_body_failed(f, e);
}

void fetch_abort(struct fetch *f)
{
	static const struct error gone = {ERR_CANCELED, 0, "nobody waits for it"};
	enum phase before = f->phase;

	f->phase = ENDED;
	loop_timer_stop(fetch_loop(f), &f->again);
	loop_timer_stop(fetch_loop(f), &f->idle);
	fetch_drop_call(f);
	if (before == BODY)
		f->sink.end(f->ud, &gone);
}

bool fetch_is_spooling(const struct fetch *f)
{
	return f->phase == SPOOLING;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	loop_timer_stop(fetch_loop(f), &f->again);
	loop_timer_stop(fetch_loop(f), &f->idle);
	fetch_drop_call(f);
	spool_free(f->spool);
	fetch_look_stop(f);
	if (f->gone)
		*f->gone = true;
	close_p(&f->head.fd);
	free(f->key);
	free(f);
}
