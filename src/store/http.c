// SPDX-License-Identifier: MIT
/*
 * The http(s):// store: another symbol server. Keys are asked as the client asked them (some such
 * servers mind the case, some do not), redirects are followed by the transfer engine, and every request
 * carries Via so that a chain that leads back to us can be seen.
 *
 * What a status means: 200 and 206 are found, 404 and 410 missing. All else depends on what probes tell
 * of the server (doubt.h), for symbol paths and for build-ids apart. 400 and 414 refuse the name, if the
 * last name that it was probed with, an ordinary one, was missing. A 403 is a miss only on a server that
 * has answered 403 to random names since it is known (a bucket behind a web server); otherwise it is a
 * fault, like 401 and every other status. A kind of question that gets such answers while the other gets
 * its 404 is not spoken there: a miss, without a request from then on.
 *
 * Some servers (NuGet's, GitLab's) refuse whoever does not send the checksum of the file that he asks
 * for, as SymbolChecksum, which goes on as the client has sent it. So a probe that is refused is sent
 * once more with such a header, and if the answer then is 404, a refusal of a request without is a miss:
 * of those who send none.
 *
 * A page is never a symbol file: it is a sign-in form or a captive portal, a fault; or a miss on a
 * server that has given a page for a random name. Labels do not tell one, since servers call a PDB
 * text/html as well, and pages nothing: the head of an answer is told when the first bytes of its
 * body have been looked at (page.h).
 *
 * A HEAD is asked by GET and broken off at the head: not every server answers both alike
 * (redirects to presigned URLs allow one method only).
 */
#include "base/clock.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/answer.h"
#include "store/doubt.h"
#include "store/store_priv.h"
#include "symfmt/page.h"
#include "symfmt/verify.h"

#include <stdio.h>

#define ERROR_BODY_NS     (500 * NS_PER_MS) /* for the rest of an answer that is judged */
#define ODD_FRESH_NS      NS_PER_S          /* an answer to one kind beside one to the other */
#define VIA_MAX           2048
#define CHECKSUM_LINE_MAX 8192

/* Of no file. */
#define NO_CHECKSUM "SHA256:0000000000000000000000000000000000000000000000000000000000000000"

struct http_store {
	struct store store;
	char *base;                     /* scheme://host/path, no slash at the end */
	char *query;                    /* sent with every request, or NULL */
	char *user_password;            /* or NULL */
	struct doubt doubt[QUESTIONS];  /* how it says missing, to each kind of question */
	bool pages[QUESTIONS];          /* opaque: by a page, with 200, and not by 403 */
	bool wants_checksum[QUESTIONS]; /* it refuses who sends none, and says 404 to who does */
};

struct store_call {
	struct http_store *http;
	struct transfer *transfer;
	struct store_events events;
	struct doubt_probe *probe; /* it is one; else NULL */
	void *ud;
	void (*finish)(void *ud, const struct error *e); /* on_done or probe_done */
	bool head_only;                                  /* the body may go */
	bool has_checksum;                               /* it was asked with one */
	int refusal;          /* of a probe: what it was answered before it had one; 0: nothing */
	bool body;            /* the head was found: bytes are passed on */
	bool looking;         /* found, but not told: is it a page? */
	bool is_called_page;  /* by its Content-Type */
	bool is_symbol_path;  /* what is asked for: no page can be that */
	struct buf beginning; /* of what may be one */
	bool page;            /* it was one */
	bool *gone;           /* set when the call is cancelled by the event it is in */
	enum store_result result;
	int status;
	bool other, waited; /* other: an answer that depends on what the server is like */
	char *key;
	enum question question;
	int64_t deadline_ns, try_until_ns;
	struct waiter waiter; /* for probes, before an answer is judged */
	struct waiters *waiting_in;
	struct object_head head;
	struct error error;
	struct loop_timer later; /* an end that is due without the transfer's */
};

/* e may lie in c. */
static void call_end(struct store_call *c, enum store_result result, const struct error *e)
{
	struct store_call call = *c;
	struct error error = *e;

	buf_fini(&c->beginning);
	free(c->key);
	free(c);
	call.events.done(call.ud, result, &call.head, &error);
}

/* ---- judging an answer ---- */

static struct doubt *doubt_of(const struct store_call *c)
{
	return &c->http->doubt[c->question];
}

