// SPDX-License-Identifier: MIT
/*
 * One call to S3: a read, a probe or a listing, from "are there credentials?" to the verdict.
 *
 *	start -> credentials -> request -> head --found--> body -> done
 *	              ^            ^         \--error--> error body -> verdict -> done
 *	              |            |                                      |
 *	              +-- renewed -+---- other region, clock, GET --------+--> wait for a probe
 *
 * Every way back is taken once at most (the flags in struct store_call), so a call ends. Passing
 * failures are not repeated here: that is the fetch's business.
 *
 * A call is freed by call_end() just before its last event, or by s3_call_cancel(). Its events
 * may cancel it: nothing is touched after an event but by way of a return.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "store/answer.h"
#include "store/s3_priv.h"

#include <stdio.h>

#define ERROR_BODY_MAX ((size_t)64 * 1024)

struct store_call {
	struct s3_store *s3;
	struct s3_asking asking;
	struct store_events events;
	char *key;      /* whole, prefix included; owned */
	char *if_match; /* or NULL; owned */
	bool head, ranged;
	struct range_ask range;
	int64_t deadline_ns;

	char region[S3_REGION_MAX + 1]; /* that the present request was signed for */
	struct transfer *transfer;      /* NULL while waiting */
	struct waiter waiter;
	struct waiters *waiting_in;
	struct loop_timer overdue; /* until the body; also the start and a delayed end */

	bool as_get; /* the head is asked for by GET, since HEAD failed */
	bool whole;  /* the size is asked for, after a 416 that did not tell */
	bool resigned, renewed, reclocked; /* ways back that were taken */
	bool body;                         /* found: bytes are passed on */
	struct transfer_head answer;
	struct object_head object;
	struct buf text; /* error body, or listing */
};

static void proceed(struct store_call *c);

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

static enum store_result result_of(enum s3_verdict verdict)
{
	switch (verdict) {
	case S3_FOUND: return STORE_FOUND;
	case S3_MISS:
	case S3_ARCHIVED: return STORE_MISS;
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
	struct buf text CLEANUP(buf_fini) = c->text;

	c->text = BUF_MAX(0);
	call_free(c);
	if (asking.raw)
		asking.raw(asking.ud, verdict, buf_slice(&text), e);
	else
		events.done(asking.ud, result_of(verdict), &object, e);
}

static void call_fail(struct store_call *c, enum s3_verdict verdict, enum err code,
		      const char *what)
{
	struct error e;

	err_set(&e, code, "%s", what);
	call_end(c, verdict, &e);
}

/* ---- waiting for somebody else ---- */

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
	c->overdue.due = wait_overdue;
	loop_timer_set(loop_of(c), &c->overdue, c->deadline_ns);
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
	proceed(woken(w));
}

static void probe_came(struct waiter *w)
{
	struct store_call *c = woken(w);

	if (c->s3->doubt.exactness == S3_OPAQUE) {
		s3_doubt_count_denied(c->s3);
		call_end(c, S3_MISS, NULL);
	} else if (c->s3->doubt.failure.code) {
		call_end(c, S3_FAULT, &c->s3->doubt.failure);
	} else {
		call_fail(c, S3_FAULT, ERR_DENIED,
			  "AccessDenied, though a missing key is 404 there");
	}
}

/* ---- the verdict on an error ---- */

static void describe(const struct store_call *c, const struct s3_error *x, struct error *e)
{
	int status = c->answer.status;
	/* Such an answer is about this request, not about the store's health. */
	bool refused = status >= 400 && status < 500 && status != 404 && status != 408 &&
		       status != 429;

	err_set(e, refused ? ERR_DENIED : ERR_UPSTREAM, "answered %d%s%s%s%s", c->answer.status,
		x->code[0] ? " " : "", x->code, c->answer.request_id[0] ? ", request " : "",
		c->answer.request_id);
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
	if (c->renewed || !keeper_renew(&c->s3->keeper))
		return false;
	c->renewed = true;
	return true;
}

