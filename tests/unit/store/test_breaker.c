// SPDX-License-Identifier: MIT
/* The breaker, with the time told: what each step says, and what it takes to open and to close. */
#include "store/breaker.h"

#include "tap.h"

#define MS INT64_C(1000000)
#define S  (1000 * MS)

enum what { FAILS, WORKS, PROBED, MAY, MAY_NOT };

struct step {
	const char *name;
	int64_t at, asked; /* asked 0: just now */
	enum what what;
	bool says; /* FAILS: it opened; WORKS: it was not closed */
	uint64_t asker;
};

static void play(const struct step *steps, size_t n)
{
	struct breaker b = {0};

	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		bool right = true;

		switch (s->what) {
		case FAILS:
			right = breaker_failed(&b, s->asker, s->asked ? s->asked : s->at, s->at) ==
				s->says;
			break;
		case WORKS: right = breaker_succeeded(&b, s->at) == s->says; break;
		case PROBED: breaker_probed(&b, s->at); break;
		case MAY: right = breaker_allows(&b, s->at); break;
		case MAY_NOT: right = !breaker_allows(&b, s->at); break;
		}
		CHECK(right, s->name);
	}
}

static void test_opening(void)
{
	static const struct step many[] = {
		{"closed at first", 1 * S, 0, MAY},
		{"1", 1 * S, 0, FAILS},
		{"2", 1 * S, 0, FAILS},
		{"3", 1 * S, 0, FAILS},
		{"4", 1 * S, 0, FAILS},
		{"5", 1 * S, 0, FAILS},
		{"6, all in two seconds", 3 * S - 1, 0, FAILS},
		{"however many fail at once, others may go well", 3 * S - 1, 0, MAY},
		{"7, after two seconds without a good answer: open", 3 * S, 0, FAILS, true},
		{"nobody may now", 3 * S, 0, MAY_NOT},
		{"nor later, by itself", 3600 * S, 0, MAY_NOT},
	};
	static const struct step few[] = {
		{"1", 1 * S, 0, FAILS},
		{"2", 3 * S, 0, FAILS},
		{"3", 5 * S, 0, FAILS},
		{"4", 7 * S, 0, FAILS},
		{"four are not enough, however long it takes", 9 * S, 0, MAY},
		{"5: open", 9 * S, 0, FAILS, true},
		{"an answer, to whomever", 9 * S, 0, WORKS, true},
		{"closes it", 9 * S, 0, MAY},
	};
	static const struct step between[] = {
		{"1", 1 * S, 0, FAILS},
		{"2", 2 * S, 0, FAILS},
		{"3", 3 * S, 0, FAILS},
		{"4", 4 * S, 0, FAILS},
		{"a good answer", 5 * S, 0, WORKS},
		{"begins the count anew: 1", 6 * S, 0, FAILS},
		{"2", 7 * S, 0, FAILS},
		{"3", 8 * S, 0, FAILS},
		{"4", 9 * S, 0, FAILS},
		{"which was asked before that answer", 10 * S, 5 * S - 1, FAILS},
		{"does not count", 10 * S, 0, MAY},
		{"5", 10 * S, 5 * S, FAILS, true},
	};

	play(many, ARRAY_LEN(many));
	play(few, ARRAY_LEN(few));
	play(between, ARRAY_LEN(between));
}

/* Open since 9 s. */
#define OPENS                                                                                      \
	{"opens: 1", 1 * S, 0, FAILS}, {"2", 1 * S, 0, FAILS}, {"3", 1 * S, 0, FAILS},             \
		{"4", 1 * S, 0, FAILS},                                                            \
	{                                                                                          \
		"5", 9 * S, 0, FAILS, true                                                         \
	}

