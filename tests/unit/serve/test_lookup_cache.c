// SPDX-License-Identifier: MIT
/*
 * Lookups and the cache: what is known to be missing is not asked for, and one transfer serves all,
 * also those who ask again later.
 */
#include "base/log.h"
#include "lookup_rig.h"
#include "metric/metric.h"
#include "serve/known.h"
#include "serve/lookup.h"

#include "tap.h"

#define OTHER "Bar.pdb/ABCDEF0123/Bar.pdb"

/* ---- misses that are known ---- */

static void test_known_misses(void)
{
	struct world w;

	world_remembering(&w, 2, "/" ASKED);
	w.fake[0].store.traits.not = w.fake[1].store.traits.not = (char *)(uintptr_t) "*_";
	world_miss(&w, 0, LOWER);
	world_start(&w);
	CHECK(w.fake[0].started == 1 && fake_call(&w.fake[0], ASKED),
	      "a candidate that is known to be missing is not asked for");
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && w.fake[1].started == 2, "all missing now: the next store");
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(w.fake[0].started == 1 && w.fake[1].started == 4,
	      "a store that is known to miss all of them is not asked");
	play_store(&w, 1, "MM", FORWARD);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS, "missing in the other, too");
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS && w.fake[1].started == 4,
	      "then nobody is asked any more");
	world_release(&w);
	manual_advance(w.loop, 60 * NS_PER_S);
	again(&w, "/" ASKED);
	CHECK_INT(w.fake[0].started, 3, "until a while has passed");
	world_release(&w);
	CHECK(world_fini(&w), "known misses");
}

/* What it is known to miss, a store that is left alone need not be asked for. */
static void test_known_misses_and_the_breaker(void)
{
	int64_t skipped = metric_get(store_skipped);
	struct world w;

	world_remembering(&w, 2, "/" ASKED);
	world_miss(&w, 0, LOWER);
	world_miss(&w, 0, ASKED);
	fake_leave_alone(&w.fake[0], QUESTION_SYMBOL);
	world_start(&w);
	play_store(&w, 1, "MM", FORWARD);
	CHECK(w.answer.kind == ANSWER_MISS && metric_get(store_skipped) == skipped,
	      "an open breaker does not make a fault of a known miss");
	world_release(&w);
	breaker_probed(&w.fake[0].store.gate[QUESTION_SYMBOL].breaker, clock_mono_ns());
	again(&w, "/" ASKED);
	CHECK_INT(w.fake[0].store.gate[QUESTION_SYMBOL].breaker.tries, 0,
		  "nor does a known miss use up a try");
	world_release(&w);
	CHECK(world_fini(&w), "known misses and the breaker");
}

/* For how many seconds the answer may be kept, a table's resolution aside. */
static int keeps_s(const struct world *w)
{
	return (int)((w->answer.keep_ns + NS_PER_S / 8) / NS_PER_S);
}

/* A miss is made of many, and others may keep it as long as the one that is over first. */
static void test_how_long_a_miss_is_kept(void)
{
	struct world w;

	world_remembering(&w, 2, "/" ASKED);
	w.fake[0].store.traits.not = w.fake[1].store.traits.not = (char *)(uintptr_t) "*_";
	world_miss(&w, 0, LOWER);
	manual_advance(w.loop, 10 * NS_PER_S);
	world_miss(&w, 1, ASKED);
	manual_advance(w.loop, 10 * NS_PER_S);
	world_start(&w);
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	manual_settle(w.loop);
	fake_done(fake_call(&w.fake[1], LOWER), STORE_MISS);
	manual_settle(w.loop);
	CHECK_INT(keeps_s(&w), 40, "one of the first store's is the oldest");
	world_release(&w);
	manual_advance(w.loop, 45 * NS_PER_S);
	again(&w, "/" ASKED);
	fake_done(fake_call(&w.fake[0], LOWER), STORE_MISS);
	manual_settle(w.loop);
	CHECK_INT(keeps_s(&w), 5, "asked again, it is one of the second's");
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(w.answered == 1 && keeps_s(&w) == 5, "also when nobody is asked");
	world_release(&w);
	CHECK(world_fini(&w), "how long a miss is kept");
}

