// SPDX-License-Identifier: MIT
/* When a store is left alone, when it is probed meanwhile, and when it is asked again. */
#include "fake_store.h"
#include "manual_loop.h"
#include "tap.h"

struct world {
	struct loop *loop;
	struct store_context ctx;
	struct fake_store fake;
	struct store *store;
};

static const struct error broken = {ERR_NET, 0, "broken"};
static const struct error odd = {ERR_UPSTREAM, 0, "odd"};

static void world_init(struct world *w)
{
	*w = (struct world){.loop = manual_loop()};
	w->ctx = (struct store_context){.loop = w->loop};
	fake_store_init(&w->fake, "fake", &w->ctx);
	w->store = &w->fake.store;
}

static bool fail(struct world *w)
{
	return gate_failed(w->store, QUESTION_SYMBOL, 0, clock_mono_ns());
}

/* Five faults over two seconds. */
static void close_gate(struct world *w)
{
	for (int i = 0; i < BREAKER_FAULTS - 1; i++)
		CHECK(!fail(w), "not yet");
	manual_advance(w->loop, BREAKER_RUN_NS);
	CHECK(fail(w) && !gate_admits(w->store, QUESTION_SYMBOL), "left alone");
	manual_settle(w->loop);
}

static void test_probes(void)
{
	struct world w;

	world_init(&w);
	close_gate(&w);
	CHECK_INT(w.fake.probes, 1, "a probe at once");
	CHECK_INT(w.store->fresh_ns, clock_mono_ns(), "on a connection of its own");
	manual_advance(w.loop, NS_PER_S - 1);
	CHECK_INT(w.fake.probes, 1, "then each second");
	manual_advance(w.loop, 1);
	CHECK_INT(w.fake.probes, 2, "though the first one hangs");
	CHECK_INT(w.store->fresh_ns, clock_mono_ns(), "on another connection");
	manual_advance(w.loop, 5 * NS_PER_S);
	CHECK(w.fake.probes == 4 && w.fake.probed == 4, "a few at a time");
	fake_probed(&w.fake, &broken);
	fake_probed(&w.fake, &broken);
	fake_probed(&w.fake, &broken);
	fake_probed(&w.fake, &broken);
	CHECK(!gate_admits(w.store, QUESTION_SYMBOL), "that fail");
	for (int i = 0; i < 300; i++) {
		manual_advance(w.loop, NS_PER_S);
		fake_probed(&w.fake, &broken);
	}
	CHECK_INT(w.fake.probes, 304, "however long it takes");
	manual_advance(w.loop, NS_PER_S);
	fake_probed(&w.fake, &odd);
	for (int i = 0; i < BREAKER_TRIES; i++)
		CHECK(gate_admits(w.store, QUESTION_SYMBOL), "one that is answered: some may try");
	CHECK(!gate_admits(w.store, QUESTION_SYMBOL), "not all");
	manual_advance(w.loop, 10 * NS_PER_S);
	CHECK_INT(w.fake.probes, 305, "no probes while others try");
	CHECK(gate_answered(w.store, QUESTION_SYMBOL), "a good answer opens it");
	CHECK(!gate_answered(w.store, QUESTION_SYMBOL) && gate_admits(w.store, QUESTION_SYMBOL),
	      "for all");
	loop_free(w.loop);
}

static void test_closed_again(void)
{
	struct world w;

	world_init(&w);
	close_gate(&w);
	fake_probed(&w.fake, &odd);
	for (int i = 0; i < BREAKER_TRIES; i++) {
		CHECK(gate_admits(w.store, QUESTION_SYMBOL), "a try");
		CHECK(!fail(&w), "that fails is no news");
	}
	CHECK(!gate_admits(w.store, QUESTION_SYMBOL), "four: left alone again");
	manual_advance(w.loop, NS_PER_S - 1);
	CHECK_INT(w.fake.probes, 1, "a pause");
	manual_advance(w.loop, 1);
	CHECK_INT(w.fake.probes, 2, "of a second");
	fake_probed(&w.fake, &odd);
	CHECK(gate_admits(w.store, QUESTION_SYMBOL), "and the next may try");
	loop_free(w.loop);
}

/*
 * The keys that a few ask for fail again and again, and nobody else asks meanwhile: a store that tells
 * misses as it should is open to all again with the first probe.
 */
static void test_keys_that_fail(void)
{
	struct world w;

	world_init(&w);
	for (int round = 0; round < 20; round++) {
		close_gate(&w);
		fake_probed(&w.fake, NULL);
		for (int i = 0; i < 3 * BREAKER_TRIES; i++) {
			CHECK(gate_admits(w.store, QUESTION_SYMBOL), "whoever asks");
			if (i < BREAKER_TRIES)
				CHECK(!fail(&w), "though those keys fail first");
		}
		CHECK(!gate_answered(w.store, QUESTION_SYMBOL), "it was not left alone");
	}
	CHECK_INT(w.fake.probes, 20, "one probe each time");
	loop_free(w.loop);
}

/* A store that says 500 to names it does not know, or 200 to all, has no good answer to a probe. */
static void test_odd_answers(void)
{
	static const struct {
		enum err code;
		bool lives;
	} rows[] = {{ERR_UPSTREAM, true}, {ERR_DENIED, true},   {ERR_CORRUPT, true},
		    {ERR_NET, false},     {ERR_TIMEOUT, false}, {ERR_BUSY, false}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct error e = {rows[i].code, 0, "no miss"};
		struct world w;

		world_init(&w);
		close_gate(&w);
		fake_probed(&w.fake, &e);
		CHECK(gate_admits(w.store, QUESTION_SYMBOL) == rows[i].lives,
		      err_name(rows[i].code));
		loop_free(w.loop);
	}
}

static void test_kinds(void)
{
	struct world w;

	world_init(&w);
	close_gate(&w);
	CHECK(gate_admits(w.store, QUESTION_BUILD_ID), "other questions are asked");
	CHECK(!gate_answered(w.store, QUESTION_BUILD_ID) && !gate_admits(w.store, QUESTION_SYMBOL),
	      "whose answers say nothing of these");
	gate_answered(w.store, QUESTION_SYMBOL);
	manual_advance(w.loop, NS_PER_S);
	CHECK_INT(w.fake.probes, 1, "an answer that was on its way ends the probes, too");
	loop_free(w.loop);
}

int main(void)
{
	test_probes();
	test_closed_again();
	test_keys_that_fail();
	test_odd_answers();
	test_kinds();
	return tap_done();
}
