// SPDX-License-Identifier: MIT
/* What can be said of randomness: its bounds, and that it moves. */
#include "base/random.h"

#include "tap.h"

int main(void)
{
	uint64_t all_or = 0, all_and = UINT64_MAX;
	bool below = true, seen[7] = {false}, all = true;

	for (int i = 0; i < 200; i++) {
		uint64_t v = random_u64();

		all_or |= v;
		all_and &= v;
	}
	CHECK(all_or == UINT64_MAX && all_and == 0, "every bit is sometimes set and sometimes not");
	for (int i = 0; i < 2000; i++) {
		uint64_t v = random_below(7);

		below = below && v < 7;
		seen[v % 7] = true;
	}
	for (int i = 0; i < 7; i++)
		all = all && seen[i];
	CHECK(below && all, "below seven: all seven and nothing else");
	CHECK_INT(random_below(1), 0, "below one: zero");
	return tap_done();
}