/* What is not remembered here, whatever the reason, is to be kept nowhere. */
static const struct {
	const char *name;
	bool via, looped, remembers_none, purged;
	int64_t store_max_ns;
	int keeps;
} keepers[] = {
	{"a miss", .keeps = 60},
	{"of a store whose word counts for less", .store_max_ns = 2 * NS_PER_S, .keeps = 2},
	{"asked in the name of a server before us", .via = true},
	{"from which the request came", .looped = true},
	{"where none are remembered", .remembers_none = true},
	{"that is older than a purge", .purged = true},
};

static void test_who_may_keep_a_miss(void)
{
	for (size_t i = 0; i < ARRAY_LEN(keepers); i++) {
		struct cache_settings settings = world_settings;
		struct world w;

		settings.miss_ttl_ns = keepers[i].remembers_none ? 0 : 60 * NS_PER_S;
		settings.miss_entries = 1000;
		world_open(&w, 1, "/" OTHER, &settings);
		one_spelling(&w);
		w.fake[0].store.traits.loops = true;
		if (keepers[i].store_max_ns)
			w.fake[0].store.traits.miss_ttl_max_ns = keepers[i].store_max_ns;
		w.request.via = keepers[i].via || keepers[i].looped ? "1.1 other" : NULL;
		w.request.rules.looped = keepers[i].looped;
		world_start(&w);
		if (keepers[i].purged)
			ASSERT(generation_raise_all(w.cache->generations, NULL) == OK);
		if (!keepers[i].looped)
			fake_done(fake_call(&w.fake[0], OTHER), STORE_MISS);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS, keepers[i].name);
		CHECK_INT(keeps_s(&w), keepers[i].keeps, "... may be kept so many seconds");
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

struct proof_row {
	const char *name;
	enum store_result result;
	bool optional;
	enum answer_kind kind;
	bool kept, remembered, briefly; /* kept: by who is told of it */
};

static const struct proof_row proofs[] = {
	{"a miss", STORE_MISS, false, ANSWER_MISS, true, true},
	{"a denied miss", STORE_MISS_DENIED, false, ANSWER_MISS, true, true},
	{"a change that nobody asked about", STORE_CHANGED, false, ANSWER_FAULT, false, false},
	{"a fault", STORE_FAULT, false, ANSWER_FAULT, false, false},
	{"a miss of an optional store", STORE_MISS, true, ANSWER_MISS, true, true},
	{"a fault of an optional store", STORE_FAULT, true, ANSWER_MISS, false, false},
	{"a refused name", STORE_MISS_REFUSED, false, ANSWER_MISS, false, true, true},
	{"a name that an optional store refuses", STORE_MISS_REFUSED, true, ANSWER_MISS, false,
	 true, true},
};

static void test_what_is_remembered(void)
{
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		const struct proof_row *p = &proofs[i];
		struct world w;

		world_remembering(&w, 1, "/" OTHER);
		one_spelling(&w);
		w.fake[0].store.traits.optional = p->optional;
		world_start(&w);
		fake_done(fake_call(&w.fake[0], OTHER), p->result);
		manual_settle(w.loop);
		CHECK(w.answer.kind == p->kind, p->name);
		CHECK(p->kind != ANSWER_MISS ||
			      (p->kept ? keeps_s(&w) == 60 : w.answer.keep_ns == 0),
		      "... is others' to keep, or not");
		CHECK_INT(knows_missing(w.cache, w.store[0], SLICE(OTHER), NULL), p->remembered,
			  p->remembered ? "... is remembered" : "... is not remembered");
		world_release(&w);
		manual_advance(w.loop, FETCH_REFUSED_NS);
		CHECK_INT(knows_missing(w.cache, w.store[0], SLICE(OTHER), NULL),
			  p->remembered && !p->briefly, "... for a moment, or for MISS_TTL");
		ASSERT(world_fini(&w));
	}
}

/* A refusal that is remembered, of the first of two candidates: the answer stays nobody's to keep. */
static void test_known_refusals(void)
{
	struct world w;

	world_remembering(&w, 2, "/" ASKED);
	w.fake[0].store.traits.not = w.fake[1].store.traits.not = (char *)(uintptr_t) "*_";
	world_start(&w);
	fake_done(fake_call(&w.fake[0], LOWER), STORE_MISS_REFUSED);
	fake_done(fake_call(&w.fake[0], ASKED), STORE_FAULT);
	manual_settle(w.loop);
	play_store(&w, 1, "MM", FORWARD);
	CHECK_INT(w.answer.kind, ANSWER_FAULT, "one is refused, of the other one nothing is known");
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(!fake_call(&w.fake[0], LOWER), "what was refused is not asked for again");
	fake_done(fake_call(&w.fake[0], ASKED), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_MISS && !w.answer.keep_ns,
	      "but the miss is nobody's to keep");
	world_release(&w);
	again(&w, "/" ASKED);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS && !w.answer.keep_ns,
	      "also when all of it is known");
	world_release(&w);
	CHECK(world_fini(&w), "known refusals");
}

