// SPDX-License-Identifier: MIT
/*
 * Which answer comes of which answers: lookups over stores that the test speaks for, with the loop
 * turned by hand. The rule is stated a second time, in expect(), and compared over all
 * combinations and several orders of arrival.
 */
#include "serve/lookup.h"

#include "base/log.h"
#include "manual_loop.h"
#include "metric/metric.h"

#include "fake_store.h"
#include "tap.h"
#include <fcntl.h>

#define STORES_MAX 3
#define ASKED      "Foo.pdb/ABCDEF0123/Foo.pdb"
#define LOWER      "foo.pdb/abcdef0123/foo.pdb"
#define BODY       "0123456789"
#define BUDGET_NS  (8 * NS_PER_S)

struct world {
	struct loop *loop;
	struct store_context ctx;
	struct fake_store fake[STORES_MAX];
	struct store *store[STORES_MAX];
	struct store_list list;
	struct lookups all;
	struct symbol_path path;
	struct lookup_request request;
	struct lookup *lookup;
	struct answer answer;
	int answered, released;
};

static void answered(void *ud, struct answer *answer)
{
	struct world *w = ud;

	w->answered++;
	w->answer = *answer;
}

static void released(void *ud)
{
	((struct world *)ud)->released++;
}

static void world_init(struct world *w, size_t stores, const char *target)
{
	static const char *const names[STORES_MAX] = {"zero", "one", "two"};
	const struct request_rules rules = {.base_path = SLICE_NONE};

	*w = (struct world){.loop = manual_loop()};
	w->ctx = (struct store_context){.loop = w->loop};
	for (size_t i = 0; i < stores; i++) {
		fake_store_init(&w->fake[i], names[i], &w->ctx);
		w->fake[i].store.traits.key_case = CASE_BOTH;
		w->store[i] = &w->fake[i].store;
	}
	w->list = (struct store_list){w->store, stores};
	ASSERT(request_clean(slice_of(target), &rules, &w->path) == REQUEST_CLEAN);
	w->request = (struct lookup_request){
		.all = &w->all,
		.path = &w->path,
		.stores = &w->list,
		.loop = w->loop,
		.any_path = true,
		.budget_ns = BUDGET_NS,
		.ring_max = FILL_RING_MIN,
	};
	w->answer.head.fd = -1;
}

static void world_start(struct world *w)
{
	w->lookup = lookup_start(&w->request, answered, w);
	manual_settle(w->loop);
}

static void world_release(struct world *w)
{
	lookup_release(w->lookup, released);
	manual_settle(w->loop);
}

/* Everything that was lent is back; leaks are the sanitizer's to find. */
static bool world_fini(struct world *w)
{
	bool clean = w->released == 1 && !w->all.first;

	for (size_t i = 0; i < w->list.n; i++)
		clean = clean && !w->fake[i].first;
	fill_unref(w->answer.fill);
	close_p(&w->answer.head.fd);
	symbol_path_fini(&w->path);
	loop_free(w->loop);
	return clean;
}

static void give_body(struct store_call *c)
{
	struct fake_store *f = c->store;
	int cancelled = f->cancelled;

	fake_data(c, BODY, sizeof(BODY) - 1);
	if (f->cancelled == cancelled)
		fake_done(c, STORE_FOUND);
}

static void give_head(struct store_call *c)
{
	struct object_head head = fake_whole(sizeof(BODY) - 1, "\"e\"");

	fake_head(c, &head);
}

/* ---- precedence ---- */

enum order { FORWARD, BACKWARD, HEADS_FIRST, ORDERS };

static const char *const keys[2] = {LOWER, ASKED};

static void give(struct fake_store *f, const char *script, size_t candidate, bool first_part)
{
	struct store_call *c = fake_call(f, keys[candidate]);

	if (!c)
		return;
	switch (script[candidate]) {
	case 'M':
		if (first_part)
			fake_done(c, STORE_MISS);
		return;
	case 'X':
		if (first_part)
			fake_done(c, STORE_FAULT);
		return;
	case 'F':
		if (first_part)
			give_head(c);
		else
			give_body(c);
		return;
	default: return;
	}
}

