// SPDX-License-Identifier: MIT
/* See web.h. */
#include "serve/web.h"
#include "http/reply.h"
#include "metric/metric.h"
#include "serve/accept_header.h"
#include "serve/condition.h"
#include "serve/respond.h"

bool web_is(const struct symbol_path *p)
{
	return p->segments == 3 && slice_eq(p->segment[0], SLICE("-")) &&
	       slice_eq(p->segment[1], SLICE("web"));
}

/* A star stands for gzip where that is not named. */
static bool takes_gzip(struct slice accept)
{
	enum accepted gzip = accept_says(accept, SLICE("gzip"));

	return gzip == ACCEPT_YES ||
	       (gzip == ACCEPT_UNNAMED && accept_says(accept, SLICE("*")) == ACCEPT_YES);
}

static void add_web_head(struct exchange *x, int status, const char *etag)
{
	struct buf *head = respond_begin(x, status);

	x->outcome = "page";
	metric_inc(requests_page);
	http_reply_add(head, "ETag", etag);
	http_reply_add(head, "Vary", "Accept-Encoding");
	http_reply_add(head, "Cache-Control",
		       respond_is_guarded(x->server) ? "private, no-cache" : "no-cache");
}

static void answer_file(struct exchange *x, const struct web_file *file, bool gzip)
{
	struct slice body = gzip ? file->gzip : file->plain;
	const char *etag = gzip ? file->gzip_etag : file->etag;
	const struct condition_headers asked = {
		.if_none_match = slice_of(exchange_header(x, "If-None-Match"))};
	const struct validators have = {.etag = slice_of(etag), .modified = DATE_UNKNOWN};
	struct http_answer a = {.kind = x->head ? HTTP_ANSWER_EMPTY : HTTP_ANSWER_BYTES};

	if (condition_check(&asked, &have) == COND_NOT_MODIFIED) {
		add_web_head(x, 304, etag);
		respond_head(x, 304);
		return;
	}
	add_web_head(x, 200, etag);
	http_reply_add(&x->out, "Content-Type", file->type);
	http_reply_add(&x->out, "X-Content-Type-Options", "nosniff");
	if (gzip)
		http_reply_add(&x->out, "Content-Encoding", "gzip");
	http_reply_length(&x->out, (int64_t)body.n);
	ASSERT(!buf_failed(&x->out));
	a.head = buf_slice(&x->out);
	a.bytes = body;
	a.length = x->head ? 0 : (int64_t)body.n;
	respond_with(x, 200, &a);
}

void web_answer(struct exchange *x)
{
	bool gzip = takes_gzip(slice_of(exchange_header(x, "Accept-Encoding")));

	for (size_t i = 0; x->server->parts.conf->page && i < web_files_n; i++) {
		if (slice_eq(x->path.segment[2], slice_of(web_files[i].name))) {
			answer_file(x, &web_files[i], gzip);
			return;
		}
	}
	respond_bad_path(x);
}

/*
 * The address may hold a token: it is told to nobody (Referrer-Policy). What is not a script or a style of the
 * server's own does not run, wherever in the page it should have come from.
 */
void web_front(struct exchange *x, struct page *page)
{
	x->outcome = "page";
	metric_inc(requests_page);
	respond_page_head(page, &x->out);
	http_reply_add(&x->out, "Content-Security-Policy",
		       "default-src 'none'; script-src 'self'; style-src 'self'; "
		       "connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
		       "base-uri 'none'; form-action 'self'");
	http_reply_add(&x->out, "X-Content-Type-Options", "nosniff");
	http_reply_add(&x->out, "Referrer-Policy", "no-referrer");
	respond_page_text(x, page);
}
