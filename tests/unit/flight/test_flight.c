// SPDX-License-Identifier: MIT
/*
 * Who takes a seat and what he is told: one question for all who spell a key alike, one body for
 * all; leaving, failing, being declined; presence; what has landed and what was purged meanwhile. How
 * the bytes come is test_part.c's business, what becomes of them test_landing.c's.
 */
#include "base/text.h"
#include "cache_rig.h"
#include "metric/metric.h"

#include "symfmt/msfz.h"

#include "tap.h"

#define SMALL 10
#define MI    (INT64_C(1) << 20)
#define HUGE  (INT64_C(200) << 20) /* more than FINISH_BYTES of flight.c */

/* The first answer: a block of an object of this size, without its bytes. */
static struct store_call *give_head(struct cache_rig *r, int64_t total)
{
	struct store_call *c = fake_call(&r->store, NULL);
	struct object_head head = fake_part(total, RIG_ETAG, 0, MIN(total, RIG_BLOCK) - 1);

	fake_head(c, &head);
	return c;
}

static void give_small(struct cache_rig *r)
{
	rig_answer(r, fake_call(&r->store, NULL), SMALL);
}

/* ---- joining ---- */

static void test_join(void)
{
	static const char *const keys[] = {"a/B/c", "a/b/C", "A/B/C"};
	int64_t started = metric_get(fills_started), kept = metric_get(fills_kept);
	struct passenger p[3] = {0};
	struct cache_rig r;
	bool good = true;

	cache_rig_new(&r);
	r.store.store.traits.folds = r.store.store.traits.folds_all = true;
	for (int i = 0; i < 3; i++)
		good = good && rig_take(&r, keys[i], &p[i]) == SEATED &&
		       p[i].seat.first == (i == 0);
	CHECK(good && r.store.started == 1, "a store for which case is nothing: one question");
	CHECK_SLICE(fake_call(&r.store, NULL)->read.key, "a/B/c", "spelled as the first one does");
	give_small(&r);
	for (int i = 0; i < 3; i++)
		good = good && p[i].told == 1 && p[i].result == FETCH_FOUND &&
		       p[i].head.total == SMALL && p[i].head.length == SMALL && !p[i].head.ranged &&
		       p[i].head.fd < 0 && seat_fill(&p[i].seat) == seat_fill(&p[0].seat);
	CHECK(good, "all are told of the whole, and read the same fill");
	CHECK_INT(rig_readable(seat_fill(&p[2].seat), 0), SMALL, "all of it");
	for (int i = 0; i < 3; i++)
		seat_leave(&p[i].seat);
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "a/b/c", SMALL, RIG_ETAG), "it is kept");
	CHECK(metric_get(fills_started) - started == 1 && metric_get(fills_kept) - kept == 1 &&
		      metric_get(active_fills) == 0,
	      "and counted once");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Once the head is known: told soon, but not from inside seat_take(). */
