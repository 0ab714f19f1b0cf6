// SPDX-License-Identifier: MIT
/*
 * One call to S3: a read, a probe or a listing, from "are there credentials?" to the verdict.
 *
 *	start -> credentials -> request -> head --found--> body -> done
 *	              ^            ^         \--error--> error body -> verdict -> done
 *	              |            |                                      |
 *	              +-- renewed -+---- other region, clock, GET --------+--> wait for a probe
 *
 * Every way back is taken once at most (the flags in struct store_call; s3_verdict.c takes them),
 * so a call ends. Passing failures are not repeated here: that is the fetch's business.
 *
 * A call is freed by s3_call_end() just before its last event, or by s3_call_cancel(). Its events
 * may cancel it: nothing is touched after an event but by way of a return.
 */
#include "store/s3_call.h"
#include "base/clock.h"
#include "metric/metric.h"
#include "store/answer.h"

#include <stdio.h>

#define ERROR_BODY_MAX ((size_t)64 * 1024)

static struct loop *loop_of(const struct store_call *c)
{
	return c->s3->store.ctx->loop;
}

static void call_free(struct store_call *c)
{
	loop_timer_stop(loop_of(c), &c->overdue);
	if (c->waiting_in)
		waiters_remove(c->waiting_in, &c->waiter);
	if (c->transfer)
		transfer_cancel(c->transfer);
	buf_fini(&c->text);
	free(c->if_match);
	free(c->key);
	free(c);
}

void s3_call_cancel(struct store_call *c)
{
	call_free(c);
}

void s3_call_resume(struct store_call *c)
{
	if (c->transfer)
		transfer_resume(c->transfer);
}

/* ---- the end ---- */

static enum store_result result_of(enum s3_verdict verdict, int status)
{
	switch (verdict) {
	case S3_FOUND: return STORE_FOUND;
	case S3_MISS: return status == 404 ? STORE_MISS : STORE_MISS_DENIED;
	case S3_BARE:
	case S3_ARCHIVED: return STORE_MISS_DENIED;
	case S3_NAME: return STORE_MISS_REFUSED;
	case S3_RANGE: return STORE_UNSATISFIABLE;
	case S3_PRECONDITION: return STORE_CHANGED;
	case S3_RETRY: return STORE_FAULT_RETRY;
	case S3_NOT_MODIFIED: /* never asked for */
	case S3_REGION:
	case S3_DENIED_IN_DOUBT:
	case S3_ASK_GET:
	case S3_SKEW:
	case S3_EXPIRED:
	case S3_FAULT: break;
	}
	return STORE_FAULT;
}

void s3_call_end(struct store_call *c, enum s3_verdict verdict, const struct error *e)
{
	struct s3_asking asking = c->asking;
	struct store_events events = c->events;
	struct object_head object = c->object;
	enum store_result result = result_of(verdict, c->answer.status);
	struct buf text CLEANUP(buf_fini) = c->text;

	c->text = BUF_MAX(0);
	call_free(c);
	if (asking.raw)
		asking.raw(asking.ud, verdict, buf_slice(&text), e);
	else
		events.done(asking.ud, result, &object, e);
}

void s3_call_fail(struct store_call *c, enum s3_verdict verdict, enum err code, const char *what)
{
	struct error e;

	err_set(&e, code, "%s", what);
	s3_call_end(c, verdict, &e);
}

/* ---- waiting for somebody else ---- */

static void wait_overdue(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);

	s3_call_fail(c, S3_FAULT, ERR_TIMEOUT, "no credentials or no probe in time");
}

static void wait_in(struct store_call *c, struct waiters *list, void (*wake)(struct waiter *w))
{
	c->waiter.wake = wake;
	if (!waiters_add(list, &c->waiter)) {
		metric_inc(refused_waiters);
		s3_call_fail(c, S3_FAULT, ERR_BUSY, "too many requests wait for the store");
		return;
	}
	c->waiting_in = list;
	c->overdue.due = wait_overdue;
	loop_timer_set(loop_of(c), &c->overdue, c->read.deadline_ns);
}

static struct store_call *woken(struct waiter *w)
{
	struct store_call *c = CONTAINER_OF(w, struct store_call, waiter);

	c->waiting_in = NULL;
	loop_timer_stop(loop_of(c), &c->overdue);
	return c;
}

static void credentials_came(struct waiter *w)
{
	s3_call_ask(woken(w));
}

void s3_call_wait_creds(struct store_call *c)
{
	wait_in(c, &c->s3->keeper.waiters, credentials_came);
}

static void probe_came(struct waiter *w)
{
	struct store_call *c = woken(w);

	if (c->s3->doubt.is == MANNER_OPAQUE) {
		s3_doubt_count_denied(c->s3);
		s3_call_end(c, S3_MISS, NULL);
	} else if (c->s3->doubt.failure.code) {
		s3_call_end(c, S3_FAULT, &c->s3->doubt.failure);
	} else {
		s3_call_fail(c, S3_FAULT, ERR_DENIED,
			     "AccessDenied, though a missing key is 404 there");
	}
}

void s3_call_wait_probe(struct store_call *c)
{
	wait_in(c, &c->s3->doubt.waiters, probe_came);
}

/* ---- the answer ---- */

static void head_only_done(struct loop_timer *timer)
{
	s3_call_end(CONTAINER_OF(timer, struct store_call, overdue), S3_FOUND, NULL);
}

