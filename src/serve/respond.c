// SPDX-License-Identifier: MIT
/* See respond.h. A response with a body always has a length, so nothing is ever chunked. */
#include "serve/respond.h"
#include "http/reply.h"
#include "metric/metric.h"
#include "serve/body.h"

#include <stdio.h>

#define OCTET_STREAM  "application/octet-stream"
#define RETRY_AFTER_S "5"
#define HEAD_MAX      ((size_t)16 * 1024)

static void add_cors(const struct server *s, struct buf *head)
{
	if (s->parts.conf->cors)
		http_reply_add(head, "Access-Control-Allow-Origin", "*");
}

void respond_with(struct exchange *x, int status, struct http_answer *a)
{
	x->status = status;
	a->close = x->close;
	http_respond(x->conn, a);
}

void respond_head(struct exchange *x, int status)
{
	ASSERT(!buf_failed(&x->out));
	respond_with(x, status, &(struct http_answer){.head = buf_slice(&x->out)});
}

struct buf *respond_begin(struct exchange *x, int status)
{
	x->out = BUF_MAX(HEAD_MAX);
	http_reply_begin(&x->out, status);
	add_cors(x->server, &x->out);
	return &x->out;
}

/* ---- canned ---- */

static const struct {
	int status;
	const char *headers[3][2];
} canned_rows[CANNED_COUNT] = {
	[CANNED_METHOD] = {405, {{"Allow", "GET, HEAD"}}},
	[CANNED_PREFLIGHT] = {204,
			      {{"Access-Control-Allow-Methods", "GET, HEAD"},
			       {"Access-Control-Allow-Headers",
				"Authorization, Range, If-Range, If-None-Match, If-Modified-Since, "
				"Cache-Control, SymbolChecksum, X-DEBUGINFOD-MAXSIZE"},
			       {"Access-Control-Max-Age", "86400"}}},
	[CANNED_METHOD_POST] = {405, {{"Allow", "POST"}}},
	[CANNED_METHOD_UPLOAD] = {405, {{"Allow", "PUT, POST"}}},
	[CANNED_LOGIN_UPLOAD] = {401,
				 {{"WWW-Authenticate",
				   "Basic realm=\"upload\", charset=\"UTF-8\""}}},
	[CANNED_LOGIN_BEARER] = {401, {{"WWW-Authenticate", "Bearer realm=\"upload\""}}},
	[CANNED_TOO_LARGE] = {406, {{"Cache-Control", "no-store"}}},
	[CANNED_LOGIN_ADMIN] = {401, {{"WWW-Authenticate", "Bearer realm=\"admin\""}}},
	[CANNED_LOGIN] = {401,
			  {{"WWW-Authenticate", "Basic realm=\"symbols\", charset=\"UTF-8\""}}},
	[CANNED_FAULT] = {503, {{"Retry-After", RETRY_AFTER_S}, {"Cache-Control", "no-store"}}},
	[CANNED_WORKING] = {503,
			    {{"Symbol-Agent-Status", "0x80070512"},
			     {"Retry-After", "1"},
			     {"Cache-Control", "no-store"}}},
	[CANNED_EMPTY] = {200, {{"Content-Type", OCTET_STREAM}}},
};

/* All of the head but what is the connection's to say; nothing follows it. */
static struct buf begin_empty(const struct server *s, int status)
{
	struct buf head = BUF_MAX(HEAD_MAX);

	http_reply_begin(&head, status);
	add_cors(s, &head);
	if (status != 204)
		http_reply_length(&head, 0);
	return head;
}

static struct buf make_canned(const struct server *s, enum canned which)
{
	struct buf head = begin_empty(s, canned_rows[which].status);

	for (size_t i = 0; i < ARRAY_LEN(canned_rows[which].headers); i++)
		if (canned_rows[which].headers[i][0])
			http_reply_add(&head, canned_rows[which].headers[i][0],
				       canned_rows[which].headers[i][1]);
	ASSERT(!buf_failed(&head));
	return head;
}

