// SPDX-License-Identifier: MIT
/* When stores are probed, and what readiness is made of: fake stores, and time that is told. */
#include "serve/health.h"

#include "base/log.h"
#include "manual_loop.h"

#include "fake_store.h"
#include "tap.h"

struct world {
	struct loop *loop;
	struct store_context ctx;
	struct fake_store fake[2];
	struct store *store[2];
	struct store_list list;
	struct health *health;
};

static const struct error broken = {ERR_NET, 0, "broken"};

static void world_begin(struct world *w, size_t stores, enum store_tier tier)
{
	*w = (struct world){.loop = manual_loop()};
	w->ctx = (struct store_context){.loop = w->loop};
	for (size_t i = 0; i < stores; i++) {
		fake_store_init(&w->fake[i], i ? "one" : "zero", &w->ctx);
		atomic_store(&w->fake[i].store.tier, tier);
		w->store[i] = &w->fake[i].store;
	}
	w->list = (struct store_list){w->store, stores};
	w->health = health_new(w->loop, &w->list);
	health_start(w->health);
	manual_settle(w->loop);
}

static void world_init(struct world *w, size_t stores)
{
	world_begin(w, stores, TIER_UNKNOWN);
}

static void world_fini(struct world *w)
{
	health_free(w->health);
	loop_free(w->loop);
}

/* A real store says so itself before it answers a probe. */
static void probe_ok(struct fake_store *f)
{
	store_alive(&f->store);
	fake_probed(f, NULL);
}

static void test_good_start(void)
{
	struct object_head empty = fake_whole(0, "\"e\"");
	struct store_call *c;
	struct world w;

	world_init(&w, 2);
	CHECK(w.fake[0].probes == 1 && w.fake[1].probes == 1, "all stores are probed at the start");
	CHECK(!health_ready(w.health), "not ready before an answer");
	probe_ok(&w.fake[0]);
	CHECK(health_ready(w.health), "one store that answers is enough");
	c = fake_call(&w.fake[0], "index2.txt");
	CHECK(c && c->read.head, "it is looked at for index2.txt");
	CHECK(!health_two_tier(w.health), "one tier until that is found");
	fake_head(c, &empty);
	fake_done(c, STORE_FOUND);
	CHECK(health_two_tier(w.health) && atomic_load(&w.store[0]->tier) == TIER_TWO,
	      "found, if empty: two tiers");
	probe_ok(&w.fake[1]);
	fake_done(fake_call(&w.fake[1], "index2.txt"), STORE_MISS);
	CHECK_INT(atomic_load(&w.store[1]->tier), TIER_ONE, "missing: one tier");
	health_wait_first(w.health, 0);
	world_fini(&w);
}

/* What a URL says of its store's tiers is not looked for: it holds whatever lies there. */
static void test_tier_told(void)
{
	static const enum store_tier tiers[] = {TIER_ONE, TIER_TWO, TIER_BOTH};

	for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
		struct world w;

		world_begin(&w, 1, tiers[i]);
		probe_ok(&w.fake[0]);
		health_wait_first(w.health, 0);
		CHECK_INT(w.fake[0].started, 0, "index2.txt is not asked for");
		CHECK_INT(atomic_load(&w.store[0]->tier), tiers[i], "the tier stays");
		CHECK_INT(health_two_tier(w.health), tiers[i] == TIER_TWO,
			  "a client is told of two tiers when there is no other way");
		manual_advance(w.loop, HEALTH_QUIET_NS + NS_PER_MS);
		CHECK(w.fake[0].probed, "and it is probed again, as any other");
		world_fini(&w);
	}
}

