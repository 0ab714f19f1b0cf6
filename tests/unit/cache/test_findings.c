// SPDX-License-Identifier: MIT
/*
 * What a review and an attack have found wrong with the cache, one test for each, so that it does
 * not come back: what a purge left behind, stores that answer oddly, disks that fail, and clients
 * that paid for each other.
 */
#include "cache/ask.h"
#include "cache_rig.h"
#include "metric/metric.h"
#include "store/transfer.h"

#include "tap.h"
#include <openssl/evp.h>

#define SMALL 1000
#define MI    (INT64_C(1) << 20)

/* Take a seat, and answer the first question with the head of its block. */
static struct fill *begin_parts(struct cache_rig *r, struct passenger *p, int64_t total)
{
	struct object_head head = fake_part(total, RIG_ETAG, 0, RIG_BLOCK - 1);

	ASSERT(rig_take(r, "k", p) == SEATED);
	fake_head(r->store.first, &head);
	return seat_fill(&p->seat);
}

/* Bring an object into the cache. */
static void put(struct cache_rig *r, const char *key)
{
	struct passenger p = {0};

	ASSERT(rig_take(r, key, &p) == SEATED);
	rig_answer(r, fake_call(&r->store, key), SMALL);
	seat_leave(&p.seat);
	cache_rig_quiet(r);
}

static bool has(struct cache_rig *r, const char *key)
{
	struct cache_object o;
	bool found = cache_find(r->cache, &r->store.store, slice_of(key), FORM_STORED, NULL, NULL,
				&o);

	if (found)
		close(o.head.fd);
	manual_settle(r->loop);
	return found;
}

static bool knows(struct cache_rig *r, const char *key)
{
	return cache_knows_missing(r->cache, &r->store.store, slice_of(key), NULL);
}

static int running(const struct cache_rig *r)
{
	int n = 0;

	for (const struct store_call *c = r->store.first; c; c = c->next)
		n++;
	return n;
}

/* ---- transfers ---- */

