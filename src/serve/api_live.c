// SPDX-License-Identifier: MIT
/*
 * /-/api/live: what the server does, in numbers that grow from its start; who asks twice makes rates of them. Nothing is
 * asked of a store, and no file is looked at.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "serve/api.h"

#define UP_NS (30 * NS_PER_S) /* an answer within this time says that a store is up */

struct number {
	const char *name;
	size_t at; /* in struct metrics */
};

#define NUMBER(name, field)                                                                        \
	{                                                                                          \
		name, offsetof(struct metrics, field)                                              \
	}

static const struct number requests[] = {
	NUMBER("found", requests_found),     NUMBER("not_modified", requests_not_modified),
	NUMBER("miss", requests_miss),       NUMBER("range", requests_range),
	NUMBER("fault", requests_fault),     NUMBER("working", requests_working),
	NUMBER("refused", requests_refused), NUMBER("denied", requests_denied),
	NUMBER("method", requests_method),   NUMBER("too_large", requests_too_large),
	NUMBER("page", requests_page),       NUMBER("upload", requests_upload),
};

static const struct number cut[] = {
	NUMBER("store", requests_cut),
	NUMBER("client", requests_left),
	NUMBER("limit", requests_closed),
};

static const struct number answers[] = {
	NUMBER("found", store_found),
	NUMBER("miss", store_missing),
	NUMBER("fault", store_faults),
};

static const struct number cache[] = {
	NUMBER("hit", cache_hit),         NUMBER("stale", cache_stale),
	NUMBER("joined", cache_joined),   NUMBER("filled", cache_filled),
	NUMBER("passed", cache_passed),   NUMBER("miss", cache_miss),
	NUMBER("bytes", cache_bytes),     NUMBER("limit", cache_max_bytes),
	NUMBER("objects", cache_objects), NUMBER("evicted_bytes", evicted_bytes),
	NUMBER("errors", cache_errors),
};

static const struct number fills[] = {
	NUMBER("active", active_fills),   NUMBER("started", fills_started),
	NUMBER("kept", fills_kept),       NUMBER("cancelled", fills_cancelled),
	NUMBER("corrupt", fills_corrupt),
};

static const struct number decoders[] = {
	NUMBER("active", active_decoders),
	NUMBER("failed", decode_failed),
};

static const struct number turned_away[] = {
	NUMBER("connections", refused_connections),
	NUMBER("transfers", refused_transfers),
	NUMBER("fills", refused_fills),
	NUMBER("decoders", refused_decoders),
};

static const struct number connections[] = {
	NUMBER("open", connections),           NUMBER("requests", active_requests),
	NUMBER("transfers", active_transfers), NUMBER("waiting", waiting_transfers),
	NUMBER("uploads", uploads_running),
};

static void add_number(const char *name, int64_t value, struct buf *out)
{
	buf_printf(out, "\"%s\":%lld", name, (long long)value);
}

static void add_group(const char *name, const struct number *number, size_t n, struct buf *out)
{
	buf_printf(out, ",\n\"%s\":{", name);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i ? "," : "");
		add_number(number[i].name, metric_sum(number[i].at), out);
	}
	buf_putc(out, '}');
}

#define ADD_GROUP(group, out) add_group(#group, group, ARRAY_LEN(group), out)

/*
 * A 404 from memory would have cost a request for each key that it may lie under. A key that the index of names took for
 * absent counts once for each listing, and each 404 once: the greater of the two numbers is never more than the truth.
 */
static void add_saved(const struct server *s, struct buf *out)
{
	int64_t objects = metric_get(cache_hit) + metric_get(cache_joined);
	int64_t names = metric_get(index_absent);
	int64_t misses = MAX(metric_get(cache_miss) - names, 0);
	double price = (double)s->parts.conf->s3_price / 1e8;

	buf_printf(out,
		   ",\n\"saved\":{\"cache\":%lld,\"misses\":%lld,\"names\":%lld,\"usd\":%.7g},"
		   "\"price_per_1000\":%.7g",
		   (long long)objects, (long long)misses, (long long)names,
		   (double)(objects + misses + names) * price, 1000 * price);
}

/* ---- stores ---- */

static const char *state_of(const struct store *s, const struct last_fault *f)
{
	int64_t answered = atomic_load(&s->answered_ns);

	if (f->at_ns > answered)
		return "failing";
	if (!answered)
		return "new";
	return clock_mono_ns() - answered < UP_NS ? "up" : "silent";
}

static void add_names(const struct server *s, const struct store *store, struct buf *out)
{
	struct name_index_view v;

	if (!cache_look_at_names(flights_cache(s->parts.flights), store, &v) || !v.began_ns)
		buf_puts(out, ",\"names\":null,\"names_age_s\":null}");
	else
		buf_printf(out, ",\"names\":%zu,\"names_age_s\":%lld}", v.names,
			   (long long)((clock_mono_ns() - v.began_ns) / NS_PER_S));
}

static void add_store(const struct server *s, const struct store *store, struct buf *out)
{
	struct last_fault f = last_fault_get(store);
	char date[ISO_DATE_LEN];

	buf_puts(out, "\n{\"name\":");
	api_string(slice_of(store->traits.name), out);
	buf_printf(out, ",\"state\":\"%s\",\"errors\":%lld", state_of(store, &f),
		   (long long)f.count);
	if (f.count) {
		iso_date_format(f.at_s, date);
		buf_puts(out, ",\"last_error\":");
		api_string(slice_of(f.error.msg), out);
		buf_printf(out, ",\"last_error_at\":\"%s\"", date);
	} else {
		buf_puts(out, ",\"last_error\":null,\"last_error_at\":null");
	}
	add_names(s, store, out);
}

struct api_work *api_live(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	const struct server *s = x->server;
	int64_t up_ms = (clock_mono_ns() - s->started_ns) / NS_PER_MS;
	struct buf *out = &ret->text;

	buf_printf(out, "{\"api\":1,\"version\":\"%s\",\"uptime_s\":%lld.%03lld,\n", PEPTO_VERSION,
		   (long long)(up_ms / 1000), (long long)(up_ms % 1000));
	add_number("bytes_in", metric_get(store_bytes), out);
	buf_putc(out, ',');
	add_number("bytes_out", metric_get(client_bytes), out);
	buf_putc(out, ',');
	add_number("store_requests", metric_get(store_requests), out);
	ADD_GROUP(requests, out);
	ADD_GROUP(cut, out);
	add_group("store_answers", answers, ARRAY_LEN(answers), out);
	ADD_GROUP(cache, out);
	add_saved(s, out);
	ADD_GROUP(fills, out);
	ADD_GROUP(decoders, out);
	ADD_GROUP(turned_away, out);
	ADD_GROUP(connections, out);
	buf_printf(out, ",\"connections_max\":%zu,\n\"stores\":[", s->max_connections);
	for (size_t i = 0; i < s->parts.stores->n; i++) {
		buf_puts(out, i ? "," : "");
		add_store(s, s->parts.stores->store[i], out);
	}
	buf_puts(out, "]}\n");
	return NULL;
}
