// SPDX-License-Identifier: MIT
/*
 * One call to S3: a read, a probe or a listing, from "are there credentials?" to the verdict.
 *
 *	start -> credentials -> request -> head --found--> body -> done
 *	              ^            ^         \--error--> error body -> verdict -> done
 *	              |            |                                      |
 *	              +-- renewed -+---- other region, clock, GET --------+--> wait for a probe
 *
 * Every way back is taken once at most, which its flag in struct store_call remembers, so a call
 * ends. Passing failures are not tried again here: that is the fetch's task.
 *
 * A call is freed by call_end() just before its last event, or by s3_call_cancel(). Its events
 * may cancel it: nothing is touched after an event but by way of a return.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/object_head.h"
#include "store/s3_store.h"

#include <stdio.h>

#define ERROR_BODY_MAX ((size_t)64 * 1024)
/* So long a write waits for credentials, or for its turn; how long its body takes is another thing. */
#define WRITE_WAIT_NS (60 * NS_PER_S)

struct store_call {
	struct s3_store *s3;
	struct s3_asking asking;
	struct store_events events;
	struct store_read read; /* its full key and if_match are the next two */
	char *key, *if_match;   /* owned */
	struct buf token;       /* as is asking.token */

	char region[S3_REGION_MAX + 1]; /* for which the present request was signed */
	struct transfer *transfer;      /* NULL while waiting */
	struct waiter waiter;
	struct waiters *waiting_in;
	struct loop_timer overdue; /* until the body; also the start and a delayed end */

	bool as_get; /* the head is asked for by GET, since HEAD failed */
	bool sizing; /* the size is asked for, after a 416 that did not tell */
	bool resigned, renewed, reclocked; /* ways back that were taken */
	bool body;                         /* found: bytes are passed on */
	struct transfer_head answer;
	struct object_head object;
	struct buf text; /* error body, or listing */
	bool too_long;   /* then text is empty */
};

/*
 * May end the call, which is gone then; so may each function that calls it last. A return follows.
 */
static void call_ask(struct store_call *c);

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
	buf_fini(&c->token);
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

static void call_end(struct store_call *c, enum s3_verdict verdict, const struct error *e)
{
	struct s3_asking asking = c->asking;
	struct store_events events = c->events;
	struct object_head object = c->object;
	enum store_result result = result_of(verdict, c->answer.status);
	struct transfer_head answer = c->answer;
	struct buf text CLEANUP(buf_fini) = c->text;

	c->text = BUF_MAX(0);
	call_free(c);
	if (asking.paged)
		asking.paged(asking.ud, result, &text,
			     &(struct store_page_time){answer.age_s, object_head_date(&answer)}, e);
	else if (asking.written)
		asking.written(asking.ud, verdict, &answer, buf_slice(&text), e);
	else if (asking.raw)
		asking.raw(asking.ud, verdict, buf_slice(&text), e);
	else
		events.done(asking.ud, result, &object, e);
}

static void call_fail(struct store_call *c, enum s3_verdict verdict, enum err code,
		      const char *what)
{
	struct error e;

	err_set(&e, code, "%s", what);
	call_end(c, verdict, &e);
}

/* ---- waiting for credentials, or for a probe ---- */

static void wait_overdue(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);

	call_fail(c, S3_FAULT, ERR_TIMEOUT, "no credentials or no probe in time");
}

static void wait_in(struct store_call *c, struct waiters *list, void (*wake)(struct waiter *w))
{
	c->waiter.wake = wake;
	if (!waiters_add(list, &c->waiter)) {
		metric_inc(refused_waiters);
		call_fail(c, S3_FAULT, ERR_BUSY, "too many requests wait for the store");
		return;
	}
	c->waiting_in = list;
	if (c->asking.what == S3_WRITE)
		c->read.deadline_ns = clock_mono_ns() + WRITE_WAIT_NS;
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
	call_ask(woken(w));
}

static void call_wait_creds(struct store_call *c)
{
	wait_in(c, &c->s3->renewal.waiters, credentials_came);
}