static void test_half_open(void)
{
	static const struct step good[] = {
		OPENS,
		{"a probe is answered, at once", 9 * S, 0, PROBED},
		{"one may try", 9 * S, 0, MAY},
		{"two", 9 * S, 0, MAY},
		{"three", 9 * S, 0, MAY},
		{"four", 9 * S, 0, MAY},
		{"no more at a time", 9 * S, 0, MAY_NOT},
		{"three fail", 9 * S + 1, 0, FAILS},
		{"", 9 * S + 1, 0, FAILS},
		{"", 9 * S + 1, 0, FAILS},
		{"one goes well", 9 * S + 2, 0, WORKS, true},
		{"closed", 9 * S + 2, 0, MAY},
		{"for everybody", 9 * S + 2, 0, MAY},
	};
	static const struct step bad[] = {
		OPENS,
		{"a probe", 10 * S, 0, PROBED},
		{"one may try", 10 * S, 0, MAY},
		{"what was asked before says nothing new", 11 * S, 10 * S - 1, FAILS},
		{"", 11 * S, 10 * S - 1, FAILS},
		{"", 11 * S, 10 * S - 1, FAILS},
		{"", 11 * S, 10 * S - 1, FAILS},
		{"another may try", 11 * S, 0, MAY},
		{"one fails", 11 * S, 0, FAILS},
		{"two", 11 * S, 0, FAILS},
		{"three", 11 * S, 0, FAILS},
		{"four: open again", 11 * S, 0, FAILS, true},
		{"nobody", 11 * S, 0, MAY_NOT},
		{"a probe", 12 * S - 1, 0, PROBED},
		{"does not end the pause", 12 * S - 1, 0, MAY_NOT},
		{"late failures change nothing", 12 * S - 1, 0, FAILS},
		{"a probe after a second", 12 * S, 0, PROBED},
		{"does", 12 * S, 0, MAY},
	};
	static const struct step silent[] = {
		OPENS,
		{"a probe", 10 * S, 0, PROBED},
		{"one may try", 10 * S, 0, MAY},
		{"two", 10 * S, 0, MAY},
		{"three", 10 * S, 0, MAY},
		{"four", 10 * S, 0, MAY},
		{"none of them reports back", 11 * S - 1, 0, MAY_NOT},
		{"a second later four others may", 11 * S, 0, MAY},
		{"", 11 * S, 0, MAY},
		{"", 11 * S, 0, MAY},
		{"", 11 * S, 0, MAY},
		{"", 11 * S, 0, MAY_NOT},
		{"another probe is no news", 11 * S, 0, PROBED},
		{"", 11 * S, 0, MAY_NOT},
	};

	play(good, ARRAY_LEN(good));
	play(bad, ARRAY_LEN(bad));
	play(silent, ARRAY_LEN(silent));
}

/* A request asks for up to MAX_QUESTIONS keys, which may all fail. */
static void test_by_request(void)
{
	static const struct step closed[] = {
		{"a request fails", 1 * S, 0, FAILS, .asker = 1},
		{"with all its keys", 1 * S, 0, FAILS, .asker = 1},
		{"", 1 * S, 0, FAILS, .asker = 1},
		{"", 3 * S, 0, FAILS, .asker = 1},
		{"", 4 * S, 0, FAILS, .asker = 1},
		{"", 4 * S, 0, FAILS, .asker = 1},
		{"which is one fault: 1", 9 * S, 0, FAILS, .asker = 1},
		{"2", 9 * S, 0, FAILS, .asker = 2},
		{"3, of nobody", 9 * S, 0, FAILS},
		{"4, of nobody", 9 * S, 0, FAILS},
		{"the second once more", 9 * S, 0, FAILS, .asker = 2},
		{"5: open", 9 * S, 0, FAILS, true, .asker = 3},
		{"", 9 * S, 0, MAY_NOT},
	};
	static const struct step soon[] = {
		{"1", 1 * S, 0, FAILS, .asker = 1},
		{"2", 1 * S, 0, FAILS, .asker = 2},
		{"3", 1 * S, 0, FAILS, .asker = 3},
		{"4", 1 * S, 0, FAILS, .asker = 4},
		{"5, too soon", 2 * S, 0, FAILS, .asker = 5},
		{"6, too soon", 3 * S - 1, 0, FAILS, .asker = 6},
		{"of these five, after two seconds", 3 * S, 0, FAILS, true, .asker = 4},
	};
	static const struct step half_open[] = {
		OPENS,
		{"a probe", 10 * S, 0, PROBED},
		{"one may try", 10 * S, 0, MAY},
		{"two", 10 * S, 0, MAY},
		{"the first fails", 11 * S, 0, FAILS, .asker = 1},
		{"with all its keys", 11 * S, 0, FAILS, .asker = 1},
		{"", 11 * S, 0, FAILS, .asker = 1},
		{"", 11 * S, 0, FAILS, .asker = 1},
		{"", 11 * S, 0, FAILS, .asker = 1},
		{"others may still try", 11 * S, 0, MAY},
		{"two", 11 * S, 0, FAILS, .asker = 2},
		{"three", 11 * S, 0, FAILS, .asker = 3},
		{"four: open again", 11 * S, 0, FAILS, true, .asker = 4},
	};

	play(closed, ARRAY_LEN(closed));
	play(soon, ARRAY_LEN(soon));
	play(half_open, ARRAY_LEN(half_open));
}

static void test_probe_of_a_closed_one(void)
{
	static const struct step steps[] = {
		{"a probe", 1 * S, 0, PROBED},
		{"changes nothing", 1 * S, 0, MAY},
		{"", 1 * S, 0, MAY},
		{"", 1 * S, 0, MAY},
		{"", 1 * S, 0, MAY},
		{"", 1 * S, 0, MAY},
		{"it was not open", 1 * S, 0, WORKS, false},
	};

	play(steps, ARRAY_LEN(steps));
}

int main(void)
{
	test_opening();
	test_half_open();
	test_by_request();
	test_probe_of_a_closed_one();
	return tap_done();
}
