// SPDX-License-Identifier: MIT
/*
 * A lookup that only finds out whether the file is there, and tells what each candidate came to: in their order, once each
 * store has been dealt with, and nothing after its release.
 */
#include "base/log.h"
#include "lookup_rig.h"
#include "serve/lookup.h"

#include "tap.h"

#define TWIN "Foo.pdb/ABCDEF0123/Foo.pd_"

static char told[1024];

static void note(void *ud, const struct lookup_note *n)
{
	static const char said[] = {
		[SAID_FOUND] = 'F',     [SAID_MISS] = 'M',       [SAID_DENIED] = 'D',
		[SAID_REFUSED] = 'R',   [SAID_FAULT] = 'X',      [SAID_NO_ANSWER] = '?',
		[SAID_NOT_ASKED] = '-', [SAID_PASSED_OVER] = 'P'};
	struct slice key = n->candidate ? n->candidate->key : SLICE("");
	size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "%s%s:%c%s" SLICE_FMT, at ? " " : "",
		 n->store->traits.name, said[n->said], n->memory ? "m" : "",
		 SLICE_ARG(slice_from(key, slice_rfind(key, '/') + 1)));
	CHECK((n->took_ns > 0) == (n->said != SAID_NO_ANSWER && n->said != SAID_NOT_ASKED &&
				   n->said != SAID_PASSED_OVER && !n->memory),
	      "the time that it took to be answered");
}

static void world_of(struct world *w, size_t stores, const char *target)
{
	world_remembering(w, stores, target);
	one_spelling(w);
	with_twins(w);
	w->client.symsrv = true;
	w->request.head = w->request.presence = true;
	w->request.note = note;
	told[0] = '\0';
}

static void look(struct world *w, const char *target)
{
	told[0] = '\0';
	again(w, target);
}

static void is_there(struct world *w, size_t store, const char *key)
{
	struct store_call *c = fake_call(&w->fake[store], key);
	struct object_head whole = fake_whole(BODY_N, "\"e\""),
			   byte = fake_part(BODY_N, "\"e\"", 0, 0);

	if (c->read.head) {
		fake_head(c, &whole);
		fake_done(c, STORE_FOUND);
	} else {
		CHECK(c->read.ranged && c->read.range.last == 0,
		      "no more than a byte is asked for");
		fake_head(c, &byte);
	}
	manual_settle(w->loop);
}

static void miss(struct world *w, size_t store, const char *key)
{
	fake_done(fake_call(&w->fake[store], key), STORE_MISS);
	manual_settle(w->loop);
}

static void test_a_twin_that_is_there(void)
{
	struct world w;

	for (int packs = 0; packs < 2; packs++) {
		world_of(&w, 1, "/" ASKED);
		w.fake[0].store.packs = packs;
		world_start(&w);
		CHECK(w.fake[0].started == 2 && fake_call(&w.fake[0], TWIN)->read.ranged,
		      "nobody asks for siblings, nor for what has to be unpacked");
		is_there(&w, 0, TWIN);
		CHECK_INT(w.answered, 0, "the plain file comes before it");
		miss(&w, 0, ASKED);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND && !w.answer.fill &&
			      w.answer.head.fd < 0 && w.answer.head.total == (int64_t)BODY_N &&
			      w.answer.from == w.store[0],
		      "that it is there is the answer");
		CHECK_STR(told, "zero:MFoo.pdb zero:FFoo.pd_", "and both are told of");
		CHECK(w.fake[0].started == 2 && !w.fake[0].first, "nothing else is asked for");
		world_release(&w);
		CHECK(world_fini(&w), "a twin");
	}
}

static void test_the_next_store(void)
{
	struct world w;

	world_of(&w, 3, "/" ASKED);
	w.fake[1].store.traits.not = (char *)(uintptr_t) "foo*";
	world_start(&w);
	miss(&w, 0, TWIN);
	fake_done(fake_call(&w.fake[0], ASKED), STORE_FAULT);
	manual_settle(w.loop);
	CHECK_STR(told, "zero:XFoo.pdb zero:MFoo.pd_ one:P",
		  "a fault, and one that is passed over");
	miss(&w, 2, TWIN);
	miss(&w, 2, ASKED);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "a fault is no miss");
	world_release(&w);
	look(&w, "/" ASKED);
	CHECK(w.answered == 0 && fake_call(&w.fake[0], ASKED) && !fake_call(&w.fake[0], TWIN),
	      "what is remembered is not asked for");
	is_there(&w, 0, ASKED);
	CHECK(w.answer.kind == ANSWER_FOUND, "found");
	CHECK_STR(told, "zero:FFoo.pdb zero:MmFoo.pd_", "from memory");
	world_release(&w);
	CHECK(world_fini(&w), "the next store");
}

static void test_all_from_memory(void)
{
	struct world w;

	world_of(&w, 1, "/" ASKED);
	world_start(&w);
	miss(&w, 0, TWIN);
	miss(&w, 0, ASKED);
	world_release(&w);
	look(&w, "/" ASKED);
	CHECK(w.answer.kind == ANSWER_MISS && w.fake[0].started == 2, "nothing is asked for");
	CHECK_STR(told, "zero:MmFoo.pdb zero:MmFoo.pd_", "all is known");
	world_release(&w);
	CHECK(world_fini(&w), "from memory");
}

static void test_what_is_not_waited_for(void)
{
	struct world w;

	world_of(&w, 1, "/" ASKED);
	world_start(&w);
	is_there(&w, 0, ASKED);
	CHECK(w.answer.kind == ANSWER_FOUND, "the first is the answer");
	CHECK_STR(told, "zero:FFoo.pdb zero:?Foo.pd_", "whatever the other one says");
	world_release(&w);
	look(&w, "/" ASKED);
	told[0] = '\0';
	world_release(&w);
	CHECK_STR(told, "", "nothing is told after the release");
	CHECK(world_fini(&w), "not waited for");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_a_twin_that_is_there();
	test_the_next_store();
	test_all_from_memory();
	test_what_is_not_waited_for();
	return tap_done();
}
