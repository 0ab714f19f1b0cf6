// SPDX-License-Identifier: MIT
/* See retry.h. */
#include "store/retry.h"
#include "base/random.h"
#include "metric/metric.h"

static bool pause_until(unsigned tries, unsigned max, int64_t deadline_ns, int64_t *ret_at_ns)
{
	int64_t pause, at;

	if (tries >= max)
		return false;
	pause = RETRY_FIRST_PAUSE_NS << tries;
	at = clock_mono_ns() + pause / 2 + (int64_t)random_below((uint64_t)pause);
	if (at >= deadline_ns)
		return false;
	metric_inc(store_retries);
	*ret_at_ns = at;
	return true;
}

bool retry_later(unsigned tries, int64_t deadline_ns, int64_t *ret_at_ns)
{
	return pause_until(tries, RETRY_TRIES_MAX, deadline_ns, ret_at_ns);
}

bool retry_write_later(unsigned tries, int64_t *ret_at_ns)
{
	return pause_until(tries, RETRY_WRITES_MAX, INT64_MAX, ret_at_ns);
}