/* Until a second look it may only be a passing failure: such a miss counts for two seconds. */
static enum store_result unspoken(const struct doubt *d)
{
	return doubt_is_sure(d) ? STORE_MISS_DENIED : STORE_MISS_REFUSED;
}

/* An answer that is neither an object nor a 404: what it means depends on what the server is like. */
static enum store_result judge_other(struct store_call *c)
{
	const struct doubt *d = doubt_of(c);
	bool retry = c->status == 408 || c->status == 429 || c->status >= 500;
	bool implied = d->is == MANNER_OPAQUE && c->http->pages[c->question] == c->page;

	c->other = true;
	if (d->is == MANNER_UNSPOKEN)
		return unspoken(d);
	if (implied && (c->page || c->status == 403))
		return STORE_MISS_DENIED;
	if (c->status == 403 && d->is == MANNER_EXACT && !c->has_checksum &&
	    c->http->wants_checksum[c->question])
		return STORE_MISS_DENIED;
	if ((c->status == 400 || c->status == 414) && d->is == MANNER_EXACT && !d->failure.code)
		return STORE_MISS_REFUSED;
	if (c->page)
		return STORE_FAULT; /* is_page() has said why */
	/* Another 4xx is about this request, not about the server's health. */
	err_set(&c->error, c->status >= 400 && !retry ? ERR_DENIED : ERR_UPSTREAM, "answered %d",
		c->status);
	return retry ? STORE_FAULT_RETRY : STORE_FAULT;
}

static enum store_result judge(struct store_call *c, const struct transfer_head *answer)
{
	switch (answer->status) {
	case 200:
	case 206: return answer_head(answer, &c->head, &c->error) ? STORE_FAULT : STORE_FOUND;
	case 404:
	case 410: return STORE_MISS;
	case 412: return STORE_CHANGED;
	case 416: return STORE_UNSATISFIABLE;
	default: return judge_other(c);
	}
}

/* "bytes * / total": without it the client cannot be told the size. */
static void judge_unsatisfiable(struct store_call *c, const struct transfer_head *answer)
{
	struct content_range range;

	if (content_range_parse(slice_of(answer->content_range), &range) && range.total >= 0) {
		c->head = (struct object_head){.total = range.total, .mtime = -1, .fd = -1};
		return;
	}
	c->result = STORE_FAULT;
	err_set(&c->error, ERR_CORRUPT, "416 without the size of the object");
}

/* Do as if the transfer were complete: what still comes changes nothing. */
static void cut_body(struct loop_timer *timer)
{
	static const struct error none = {OK, 0, ""};
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	transfer_cancel(TAKE(c->transfer));
	c->finish(c, &none);
}

static void end_soon(struct store_call *c, int64_t in_ns)
{
	c->later.due = cut_body;
	loop_timer_set(c->http->store.ctx->loop, &c->later, clock_mono_ns() + in_ns);
}

/* What it is, or NULL. Whose label says text/html may be a text of any kind. */
static const char *page_of(const struct store_call *c, struct slice beginning)
{
	const char *name = page_name(beginning);

	if (!name && c->is_called_page && page_is_text(beginning) &&
	    !slice_starts(beginning, SLICE("MODULE ")))
		name = "a text called text/html";
	return c->is_called_page || c->is_symbol_path ? name : NULL;
}

/* A part from the midst of a file, and what is encoded, show nothing. */
static bool may_be_page(const struct store_call *c)
{
	return (c->is_called_page || c->is_symbol_path || c->probe) && c->head.first == 0 &&
	       c->head.length != 0 && !c->head.encoding[0];
}

/* False: the call is gone. */
static bool tell_found(struct store_call *c)
{
	bool gone = false, *outer = c->gone;

	if (c->head_only)
		end_soon(c, 0);
	c->gone = &gone;
	doubt_gave(doubt_of(c), slice_of(c->key));
	c->events.head(c->ud, &c->head);
	if (!gone)
		c->gone = outer;
	else if (outer)
		*outer = true;
	return !gone;
}

static void beginning_overdue(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	transfer_cancel(TAKE(c->transfer));
	err_set(&c->error, ERR_TIMEOUT, "nothing came behind the head");
	call_end(c, STORE_FAULT_RETRY, &c->error);
}