/*
 * A 404 costs what a canned answer does, so there is one for each time that it may be kept. Long
 * ones are cut to minutes and hours.
 */
static size_t miss_step(int64_t keep_s)
{
	if (keep_s <= 60)
		return (size_t)MAX(keep_s, 0);
	return (size_t)(keep_s < 3600 ? 59 + keep_s / 60 : 118 + MIN(keep_s / 3600, 24));
}

static int64_t miss_seconds(size_t step)
{
	return (int64_t)(step <= 60 ? step : step <= 118 ? (step - 59) * 60 : (step - 118) * 3600);
}

/* `by`: BY_... */
static void add_vary(struct buf *head, unsigned by)
{
	static const char *const names[] = {"Accept-Encoding", "Accept", "User-Agent",
					    "SymbolChecksum"};
	char list[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (by & 1U << i)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
					      names[i]);
	if (n)
		http_reply_add(head, "Vary", list);
}

bool respond_is_guarded(const struct server *s)
{
	return s->parts.auth || s->parts.conf->tls_client_ca[0];
}

static struct buf make_miss(const struct server *s, unsigned by, size_t step)
{
	struct buf head = begin_empty(s, 404);
	char keep[40];

	snprintf(keep, sizeof(keep), "%s, max-age=%lld",
		 respond_is_guarded(s) ? "private" : "public", (long long)miss_seconds(step));
	http_reply_add(&head, "Cache-Control", step ? keep : "no-store");
	add_vary(&head, by);
	ASSERT(!buf_failed(&head));
	return head;
}

enum err respond_init(struct server *s, struct error *e)
{
	const struct conf *conf = s->parts.conf;
	unsigned may = 0; /* by which headers a miss may be one */

	for (size_t i = 0; i < s->parts.stores->n; i++) {
		const struct store_traits *t = &s->parts.stores->store[i]->traits;

		s->may_have_msfz |= t->negotiates || t->forms & STORE_FORM_MSFZ;
		s->minds_checksums |= t->checksums;
		may |= t->checksums ? BY_CHECKSUM : 0;
		may |= t->negotiates ? BY_ACCEPT : 0;
		may |= t->aliases == ALIASES_AUTO ? BY_AGENT | BY_ACCEPT : 0;
	}
	for (unsigned by = 0; by <= BY_ALL; by++)
		for (size_t i = 0; i <= miss_step(conf->miss_ttl_ns / NS_PER_S) && !(by & ~may);
		     i++)
			s->miss[by][i] = make_miss(s, by, i);
	for (int i = 0; i < CANNED_COUNT; i++)
		s->canned[i] = make_canned(s, (enum canned)i);
	s->cache_control = xstrdup(conf->cache_control[0]  ? conf->cache_control
				   : respond_is_guarded(s) ? "private, max-age=86400"
							   : "public, max-age=86400");
	for (const char *p = s->cache_control; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, ERR_USAGE, "CACHE_CONTROL has a control character");
	if (strlen(s->cache_control) > HEAD_MAX / 2)
		return err_set(e, ERR_USAGE, "CACHE_CONTROL is too long");
	return OK;
}

void respond_fini(struct server *s)
{
	for (int i = 0; i < CANNED_COUNT; i++)
		buf_fini(&s->canned[i]);
	for (unsigned by = 0; by <= BY_ALL; by++)
		for (size_t i = 0; i < MISS_STEPS; i++)
			buf_fini(&s->miss[by][i]);
	free(s->cache_control);
}

void respond_canned(struct exchange *x, enum canned which)
{
	respond_with(x, canned_rows[which].status,
		     &(struct http_answer){.head = buf_slice(&x->server->canned[which])});
}

static struct slice miss_head(const struct server *s, unsigned by, int64_t keep_ns)
{
	size_t step = miss_step(MIN(keep_ns, s->parts.conf->miss_ttl_ns) / NS_PER_S);

	return buf_slice(&s->miss[step ? by : 0][step]);
}

