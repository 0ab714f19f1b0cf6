// SPDX-License-Identifier: MIT
/*
 * The http(s):// store: another symbol server. Keys are asked as the client asked them (some such
 * servers mind the case, some do not), redirects are followed by the transfer engine, and every request
 * carries Via so that a chain that leads back to us can be seen.
 *
 * What a status means: 200 and 206 are found, 404 and 410 missing. 400 and 414 refuse the name, if
 * the last name that the server was probed with, an ordinary one, was missing. A 403 is a miss only on a
 * server that has answered 403 to a random name (a bucket behind a web server); otherwise it is a
 * fault, like 401 and every other status.
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
#include "store/question.h"
#include "store/store_priv.h"
#include "symfmt/page.h"
#include "symfmt/verify.h"

#include <stdio.h>

#define ERROR_BODY_NS (500 * NS_PER_MS) /* for the rest of an answer that is judged */
#define VIA_MAX       2048

struct http_store {
	struct store store;
	char *base;          /* scheme://host/path, no slash at the end */
	char *query;         /* sent with every request, or NULL */
	char *user_password; /* or NULL */
	bool denies_missing; /* 403 is its way to say missing; loop's thread, as the next two */
	bool pages_missing;  /* so is a page, with 200 */
	bool knows_names;    /* a name that it does not have was 404 when it was last probed */
};

struct store_call {
	struct http_store *http;
	struct transfer *transfer;
	struct store_events events;
	void (*probed)(void *ud, const struct error *e);
	void *ud;
	void (*finish)(void *ud, const struct error *e); /* on_done or probe_done */
	bool head_only;                                  /* the body may go */
	bool body;            /* the head was found: bytes are passed on */
	bool looking;         /* found, but not told: is it a page? */
	bool is_called_page;  /* by its Content-Type */
	bool is_symbol_path;  /* what is asked for: no page can be that */
	struct buf beginning; /* of what may be one */
	bool page;            /* it was one */
	bool *gone;           /* set when the call is cancelled by the event it is in */
	enum store_result result;
	int status;
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
	free(c);
	call.events.done(call.ud, result, &call.head, &error);
}

/* ---- judging an answer ---- */

static enum store_result judge(struct store_call *c, const struct transfer_head *answer)
{
	bool retry;

	switch (answer->status) {
	case 200:
	case 206: return answer_head(answer, &c->head, &c->error) ? STORE_FAULT : STORE_FOUND;
	case 404:
	case 410: return STORE_MISS;
	case 412: return STORE_CHANGED;
	case 416: return STORE_UNSATISFIABLE;
	default: break;
	}
	if (answer->status == 403 && c->http->denies_missing)
		return STORE_MISS_DENIED;
	if ((answer->status == 400 || answer->status == 414) && c->http->knows_names)
		return STORE_MISS_REFUSED;
	retry = answer->status == 408 || answer->status == 429 || answer->status >= 500;
	/* Another 4xx is about this request, not about the server's health. */
	err_set(&c->error, answer->status >= 400 && !retry ? ERR_DENIED : ERR_UPSTREAM,
		"answered %d", answer->status);
	return retry ? STORE_FAULT_RETRY : STORE_FAULT;
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
	return (c->is_called_page || c->is_symbol_path || c->probed) && c->head.first == 0 &&
	       c->head.length != 0 && !c->head.encoding[0];
}

/* False: the call is gone. */
static bool tell_found(struct store_call *c)
{
	bool gone = false, *outer = c->gone;

	if (c->head_only)
		end_soon(c, 0);
	c->gone = &gone;
	c->events.head(c->ud, &c->head);
	if (!gone)
		c->gone = outer;
	else if (outer)
		*outer = true;
	return !gone;
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
	c->body = c->result == STORE_FOUND && !c->probed;
	if (!c->body)
		end_soon(c, ERROR_BODY_NS);
	else if (!c->looking)
		(void)tell_found(c);
}