static void on_head(void *ud, const struct transfer_head *answer)
{
	struct store_call *c = ud;

	c->status = answer->status;
	c->result = judge(c, answer);
	if (c->result == STORE_UNSATISFIABLE)
		judge_unsatisfiable(c, answer);
	c->is_called_page = slice_starts_nocase(slice_of(answer->content_type), SLICE("text/html"));
	c->looking = c->result == STORE_FOUND && may_be_page(c);
	c->body = c->result == STORE_FOUND && !c->probe;
	if (!c->body) {
		end_soon(c, ERROR_BODY_NS);
	} else if (c->looking) {
		/* Who waits for the head waits for these bytes, too. */
		c->later.due = beginning_overdue;
		loop_timer_set(c->http->store.ctx->loop, &c->later, c->try_until_ns);
	} else {
		(void)tell_found(c);
	}
}

/* It is none: tell the head, and the bytes that were held. False: pause, as of an event. */
static bool is_file(struct store_call *c, struct slice more)
{
	struct buf held CLEANUP(buf_fini) = c->beginning;

	c->looking = false;
	c->beginning = (struct buf){0};
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (c->probe && c->transfer)
		end_soon(c, 0);
	if (!c->body || !tell_found(c))
		return true;
	return c->events.data(c->ud, held.n ? buf_slice(&held) : more);
}

static bool is_page(struct store_call *c, const char *name)
{
	c->looking = c->body = false;
	c->page = true;
	err_set(&c->error, ERR_CORRUPT, "%s in place of a file", name);
	c->result = judge_other(c);
	end_soon(c, 0);
	return true;
}

/* Bytes are held only while they are a text that is too short to tell. */
static bool look(struct store_call *c, struct slice bytes)
{
	struct slice seen = bytes;
	const char *name;

	if (c->beginning.n) {
		buf_add(&c->beginning, bytes);
		seen = buf_slice(&c->beginning);
	}
	name = page_of(c, seen);
	if (name)
		return is_page(c, name);
	if (seen.n >= PAGE_HEAD || seen.n >= (uint64_t)c->head.length || !page_is_text(seen))
		return is_file(c, bytes);
	if (!c->beginning.n)
		buf_add(&c->beginning, bytes);
	return true;
}

static bool on_data(void *ud, struct slice bytes)
{
	struct store_call *c = ud;

	if (c->looking)
		return look(c, bytes);
	return !c->body || c->events.data(c->ud, bytes);
}

/* ---- what is in doubt ---- */

static struct doubt *other_kind(const struct store_call *c)
{
	return &c->http->doubt[!c->question];
}

/* Do probes have to tell what it means? Those of the other kind too: see told(). */
static bool is_in_doubt(struct store_call *c)
{
	struct doubt *d = doubt_of(c);

	if (!c->other || (c->result != STORE_FAULT && c->result != STORE_FAULT_RETRY) ||
	    c->status == 401 || c->status == 407 || c->status == 408 || c->status == 429)
		return false;
	if (d->is == MANNER_EXACT)
		return c->status == 403 && doubt_wait(d);
	if (d->is != MANNER_UNKNOWN)
		return false;
	if (other_kind(c)->is == MANNER_UNKNOWN)
		doubt_wait(other_kind(c));
	return doubt_wait(d) || doubt_is_probing(other_kind(c));
}

static void wait_overdue(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	waiters_remove(TAKE(c->waiting_in), &c->waiter);
	call_end(c, c->result, &c->error);
}

static void probe_came(struct waiter *w);

/* False: the list is full, so it is judged by what is known. */
static bool wait_in(struct store_call *c, struct waiters *list)
{
	c->waiter.wake = probe_came;
	if (!waiters_add(list, &c->waiter)) {
		metric_inc(refused_waiters);
		return false;
	}
	c->waiting_in = list;
	c->later.due = wait_overdue;
	loop_timer_set(c->http->store.ctx->loop, &c->later, c->deadline_ns);
	return true;
}

static void probe_came(struct waiter *w)
{
	struct store_call *c = CONTAINER_OF(w, struct store_call, waiter);

	c->waiting_in = NULL;
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (doubt_of(c)->is == MANNER_UNKNOWN && !c->waited && doubt_is_probing(other_kind(c))) {
		c->waited = true;
		if (wait_in(c, &other_kind(c)->waiters))
			return;
	}
	c->result = judge_other(c);
	call_end(c, c->result, &c->error);
}