static void probe_came(struct waiter *w)
{
	struct store_call *c = woken(w);

	if (c->s3->doubt.is == MANNER_OPAQUE) {
		s3_count_denied(c->s3);
		call_end(c, S3_MISS, NULL);
	} else if (c->s3->doubt.failure.code) {
		call_end(c, S3_FAULT, &c->s3->doubt.failure);
	} else {
		call_fail(c, S3_FAULT, ERR_DENIED,
			  "AccessDenied, though a missing key is 404 there");
	}
}

static void call_wait_probe(struct store_call *c)
{
	wait_in(c, &c->s3->doubt.waiters, probe_came);
}

/* ---- an answer that is no object: s3_verdict.c says what it means, here it is acted on ---- */

static void describe(const struct store_call *c, const struct s3_error *x, struct error *e)
{
	int status = c->answer.status;
	/*
	 * Such an answer is about this request and not about the store's health; 501 is the answer
	 * to a header that the service does not know.
	 */
	bool refused = (status >= 400 && status < 500 && status != 404 && status != 408 &&
			status != 429) ||
		       status == 501;

	err_set(e, refused ? ERR_DENIED : ERR_UPSTREAM, "answered %d%s%s%s%s%s", c->answer.status,
		x->code[0] ? " " : "", x->code, c->answer.request_id[0] ? ", request " : "",
		c->answer.request_id,
		c->read.denied_fails && strcmp(x->code, "AccessDenied") == 0
			? " (without s3:ListBucket it says that of missing keys, too)"
			: "");
}

static bool move_region(struct store_call *c, struct slice region, struct error *e)
{
	if (c->resigned)
		return false;
	c->resigned = true;
	/* Another call may have moved the store already. */
	if (!slice_eq(region, slice_of(c->s3->region)) && s3_set_region(c->s3, region, e) != OK)
		return false;
	metric_inc(store_resigned);
	return true;
}

static bool correct_clock(struct store_call *c)
{
	int64_t theirs;

	if (c->reclocked || !http_date_parse(slice_of(c->answer.date), &theirs))
		return false;
	c->reclocked = true;
	c->s3->skew_s = theirs - clock_wall_s();
	return true;
}

static bool renew(struct store_call *c)
{
	if (c->renewed || !renewal_now(&c->s3->renewal))
		return false;
	c->renewed = true;
	return true;
}

/* "bytes * / total" of a 416, S3's own ActualObjectSize, or else the size is asked for. */
static void end_range(struct store_call *c, const struct s3_error *x)
{
	struct content_range range;

	if (!c->read.ranged) {
		call_fail(c, S3_FAULT, ERR_CORRUPT, "416 to a request without a range");
		return;
	}
	c->object = (struct object_head){.total = x->actual_size, .mtime = -1, .fd = -1};
	if (c->object.total < 0 && content_range_parse(slice_of(c->answer.content_range), &range))
		c->object.total = range.total;
	if (c->object.total >= 0) {
		call_end(c, S3_RANGE, NULL);
	} else if (!c->sizing) {
		c->sizing = true;
		call_ask(c);
	} else {
		call_fail(c, S3_FAULT, ERR_CORRUPT, "416 to a request without a range");
	}
}

