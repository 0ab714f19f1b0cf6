// SPDX-License-Identifier: MIT
/*
 * The body of a fetch (see fetch.h): going on after it has broken off, and the detour of one whose
 * length the store does not tell, through an unnamed temporary file.
 */
#include "base/clock.h"
#include "base/file.h"
#include "metric/metric.h"
#include "store/fetch_priv.h"

#define RESUMES_MAX 8

void fetch_body_ended(struct fetch *f, const struct error *e)
{
	f->phase = ENDED;
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

/* Only a version that can be named can be continued. */
static bool can_resume(const struct fetch *f)
{
	const char *etag = f->head.etag;

	return etag[0] == '"' && f->head.total >= 0 && f->resumes < RESUMES_MAX;
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
	if (f->tries >= FETCH_TRIES_MAX || now >= f->request.deadline_ns) {
		fetch_body_failed(f, e);
		return;
	}
	f->resumes++;
	f->resuming = true;
	f->resumed_at = f->received;
	metric_inc(store_resumes);
	loop_timer_set(fetch_loop(f), &f->again,
		       now + (f->tries ? (FETCH_FIRST_PAUSE_NS << f->tries) : 0));
}

/* Is all of the object wanted? Then what a store gives without regard to a range will do. */
static bool is_all(const struct object_head *h)
{
	return h->first == 0 && h->length == h->total;
}

bool fetch_body_anew(const struct fetch *f)
{
	return f->tries == FETCH_TRIES_MAX && is_all(&f->head);
}

bool fetch_body_continues(struct fetch *f, const struct object_head *head)
{
	if (strcmp(head->etag, f->head.etag) != 0 || head->total != f->head.total || head->fd >= 0)
		return false;
	f->skip = is_all(&f->head) && is_all(head) ? f->resumed_at : 0;
	return f->skip || (head->first == f->head.first + f->resumed_at &&
			   head->length == f->head.length - f->resumed_at);
}

/* ---- a body without a length ---- */

void fetch_begin_spool(struct fetch *f)
{
	struct error e;

	f->spool = file_temporary();
	if (f->spool < 0) {
		err_sys(&e, ERR_IO, "cannot make a temporary file for an answer without a length");
		fetch_drop_call(f);
		fetch_decide(f, FETCH_FAULT, NULL, &e);
		return;
	}
	f->phase = SPOOLING;
}

bool fetch_spool(struct fetch *f, struct slice bytes)
{
	int64_t length = f->spooled + (int64_t)bytes.n;
	struct error e;

	if (file_temporary_grow(f->spool, &f->spool_counted, length, &e) != OK) {
		metric_inc(refused_spool);
	} else if (!file_write_at(f->spool, bytes, f->spooled)) {
		err_sys(&e, ERR_IO, "cannot write to a temporary file");
	} else {
		f->spooled = length;
		return true;
	}
	fetch_drop_call(f);
	fetch_decide(f, FETCH_FAULT, NULL, &e);
	return true;
}

/* Nothing tells an object of no length from an answer that broke off before its first byte. */
static void nothing_came(struct fetch *f)
{
	struct error e;

	err_set(&e, ERR_NET, "the answer has neither a length nor a body");
	fetch_decide(f, FETCH_FAULT, NULL, &e);
}

void fetch_spool_done(struct fetch *f)
{
	if (f->spooled == 0) {
		nothing_came(f);
		return;
	}
	f->head.total = f->head.length = f->spooled;
	f->head.fd = TAKE_FD(f->spool);
	fetch_decide_found(f);
}

int64_t fetch_take_spool(struct fetch *f)
{
	int64_t counted = f->spool_counted;

	f->spool_counted = 0;
	return counted;
}

void fetch_spool_free(struct fetch *f)
{
	file_temporary_end(&f->spool_counted);
	close_p(&f->spool);
}