/* ---- what lies in the cache, but is not proven ---- */

#define TWIN "foo.pdb/abcdef0123/foo.pd_"

static const struct {
	const char *name;
	enum store_result first; /* of the plain file */
	bool silent;             /* it does not answer at all */
	bool elsewhere;          /* what lies there is another store's */
	bool there;              /* it is there */
} unproven[] = {
	{"the one before is missing", STORE_MISS},
	{"its store fails", STORE_FAULT},
	{"it does not answer", .silent = true},
	{"it is there", .there = true},
	{"it is missing in the store before", STORE_MISS, .elsewhere = true},
	{"the store before fails", STORE_FAULT, .elsewhere = true},
	{"it is there in the store before", .elsewhere = true, .there = true},
};

static void test_unproven(void)
{
	for (size_t i = 0; i < ARRAY_LEN(unproven); i++) {
		bool elsewhere = unproven[i].elsewhere;
		struct known_request known;
		struct store_call *c;
		struct world w;

		world_cached(&w, 2, "/" LOWER);
		one_spelling(&w);
		if (!elsewhere)
			with_twins(&w);
		world_keep_as(&w, elsewhere, elsewhere ? LOWER : TWIN,
			      elsewhere ? FORM_STORED : FORM_EXPANDED, "\"kept\"", "");
		known = (struct known_request){
			.flights = w.flights, .stores = &w.list, .rules = w.request.rules};
		CHECK(!known_answer(&known, &w.request.spare), unproven[i].name);
		ASSERT(w.request.spare.kind == ANSWER_FOUND);
		world_start(&w);
		c = fake_call(&w.fake[0], LOWER);
		CHECK(w.fake[0].started == 1 && c,
		      "... it is asked for, and nothing that comes behind what lies there");
		if (unproven[i].silent)
			manual_advance(w.loop, BUDGET_NS + NS_PER_S);
		else if (unproven[i].there)
			play_store(&w, 0, "F", FORWARD);
		else
			fake_done(c, unproven[i].first);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND, "... found");
		CHECK((strcmp(w.answer.head.etag, "\"kept\"") == 0) == !unproven[i].there,
		      "... what lies there, or what is better");
		CHECK(w.answer.from == w.store[elsewhere && !unproven[i].there] &&
			      (w.answer.way == ASK_HIT) == !unproven[i].there,
		      "... from there");
		CHECK_INT(w.fake[1].started, 0, "... and no other store is asked");
		world_release(&w);
		CHECK(world_fini(&w), "nothing stays behind");
	}
}

/* ---- one transfer for all ---- */

/* Somebody else who asks for the same. */
struct guest {
	struct lookup *lookup;
	struct answer answer;
	int answered, released;
};

static void guest_answered(void *ud, struct answer *answer)
{
	struct guest *g = ud;

	g->answered++;
	g->answer = *answer;
}

static void guest_released(void *ud)
{
	((struct guest *)ud)->released++;
}

static void guest_start(struct world *w, struct guest *g)
{
	*g = (struct guest){.answer.head.fd = -1};
	g->lookup = lookup_start(&w->request, guest_answered, g);
	manual_settle(w->loop);
}

static bool guest_leave(struct world *w, struct guest *g)
{
	lookup_release(g->lookup, guest_released);
	manual_settle(w->loop);
	answer_drop(&g->answer);
	return g->released == 1;
}

static void test_joined(void)
{
	int64_t kept = metric_get(fills_kept);
	struct guest g;
	struct world w;

	world_cached(&w, 1, "/" OTHER);
	one_spelling(&w);
	with_twins(&w);
	world_start(&w);
	guest_start(&w, &g);
	CHECK_INT(w.fake[0].started, 2, "asked for twice, asked of the store once; and the twin");
	give_head(fake_call(&w.fake[0], OTHER));
	give_body(fake_call(&w.fake[0], OTHER));
	CHECK(world_until_kept(&w, kept), "it is kept");
	CHECK(w.answer.kind == ANSWER_FOUND && w.answer.way == ASK_FILLED, "found by the first");
	CHECK(g.answer.kind == ANSWER_FOUND && g.answer.way == ASK_JOINED, "joined by the other");
	CHECK(body_is_whole(w.answer.fill) && body_is_whole(g.answer.fill), "both have all of it");
	CHECK(guest_leave(&w, &g), "one leaves");
	world_release(&w);
	CHECK(world_fini(&w), "and the other");
}

