// SPDX-License-Identifier: MIT
/*
 * The program's counters and gauges, declared in metrics.def and exposed as Prometheus text.
 * One relaxed atomic each; any thread.
 */
#pragma once
#include "base/buf.h"
#include <stdatomic.h>

struct metrics {
#define METRIC(field, name, labels, kind, help) atomic_int_least64_t field;
#include "metric/metrics.def"
#undef METRIC
};

extern struct metrics metrics;

#define metric_add(field, n)                                                                       \
	((void)atomic_fetch_add_explicit(&metrics.field, (n), memory_order_relaxed))
#define metric_inc(field) metric_add(field, 1)
#define metric_dec(field) metric_add(field, -1)
#define metric_get(field) atomic_load_explicit(&metrics.field, memory_order_relaxed)

/* How long requests took until their last byte was handed over; a Prometheus histogram. */
void metric_observe_request(int64_t ns);

/* The whole page: text/plain; version=0.0.4. */
void metric_print(struct buf *out);
