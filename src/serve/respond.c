// SPDX-License-Identifier: MIT
/* See respond.h. A response with a body always has a length, so nothing is ever chunked. */
#include "serve/respond.h"
#include "base/log.h"
#include "metric/metric.h"
#include "serve/body.h"

#include <stdio.h>

#define OCTET_STREAM  "application/octet-stream"
#define RETRY_AFTER_S "5"

static void add(struct MHD_Response *r, const char *name, const char *value)
{
	ASSERT(MHD_add_response_header(r, name, value) == MHD_YES);
}

static void add_cors(const struct server *s, struct MHD_Response *r)
{
	if (s->parts.conf->cors)
		add(r, "Access-Control-Allow-Origin", "*");
}

static enum MHD_Result add_size_of_header(void *size, enum MHD_ValueKind kind, const char *name,
					  const char *value)
{
	*(size_t *)size += strlen(name) + strlen(value) + strlen(": \r\n");
	return MHD_YES;
}

/*
 * What libmicrohttpd sends before the body, as long as the connection stays. It does not tell how
 * much that is, nor how far a body came that it sends from a file; that is the difference to what the
 * kernel has counted.
 */
static size_t size_of_head(const struct exchange *x, int status, struct MHD_Response *r)
{
	size_t n = SLICE("HTTP/1.1 200 \r\n"
			 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			 "Content-Length: 0\r\n\r\n")
			   .n +
		   MHD_get_reason_phrase_len_for((unsigned)status);

	for (int64_t length = x->promised; length >= 10; length /= 10)
		n++;
	if (status == MHD_HTTP_NO_CONTENT)
		n -= strlen("Content-Length: 0\r\n");
	MHD_get_response_headers(r, add_size_of_header, &n);
	return n;
}

static enum MHD_Result queue(struct exchange *x, int status, struct MHD_Response *r)
{
	x->status = status;
	x->state = EXCHANGE_RESPONDING;
	x->head_size = size_of_head(x, status, r);
	return MHD_queue_response(x->mhd, (unsigned)status, r);
}

static enum MHD_Result queue_and_drop(struct exchange *x, int status, struct MHD_Response *r)
{
	enum MHD_Result result = queue(x, status, r);

	MHD_destroy_response(r);
	return result;
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
	[CANNED_METHOD_PURGE] = {405, {{"Allow", "POST"}}},
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

static struct MHD_Response *empty_response(const struct server *s)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	ASSERT(r);
	add_cors(s, r);
	return r;
}

static struct MHD_Response *make_canned(const struct server *s, enum canned which, bool close)
{
	struct MHD_Response *r = empty_response(s);

	for (size_t i = 0; i < ARRAY_LEN(canned_rows[which].headers); i++)
		if (canned_rows[which].headers[i][0])
			add(r, canned_rows[which].headers[i][0], canned_rows[which].headers[i][1]);
	if (close)
		add(r, "Connection", "close");
	return r;
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
static void add_vary(struct MHD_Response *r, unsigned by)
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
		add(r, "Vary", list);
}

static struct MHD_Response *make_miss(const struct server *s, unsigned by, size_t step, bool close)
{
	struct MHD_Response *r = empty_response(s);
	char keep[40];

	snprintf(keep, sizeof(keep), "%s, max-age=%lld", s->parts.auth ? "private" : "public",
		 (long long)miss_seconds(step));
	add(r, "Cache-Control", step ? keep : "no-store");
	add_vary(r, by);
	if (close)
		add(r, "Connection", "close");
	return r;
}

enum err respond_init(struct server *s, struct error *e)
{
	const struct conf *conf = s->parts.conf;
	unsigned may = 0; /* by which headers a miss may be one */

	for (size_t i = 0; i < s->parts.stores->n; i++) {
		const struct store_traits *t = &s->parts.stores->store[i]->traits;

		s->may_have_msfz |= t->negotiates || t->forms & STORE_FORM_MSFZ;
		may |= t->checksums ? BY_CHECKSUM : 0;
		may |= t->negotiates ? BY_ACCEPT : 0;
		may |= t->aliases == ALIASES_AUTO ? BY_AGENT | BY_ACCEPT : 0;
	}
	for (unsigned by = 0; by <= BY_ALL; by++)
		for (size_t i = 0; i <= miss_step(conf->miss_ttl_ns / NS_PER_S) && !(by & ~may);
		     i++)
			for (int close = 0; close < 2; close++)
				s->miss[by][i][close] = make_miss(s, by, i, close);
	for (int i = 0; i < CANNED_COUNT; i++)
		for (int close = 0; close < 2; close++)
			s->canned[i][close] = make_canned(s, (enum canned)i, close);
	s->cache_control = xstrdup(conf->cache_control[0] ? conf->cache_control
				   : s->parts.auth        ? "private, max-age=86400"
							  : "public, max-age=86400");
	for (const char *p = s->cache_control; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, ERR_USAGE, "CACHE_CONTROL has a control character");
	return OK;
}

