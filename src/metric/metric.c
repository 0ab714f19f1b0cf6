// SPDX-License-Identifier: MIT
/* See metric.h. The page is printed from the same table that declares the counters. */
#include "metric/metric.h"
#include "base/clock.h"

/* More threads than shards share some. */
#define SHARDS 8

static struct metrics shards[SHARDS];
static atomic_uint taken;
_Thread_local struct metrics *metric_mine;

struct metrics *metric_take_shard(void)
{
	metric_mine = &shards[atomic_fetch_add(&taken, 1) % SHARDS];
	return metric_mine;
}

int64_t metric_sum(size_t offset)
{
	int64_t sum = 0;

	for (size_t i = 0; i < SHARDS; i++) {
		atomic_int_least64_t *value = (void *)((char *)&shards[i] + offset);

		sum += atomic_load_explicit(value, memory_order_relaxed);
	}
	return sum;
}

enum kind { COUNTER, GAUGE };

static const struct row {
	const char *name, *labels, *help;
	enum kind kind;
	size_t offset;
} rows[] = {
#define METRIC(field, name, labels, kind, help)                                                    \
	{name, labels, help, kind, offsetof(struct metrics, field)},
#include "metric/metrics.def"
#undef METRIC
};

static const int64_t bounds_ms[METRIC_BOUNDS] = {1,   2,   5,    10,   20,   50,   100,
						 200, 500, 1000, 3000, 8000, 30000};

void metric_observe_request(int64_t ns)
{
	size_t i = 0;

	while (i < METRIC_BOUNDS && ns > bounds_ms[i] * NS_PER_MS)
		i++;
	metric_inc(request_bucket[i]);
	metric_add(request_ns, ns);
}

static int64_t bucket(size_t i)
{
	return metric_sum(offsetof(struct metrics, request_bucket) +
			  i * sizeof(atomic_int_least64_t));
}

static void print_histogram(struct buf *out)
{
	int64_t count = 0;

	buf_puts(out, "# HELP pepto_request_seconds Time from request to last byte.\n"
		      "# TYPE pepto_request_seconds histogram\n");
	for (size_t i = 0; i < METRIC_BOUNDS; i++) {
		count += bucket(i);
		buf_printf(out, "pepto_request_seconds_bucket{le=\"%lld.%03lld\"} %lld\n",
			   (long long)(bounds_ms[i] / 1000), (long long)(bounds_ms[i] % 1000),
			   (long long)count);
	}
	count += bucket(METRIC_BOUNDS);
	buf_printf(out,
		   "pepto_request_seconds_bucket{le=\"+Inf\"} %lld\n"
		   "pepto_request_seconds_sum %.6f\npepto_request_seconds_count %lld\n",
		   (long long)count, (double)metric_get(request_ns) / 1e9, (long long)count);
}

/* Questions to stores for each miss: below 1 when most misses are remembered. */
static void print_miss_cost(struct buf *out)
{
	int64_t asked = metric_get(store_missing), told = metric_get(requests_miss);

	buf_printf(out,
		   "# HELP pepto_s3_requests_per_miss Misses that stores told, for each that a "
		   "client was told.\n"
		   "# TYPE pepto_s3_requests_per_miss gauge\npepto_s3_requests_per_miss %.4f\n",
		   told ? (double)asked / (double)told : 0.0);
}

void metric_print(struct buf *out)
{
	const char *last = "";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		if (strcmp(last, r->name) != 0)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name,
				   r->kind == COUNTER ? "counter" : "gauge");
		last = r->name;
		buf_printf(out, r->labels[0] ? "%s{%s} " : "%s%s ", r->name, r->labels);
		buf_printf(out, "%lld\n", (long long)metric_sum(r->offset));
	}
	print_miss_cost(out);
	print_histogram(out);
	buf_printf(out,
		   "# HELP pepto_build_info Version of the program.\n"
		   "# TYPE pepto_build_info gauge\npepto_build_info{version=\"%s\"} 1\n",
		   PEPTO_VERSION);
}