static void on_done(void *ud, const struct error *e)
{
	struct store_call *c = ud;

	bool gone = false;

	c->transfer = NULL;
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (!e->code && c->looking) {
		c->gone = &gone;
		(void)is_file(c, SLICE_NONE); /* a short text without a length */
		if (gone)
			return;
		c->gone = NULL;
		loop_timer_stop(c->http->store.ctx->loop, &c->later);
	}
	if (!e->code && !c->status)
		err_set(&c->error, ERR_CORRUPT, "ended without an answer");
	if (e->code && (c->body || !c->status)) {
		call_end(c,
			 e->code == ERR_DENIED || e->code == ERR_UPSTREAM ? STORE_FAULT
									  : STORE_FAULT_RETRY,
			 e);
		return;
	}
	if (is_in_doubt(c)) {
		struct doubt *d = doubt_of(c);

		if (wait_in(c, doubt_is_probing(d) ? &d->waiters : &other_kind(c)->waiters))
			return;
	}
	if (c->result != STORE_FAULT && c->result != STORE_FAULT_RETRY)
		store_alive(&c->http->store);
	doubt_answered(doubt_of(c));
	if (c->result == STORE_MISS)
		doubt_not_found(doubt_of(c));
	call_end(c, c->result, &c->error);
}

/* ---- asking ---- */

static void build_url(const struct http_store *h, struct slice key, struct buf *out)
{
	buf_puts(out, h->base);
	buf_putc(out, '/');
	percent_encode(key, "/", out);
	if (h->query)
		buf_printf(out, "?%s", h->query);
}

/*
 * Others' names are kept while there is room, but not where a client has put anything else into them;
 * ours has to be there, or a loop is never seen.
 */
static void put_via(char *ret, size_t size, const char *theirs, const char *ours)
{
	bool fits = theirs && text_is_field_value(slice_of(theirs)) &&
		    strlen(theirs) + strlen(ours) + 8 < size;

	snprintf(ret, size, "Via: %s%s%s", fits ? theirs : "", fits ? ", " : "", ours);
}

static enum err send(struct store_call *c, const struct store_read *read,
		     const struct transfer_events *events, struct error *e)
{
	struct http_store *h = c->http;
	const struct store_context *ctx = h->store.ctx;
	struct buf url CLEANUP(buf_fini) = BUF_MAX(16384);
	struct buf checksum CLEANUP(buf_fini) = BUF_MAX(CHECKSUM_LINE_MAX);
	char range[64], range_line[80], match[160], via[VIA_MAX];
	const char *headers[5] = {NULL};
	size_t n = 0;

	c->try_until_ns = store_try_until(ctx, read->patient, read->deadline_ns);
	build_url(h, read->key, &url);
	range_header(read, range, sizeof(range));
	put_via(via, sizeof(via), read->via, ctx->via);
	headers[n++] = via;
	if (range[0]) {
		snprintf(range_line, sizeof(range_line), "Range: %s", range);
		headers[n++] = range_line;
	}
	if (read->if_match) {
		snprintf(match, sizeof(match), "If-Match: %s", read->if_match);
		headers[n++] = match;
	}
	if (read->checksum && text_is_field_value(slice_of(read->checksum))) {
		buf_printf(&checksum, "SymbolChecksum: %s", read->checksum);
		headers[n++] = buf_str(&checksum);
		c->has_checksum = true;
	}
	if (buf_failed(&url) || buf_failed(&checksum))
		return err_set(e, ERR_LIMIT, "URL or SymbolChecksum too long");
	return transfer_start(ctx->engine,
			      &(struct transfer_request){
				      .url = buf_str(&url),
				      .headers = headers,
				      .user_password = h->user_password,
				      .follow = true,
				      .follow_anywhere = h->store.traits.follows_anywhere,
				      .head_deadline_ns = c->try_until_ns,
				      .fresh_ns = h->store.fresh_ns,
			      },
			      events, c, &c->transfer, e);
}

static void end_later(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	/* A transfer may be free again in a moment. */
	call_end(c, c->error.code == ERR_BUSY ? STORE_FAULT_RETRY : STORE_FAULT, &c->error);
}

static void end_unspoken(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	call_end(c, unspoken(doubt_of(c)), &c->error);
}