static void test_quiet(void)
{
	struct world w;

	world_init(&w, 1);
	probe_ok(&w.fake[0]);
	fake_done(fake_call(&w.fake[0], "index2.txt"), STORE_MISS);
	manual_advance(w.loop, HEALTH_QUIET_NS - 1);
	CHECK_INT(w.fake[0].probes, 1, "no probe while it has answered");
	store_alive(w.store[0]);
	manual_advance(w.loop, HEALTH_QUIET_NS - 1);
	CHECK_INT(w.fake[0].probes, 1, "by itself or to a client");
	manual_advance(w.loop, 2 * NS_PER_MS);
	CHECK_INT(w.fake[0].probes, 2, "one when it has been silent");
	manual_advance(w.loop, HEALTH_DEAD_NS - HEALTH_QUIET_NS - 2 * NS_PER_MS);
	CHECK(health_ready(w.health), "ready for as long as it may be alive");
	manual_advance(w.loop, 2 * NS_PER_MS);
	CHECK(!health_ready(w.health), "then no more");
	CHECK_INT(w.fake[0].probes, 2, "a probe that hangs is not asked over");
	probe_ok(&w.fake[0]);
	CHECK(health_ready(w.health) && w.fake[0].started == 1, "back, and its tier is known");
	world_fini(&w);
}

static void test_bad_start(void)
{
	static const int64_t pauses_ms[] = {500, 1000, 2000, 2000, 2000};
	struct world w;

	world_init(&w, 1);
	for (size_t i = 0; i < ARRAY_LEN(pauses_ms); i++) {
		int probes = w.fake[0].probes;

		fake_probed(&w.fake[0], &broken);
		manual_advance(w.loop, pauses_ms[i] * NS_PER_MS - 1);
		CHECK_INT(w.fake[0].probes, probes, "a pause");
		manual_advance(w.loop, 1);
		CHECK_INT(w.fake[0].probes, probes + 1, "that grows, up to two seconds");
	}
	probe_ok(&w.fake[0]);
	fake_done(fake_call(&w.fake[0], NULL), STORE_FAULT);
	CHECK_INT(atomic_load(&w.store[0]->tier), TIER_UNKNOWN, "a tier that could not be told");
	manual_advance(w.loop, HEALTH_QUIET_NS);
	probe_ok(&w.fake[0]);
	CHECK(fake_call(&w.fake[0], "index2.txt"), "is asked for again");
	fake_done(fake_call(&w.fake[0], NULL), STORE_MISS);
	manual_advance(w.loop, HEALTH_QUIET_NS + NS_PER_MS);
	fake_probed(&w.fake[0], &broken);
	manual_advance(w.loop, 500 * NS_PER_MS);
	CHECK(w.fake[0].probed, "and the pauses begin small again");
	world_fini(&w);
}

struct waiting {
	struct health *health;
	pthread_t thread;
	atomic_bool over;
};

static void *wait_first(void *ud)
{
	struct waiting *w = ud;

	health_wait_first(w->health, 3600 * NS_PER_S);
	atomic_store(&w->over, true);
	return NULL;
}

/* The start waits for every store's first word, good or bad. */
static void test_wait_first(void)
{
	struct waiting t = {0};
	struct world w;

	world_init(&w, 2);
	t.health = w.health;
	ASSERT(pthread_create(&t.thread, NULL, wait_first, &t) == 0);
	fake_probed(&w.fake[0], &broken);
	probe_ok(&w.fake[1]);
	CHECK(!atomic_load(&t.over), "until the last has its tier");
	fake_done(fake_call(&w.fake[1], NULL), STORE_MISS);
	pthread_join(t.thread, NULL);
	CHECK(atomic_load(&t.over), "then no longer");
	world_fini(&w);
	health_free(NULL);
}

static void test_wait_at_most(void)
{
	struct world w;

	world_init(&w, 1);
	health_wait_first(w.health, NS_PER_MS);
	CHECK(w.fake[0].probed, "or for as long as one likes");
	world_fini(&w);
	world_init(&w, 0);
	health_wait_first(w.health, 3600 * NS_PER_S);
	CHECK(!health_ready(w.health), "without stores there is nothing to wait for");
	world_fini(&w);
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_good_start();
	test_tier_told();
	test_quiet();
	test_bad_start();
	test_wait_first();
	test_wait_at_most();
	return tap_done();
}
