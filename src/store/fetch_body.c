// SPDX-License-Identifier: MIT
/*
 * The body of a fetch, once its head has been told (see fetch.h): how it goes on after it has
 * broken off, how long it waits for a sink that has paused it, and the detour of a body without a
 * length through a temporary file. The question that leads to a body, and all retries before one
 * has begun, are fetch.c.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/fetch_priv.h"

#define RESUMES_MAX 8

void fetch_body_ended(struct fetch *f, const struct error *e)
{
	f->phase = ENDED;
	loop_timer_stop(fetch_loop(f), &f->idle);
	fetch_drop_call(f);
	f->sink.end(f->ud, e);
}

void fetch_body_failed(struct fetch *f, const struct error *e)
{
	struct error copy = *e; /* it may lie in the call */

	fetch_body_ended(f, &copy);
}

bool fetch_sink_may_write(const struct fetch *f)
{
	return !f->sink.may_write || f->sink.may_write(f->ud);
}

/* Only a version with an ETag can be continued. */
static bool is_named(const struct fetch *f)
{
	return f->head.etag[0] == '"' && f->head.total >= 0;
}

static bool can_resume(const struct fetch *f)
{
	return is_named(f) && f->resumes < RESUMES_MAX;
}

/* ---- one that waits for its reader ---- */

/* The rest is asked for by fetch_resume(). */
static void hold(struct fetch *f)
{
	fetch_drop_call(f);
	f->held = f->resuming = true;
	f->resumed_at = f->received;
	f->tries = 0;
	metric_inc(store_resumes);
}

static void idle(struct loop_timer *timer)
{
	struct fetch *f = CONTAINER_OF(timer, struct fetch, idle);
	int64_t now = clock_mono_ns(), paused_ns = now - f->paused_ns;
	bool wanted = transfer_engine_short(f->request.store->ctx->engine);
	struct error e;

	if (f->phase != BODY || !f->call || fetch_sink_may_write(f))
		return;
	if (wanted && is_named(f) && f->received < f->head.length) {
		hold(f);
	} else if (wanted && paused_ns >= FETCH_IDLE_MAX_NS) {
		err_set(&e, ERR_BUSY, "its reader has paused, while others wait for a transfer");
		fetch_body_failed(f, &e);
	} else {
		loop_timer_set(fetch_loop(f), &f->idle, now + NS_PER_S);
	}
}

void fetch_body_paused(struct fetch *f)
{
	f->paused_ns = clock_mono_ns();
	f->idle.due = idle;
	loop_timer_set(fetch_loop(f), &f->idle, f->paused_ns + FETCH_IDLE_NS);
}

void fetch_body_resume(struct fetch *f, const struct error *e)
{
	int64_t now = clock_mono_ns();
	bool progress = f->received > f->resumed_at;

	if (!can_resume(f)) {
		fetch_body_failed(f, e);
		return;
	}
	if (!f->resuming || progress) {
		f->request.deadline_ns = now + FETCH_RESUME_BUDGET_NS;
		f->tries = 0;
	}
	if (f->tries >= RETRY_TRIES_MAX || now >= f->request.deadline_ns) {
		fetch_body_failed(f, e);
		return;
	}
	f->resumes++;
	f->resuming = true;
	f->resumed_at = f->received;
	metric_inc(store_resumes);
	loop_timer_set(fetch_loop(f), &f->again,
		       now + (f->tries ? (RETRY_FIRST_PAUSE_NS << f->tries) : 0));
}

/*
 * Is it all of the object? Then an answer of the whole will do in place of the range that was asked
 * for.
 */
static bool is_all(const struct object_head *h)
{
	return h->first == 0 && h->length == h->total;
}

bool fetch_body_anew(const struct fetch *f)
{
	return f->tries == RETRY_TRIES_MAX && is_all(&f->head);
}

bool fetch_body_continues(struct fetch *f, const struct object_head *head)
{
	if (strcmp(head->etag, f->head.etag) != 0 || head->total != f->head.total || head->fd >= 0)
		return false;
	f->skip = is_all(&f->head) && is_all(head) ? f->resumed_at : 0;
	return f->skip || (head->first == f->head.first + f->resumed_at &&
			   head->length == f->head.length - f->resumed_at);
}

/* ---- a body without a length, or one that is wanted in a file ---- */

static void spool_fault(struct fetch *f, const struct error *e)
{
	struct error why = *e; /* it may lie in the spool */

	fetch_drop_call(f);
	fetch_decide(f, FETCH_FAULT, NULL, &why);
}

static void spool_room(void *ud)
{
	struct fetch *f = ud;

	if (f->call)
		store_call_resume(f->request.store, f->call);
}

static void spool_ended(void *ud, const struct error *e)
{
	struct fetch *f = ud;

	if (f->phase != SPOOLING)
		return; /* it has failed, or was broken off, meanwhile */
	if (e) {
		spool_fault(f, e);
		return;
	}
	f->head.total = f->head.length = spool_length(f->spool);
	f->head.fd = spool_take_file(f->spool);
	fetch_decide_found(f);
}

void fetch_begin_spool(struct fetch *f)
{
	static const struct spool_events events = {spool_room, spool_ended};
	struct error e;

	if (spool_new(fetch_loop(f), f->request.store->ctx->disk, &events, f, &f->spool, &e) != OK)
		spool_fault(f, &e);
	else
		f->phase = SPOOLING;
}

bool fetch_spool(struct fetch *f, struct slice bytes)
{
	bool more = true;
	struct error e;

	if (spool_write(f->spool, bytes, &more, &e) != OK)
		spool_fault(f, &e);
	return more;
}

/* An empty object cannot be told from an answer that broke off before its first byte. */
static void too_little_came(struct fetch *f)
{
	struct error e;

	err_set(&e, ERR_NET,
		f->head.length < 0 ? "the answer has neither a length nor a body"
				   : "the body has another length than was promised");
	fetch_decide(f, FETCH_FAULT, NULL, &e);
}

void fetch_spool_done(struct fetch *f)
{
	int64_t n = spool_length(f->spool);

	if (n == 0 || (f->head.length >= 0 && n != f->head.length))
		too_little_came(f);
	else
		spool_end(f->spool);
}

int64_t fetch_take_spool(struct fetch *f)
{
	return f->spool ? spool_take_count(f->spool) : 0;
}