static void play_store(struct world *w, size_t i, const char *script, enum order order)
{
	for (size_t n = 0; n < 4; n++) {
		size_t candidate = order == FORWARD ? n / 2 : order == BACKWARD ? 1 - n / 2 : n % 2;
		bool first_part = order == HEADS_FIRST ? n < 2 : n % 2 == 0;

		give(&w->fake[i], script, candidate, first_part);
	}
	manual_settle(w->loop);
}

struct expected {
	enum answer_kind kind;
	size_t store;
};

/* The rule: the first of a store's candidates that is no miss speaks for the store. */
static struct expected expect(const char *const *scripts, const bool *optional, size_t stores)
{
	struct expected x = {ANSWER_MISS, 0};

	for (size_t i = 0; i < stores; i++) {
		const char *c = scripts[i] + strspn(scripts[i], "M");

		if (*c == 'F')
			return (struct expected){ANSWER_FOUND, i};
		if (*c == 'X' && !optional[i] && x.kind == ANSWER_MISS)
			x = (struct expected){ANSWER_FAULT, i};
	}
	return x;
}

static bool body_is_whole(struct fill *f)
{
	char got[32];
	size_t n = 0;

	return fill_read(f, 0, got, sizeof(got), &n) == FILL_DATA && n == sizeof(BODY) - 1 &&
	       memcmp(got, BODY, n) == 0;
}

static bool combination(const char *const *scripts, const bool *optional, size_t stores,
			enum order order)
{
	struct expected x = expect(scripts, optional, stores);
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
		good = strcmp(w.answer.store, w.store[x.store]->traits.name) == 0;
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

struct stores_case {
	const char *name;
	const char *target;
	const char *only, *not ;
	bool is_private, any_path, loops, looped;
	bool asked;
};

static const struct stores_case stores_cases[] = {
	{"plain", "/" ASKED, .asked = true},
	{"only= of its kind", "/" ASKED, .only = "*.PDB", .asked = true},
	{"only= of another kind", "/" ASKED, .only = "*.dll", .asked = false},
	{"not= of its kind", "/" ASKED, .not = "foo.*", .asked = false},
	{"not= of another kind", "/" ASKED, .not = "*.dll", .asked = true},
	{"only= and not=", "/" ASKED, .only = "*.pdb", .not = "f*", .asked = false},
	{"a private store, a symbol", "/" ASKED, .is_private = true, .asked = true},
	{"a private store, another file", "/readme.txt", .is_private = true, .asked = false},
	{"the same, any path", "/readme.txt", .is_private = true, .any_path = true, .asked = true},
	{"a public store, any file", "/readme.txt", .asked = true},
	{"a server that may be us, not looped", "/" ASKED, .loops = true, .asked = true},
	{"a server that may be us, looped", "/" ASKED, .loops = true, .looped = true,
	 .asked = false},
	{"no server, looped", "/" ASKED, .looped = true, .asked = true},
};

static void test_which_stores(void)
{
	for (size_t i = 0; i < ARRAY_LEN(stores_cases); i++) {
		const struct stores_case *c = &stores_cases[i];
		struct world w;

		world_init(&w, 1, c->target);
		w.fake[0].store.traits.only = (char *)(uintptr_t)c->only;
		w.fake[0].store.traits.not = (char *)(uintptr_t)c->not ;
		w.fake[0].store.traits.loops = c->loops;
		w.fake[0].is_private = c->is_private;
		w.request.any_path = c->any_path;
		w.request.looped = c->looped;
		world_start(&w);
		CHECK_INT(w.fake[0].started > 0, c->asked, c->name);
		if (!c->asked)
			CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS,
			      "... which is a miss");
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

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
	w.request.looped = true;
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
	for (int i = 0; i < BREAKER_FAILURES; i++)
		breaker_failed(&w.fake[0].store.breaker, clock_mono_ns());
	world_start(&w);
	CHECK(w.fake[0].started == 0 && w.fake[1].started == 2, "an open breaker: the next store");
	CHECK_INT(metric_get(store_skipped) - skipped, 1, "which is counted");
	play_store(&w, 1, "MM", FORWARD);
	CHECK(w.answer.kind == ANSWER_FAULT && strcmp(w.answer.store, "zero") == 0,
	      "but missing is not said while it is left alone");
	world_release(&w);
	ASSERT(world_fini(&w));

	world_init(&w, 1, "/" ASKED);
	breaker_failed(&w.fake[0].store.breaker, clock_mono_ns());
	world_start(&w);
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	CHECK_INT(w.fake[0].store.breaker.failures, 0, "a miss is an answer: the breaker forgets");
	fake_done(fake_call(&w.fake[0], LOWER), STORE_FAULT);
	CHECK_INT(w.fake[0].store.breaker.failures, 1, "a fault counts");
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
		CHECK(w.answer.kind == ANSWER_FAULT && w.fake[0].store.breaker.failures == 0,
		      faults[i].msg);
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

/* ---- ranges and encodings ---- */

static struct object_head part(int64_t first, int64_t length, int64_t total)
{
	struct object_head h = fake_whole(length, "\"e\"");

	h.total = total;
	h.first = first;
	h.ranged = true;
	return h;
}

static void world_ranged(struct world *w, const char *if_range)
{
	world_init(w, 1, "/" ASKED);
	w->fake[0].store.traits.any_case = true;
	w->request.ranged = true;
	w->request.range = (struct range_ask){2, 5};
	w->request.if_range = if_range;
	world_start(w);
}

static void test_range(void)
{
	struct object_head two_to_five = part(2, 4, 10);
	struct store_call *c;
	struct world w;

	world_ranged(&w, NULL);
	c = fake_call(&w.fake[0], NULL);
	CHECK(c->read.ranged && c->read.range.first == 2 && c->read.range.last == 5,
	      "a range is asked of the store");
	fake_head(c, &two_to_five);
	fake_data(c, "2345", 4);
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FOUND && w.answer.head.ranged && w.answer.head.first == 2,
	      "and given");
	world_release(&w);
	ASSERT(world_fini(&w));

	world_ranged(&w, NULL);
	fake_unsatisfiable(fake_call(&w.fake[0], NULL), 1);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_UNSATISFIABLE && w.answer.head.total == 1, "or lies outside");
	world_release(&w);
	ASSERT(world_fini(&w));
}

