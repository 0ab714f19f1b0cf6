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

	ret->status = MHD_HTTP_OK;
	ret->type = "text/plain";
	if (slice_eq(path, SLICE("/healthz"))) {
		buf_puts(&ret->text, "ok\n");
	} else if (slice_eq(path, SLICE("/readyz"))) {
		why = not_ready(s);
		ret->status = why ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK;
		buf_puts(&ret->text, why ? why : "ready\n");
	} else if (slice_eq(path, SLICE("/metrics"))) {
		ret->type = "text/plain; version=0.0.4; charset=utf-8";
		metric_print(&ret->text);
	} else {
		return false;
	}
	return true;
}

// NOLINTNEXTLINE(readability-function-size): the signature is libmicrohttpd's
enum MHD_Result admin_run(void *cls, struct MHD_Connection *mhd, const char *url,
			  const char *method, const char *version, const char *upload,
			  size_t *upload_n, void **state)
{
	static char seen;
	struct page page CLEANUP(page_fini) = {.text = BUF_MAX(PAGE_MAX)};
	struct server *s = cls;
	struct MHD_Response *r;
	enum MHD_Result result;
	bool read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	if (!read)
		return MHD_queue_response(mhd, MHD_HTTP_METHOD_NOT_ALLOWED,
					  s->canned[CANNED_METHOD][1]);
	if (*state != &seen || *upload_n) {
		*state = &seen;
		*upload_n = 0;
		return MHD_YES;
	}
	if (!admin_answer(s, slice_of(url), &page))
		return MHD_queue_response(mhd, MHD_HTTP_NOT_FOUND, s->miss[0][0][0]);
	r = respond_text(&page);
	result = MHD_queue_response(mhd, (unsigned)page.status, r);
	MHD_destroy_response(r);
	return result;
}