static void answer_miss(struct exchange *x, int64_t keep_ns, unsigned by)
{
	respond_with(x, 404, &(struct http_answer){.head = miss_head(x->server, by, keep_ns)});
}

static void respond_miss_by(struct exchange *x, int64_t keep_ns, unsigned by)
{
	x->outcome = "miss";
	x->missed = keep_ns > 0 || !x->server->parts.conf->miss_ttl_ns;
	metric_inc(requests_miss);
	answer_miss(x, keep_ns, by);
}

void respond_miss(struct exchange *x, int64_t keep_ns)
{
	respond_miss_by(x, keep_ns, 0);
}

void respond_bad_path(struct exchange *x)
{
	x->outcome = "bad_path";
	metric_inc(requests_miss);
	answer_miss(x, INT64_MAX, 0);
}

void respond_fault(struct exchange *x)
{
	x->outcome = "fault";
	metric_inc(requests_fault);
	respond_canned(x, CANNED_FAULT);
}

/* ---- pages ---- */

void respond_page_head(const struct page *page, struct buf *head)
{
	char again[16];

	*head = BUF_MAX(HEAD_MAX);
	http_reply_begin(head, page->status);
	http_reply_add(head, "Content-Type", page->type);
	http_reply_add(head, "Cache-Control", "private, no-store");
	if (page->again_s) {
		snprintf(again, sizeof(again), "%d", page->again_s);
		http_reply_add(head, "Retry-After", again);
	}
	http_reply_length(head, (int64_t)page->text.n);
}

void respond_page_text(struct exchange *x, struct page *page)
{
	struct http_answer a = {.kind = x->head ? HTTP_ANSWER_EMPTY : HTTP_ANSWER_BYTES};

	add_cors(x->server, &x->out);
	ASSERT(!buf_failed(&x->out));
	x->text = page->text;
	page->text = (struct buf){0};
	a.head = buf_slice(&x->out);
	a.bytes = buf_slice(&x->text);
	a.length = x->head ? 0 : (int64_t)x->text.n;
	respond_with(x, page->status, &a);
}

void respond_page(struct exchange *x, struct page *page)
{
	x->outcome = "page";
	metric_inc(requests_page);
	respond_page_head(page, &x->out);
	respond_page_text(x, page);
}

void respond_upload(struct exchange *x, struct page *page)
{
	x->outcome = "upload";
	metric_inc(requests_upload);
	respond_page_head(page, &x->out);
	if (page->status == 503)
		http_reply_add(&x->out, "Retry-After", RETRY_AFTER_S);
	respond_page_text(x, page);
}

/* ---- symbols ---- */

/* The request headers that decided which stores and keys were asked. */
static unsigned asked_by(const struct exchange *x)
{
	const struct resolve_rules rules = exchange_rules(x);

	return resolve_decided_by(&rules, x->server->parts.stores, x->answer.from, x->answer.late);
}

/* The request headers by which others could be given something else in place of this. */
static unsigned decided_by(const struct exchange *x)
{
	const struct answer *a = &x->answer;

	return asked_by(x) | (a->vary_encoding || a->head.encoding[0] ? BY_ENCODING : 0) |
	       (a->vary_accept ? BY_ACCEPT : 0);
}

static void add_validators(struct exchange *x, struct buf *head)
{
	const struct object_head *h = &x->answer.head;
	char date[HTTP_DATE_LEN];

	if (h->etag[0])
		http_reply_add(head, "ETag", h->etag);
	if (h->mtime >= 0) {
		http_date_format(h->mtime, date);
		http_reply_add(head, "Last-Modified", date);
	}
	add_vary(head, decided_by(x));
	http_reply_add(head, "Cache-Control", x->server->cache_control);
}

