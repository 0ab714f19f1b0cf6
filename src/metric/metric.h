// SPDX-License-Identifier: MIT
/*
 * The program's counters and gauges, declared in metrics.def and exposed as Prometheus text.
 *
 * Each thread adds to a shard of its own, relaxed, so that counting costs no cache line that
 * travels between cores; a reader adds the shards up. A gauge may go up on one thread and down on
 * another. Any thread.
 */
#pragma once
#include "base/buf.h"
#include <stdatomic.h>
#include <stddef.h>

#define METRIC_BOUNDS 13 /* of the histogram */

struct metrics {
#define METRIC(field, name, labels, kind, help) atomic_int_least64_t field;
#include "metric/metrics.def"
#undef METRIC
	atomic_int_least64_t request_bucket[METRIC_BOUNDS + 1], request_ns;
} __attribute__((aligned(64)));

extern _Thread_local struct metrics *metric_mine;
struct metrics *metric_take_shard(void);

static inline struct metrics *metric_shard(void)
{
	return metric_mine ? metric_mine : metric_take_shard();
}

#define metric_add(field, n)                                                                       \
	((void)atomic_fetch_add_explicit(&metric_shard()->field, (n), memory_order_relaxed))
#define metric_inc(field) metric_add(field, 1)
#define metric_dec(field) metric_add(field, -1)

/* The sum over all shards. */
int64_t metric_sum(size_t offset);
#define metric_get(field) metric_sum(offsetof(struct metrics, field))

/* How long requests took until their last byte was handed over; a Prometheus histogram. */
void metric_observe_request(int64_t ns);

/* The whole page: text/plain; version=0.0.4. */
void metric_print(struct buf *out);