static struct store_call *http_start(struct store *s, const struct store_read *read,
				     const struct store_events *events, void *ud)
{
	static const struct transfer_events on = {on_head, on_data, on_done};
	struct store_call *c = xnew(struct store_call);
	struct expected expected;
	struct error e;

	c->http = (struct http_store *)s;
	c->events = *events;
	c->ud = ud;
	c->finish = on_done;
	c->head_only = read->head;
	c->is_symbol_path = expected_of_path(read->key, &expected);
	c->beginning = BUF_MAX(PAGE_HEAD + 2 * TRANSFER_READ_MAX);
	c->head.fd = -1;
	c->key = xstrndup(read->key.p, read->key.n);
	c->question = question_of(read->key);
	c->deadline_ns = read->deadline_ns;
	if (doubt_of(c)->is == MANNER_UNSPOKEN) {
		c->later.due = end_unspoken;
		loop_timer_set(s->ctx->loop, &c->later, 0);
	} else if (send(c, read, &on, &e) != OK) {
		c->error = e;
		c->later.due = end_later;
		loop_timer_set(s->ctx->loop, &c->later, 0);
	}
	return c;
}

static void http_resume(struct store_call *c)
{
	if (c->transfer)
		transfer_resume(c->transfer);
}

static void http_cancel(struct store_call *c)
{
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (c->transfer)
		transfer_cancel(c->transfer);
	if (c->waiting_in)
		waiters_remove(c->waiting_in, &c->waiter);
	if (c->gone)
		*c->gone = true;
	buf_fini(&c->beginning);
	free(c->key);
	free(c);
}

/* ---- probes ---- */

static void probe_end(struct store_call *c, enum told told, const struct error *e)
{
	struct doubt_probe *p = c->probe;
	struct error error = *e;

	buf_fini(&c->beginning);
	free(c->key);
	free(c);
	doubt_told(p, told, &error);
}

static void probe_send(struct store_call *c, const char *checksum);

/* Refused: once more, with a checksum. Refused all the same: that makes no difference. */
static bool probe_again(struct store_call *c)
{
	if ((c->status != 403 && c->status != 400) || c->probe->again)
		return false;
	if (c->refusal) {
		c->status = c->refusal;
		return false;
	}
	c->refusal = c->status;
	c->status = 0;
	c->other = false;
	buf_fini(&c->beginning);
	c->beginning = BUF_MAX(PAGE_HEAD + 2 * TRANSFER_READ_MAX);
	probe_send(c, NO_CHECKSUM);
	return true;
}

static void probe_done(void *ud, const struct error *e)
{
	struct store_call *c = ud;
	struct error odd;

	c->transfer = NULL;
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	/* A short text of no stated length, to its end: no page. */
	if (!c->status || (c->looking && e->code)) {
		probe_end(c,
			  e->code == ERR_DENIED || e->code == ERR_UPSTREAM ? TOLD_OTHER
									   : TOLD_NOTHING,
			  e);
		return;
	}
	if (probe_again(c))
		return;
	err_set(&odd, ERR_UPSTREAM, "answered %d to a name that cannot exist", c->status);
	switch (c->status) {
	case 404:
	case 410:
		c->http->wants_checksum[c->question] = c->refusal;
		probe_end(c, TOLD_MISSING, &odd);
		break;
	case 403:
		c->http->pages[c->question] = false;
		probe_end(c, TOLD_DENIED, &odd);
		break;
	case 200:
	case 206:
		if (!c->probe->again)
			c->http->pages[c->question] = c->page;
		probe_end(c, c->page ? TOLD_DENIED : TOLD_GIVEN, &odd);
		break;
	case 401: /* it is spoken there, but not with us */
	case 407:
	case 408:
	case 429: probe_end(c, TOLD_NOTHING, &odd); break;
	default: probe_end(c, TOLD_OTHER, &odd); break;
	}
}

static void probe_not_sent(struct loop_timer *timer)
{
	struct store_call *c = CONTAINER_OF(timer, struct store_call, later);

	probe_end(c, TOLD_NOTHING, &c->error);
}

static void probe_send(struct store_call *c, const char *checksum)
{
	static const struct transfer_events on = {on_head, on_data, probe_done};
	const struct store_read read = {
		.key = slice_of(c->key), .checksum = checksum, .deadline_ns = INT64_MAX};

	if (send(c, &read, &on, &c->error) == OK)
		return;
	c->later.due = probe_not_sent;
	loop_timer_set(c->http->store.ctx->loop, &c->later, 0);
}