static void test_late(void)
{
	struct passenger p[4] = {0};
	struct store_call *c;
	struct cache_rig r;

	cache_rig_new(&r);
	rig_take(&r, "k", &p[0]);
	c = give_head(&r, SMALL);
	CHECK(rig_take(&r, "K", &p[1]) == SEATED && p[1].told == 0, "not from inside");
	CHECK(rig_take(&r, "k", &p[2]) == SEATED, "another one, who leaves again at once");
	seat_leave(&p[2].seat);
	manual_settle(r.loop);
	CHECK(p[1].told == 1 && p[1].result == FETCH_FOUND && p[1].head.total == SMALL, "told");
	CHECK(p[2].told == 0 && p[0].told == 1, "but nobody who has left, nor twice");
	cache_rig_hold(&r);
	rig_give(&r, c, 0, SMALL);
	fake_done(c, STORE_FOUND);
	CHECK(rig_take(&r, "k", &p[3]) == SEATED && r.store.started == 1, "while it lands, too");
	manual_settle(r.loop);
	CHECK(p[3].told == 1 && rig_readable(seat_fill(&p[3].seat), 0) == SMALL, "and gets all");
	cache_rig_release(&r);
	cache_rig_quiet(&r);
	CHECK_INT(rig_take(&r, "k", &p[2]), NO_SEAT_LANDED, "then it lies in the cache");
	for (int i = 0; i < 4; i++)
		seat_leave(&p[i].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/*
 * A miss is one of a spelling: each that may matter has a question of its own, at the same time. Where the
 * store folds, what is found lies under all of them.
 */
static void check_spellings(bool folds)
{
	struct passenger p[4] = {{.leaves = true}};
	struct cache_rig r;

	cache_rig_new(&r);
	r.store.store.traits.folds = r.store.store.traits.minds_case = folds;
	rig_take(&r, "foo", &p[0]);
	rig_take(&r, "Foo", &p[1]);
	rig_take(&r, "foo", &p[2]);
	rig_take(&r, "FOO", &p[3]);
	CHECK(r.store.started == 3 && !p[2].seat.first && p[3].seat.first,
	      "three spellings, three questions");
	fake_done(fake_call(&r.store, "foo"), STORE_MISS);
	CHECK(p[0].told == 1 && p[0].result == FETCH_MISS && p[2].told == 1 &&
		      p[2].result == FETCH_MISS,
	      "missing: told to those who asked so");
	CHECK(p[1].told == 0 && p[3].told == 0, "but to nobody else");
	CHECK(knows_missing(r.cache, &r.store.store, SLICE("foo"), NULL) &&
		      !knows_missing(r.cache, &r.store.store, SLICE("Foo"), NULL),
	      "and remembered so");
	fake_done(fake_call(&r.store, "FOO"), STORE_MISS_DENIED);
	CHECK(p[3].result == FETCH_DENIED && p[1].told == 0, "the next one is denied");
	give_small(&r);
	CHECK(p[1].told == 1 && p[1].result == FETCH_FOUND, "the last one is there");
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "Foo", SMALL, RIG_ETAG) && rig_kept(&r, "foo", SMALL, RIG_ETAG) == folds,
	      "and kept under its own key, or under all");
	for (int i = 0; i < 4; i++)
		seat_leave(&p[i].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_spellings(void)
{
	check_spellings(false);
	check_spellings(true);
}

/*
 * Whether the store minds the case nobody knows: one question for all spellings, and when that ends as
 * a miss, one more for each of the others, which then wait for nobody else.
 */
static void test_folding_store(void)
{
	struct passenger p[5] = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	rig_take(&r, "foo", &p[0]);
	rig_take(&r, "Foo", &p[1]);
	rig_take(&r, "FOO", &p[2]);
	rig_take(&r, "Foo", &p[3]);
	CHECK(r.store.started == 1 && !p[1].seat.first, "three spellings, one question");
	fake_done(r.store.first, STORE_MISS);
	CHECK(p[0].told == 1 && p[0].result == FETCH_MISS, "missing for who asked so");
	CHECK(p[1].told == 0 && p[2].told == 0 && r.store.started == 3 &&
		      fake_call(&r.store, "Foo") && fake_call(&r.store, "FOO"),
	      "the two others are asked for themselves");
	CHECK(knows_missing(r.cache, &r.store.store, SLICE("foo"), NULL) &&
		      !knows_missing(r.cache, &r.store.store, SLICE("Foo"), NULL),
	      "and nothing is known of them");
	rig_take(&r, "fOO", &p[4]);
	CHECK_INT(r.store.started, 4, "a fourth one does not join what is for one spelling");
	fake_done(fake_call(&r.store, "FOO"), STORE_MISS_REFUSED);
	CHECK(p[2].told == 1 && p[2].result == FETCH_REFUSED && p[1].told == 0, "refused: its own");
	fake_done(fake_call(&r.store, "fOO"), STORE_MISS);
	CHECK(p[4].told == 1 && p[1].told == 0 && r.store.started == 4, "missing: its own, too");
	give_small(&r);
	CHECK(p[1].told == 1 && p[1].result == FETCH_FOUND && p[3].result == FETCH_FOUND,
	      "the last one is there");
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "Foo", SMALL, RIG_ETAG) && rig_kept(&r, "fOo", SMALL, RIG_ETAG),
	      "and kept for all");
	for (int i = 0; i < 5; i++)
		seat_leave(&p[i].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* The same for who only wants to know, and for what is made of the object. */
static void test_folding_store_otherwise(void)
{
	for (int made = 0; made < 2; made++) {
		struct passenger p[2] = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		for (int i = 0; i < 2; i++) {
			const char *key = i ? "Foo" : "foo";
			struct flight_request q = rig_flight(&r, key);

			q.form = made ? FORM_EXPANDED : FORM_STORED;
			p[i].seat = (struct seat){.decided = passenger_told,
						  .declined = passenger_declined,
						  .key = slice_of(key),
						  .asker = RIG_ASKER,
						  .use = made ? SEAT_TAKES : SEAT_PRESENCE};
			ASSERT(seat_take(&q, &p[i].seat) == SEATED);
		}
		CHECK_INT(r.store.started, 1, "one question");
		fake_done(r.store.first, STORE_MISS);
		CHECK(p[0].result == FETCH_MISS && p[1].told == 0 && fake_call(&r.store, "Foo"),
		      made ? "made: the other one is asked" : "presence: the other one is asked");
		fake_done(r.store.first, STORE_MISS);
		CHECK(p[1].result == FETCH_MISS && r.store.started == 2, "and missing by itself");
		CHECK_INT(r.flights->presences, 0, "nothing is counted twice");
		seat_leave(&p[0].seat);
		seat_leave(&p[1].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static enum seated take_as(struct cache_rig *r, const char *key, const char *via,
			   const char *checksum, enum form form, enum seat_use use,
			   struct passenger *p)
{
	struct flight_request q = rig_flight(r, key);

	q.via = via;
	q.checksum = checksum;
	q.form = form;
	*p = (struct passenger){.seat = {.decided = passenger_told,
					 .declined = passenger_declined,
					 .key = slice_of(key),
					 .via = via,
					 .checksum = checksum,
					 .asker = RIG_ASKER,
					 .use = use}};
	return seat_take(&q, &p->seat);
}

static enum seated take_with(struct cache_rig *r, const char *key, const char *checksum,
			     enum form form, enum seat_use use, struct passenger *p)
{
	return take_as(r, key, NULL, checksum, form, use, p);
}

static bool asks_as(const struct store_call *c, const char *via, const char *checksum)
{
	return text_same(c->read.via, via) && text_same(c->read.checksum, checksum);
}

/*
 * What a server refuses to who sends one SymbolChecksum, or none, it may have for who sends another; and
 * what it passes over for who comes by way of another server it may have for the rest: two questions.
 */
static void test_asked_otherwise(void)
{
	static const struct {
		const char *name;
		enum form form;
		enum seat_use use;
	} cases[] = {
		{"taken", FORM_STORED, SEAT_TAKES},
		{"made", FORM_EXPANDED, SEAT_TAKES},
		{"presence", FORM_STORED, SEAT_PRESENCE},
	};
	static const struct {
		const char *via[2], *checksum[2]; /* of the first, of the other */
	} asked[] = {
		{{NULL, NULL}, {NULL, "SHA256:ab"}},
		{{NULL, NULL}, {"SHA256:ab", NULL}},
		{{NULL, NULL}, {"SHA256:ab", "SHA256:cd"}},
		{{NULL, "1.1 a"}, {NULL, NULL}},
		{{"1.1 a", NULL}, {NULL, NULL}},
		{{"1.1 a", "1.1 b"}, {NULL, NULL}},
	};

	for (size_t i = 0; i < ARRAY_LEN(asked) * ARRAY_LEN(cases); i++) {
		const char *const *via = asked[i / ARRAY_LEN(cases)].via;
		const char *const *sum = asked[i / ARRAY_LEN(cases)].checksum;
		const char *name = cases[i % ARRAY_LEN(cases)].name;
		enum form form = cases[i % ARRAY_LEN(cases)].form;
		enum seat_use use = cases[i % ARRAY_LEN(cases)].use;
		struct passenger p[4] = {0};
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.checksums = r.store.store.traits.loops = true;
		take_as(&r, "k", via[0], sum[0], form, use, &p[0]);
		take_as(&r, "k", via[1], sum[1], form, use, &p[1]);
		take_as(&r, "k", via[0], sum[0], form, use, &p[2]);
		take_as(&r, "K", via[1], sum[1], form, use, &p[3]);
		CHECK(r.store.started == 2 && p[1].seat.first && !p[2].seat.first &&
			      !p[3].seat.first,
		      name);
		c = r.store.first;
		CHECK(asks_as(c, via[0], sum[0]) && asks_as(c->next, via[1], sum[1]),
		      "each as it asks");
		fake_done(c, STORE_MISS_DENIED);
		CHECK(p[0].told == 1 && p[0].result == FETCH_DENIED && p[2].told == 1 &&
			      p[1].told == 0 && p[3].told == 0,
		      "missing: for who asked like that");
		CHECK_INT(knows_missing(r.cache, &r.store.store, SLICE("k"), sum[0]), !via[0],
			  "and remembered so");
		CHECK(text_same(sum[0], sum[1]) ||
			      !knows_missing(r.cache, &r.store.store, SLICE("k"), sum[1]),
		      "of nobody else");
		fake_done(r.store.first, STORE_MISS);
		CHECK(p[1].told == 1 && p[3].told == 0 && r.store.started == 3,
		      "the other spelling is asked for next");
		CHECK(asks_as(r.store.first, via[1], sum[1]), "as who spells it so asks");
		fake_done(r.store.first, STORE_MISS);
		CHECK(p[3].told == 1 && r.flights->presences == 0, "and missing by itself");
		for (int k = 0; k < 4; k++)
			seat_leave(&p[k].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static bool has_kept(struct cache_rig *r, enum form form)
{
	struct cache_object o;
	bool there = cache_find(r->cache, &r->store.store, SLICE("k"), form, NULL, &o);

	if (there)
		close(o.head.fd);
	return there;
}

#define LOOKED 600 /* longer than what tells */

/* A body that begins like this, behind its head; it may be broken off when that has been seen. */
static void give_like(struct cache_rig *r, struct store_call *c, struct slice beginning)
{
	struct object_head head = fake_whole(LOOKED, RIG_ETAG);
	int cancelled = r->store.cancelled;

	fake_head(c, &head);
	fake_data(c, beginning.p, beginning.n);
	if (r->store.cancelled > cancelled)
		return;
	rig_give(r, c, (int64_t)beginning.n, LOOKED);
	fake_done(c, STORE_FOUND);
}

/*
 * Accepting MSFZ is another question, which is shared with nobody who does not. What comes tells whose it
 * is: MSFZ is kept as that; the file as it is comes to all, once.
 */
static void test_msfz(void)
{
	enum way { ALONE, STORED_ASKED, STORED_FLIES, STORED_PROBED };
	static const struct {
		const char *name;
		bool msfz; /* comes */
		enum way way;
	} cases[] = {
		{"MSFZ", true, ALONE},
		{"MSFZ, the other is asked", true, STORED_ASKED},
		{"MSFZ, the other flies", true, STORED_FLIES},
		{"as it is", false, ALONE},
		{"as it is, which is asked for", false, STORED_ASKED},
		{"as it is, which flies", false, STORED_FLIES},
		{"as it is, which is only probed", false, STORED_PROBED},
	};
	static const struct slice magic = {MSFZ_MAGIC, MSFZ_MAGIC_SIZE};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool goes = !cases[i].msfz &&
			    (cases[i].way == STORED_ASKED || cases[i].way == STORED_FLIES);
		struct slice bytes = cases[i].msfz ? magic : rig_bytes(0, 64);
		struct passenger p[4] = {0};
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.negotiates = true;
		take_with(&r, "k", NULL, FORM_MSFZ, SEAT_TAKES, &p[0]);
		if (cases[i].way != ALONE)
			take_with(&r, "k", NULL, FORM_STORED,
				  cases[i].way == STORED_PROBED ? SEAT_PRESENCE : SEAT_TAKES,
				  &p[1]);
		c = r.store.first;
		CHECK(c->read.msfz && (!c->next || !c->next->read.msfz), cases[i].name);
		if (cases[i].way == STORED_FLIES)
			fake_head(c->next, &(struct object_head){.total = LOOKED,
								 .length = LOOKED,
								 .mtime = -1,
								 .etag = RIG_ETAG,
								 .fd = -1});
		give_like(&r, c, bytes);
		manual_settle(r.loop);
		CHECK_INT(p[0].told, cases[i].way == STORED_ASKED && goes ? 0 : 1,
			  "told, or waits with who has asked before");
		if (goes) {
			c = r.store.first;
			if (cases[i].way == STORED_ASKED)
				give_like(&r, c, bytes);
			else
				rig_give(&r, c, 0, LOOKED);
			if (cases[i].way == STORED_FLIES)
				fake_done(c, STORE_FOUND);
		}
		cache_rig_quiet(&r);
		CHECK(p[0].told == 1 && p[0].result == FETCH_FOUND &&
			      p[0].head.msfz == cases[i].msfz,
		      "found, as what it is");
		CHECK(!goes || p[0].seat.flight == p[1].seat.flight, "in one flight");
		CHECK_INT(has_kept(&r, FORM_MSFZ), cases[i].msfz, "kept as MSFZ if it is");
		CHECK_INT(has_kept(&r, FORM_STORED), !cases[i].msfz, "and else for all");
		for (size_t k = 0; k < 2; k++)
			seat_leave(&p[k].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* What is found is the same for all. */
static void test_checksums_and_found(void)
{
	struct passenger p[4] = {0};
	struct store_call *c;
	struct cache_rig r;

	cache_rig_new(&r);
	r.store.store.traits.checksums = true;
	take_with(&r, "k", NULL, FORM_STORED, SEAT_TAKES, &p[0]);
	take_with(&r, "k", "SHA256:ab", FORM_STORED, SEAT_TAKES, &p[1]);
	c = r.store.first->next;
	fake_head(c, &(struct object_head){.total = SMALL,
					   .length = SMALL,
					   .ranged = true,
					   .mtime = -1,
					   .etag = RIG_ETAG,
					   .fd = -1});
	CHECK(p[1].told == 1 && p[1].result == FETCH_FOUND && p[0].told == 0, "found by one");
	take_with(&r, "k", "SHA256:ab", FORM_STORED, SEAT_TAKES, &p[2]);
	CHECK(r.store.started == 2 && !p[2].seat.first, "who asks alike joins it");
	rig_give(&r, c, 0, SMALL);
	fake_done(c, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", SMALL, RIG_ETAG), "and it is kept");
	give_small(&r);
	CHECK(p[0].told == 1 && p[0].result == FETCH_FOUND, "by the other one, too");
	CHECK(take_with(&r, "k", "SHA256:ab", FORM_STORED, SEAT_TAKES, &p[3]) == SEATED &&
		      r.store.started == 2,
	      "which all may join by now");
	cache_rig_quiet(&r);
	CHECK(p[3].told == 1 && rig_kept(&r, "k", SMALL, RIG_ETAG), "and kept as well");
	for (int k = 0; k < 4; k++)
		seat_leave(&p[k].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static bool has_all(const struct passenger *p)
{
	return p->told == 1 && p->result == FETCH_FOUND &&
	       rig_readable(seat_fill(&p->seat), 0) == SMALL;
}

/* Asked otherwise at the same time: what is found for the one comes to all, once. */
static void test_found_at_the_same_time(void)
{
	static const struct {
		const char *name;
		enum form form;
		const char *other;
		bool comes_once;
	} cases[] = {
		{"another SymbolChecksum", FORM_STORED, "k", true},
		{"the same, and something is made of it", FORM_PLAIN, "k", true},
		{"another spelling, too", FORM_STORED, "K", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct object_head head = fake_whole(SMALL, RIG_ETAG);
		struct passenger p[3] = {0};
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.checksums = true;
		take_with(&r, "k", "SHA256:ab", cases[i].form, SEAT_TAKES, &p[0]);
		take_with(&r, cases[i].other, "SHA256:cd", cases[i].form, SEAT_TAKES, &p[1]);
		take_with(&r, cases[i].other, "SHA256:cd", cases[i].form, SEAT_TAKES, &p[2]);
		ASSERT(r.store.started == 2);
		c = r.store.first;
		fake_head(c, &head);
		fake_head(c->next, &head);
		manual_settle(r.loop);
		CHECK_INT(r.store.cancelled, cases[i].comes_once, cases[i].name);
		while (r.store.first) {
			rig_give(&r, r.store.first, 0, SMALL);
			fake_done(r.store.first, STORE_FOUND);
		}
		cache_rig_quiet(&r);
		for (int k = 0; k < 3; k++) /* a maker's thread is none of those that are quiet */
			CHECK(MANUAL_UNTIL(r.loop, has_all(&p[k])), "all get it");
		CHECK_INT(p[0].seat.flight == p[1].seat.flight, cases[i].comes_once,
			  "by one flight");
		for (int k = 0; k < 3; k++)
			seat_leave(&p[k].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* A store for which it makes no difference is asked once. */
static void test_checksums_for_nothing(void)
{
	struct passenger p[2] = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	take_with(&r, "k", NULL, FORM_STORED, SEAT_TAKES, &p[0]);
	take_as(&r, "k", "1.1 a", "SHA256:ab", FORM_STORED, SEAT_TAKES, &p[1]);
	fake_done(r.store.first, STORE_MISS);
	CHECK(r.store.started == 1 && p[0].result == FETCH_MISS && p[1].result == FETCH_MISS,
	      "one question, one miss");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* What nothing holds to its key may be two files, in two spellings. */
static void test_what_does_not_fold(void)
{
	static const struct {
		const char *one, *other;
		bool folds, joined;
	} cases[] = {
		{"foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B1/foo.pdb",
		 "FOO.pdb/497b72f6390a44fc878e5a2d63b6cc4b1/foo.PDB", true, true},
		{"foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B1/foo.pdb",
		 "FOO.pdb/497b72f6390a44fc878e5a2d63b6cc4b1/foo.PDB", false, false},
		{"foo.txt/opaque/foo.txt", "Foo.txt/opaque/Foo.txt", true, false},
		{"readme.txt", "README.txt", true, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct passenger p[2] = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.folds = cases[i].folds;
		r.store.store.traits.folds_all = false;
		rig_take(&r, cases[i].one, &p[0]);
		rig_take(&r, cases[i].other, &p[1]);
		CHECK_INT(r.store.started, cases[i].joined ? 1 : 2, cases[i].one);
		seat_leave(&p[0].seat);
		seat_leave(&p[1].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void test_waiters_limit(void)
{
	int64_t refused = metric_get(refused_fill_waiters);
	struct passenger p[3] = {0};
	struct cache_rig r;

	cache_rig_init(&r);
	r.flying.max_fill_waiters = 2;
	cache_rig_open(&r);
	rig_take(&r, "k", &p[0]);
	CHECK_INT(rig_take(&r, "k", &p[1]), SEATED, "the last seat");
	CHECK(rig_take(&r, "k", &p[2]) == NO_SEAT_LEFT && !p[2].seat.flight, "no more");
	CHECK_INT(metric_get(refused_fill_waiters) - refused, 1, "which is counted");
	seat_leave(&p[2].seat);
	seat_leave(&p[1].seat);
	CHECK_INT(rig_take(&r, "k", &p[2]), SEATED, "one leaves: another may come");
	give_small(&r);
	CHECK(rig_take(&r, "k", &p[1]) == NO_SEAT_LEFT, "who has been told sits there still");
	seat_leave(&p[0].seat);
	seat_leave(&p[2].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_join_only(void)
{
	struct passenger p[2] = {0};
	struct flight_request request;
	struct cache_rig r;

	cache_rig_new(&r);
	request = rig_flight(&r, "k");
	request.join_only = true;
	CHECK(seat_take(&request, &p[0].seat) == NO_SEAT && r.store.started == 0,
	      "nothing flies: no seat, no question");
	rig_take(&r, "k", &p[1]);
	p[0].seat = (struct seat){.decided = passenger_told, .key = SLICE("k")};
	CHECK(seat_take(&request, &p[0].seat) == SEATED && !p[0].seat.first, "else a seat");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- leaving ---- */

static const struct {
	const char *name;
	int64_t total, given;
	bool patient, goes_on;
} leavings[] = {
	{"small", SMALL, 0, false, true},
	{"64 MiB", INT64_C(64) << 20, 0, false, true},
	{"a byte more", (INT64_C(64) << 20) + 1, 0, false, false},
	{"a byte more, for somebody patient", (INT64_C(64) << 20) + 1, 0, true, true},
	{"half of 128 MiB", INT64_C(128) << 20, INT64_C(64) << 20, false, false},
	{"a byte more than half", INT64_C(128) << 20, (INT64_C(64) << 20) + 1, false, true},
};

/* Nobody waits any more: is it finished all the same? */
static void test_leave(void)
{
	for (size_t i = 0; i < ARRAY_LEN(leavings); i++) {
		int64_t cancelled = metric_get(fills_cancelled);
		struct passenger p[2] = {0};
		struct flight_request request;
		struct cache_rig r;
		struct flight *f;

		cache_rig_init(&r);
		r.flying.fetch_block = 1 << 20;
		cache_rig_open(&r);
		request = rig_flight(&r, "k");
		request.patient = leavings[i].patient;
		p[0].seat = (struct seat){.decided = passenger_told, .key = SLICE("k")};
		ASSERT(seat_take(&request, &p[0].seat) == SEATED);
		ASSERT(rig_take(&r, "k", &p[1]) == SEATED);
		give_head(&r, leavings[i].total);
		f = p[0].seat.flight;
		f->received = leavings[i].given; /* nothing else depends on it */
		seat_leave(&p[0].seat);
		CHECK(f->phase == FLIGHT_UNDER_WAY, "one has left, one waits: it goes on");
		seat_leave(&p[1].seat);
		CHECK(!!r.store.first == leavings[i].goes_on &&
			      metric_get(fills_cancelled) - cancelled == !leavings[i].goes_on,
		      leavings[i].name);
		CHECK(rig_take(&r, "k", &p[0]) == SEATED && p[0].seat.first == !leavings[i].goes_on,
		      "who comes now joins it, or begins anew");
		seat_leave(&p[0].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Before the store has answered, nobody knows yet whether it is worth it. */
static void test_leave_before_the_answer(void)
{
	static const struct {
		const char *name;
		int64_t total;
		bool goes_on;
	} cases[] = {{"small: it is brought", SMALL, true}, {"large: cancelled", HUGE, false}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		rig_take(&r, "k", &p);
		seat_leave(&p.seat);
		CHECK(r.store.first != NULL, "the question stands");
		give_head(&r, cases[i].total);
		CHECK(!!r.store.first == cases[i].goes_on, cases[i].name);
		CHECK(p.told == 0 && cache_rig_close(&r), "nobody is told");
	}
}

static void test_leave_when_told(void)
{
	struct passenger p[3] = {{.leaves = true}, {.leaves = true}, {.leaves = true}};
	struct cache_rig r;

	cache_rig_new(&r);
	for (int i = 0; i < 3; i++)
		rig_take(&r, "k", &p[i]);
	give_head(&r, HUGE);
	CHECK(p[0].told + p[1].told + p[2].told == 3 && !r.store.first,
	      "all leave when they are told, and so it ends");
	for (int i = 0; i < 3; i++)
		rig_take(&r, "k", &p[i]);
	fake_done(fake_call(&r.store, NULL), STORE_FAULT);
	CHECK_INT(p[0].told + p[1].told + p[2].told, 3, "or when it has failed");
	for (int i = 0; i < 3; i++)
		rig_take(&r, "k", &p[i]);
	fake_done(fake_call(&r.store, NULL), STORE_MISS);
	CHECK_INT(p[0].told + p[1].told + p[2].told, 3, "or is missing");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- failing ---- */

static void test_failure(void)
{
	struct passenger p[3] = {0}, again = {0};
	struct cache_rig r;
	struct error e = {OK, 0, ""};

	cache_rig_new(&r);
	rig_take(&r, "k", &p[0]);
	rig_take(&r, "k", &p[1]);
	fake_done(fake_call(&r.store, NULL), STORE_FAULT);
	CHECK(p[0].told == 1 && p[0].result == FETCH_FAULT && p[0].error.code == ERR_NET &&
		      p[1].told == 1 && p[1].result == FETCH_FAULT,
	      "no answer: all are told");
	CHECK(rig_take(&r, "k", &again) == SEATED && again.seat.first, "the next one asks anew");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);

	rig_take(&r, "k", &p[0]);
	give_head(&r, SMALL);
	rig_take(&r, "k", &p[1]);
	fake_done(fake_call(&r.store, NULL), STORE_FAULT);
	CHECK(again.told == 1 && again.result == FETCH_FOUND && p[0].told == 1,
	      "found, then broken");
	manual_settle(r.loop);
	CHECK(fill_failed(seat_fill(&p[0].seat), &e) && e.code == ERR_NET &&
		      seat_fill(&p[1].seat) == seat_fill(&p[0].seat),
	      "all readers learn it from the fill");
	CHECK(rig_take(&r, "k", &p[2]) == SEATED && p[2].seat.first, "a second fill");
	give_small(&r);
	CHECK_INT(rig_readable(seat_fill(&p[2].seat), 0), SMALL, "succeeds");
	CHECK(fill_failed(seat_fill(&p[0].seat), &e), "while the first is still looked at");
	seat_leave(&again.seat);
	for (int i = 0; i < 3; i++)
		seat_leave(&p[i].seat);
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", SMALL, RIG_ETAG), "and is kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- being declined ---- */

static void test_too_many_fills(void)
{
	int64_t refused = metric_get(refused_fills);
	struct passenger p[2] = {{.leaves = true}, {.leaves = true}};
	struct passenger first = {0};
	struct cache_rig r;

	cache_rig_init(&r);
	r.flying.max_fills = 1;
	cache_rig_open(&r);
	rig_take(&r, "one", &first);
	give_head(&r, SMALL);
	rig_take(&r, "two", &p[0]);
	rig_take(&r, "two", &p[1]);
	fake_head(
		fake_call(&r.store, "two"),
		&(struct object_head){.total = SMALL, .length = SMALL, .etag = RIG_ETAG, .fd = -1});
	CHECK(p[0].declined == 1 && p[1].declined == 1 && p[0].told == 0 && p[1].told == 0,
	      "no room for a second fill: all are declined");
	CHECK_INT(metric_get(refused_fills) - refused, 1, "which is counted once");
	CHECK(!fake_call(&r.store, "two") && fake_faults(&r.store) == 0,
	      "the question is over, and that is not the store's fault");
	rig_give(&r, fake_call(&r.store, "one"), 0, SMALL);
	fake_done(fake_call(&r.store, "one"), STORE_FOUND);
	cache_rig_quiet(&r);
	rig_take(&r, "two", &p[0]);
	give_small(&r);
	CHECK(p[0].told == 1 && p[0].declined == 0, "once the first has landed there is room");
	seat_leave(&first.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_too_large(void)
{
	struct passenger p = {.leaves = true};
	struct cache_rig r;

	cache_rig_init(&r);
	r.settings.max_bytes = 1 << 20;
	cache_rig_open(&r);
	rig_take(&r, "k", &p);
	give_head(&r, HUGE);
	CHECK(p.declined == 1 && p.told == 0 && !r.store.first, "larger than the cache: declined");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- presence ---- */

/* What is promised to one is not promised to another, until it is over. */
static void test_promises(void)
{
	struct object_head head = fake_part(HUGE, RIG_ETAG, 0, RIG_BLOCK - 1);
	struct passenger p[3] = {0};
	struct cache_rig r;

	cache_rig_init(&r);
	r.settings.max_bytes = HUGE + HUGE / 2;
	cache_rig_open(&r);
	for (int i = 0; i < 3; i++) {
		rig_take(&r, i == 1 ? "l" : i ? "m" : "k", &p[i]);
		if (i == 2)
			seat_leave(&p[0].seat);
		fake_head(fake_call(&r.store, i == 1 ? "l" : i ? "m" : "k"), &head);
		CHECK(p[i].told == (i != 1) && p[i].declined == (i == 1),
		      i == 1 ? "no room beside the first" : "it begins");
	}
	seat_leave(&p[1].seat);
	seat_leave(&p[2].seat);
	cache_rig_quiet(&r);
	CHECK(evict_promise(r.cache->evict, HUGE), "all that was promised is over");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_presence(void)
{
	struct flight_request request;
	struct store_call *c;
	struct cache_rig r;

	cache_rig_new(&r);
	request = rig_flight(&r, "k");
	flight_ask_presence(&request);
	flight_ask_presence(&request);
	c = fake_call(&r.store, NULL);
	CHECK(r.store.started == 1 && c->read.ranged && c->read.range.first == 0 &&
		      c->read.range.last == 0,
	      "presence is asked for by one byte, once");
	fake_done(c, STORE_MISS);
	CHECK(knows_missing(r.cache, &r.store.store, SLICE("k"), NULL), "missing: remembered");
	flight_ask_presence(&request);
	c = fake_call(&r.store, NULL);
	fake_head(c, &(struct object_head){.total = 100, .length = 1, .ranged = true, .fd = -1});
	CHECK(!r.store.first && r.store.started == 2, "there: that is all");
	flight_ask_presence(&request);
	fake_done(fake_call(&r.store, NULL), STORE_FAULT);
	CHECK(!r.store.first, "no answer: so be it");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* How many files without a name are open in this directory? */
static int unnamed_files(const char *dir)
{
	char prefix[64], path[32], link[128];
	int found = 0;

	snprintf(prefix, sizeof(prefix), "%s/#", dir);
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, link, sizeof(link));

		found += n > 0 && slice_starts((struct slice){link, (size_t)n}, slice_of(prefix));
	}
	return found;
}

/* A store that gives no length and no ranges: it is there, and the body is not wanted. */
static void test_presence_without_length(void)
{
	struct object_head head = fake_whole(-1, "");
	struct flight_request request;
	struct cache_rig r;

	cache_rig_new(&r);
	request = rig_flight(&r, "k");
	setenv("TMPDIR", r.dir, 1);
	flight_ask_presence(&request);
	fake_head(fake_call(&r.store, NULL), &head);
	CHECK(!fake_call(&r.store, NULL), "the answer is broken off");
	CHECK_INT(unnamed_files(r.dir), 0, "and nothing of it received");
	unsetenv("TMPDIR");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_presence_then_join(void)
{
	struct passenger p = {0};
	struct flight_request request;
	struct cache_rig r;

	cache_rig_new(&r);
	request = rig_flight(&r, "k");
	flight_ask_presence(&request);
	rig_take(&r, "k", &p);
	CHECK(r.store.started == 1 && !p.seat.first, "who comes waits for that answer");
	fake_done(fake_call(&r.store, NULL), STORE_MISS);
	CHECK(p.told == 1 && p.result == FETCH_MISS && r.store.started == 1, "missing: told");
	seat_leave(&p.seat);

	request = rig_flight(&r, "l");
	flight_ask_presence(&request);
	rig_take(&r, "l", &p);
	fake_head(fake_call(&r.store, NULL),
		  &(struct object_head){.total = SMALL, .length = 1, .ranged = true, .fd = -1});
	CHECK(p.told == 0 && r.store.started == 3, "there: now it is brought");
	give_small(&r);
	CHECK(p.told == 1 && p.result == FETCH_FOUND &&
		      rig_readable(seat_fill(&p.seat), 0) == SMALL,
	      "and told");
	seat_leave(&p.seat);

	request = rig_flight(&r, "m");
	flight_ask_presence(&request);
	rig_take(&r, "m", &p);
	p.leaves = true;
	atomic_store(&r.cache->disk_failed_ns, clock_mono_ns());
	fake_head(fake_call(&r.store, NULL),
		  &(struct object_head){.total = SMALL, .length = 1, .ranged = true, .fd = -1});
	CHECK(p.told == 0 && p.declined == 1, "there, but there is no disk: declined");
	CHECK(cache_rig_close(&r), "nothing is left");
}

#define PRESENCES_MAX 512 /* of flight.c */

static void test_presence_limit(void)
{
	struct cache_rig r;
	char key[16];

	cache_rig_new(&r);
	for (int i = 0; i <= PRESENCES_MAX; i++) {
		struct flight_request request;

		snprintf(key, sizeof(key), "k%d", i);
		request = rig_flight(&r, key);
		flight_ask_presence(&request);
	}
	CHECK_INT(r.store.started, PRESENCES_MAX, "so many such questions at a time");
	while (r.store.first)
		fake_done(r.store.first, STORE_MISS);
	for (int i = 0; i < 2; i++) {
		struct flight_request request = rig_flight(&r, i ? "x" : "y");

		flight_ask_presence(&request);
	}
	CHECK_INT(r.store.started, PRESENCES_MAX + 2, "and again when they are over");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- landed ---- */

static void test_landed(void)
{
	struct passenger p = {.leaves = true};
	struct cache_rig r;
	struct object_id id;

	cache_rig_new(&r);
	id = cache_id(r.cache, &r.store.store, SLICE("k"), FORM_STORED, NULL);
	rig_take(&r, "k", &p);
	give_small(&r);
	cache_rig_quiet(&r);
	CHECK(rig_take(&r, "K", &p) == NO_SEAT_LANDED && r.store.started == 1,
	      "landed a moment ago: look for the file");
	flights_forget_landed(r.flights, &id);
	CHECK(rig_take(&r, "K", &p) == SEATED && r.store.started == 2, "it is not there: ask");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- purging ---- */

enum moment { ASKED, HALF, WRITING };

/* The first step of a purge. */
static void purge_all(struct cache_rig *r)
{
	ASSERT(generation_raise_all(r->cache->generations, NULL) == OK);
}

static void test_purge_on_the_way(void)
{
	static const char *const names[] = {"before the answer", "in the body",
					    "while it is written"};
	int64_t kept = metric_get(fills_kept);

	for (int moment = ASKED; moment <= WRITING; moment++) {
		struct passenger p = {0}, other = {.leaves = true};
		struct cache_rig r;
		struct store_call *c;

		cache_rig_new(&r);
		rig_take(&r, "k", &p);
		c = fake_call(&r.store, NULL);
		if (moment == ASKED)
			purge_all(&r);
		give_head(&r, SMALL);
		fake_data(c, rig_bytes(0, 4).p, 4);
		if (moment == HALF)
			purge_all(&r);
		fake_data(c, rig_bytes(4, SMALL - 4).p, SMALL - 4);
		if (moment == WRITING)
			cache_rig_hold(&r);
		fake_done(c, STORE_FOUND);
		if (moment == WRITING) {
			purge_all(&r);
			cache_rig_release(&r);
		}
		CHECK_INT(rig_readable(seat_fill(&p.seat), 0), SMALL, "who waits gets it");
		cache_rig_quiet(&r);
		CHECK(!rig_kept(&r, "k", SMALL, RIG_ETAG), names[moment]);
		CHECK_INT(rig_take(&r, "k", &other), SEATED, "and nobody looks for the file");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
	CHECK_INT(metric_get(fills_kept) - kept, 0, "purged on the way: not kept");
}

/* A miss that was asked for before a purge is none after it. */
static void test_miss_of_before(void)
{
	struct passenger p = {.leaves = true};
	struct cache_rig r;

	cache_rig_new(&r);
	rig_take(&r, "k", &p);
	purge_all(&r);
	fake_done(fake_call(&r.store, NULL), STORE_MISS);
	CHECK(p.told == 1 && p.result == FETCH_MISS &&
		      !knows_missing(r.cache, &r.store.store, SLICE("k"), NULL),
	      "told, but not remembered");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- stores that do not do ranges as they should ---- */

/*
 * The first question for a part is refused, if another one might not be: the next goes without, for
 * a while.
 */
static void test_refused_at_first(void)
{
	static const enum err codes[] = {ERR_DENIED, ERR_UPSTREAM, ERR_NET};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		const struct error e = {codes[i], 0, "no"};
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		for (int n = 0; n < 3; n++) {
			rig_take(&r, "k", &p);
			CHECK_INT(fake_call(&r.store, NULL)->read.ranged,
				  codes[i] != ERR_DENIED || n != 1, err_name(codes[i]));
			fake_end(fake_call(&r.store, NULL), STORE_FAULT, NULL, &e);
			CHECK(p.told == 1 && p.result == FETCH_FAULT, "a fault");
			seat_leave(&p.seat);
		}
		manual_advance(r.loop, 61 * NS_PER_S);
		rig_take(&r, "k", &p);
		CHECK(fake_call(&r.store, NULL)->read.ranged, "then again as ever");
		seat_leave(&p.seat);
		fake_done(fake_call(&r.store, NULL), STORE_MISS);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* The question of presence, which asks for the first byte, is answered with nonsense. */
static void test_odd_presence(void)
{
	struct flight_request presence;
	struct object_head odd = fake_part(HUGE, RIG_ETAG, 5, 5),
			   whole = fake_whole(HUGE, RIG_ETAG);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	presence = rig_flight(&r, "k");
	flight_ask_presence(&presence);
	fake_head(fake_call(&r.store, NULL), &odd);
	CHECK(r.flights->presences == 1 && !fake_call(&r.store, NULL)->read.ranged,
	      "it is asked without a range");
	rig_take(&r, "k", &p);
	fake_head(fake_call(&r.store, NULL), &whole);
	CHECK(p.told == 0 && r.flights->presences == 0 && r.store.first && !r.store.first->next &&
		      !fake_call(&r.store, NULL)->read.ranged,
	      "it is there: who waits for it has it asked for so, too");
	seat_leave(&p.seat);
	flight_ask_presence(&presence);
	fake_done(fake_call(&r.store, NULL), STORE_MISS);
	CHECK(cache_rig_close(&r), "nothing is left");
}

enum oddity { UNNAMED, WEAK, OTHER_PLACE, TOO_LONG, NO_LENGTH, REFUSED, ODDITIES };

static void odd_answer(struct store_call *c, enum oddity oddity)
{
	struct object_head head = fake_part(3 * RIG_BLOCK, RIG_ETAG, 0, RIG_BLOCK - 1);

	switch (oddity) {
	case UNNAMED: head.etag[0] = '\0'; break;
	case WEAK: memcpy(head.etag, "W/\"1\"", 6); break;
	case OTHER_PLACE: head.first = 1; break;
	case TOO_LONG: head.length++; break;
	case NO_LENGTH: head.total = -1; break;
	case REFUSED: fake_unsatisfiable(c, 10); return;
	case ODDITIES: return;
	}
	fake_head(c, &head);
}

static void test_no_ranges(void)
{
	static const char *const names[ODDITIES] = {
		"a version without a name", "a weak one",      "another place",
		"more than was asked for",  "no total length", "416 to the first bytes"};

	for (int i = 0; i < ODDITIES; i++) {
		struct object_head whole = fake_whole(SMALL, "");
		struct passenger p = {0};
		struct object_id id;
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		rig_take(&r, "k", &p);
		odd_answer(fake_call(&r.store, NULL), (enum oddity)i);
		c = fake_call(&r.store, NULL);
		CHECK(p.told == 0 && c && !c->read.ranged, names[i]);
		fake_head(c, &whole);
		rig_give(&r, c, 0, SMALL);
		fake_done(c, STORE_FOUND);
		CHECK(p.told == 1 && p.result == FETCH_FOUND &&
			      rig_readable(seat_fill(&p.seat), 0) == SMALL,
		      "the whole is asked for, and comes");
		seat_leave(&p.seat);
		rig_take(&r, "l", &p);
		CHECK(fake_call(&r.store, NULL)->read.ranged, "others are asked for in parts");
		fake_done(fake_call(&r.store, NULL), STORE_MISS);
		seat_leave(&p.seat);
		cache_rig_quiet(&r);
		id = cache_id(r.cache, &r.store.store, SLICE("k"), FORM_STORED, NULL);
		flights_forget_landed(r.flights, &id);
		rig_take(&r, "k", &p);
		CHECK(!fake_call(&r.store, NULL)->read.ranged, "this one not");
		fake_unsatisfiable(fake_call(&r.store, NULL), 10);
		CHECK(p.told == 1 && p.result == FETCH_FAULT && r.store.started == 4,
		      "and nonsense to that is a fault");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- an answer without a length ---- */

static void test_spooled(void)
{
	struct object_head head = fake_whole(-1, RIG_ETAG);
	struct passenger p[2] = {0};
	struct store_call *c;
	struct cache_rig r;

	cache_rig_new(&r);
	rig_take(&r, "k", &p[0]);
	c = fake_call(&r.store, NULL);
	CHECK(!seat_is_spooling(&p[0].seat), "not yet");
	fake_head(c, &head);
	CHECK(seat_is_spooling(&p[0].seat) && p[0].told == 0, "no length: it is received first");
	rig_give(&r, c, 0, 3 * RIG_PIECE);
	rig_take(&r, "k", &p[1]);
	fake_done(c, STORE_FOUND);
	for (int i = 0; i < 2; i++)
		CHECK(MANUAL_UNTIL(r.loop, p[i].told == 1) && p[i].result == FETCH_FOUND &&
			      p[i].head.total == 3 * RIG_PIECE && p[i].head.fd < 0 &&
			      rig_readable(seat_fill(&p[i].seat), 0) == 3 * RIG_PIECE,
		      "then all are told, and get all");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", 3 * RIG_PIECE, RIG_ETAG), "and it is kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* May temporary files take as much as there is, which they may when there are none? */
static bool there_are_none(void)
{
	int fd CLEANUP(close_p) = file_temporary();
	int64_t counted = 0;
	struct error e;
	bool none;

	file_pretend_room(INT64_MAX);
	none = file_temporary_grow(fd, &counted, FILE_TEMPORARY_MAX, &e) == OK;
	file_pretend_room(-1);
	file_temporary_end(&counted);
	return none;
}

/* The store is through with it, and it is kept; who reads it slowly still holds the file. */
static void test_spooled_for_a_slow_reader(void)
{
	struct object_head head = fake_whole(-1, RIG_ETAG);
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;

	cache_rig_new(&r);
	CHECK(there_are_none(), "none at first");
	rig_take(&r, "k", &p);
	c = fake_call(&r.store, NULL);
	fake_head(c, &head);
	rig_give(&r, c, 0, 3 * RIG_PIECE);
	CHECK(MANUAL_UNTIL(r.loop, !there_are_none()), "counted while it comes");
	fake_done(c, STORE_FOUND);
	ASSERT(MANUAL_UNTIL(r.loop, p.told == 1));
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", 3 * RIG_PIECE, RIG_ETAG) && !there_are_none(),
	      "and while it is read");
	seat_leave(&p.seat);
	cache_rig_quiet(&r);
	CHECK(there_are_none(), "no longer");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_spooled_too_large(void)
{
	struct object_head head = fake_whole(-1, RIG_ETAG);
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;

	cache_rig_init(&r);
	r.settings.max_bytes = RIG_PIECE;
	cache_rig_open(&r);
	rig_take(&r, "k", &p);
	c = fake_call(&r.store, NULL);
	fake_head(c, &head);
	rig_give(&r, c, 0, 3 * RIG_PIECE);
	fake_done(c, STORE_FOUND);
	ASSERT(MANUAL_UNTIL(r.loop, p.told == 1));
	CHECK_INT(rig_readable(seat_fill(&p.seat), 0), 3 * RIG_PIECE, "received");
	seat_leave(&p.seat);
	cache_rig_quiet(&r);
	CHECK(!rig_kept(&r, "k", 3 * RIG_PIECE, RIG_ETAG), "but larger than the cache: not kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the end of the process ---- */

static void test_abort(void)
{
	struct passenger p[3] = {0};
	struct flight_request request;
	struct cache_rig r;
	struct error e = {OK, 0, ""};

	cache_rig_new(&r);
	rig_take(&r, "asking", &p[0]);
	rig_take(&r, "flying", &p[1]);
	fake_head(fake_call(&r.store, "flying"),
		  &(struct object_head){.total = HUGE, .length = HUGE, .etag = RIG_ETAG, .fd = -1});
	request = rig_flight(&r, "presence");
	flight_ask_presence(&request);
	flights_abort(r.flights);
	CHECK(p[0].told == 1 && p[0].result == FETCH_FAULT && p[0].error.code == ERR_CANCELED,
	      "who waits is told");
	CHECK(fill_failed(seat_fill(&p[1].seat), &e) && e.code == ERR_CANCELED,
	      "who reads as well");
	CHECK(!r.store.first, "no call goes on");
	CHECK(rig_take(&r, "new", &p[2]) == NO_SEAT && r.store.started == 3, "nothing begins");
	flight_ask_presence(&request);
	CHECK_INT(r.store.started, 3, "no question of presence either");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Who joins has a deadline of its own: when the first one's is over, the store is asked again. */
static void test_joiner_has_its_own_time(void)
{
	struct passenger p[2] = {{.seat = {.key = SLICE("k")}}};
	struct flight_request first;
	struct cache_rig r;

	cache_rig_new(&r);
	first = rig_flight(&r, "k");
	first.deadline_ns = clock_mono_ns() + NS_PER_S;
	p[0].seat.decided = passenger_told;
	ASSERT(seat_take(&first, &p[0].seat) == SEATED);
	ASSERT(rig_take(&r, "k", &p[1]) == SEATED && r.store.started == 1);
	manual_advance(r.loop, 2 * NS_PER_S);
	fake_done(r.store.first, STORE_FAULT_RETRY);
	CHECK_INT(p[1].told, 0, "the first one's time is over, the second one's is not");
	manual_advance(r.loop, NS_PER_S);
	CHECK(r.store.started == 2 && r.store.first, "for it the store is asked again");
	rig_answer(&r, r.store.first, SMALL);
	CHECK(p[1].told == 1 && p[1].result == FETCH_FOUND, "and answers");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* 416 to the question for the first byte says that the object is there. It starts no download, with a disk or without. */
static void test_presence_of_an_empty_range(void)
{
	for (int disk = 0; disk < 2; disk++) {
		struct flight_request presence;
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_init(&r);
		r.settings.dir = disk ? r.dir : NULL;
		cache_rig_open(&r);
		presence = rig_flight(&r, "k");
		flight_ask_presence(&presence);
		fake_unsatisfiable(r.store.first, 300000);
		CHECK(!r.store.first && r.flights->presences == 0, "it has a size: it is there");
		flight_ask_presence(&presence);
		ASSERT(rig_take(&r, "k", &p) == SEATED && r.store.started == 2);
		fake_unsatisfiable(r.store.first, 300000);
		if (disk)
			CHECK(r.store.first && r.store.first->read.range.last == RIG_BLOCK - 1,
			      "who waits for it gets it by the cache");
		else
			CHECK(p.declined == 1 && !r.store.first, "or without one by himself");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* A disk that cannot take the draft is no fault: the object goes past the cache. */
static void test_draft_cannot_be_ordered(void)
{
	struct object_head head = fake_part(3 * MI, RIG_ETAG, 0, RIG_BLOCK - 1);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	ASSERT(pool_stop(r.flights->pool, 10 * NS_PER_S));
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	fake_head(r.store.first, &head);
	CHECK(p.declined == 1 && p.told == 0 && !r.store.first, "it goes on past the cache");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Below the floor, with nothing left to evict, no fill is begun. */
static void test_floor_is_held(void)
{
	int64_t fills = metric_get(refused_fills), size = metric_get(refused_size);
	struct object_head head = fake_whole(SMALL, RIG_ETAG);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_init(&r);
	r.settings.min_free = INT64_C(1) << 60;
	cache_rig_open(&r);
	for (int i = 0; i < 10000 && evict_fits(r.cache->evict, SMALL); i++)
		usleep(1000); /* it is another thread that finds out */
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	fake_head(r.store.first, &head);
	CHECK(p.declined == 1 && p.told == 0, "no room can be made: it passes");
	CHECK(metric_get(refused_size) - size == 1 && metric_get(refused_fills) == fills,
	      "which is no matter of MAX_FILLS");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	test_join();
	test_late();
	test_spellings();
	test_folding_store();
	test_folding_store_otherwise();
	test_asked_otherwise();
	test_checksums_and_found();
	test_found_at_the_same_time();
	test_msfz();
	test_checksums_for_nothing();
	test_what_does_not_fold();
	test_waiters_limit();
	test_join_only();
	test_leave();
	test_leave_before_the_answer();
	test_leave_when_told();
	test_failure();
	test_too_many_fills();
	test_too_large();
	test_promises();
	test_presence();
	test_presence_without_length();
	test_presence_then_join();
	test_presence_limit();
	test_landed();
	test_purge_on_the_way();
	test_miss_of_before();
	test_refused_at_first();
	test_odd_presence();
	test_no_ranges();
	test_spooled();
	test_spooled_for_a_slow_reader();
	test_spooled_too_large();
	test_abort();
	test_joiner_has_its_own_time();
	test_presence_of_an_empty_range();
	test_draft_cannot_be_ordered();
	test_floor_is_held();
	return tap_done();
}
