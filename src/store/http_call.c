// SPDX-License-Identifier: MIT
/*
 * One read of the http(s) store, or a probe of it, and what the answer means. 200 and 206 are
 * found, 404 and 410 missing. The meaning of other statuses depends on what probes have told of the
 * server (doubt.h), for symbol paths and for build-ids apart. 400 and 414 refuse the name, if the
 * last probe, by an ordinary name, was answered as missing. A 403 is a miss only on a server that
 * answers 403 to random names (a bucket behind a web server); otherwise it is a fault, like 401 and
 * every other status. If probes of one kind of question get such answers, from a server that does
 * not fail, while the other kind gets its 404, the first kind is not spoken there: its keys are
 * missing, and no request is sent for them any more.
 *
 * A page is never a symbol file (http_page.h): it is a fault; or a miss on a server that has given
 * a page for a random name. So the head of an answer is told only when the first bytes of its body
 * have been looked at.
 *
 * A read that accepts MSFZ in place of a PDB says so by Accept, as Microsoft's clients do, at the
 * URL of the PDB; the first bytes of the body tell which of the two it is (fetch.h). A 406 says
 * nothing about the file: the next try goes without Accept, and so do all for a while
 * (store_negotiates()).
 *
 * A HEAD is asked by GET and broken off at the head: not every server answers both alike
 * (redirects to presigned URLs allow one method only).
 *
 * A call is freed just before its last event, or by http_call_cancel(). Its events may cancel it:
 * nothing is touched after an event but by way of a return.
 */
#include "base/clock.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/http_store.h"
#include "store/object_head.h"
#include "symfmt/verify.h"

#include <stdio.h>

#define ERROR_BODY_NS     (500 * NS_PER_MS) /* for the rest of an answer that is judged */
#define VIA_MAX           2048
#define CHECKSUM_LINE_MAX 8192

/* e may lie in c. */
static void call_end(struct store_call *c, enum store_result result, const struct error *e)
{
	struct store_events events = c->events;
	struct object_head head = c->head;
	struct error error = *e;
	void *ud = c->ud;

	http_call_free(c);
	events.done(ud, result, &head, &error);
}

/* ---- judging an answer ---- */

static struct doubt *doubt_of(const struct store_call *c)
{
	return &c->http->doubt[c->question];
}

/*
 * An answer that is neither an object nor a 404: what it means depends on what the server is like.
 */
static enum store_result judge_other(struct store_call *c)
{
	const struct doubt *d = doubt_of(c);
	bool retry = c->status == 408 || c->status == 429 || c->status >= 500;
	bool implied = d->is == MANNER_OPAQUE && c->http->pages[c->question] == c->page;

