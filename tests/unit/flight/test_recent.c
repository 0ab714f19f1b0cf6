// SPDX-License-Identifier: MIT
#include "base/macros.h"
#include "flight/recent.h"

#include "tap.h"

static struct object_id id_of(unsigned n)
{
	return (struct object_id){{(uint8_t)n, (uint8_t)(n >> 8)}};
}

static bool has(const struct recent *r, unsigned n, int64_t now_ns)
{
	struct object_id id = id_of(n);

	return recent_has(r, &id, now_ns);
}

static void note(struct recent *r, unsigned n, int64_t until_ns)
{
	struct object_id id = id_of(n);

	recent_note(r, &id, until_ns);
}

static void test_ends(void)
{
	struct recent *r = xnew(struct recent);
	struct object_id one = id_of(1);

	CHECK(!has(r, 0, 0) && !has(r, 1, 0), "empty, for the identity of zeros too");
	note(r, 1, 100);
	CHECK(has(r, 1, 99) && !has(r, 1, 100) && !has(r, 2, 0), "it is known until then");
	note(r, 1, 200);
	CHECK(has(r, 1, 199) && r->next == 1, "noted again: for longer, in the same place");
	note(r, 1, 50);
	CHECK(!has(r, 1, 50), "or for less");
	note(r, 1, INT64_MAX);
	recent_forget(r, &one);
	recent_forget(r, &one);
	CHECK(!has(r, 1, 0), "or no more");
	free(r);
}

static void test_bound(void)
{
	struct recent *r = xnew(struct recent);

	for (unsigned n = 0; n < RECENT_MAX + 2; n++)
		note(r, n, INT64_MAX);
	CHECK(!has(r, 0, 0) && !has(r, 1, 0), "the oldest go");
	CHECK(has(r, 2, 0) && has(r, RECENT_MAX + 1, 0), "for the newest");
	free(r);
}

int main(void)
{
	test_ends();
	test_bound();
	return tap_done();
}