static struct store_call *ask(struct doubt_probe *p, struct slice key)
{
	struct store_call *c = xnew(struct store_call);

	c->http = (struct http_store *)p->doubt->store;
	c->probe = p;
	c->question = p->doubt->question;
	c->finish = probe_done;
	c->is_symbol_path = true;
	c->beginning = BUF_MAX(PAGE_HEAD + 2 * TRANSFER_READ_MAX);
	c->head.fd = -1;
	c->key = xstrndup(key.p, key.n);
	probe_send(c, NULL);
	return c;
}

/*
 * Is one kind of question not spoken here? So it is when it meets any answer but those that tell
 * misses, while the other kind gets its 404, and it has never got an object from this server.
 */
static void told(struct doubt *d)
{
	struct http_store *h = (struct http_store *)d->store;
	int64_t now = clock_mono_ns();

	for (int q = 0; q < QUESTIONS; q++) {
		struct doubt *one = &h->doubt[q];

		if (!one->odd || one->n_given || h->doubt[!q].is != MANNER_EXACT)
			continue;
		/* What it said in an outage says nothing: it is asked again, now that it is well. */
		if (one->is == MANNER_UNKNOWN && now - one->failed_ns >= ODD_FRESH_NS)
			doubt_probe(one);
		else if (one->is == MANNER_UNKNOWN || one->is == MANNER_UNSPOKEN)
			doubt_set_unspoken(one);
	}
}

/* One call of http_probe(), which waits for one kind of question or for both. */
struct probing {
	struct probed_kind {
		struct probing *all;
		struct waiter waiter;
		struct doubt *doubt; /* NULL: not asked */
	} kind[QUESTIONS];
	size_t left;
	void (*done)(void *ud, const struct error *e);
	void *ud;
};

static void kind_probed(struct waiter *w)
{
	struct probing *p = CONTAINER_OF(w, struct probed_kind, waiter)->all;
	struct error failure = {OK, 0, ""};
	bool good = false;

	if (--p->left)
		return;
	for (int q = 0; q < QUESTIONS; q++) {
		const struct doubt *d = p->kind[q].doubt;

		good = good || (d && !d->failure.code && d->is != MANNER_UNKNOWN);
		if (d && !failure.code)
			failure = d->failure;
	}
	p->done(p->ud, good ? NULL : &failure);
	free(p);
}

/* Any kind: the one that is known to be answered, or both. */
static bool is_wanted(const struct http_store *h, enum question wanted, enum question q)
{
	if (wanted != QUESTION_ANY)
		return wanted == q;
	for (int i = 0; i < QUESTIONS; i++)
		if (h->doubt[i].is == MANNER_EXACT || h->doubt[i].is == MANNER_OPAQUE)
			return i == (int)q;
	return true;
}

static void http_probe(struct store *s, enum question q,
		       void (*done)(void *ud, const struct error *e), void *ud)
{
	struct http_store *h = (struct http_store *)s;
	struct probing *p = xnew(struct probing);
	bool wanted[QUESTIONS];
	struct error e;

	*p = (struct probing){.done = done, .ud = ud};
	for (int i = 0; i < QUESTIONS; i++)
		wanted[i] = is_wanted(h, q, (enum question)i);
	for (int i = 0; i < QUESTIONS; i++) {
		struct probed_kind *k = &p->kind[i];

		k->all = p;
		k->waiter.wake = kind_probed;
		if (!wanted[i] || !waiters_add(&h->doubt[i].waiters, &k->waiter))
			continue;
		k->doubt = &h->doubt[i];
		p->left++;
		doubt_probe(k->doubt);
	}
	if (p->left)
		return;
	free(p);
	metric_inc(refused_waiters);
	err_set(&e, ERR_BUSY, "too many requests wait for a probe");
	done(ud, &e);
}

static const char *manner_text(const struct http_store *h, const struct doubt *d)
{
	switch (d->is) {
	case MANNER_EXACT:
		return h->wants_checksum[d->question] ? "for clients that send SymbolChecksum"
						      : "exact (a miss is 404)";
	case MANNER_OPAQUE:
		return h->pages[d->question] ? "a miss is a page" : "opaque (a miss is 403)";
	case MANNER_DENYING: return "denying (a miss was 404, now all is refused)";
	case MANNER_UNSPOKEN: return "not spoken here";
	case MANNER_UNKNOWN: break;
	}
	return "not known yet";
}