/* A part that finds no transfer free cut everybody off, though another one ran well. */
static void test_part_is_put_back(void)
{
	static const struct error busy = {ERR_BUSY, 0, "no transfer is free"};
	struct error e = {OK, 0, ""};
	struct passenger p = {0};
	struct cache_rig r;
	struct fill *f;

	cache_rig_new(&r);
	f = begin_parts(&r, &p, 3 * MI);
	for (int64_t at = MI; rig_part(&r, at); at += MI)
		fake_end(rig_part(&r, at), STORE_FAULT, NULL, &busy);
	CHECK(!fill_failed(f, &e) && running(&r) == 1, "put back: the first part goes on");
	rig_give(&r, r.store.first, 0, MI);
	fake_done(r.store.first, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(rig_part(&r, MI) && rig_part(&r, 2 * MI), "it is done: then they are asked for");
	while (r.store.first)
		rig_answer(&r, r.store.first, 3 * MI);
	cache_rig_quiet(&r);
	CHECK_INT(rig_readable(f, 0), 3 * MI, "all of it comes");
	seat_leave(&p.seat);
	CHECK(rig_kept(&r, "k", 3 * MI, RIG_ETAG) && cache_rig_close(&r), "and is kept");
}

/* Near the limit of transfers a body took four of them. */
static void test_one_part_in_a_crowd(void)
{
	const struct transfer_limits limits = {.max_transfers = 1}; /* none is left at once */
	struct transfer_engine *engine;
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	ASSERT(transfer_engine_new(r.loop, &limits, &engine, NULL) == OK);
	r.ctx.engine = engine;
	begin_parts(&r, &p, 3 * MI);
	CHECK_INT(running(&r), 1, "few transfers are left: one is enough");
	rig_give(&r, r.store.first, 0, MI);
	fake_done(r.store.first, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(running(&r) == 1 && rig_part(&r, MI), "then the next");
	seat_leave(&p.seat);
	while (r.store.first)
		rig_answer(&r, r.store.first, 3 * MI);
	cache_rig_quiet(&r);
	transfer_engine_free(TAKE(r.ctx.engine));
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Who joined was told of the end of the first one's time. */
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

/* ---- checksums ---- */

static struct store_call *head_call(const struct cache_rig *r)
{
	struct store_call *c = r->store.first;

	while (c && !c->read.head)
		c = c->next;
	return c;
}

/* The question for a checksum, told no length, went on to fetch the whole a second time. */
static void test_sum_without_a_length(void)
{
	struct object_head head = fake_whole(-1, RIG_ETAG);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	rig_answer(&r, r.store.first, SMALL);
	ASSERT(head_call(&r));
	fake_head(head_call(&r), &head);
	if (head_call(&r))
		fake_done(head_call(&r), STORE_FOUND);
	manual_advance(r.loop, NS_PER_S);
	CHECK(!r.store.first && r.store.started == 2, "no length: nothing else is asked");
	cache_rig_quiet(&r);
	CHECK(rig_kept(&r, "k", SMALL, RIG_ETAG), "it is kept as it came");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Bring an object whose checksum the store does not tell. Was it asked for? */
static bool bring_without_sum(struct cache_rig *r, unsigned n, bool sums_known)
{
	struct object_head head = fake_whole(SMALL, RIG_ETAG);
	struct passenger p = {0};
	char key[12];
	bool asked;

	snprintf(key, sizeof(key), "k%u", n);
	head.sums_known = sums_known;
	ASSERT(rig_take(r, key, &p) == SEATED);
	rig_answer(r, r->store.first, SMALL);
	asked = head_call(r);
	if (asked) {
		fake_head(head_call(r), &head);
		fake_done(head_call(r), STORE_FOUND);
	}
	seat_leave(&p.seat);
	cache_rig_quiet(r);
	return asked;
}

/* Four old objects without a checksum turned them off for a store that knows them. */
static void test_sums_are_not_given_up(void)
{
	struct cache_rig r;
	bool asked = true;
	int times = 0;

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	ASSERT(bring_without_sum(&r, 0, true));
	for (unsigned n = 1; n < 20; n++)
		asked = asked && bring_without_sum(&r, n, false);
	CHECK(asked, "a store that knows checksums is asked for each");
	CHECK(cache_rig_close(&r), "nothing is left");

	cache_rig_new(&r);
	r.store.store.traits.tells_sums = true;
	for (unsigned n = 0; n < 140; n++)
		times += bring_without_sum(&r, n, false);
	CHECK(times > 4 && times < 10, "one that has never told any is asked now and then");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void on_told(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	++*(int *)ud;
}

static void md5_etag(int64_t n, char ret[static 40])
{
	unsigned char sum[16];

	ASSERT(EVP_Digest(rig_bytes(0, (size_t)n).p, (size_t)n, sum, NULL, EVP_md5(), NULL));
	ret += snprintf(ret, 2, "\"");
	for (size_t i = 0; i < sizeof(sum); i++)
		ret += snprintf(ret, 3, "%02x", sum[i]);
	snprintf(ret, 2, "\"");
}

static struct ask *ask_past(struct cache_rig *r, const char *via, int *told)
{
	const struct ask_request request = {.cache = r->cache,
					    .store = &r->store.store,
					    .key = SLICE("k"),
					    .via = via,
					    .deadline_ns = clock_mono_ns() + 8 * NS_PER_S,
					    .ring_max = FILL_RING_MIN};

	return ask_start(&request, on_told, told);
}

/* What did not come by way of the disk was not checked. */
static void test_what_passes_is_checked(void)
{
	int64_t corrupt = metric_get(fills_corrupt);
	struct object_head head = fake_whole(SMALL, "");
	struct error e = {OK, 0, ""};
	struct cache_rig r;
	struct ask *a;
	int told = 0;

	cache_rig_init(&r);
	r.settings.dir = NULL;
	cache_rig_open(&r);
	md5_etag(SMALL, head.etag);
	head.etag_is_md5 = true;
	for (int wrong = 0; wrong < 2; wrong++) {
		a = ask_past(&r, NULL, &told);
		fake_head(r.store.first, &head);
		rig_give(&r, r.store.first, wrong, wrong + SMALL);
		fake_done(r.store.first, STORE_FOUND);
		CHECK_INT(rig_readable(ask_body(a), 0), wrong ? 0 : SMALL,
			  wrong ? "another body: its tail is held back" : "the right one comes");
		CHECK_INT(!r.store.first, !wrong, "until it has been asked for once more");
		ask_free(a);
		CHECK(!r.store.first, "by who waits for it");
	}
	for (int same = 0; same < 2; same++) {
		a = ask_past(&r, NULL, &told);
		for (int i = 0; i < 2; i++) {
			int64_t from = i && !same ? 2 : 1;

			fake_head(r.store.first, &head);
			rig_give(&r, r.store.first, from, from + SMALL);
			fake_done(r.store.first, STORE_FOUND);
		}
		CHECK_INT(fill_failed(ask_body(a), &e) && e.code == ERR_CORRUPT, !same,
			  same ? "the same came twice: the ETag is no checksum"
			       : "other bytes: wrong");
		ask_free(a);
		CHECK_INT(metric_get(fills_corrupt) - corrupt, 1, "which is counted");
	}
	a = ask_past(&r, NULL, &told);
	fake_head(r.store.first, &head);
	rig_give(&r, r.store.first, 1, 1 + SMALL);
	fake_done(r.store.first, STORE_FOUND);
	ask_abort(a);
	CHECK(!r.store.first && fill_failed(ask_body(a), &e) && e.code == ERR_CANCELED,
	      "broken off in between");
	ask_free(a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- purging ---- */

static void purge_done(struct cache_purge *p)
{
	p->store = NULL;
}

static void purge_key(struct cache_rig *r, const char *key)
{
	struct slice which = slice_of(key);
	struct cache_purge p = {
		.keys = &which, .n = 1, .store = &r->store.store, .done = purge_done};

	cache_purge(r->cache, &p);
	ASSERT(MANUAL_UNTIL(r->loop, !p.store));
}

/* What was asked before a purge answered who came after it. */
static void test_no_seat_from_before_a_purge(void)
{
	for (int flying = 0; flying < 2; flying++) {
		struct passenger before = {0}, after = {0};
		struct store_call *old;
		struct cache_rig r;

		cache_rig_new(&r);
		if (flying)
			begin_parts(&r, &before, RIG_BLOCK);
		else
			ASSERT(rig_take(&r, "k", &before) == SEATED);
		old = r.store.first;
		purge_key(&r, "k");
		CHECK(rig_take(&r, "k", &after) == SEATED && after.seat.first &&
			      r.store.started == 2,
		      flying ? "it comes: it is asked for anew" : "asked: asked anew");
		if (flying)
			rig_give(&r, old, 0, MI);
		fake_done(old, flying ? STORE_FOUND : STORE_MISS);
		cache_rig_quiet(&r);
		CHECK(after.told == 0 && !knows(&r, "k"), "the old answer is not for this one");
		rig_answer(&r, r.store.first, SMALL);
		cache_rig_quiet(&r);
		CHECK(after.told == 1 && after.result == FETCH_FOUND &&
			      rig_kept(&r, "k", SMALL, RIG_ETAG),
		      "the new one is, and is kept");
		seat_leave(&before.seat);
		seat_leave(&after.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void note_miss(struct cache_rig *r, const char *key)
{
	cache_note_miss(r->cache, &r->store.store, slice_of(key), NULL, NULL,
			cache_miss_ticket(r->cache, &r->store.store, slice_of(key)), FETCH_MISS);
}

/* A miss was remembered as it was asked, and a purge of another spelling left it. */
static void test_purge_of_another_spelling(void)
{
	for (int folds = 0; folds < 2; folds++) {
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.folds = folds;
		note_miss(&r, "Foo.pdb");
		note_miss(&r, "Bar.pdb");
		purge_key(&r, "foo.pdb");
		CHECK(!knows(&r, "Foo.pdb"), "all its spellings are forgotten");
		CHECK(knows(&r, "Bar.pdb"), "and no others");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- odd answers ---- */

/* 416 to a probe turned it into a download, and crashed where there was no disk. */
static void test_probe_of_an_empty_range(void)
{
	for (int disk = 0; disk < 2; disk++) {
		struct flight_request probe;
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_init(&r);
		r.settings.dir = disk ? r.dir : NULL;
		cache_rig_open(&r);
		probe = rig_flight(&r, "k");
		flight_probe(&probe);
		fake_unsatisfiable(r.store.first, 300000);
		CHECK(!r.store.first && r.cache->flights->probes == 0,
		      "it has a size: it is there");
		flight_probe(&probe);
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

/* One object without an ETag turned parallel fetching off for its store, for good. */
static void test_one_odd_object(void)
{
	struct object_head odd = fake_part(3 * MI, "", 0, RIG_BLOCK - 1);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	ASSERT(rig_take(&r, "odd", &p) == SEATED);
	fake_head(r.store.first, &odd);
	CHECK(r.store.first && !r.store.first->read.ranged, "it is asked for as a whole");
	seat_leave(&p.seat);
	fake_done(r.store.first, STORE_MISS);
	begin_parts(&r, &p, 3 * MI);
	CHECK_INT(running(&r), 3, "the next one comes in parts");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A server before us had passed over what it was asked for, and its 404 was remembered. */
static void test_miss_in_the_name_of_another(void)
{
	for (int i = 0; i < 8; i++) {
		bool disk = i & 1, loops = i & 2, via = i & 4;
		struct cache_rig r;
		struct ask *a;
		int told = 0;

		cache_rig_init(&r);
		r.settings.dir = disk ? r.dir : NULL;
		cache_rig_open(&r);
		r.store.store.traits.loops = loops;
		a = ask_past(&r, via ? "1.1 another" : NULL, &told);
		fake_done(r.store.first, STORE_MISS);
		CHECK(told == 1 && knows(&r, "k") == !(loops && via),
		      loops && via ? "a miss of a chain is not remembered" : "any other is");
		ask_free(a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- the disk ---- */

/* What had sent nothing yet was cut off, for its version had no name to be continued by. */
static void test_rescue_from_the_start(void)
{
	struct object_head version = fake_whole(SMALL, "");
	struct passenger p = {0};
	struct cache_rig r;
	struct ask *a;
	int told = 0;

	cache_rig_new(&r);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	a = ask_past(&r, NULL, &told);
	fake_done(r.store.first, STORE_FAULT);
	CHECK(!ask_rescue(a, &version, 1, SMALL - 1, on_told, &told) &&
		      !ask_rescue(a, &version, 0, SMALL - 2, on_told, &told),
	      "without a name: no part of it");
	CHECK(ask_rescue(a, &version, 0, SMALL - 1, on_told, &told), "but all of it");
	CHECK(r.store.first && !r.store.first->read.ranged && !r.store.first->read.if_match,
	      "by a question for the whole");
	fake_head(r.store.first, &version);
	rig_give(&r, r.store.first, 0, SMALL);
	fake_done(r.store.first, STORE_FOUND);
	CHECK_INT(rig_readable(ask_body(a), 0), SMALL, "which comes");
	ask_free(a);
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A directory where an object would lie turned the cache off for all, again and again. */
static void test_odd_name(void)
{
	char name[OBJECT_NAME_LEN], path[128];
	struct object_id id;
	struct cache_rig r;

	cache_rig_new(&r);
	id = cache_id(r.cache, &r.store.store, SLICE("odd"), FORM_STORED, NULL);
	object_name(&id, name);
	snprintf(path, sizeof(path), "%s/" DISK_OBJECTS "/%s", r.dir, name);
	put(&r, "odd");
	ASSERT(unlink(path) == 0 && mkdir(path, 0700) == 0);
	flights_forget_landed(r.cache->flights, &id);
	put(&r, "odd");
	CHECK(cache_disk_usable(r.cache), "it cannot be kept: the disk is well all the same");
	CHECK(!has(&r, "odd") && cache_disk_usable(r.cache), "nor is it found");
	put(&r, "k");
	CHECK(has(&r, "k"), "others are");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A disk that could not take the draft was the client's 503. */
static void test_draft_cannot_be_ordered(void)
{
	struct object_head head = fake_part(3 * MI, RIG_ETAG, 0, RIG_BLOCK - 1);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	ASSERT(pool_stop(r.cache->pool, 10 * NS_PER_S));
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	fake_head(r.store.first, &head);
	CHECK(p.declined == 1 && p.told == 0 && !r.store.first, "it goes on past the cache");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Below the floor, with nothing left to evict, fills were begun until the disk was full. */
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

/* ---- what is stale ---- */

static void answer_as(struct cache_rig *r, struct store_call *c, const char *etag)
{
	struct object_head head = fake_whole(SMALL, etag);
	bool only_head = c->read.head;

	fake_head(c, &head);
	if (!only_head)
		rig_give(r, c, 0, SMALL);
	fake_done(c, STORE_FOUND);
	cache_rig_quiet(r);
}

/* After a change the next one was not noticed for a minute. */
static void test_changes_twice(void)
{
	struct cache_rig r;

	cache_rig_init(&r);
	r.settings.fresh_ns = NS_PER_S;
	cache_rig_open(&r);
	put(&r, "k");
	clock_freeze_wall_s(RIG_NOW + 10);
	ASSERT(has(&r, "k") && head_call(&r));
	answer_as(&r, head_call(&r), "\"v2\"");
	ASSERT(r.store.first && !r.store.first->read.head);
	answer_as(&r, r.store.first, "\"v2\"");
	CHECK(rig_kept(&r, "k", SMALL, "\"v2\""), "it has changed: the new one is kept");
	manual_advance(r.loop, 3 * NS_PER_S);
	clock_freeze_wall_s(RIG_NOW + 20);
	CHECK(has(&r, "k") && head_call(&r), "stale again: it is asked about again");
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	test_part_is_put_back();
	test_one_part_in_a_crowd();
	test_joiner_has_its_own_time();
	test_sum_without_a_length();
	test_sums_are_not_given_up();
	test_what_passes_is_checked();
	test_no_seat_from_before_a_purge();
	test_purge_of_another_spelling();
	test_probe_of_an_empty_range();
	test_one_odd_object();
	test_miss_in_the_name_of_another();
	test_rescue_from_the_start();
	test_odd_name();
	test_draft_cannot_be_ordered();
	test_floor_is_held();
	test_changes_twice();
	return tap_done();
}
