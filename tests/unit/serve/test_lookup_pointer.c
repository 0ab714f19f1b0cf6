// SPDX-License-Identifier: MIT
/*
 * file.ptr: when it is looked into, where it leads, how often, and what becomes of the answer when it
 * leads nowhere, comes late or not at all.
 */
#include "base/log.h"
#include "forms_rig.h"
#include "lookup_rig.h"

#include "tap.h"
#include <sys/mman.h>

#define PTR     "foo.pdb/abcdef0123/file.ptr"
#define ROOT    "\\\\server\\share\\symbols"
#define TARGET  "builds/7/foo.pdb"
#define POINTS  "PATH:\\\\SERVER\\share\\symbols\\builds\\7\\foo.pdb"
#define OUTSIDE "PATH:\\\\server\\other\\builds\\7\\foo.pdb"

static void world_of(struct world *w, size_t stores, const char *target)
{
	world_cached(w, stores, target);
	one_spelling(w);
	for (size_t i = 0; i < stores; i++)
		w->fake[i].store.traits.ptr = (char *)(uintptr_t)ROOT;
}

static void miss(struct world *w, struct fake_store *f, const char *key)
{
	fake_done(fake_call(f, key), STORE_MISS);
	manual_settle(w->loop);
}

static void there(struct world *w, struct fake_store *f, const char *key)
{
	struct object_head h = fake_part(100, "\"p\"", 0, 0);

	ASSERT(fake_call(f, key)->read.range.last == 0);
	fake_head(fake_call(f, key), &h);
	manual_settle(w->loop);
}

static void give_file(struct world *w, struct fake_store *f, const char *key, struct slice file)
{
	struct store_call *c = fake_call(f, key);
	struct object_head h = fake_whole((int64_t)file.n, "\"e\"");

	fake_head(c, &h);
	fake_data(c, file.p, file.n);
	fake_done(c, STORE_FOUND);
	manual_settle(w->loop);
}

/* Up to the question for the pointer's text. */
static void find_pointer(struct world *w, struct fake_store *f)
{
	there(w, f, PTR);
	miss(w, f, LOWER);
}

/* ---- the way there ---- */

static void test_followed(void)
{
	int64_t counted = metric_get(pointers_followed);
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	CHECK(f->started == 2 && fake_call(f, LOWER) && fake_call(f, PTR)->read.range.last == 0,
	      "the file is asked for, the pointer looked for");
	there(&w, f, PTR);
	CHECK(f->started == 2, "it is there, but perhaps not needed");
	miss(&w, f, LOWER);
	CHECK(f->started == 3 && fake_call(f, PTR) && w.answered == 0, "needed: it is read");
	give_file(&w, f, PTR, SLICE(POINTS));
	CHECK(f->started == 4 && fake_call(f, TARGET) && w.answered == 0, "and followed");
	give_file(&w, f, TARGET, SLICE(BODY));
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND && body_is_whole(w.answer.fill) &&
		      w.answer.from == w.store[0],
	      "to what it points to");
	CHECK_INT(metric_get(pointers_followed) - counted, 1, "which is counted");
	world_release(&w);
	CHECK(world_fini(&w), "followed");
}

/* Both lie in the cache by now. */
static void test_followed_again(void)
{
	int64_t kept = metric_get(fills_kept);
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	find_pointer(&w, f);
	give_file(&w, f, PTR, SLICE(POINTS));
	give_file(&w, f, TARGET, SLICE(BODY));
	world_release(&w);
	ASSERT(MANUAL_UNTIL(w.loop, metric_get(fills_kept) == kept + 2));
	again(&w, "/" LOWER);
	while (fake_call(f, PTR))
		there(&w, f, PTR);
	CHECK(MANUAL_UNTIL(w.loop, w.answered) && w.answer.kind == ANSWER_FOUND &&
		      w.answer.way == ASK_HIT && f->started <= 5 && !fake_call(f, TARGET),
	      "neither the pointer nor its target is fetched again");
	world_release(&w);
	CHECK(world_fini(&w), "followed again");
}

