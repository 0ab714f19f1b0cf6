// SPDX-License-Identifier: MIT
/*
 * A quota: what is taken is not there for others, who wait; nobody waits for more than there is;
 * who is cancelled takes nothing.
 */
#include "base/macros.h"
#include "flight/quota.h"
#include "tap.h"

#define ALL 100

struct taker {
	struct quota *quota;
	int64_t wants, got;
	atomic_bool cancelled, over;
	pthread_t thread;
};

static void *take(void *arg)
{
	struct taker *t = arg;

	t->got = quota_take(t->quota, t->wants, &t->cancelled);
	atomic_store(&t->over, true);
	return NULL;
}

static void start(struct taker *t, struct quota *b, int64_t wants)
{
	*t = (struct taker){.quota = b, .wants = wants};
	ASSERT(pthread_create(&t->thread, NULL, take, t) == 0);
}

static int64_t result(struct taker *t)
{
	ASSERT(pthread_join(t->thread, NULL) == 0);
	return t->got;
}

static void test_taking(void)
{
	struct quota *b = quota_new(ALL);
	atomic_bool never = false, always = true;
	struct taker waits;

	CHECK_INT(quota_take(b, 60, &never), 60, "there is enough");
	CHECK_INT(quota_take(b, 40, &always), 40,
		  "who need not wait is not asked whether he wants to");
	CHECK_INT(quota_take(b, 1, &always), 0, "there is nothing left");
	quota_give(b, 60);
	start(&waits, b, 61);
	quota_give(b, 40);
	CHECK_INT(result(&waits), 61, "what is given back goes to who waits");
	quota_give(b, 61);
	CHECK_INT(quota_take(b, ALL + 1, &never), ALL, "nobody gets more than there is");
	quota_give(b, ALL);
	quota_free(b);
	quota_free(NULL);
}

static void test_cancel(void)
{
	struct quota *b = quota_new(ALL);
	atomic_bool never = false;
	struct taker waits;

	ASSERT(quota_take(b, ALL, &never) == ALL);
	start(&waits, b, 1);
	CHECK(!atomic_load(&waits.over), "it waits");
	atomic_store(&waits.cancelled, true);
	CHECK_INT(result(&waits), 0, "cancelled: nothing is taken");
	quota_give(b, ALL);
	CHECK_INT(quota_take(b, ALL, &never), ALL, "all is there again");
	quota_give(b, ALL);
	quota_free(b);
}

int main(void)
{
	test_taking();
	test_cancel();
	return tap_done();
}
