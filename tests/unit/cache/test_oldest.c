// SPDX-License-Identifier: MIT
/* The oldest of many, whatever the order they come in. */
#include "cache/oldest.h"

#include "tap.h"

static struct oldest_object used_at(int64_t t)
{
	return (struct oldest_object){.used_ns = t, .bytes = t * 10};
}

/* Add 0..n-1, each once, in an order that step (coprime to n) makes; expect the `max` oldest. */
static void check_order(int64_t n, int64_t step, size_t max, const char *name)
{
	struct oldest o CLEANUP(oldest_fini);
	bool right = true;

	oldest_init(&o, max);
	for (int64_t i = 0; i < n; i++) {
		struct oldest_object object = used_at(i * step % n);

		oldest_add(&o, &object);
	}
	oldest_sort(&o);
	for (size_t i = 0; i < o.n; i++)
		right &= o.heap[i].used_ns == (int64_t)i && o.heap[i].bytes == (int64_t)i * 10;
	CHECK(right, name);
	CHECK_INT((long long)o.n, (long long)MIN((size_t)n, max), "as many as fit");
	CHECK(o.spilled == ((size_t)n > max), "and it is known whether all did");
}

static void test_equal(void)
{
	struct oldest o CLEANUP(oldest_fini);
	struct oldest_object object = used_at(-7);

	oldest_init(&o, 3);
	for (int i = 0; i < 5; i++)
		oldest_add(&o, &object);
	oldest_sort(&o);
	CHECK(o.n == 3 && o.heap[0].used_ns == -7 && o.heap[2].used_ns == -7, "all of one time");
}

int main(void)
{
	check_order(0, 1, 4, "none");
	check_order(1, 1, 1, "one");
	check_order(2, 1, 1, "one of two, the first");
	check_order(4, 1, 4, "rising, just enough room");
	check_order(5, 1, 4, "rising");
	check_order(5, 4, 4, "falling");
	check_order(1000, 7, 1000, "mixed");
	check_order(1000, 377, 100, "mixed, the heap too small");
	check_order(10000, 7919, 4097, "many");
	test_equal();
	return tap_done();
}