static void test_if_range(void)
{
	struct object_head two_to_five = part(2, 4, 10);
	struct world w;

	world_ranged(&w, "\"e\"");
	fake_head(fake_call(&w.fake[0], NULL), &two_to_five);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.answered == 1 && w.answer.head.ranged, "If-Range of this version: the range");
	world_release(&w);
	ASSERT(world_fini(&w));

	world_ranged(&w, "\"other\"");
	fake_head(fake_call(&w.fake[0], NULL), &two_to_five);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && w.fake[0].cancelled == 1 && w.fake[0].started == 2 &&
		      !fake_call(&w.fake[0], NULL)->read.ranged,
	      "If-Range of another version: asked again, whole");
	play_store(&w, 0, "xF", FORWARD);
	CHECK(w.answer.kind == ANSWER_FOUND && !w.answer.head.ranged, "and the whole is given");
	world_release(&w);
	ASSERT(world_fini(&w));

	/* Which version the range lies outside of is not known. */
	world_ranged(&w, "\"e\"");
	fake_unsatisfiable(fake_call(&w.fake[0], NULL), 1);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && fake_call(&w.fake[0], NULL) &&
		      !fake_call(&w.fake[0], NULL)->read.ranged,
	      "a range outside, with If-Range: asked again, whole");
	world_release(&w);
	ASSERT(world_fini(&w));
}

struct encoding_case {
	const char *encoding;
	bool accepts_gzip, ranged;
	int found; /* 1 found, 0 fault, -1 asked again */
};