static void act_on(struct store_call *c, enum s3_verdict verdict, struct slice region,
		   const struct s3_error *x)
{
	struct error e;
	bool again = false;

	describe(c, x, &e);
	switch (verdict) {
	case S3_REGION: again = move_region(c, region, &e); break;
	case S3_SKEW: again = correct_clock(c); break;
	case S3_EXPIRED:
		if (!renew(c))
			break;
		call_wait_creds(c);
		return;
	case S3_ASK_GET:
		if (c->asking.what != S3_WRITE)
			again = c->as_get = true;
		break;
	case S3_RANGE: end_range(c, x); return;
	case S3_ARCHIVED:
		metric_inc(store_archived);
		if (c->read.denied_fails)
			verdict = S3_FAULT;
		break;
	case S3_DENIED_IN_DOUBT:
		if (c->asking.what != S3_READ || c->read.denied_fails)
			break;
		if (doubt_wait(&c->s3->doubt)) {
			call_wait_probe(c);
			return;
		}
		break;
	case S3_MISS:
		if (c->asking.what == S3_READ && c->answer.status == 403)
			s3_count_denied(c->s3);
		else if (c->asking.what == S3_READ)
			doubt_not_found(&c->s3->doubt);
		break;
	case S3_BARE:
		if (c->asking.what == S3_READ)
			doubt_not_found(&c->s3->doubt);
		break;
	case S3_FOUND:
	case S3_NAME:
	case S3_NOT_MODIFIED:
	case S3_PRECONDITION:
	case S3_RETRY:
	case S3_FAULT: break;
	}
	if (again)
		call_ask(c);
	else
		call_end(c, verdict, &e);
}

/*
 * Does a 404 without an error code count as one of the store? Something between us and the store
 * may have said it. For a probe it counts when it has no body. For a read it counts when it has no
 * body and the store has given an object with an ETag before; or with any body, if the operator
 * says so (misses=bare), but not with an error document, however torn.
 */
static bool bare_counts(const struct store_call *c)
{
	bool silent = c->text.n == 0 && !c->too_long;

	if (c->asking.what != S3_READ)
		return silent;
	if (c->s3->bare_misses)
		return !c->too_long && !(c->text.n && memmem(c->text.p, c->text.n, "<Error", 6));
	return silent && c->s3->ever_tagged;
}

static void call_judge(struct store_call *c)
{
	struct s3_error x = {.actual_size = -1};
	struct slice region = SLICE_NONE;
	enum s3_verdict verdict;
	bool unproven = c->read.unproven && c->answer.status == 404;
	struct s3_answer a = {
		.status = c->answer.status,
		.head = c->read.head && !c->as_get && !unproven,
		.exactness = c->asking.what == S3_READ && !c->read.denied_fails
				     ? s3_exactness_of(c->s3)
				     : S3_UNKNOWN,
		.refreshable = !c->renewed,
		.header_region = slice_of(c->answer.bucket_region),
		.our_region = slice_of(c->region),
	};

	if (s3_xml_error(buf_slice(&c->text), &x, NULL) == OK) {
		a.code = slice_of(x.code);
		a.body_region = slice_of(x.region);
	} else {
		a.bare = unproven || bare_counts(c);
	}
	verdict = s3_judge(&a, &region);
	if (verdict == S3_MISS || verdict == S3_BARE || verdict == S3_NAME || verdict == S3_RANGE ||
	    verdict == S3_PRECONDITION)
		store_alive(&c->s3->store);
	if (c->asking.what == S3_READ)
		doubt_answered(&c->s3->doubt);
	act_on(c, verdict, region, &x);
}

/* ---- the answer ---- */

static void head_only_done(struct loop_timer *timer)
{
	call_end(CONTAINER_OF(timer, struct store_call, overdue), S3_FOUND, NULL);
}

