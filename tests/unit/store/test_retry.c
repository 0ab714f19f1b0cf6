// SPDX-License-Identifier: MIT
/* Pauses grow, are no longer than they may be, and end. */
#include "store/retry.h"

#include "metric/metric.h"
#include "tap.h"

int main(void)
{
	const int64_t now = 1000 * NS_PER_S;
	int64_t at, retries = metric_get(store_retries);

	clock_freeze_mono_ns(now);
	for (unsigned tries = 1; tries < RETRY_TRIES_MAX; tries++) {
		int64_t pause = RETRY_FIRST_PAUSE_NS << tries;
		bool within = true;

		for (int i = 0; i < 100; i++)
			within &= retry_later(tries, INT64_MAX, &at) && at >= now + pause / 2 &&
				  at < now + pause / 2 + pause;
		CHECK(within, "half of the pause to one and a half");
		at = 7;
		CHECK(!retry_later(tries, now + pause / 2, &at) && at == 7,
		      "not where that is too late");
	}
	CHECK_INT(metric_get(store_retries) - retries, 100 * (RETRY_TRIES_MAX - 1), "each counts");
	CHECK(!retry_later(RETRY_TRIES_MAX, INT64_MAX, &at), "four tries, and no more");
	clock_freeze_mono_ns(0);
	return tap_done();
}
