// SPDX-License-Identifier: MIT
/* The breaker, with the time told: what each step says, and how long the pauses are. */
#include "store/breaker.h"

#include "tap.h"

#define S INT64_C(1000000000)

enum what { FAILS, WORKS, MAY, MAY_NOT };

static const struct {
	const char *name;
	int64_t at;
	enum what what;
	bool says; /* FAILS: it opened; WORKS: it was open */
} steps[] = {
	{"closed at first", 1 * S, MAY, false},
	{"one failure", 1 * S, FAILS, false},
	{"an answer", 1 * S, WORKS, false},
	{"the count begins anew: 1", 1 * S, FAILS, false},
	{"2", 1 * S, FAILS, false},
	{"3", 1 * S, FAILS, false},
	{"4", 1 * S, FAILS, false},
	{"four in a row are not enough", 1 * S, MAY, false},
	{"5: open", 1 * S, FAILS, true},
	{"nobody may now", 1 * S, MAY_NOT, false},
	{"a late failure changes nothing", 1 * S + 1, FAILS, false},
	{"nor does the time, before the pause is over", 2 * S - 1, MAY_NOT, false},
	{"after a second one may try", 2 * S, MAY, false},
	{"one", 2 * S, MAY_NOT, false},
	{"which fails: open again", 2 * S + 5, FAILS, true},
	{"for two seconds", 4 * S + 4, MAY_NOT, false},
	{"then one may try", 4 * S + 5, MAY, false},
	{"and never reports back", 6 * S + 4, MAY_NOT, false},
	{"a pause later another may", 6 * S + 5, MAY, false},
	{"an answer closes", 6 * S + 5, WORKS, true},
	{"everyone may", 6 * S + 5, MAY, false},
	{"as before", 6 * S + 5, MAY, false},
	{"and the count is zero", 6 * S + 5, FAILS, false},
};

static void test_steps(void)
{
	struct breaker b = {0};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		switch (steps[i].what) {
		case FAILS:
			CHECK(breaker_failed(&b, steps[i].at) == steps[i].says, steps[i].name);
			break;
		case WORKS: CHECK(breaker_succeeded(&b) == steps[i].says, steps[i].name); break;
		case MAY: CHECK(breaker_allows(&b, steps[i].at), steps[i].name); break;
		case MAY_NOT: CHECK(!breaker_allows(&b, steps[i].at), steps[i].name); break;
		}
	}
}

static void test_pauses(void)
{
	static const int64_t seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	struct breaker b = {0};
	int64_t now = 7;

	for (int i = 1; i < BREAKER_FAILURES; i++)
		breaker_failed(&b, now);
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		bool good = breaker_failed(&b, now) &&
			    !breaker_allows(&b, now + seconds[i] * S - 1);

		now += seconds[i] * S;
		CHECK(good && breaker_allows(&b, now), "pauses double, up to a minute");
	}
}

int main(void)
{
	test_steps();
	test_pauses();
	return tap_done();
}
