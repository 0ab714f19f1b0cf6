// SPDX-License-Identifier: MIT
/*
 * See respond.h. Bodies come in three ways: from an open file, which libmicrohttpd sends by
 * sendfile(2); from a fill that has the whole body in memory already, sent from there; or from a
 * fill that is still being written, whose reader (read_body) suspends the connection at the end
 * of what is there and is resumed by the fill.
 *
 * A response with a body always has a length, so nothing is ever chunked.
 */
#include "serve/respond.h"
#include "base/log.h"
#include "metric/metric.h"
#include "serve/condition.h"

#include <stdio.h>

#define READ_BLOCK    ((size_t)32 * 1024)
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

static enum MHD_Result queue(struct exchange *x, int status, struct MHD_Response *r)
{
	x->status = status;
	x->state = EXCHANGE_RESPONDING;
	return MHD_queue_response(x->mhd, (unsigned)status, r);
}

/* ---- canned ---- */

static const struct {
	int status;
	const char *headers[3][2];
} canned_rows[CANNED_COUNT] = {
	[CANNED_MISS] = {404, {{NULL, NULL}}},
	[CANNED_MISS_UNSURE] = {404, {{"Cache-Control", "no-store"}}},
	[CANNED_METHOD] = {405, {{"Allow", "GET, HEAD"}}},
	[CANNED_LOGIN] = {401,
			  {{"WWW-Authenticate", "Basic realm=\"symbols\", charset=\"UTF-8\""}}},
	[CANNED_FAULT] = {503, {{"Retry-After", RETRY_AFTER_S}, {"Cache-Control", "no-store"}}},
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

enum err respond_init(struct server *s, struct error *e)
{
	const struct conf *conf = s->parts.conf;

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
	free(s->cache_control);
}

enum MHD_Result respond_canned(struct exchange *x, enum canned which)
{
	return queue(x, canned_rows[which].status, x->server->canned[which][x->close]);
}

/* ---- pages ---- */

struct MHD_Response *respond_text(struct slice text, const char *type)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(text.n, (void *)(uintptr_t)text.p,
								 MHD_RESPMEM_MUST_COPY);

	ASSERT(r);
	add(r, "Content-Type", type);
	add(r, "Cache-Control", "no-store");
	return r;
}

enum MHD_Result respond_page(struct exchange *x, struct MHD_Response *page, int status)
{
	enum MHD_Result result;

	add_cors(x->server, page);
	if (x->close)
		add(page, "Connection", "close");
	result = queue(x, status, page);
	MHD_destroy_response(page);
	return result;
}

/* ---- symbols ---- */

/* Called by the fill, on the loop's thread. */
static void body_ready(void *ud)
{
	struct exchange *x = ud;

	MHD_resume_connection(x->mhd);
}

static ssize_t body_failed(struct exchange *x)
{
	struct error e;

	x->cut = true;
	if (fill_failed(x->answer.fill, &e) && e.code != ERR_CANCELED)
		log_event(LOG_WARN, "answer cut short", "store", x->answer.store, "error", e.msg,
			  NULL);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct exchange *x = cls;
	size_t n = 0;

	switch (fill_read(x->answer.fill, (int64_t)pos, buf, max, &n)) {
	case FILL_DATA: x->sent += (int64_t)n; return (ssize_t)n;
	case FILL_WAIT:
		/* Suspended first: it may be resumed before this returns. */
		MHD_suspend_connection(x->mhd);
		if (!fill_wait(x->answer.fill, (int64_t)pos, body_ready, x))
			MHD_resume_connection(x->mhd);
		return 0;
	case FILL_FAILED: return body_failed(x);
	case FILL_END: break;
	}
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* The body of a HEAD, of which only the length is used. */
static ssize_t no_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void unref_body(void *cls)
{
	fill_unref(cls);
}

static struct MHD_Response *body_response(struct exchange *x)
{
	struct object_head *h = &x->answer.head;
	uint64_t length = (uint64_t)h->length;
	struct slice whole;

	x->promised = x->head ? 0 : h->length;
	if (x->head)
		return MHD_create_response_from_callback(length, 1, no_body, NULL, NULL);
	atomic_store(&x->conn->file_body, h->fd >= 0);
	if (h->fd >= 0)
		return MHD_create_response_from_fd_at_offset64(length, TAKE_FD(h->fd),
							       (uint64_t)h->first);
	if (fill_whole(x->answer.fill, &whole))
		return MHD_create_response_from_buffer_with_free_callback_cls(
			whole.n, (void *)(uintptr_t)whole.p, unref_body, fill_ref(x->answer.fill));
	return MHD_create_response_from_callback(length, MIN(READ_BLOCK, (size_t)length), read_body,
						 x, NULL);
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
	if (h->encoding[0])
		add(r, "Vary", "Accept-Encoding");
	add(r, "Cache-Control", x->server->cache_control);
	if (x->close)
		add(r, "Connection", "close");
}

static enum MHD_Result queue_and_drop(struct exchange *x, int status, struct MHD_Response *r)
{
	enum MHD_Result result = queue(x, status, r);

	MHD_destroy_response(r);
	return result;
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

static enum MHD_Result respond_found(struct exchange *x)
{
	const struct object_head *h = &x->answer.head;
	struct MHD_Response *r;
	char range[80];

	if (not_modified(x)) {
		x->outcome = "not_modified";
		metric_inc(requests_not_modified);
		r = empty_response(x->server);
		add_validators(x, r);
		return queue_and_drop(x, MHD_HTTP_NOT_MODIFIED, r);
	}
	x->outcome = "found";
	metric_inc(requests_found);
	r = body_response(x);
	ASSERT(r);
	add_cors(x->server, r);
	add_validators(x, r);
	add(r, "Content-Type", OCTET_STREAM);
	if (h->encoding[0])
		add(r, "Content-Encoding", h->encoding);
	else
		add(r, "Accept-Ranges", "bytes");
	if (!h->ranged)
		return queue_and_drop(x, MHD_HTTP_OK, r);
	snprintf(range, sizeof(range), h->total < 0 ? "bytes %lld-%lld/*" : "bytes %lld-%lld/%lld",
		 (long long)h->first, (long long)(h->first + h->length - 1), (long long)h->total);
	add(r, "Content-Range", range);
	return queue_and_drop(x, MHD_HTTP_PARTIAL_CONTENT, r);
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

enum MHD_Result respond_answer(struct exchange *x)
{
	switch (x->answer.kind) {
	case ANSWER_FOUND: return respond_found(x);
	case ANSWER_UNSATISFIABLE: return respond_unsatisfiable(x);
	case ANSWER_MISS:
		x->outcome = "miss";
		metric_inc(requests_miss);
		return respond_canned(x, x->answer.unsure ? CANNED_MISS_UNSURE : CANNED_MISS);
	case ANSWER_FAULT: break;
	}
	x->outcome = "fault";
	metric_inc(requests_fault);
	return respond_canned(x, x->server->parts.conf->outage == OUTAGE_404 ? CANNED_MISS_UNSURE
									     : CANNED_FAULT);
}
