// SPDX-License-Identifier: MIT
/* The list of those who wait: order, leaving, waiting again from inside a wake, the limit. */
#include "base/waiters.h"

#include "tap.h"

struct sleeper {
	struct waiter waiter;
	struct waiters *list;
	int woken;
	bool again;             /* wait again when woken */
	struct sleeper *leaves; /* takes another off the list when woken */
};

static struct sleeper *last_woken[8];
static size_t n_woken;

static void wake(struct waiter *w)
{
	struct sleeper *s = (struct sleeper *)w;

	s->woken++;
	if (n_woken < ARRAY_LEN(last_woken))
		last_woken[n_woken++] = s;
	if (s->leaves)
		waiters_remove(s->list, &s->leaves->waiter);
	if (s->again)
		ASSERT(waiters_add(s->list, &s->waiter));
}

static void lie_down(struct waiters *list, struct sleeper *s, size_t n)
{
	n_woken = 0;
	for (size_t i = 0; i < n; i++) {
		s[i].waiter.wake = wake;
		s[i].list = list;
		ASSERT(waiters_add(list, &s[i].waiter));
	}
}

static void test_order(void)
{
	struct waiters list = {0};
	struct sleeper s[3] = {{{0}}};

	waiters_wake(&list);
	lie_down(&list, s, 3);
	waiters_wake(&list);
	CHECK(n_woken == 3 && last_woken[0] == &s[0] && last_woken[2] == &s[2], "woken in order");
	CHECK(list.n == 0 && TAILQ_EMPTY(&list.list), "and nobody stays");
	waiters_wake(&list);
	CHECK_INT(n_woken, 3, "nor is woken again");
}

static void test_leaving(void)
{
	for (size_t who = 0; who < 3; who++) {
		struct waiters list = {0};
		struct sleeper s[4] = {{{0}}};

		lie_down(&list, s, 3);
		waiters_remove(&list, &s[who].waiter);
		waiters_remove(&list, &s[who].waiter);
		lie_down(&list, &s[3], 1);
		waiters_wake(&list);
		CHECK(n_woken == 3 && !s[who].woken && last_woken[2] == &s[3],
		      "one leaves, another comes: both ends hold");
	}
}

static void test_again(void)
{
	struct waiters list = {0};
	struct sleeper s[2] = {{.again = true}, {.again = true}};

	lie_down(&list, s, 2);
	waiters_wake(&list);
	CHECK(s[0].woken == 1 && s[1].woken == 1 && list.n == 2,
	      "who waits again waits for next time");
	waiters_wake(&list);
	CHECK(s[0].woken == 2 && s[1].woken == 2, "which comes");
}

static void test_leaving_from_inside(void)
{
	struct waiters list = {0};
	struct sleeper s[3] = {{{0}}};

	s[0].leaves = &s[1];
	lie_down(&list, s, 3);
	waiters_wake(&list);
	CHECK(!s[1].woken && s[2].woken == 1 && list.n == 0, "one takes the next off the list");
	s[0].leaves = &s[2];
	s[2].woken = 0;
	lie_down(&list, s, 3);
	waiters_wake(&list);
	CHECK(s[1].woken == 1 && !s[2].woken && list.n == 0, "or the last");
}

static void test_leaving_and_again(void)
{
	struct waiters list = {0};
	struct sleeper s[2] = {{.again = true}, {.again = false}};

	s[0].leaves = &s[1];
	lie_down(&list, s, 2);
	waiters_wake(&list);
	CHECK(s[0].woken == 1 && !s[1].woken && list.n == 1,
	      "one takes the other off and waits again");
}

static void test_limit(void)
{
	struct sleeper *s = xzalloc((WAITERS_MAX + 1) * sizeof(*s));
	struct waiters list = {0};

	lie_down(&list, s, WAITERS_MAX);
	CHECK(!waiters_add(&list, &s[WAITERS_MAX].waiter), "not more than the limit");
	waiters_wake(&list);
	CHECK(waiters_add(&list, &s[WAITERS_MAX].waiter), "then again");
	free(s);
}

int main(void)
{
	test_order();
	test_leaving();
	test_again();
	test_leaving_from_inside();
	test_leaving_and_again();
	test_limit();
	return tap_done();
}
