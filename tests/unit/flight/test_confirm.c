// SPDX-License-Identifier: MIT
/*
 * What becomes of a cached object when its store is asked about it again: the boundary between
 * fresh and stale, each answer, and that nobody is asked too often. Both clocks stand still.
 */
#include "cache_rig.h"
#include "flight/confirm.h"
#include "metric/metric.h"

#include "tap.h"
#include <fcntl.h>

#define LENGTH  1000
#define FRESH_S 86400
#define MINUTE  (60 * NS_PER_S)

static struct object_id id_of(struct cache_rig *r)
{
	return cache_id(r->cache, &r->store.store, SLICE("a/b"), FORM_STORED, NULL);
}

/* An object of the pattern that was confirmed at this time. */
static void put(struct cache_rig *r, const char *etag, int64_t mtime, int64_t checked_s)
{
	struct object_meta m = {.id = id_of(r), .length = LENGTH, .mtime = mtime, .key = "A/b"};
	struct draft *draft = NULL;

	snprintf(m.etag, sizeof(m.etag), "%s", etag);
	ASSERT(disk_draft(r->cache->disk, LENGTH, &draft, NULL) == OK);
	ASSERT(pwrite(draft_fd(draft), rig_bytes(0, LENGTH).p, LENGTH, OBJECT_HEADER_SIZE) ==
	       LENGTH);
	clock_freeze_wall_s(checked_s);
	ASSERT(disk_keep(r->cache->disk, draft, &m, false, NULL, NULL, NULL) == OK);
	clock_freeze_wall_s(RIG_NOW);
	draft_free(draft);
}

static int64_t checked_at(struct cache_rig *r)
{
	struct object_id id = id_of(r);
	struct disk_object o;

	if (disk_find(r->cache->disk, &id, &o, NULL) != DISK_HIT)
		return -1;
	close(o.fd);
	return o.checked_s;
}

/* Look it up as a client does; how long is it fresh? -1: not found. */
static int64_t look(struct cache_rig *r)
{
	struct cache_object o;

	if (!rig_find(r, SLICE("a/B"), FORM_STORED, NULL, NULL, &o))
		return -1;
	close(o.head.fd);
	manual_settle(r->loop);
	return o.fresh_ns;
}

static void rig_with(struct cache_rig *r, const char *etag, int64_t age_s)
{
	cache_rig_init(r);
	r->background = true;
	r->settings.fresh_ns = FRESH_S * NS_PER_S;
	cache_rig_open(r);
	put(r, etag, 12345, RIG_NOW - age_s);
}

/* ---- fresh or stale ---- */

static const struct {
	const char *name;
	int64_t age_s, fresh_ns;
} ages[] = {
	{"just confirmed", 0, FRESH_S *NS_PER_S},
	{"a second left", FRESH_S - 1, NS_PER_S},
	{"to the second: stale", FRESH_S, 0},
	{"long ago", 10 * FRESH_S, 0},
	{"in the future: the clock was set back", -1, 0},
};

