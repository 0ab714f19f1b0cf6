// SPDX-License-Identifier: MIT
/*
 * When a store's ETags are taken for what they look like: three objects that prove otherwise, one
 * that agrees. What a second answer proves is test_landing.c's business.
 */
#include "fake_store.h"
#include "flight/recheck.h"
#include "manual_loop.h"

#include "tap.h"
#include <xxhash.h>

static int told;
static bool told_same;

static void on_told(void *ud, bool same)
{
	told++;
	told_same = same;
}

static void prove(struct fake_store *f, const char *key)
{
	const struct object_head head = fake_whole(4, "\"v1\"");
	struct recheck_request r = {.store = &f->store, .key = slice_of(key), .head = head};
	XXH128_canonical_t own;
	struct recheck *c;

	XXH128_canonicalFromHash(&own, XXH3_128bits("body", 4));
	memcpy(r.own, own.digest, sizeof(r.own));
	told = 0;
	c = recheck_start(&r, on_told, NULL);
	CHECK(!told, "not from inside");
	fake_head(f->first, &head);
	fake_data(f->first, "bo", 2);
	fake_data(f->first, "dy", 2);
	fake_done(f->first, STORE_FOUND);
	CHECK(told == 1 && told_same, key);
	recheck_free(c);
}

int main(void)
{
	struct loop *loop = manual_loop();
	struct store_context ctx = {.loop = loop};
	struct fake_store f;

	fake_store_init(&f, "fake", &ctx);
	for (int i = 0; i < 4; i++)
		prove(&f, "one");
	prove(&f, "two");
	CHECK(!recheck_needless(&f.store), "two objects, however often");
	prove(&f, "three");
	CHECK(recheck_needless(&f.store), "three objects");
	prove(&f, "four");
	CHECK(recheck_needless(&f.store), "or more");
	recheck_agreed(&f.store);
	CHECK(!recheck_needless(&f.store), "one that agrees");
	prove(&f, "five");
	CHECK(!recheck_needless(&f.store), "counts for good");
	recheck_free(NULL);
	loop_free(loop);
	return tap_done();
}