void respond_fini(struct server *s)
{
	for (int i = 0; i < CANNED_COUNT; i++)
		for (int close = 0; close < 2; close++)
			if (s->canned[i][close])
				MHD_destroy_response(s->canned[i][close]);
	for (unsigned by = 0; by <= BY_ALL; by++)
		for (size_t i = 0; i < MISS_STEPS; i++)
			for (int close = 0; close < 2; close++)
				if (s->miss[by][i][close])
					MHD_destroy_response(s->miss[by][i][close]);
	free(s->cache_control);
}

enum MHD_Result respond_canned(struct exchange *x, enum canned which)
{
	return queue(x, canned_rows[which].status, x->server->canned[which][x->close]);
}

static struct MHD_Response *miss_response(const struct server *s, unsigned by, int64_t keep_ns,
					  bool close)
{
	size_t step = miss_step(MIN(keep_ns, s->parts.conf->miss_ttl_ns) / NS_PER_S);

	return s->miss[step ? by : 0][step][close];
}

static enum MHD_Result queue_miss(struct exchange *x, int64_t keep_ns, unsigned by)
{
	return queue(x, MHD_HTTP_NOT_FOUND, miss_response(x->server, by, keep_ns, x->close));
}

static enum MHD_Result respond_miss_by(struct exchange *x, int64_t keep_ns, unsigned by)
{
	x->outcome = "miss";
	metric_inc(requests_miss);
	return queue_miss(x, keep_ns, by);
}

enum MHD_Result respond_miss(struct exchange *x, int64_t keep_ns)
{
	return respond_miss_by(x, keep_ns, 0);
}

enum MHD_Result respond_bad_path(struct exchange *x)
{
	x->outcome = "bad_path";
	metric_inc(requests_miss);
	return queue_miss(x, INT64_MAX, 0);
}

enum MHD_Result respond_fault(struct exchange *x)
{
	x->outcome = "fault";
	metric_inc(requests_fault);
	return respond_canned(x, CANNED_FAULT);
}

/* ---- pages ---- */

struct MHD_Response *respond_text(const struct page *page)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(page->text.n, page->text.p,
								 MHD_RESPMEM_MUST_COPY);

	ASSERT(r);
	add(r, "Content-Type", page->type);
	add(r, "Cache-Control", "private, no-store");
	return r;
}

enum MHD_Result respond_page(struct exchange *x, const struct page *page)
{
	struct MHD_Response *r = respond_text(page);