/* "bytes * / total" of a 416, S3's own ActualObjectSize, or else a look at the whole. */
static void end_range(struct store_call *c, const struct s3_error *x)
{
	struct content_range range;

	if (!c->ranged) {
		call_fail(c, S3_FAULT, ERR_CORRUPT, "416 to a request without a range");
		return;
	}
	c->object = (struct object_head){.total = x->actual_size, .mtime = -1, .fd = -1};
	if (c->object.total < 0 && content_range_parse(slice_of(c->answer.content_range), &range))
		c->object.total = range.total;
	if (c->object.total >= 0) {
		call_end(c, S3_RANGE, NULL);
	} else if (!c->whole) {
		c->whole = true;
		proceed(c);
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
		wait_in(c, &c->s3->keeper.waiters, credentials_came);
		return;
	case S3_ASK_GET: again = c->as_get = true; break;
	case S3_RANGE: end_range(c, x); return;
	case S3_ARCHIVED: metric_inc(store_archived); break;
	case S3_DENIED_IN_DOUBT:
		if (c->asking.what != S3_READ)
			break;
		if (s3_doubt_denied(c->s3)) {
			wait_in(c, &c->s3->doubt.waiters, probe_came);
			return;
		}
		break;
	case S3_MISS:
		if (c->asking.what == S3_READ && c->answer.status == 403)
			s3_doubt_count_denied(c->s3);
		else if (c->asking.what == S3_READ)
			s3_doubt_not_found(c->s3);
		break;
	case S3_FOUND:
	case S3_NOT_MODIFIED:
	case S3_PRECONDITION:
	case S3_RETRY:
	case S3_FAULT: break;
	}
	if (again)
		proceed(c);
	else
		call_end(c, verdict, &e);
}

static void judge_error(struct store_call *c)
{
	struct s3_error x = {.actual_size = -1};
	struct slice region = SLICE_NONE;
	enum s3_verdict verdict;
	struct s3_answer a = {
		.status = c->answer.status,
		.head = c->head && !c->as_get,
		.exactness = c->asking.what == S3_READ ? c->s3->doubt.exactness : S3_UNKNOWN,
		.refreshable = !c->renewed,
		.header_region = slice_of(c->answer.bucket_region),
		.our_region = slice_of(c->region),
	};

	if (s3_xml_error(buf_slice(&c->text), &x, NULL) == OK) {
		a.code = slice_of(x.code);
		a.body_region = slice_of(x.region);
	}
	verdict = s3_judge(&a, &region);
	if (verdict == S3_MISS || verdict == S3_RANGE || verdict == S3_PRECONDITION)
		store_alive(&c->s3->store);
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

	if (c->whole && c->object.total < 0) {
		call_fail(c, S3_FAULT, ERR_CORRUPT, "416, and the whole comes without a length");
		return;
	}
	if (c->whole) {
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

	s3_doubt_count_found(c->s3);
	store_alive(&c->s3->store);
	if (answer_head(&c->answer, &c->object, &e) != OK) {
		call_end(c, S3_FAULT, &e);
		return;
	}
	if (c->as_get || c->whole) {
		end_with_head(c);
		return;
	}
	c->body = true;
	loop_timer_stop(loop_of(c), &c->overdue);
	c->events.head(c->asking.ud, &c->object);
}

static void on_head(void *ud, const struct transfer_head *answer)
{
	struct store_call *c = ud;

	c->answer = *answer;
	if ((answer->status == 200 || answer->status == 206) && c->asking.what == S3_READ)
		found(c);
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
		call_end(c, e->code == ERR_DENIED ? S3_FAULT : S3_RETRY, e);
		return;
	}
	if (buf_failed(&c->text))
		buf_clear(&c->text);
	if (status == 200 || status == 206)
		call_end(c, S3_FOUND, e);
	else
		judge_error(c);
}

/* ---- the request ---- */

struct lines {
	const char *line[12]; /* NULL at the end */
	size_t n;
	struct buf text;
};

/* A session token is among them. */
static void lines_fini(struct lines *l)
{
	creds_wipe_buf(&l->text);
}

/* The buffer is reserved as a whole, so that lines stay where they are. */
static void add_line(struct lines *l, const char *name, const char *value)
{
	size_t at = l->text.n;

	buf_printf(&l->text, "%s: %s", name, value);
	buf_add(&l->text, (struct slice){"", 1});
	if (!buf_failed(&l->text))
		l->line[l->n++] = l->text.p + at;
}

/* r brings path, query and credentials. */
static enum err sign(struct store_call *c, struct sigv4_request r, struct lines *l, struct error *e)
{
	struct s3_store *s3 = c->s3;
	struct buf value CLEANUP(buf_fini) = BUF_MAX(2048);
	char date[AMZ_DATE_LEN];
	enum err err;

	r.method = c->head && !c->as_get ? "HEAD" : "GET";
	r.host = slice_of(s3->address.host);
	r.payload_hash = SLICE(SIGV4_EMPTY);
	r.region = s3->region;
	r.service = "s3";
	r.wall_s = clock_wall_s() + s3->skew_s;
	err = sigv4_sign(&s3->signer, &r, date, &value, e);
	if (err)
		return err;
	add_line(l, "Authorization", buf_str(&value));
	add_line(l, "x-amz-date", date);
	add_line(l, "x-amz-content-sha256", SIGV4_EMPTY);
	if (r.creds->token)
		add_line(l, "x-amz-security-token", r.creds->token);
	return OK;
}