static const struct encoding_case encodings[] = {
	{"", false, false, 1},     {"gzip", true, false, 1}, {"GZIP", true, false, 1},
	{"gzip", false, false, 0}, {"br", true, false, 0},   {"gzip, gzip", true, false, 0},
	{"gzip", true, true, -1},  {"br", false, true, -1},  {"", false, true, 1},
};

static void test_encoding(void)
{
	for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
		const struct encoding_case *c = &encodings[i];
		struct object_head head = c->ranged ? part(2, 4, 10) : fake_whole(10, "\"e\"");
		struct world w;

		memcpy(head.encoding, c->encoding, strlen(c->encoding) + 1);
		world_ranged(&w, NULL);
		world_release(&w);
		ASSERT(world_fini(&w));
		world_init(&w, 1, "/" ASKED);
		w.fake[0].store.traits.any_case = true;
		w.request.ranged = c->ranged;
		w.request.range = (struct range_ask){2, 5};
		w.request.accepts_gzip = c->accepts_gzip;
		world_start(&w);
		fake_head(fake_call(&w.fake[0], NULL), &head);
		manual_advance(w.loop, NS_PER_S);
		if (c->found < 0)
			CHECK(!w.answered && w.fake[0].started == 2,
			      "encoded and ranged: asked whole");
		else
			CHECK_INT(w.answer.kind, c->found ? ANSWER_FOUND : ANSWER_FAULT,
				  c->encoding[0] ? c->encoding : "not encoded");
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

/* ---- heads and files ---- */

static void test_head(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	w.request.head = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	CHECK(c->read.head, "a HEAD asks for the head");
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FOUND && !w.answer.fill && w.answer.head.length == 10,
	      "and has no body");
	world_release(&w);
	CHECK(world_fini(&w), "head");
}

static void test_files(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;
	int lower, asked;

	world_init(&w, 1, "/" ASKED);
	world_start(&w);
	head.fd = asked = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c = fake_call(&w.fake[0], ASKED);
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	head.fd = lower = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c = fake_call(&w.fake[0], LOWER);
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.head.fd == lower && !w.answer.fill,
	      "a file is handed over");
	CHECK(fcntl(asked, F_GETFD) < 0, "the one that lost is closed");
	world_release(&w);
	CHECK(world_fini(&w) && fcntl(lower, F_GETFD) < 0, "the receiver closes the other");
}

/* ---- small bodies ---- */

static void test_body_fails_early(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;

	world_init(&w, 2, "/" ASKED);
	w.fake[0].store.traits.any_case = w.fake[1].store.traits.any_case = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	fake_head(c, &head);
	fake_data(c, "012", 3);
	fake_done(c, STORE_FAULT);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && w.fake[1].started == 1,
	      "a body that breaks at once: the next store");
	fake_done(fake_call(&w.fake[1], NULL), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FAULT, "and not a miss in the end");
	world_release(&w);
	CHECK(world_fini(&w), "body fails early");
}

/* B4: nobody has been promised a body that broke off before its candidate came to its turn. */
static void test_body_fails_before_it_is_chosen(void)
{
	struct object_head head = fake_whole(10, "");
	struct store_call *c;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	world_start(&w);
	c = fake_call(&w.fake[0], ASKED);
	fake_head(c, &head);
	fake_data(c, "012", 3);
	fake_done(c, STORE_FAULT);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.answered == 0, "the earlier candidate has not spoken");
	fake_done(fake_call(&w.fake[0], LOWER), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "a fault, not an answer cut short");
	world_release(&w);
	CHECK(world_fini(&w), "body fails before it is chosen");
}

static void test_body_fails_late(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct error e;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	fake_head(c, &head);
	manual_advance(w.loop, NS_PER_S);
	fake_done(c, STORE_FAULT);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND && fill_failed(w.answer.fill, &e),
	      "a body that breaks later is an answer cut short");
	world_release(&w);
	CHECK(world_fini(&w), "body fails late");
}

/* ---- letting go ---- */