static void test_ages(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
		struct cache_rig r;

		rig_with(&r, RIG_ETAG, ages[i].age_s);
		CHECK_INT(look(&r), ages[i].fresh_ns, ages[i].name);
		CHECK_INT(r.store.started, !ages[i].fresh_ns, "what is stale is asked about");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void test_question(void)
{
	struct cache_rig r;

	rig_with(&r, RIG_ETAG, FRESH_S);
	CHECK_INT(look(&r), 0, "stale, and served");
	CHECK(r.store.first && r.store.first->read.head && !r.store.first->read.if_match,
	      "the head is asked for");
	CHECK_SLICE(r.store.first->read.key, "A/b", "spelled as the store knows it");
	CHECK(look(&r) == 0 && look(&r) == 0 && r.store.started == 1,
	      "once, however often it is hit");
	CHECK(cache_rig_close(&r), "broken off at the end");
}

/* ---- the answers ---- */

enum becomes { STAYS, CONFIRMED, REPLACED, REMOVED };

struct answer_case {
	const char *name;
	enum store_result result;
	char kept[8], etag[8]; /* "" none */
	int64_t total, mtime;
	enum becomes becomes;
};

static const struct answer_case answers[] = {
	{"the same", STORE_FOUND, "\"v1\"", "\"v1\"", LENGTH, 12345, CONFIRMED},
	{"the same by its ETag, of another date", STORE_FOUND, "\"v1\"", "\"v1\"", LENGTH, 99999,
	 CONFIRMED},
	{"no ETag any more, but the date", STORE_FOUND, "\"v1\"", "", LENGTH, 12345, CONFIRMED},
	{"no ETag ever, but the date", STORE_FOUND, "", "\"v1\"", LENGTH, 12345, CONFIRMED},
	{"another ETag", STORE_FOUND, "\"v1\"", "\"v2\"", LENGTH, 12345, REPLACED},
	{"another size", STORE_FOUND, "\"v1\"", "\"v1\"", LENGTH + 1, 12345, REPLACED},
	{"no ETag, another date", STORE_FOUND, "", "", LENGTH, 12346, REPLACED},
	{"missing", STORE_MISS, "\"v1\"", "", 0, 0, REMOVED},
	{"denied", STORE_MISS_DENIED, "\"v1\"", "", 0, 0, STAYS},
	{"refused for its name", STORE_MISS_REFUSED, "\"v1\"", "", 0, 0, STAYS},
	{"changed, though nobody asked", STORE_CHANGED, "\"v1\"", "", 0, 0, STAYS},
	{"no answer", STORE_FAULT, "\"v1\"", "", 0, 0, STAYS},
	{"416", STORE_UNSATISFIABLE, "\"v1\"", "", 0, 0, STAYS},
};

static void answer(struct cache_rig *r, const struct answer_case *a)
{
	struct object_head head = fake_whole(a->total, a->etag);
	struct store_call *c = r->store.first;

	head.mtime = a->mtime;
	if (a->result == STORE_FOUND)
		fake_head(c, &head);
	if (a->result == STORE_UNSATISFIABLE)
		fake_unsatisfiable(c, 7);
	else
		fake_done(c, a->result);
	cache_rig_quiet(r);
}

/* How often each has been counted: same, changed, gone, failed. */
static int64_t tally(enum becomes b)
{
	switch (b) {
	case CONFIRMED: return metric_get(confirms_same);
	case REPLACED: return metric_get(confirms_changed);
	case REMOVED: return metric_get(confirms_gone);
	case STAYS: break;
	}
	return metric_get(confirms_failed);
}

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct answer_case *a = &answers[i];
		int64_t before = tally(a->becomes);
		struct cache_rig r;

		rig_with(&r, a->kept, FRESH_S);
		ASSERT(look(&r) == 0);
		answer(&r, a);
		CHECK_INT(tally(a->becomes) - before, 1, a->name);
		switch (a->becomes) {
		case CONFIRMED:
			CHECK_INT(checked_at(&r), RIG_NOW, "confirmed now");
			CHECK(look(&r) == FRESH_S * NS_PER_S && r.store.started == 1,
			      "and fresh again");
			break;
		case REMOVED: CHECK_INT(look(&r), -1, "so it goes"); break;
		case STAYS:
			CHECK_INT(checked_at(&r), RIG_NOW - FRESH_S, "nothing is proven: it stays");
			CHECK(look(&r) == 0 && r.store.started == 1, "nor asked about at each hit");
			break;
		case REPLACED:
			CHECK(look(&r) == 0 && rig_kept(&r, "a/b", LENGTH, a->kept),
			      "the old one serves until the new one is there");
			rig_answer(&r, r.store.first, 2 * LENGTH);
			cache_rig_quiet(&r);
			CHECK(rig_kept(&r, "a/b", 2 * LENGTH, RIG_ETAG) &&
				      look(&r) == FRESH_S * NS_PER_S && r.store.started == 2,
			      "then that one does");
			break;
		}
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- how often ---- */

static void test_pause(void)
{
	struct cache_rig r;

	rig_with(&r, RIG_ETAG, FRESH_S);
	look(&r);
	fake_done(r.store.first, STORE_MISS_DENIED);
	manual_advance(r.loop, MINUTE - 1);
	CHECK(look(&r) == 0 && r.store.started == 1, "not again within a minute");
	manual_advance(r.loop, 1);
	CHECK(look(&r) == 0 && r.store.started == 2, "then it is");
	fake_done(r.store.first, STORE_MISS);
	cache_rig_quiet(&r);
	CHECK_INT(look(&r), -1, "and may go");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* After an answer there is no pause: what has been set stale again is asked about. */
static void test_no_pause(void)
{
	struct cache_rig r;

	rig_with(&r, RIG_ETAG, FRESH_S);
	look(&r);
	answer(&r, &answers[0]);
	manual_advance(r.loop, 1);
	clock_freeze_wall_s(RIG_NOW + FRESH_S);
	CHECK(look(&r) == 0 && r.store.started == 2, "a day later");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_breaker(void)
{
	struct cache_rig r;

	rig_with(&r, RIG_ETAG, FRESH_S);
	fake_leave_alone(&r.store, QUESTION_SYMBOL);
	CHECK(look(&r) == 0 && r.store.started == 0, "a store that is left alone is not asked");
	breaker_probed(&r.store.store.gate[QUESTION_SYMBOL].breaker, clock_mono_ns());
	CHECK(look(&r) == 0 && r.store.started == 1, "nor is that held against the object");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* It is asked about, and fetched anew, as whoever was served asks. */
static void test_checksum(void)
{
	struct object_head head = fake_whole(LENGTH, "\"v2\"");
	struct cache_object o;
	struct cache_rig r;

	rig_with(&r, RIG_ETAG, FRESH_S);
	r.store.store.traits.checksums = true;
	ASSERT(rig_find(&r, SLICE("a/B"), FORM_STORED, NULL, "SHA256:ab", &o));
	close(o.head.fd);
	manual_settle(r.loop);
	CHECK_STR(r.store.first->read.checksum, "SHA256:ab", "asked about");
	fake_head(r.store.first, &head);
	if (r.store.first)
		fake_done(r.store.first, STORE_FOUND);
	manual_settle(r.loop);
	CHECK(r.store.started == 2 && r.store.first, "changed");
	CHECK_STR(r.store.first->read.checksum, "SHA256:ab", "fetched anew");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* With a checksum that may be wrong it is missing: does it go, or does it stay for who has had it? */
static void test_wrong_checksum(void)
{
	static const struct {
		const char *name;
		bool trait;
		enum store_result without; /* what the store says to that */
		int started;
		bool goes;
	} cases[] = {
		{"missing without one, too", true, STORE_MISS, 2, true},
		{"refused without one", true, STORE_MISS_DENIED, 2, false},
		{"no answer without one", true, STORE_FAULT, 2, false},
		{"it makes no difference", false, STORE_MISS, 1, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cache_object o;
		struct cache_rig r;

		rig_with(&r, RIG_ETAG, FRESH_S);
		r.store.store.traits.checksums = cases[i].trait;
		for (int n = 0; n < 2; n++) {
			if (!rig_find(&r, SLICE("a/B"), FORM_STORED, NULL, "SHA256:ab", &o))
				continue;
			close(o.head.fd);
			manual_settle(r.loop);
			if (cases[i].trait && r.store.first) {
				CHECK_STR(r.store.first->read.checksum, "SHA256:ab", cases[i].name);
				fake_done(r.store.first, STORE_MISS);
				CHECK(r.store.first && !r.store.first->read.checksum,
				      "asked once more, without it");
			}
			if (r.store.first)
				fake_done(r.store.first, cases[i].without);
			cache_rig_quiet(&r);
		}
		CHECK_INT(r.store.started, cases[i].started, "and not again");
		CHECK_INT(look(&r) < 0, cases[i].goes, cases[i].name);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* A 404 to a spelling that the store may not have is none of the object. */
static void test_another_spelling(void)
{
	for (int spelled = 0; spelled < 2; spelled++) {
		int64_t gone = metric_get(confirms_gone);
		struct object_head head = fake_whole(LENGTH, RIG_ETAG);
		struct cache_rig r;

		cache_rig_new(&r);
		r.background = true;
		confirm_start(
			r.flights->confirms,
			&(struct confirm_request){.store = &r.store.store, .key = SLICE("Foo")},
			&head, spelled);
		manual_settle(r.loop);
		fake_done(r.store.first, STORE_MISS);
		cache_rig_quiet(&r);
		CHECK_INT(metric_get(confirms_gone) - gone, spelled,
			  spelled ? "as the store spells it: removed" : "else: it stays");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

#define CONFIRMS_MAX 256 /* of confirm.c */

static void test_limit(void)
{
	struct object_head head = fake_whole(LENGTH, RIG_ETAG);
	struct cache_rig r;

	cache_rig_new(&r);
	r.background = true;
	for (int i = 0; i <= CONFIRMS_MAX; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%d", i);
		confirm_start(
			r.flights->confirms,
			&(struct confirm_request){.store = &r.store.store, .key = slice_of(key)},
			&head, true);
	}
	manual_settle(r.loop);
	CHECK_INT(r.store.started, CONFIRMS_MAX, "so many at a time");
	while (r.store.first)
		fake_done(r.store.first, STORE_FAULT);
	look(&r);
	manual_advance(r.loop, MINUTE);
	put(&r, RIG_ETAG, 0, RIG_NOW - FRESH_S);
	gate_answered(&r.store.store, QUESTION_SYMBOL);
	CHECK(look(&r) == 0 && r.store.started == CONFIRMS_MAX + 1, "and again when they are over");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the end, at each point ---- */

static void test_abort(void)
{
	for (int point = 0; point < 4; point++) {
		struct cache_object o;
		struct cache_rig r;

		rig_with(&r, RIG_ETAG, FRESH_S);
		ASSERT(rig_find(&r, SLICE("a/b"), FORM_STORED, NULL, NULL, &o));
		close(o.head.fd);
		if (point > 0)
			manual_settle(r.loop);
		if (point == 1)
			flights_abort(r.flights);
		if (point == 2) {
			cache_rig_hold(&r);
			fake_done(r.store.first, STORE_MISS);
			flights_abort(r.flights);
			cache_rig_release(&r);
		}
		if (point == 3)
			answer(&r, &answers[4]); /* a flight brings the new one */
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* As put(), but from the store. */
static void bring(struct cache_rig *r)
{
	struct passenger p = {0};

	ASSERT(rig_take(r, "a/b", &p) == SEATED);
	rig_answer(r, r->store.first, LENGTH);
	seat_leave(&p.seat);
	cache_rig_quiet(r);
}

static struct store_call *head_call(const struct cache_rig *r)
{
	struct store_call *c = r->store.first;

	while (c && !c->read.head)
		c = c->next;
	return c;
}

static void answer_as(struct cache_rig *r, struct store_call *c, const char *etag)
{
	struct object_head head = fake_whole(LENGTH, etag);
	bool only_head = c->read.head;

	fake_head(c, &head);
	if (!only_head)
		rig_give(r, c, 0, LENGTH);
	fake_done(c, STORE_FOUND);
	cache_rig_quiet(r);
}

/* After a change the next one is noticed as soon as the object is stale again. */
static void test_changes_twice(void)
{
	struct cache_rig r;

	cache_rig_init(&r);
	r.background = true;
	r.settings.fresh_ns = NS_PER_S;
	cache_rig_open(&r);
	bring(&r);
	clock_freeze_wall_s(RIG_NOW + 10);
	ASSERT(look(&r) >= 0 && head_call(&r));
	answer_as(&r, head_call(&r), "\"v2\"");
	ASSERT(r.store.first && !r.store.first->read.head);
	answer_as(&r, r.store.first, "\"v2\"");
	CHECK(rig_kept(&r, "a/b", LENGTH, "\"v2\""), "it has changed: the new one is kept");
	manual_advance(r.loop, 3 * NS_PER_S);
	clock_freeze_wall_s(RIG_NOW + 20);
	CHECK(look(&r) >= 0 && head_call(&r), "stale again: it is asked about again");
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	test_ages();
	test_question();
	test_answers();
	test_pause();
	test_no_pause();
	test_breaker();
	test_checksum();
	test_wrong_checksum();
	test_another_spelling();
	test_limit();
	test_abort();
	test_changes_twice();
	return tap_done();
}
