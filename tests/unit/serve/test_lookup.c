// SPDX-License-Identifier: MIT
/*
 * Which answer comes of which answers. The rule is stated a second time, in expect(), and compared
 * over all combinations and several orders of arrival.
 */
#define ASKED "Foo.pdb/ABCDEF_0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef_0123/foo.pdb"
#include "base/log.h"
#include "lookup_rig.h"
#include "metric/metric.h"
#include "serve/lookup.h"

#include "tap.h"

/* ---- precedence ---- */

struct outcome {
	enum answer_kind kind;
	size_t store;
};

/* The rule: the first of a store's candidates that is no miss speaks for the store. */
static struct outcome expect(const char *const *scripts, const bool *optional, size_t stores)
{
	struct outcome x = {ANSWER_MISS, 0};

	for (size_t i = 0; i < stores; i++) {
		const char *c = scripts[i] + strspn(scripts[i], "M");

		if (*c == 'F')
			return (struct outcome){ANSWER_FOUND, i};
		if (*c == 'X' && !optional[i] && x.kind == ANSWER_MISS)
			x = (struct outcome){ANSWER_FAULT, i};
	}
	return x;
}

static bool combination(const char *const *scripts, const bool *optional, size_t stores,
			enum order order)
{
	struct outcome x = expect(scripts, optional, stores);
	struct world w;
	bool good;

	world_init(&w, stores, "/" ASKED);
	for (size_t i = 0; i < stores; i++)
		w.fake[i].store.traits.optional = optional[i];
	world_start(&w);
	for (size_t i = 0; i < stores; i++)
		play_store(&w, i, scripts[i], order);
	good = w.answered == 1 && w.answer.kind == x.kind;
	if (good && x.kind != ANSWER_MISS)
		good = w.answer.from == w.store[x.store];
	if (good && x.kind == ANSWER_FOUND)
		good = body_is_whole(w.answer.fill);
	world_release(&w);
	good = world_fini(&w) && good;
	if (!good)
		printf("# order %d: %s %s: kind %d, expected %d\n", order, scripts[0], scripts[1],
		       w.answer.kind, x.kind);
	return good;
}

static void test_precedence(void)
{
	static const char *const all[] = {"MM", "MF", "MX", "FM", "FF", "FX", "XM", "XF", "XX"};
	bool good[ORDERS] = {true, true, true};

	for (size_t n = 0; n < ARRAY_LEN(all) * ARRAY_LEN(all) * 2; n++) {
		const char *scripts[2] = {all[n % 9], all[n / 9 % 9]};
		const bool optional[2] = {n / 81 == 1, false};

		for (int order = 0; order < ORDERS; order++)
			good[order] = combination(scripts, optional, 2, (enum order)order) &&
				      good[order];
	}
	CHECK(good[FORWARD], "two stores of two candidates each: the rule decides");
	CHECK(good[BACKWARD], "... and not the order in which they answer");
	CHECK(good[HEADS_FIRST], "... nor that an answer comes while another's body does");
}

/* The candidate that was found is the one that is given: told apart by their ETags. */
static void test_lower_first(void)
{
	struct object_head asked = fake_whole(4, "\"asked\""), lower = fake_whole(4, "\"lower\"");
	struct world w;

	world_init(&w, 1, "/" ASKED);
	world_start(&w);
	CHECK_INT(w.fake[0].started, 2, "both spellings are asked at once");
	fake_head(fake_call(&w.fake[0], ASKED), &asked);
	manual_advance(w.loop, NS_PER_S);
	CHECK_INT(w.answered, 0, "the later one is found: the earlier one may still be");
	fake_head(fake_call(&w.fake[0], LOWER), &lower);
	manual_advance(w.loop, NS_PER_S);
	CHECK_INT(w.answered, 1, "a body that is slow to come is not waited for");
	CHECK_STR(w.answer.head.etag, "\"lower\"", "lower-case comes before as asked");
	CHECK_INT(w.fake[0].cancelled, 1, "the other's transfer ends");
	world_release(&w);
	CHECK_INT(w.fake[0].cancelled, 2, "a release ends the answer's transfer");
	CHECK(world_fini(&w), "and nothing stays behind");
}

/* ---- stores ---- */