	x->outcome = "page";
	metric_inc(requests_page);
	x->promised = (int64_t)page->text.n;
	add_cors(x->server, r);
	if (x->close)
		add(r, "Connection", "close");
	return queue_and_drop(x, page->status, r);
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

static void add_validators(struct exchange *x, struct MHD_Response *r)
{
	const struct object_head *h = &x->answer.head;
	char date[HTTP_DATE_LEN];

	if (h->etag[0])
		add(r, "ETag", h->etag);
	if (h->mtime >= 0) {
		http_date_format(h->mtime, date);
		add(r, "Last-Modified", date);
	}
	add_vary(r, decided_by(x));
	add(r, "Cache-Control", x->server->cache_control);
	if (x->close)
		add(r, "Connection", "close");
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

static enum MHD_Result respond_not_modified(struct exchange *x)
{
	struct MHD_Response *r = empty_response(x->server);

	x->outcome = "not_modified";
	metric_inc(requests_not_modified);
	add_validators(x, r);
	return queue_and_drop(x, MHD_HTTP_NOT_MODIFIED, r);
}

static void add_range(const struct object_head *h, struct MHD_Response *r)
{
	char range[80];

	snprintf(range, sizeof(range), h->total < 0 ? "bytes %lld-%lld/*" : "bytes %lld-%lld/%lld",
		 (long long)h->first, (long long)(h->first + h->length - 1), (long long)h->total);
	add(r, "Content-Range", range);
}

static void add_size(const struct object_head *h, struct MHD_Response *r)
{
	char size[24];

	snprintf(size, sizeof(size), "%lld", (long long)h->total);
	add(r, "X-DEBUGINFOD-SIZE", size);
}

static void describe(struct exchange *x, struct MHD_Response *r)
{
	const struct object_head *h = &x->answer.head;

	add_cors(x->server, r);
	add_validators(x, r);
	add(r, "Content-Type", OCTET_STREAM);
	if (h->encoding[0])
		add(r, "Content-Encoding", h->encoding);
	else
		add(r, "Accept-Ranges", "bytes");
	if (h->ranged)
		add_range(h, r);
	if (x->answer.msfz)
		add(r, "x-ms-symbol-format", "application/msfz0");
	if (x->path.debuginfod && h->total >= 0)
		add_size(h, r);
}

/* elfutils makes "file too large" of it; any other error would be a file that is not there. */
static bool is_too_large(const struct exchange *x, int64_t total)
{
	return x->path.debuginfod && total > x->client.max_size;
}

static enum MHD_Result respond_too_large(struct exchange *x)
{
	x->outcome = "too_large";
	metric_inc(requests_too_large);
	return respond_canned(x, CANNED_TOO_LARGE);
}

static enum MHD_Result respond_found(struct exchange *x)
{
	const struct object_head *h = &x->answer.head;
	enum MHD_Result result;
	struct MHD_Response *r;
	struct hot_offer offer;
	bool offered;

	if (is_too_large(x, h->total))
		return respond_too_large(x);
	if (not_modified(x))
		return respond_not_modified(x);
	x->outcome = "found";
	metric_inc(requests_found);
	offered = body_offer(x, &offer);
	r = offered ? offer.response : body_response(x);
	ASSERT(r);
	describe(x, r);
	result = queue(x, h->ranged ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, r);
	if (!offered || !hot_add(x->server->hot, &offer))
		MHD_destroy_response(r);
	return result;
}

static enum MHD_Result queue_hot(struct exchange *x, const struct hot_entry *e)
{
	x->outcome = "found";
	x->promised = hot_length(e);
	atomic_store(&x->conn->file_body, hot_is_file(e));
	metric_inc(requests_found);
	return queue(x, MHD_HTTP_OK, hot_response(e));
}

bool respond_hot(struct exchange *x, const struct resolve_rules *rules, enum MHD_Result *ret)
{
	struct hot_entry *e;

	/* The hottest are what everybody may have; somewhere there may be what this one prefers. */
	if (x->client.msfz && x->server->may_have_msfz)
		return false;
	e = hot_find(x->server->hot, rules, x->purges);
	if (!e)
		return false;
	x->cache = "hit";
	x->answer.from = hot_store(e);
	metric_inc(cache_hit);
	*ret = is_too_large(x, hot_length(e)) ? respond_too_large(x) : queue_hot(x, e);
	hot_done(x->server->hot, e);
	return true;
}

static enum MHD_Result respond_unsatisfiable(struct exchange *x)
{
	struct MHD_Response *r = empty_response(x->server);
	char range[48];

	x->outcome = "range";
	metric_inc(requests_range);
	snprintf(range, sizeof(range), "bytes */%lld", (long long)x->answer.head.total);
	add(r, "Content-Range", range);
	if (x->close)
		add(r, "Connection", "close");
	return queue_and_drop(x, MHD_HTTP_RANGE_NOT_SATISFIABLE, r);
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

enum MHD_Result respond_answer(struct exchange *x)
{
	switch (x->answer.kind) {
	case ANSWER_FOUND: tell_cache(x); return respond_found(x);
	case ANSWER_UNSATISFIABLE: return respond_unsatisfiable(x);
	case ANSWER_MISS:
		if (!x->lookup) {
			x->cache = "miss";
			metric_inc(cache_miss);
		}
		return respond_miss_by(x, x->answer.keep_ns, asked_by(x));
	case ANSWER_FAULT: break;
	}
	if (atomic_load(&x->left)) {
		x->outcome = "left";
		return respond_canned(x, CANNED_FAULT);
	}
	x->outcome = x->answer.working ? "working" : "fault";
	if (x->answer.working) {
		metric_inc(requests_working);
		return respond_canned(x, CANNED_WORKING);
	}
	metric_inc(requests_fault);
	if (x->server->parts.conf->outage == OUTAGE_404)
		return queue_miss(x, 0, 0);
	return respond_canned(x, CANNED_FAULT);
}