/* A HEAD and a part are of the target; the pointer is read whole. */
static void test_head_and_part(void)
{
	for (int part = 0; part < 2; part++) {
		struct object_head h = fake_whole(BODY_N, "\"e\"");
		struct store_call *c;
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, "/" LOWER);
		f = &w.fake[0];
		w.request.head = !part;
		w.request.part.ranged = part;
		w.request.part.range = (struct range_ask){2, 5};
		world_start(&w);
		there(&w, f, PTR);
		if (part) {
			miss(&w, f, LOWER);
		} else {
			CHECK_INT(fake_call(f, LOWER)->read.range.last, 511,
				  "a HEAD, by its beginning");
			miss(&w, f, LOWER);
		}
		c = fake_call(f, PTR);
		CHECK(c && !c->read.head && c->read.range.first == 0, "the pointer itself is read");
		give_file(&w, f, PTR, SLICE(POINTS));
		c = fake_call(f, TARGET);
		CHECK_INT(c->read.head, !part, "its target as it was asked for");
		fake_head(c, &h);
		if (part)
			fake_data(c, BODY, BODY_N);
		fake_done(c, STORE_FOUND);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND &&
			      w.answer.head.ranged == part && (w.answer.fill != NULL) == part,
		      "and so it is answered");
		world_release(&w);
		CHECK(world_fini(&w), "head and part");
	}
}

/* In a directory the pointer is an open file. */
static void test_local(void)
{
	static const char *const texts[] = {POINTS, OUTSIDE};

	for (int outside = 0; outside < 2; outside++) {
		struct object_head h = fake_whole((int64_t)strlen(texts[outside]), "\"p\"");
		struct store_call *c;
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, "/" LOWER);
		f = &w.fake[0];
		f->store.traits.local = true;
		world_start(&w);
		c = fake_call(f, PTR);
		h.fd = memfd_create("there", MFD_CLOEXEC);
		fake_head(c, &h);
		fake_done(c, STORE_FOUND);
		miss(&w, f, LOWER);
		h.fd = memfd_create("file.ptr", MFD_CLOEXEC);
		ASSERT(write(h.fd, texts[outside], (size_t)h.total) == h.total);
		c = fake_call(f, PTR);
		fake_head(c, &h);
		fake_done(c, STORE_FOUND);
		manual_settle(w.loop);
		CHECK(outside ? w.answered == 1 && w.answer.kind == ANSWER_MISS
			      : w.answered == 0 && fake_call(f, TARGET) != NULL,
		      outside ? "it leads outside: a miss" : "it is read, and followed");
		world_release(&w);
		CHECK(world_fini(&w), "local");
	}
}

/* ---- no way there ---- */

static const struct {
	const char *name, *text;
} nowhere[] = {
	{"another root", OUTSIDE},
	{"a message", "MSG: gone"},
	{"out of the root", "PATH:" ROOT "\\..\\secret"},
	{"the root itself", "PATH:" ROOT},
	{"a drive", "C:\\builds\\7\\foo.pdb"},
	{"nothing to read", " "},
};

/* As if there were no pointer: the next store is asked. */
static void test_nowhere(void)
{
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
		struct world w;

		world_of(&w, 2, "/" LOWER);
		world_start(&w);
		find_pointer(&w, &w.fake[0]);
		give_file(&w, &w.fake[0], PTR, slice_of(nowhere[i].text));
		CHECK(w.answered == 0 && w.fake[0].started == 3 && w.fake[1].started == 2,
		      nowhere[i].name);
		miss(&w, &w.fake[1], LOWER);
		miss(&w, &w.fake[1], PTR);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS,
		      "... and missing there: a miss");
		world_release(&w);
		CHECK(world_fini(&w), "nowhere");
	}
}