/* It is none: tell the head, and the bytes that were held. False: pause, as of an event. */
static bool is_file(struct store_call *c, struct slice more)
{
	struct buf held CLEANUP(buf_fini) = c->beginning;

	c->looking = false;
	c->beginning = (struct buf){0};
	if (!c->body || !tell_found(c))
		return true;
	return c->events.data(c->ud, held.n ? buf_slice(&held) : more);
}

static bool is_page(struct store_call *c, const char *name)
{
	c->looking = c->body = false;
	c->page = true;
	c->result = c->http->pages_missing ? STORE_MISS_DENIED : STORE_FAULT;
	err_set(&c->error, ERR_CORRUPT, "%s in place of a file", name);
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
	if (c->result != STORE_FAULT && c->result != STORE_FAULT_RETRY)
		store_alive(&c->http->store);
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
	char range[64], range_line[80], match[160], via[VIA_MAX];
	const char *headers[4] = {NULL};
	size_t n = 0;

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
	if (buf_failed(&url))
		return err_set(e, ERR_LIMIT, "URL too long");
	return transfer_start(
		ctx->engine,
		&(struct transfer_request){
			.url = buf_str(&url),
			.headers = headers,
			.user_password = h->user_password,
			.follow = true,
			.follow_anywhere = h->store.traits.follows_anywhere,
			.head_deadline_ns = store_try_until(ctx, read->patient, read->deadline_ns),
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
	if (send(c, read, &on, &e) != OK) {
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
	if (c->gone)
		*c->gone = true;
	buf_fini(&c->beginning);
	free(c);
}

/* ---- the probe ---- */

static void probe_done(void *ud, const struct error *e)
{
	struct store_call *c = ud;
	struct error failure = *e;
	int status = c->status;

	loop_timer_stop(c->http->store.ctx->loop, &c->later);
	if (!e->code && status != 404 && status != 410 && status != 403 && !c->page)
		err_set(&failure, ERR_UPSTREAM, "answered %d to a name that cannot exist", status);
	c->http->knows_names = !failure.code && (status == 404 || status == 410);
	if (!failure.code) {
		c->http->denies_missing = status == 403;
		c->http->pages_missing = c->page;
		store_alive(&c->http->store);
	}
	c->probed(c->ud, failure.code ? &failure : NULL);
	buf_fini(&c->beginning);
	free(c);
}

static void http_probe(struct store *s, enum question q,
		       void (*done)(void *ud, const struct error *e), void *ud)
{
	static const struct transfer_events on = {on_head, on_data, probe_done};
	struct store_call *c = xnew(struct store_call);
	char key[QUESTION_KEY_MAX];
	struct store_read read = {.deadline_ns = INT64_MAX};
	struct error e;

	question_random_key(QUESTION_SYMBOL, false, key);
	read.key = slice_of(key);
	c->http = (struct http_store *)s;
	c->probed = done;
	c->ud = ud;
	c->finish = probe_done;
	c->is_symbol_path = true;
	c->beginning = BUF_MAX(PAGE_HEAD + 2 * TRANSFER_READ_MAX);
	metric_inc(store_probes);
	if (send(c, &read, &on, &e) == OK)
		return;
	free(c);
	done(ud, &e);
}

static void http_describe(struct store *s, struct buf *out)
{
	struct http_store *h = (struct http_store *)s;

	buf_printf(out, "symbol server, %s%s",
		   h->pages_missing    ? "a miss is a page"
		   : h->denies_missing ? "opaque (a miss is 403)"
				       : "exact (a miss is 404)",
		   h->user_password ? ", with a password" : "");
}

static const char *http_doubt(struct store *s)
{
	return ((struct http_store *)s)->denies_missing
		       ? "denied: it answers 403 to a file that is not there, or to everything"
		       : NULL;
}

static bool http_is_private(struct store *s)
{
	struct http_store *h = (struct http_store *)s;

	return h->user_password || h->query; /* a query may be a token */
}

static void http_free(struct store *s)
{
	struct http_store *h = (struct http_store *)s;

	free(h->base);
	free(h->query);
	free(h->user_password);
}

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
	h->store.traits.key_case = CASE_ASKED;
	h->store.traits.loops = true;
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