enum phase { ASKED_FIRST, SETTLING, BETWEEN_STORES, ANSWERED_BODY, ANSWERED_ALL, PHASES };

static void bring_to(struct world *w, enum phase phase)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;

	world_init(w, 2, "/" ASKED);
	w->fake[0].store.traits.any_case = w->fake[1].store.traits.any_case = true;
	world_start(w);
	c = fake_call(&w->fake[0], NULL);
	switch (phase) {
	case ASKED_FIRST: break;
	case SETTLING: fake_head(c, &head); break;
	case BETWEEN_STORES: fake_done(c, STORE_MISS); break;
	case ANSWERED_BODY:
		fake_head(c, &head);
		manual_advance(w->loop, NS_PER_S);
		break;
	case ANSWERED_ALL:
		fake_head(c, &head);
		give_body(c);
		manual_settle(w->loop);
		break;
	case PHASES: break;
	}
}

static void test_release_in_every_phase(void)
{
	static const char *const names[PHASES] = {"asking", "settling", "between stores",
						  "in the body", "at the end"};
	struct world w;

	for (int phase = 0; phase < PHASES; phase++) {
		bring_to(&w, (enum phase)phase);
		lookup_release(w.lookup, released);
		manual_advance(w.loop, NS_PER_S);
		CHECK_INT(w.answered, phase >= ANSWERED_BODY, "no answer after a release");
		CHECK(world_fini(&w), names[phase]);
	}
	world_init(&w, 1, "/" ASKED);
	w.lookup = lookup_start(&w.request, answered, &w);
	lookup_release(w.lookup, released);
	manual_settle(w.loop);
	CHECK(world_fini(&w) && !w.answered, "released before it has begun");
}

static void test_abort_in_every_phase(void)
{
	static const char *const names[PHASES] = {"asking", "settling", "between stores",
						  "in the body", "at the end"};
	struct error e;
	struct world w;

	for (int phase = 0; phase < PHASES; phase++) {
		bring_to(&w, (enum phase)phase);
		lookup_abort_all(&w.all);
		manual_advance(w.loop, NS_PER_S);
		CHECK_INT(w.answered, 1, names[phase]);
		if (phase < ANSWERED_BODY)
			CHECK(w.answer.kind == ANSWER_FAULT && w.answer.error.code == ERR_CANCELED,
			      "aborted: a fault");
		else
			CHECK_INT(fill_failed(w.answer.fill, &e), phase == ANSWERED_BODY,
				  "aborted: a body that runs is broken off");
		world_release(&w);
		CHECK(world_fini(&w), "aborted and released");
	}
	world_init(&w, 1, "/" ASKED);
	lookup_abort_all(&w.all);
	world_start(&w);
	CHECK(w.answered == 1 && w.answer.error.code == ERR_CANCELED && w.fake[0].started == 0,
	      "after an abort nothing is asked any more");
	world_release(&w);
	ASSERT(world_fini(&w));
}

/* A reader that has just made room has posted it when the lookup is aborted. */
/* A6: a request on an open connection in the last moment of a drain starts nothing. */
static void test_start_after_the_abort(void)
{
	struct world w;

	world_init(&w, 1, "/" ASKED);
	lookup_abort_all(&w.all);
	world_start(&w);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && w.fake[0].started == 0,
	      "a fault at once, and no store is asked");
	world_release(&w);
	CHECK(world_fini(&w), "start after the abort");
}

/* A7: the header may be gone when the rest of a body is asked for. */
static void test_via_is_copied(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	char via[] = "1.1 somebody";
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	w.request.via = via;
	w.lookup = lookup_start(&w.request, answered, &w);
	memset(via, '?', sizeof(via) - 1);
	manual_settle(w.loop);
	fake_head(fake_call(&w.fake[0], NULL), &head);
	fake_data(fake_call(&w.fake[0], NULL), "012", 3);
	fake_done(fake_call(&w.fake[0], NULL), STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.fake[0].started == 2, "the rest is asked for");
	CHECK_STR(fake_call(&w.fake[0], NULL)->read.via, "1.1 somebody", "with the same Via");
	world_release(&w);
	CHECK(world_fini(&w), "Via");
}