/* Found by a GET of which only the head was wanted: the body may go. */
static void end_with_head(struct store_call *c)
{
	struct store_events events = c->events;
	void *ud = c->asking.ud;

	if (c->sizing && c->object.total < 0) {
		call_fail(c, S3_FAULT, ERR_CORRUPT, "416, and the whole comes without a length");
		return;
	}
	if (c->sizing) {
		call_end(c, S3_RANGE, NULL);
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
	if (object_head_read(&c->answer, &c->object, &e) != OK) {
		call_end(c, S3_FAULT, &e);
		return;
	}
	s3_count_found(c->s3, c->read.key, c->object.etag[0]);
	doubt_answered(&c->s3->doubt);
	object_head_read_sum(&c->answer, !c->read.ranged, &c->object);
	if (c->as_get || c->sizing) {
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

	call_fail(c, S3_RETRY, transfer_overdue(c->transfer), "the answer did not end in time");
}

static void on_head(void *ud, const struct transfer_head *answer)
{
	struct store_call *c = ud;

	c->answer = *answer;
	c->overdue.due = answer_overdue;
	loop_timer_set(loop_of(c), &c->overdue,
		       MAX(c->read.deadline_ns, transfer_deadline_ns(c->transfer)));
	if (answer->status != 200 && answer->status != 206)
		return;
	if (c->asking.what == S3_READ) {
		found(c);
	} else if (c->asking.what == S3_PROBE) { /* the object may be of any size */
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
	buf_add(&c->text, bytes); /* a body beyond the ceiling counts as unreadable */
	return true;
}

static void on_done(void *ud, const struct error *e)
{
	struct store_call *c = ud;
	int status = c->answer.status;

	c->transfer = NULL;
	if (e->code) { /* a torn error body may have said anything, so there is no verdict */
		call_end(c, e->code == ERR_DENIED || e->code == ERR_IO ? S3_FAULT : S3_RETRY, e);
		return;
	}
	c->too_long = buf_failed(&c->text);
	if (c->too_long)
		buf_clear(&c->text);
	if (status == 206 && c->asking.what == S3_PAGE)
		call_fail(c, S3_FAULT, ERR_CORRUPT,
			  "a part of a listing came, which was not asked for");
	else if (status == 200 || status == 206 ||
		 (status / 100 == 2 && c->asking.what == S3_WRITE))
		call_end(c, S3_FOUND, e);
	else
		call_judge(c);
}

/* ---- asking ---- */

static enum err send_request(struct store_call *c, const struct creds *creds, struct error *e)
{
	static const struct transfer_events events = {on_head, on_data, on_done};
	struct s3_request r = {c->asking.what, c->read,         buf_slice(&c->token),
			       c->asking.deep, c->asking.write, creds};

	r.read.head = c->read.head && !c->as_get;
	r.read.ranged = c->read.ranged && !c->sizing;
	memcpy(c->region, c->s3->region, sizeof(c->region));
	return s3_request_send(c->s3, &r, &events, c, &c->transfer, e);
}

static void call_ask(struct store_call *c)
{
	const struct creds *creds;
	struct error e;

	c->answer = (struct transfer_head){.length = -1};
	if (c->asking.what == S3_WRITE)
		c->read.deadline_ns = clock_mono_ns() + WRITE_WAIT_NS;
	buf_clear(&c->text);
	loop_timer_stop(loop_of(c), &c->overdue);
	if (c->s3->closing) {
		call_fail(c, S3_FAULT, ERR_CANCELED, "shutting down");
		return;
	}
	switch (renewal_get(&c->s3->renewal, &creds)) {
	case RENEWAL_WAIT: call_wait_creds(c); return;
	case RENEWAL_FAILED:
		e = c->s3->renewal.failure;
		err_wrap(&e, "no credentials");
		call_end(c, S3_FAULT, &e);
		return;
	case RENEWAL_READY: break;
	}
	if (send_request(c, creds, &e) != OK) {
		/* A transfer may be free again in a moment. */
		call_end(c, e.code == ERR_BUSY ? S3_RETRY : S3_FAULT, &e);
		return;
	}
}

/* Nothing is called from inside s3_call_start(): the start is a timer of this turn. */
static void begin_call(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);
	bool list = c->asking.what == S3_LIST || c->asking.what == S3_PAGE;

	/*
	 * S3 would answer 400. A listing is of a prefix, which may be empty; what a write is of, it
	 * has looked at itself.
	 */
	if (!list && c->asking.what != S3_WRITE && !s3_key_possible(c->read.key))
		call_fail(c, S3_NAME, ERR_DENIED, "no object can have such a key");
	else
		call_ask(c);
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
	c->token = BUF_MAX(STORE_TOKEN_MAX);
	buf_add(&c->token, asking->token);
	c->text = BUF_MAX(asking->what == S3_READ || asking->what == S3_PROBE ? ERROR_BODY_MAX
									      : S3_XML_MAX);
	c->overdue.due = begin_call;
	loop_timer_set(loop_of(c), &c->overdue, 0);
	return c;
}