/* No pointer is so long: its body is not waited for. */
static void test_too_long(void)
{
	for (int passes = 0; passes < 2; passes++) {
		struct object_head h = fake_whole(INT64_C(1) << 30, "\"e\"");
		struct world w;

		world_of(&w, 2, "/" LOWER);
		if (passes)
			atomic_store(&w.cache->disk_failed_ns, clock_mono_ns());
		world_start(&w);
		find_pointer(&w, &w.fake[0]);
		fake_head(fake_call(&w.fake[0], PTR), &h);
		manual_settle(w.loop);
		CHECK(w.fake[1].started == 2, "too long for a pointer: the next store, at once");
		world_release(&w);
		CHECK(world_fini(&w), "too long");
	}
}

/* What a pointer leads to is looked for in all forms, but is no pointer to be followed again. */
static void test_once(void)
{
	struct world w;

	world_of(&w, 2, "/" LOWER);
	w.fake[0].store.traits.forms = STORE_FORM_CAB;
	world_start(&w);
	miss(&w, &w.fake[0], "foo.pdb/abcdef0123/foo.pd_");
	find_pointer(&w, &w.fake[0]);
	give_file(&w, &w.fake[0], PTR, SLICE(POINTS));
	CHECK(fake_call(&w.fake[0], TARGET) && fake_call(&w.fake[0], "builds/7/foo.pd_") &&
		      !fake_call(&w.fake[0], "builds/7/file.ptr"),
	      "the target and its twin, no other pointer");
	miss(&w, &w.fake[0], "builds/7/foo.pd_");
	miss(&w, &w.fake[0], TARGET);
	CHECK(w.answered == 0 && fake_call(&w.fake[1], LOWER), "both missing: the next store");
	find_pointer(&w, &w.fake[1]);
	give_file(&w, &w.fake[1], PTR, SLICE("PATH:" ROOT "\\other\\foo.pdb"));
	CHECK(fake_call(&w.fake[1], "other/foo.pdb") != NULL, "which has a pointer of its own");
	give_file(&w, &w.fake[1], "other/foo.pdb", SLICE(BODY));
	CHECK(w.answered == 1 && w.answer.from == w.store[1] && body_is_whole(w.answer.fill),
	      "that leads to the file");
	world_release(&w);
	CHECK(world_fini(&w), "once");
}

/* Who asks for file.ptr itself gets it as it is. */
static void test_itself(void)
{
	struct world w;

	world_of(&w, 1, "/" PTR);
	world_start(&w);
	CHECK(w.fake[0].started == 1 && fake_call(&w.fake[0], PTR), "asked for as any file");
	give_file(&w, &w.fake[0], PTR, SLICE(POINTS));
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND && w.fake[0].started == 1,
	      "given, and not followed");
	world_release(&w);
	CHECK(world_fini(&w), "itself");
}

/* ---- failures ---- */

enum failure { NO_POINTER, BROKEN_POINTER, NO_ANSWER, BROKEN_TARGET, FAILURES };

/* A 404 is said only when it is proven. */
static void test_failures(void)
{
	static const char *const names[FAILURES] = {
		"no answer to the question for the pointer", "a pointer that breaks off",
		"no answer to the question for the target", "a target that breaks off"};
	static const struct error broken = {ERR_DENIED, 0, "broken"};

	for (int i = 0; i < FAILURES; i++) {
		struct object_head h = fake_whole(100, "");
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, "/" LOWER);
		f = &w.fake[0];
		world_start(&w);
		find_pointer(&w, f);
		if (i == BROKEN_POINTER) {
			fake_head(fake_call(f, PTR), &h);
			fake_data(fake_call(f, PTR), "PATH:", 5);
		}
		if (i <= BROKEN_POINTER)
			fake_end(fake_call(f, PTR), STORE_FAULT, NULL, &broken);
		else
			give_file(&w, f, PTR, SLICE(POINTS));
		if (i == BROKEN_TARGET) {
			fake_head(fake_call(f, TARGET), &h);
			fake_data(fake_call(f, TARGET), BODY, BODY_N);
		}
		if (i > BROKEN_POINTER)
			fake_end(fake_call(f, TARGET), STORE_FAULT, NULL, &broken);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, names[i]);
		world_release(&w);
		CHECK(world_fini(&w), "failures");
	}
}