/* Found by a GET of which only the head was wanted: the body may go. */
static void end_with_head(struct store_call *c)
{
	struct store_events events = c->events;
	void *ud = c->asking.ud;

	if (c->whole && c->object.total < 0) {
		s3_call_fail(c, S3_FAULT, ERR_CORRUPT, "416, and the whole comes without a length");
		return;
	}
	if (c->whole) {
		s3_call_end(c, S3_RANGE, NULL);
		return;
	}
	transfer_cancel(TAKE(c->transfer));
	c->overdue.due = head_only_done;
	loop_timer_set(loop_of(c), &c->overdue, 0);
	events.head(ud, &c->object);
}

static void found(struct store_call *c)
{
	struct error e;

	store_alive(&c->s3->store);
	if (answer_head(&c->answer, &c->object, &e) != OK) {
		s3_call_end(c, S3_FAULT, &e);
		return;
	}
	s3_doubt_count_found(c->s3, c->read.key, c->object.etag[0]);
	doubt_answered(&c->s3->doubt);
	answer_sum(&c->answer, !c->read.ranged, &c->object);
	if (c->as_get || c->whole) {
		end_with_head(c);
		return;
	}
	c->body = true;
	loop_timer_stop(loop_of(c), &c->overdue);
	c->events.head(c->asking.ud, &c->object);
}

/* The head has its own limit; this is for error bodies and listings that do not end. */
static void answer_overdue(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);

	s3_call_fail(c, S3_RETRY, transfer_overdue(c->transfer), "the answer did not end in time");
}

static void on_head(void *ud, const struct transfer_head *answer)
{
	struct store_call *c = ud;

	c->answer = *answer;
	c->overdue.due = answer_overdue;
	loop_timer_set(loop_of(c), &c->overdue, c->read.deadline_ns);
	if (answer->status != 200 && answer->status != 206)
		return;
	if (c->asking.what == S3_READ) {
		found(c);
	} else if (c->asking.what == S3_PROBE) { /* of an object of any size */
		transfer_cancel(TAKE(c->transfer));
		c->overdue.due = head_only_done;
		loop_timer_set(loop_of(c), &c->overdue, 0);
	}
}

static bool on_data(void *ud, struct slice bytes)
{
	struct store_call *c = ud;

	if (c->body)
		return c->events.data(c->asking.ud, bytes);
	buf_add(&c->text, bytes); /* beyond its ceiling it counts as unreadable */
	return true;
}

static void on_done(void *ud, const struct error *e)
{
	struct store_call *c = ud;
	int status = c->answer.status;

	c->transfer = NULL;
	if (e->code) { /* an error body that is torn may have said anything: no verdict */
		s3_call_end(c, e->code == ERR_DENIED ? S3_FAULT : S3_RETRY, e);
		return;
	}
	c->too_long = buf_failed(&c->text);
	if (c->too_long)
		buf_clear(&c->text);
	if (status == 200 || status == 206)
		s3_call_end(c, S3_FOUND, e);
	else
		s3_call_judge(c);
}

/* ---- asking ---- */

static enum err send_request(struct store_call *c, const struct creds *creds, struct error *e)
{
	static const struct transfer_events events = {on_head, on_data, on_done};
	struct s3_request r = {c->asking.what, c->read, creds};

	r.read.head = c->read.head && !c->as_get;
	r.read.ranged = c->read.ranged && !c->whole;
	memcpy(c->region, c->s3->region, sizeof(c->region));
	return s3_request_send(c->s3, &r, &events, c, &c->transfer, e);
}

void s3_call_ask(struct store_call *c)
{
	const struct creds *creds;
	struct error e;

	c->answer = (struct transfer_head){.length = -1};
	buf_clear(&c->text);
	loop_timer_stop(loop_of(c), &c->overdue);
	if (c->s3->closing) {
		s3_call_fail(c, S3_FAULT, ERR_CANCELED, "shutting down");
		return;
	}
	switch (keeper_get(&c->s3->keeper, &creds)) {
	case KEEPER_WAIT: s3_call_wait_creds(c); return;
	case KEEPER_FAILED:
		e = c->s3->keeper.failure;
		err_wrap(&e, "no credentials");
		s3_call_end(c, S3_FAULT, &e);
		return;
	case KEEPER_READY: break;
	}
	if (send_request(c, creds, &e) != OK) {
		/* A transfer may be free again in a moment. */
		s3_call_end(c, e.code == ERR_BUSY ? S3_RETRY : S3_FAULT, &e);
		return;
	}
}

/* Nothing is called from inside s3_call_start(): the start is a timer of this turn. */
static void begin(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);

	/* S3 would answer 400. A listing is of a prefix, which may be empty. */
	if (c->asking.what != S3_LIST && !s3_key_possible(c->read.key))
		s3_call_fail(c, S3_NAME, ERR_DENIED, "no object can have such a key");
	else
		s3_call_ask(c);
}

struct store_call *s3_call_start(struct s3_store *s3, const struct store_read *read,
				 const struct s3_asking *asking)
{
	struct store_call *c = xnew(struct store_call);

	c->s3 = s3;
	c->asking = *asking;
	if (asking->events)
		c->events = *asking->events;
	c->key = xstrndup(read->key.p, read->key.n);
	c->if_match = read->if_match ? xstrdup(read->if_match) : NULL;
	c->read = *read;
	c->read.key = slice_of(c->key);
	c->read.if_match = c->if_match;
	c->read.via = c->read.checksum = NULL;
	c->object.fd = -1;
	c->text = BUF_MAX(asking->what == S3_LIST ? S3_XML_MAX : ERROR_BODY_MAX);
	c->overdue.due = begin;
	loop_timer_set(loop_of(c), &c->overdue, 0);
	return c;
}