static void test_abort_with_room_on_its_way(void)
{
	static char block[FILL_RING_MIN], to[FILL_RING_MIN];
	struct object_head head = fake_whole(10 * (int64_t)FILL_RING_MIN, "\"e\"");
	struct store_call *c;
	struct world w;
	size_t n = 0;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	fake_head(c, &head);
	manual_settle(w.loop);
	CHECK(!fake_data(c, block, sizeof(block)), "the buffer is full: the store pauses");
	CHECK_INT(fill_read(w.answer.fill, 0, to, sizeof(to), &n), FILL_DATA,
		  "the reader makes room");
	lookup_abort_all(&w.all);
	manual_settle(w.loop);
	CHECK_INT(w.fake[0].resumed, 0, "which comes too late and touches nothing");
	world_release(&w);
	CHECK(world_fini(&w), "room on its way");
}

/* ---- a reader on a thread of its own, as the server's are ---- */

struct reader {
	struct fill *body;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t changed;
	bool ready; /* under mu */
	int64_t got;
	enum fill_read end;
};

static void reader_ready(void *ud)
{
	struct reader *r = ud;
	LOCK_SCOPE(&r->mu);

	r->ready = true;
	pthread_cond_signal(&r->changed);
}

static void reader_wait(struct reader *r)
{
	LOCK_SCOPE(&r->mu);

	while (!r->ready)
		pthread_cond_wait(&r->changed, &r->mu);
	r->ready = false;
}

static void *read_body(void *ud)
{
	static char to[32 * 1024];
	struct reader *r = ud;
	size_t n = 0;

	for (;;) {
		r->end = fill_read(r->body, r->got, to, sizeof(to), &n);
		if (r->end == FILL_DATA)
			r->got += (int64_t)n;
		else if (r->end != FILL_WAIT)
			return NULL;
		else if (fill_wait(r->body, r->got, reader_ready, r))
			reader_wait(r);
	}
}

/* Stream until so many bytes have been given, going on as the reader makes room. */
static void stream(struct world *w, struct store_call *c, int64_t bytes)
{
	static char block[16 * 1024];
	int resumed = w->fake[0].resumed;

	for (int64_t given = 0; given < bytes; given += (int64_t)sizeof(block)) {
		if (fake_data(c, block, sizeof(block)))
			continue;
		while (w->fake[0].resumed == resumed)
			manual_turn(w->loop, 100);
		resumed = w->fake[0].resumed;
	}
}

static void test_abort_under_a_reader(void)
{
	struct reader r = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct object_head head = fake_whole(INT64_C(1) << 30, "\"e\"");
	struct store_call *c;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	fake_head(c, &head);
	manual_settle(w.loop);
	r.body = w.answer.fill;
	ASSERT(pthread_create(&r.thread, NULL, read_body, &r) == 0);
	stream(&w, c, 2 << 20);
	lookup_abort_all(&w.all);
	manual_settle(w.loop);
	pthread_join(r.thread, NULL);
	CHECK(r.end == FILL_FAILED && r.got <= 2 << 20, "aborted under a reader: it is told");
	world_release(&w);
	CHECK(world_fini(&w), "and what it used was there until it had let go");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_precedence();
	test_lower_first();
	test_which_stores();
	test_candidates_by_traits();
	test_budget();
	test_passed_over_stores_take_no_time();
	test_spooling_has_an_end();
	test_breaker();
	test_what_spares_the_breaker();
	test_range();
	test_if_range();
	test_encoding();
	test_head();
	test_files();
	test_body_fails_early();
	test_body_fails_before_it_is_chosen();
	test_body_fails_late();
	test_release_in_every_phase();
	test_abort_in_every_phase();
	test_start_after_the_abort();
	test_via_is_copied();
	test_abort_with_room_on_its_way();
	test_abort_under_a_reader();
	return tap_done();
}