static void http_describe(struct store *s, struct buf *out)
{
	struct http_store *h = (struct http_store *)s;
	const struct doubt *symbols = &h->doubt[QUESTION_SYMBOL];
	const struct doubt *ids = &h->doubt[QUESTION_BUILD_ID];

	if (symbols->is == ids->is && h->pages[0] == h->pages[1] &&
	    h->wants_checksum[0] == h->wants_checksum[1])
		buf_printf(out, "symbol server, %s", manner_text(h, symbols));
	else
		buf_printf(out, "symbol server; symbol paths: %s; build-ids: %s",
			   manner_text(h, symbols), manner_text(h, ids));
	buf_puts(out, h->user_password ? ", with a password" : "");
}

static const char *http_doubt(struct store *s)
{
	const struct http_store *h = (struct http_store *)s;

	for (int q = 0; q < QUESTIONS; q++)
		if (h->doubt[q].is == MANNER_OPAQUE && !h->pages[q])
			return "denied: it answers 403 to a file that is not there, or to "
			       "everything";
	return NULL;
}

static bool http_is_private(struct store *s)
{
	struct http_store *h = (struct http_store *)s;

	return h->user_password || h->query; /* a query may be a token */
}

static void http_free(struct store *s)
{
	struct http_store *h = (struct http_store *)s;

	for (int q = 0; q < QUESTIONS; q++)
		doubt_fini(&h->doubt[q]);
	free(h->base);
	free(h->query);
	free(h->user_password);
}

static const struct doubt_ops doubt_ops = {.ask = ask, .cancel = http_cancel, .told = told};

static const struct store_ops http_ops = {
	.scheme = "http",
	.start = http_start,
	.resume = http_resume,
	.cancel = http_cancel,
	.probe = http_probe,
	.describe = http_describe,
	.doubt = http_doubt,
	.is_private = http_is_private,
	.free = http_free,
};

/* "https://host:port", without a port that goes without saying. */
static void fold_origin(const struct store_url *url, struct buf *out)
{
	struct slice host = url->host;
	struct slice port = slice_eq(url->scheme, SLICE("https")) ? SLICE(":443") : SLICE(":80");

	if (slice_ends(host, port))
		host.n -= port.n;
	buf_add(out, url->scheme);
	buf_puts(out, "://");
	fold_lower(host, out);
}

static void identify(struct http_store *h, const struct store_url *url)
{
	struct buf origin CLEANUP(buf_fini) = BUF_MAX(16384);
	struct slice path = url->raw_path;
	struct slice user = slice_head(url->user_password, slice_find(url->user_password, ':'));

	while (slice_ends(path, SLICE("/")))
		path.n--;
	fold_origin(url, &origin);

	const struct store_fact facts[] = {{"kind", SLICE("http")},
					   {"origin", buf_slice(&origin)},
					   {"path", path},
					   {"query", url->query},
					   {"user", user}};

	store_identify(&h->store, facts, ARRAY_LEN(facts));
}

enum err http_open(const struct store_context *ctx, const struct store_url *url, struct store **ret,
		   struct error *e)
{
	struct buf base CLEANUP(buf_fini) = BUF_MAX(8192);
	struct http_store *h;

	if (!store_url_host_valid(url->host))
		return err_set(
			e, ERR_USAGE,
			"the URL of a symbol server needs a host, and a port up to 65535 if any");
	store_url_name(url, &base);
	h = xnew(struct http_store);
	h->store.ops = &http_ops;
	h->store.ctx = ctx;
	for (int q = 0; q < QUESTIONS; q++)
		doubt_init(&h->doubt[q], &h->store, (enum question)q, &doubt_ops);
	h->store.traits.key_case = CASE_ASKED;
	h->store.traits.loops = h->store.traits.checksums = true;
	h->store.traits.folds = ctx->holds_to_keys;
	h->store.traits.miss_ttl_max_ns = INT64_MAX;
	h->base = xstrdup(buf_str(&base));
	h->query = url->query.n ? xstrndup(url->query.p, url->query.n) : NULL;
	h->user_password = url->user_password.n
				   ? xstrndup(url->user_password.p, url->user_password.n)
				   : NULL;
	identify(h, url);
	*ret = &h->store;
	return OK;
}