	c->other = true;
	if (d->is == MANNER_UNSPOKEN)
		return STORE_MISS_REFUSED; /* perhaps a passing failure: not to be kept */
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

static enum store_result judge_unacceptable(struct store_call *c)
{
	if (!c->accepts_msfz)
		return judge_other(c);
	store_stop_negotiating(&c->http->store);
	err_set(&c->error, ERR_DENIED, "answered 406 to a request that accepts MSFZ");
	return STORE_FAULT_RETRY;
}

static enum store_result judge_status(struct store_call *c, const struct transfer_head *answer)
{
	switch (answer->status) {
	case 200:
	case 206: return object_head_read(answer, &c->head, &c->error) ? STORE_FAULT : STORE_FOUND;
	case 404:
	case 410: return STORE_MISS;
	case 406: return judge_unacceptable(c);
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

/* Do as if the transfer were complete: the rest of its body changes nothing. */
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

/* ---- a file, or a page ---- */

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

	err_set(&c->error, transfer_overdue(c->transfer), "nothing came behind the head");
	transfer_cancel(TAKE(c->transfer));
	call_end(c, STORE_FAULT_RETRY, &c->error);
}

static void on_head(void *ud, const struct transfer_head *answer)
{
	struct store_call *c = ud;

	c->status = answer->status;
	c->retry_after = answer->retry_after[0];
	c->result = judge_status(c, answer);
	if (c->result == STORE_UNSATISFIABLE)
		judge_unsatisfiable(c, answer);
	c->looking = c->result == STORE_FOUND &&
		     page_look_begin(&c->look, answer->content_type, &c->head);
	c->body = c->result == STORE_FOUND && !c->probe;
	if (!c->body) {
		end_soon(c, ERROR_BODY_NS);
	} else if (c->looking) {
		/* The asker, which waits for the head, waits for these bytes, too. */
		c->later.due = beginning_overdue;
		loop_timer_set(c->http->store.ctx->loop, &c->later,
			       transfer_deadline_ns(c->transfer));
	} else {
		(void)tell_found(c);
	}
}

/* It is no page: tell the head, and the bytes that were held. False: pause, as of an event. */
static bool is_file(struct store_call *c, struct slice more)
{
	struct buf held CLEANUP(buf_fini) = page_look_take(&c->look);

	c->looking = false;
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (c->probe && c->transfer)
		end_soon(c, 0);
	if (!c->body || !tell_found(c))
		return true;
	return c->events.data(c->ud, held.n ? buf_slice(&held) : more);
}

static void is_page(struct store_call *c)
{
	c->looking = c->body = false;
	c->page = true;
	err_set(&c->error, ERR_CORRUPT, "%s in place of a file", c->look.name);
	c->result = judge_other(c);
	end_soon(c, 0);
}

static bool look_for_page(struct store_call *c, struct slice bytes)
{
	switch (page_look_feed(&c->look, bytes)) {
	case PAGE_NONE: return is_file(c, bytes);
	case PAGE_SEEN: is_page(c); break;
	case PAGE_MORE: break;
	}
	return true;
}

static bool on_data(void *ud, struct slice bytes)
{
	struct store_call *c = ud;

	if (c->looking)
		return look_for_page(c, bytes);
	return !c->body || c->events.data(c->ud, bytes);
}

/* ---- what is in doubt ---- */

static struct doubt *other_kind(const struct store_call *c)
{
	return &c->http->doubt[!c->question];
}

/*
 * Do probes have to tell what the answer means? Those of the other kind of question too: see
 * told().
 */
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

/* False: the list is full, so the answer is judged by what is known now. */
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

static void read_done(struct store_call *c, const struct error *e)
{
	bool gone = false;

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

static void on_done(void *ud, const struct error *e)
{
	struct store_call *c = ud;

	c->transfer = NULL;
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	c->finish(c, e);
}

static void build_url(const struct http_store *h, struct slice key, struct buf *out)
{
	buf_puts(out, h->base);
	buf_putc(out, '/');
	percent_encode(key, "/", out);
	if (h->query)
		buf_printf(out, "?%s", h->query);
}

/*
 * The names of the servers before us are kept while there is room, and if they are a valid field
 * value; our own name has to be sent, or a loop would never be seen.
 */
static void put_via(char *ret, size_t size, const char *theirs, const char *ours)
{
	bool fits = theirs && text_is_field_value(slice_of(theirs)) &&
		    strlen(theirs) + strlen(ours) + 8 < size;

	snprintf(ret, size, "Via: %s%s%s", fits ? theirs : "", fits ? ", " : "", ours);
}

enum err http_call_send(struct store_call *c, const struct store_read *read, struct error *e)
{
	static const struct transfer_events events = {on_head, on_data, on_done};
	struct http_store *h = c->http;
	const struct store_context *ctx = h->store.ctx;
	struct buf url CLEANUP(buf_fini) = BUF_MAX(16384);
	struct buf checksum CLEANUP(buf_fini) = BUF_MAX(CHECKSUM_LINE_MAX);
	char range[64], range_line[80], match[160], via[VIA_MAX];
	const char *headers[6] = {NULL};
	size_t n = 0;

	build_url(h, read->key, &url);
	range_header(read->ranged ? &read->range : NULL, range, sizeof(range));
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
	if (read->msfz && store_negotiates(&h->store)) {
		headers[n++] = "Accept: application/msfz0";
		c->accepts_msfz = true;
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
				      .head_deadline_ns = read->deadline_ns,
				      .head_within_ns = ctx->try_timeout_ns,
				      .patient = read->patient,
				      .asker = read->asker,
				      .put_off_ns = read->put_off_ns,
				      .at_once = c->probe,
				      .fresh_ns = &h->store.fresh_ns,
			      },
			      &events, c, &c->transfer, e);
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

	call_end(c, STORE_MISS_REFUSED, &c->error);
}

struct store_call *http_call_new(struct http_store *h, struct slice key, enum question q)
{
	struct store_call *c = xnew(struct store_call);

	c->http = h;
	c->head.fd = -1;
	c->key = xstrndup(key.p, key.n);
	c->question = q;
	return c;
}

void http_call_free(struct store_call *c)
{
	page_look_fini(&c->look);
	free(c->key);
	free(c);
}

struct store_call *http_call_start(struct store *s, const struct store_read *read,
				   const struct store_events *events, void *ud)
{
	struct store_call *c = http_call_new((struct http_store *)s, read->key,
					     question_of(read->key));
	struct claim claim;
	struct error e;

	c->events = *events;
	c->ud = ud;
	c->finish = read_done;
	c->head_only = read->head;
	c->look.is_symbol_path = claim_of_path(read->key, &claim);
	c->deadline_ns = read->deadline_ns;
	if (doubt_of(c)->is == MANNER_UNSPOKEN) {
		c->later.due = end_unspoken;
		loop_timer_set(s->ctx->loop, &c->later, 0);
	} else if (http_call_send(c, read, &e) != OK) {
		c->error = e;
		c->later.due = end_later;
		loop_timer_set(s->ctx->loop, &c->later, 0);
	}
	return c;
}

void http_call_resume(struct store_call *c)
{
	if (c->transfer)
		transfer_resume(c->transfer);
}

void http_call_cancel(struct store_call *c)
{
	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (c->transfer)
		transfer_cancel(c->transfer);
	if (c->waiting_in)
		waiters_remove(c->waiting_in, &c->waiter);
	if (c->gone)
		*c->gone = true;
	http_call_free(c);
}
