// SPDX-License-Identifier: MIT
/*
 * The pages for whoever operates the server: /healthz says that the process lives, /readyz that
 * it can be sent requests, /metrics everything else. None of them asks a store. They are served on
 * the main port, or on ADMIN_ADDRESS alone when that is set.
 */
#include "metric/metric.h"
#include "serve/respond.h"

static const char *not_ready(const struct server *s)
{
	if (atomic_load(&s->draining))
		return "draining\n";
	return health_ready(s->parts.health) ? NULL : "no store answers\n";
}

bool admin_answer(struct server *s, struct slice path, struct page *ret)
{
	const char *why;

	ret->status = 200;
	ret->type = "text/plain";
	if (slice_eq(path, SLICE("/healthz"))) {
		buf_puts(&ret->text, "ok\n");
	} else if (slice_eq(path, SLICE("/readyz"))) {
		why = not_ready(s);
		ret->status = why ? 503 : 200;
		buf_puts(&ret->text, why ? why : "ready\n");
	} else if (slice_eq(path, SLICE("/metrics"))) {
		ret->type = "text/plain; version=0.0.4; charset=utf-8";
		metric_print(&ret->text);
	} else {
		return false;
	}
	return true;
}

/* ---- on ADMIN_ADDRESS ---- */

/* What is sent has to stay until it has been. */
struct answered {
	struct page page;
	struct buf head;
};

static bool is_head(const struct http_conn *c)
{
	return slice_eq(http_method(c), SLICE("HEAD"));
}

static void request(struct http_conn *c)
{
	struct server *s = http_server_ud(c);

	if (!is_head(c) && !slice_eq(http_method(c), SLICE("GET")))
		http_respond(c,
			     &(struct http_answer){.head = buf_slice(&s->canned[CANNED_METHOD])});
}

static void complete(struct http_conn *c)
{
	struct slice target = http_target(c);
	struct server *s = http_server_ud(c);
	struct answered *a = xnew(struct answered);
	struct http_answer answer = {.kind = is_head(c) ? HTTP_ANSWER_EMPTY : HTTP_ANSWER_BYTES};

	a->page.text = BUF_MAX(PAGE_MAX);
	http_set_ud(c, a);
	if (admin_answer(s, slice_head(target, slice_find(target, '?')), &a->page)) {
		respond_page_head(&a->page, &a->head);
		answer.head = buf_slice(&a->head);
		answer.bytes = buf_slice(&a->page.text);
		answer.length = is_head(c) ? 0 : (int64_t)answer.bytes.n;
	} else {
		answer.head = buf_slice(&s->miss[0][0]);
		answer.kind = HTTP_ANSWER_EMPTY;
	}
	http_respond(c, &answer);
}

static void done(struct http_conn *c, const struct http_end *end)
{
	struct answered *a = http_ud(c);

	if (!a)
		return;
	page_fini(&a->page);
	buf_fini(&a->head);
	free(a);
}

const struct http_handler admin_handler = {.request = request, .complete = complete, .done = done};
