// SPDX-License-Identifier: MIT
/*
 * What a debugger will ask for next is found out in the same round: a missing module costs one. The
 * `_` twin is a candidate of the plain name itself, so that is not answered before the twin is.
 */
#include "base/log.h"
#include "lookup_rig.h"
#include "serve/lookup.h"

#include "tap.h"

#define TWIN "Foo.pdb/ABCDEF0123/Foo.pd_"
#define PTR  "Foo.pdb/ABCDEF0123/file.ptr"

static void test_siblings_cost_one_round(void)
{
	struct world w;

	world_remembering(&w, 1, "/" ASKED);
	one_spelling(&w);
	with_twins(&w);
	w.client.symsrv = true;
	world_start(&w);
	CHECK(w.fake[0].started == 3 && fake_call(&w.fake[0], ASKED) &&
		      fake_call(&w.fake[0], TWIN) && fake_call(&w.fake[0], PTR),
	      "all that will be asked for is asked at once");
	CHECK(!fake_call(&w.fake[0], ASKED)->read.ranged &&
		      fake_call(&w.fake[0], TWIN)->read.ranged &&
		      fake_call(&w.fake[0], TWIN)->read.range.last == 0,
	      "of what is only likely, a byte");
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	manual_settle(w.loop);
	CHECK_INT(w.answered, 0, "the twin may have it");
	fake_done(fake_call(&w.fake[0], TWIN), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS, "nobody waits for the other");
	world_release(&w);
	again(&w, "/" TWIN);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS && w.fake[0].started == 3,
	      "the twin is known to be missing");
	world_release(&w);
	again(&w, "/" PTR);
	CHECK(w.answered == 0 && w.fake[0].started == 3, "file.ptr is on its way");
	fake_done(fake_call(&w.fake[0], PTR), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS && w.fake[0].started == 3,
	      "three misses, three requests, one round");
	world_release(&w);
	CHECK(world_fini(&w), "siblings");
}

/* Both spellings of all three names, whether or not there is a disk to keep them. */
static void test_mixed_case_costs_one_round(void)
{
	static const char *const names[] = {"/" ASKED, "/" TWIN, "/" PTR};
	struct world w;

	for (int disk = 0; disk < 2; disk++) {
		if (disk)
			world_cached(&w, 1, "/" ASKED);
		else
			world_remembering(&w, 1, "/" ASKED);
		with_twins(&w);
		w.client.symsrv = true;
		world_start(&w);
		CHECK_INT(w.fake[0].started, 6, "all spellings are asked at once");
		while (w.fake[0].first)
			fake_done(w.fake[0].first, STORE_MISS);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS, "and are missing");
		world_release(&w);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			again(&w, names[i]);
			CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS, names[i]);
			world_release(&w);
		}
		CHECK_INT(w.fake[0].started, 6, "which is known then");
		CHECK(world_fini(&w), "mixed case");
	}
}

static void test_siblings_are_asked_about_once(void)
{
	struct world w;

	world_remembering(&w, 1, "/" ASKED);
	one_spelling(&w);
	with_twins(&w);
	world_start(&w);
	CHECK_INT(w.fake[0].started, 2, "who does not want file.ptr: the twin only");
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(w.fake[0].started == 3 && fake_call(&w.fake[0], TWIN),
	      "asked again meanwhile: that question runs already");
	fake_done(fake_call(&w.fake[0], TWIN), STORE_MISS);
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(w.fake[0].started == 4 && !fake_call(&w.fake[0], TWIN),
	      "once it is known to be missing, there is none");
	world_release(&w);
	CHECK(world_fini(&w), "asked about once");
}

static void test_sibling_is_there(void)
{
	struct object_head byte = fake_whole(1, "\"t\"");
	struct world w;

	byte.ranged = true;
	byte.total = BODY_N;
	world_remembering(&w, 1, "/" ASKED);
	one_spelling(&w);
	w.client.symsrv = true;
	world_start(&w);
	fake_head(fake_call(&w.fake[0], PTR), &byte);
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_MISS && !w.fake[0].first,
	      "a file.ptr that is there is no answer");
	world_release(&w);
	again(&w, "/" PTR);
	CHECK_INT(w.fake[0].started, 3, "asked for, it is fetched");
	give_head(fake_call(&w.fake[0], PTR));
	give_body(fake_call(&w.fake[0], PTR));
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FOUND && body_is_whole(w.answer.fill), "and found");
	world_release(&w);
	CHECK(world_fini(&w), "a sibling that is there");
}

struct siblings {
	const char *name;
	const char *target, *not ;
	bool local, forgets, is_private;
	int started;
};

static const struct siblings siblings_of[] = {
	{"the twin, which may hold it, and file.ptr", "/" ASKED, .started = 3},
	{"not= of compressed files", "/" ASKED, "*.pd_", .started = 2},
	{"not= of file.ptr", "/" ASKED, "*.ptr", .started = 2},
	{"a private store", "/" ASKED, .is_private = true, .started = 3},
	{"a local store: what may hold it", "/" ASKED, .local = true, .started = 2},
	{"misses are not remembered: the same", "/" ASKED, .forgets = true, .started = 2},
	{"the twin: the plain name and file.ptr", "/" TWIN, .started = 3},
	{"a file that no debugger asks for", "/readme.txt", .started = 1},
	{"file.ptr, which is asked for last", "/" PTR, .started = 1},
};

static void test_which_siblings(void)
{
	for (size_t i = 0; i < ARRAY_LEN(siblings_of); i++) {
		const struct siblings *p = &siblings_of[i];
		struct world w;

		if (p->forgets)
			world_init(&w, 1, p->target);
		else
			world_remembering(&w, 1, p->target);
		one_spelling(&w);
		with_twins(&w);
		w.fake[0].store.traits.not = (char *)(uintptr_t)p->not ;
		w.fake[0].store.traits.local = p->local;
		w.fake[0].is_private = p->is_private;
		w.request.rules.any_path = !p->is_private;
		w.client.symsrv = true;
		world_start(&w);
		CHECK_INT(w.fake[0].started, p->started, p->name);
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_siblings_cost_one_round();
	test_mixed_case_costs_one_round();
	test_siblings_are_asked_about_once();
	test_sibling_is_there();
	test_which_siblings();
	return tap_done();
}