/* known.c has looked for the file just before it was there. */
static void test_just_landed(void)
{
	int64_t kept = metric_get(fills_kept);
	char got[4];
	struct world w;

	world_cached(&w, 1, "/" OTHER);
	one_spelling(&w);
	world_start(&w);
	give_head(fake_call(&w.fake[0], OTHER));
	give_body(fake_call(&w.fake[0], OTHER));
	ASSERT(world_until_kept(&w, kept));
	world_release(&w);
	w.request.part = (struct part_ask){.ranged = true, .range = {2, 5}};
	again(&w, "/" OTHER);
	CHECK(w.answered == 1 && w.answer.way == ASK_HIT && w.answer.head.fd >= 0 && !w.answer.fill,
	      "what has landed is given as a file");
	CHECK(w.answer.head.ranged && w.answer.head.length == 4 &&
		      pread(w.answer.head.fd, got, 4, w.answer.head.fd_base + 2) == 4 &&
		      memcmp(got, &BODY[2], 4) == 0,
	      "cut to what is asked");
	CHECK(!fake_call(&w.fake[0], OTHER), "and not asked for again");
	world_release(&w);
	CHECK(world_fini(&w), "just landed");
}

static const struct {
	const char *name;
	struct range_ask range;
	const char *if_range;
	enum answer_kind kind;
	bool ranged;
	int64_t first, length;
} cuts[] = {
	{"a part", {2, 5}, NULL, ANSWER_FOUND, true, 2, 4},
	{"a suffix", {RANGE_UNKNOWN, 3}, NULL, ANSWER_FOUND, true, 7, 3},
	{"If-Range: another version", {2, 5}, "\"f\"", ANSWER_FOUND, false, 0, BODY_N},
	{"behind the end", {10, 12}, NULL, ANSWER_UNSATISFIABLE},
};

static void test_parts_of_a_fill(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct store_call *c;
		struct world w;

		world_cached(&w, 1, "/" OTHER);
		one_spelling(&w);
		w.request.part = (struct part_ask){true, cuts[i].range, cuts[i].if_range};
		world_start(&w);
		c = fake_call(&w.fake[0], OTHER);
		CHECK(c->read.ranged && c->read.range.first == 0 &&
			      c->read.range.last == world_flying.fetch_block - 1,
		      "the store is asked for the whole, from its first block on");
		give_head(c);
		give_body(c);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == cuts[i].kind, cuts[i].name);
		if (cuts[i].kind == ANSWER_FOUND)
			CHECK(w.answer.head.ranged == cuts[i].ranged &&
				      w.answer.head.length == cuts[i].length &&
				      w.answer.fill_offset == cuts[i].first &&
				      body_is_whole(w.answer.fill),
			      "... of these bytes");
		else
			CHECK(w.answer.head.total == BODY_N && !w.answer.fill, "... of this size");
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

/* ---- time ---- */

static void test_no_patience(void)
{
	struct world w;

	world_cached(&w, 1, "/readme.txt");
	one_spelling(&w);
	world_start(&w);
	manual_advance(w.loop, BUDGET_NS + NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && !w.answer.working,
	      "no answer in time: a fault");
	CHECK_INT(fake_faults(&w.fake[0]), 0,
		  "but whose, a store says itself, which has its deadline");
	world_release(&w);
	CHECK(world_fini(&w), "no patience");
}

static void test_patience(void)
{
	int64_t kept = metric_get(fills_kept);
	struct store_call *c;
	struct world w;

	world_cached(&w, 1, "/readme.txt");
	one_spelling(&w);
	w.request.patient = true;
	w.request.budget_ns = NS_PER_S;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	CHECK(c->read.patient && c->read.deadline_ns > MANUAL_START_NS + 60 * NS_PER_S,
	      "the store has more time than the client");
	manual_advance(w.loop, 2 * NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && w.answer.working,
	      "no answer in time: it is being worked on");
	CHECK_INT(fake_faults(&w.fake[0]), 0, "and nobody's fault");
	world_release(&w);
	CHECK(fake_call(&w.fake[0], NULL) == c, "it goes on");
	again(&w, "/readme.txt");
	give_head(c);
	give_body(c);
	CHECK(world_until_kept(&w, kept) && w.fake[0].started == 1 && w.answered == 1 &&
		      w.answer.way == ASK_JOINED,
	      "who asks again has it, by the same request");
	world_release(&w);
	CHECK(world_fini(&w), "patience");
}