static bool not_modified(struct exchange *x)
{
	const struct object_head *h = &x->answer.head;
	const struct condition_headers asked = {
		.if_none_match = slice_of(exchange_header(x, "If-None-Match")),
		.if_modified_since = slice_of(exchange_header(x, "If-Modified-Since")),
	};
	const struct validators have = {
		.etag = slice_of(h->etag),
		.modified = h->mtime >= 0 ? h->mtime : DATE_UNKNOWN,
	};

	return condition_check(&asked, &have) == COND_NOT_MODIFIED;
}

static void respond_not_modified(struct exchange *x)
{
	x->outcome = "not_modified";
	metric_inc(requests_not_modified);
	add_validators(x, respond_begin(x, 304));
	respond_head(x, 304);
}

static void add_range(const struct object_head *h, struct buf *head)
{
	char range[80];

	snprintf(range, sizeof(range), h->total < 0 ? "bytes %lld-%lld/*" : "bytes %lld-%lld/%lld",
		 (long long)h->first, (long long)(h->first + h->length - 1), (long long)h->total);
	http_reply_add(head, "Content-Range", range);
}

static void add_size(const struct object_head *h, struct buf *head)
{
	char size[24];

	snprintf(size, sizeof(size), "%lld", (long long)h->total);
	http_reply_add(head, "X-DEBUGINFOD-SIZE", size);
}

static void describe(struct exchange *x, struct buf *head)
{
	const struct object_head *h = &x->answer.head;

	add_validators(x, head);
	http_reply_add(head, "Content-Type", OCTET_STREAM);
	if (h->encoding[0])
		http_reply_add(head, "Content-Encoding", h->encoding);
	else
		http_reply_add(head, "Accept-Ranges", "bytes");
	if (h->ranged)
		add_range(h, head);
	if (x->answer.msfz)
		http_reply_add(head, "x-ms-symbol-format", "application/msfz0");
	if (x->path.debuginfod && h->total >= 0)
		add_size(h, head);
}

/* elfutils makes "file too large" of it; any other error would be a file that is not there. */
static bool is_too_large(const struct exchange *x, int64_t total)
{
	return x->path.debuginfod && total > x->client.max_size;
}

static void respond_too_large(struct exchange *x)
{
	x->outcome = "too_large";
	metric_inc(requests_too_large);
	respond_canned(x, CANNED_TOO_LARGE);
}

/*
 * Is what this client is given what others are given, and theirs what it is? Not where a store may have
 * something that it alone prefers, or is told of.
 */
static bool is_like_others(const struct exchange *x)
{
	return x->plain && !(x->client.msfz && x->server->may_have_msfz) &&
	       !(x->client.checksum && x->server->minds_checksums);
}

/*
 * May it be kept for others as a finished answer? What everybody may have, of which nothing has to be looked at
 * or asked again for a while. A local file as it lies there is the same for those who accept gzip: where
 * it is there, nobody is given one that is packed.
 */
static bool may_be_hot(const struct exchange *x)
{
	const struct object_head *h = &x->answer.head;

	return x->answer.hot_ns > 0 && is_like_others(x) && !h->ranged && !h->encoding[0] &&
	       !x->answer.msfz && (h->changed_ns || !x->answer.vary_encoding);
}

static void offer(struct exchange *x, struct slice head)
{
	const struct object_head *h = &x->answer.head;
	const struct resolve_rules rules = exchange_rules(x);
	const struct hot_offer o = {
		.rules = &rules,
		.store = x->answer.from,
		.head = head,
		.fd = h->fd,
		.base = h->fd_base,
		.length = h->length,
		.version = x->version,
		.fresh_ns = x->answer.hot_ns,
		.changed_ns = h->changed_ns,
	};

	hot_add(x->server->hot, &o);
}

static void respond_found(struct exchange *x)
{
	const struct object_head *h = &x->answer.head;
	int status = h->ranged ? 206 : 200;
	struct http_answer a = {0};

	if (is_too_large(x, h->total)) {
		respond_too_large(x);
		return;
	}
	if (not_modified(x)) {
		respond_not_modified(x);
		return;
	}
	x->outcome = "found";
	metric_inc(requests_found);
	describe(x, respond_begin(x, status));
	http_reply_length(&x->out, h->length);
	ASSERT(!buf_failed(&x->out));
	a.head = buf_slice(&x->out);
	if (may_be_hot(x))
		offer(x, a.head);
	body_begin(x, &a);
	respond_with(x, status, &a);
}