static void add_condition_lines(struct store_call *c, struct lines *l)
{
	struct store_read read = {.ranged = c->ranged && !c->whole, .range = c->range};
	char range[64];

	range_header(&read, range, sizeof(range));
	if (range[0])
		add_line(l, "Range", range);
	if (c->if_match)
		add_line(l, "If-Match", c->if_match);
}

static enum err send_request(struct store_call *c, const struct creds *creds, struct error *e)
{
	static const struct transfer_events events = {on_head, on_data, on_done};
	const struct store_context *ctx = c->s3->store.ctx;
	struct sigv4_field query[] = {{SLICE("list-type"), SLICE("2")},
				      {SLICE("max-keys"), SLICE("1000")},
				      {SLICE("prefix"), slice_of(c->key)}};
	bool list = c->asking.what == S3_LIST;
	struct lines l CLEANUP(lines_fini) = {
		.text = BUF_MAX(4096 + (creds && creds->token ? strlen(creds->token) : 0))};
	struct buf path CLEANUP(buf_fini) = BUF_MAX(8192);
	struct buf url CLEANUP(buf_fini) = BUF_MAX(16384);
	enum err err = OK;

	memcpy(c->region, c->s3->region, sizeof(c->region));
	buf_reserve(&l.text, l.text.max);
	buf_puts(&path, c->s3->address.root);
	if (!list)
		s3_key_encode(slice_of(c->key), &path);
	buf_printf(&url, "%s%s%s", c->s3->address.origin, buf_str(&path), list ? "?" : "");
	if (list)
		err = sigv4_query(query, ARRAY_LEN(query), &url, e);
	if (!err && creds)
		err = sign(c,
			   (struct sigv4_request){.path = buf_slice(&path),
						  .query = query,
						  .n_query = list ? ARRAY_LEN(query) : 0,
						  .creds = creds},
			   &l, e);
	add_condition_lines(c, &l);
	if (!err && (buf_failed(&url) || buf_failed(&path) || buf_failed(&l.text)))
		err = err_set(e, ERR_LIMIT, "the request is too long");
	if (err)
		return err;
	return transfer_start(ctx->engine,
			      &(struct transfer_request){
				      .url = buf_str(&url),
				      .head = c->head && !c->as_get,
				      .headers = l.line,
				      .head_deadline_ns = MIN(clock_mono_ns() + ctx->try_timeout_ns,
							      c->deadline_ns),
			      },
			      &events, c, &c->transfer, e);
}

/* The head has its own limit; this is for error bodies and listings that do not end. */
static void answer_overdue(struct loop_timer *timer)
{
	call_fail(CONTAINER_OF(timer, struct store_call, overdue), S3_RETRY, ERR_TIMEOUT,
		  "the answer did not end in time");
}

/* Once credentials are there (or known to be none), ask. Also the start of every way back. */
static void proceed(struct store_call *c)
{
	const struct creds *creds;
	struct error e;

	c->answer = (struct transfer_head){.length = -1};
	buf_clear(&c->text);
	if (c->s3->closing) {
		call_fail(c, S3_FAULT, ERR_CANCELED, "shutting down");
		return;
	}
	switch (keeper_get(&c->s3->keeper, &creds)) {
	case KEEPER_WAIT: wait_in(c, &c->s3->keeper.waiters, credentials_came); return;
	case KEEPER_FAILED:
		e = c->s3->keeper.failure;
		err_wrap(&e, "no credentials");
		call_end(c, S3_FAULT, &e);
		return;
	case KEEPER_READY: break;
	}
	if (send_request(c, creds, &e) != OK) {
		call_end(c, S3_FAULT, &e);
		return;
	}
	c->overdue.due = answer_overdue;
	loop_timer_set(loop_of(c), &c->overdue, c->deadline_ns);
}

/* Nothing is called from inside s3_call_start(): the start is a timer of this turn. */
static void begin(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, overdue);

	/* S3 would answer 400: no object can have such a key. */
	if (strlen(c->key) > S3_KEY_MAX)
		call_end(c, S3_MISS, NULL);
	else
		proceed(c);
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
	c->head = read->head;
	c->ranged = read->ranged;
	c->range = read->range;
	c->deadline_ns = read->deadline_ns;
	c->object.fd = -1;
	c->text = BUF_MAX(asking->what == S3_LIST ? S3_XML_MAX : ERROR_BODY_MAX);
	c->overdue.due = begin;
	loop_timer_set(loop_of(c), &c->overdue, 0);
	return c;
}