/* Without a disk nothing goes on that could be joined. */
static void test_patience_without_a_disk(void)
{
	struct world w;

	world_remembering(&w, 1, "/readme.txt");
	one_spelling(&w);
	w.request.patient = true;
	world_start(&w);
	manual_advance(w.loop, BUDGET_NS + NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && !w.answer.working,
	      "without a disk nothing is being worked on");
	world_release(&w);
	CHECK(world_fini(&w), "patience without a disk");
}

/* Who is told that it is being worked on asks again; a fault that was quick is no such thing. */
static void test_patience_and_faults(void)
{
	struct world w;

	world_cached(&w, 1, "/readme.txt");
	one_spelling(&w);
	w.request.patient = true;
	world_start(&w);
	fake_done(fake_call(&w.fake[0], NULL), STORE_FAULT);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && !w.answer.working,
	      "a store that fails is not at work");
	world_release(&w);
	CHECK(world_fini(&w), "patience and faults");
}

/* What an optional store still worked on was told as a plain miss: nobody came back for it. */
static void test_patience_of_an_optional_store(void)
{
	struct world w;

	world_cached(&w, 2, "/readme.txt");
	one_spelling(&w);
	w.fake[0].store.traits.optional = true;
	w.request.patient = true;
	w.request.budget_ns = 2 * NS_PER_S;
	world_start(&w);
	manual_advance(w.loop, NS_PER_S + NS_PER_S / 2);
	fake_done(fake_call(&w.fake[1], NULL), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT && w.answer.working,
	      "missing elsewhere, but an optional store is at work");
	world_release(&w);
	CHECK(w.fake[0].first && w.fake[0].cancelled == 0, "and goes on");
	fake_done(w.fake[0].first, STORE_MISS);
	CHECK(world_fini(&w), "patience of an optional store");
}

/* '+' and space, two cases, two tiers, the twin: more keys than one request may ask for. */
static void test_bound(void)
{
	int64_t cut = metric_get(refused_questions);
	int total = 0;
	struct world w;

	world_remembering(&w, 1, "/A+b c.pdb/ABCDEF0123/A+b c.pdb");
	with_twins(&w);
	w.client.symsrv = true;
	w.request.max_questions = 4;
	for (int requests = 0;; requests++) {
		int before = w.fake[0].started;

		world_start(&w);
		while (fake_call(&w.fake[0], NULL)) {
			fake_done(fake_call(&w.fake[0], NULL), STORE_MISS);
			manual_settle(w.loop);
		}
		ASSERT(w.answered == 1 && w.answer.kind == ANSWER_MISS && requests < 20);
		total = w.fake[0].started;
		if (total == before)
			break;
		CHECK(total - before <= 4, "never more than that");
		CHECK((w.answer.keep_ns == 0) == (metric_get(refused_questions) > cut),
		      "a miss that is not proven is for nobody to keep, and is counted");
		cut = metric_get(refused_questions);
		world_release(&w);
		world_forget(&w);
	}
	CHECK(total >= 12 && w.answer.keep_ns > 0, "each goes on from there, until all is known");
	world_release(&w);
	CHECK(world_fini(&w), "bound");

	world_remembering(&w, 1, "/A+b c.pdb/ABCDEF0123/A+b c.pdb");
	with_twins(&w);
	w.fake[0].store.traits.local = true;
	w.request.max_questions = 4;
	world_start(&w);
	CHECK(w.fake[0].started > 4, "a local store is asked for all");
	world_release(&w);
	CHECK(world_fini(&w), "no bound");
}

/* Answer all with misses; returns what was asked for, in order. */
static struct buf all_missing(struct world *w)
{
	struct buf asked = BUF_MAX(4096);

	world_start(w);
	while (fake_call(&w->fake[0], NULL)) {
		buf_add(&asked, fake_call(&w->fake[0], NULL)->read.key);
		buf_putc(&asked, '\n');
		fake_done(fake_call(&w->fake[0], NULL), STORE_MISS);
		manual_settle(w->loop);
	}
	CHECK(w->answered == 1 && w->answer.kind == ANSWER_MISS, "all missing");
	world_release(w);
	world_forget(w);
	return asked;
}