/* No store was asked. */
static void respond_remembered_miss(struct exchange *x, int64_t keep_ns, unsigned by)
{
	x->cache = "miss";
	metric_inc(cache_miss);
	respond_miss_by(x, keep_ns, by);
}

bool respond_hot(struct exchange *x, const struct resolve_rules *rules)
{
	struct hot_miss miss;
	struct http_answer a;
	struct hot_entry *e;

	if (!is_like_others(x))
		return false;
	e = hot_find(x->server->hot, rules, x->version, &miss);
	if (!e && miss.keep_ns > 0)
		respond_remembered_miss(x, miss.keep_ns, miss.by);
	if (!e)
		return miss.keep_ns > 0;
	x->cache = "hit";
	x->answer.from = hot_store(e);
	metric_inc(cache_hit);
	if (is_too_large(x, hot_length(e))) {
		hot_done(x->server->hot, e);
		respond_too_large(x);
		return true;
	}
	x->outcome = "found";
	metric_inc(requests_found);
	a = hot_answer(e);
	respond_with(x, 200, &a);
	return true;
}

static void respond_unsatisfiable(struct exchange *x)
{
	char range[48];

	x->outcome = "range";
	metric_inc(requests_range);
	snprintf(range, sizeof(range), "bytes */%lld", (long long)x->answer.head.total);
	http_reply_length(respond_begin(x, 416), 0);
	http_reply_add(&x->out, "Content-Range", range);
	respond_head(x, 416);
}

/* Where it came from, for the metrics and the log. */
static void tell_cache(struct exchange *x)
{
	switch (x->answer.way) {
	case ASK_HIT:
		x->cache = !x->answer.fresh_ns ? "stale" : "hit";
		if (!x->answer.fresh_ns)
			metric_inc(cache_stale);
		else
			metric_inc(cache_hit);
		break;
	case ASK_JOINED:
		x->cache = "joined";
		metric_inc(cache_joined);
		break;
	case ASK_FILLED:
		x->cache = "filled";
		metric_inc(cache_filled);
		break;
	case ASK_PASSED:
		x->cache = "passed";
		metric_inc(cache_passed);
		break;
	}
}

/* All stores are known to miss it. */
static void respond_known_miss(struct exchange *x)
{
	const struct resolve_rules rules = exchange_rules(x);
	const struct hot_miss miss = {x->answer.keep_ns, asked_by(x)};

	if (is_like_others(x) && miss.keep_ns > 0)
		hot_add_miss(x->server->hot, &rules, x->version, x->arrivals, &miss);
	respond_remembered_miss(x, miss.keep_ns, miss.by);
}

void respond_answer(struct exchange *x)
{
	switch (x->answer.kind) {
	case ANSWER_FOUND:
		tell_cache(x);
		respond_found(x);
		return;
	case ANSWER_UNSATISFIABLE: respond_unsatisfiable(x); return;
	case ANSWER_MISS:
		if (x->lookup)
			respond_miss_by(x, x->answer.keep_ns, asked_by(x));
		else
			respond_known_miss(x);
		return;
	case ANSWER_FAULT: break;
	}
	if (atomic_load(&x->left)) {
		x->outcome = "left";
		respond_canned(x, CANNED_FAULT);
		return;
	}
	x->outcome = x->answer.working ? "working" : "fault";
	if (x->answer.working) {
		metric_inc(requests_working);
		respond_canned(x, CANNED_WORKING);
		return;
	}
	metric_inc(requests_fault);
	if (x->server->parts.conf->outage == OUTAGE_404)
		answer_miss(x, 0, 0);
	else
		respond_canned(x, CANNED_FAULT);
}