/* Somebody else has it fetched already, and it has broken off when we come to it. */
static void test_failed_before(void)
{
	static const struct error broken = {ERR_DENIED, 0, "broken"};
	struct object_head h = fake_whole(100, "");
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	find_pointer(&w, f);
	fake_head(fake_call(f, PTR), &h);
	fake_end(fake_call(f, PTR), STORE_FAULT, NULL, &broken);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "head and failure in one: a fault");
	world_release(&w);
	CHECK(world_fini(&w), "failed before");
}

/* The text trickles in; and does not come in time. */
static void test_slow(void)
{
	struct object_head h = fake_whole((int64_t)strlen(POINTS), "\"p\"");
	struct store_call *c;
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	find_pointer(&w, f);
	c = fake_call(f, PTR);
	fake_head(c, &h);
	for (size_t i = 0; i < strlen(POINTS); i++) {
		manual_advance(w.loop, 10 * NS_PER_MS);
		fake_data(c, &POINTS[i], 1);
	}
	CHECK(w.answered == 0 && !fake_call(f, TARGET), "byte by byte");
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(fake_call(f, TARGET) != NULL, "followed when all is there");
	world_release(&w);
	CHECK(world_fini(&w), "slow");

	world_of(&w, 1, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	find_pointer(&w, f);
	fake_head(fake_call(f, PTR), &h);
	manual_advance(w.loop, BUDGET_NS + NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "not in time: a fault");
	world_release(&w);
	CHECK(world_fini(&w), "too slow");
}

/* ---- identity ---- */

/* What the pointer leads to has to be what was asked for. */
static void test_identity(void)
{
	static const char *const asked[] = {FORMS_PE_KEY, FORMS_PE_OTHER};
	static const char *const pointers[] = {"foo.exe/5F3759DF8000/file.ptr",
					       "foo.exe/5F3759E08000/file.ptr"};
	struct buf pe CLEANUP(buf_fini) = FORMS_BUF;
	char target[64];

	forms_pe(&pe, 1024);
	for (int wrong = 0; wrong < 2; wrong++) {
		struct store_call *c;
		struct object_head h = fake_whole((int64_t)pe.n, "\"e\"");
		struct fake_store *f;
		struct world w;

		snprintf(target, sizeof(target), "/%s", asked[wrong]);
		world_of(&w, 1, target);
		w.flights->settings.verify = true;
		f = &w.fake[0];
		world_start(&w);
		there(&w, f, pointers[wrong]);
		miss(&w, f, asked[wrong]);
		give_file(&w, f, pointers[wrong], SLICE("PATH:" ROOT "\\builds\\7\\foo.exe"));
		c = fake_call(f, "builds/7/foo.exe");
		fake_head(c, &h);
		fake_data(c, pe.p, pe.n);
		if (f->first == c)
			fake_done(c, STORE_FOUND);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == (wrong ? ANSWER_MISS : ANSWER_FOUND),
		      wrong ? "another file: a miss" : "the file that was asked for");
		CHECK(!knows_missing(w.cache, w.store[0], SLICE("builds/7/foo.exe"), NULL),
		      "whose own key is not missing");
		world_release(&w);
		CHECK(world_fini(&w), "identity");
	}
}

/* ---- the end ---- */

static void test_release(void)
{
	for (int point = 0; point < 5; point++) {
		struct object_head h = fake_whole((int64_t)strlen(POINTS), "\"p\"");
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, "/" LOWER);
		f = &w.fake[0];
		world_start(&w);
		if (point > 0)
			find_pointer(&w, f);
		if (point == 2)
			fake_head(fake_call(f, PTR), &h);
		if (point > 2)
			give_file(&w, f, PTR, SLICE(POINTS));
		if (point > 3)
			lookup_abort_all(&w.all);
		world_release(&w);
		CHECK(world_fini(&w), "released at any point, nothing is left");
	}
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_followed();
	test_followed_again();
	test_head_and_part();
	test_local();
	test_nowhere();
	test_too_long();
	test_once();
	test_itself();
	test_failures();
	test_failed_before();
	test_slow();
	test_identity();
	test_release();
	return tap_done();
}