/* Where a request was cut holds for the next one as long as the misses before it do. */
static void test_bound_begins_anew(void)
{
	enum between { NOTHING, PURGE, EPOCH, CHECKSUM, VIA, BETWEEN };
	static const char *const names[BETWEEN] = {"nothing in between", "a purge",
						   "the store's misses no longer count",
						   "another SymbolChecksum", "another Via"};

	for (enum between i = NOTHING; i < BETWEEN; i++) {
		struct buf first CLEANUP(buf_fini), second CLEANUP(buf_fini);
		struct error e = {OK, 0, ""};
		struct world w;

		world_remembering(&w, 1, "/A+b c.pdb/ABCDEF0123/A+b c.pdb");
		with_twins(&w);
		w.fake[0].store.traits.checksums = w.fake[0].store.traits.loops = true;
		w.request.max_questions = 4;
		w.request.via = i == VIA ? "1.1 a" : NULL;
		first = all_missing(&w);
		if (i == PURGE)
			cache_outdate_all(w.cache, &e);
		if (i == EPOCH)
			atomic_fetch_add(&w.fake[0].store.epoch, 1);
		w.client.checksum = i == CHECKSUM ? "SHA256:ab" : NULL;
		w.request.via = i == VIA ? "1.1 b" : NULL;
		second = all_missing(&w);
		CHECK(first.n && second.n &&
			      slice_eq(buf_slice(&first), buf_slice(&second)) == (i != NOTHING),
		      names[i]);
		CHECK(world_fini(&w), "bound begins anew");
	}
}

/* ---- a local file for a moment ---- */

/* For a second from when it was asked for, if all before it is known to be missing for so long. */
static void test_hot_local(void)
{
	static const struct {
		const char *what, *before; /* what the store before it says */
		int64_t known_ns; /* of LOWER, that comes before the file, for so long; 0: nothing */
		int64_t later_ns; /* the answer comes */
		int64_t changed_ns;
		int64_t least_ns, most_ns;
	} t[] = {
		{"at once", "MM", 0, 0, 7, NS_PER_S, NS_PER_S},
		{"asked a while ago", "MM", 0, 300 * NS_PER_MS, 7, 700 * NS_PER_MS,
		 700 * NS_PER_MS},
		{"asked too long ago", "MM", 0, NS_PER_S, 7, 0, 0},
		{"it may not stay open", "MM", 0, 0, 0, 0, 0},
		{"a store before it has failed", "XX", 0, 0, 7, 0, 0},
		{"the name before it is to be asked for soon", "MM", 500 * NS_PER_MS, 0, 7, 1,
		 500 * NS_PER_MS},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct object_head head = fake_whole(BODY_N, "\"e\"");
		struct world w;

		world_remembering(&w, 2, "/" ASKED);
		head.changed_ns = t[i].changed_ns;
		if (t[i].known_ns) {
			world_miss(&w, 1, LOWER);
			manual_advance(w.loop, 60 * NS_PER_S - t[i].known_ns);
		}
		world_start(&w);
		play_store(&w, 0, t[i].before, FORWARD);
		if (!t[i].known_ns)
			fake_done(fake_call(&w.fake[1], LOWER), STORE_MISS);
		manual_advance(w.loop, t[i].later_ns);
		fake_head(fake_call(&w.fake[1], ASKED), &head);
		fake_data(fake_call(&w.fake[1], ASKED), BODY, BODY_N);
		fake_done(fake_call(&w.fake[1], ASKED), STORE_FOUND);
		manual_settle(w.loop);
		CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND, t[i].what);
		CHECK(w.answer.hot_ns >= t[i].least_ns && w.answer.hot_ns <= t[i].most_ns,
		      "for so long");
		world_release(&w);
		CHECK(world_fini(&w), "clean");
	}
}

int main(void)
{
	test_hot_local();
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_known_misses();
	test_known_misses_and_the_breaker();
	test_what_is_remembered();
	test_how_long_a_miss_is_kept();
	test_who_may_keep_a_miss();
	test_known_refusals();
	test_unproven();
	test_joined();
	test_just_landed();
	test_parts_of_a_fill();
	test_no_patience();
	test_patience();
	test_patience_without_a_disk();
	test_patience_and_faults();
	test_patience_of_an_optional_store();
	test_bound();
	test_bound_begins_anew();
	return tap_done();
}