static void test_candidates_by_traits(void)
{
	struct world w;

	world_init(&w, 2, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	w.fake[1].store.traits.key_case = CASE_LOWER;
	atomic_store(&w.fake[1].store.tier, TIER_TWO);
	world_start(&w);
	CHECK(w.fake[0].started == 1 && fake_call(&w.fake[0], ASKED),
	      "any case: asked once, as it is");
	fake_done(fake_call(&w.fake[0], NULL), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.fake[1].started == 2 && fake_call(&w.fake[1], "fo/" LOWER) &&
		      fake_call(&w.fake[1], LOWER),
	      "two tiers: with the folder and without");
	world_release(&w);
	CHECK(world_fini(&w), "released while the second store is asked");
}

/* Each store has its share of the budget, and a slow one leaves time for the next. */
static void test_budget(void)
{
	struct world w;

	world_init(&w, 2, "/" ASKED);
	world_start(&w);
	CHECK_INT(fake_call(&w.fake[0], NULL)->read.deadline_ns, MANUAL_START_NS + BUDGET_NS / 2,
		  "two stores: half of the budget for the first");
	manual_advance(w.loop, NS_PER_S);
	fake_done(fake_call(&w.fake[0], LOWER), STORE_FAULT);
	manual_settle(w.loop);
	CHECK_INT(fake_call(&w.fake[1], NULL)->read.deadline_ns, MANUAL_START_NS + BUDGET_NS,
		  "and for the last all that is left");
	world_release(&w);
	CHECK(world_fini(&w), "budget");
}

/* B15: the share of a store that is not asked goes to those that are. */
static void test_passed_over_stores_take_no_time(void)
{
	struct world w;

	world_init(&w, 3, "/" ASKED);
	w.fake[1].store.traits.only = (char *)(uintptr_t) "*.dll";
	w.fake[2].store.traits.loops = true;
	w.request.rules.looped = true;
	world_start(&w);
	CHECK_INT(fake_call(&w.fake[0], NULL)->read.deadline_ns, MANUAL_START_NS + BUDGET_NS,
		  "the only store that is asked has all of the budget");
	play_store(&w, 0, "MM", FORWARD);
	CHECK(w.answer.kind == ANSWER_MISS && !w.fake[1].started && !w.fake[2].started,
	      "and is the only one");
	world_release(&w);
	CHECK(world_fini(&w), "passed over");
}

/* P4: an answer without a length is received although its client may have left: not for ever. */
static void test_spooling_has_an_end(void)
{
	struct object_head head = fake_whole(-1, "\"e\"");
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	world_start(&w);
	fake_head(fake_call(&w.fake[0], NULL), &head);
	for (int s = 0; s < 60; s++) {
		fake_data(fake_call(&w.fake[0], NULL), "x", 1);
		manual_advance(w.loop, NS_PER_S);
	}
	CHECK(w.answered == 0, "longer than the budget, for nothing can be passed on yet");
	manual_advance(w.loop, 20 * NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && w.fake[0].cancelled == 1,
	      "but not without end");
	world_release(&w);
	CHECK(world_fini(&w), "spooling");
}

static void test_breaker(void)
{
	int64_t skipped = metric_get(store_skipped);
	struct world w;

	world_init(&w, 2, "/" ASKED);
	fake_leave_alone(&w.fake[0], QUESTION_SYMBOL);
	world_start(&w);
	CHECK(w.fake[0].started == 0 && w.fake[1].started == 2, "an open breaker: the next store");
	CHECK_INT(metric_get(store_skipped) - skipped, 1, "which is counted");
	play_store(&w, 1, "MM", FORWARD);
	CHECK(w.answer.kind == ANSWER_FAULT && w.answer.from == w.store[0],
	      "but missing is not said while it is left alone");
	world_release(&w);
	ASSERT(world_fini(&w));

	world_init(&w, 1, "/" ASKED);
	breaker_failed(&w.fake[0].store.gate[QUESTION_SYMBOL].breaker, 0, clock_mono_ns(),
		       clock_mono_ns());
	world_start(&w);
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	CHECK_INT(fake_faults(&w.fake[0]), 0, "a miss is an answer: the breaker forgets");
	fake_done(fake_call(&w.fake[0], LOWER), STORE_FAULT);
	CHECK_INT(fake_faults(&w.fake[0]), 1, "a fault counts");
	world_release(&w);
	ASSERT(world_fini(&w));
}

/* P2: what is not the store's failure does not close it to other files. */
static void test_what_spares_the_breaker(void)
{
	static const struct error faults[] = {
		{ERR_BUSY, 0, "a limit of ours is a fault, but not the store's"},
		{ERR_DENIED, 0, "... nor is one file that may not be read"},
		{ERR_CORRUPT, 0, "... nor one that is damaged"},
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct world w;

		world_init(&w, 1, "/" ASKED);
		world_start(&w);
		fake_end(fake_call(&w.fake[0], LOWER), STORE_FAULT, NULL, &faults[i]);
		manual_settle(w.loop);
		CHECK(w.answer.kind == ANSWER_FAULT && fake_faults(&w.fake[0]) == 0, faults[i].msg);
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_precedence();
	test_lower_first();
	test_candidates_by_traits();
	test_budget();
	test_passed_over_stores_take_no_time();
	test_spooling_has_an_end();
	test_breaker();
	test_what_spares_the_breaker();
	return tap_done();
}
