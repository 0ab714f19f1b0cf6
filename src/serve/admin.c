// SPDX-License-Identifier: MIT
/*
 * The pages for whoever operates the server: /healthz says that the process lives, /readyz that
 * it can be sent requests, /metrics everything else. None of them asks a store. They are served on
 * the main port, or on ADMIN_ADDRESS alone when that is set.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "serve/respond.h"

static const char *not_ready(const struct server *s)
{
	if (atomic_load(&s->draining))
		return "draining\n";
	return health_ready(s->parts.health) ? NULL : "no store answers\n";
}

/* ---- the indexes of names ---- */

/*
 * A store goes by its place in STORES here: whoever may read these pages need not learn what the buckets are
 * called.
 */
static void tell_index(size_t place, const struct name_index_view *v, struct buf *out)
{
	buf_printf(out, "store %zu: ", place);
	if (v->began_ns)
		buf_printf(out, "%zu names, listed %lld s ago (pages: %u)", v->names,
			   (long long)((clock_mono_ns() - v->began_ns) / NS_PER_S), v->pages);
	else
		buf_puts(out, "no names are known");
	buf_printf(out, "; requests saved: %lld, for pages listed: %lld\n", (long long)v->absent,
		   (long long)v->listed);
}

static void tell_indexes(const struct server *s, struct buf *out)
{
	struct name_index_view v;

	for (size_t i = 0; i < s->parts.stores->n; i++)
		if (cache_look_at_names(flights_cache(s->parts.flights), s->parts.stores->store[i],
					&v))
			tell_index(i + 1, &v, out);
}

enum of_index { INDEX_NAMES, INDEX_AGE, INDEX_PAGES, INDEX_SAVED, INDEX_METRICS };

static const struct {
	const char *name, *kind, *help;
} index_metrics[INDEX_METRICS] = {
	[INDEX_NAMES] = {"names", "gauge", "Names of a store that its index holds"},
	[INDEX_AGE] = {"age_seconds", "gauge", "Time since they were listed"},
	[INDEX_PAGES] = {"pages", "gauge", "Pages that this took, without those of folders"},
	[INDEX_SAVED] = {"saved_total", "counter", "Keys that the store was not asked for"},
};

static int64_t of_index(const struct name_index_view *v, enum of_index which)
{
	switch (which) {
	case INDEX_NAMES: return (int64_t)v->names;
	case INDEX_AGE: return (clock_mono_ns() - v->began_ns) / NS_PER_S;
	case INDEX_PAGES: return v->pages;
	case INDEX_SAVED: return v->absent;
	case INDEX_METRICS: break;
	}
	return 0;
}

static void print_index_metric(const struct server *s, enum of_index which, struct buf *out)
{
	const char *name = index_metrics[which].name;
	struct name_index_view v;
	bool any = false;

	for (size_t i = 0; i < s->parts.stores->n; i++) {
		if (!cache_look_at_names(flights_cache(s->parts.flights), s->parts.stores->store[i],
					 &v) ||
		    (which == INDEX_AGE && !v.began_ns))
			continue;
		if (!any)
			buf_printf(out,
				   "# HELP pepto_store_index_%s %s, by its place in STORES.\n"
				   "# TYPE pepto_store_index_%s %s\n",
				   name, index_metrics[which].help, name,
				   index_metrics[which].kind);
		any = true;
		buf_printf(out, "pepto_store_index_%s{store=\"%zu\"} %lld\n", name, i + 1,
			   (long long)of_index(&v, which));
	}
}

/* ---- the pages ---- */

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
		tell_indexes(s, &ret->text);
	} else if (slice_eq(path, SLICE("/metrics"))) {
		ret->type = "text/plain; version=0.0.4; charset=utf-8";
		metric_print(&ret->text);
		for (enum of_index i = 0; i < INDEX_METRICS; i++)
			print_index_metric(s, i, &ret->text);
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
