// SPDX-License-Identifier: MIT
/*
 * The pages for whoever operates the server: /healthz says that the process lives, /readyz that
 * it can be sent requests, /metrics everything else. None of them asks a store. They are served on
 * the main port, or on ADMIN_ADDRESS alone when that is set.
 */
#include "metric/metric.h"
#include "serve/respond.h"

static struct MHD_Response *metrics_page(void)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX((size_t)1 << 20);

	metric_print(&text);
	return respond_text(buf_slice(&text), "text/plain; version=0.0.4; charset=utf-8");
}

static const char *not_ready(const struct server *s)
{
	if (atomic_load(&s->draining))
		return "draining\n";
	return health_ready(s->parts.health) ? NULL : "no store answers\n";
}

bool admin_answer(struct server *s, struct slice path, struct MHD_Response **ret, int *ret_status)
{
	const char *why;

	*ret_status = MHD_HTTP_OK;
	if (slice_eq(path, SLICE("/healthz"))) {
		*ret = respond_text(SLICE("ok\n"), "text/plain");
	} else if (slice_eq(path, SLICE("/readyz"))) {
		why = not_ready(s);
		*ret_status = why ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK;
		*ret = respond_text(why ? slice_of(why) : SLICE("ready\n"), "text/plain");
	} else if (slice_eq(path, SLICE("/metrics"))) {
		*ret = metrics_page();
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
	struct server *s = cls;
	struct MHD_Response *page;
	enum MHD_Result result;
	int status;
	bool read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	if (!read)
		return MHD_queue_response(mhd, MHD_HTTP_METHOD_NOT_ALLOWED,
					  s->canned[CANNED_METHOD][1]);
	if (*state != &seen || *upload_n) {
		*state = &seen;
		*upload_n = 0;
		return MHD_YES;
	}
	if (!admin_answer(s, slice_of(url), &page, &status))
		return MHD_queue_response(mhd, MHD_HTTP_NOT_FOUND, s->canned[CANNED_MISS][0]);
	result = MHD_queue_response(mhd, (unsigned)status, page);
	MHD_destroy_response(page);
	return result;
}
