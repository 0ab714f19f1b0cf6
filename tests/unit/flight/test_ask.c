// SPDX-License-Identifier: MIT
/*
 * Which way an ask goes, in every state of the cache, and that whoever asks is told once and never
 * from inside: a seat, a fetch of its own through a ring, a file that has just landed.
 */
#include "ask_rig.h"
#include "symfmt/msfz.h"

#include "tap.h"
#include <fcntl.h>
#include <openssl/evp.h>

#define SMALL 1000
#define MI    (INT64_C(1) << 20)

/* The whole, by a call without a range. */
static void give_whole(struct cache_rig *r, struct store_call *c, int64_t length)
{
	struct object_head head = fake_whole(length, RIG_ETAG);

	fake_head(c, &head);
	rig_give(r, c, 0, length);
	fake_done(c, STORE_FOUND);
}

/* ---- the way through the cache ---- */

static void test_flight_and_hit(void)
{
	struct asker a[2], hit;
	struct cache_rig r;
	char to[SMALL];

	cache_rig_new(&r);
	ask_key(&r, &a[0], "A/b");
	ask_key(&r, &a[1], "A/b");
	CHECK(ask_way(a[0].ask) == ASK_FILLED && ask_way(a[1].ask) == ASK_JOINED &&
		      r.store.started == 1,
	      "the first one fills, the second one joins");
	rig_answer(&r, r.store.first, SMALL);
	for (int i = 0; i < 2; i++)
		CHECK(a[i].told == 1 && a[i].result == FETCH_FOUND && a[i].head.fd < 0 &&
			      rig_readable(ask_body(a[i].ask), 0) == SMALL,
		      "both get it");
	cache_rig_quiet(&r);
	ask_key(&r, &hit, "a/b");
	CHECK(ask_way(hit.ask) == ASK_HIT && hit.told == 0,
	      "who comes too late for it gets the file");
	manual_settle(r.loop);
	CHECK(hit.told == 1 && hit.result == FETCH_FOUND && hit.head.fd >= 0 &&
		      hit.head.length == SMALL && !ask_body(hit.ask) && r.store.started == 1,
	      "soon");
	CHECK(pread(hit.head.fd, to, SMALL, hit.head.fd_base) == SMALL && rig_is_body(to, SMALL, 0),
	      "its bytes, where it says");
	done(&hit);
	done(&a[0]);
	done(&a[1]);
	ask_key(&r, &hit, "a/b");
	done(&hit);
	CHECK(cache_rig_close(&r), "one who goes before he is told leaves nothing");
}

/* It has landed, and is gone again already. */
static void test_landed_and_gone(void)
{
	struct object_id id;
	struct cache_rig r;
	struct asker a;

	cache_rig_new(&r);
	ask_key(&r, &a, "k");
	rig_answer(&r, r.store.first, SMALL);
	cache_rig_quiet(&r);
	done(&a);
	id = cache_id(r.cache, &r.store.store, SLICE("k"), FORM_STORED, NULL);
	ASSERT(disk_remove(r.cache->disk, &id, NULL) == OK);
	ask_key(&r, &a, "k");
	CHECK(ask_way(a.ask) == ASK_FILLED && r.store.started == 2, "then it is brought again");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_missing(void)
{
	struct cache_rig r;
	struct asker a;

	cache_rig_new(&r);
	ask_key(&r, &a, "Key");
	fake_done(r.store.first, STORE_MISS);
	CHECK(a.told == 1 && a.result == FETCH_MISS, "missing");
	CHECK(knows_missing(r.cache, &r.store.store, SLICE("Key"), NULL) &&
		      !knows_missing(r.cache, &r.store.store, SLICE("key"), NULL),
	      "and remembered as it was asked");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_no_seat_left(void)
{
	struct asker a[2];
	struct cache_rig r;

	cache_rig_init(&r);
	r.flying.max_fill_waiters = 1;
	cache_rig_open(&r);
	ask_key(&r, &a[0], "k");
	ask_key(&r, &a[1], "k");
	CHECK_INT(a[1].told, 0, "too many: not from inside");
	manual_settle(r.loop);
	CHECK(a[1].told == 1 && a[1].result == FETCH_FAULT && a[1].error.code == ERR_BUSY,
	      "but soon");
	CHECK(!ask_body(a[1].ask) && !ask_is_spooling(a[1].ask), "there is no body");
	done(&a[1]);
	done(&a[0]);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- past the cache ---- */

enum reason { NO_DISK, DISK_FAILED, LOCAL, HEAD_ONLY, NO_ROOM, TOO_LARGE, REASONS };

static void prepare(struct cache_rig *r, enum reason why)
{
	cache_rig_init(r);
	if (why == NO_DISK)
		r->settings.dir = NULL;
	if (why == NO_ROOM)
		r->flying.max_fills = 0;
	if (why == TOO_LARGE)
		r->settings.max_bytes = SMALL;
	cache_rig_open(r);
	if (why == DISK_FAILED)
		atomic_store(&r->cache->disk_failed_ns, clock_mono_ns());
	r->store.store.traits.local = why == LOCAL;
}

static void test_passed(void)
{
	static const char *const names[REASONS] = {"no disk",        "a disk that failed",
						   "a local store",  "only the head",
						   "too many fills", "larger than the cache"};

	for (int why = 0; why < REASONS; why++) {
		bool declined = why == NO_ROOM || why == TOO_LARGE;
		struct object_head head = fake_whole(SMALL, RIG_ETAG);
		struct ask_request request;
		struct cache_rig r;
		struct asker a;

		prepare(&r, (enum reason)why);
		request = rig_request(&r, "k");
		request.head = why == HEAD_ONLY;
		request.via = "1.1 x";
		request.checksum = "SHA256:ab";
		request.patient = true;
		ask_for(&a, &request);
		if (declined) {
			fake_head(r.store.first, &head);
			CHECK(a.told == 0 && r.store.started == 2, "declined: it asks again");
		}
		CHECK(ask_way(a.ask) == ASK_PASSED && !r.store.first->read.ranged &&
			      r.store.first->read.head == (why == HEAD_ONLY) &&
			      r.store.first->read.patient,
		      names[why]);
		CHECK_STR(r.store.first->read.via, "1.1 x", "asked as the request says");
		CHECK_STR(r.store.first->read.checksum, "SHA256:ab", "with its checksum");
		fake_head(r.store.first, &head);
		if (why != HEAD_ONLY)
			rig_give(&r, r.store.first, 0, SMALL);
		fake_done(r.store.first, STORE_FOUND);
		CHECK(a.told == 1 && a.result == FETCH_FOUND && a.head.length == SMALL, "found");
		if (why == HEAD_ONLY)
			CHECK(!ask_body(a.ask), "no body");
		else
			CHECK_INT(rig_readable(ask_body(a.ask), 0), SMALL, "its body");
		cache_rig_quiet(&r);
		if (r.cache->disk)
			CHECK(!rig_kept(&r, "k", SMALL, RIG_ETAG), "nothing is kept");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Past the cache, a range is asked for as it is; misses are remembered all the same. */
static void test_passed_range(void)
{
	struct object_head head = fake_part(5000, RIG_ETAG, 100, 199);
	struct ask_request request;
	struct cache_rig r;
	struct asker a;

	prepare(&r, NO_DISK);
	request = rig_request(&r, "k");
	request.ranged = true;
	request.range = (struct range_ask){100, 199};
	ask_for(&a, &request);
	CHECK(r.store.first->read.ranged && r.store.first->read.range.last == 199, "the range");
	fake_head(r.store.first, &head);
	CHECK(a.told == 1 && a.head.first == 100 && fill_length(ask_body(a.ask)) == 100, "comes");
	done(&a);
	ask_for(&a, &request);
	fake_unsatisfiable(r.store.first, 50);
	CHECK(a.result == FETCH_UNSATISFIABLE && a.head.total == 50, "or lies outside");
	done(&a);
	ask_for(&a, &request);
	fake_done(r.store.first, STORE_MISS_DENIED);
	CHECK(a.result == FETCH_DENIED && knows_missing(r.cache, &r.store.store, SLICE("k"), NULL),
	      "or is missing");
	done(&a);
	ask_for(&a, &request);
	fake_done(r.store.first, STORE_FAULT);
	CHECK(a.result == FETCH_FAULT && a.error.code == ERR_NET, "or not to be had");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Through a flight a range is not asked for: the whole comes, and is kept. */
static void test_flown_range(void)
{
	struct ask_request request;
	struct cache_rig r;
	struct asker a;

	cache_rig_new(&r);
	request = rig_request(&r, "k");
	request.ranged = true;
	request.range = (struct range_ask){100, 199};
	ask_for(&a, &request);
	CHECK(r.store.first->read.range.first == 0, "from the beginning");
	rig_answer(&r, r.store.first, SMALL);
	CHECK(a.head.first == 0 && a.head.length == SMALL && !a.head.ranged,
	      "the head of the whole");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A ring's writer waits for its reader. */
static void test_ring(void)
{
	const int64_t total = 4 * (int64_t)FILL_RING_MIN;
	struct object_head head = fake_whole(total, RIG_ETAG);
	struct cache_rig r;
	struct asker a;
	int64_t at = 0;

	prepare(&r, NO_DISK);
	ask_key(&r, &a, "k");
	fake_head(r.store.first, &head);
	while (!r.store.first->paused) {
		fake_data(r.store.first, rig_bytes(at, RIG_PIECE).p, RIG_PIECE);
		at += (int64_t)RIG_PIECE;
	}
	CHECK(at < (int64_t)FILL_RING_MIN, "a full ring pauses the store");
	CHECK_INT(rig_readable(ask_body(a.ask), 0), at, "the reader reads");
	CHECK_INT(r.store.resumed, 0, "not on the reader's thread");
	manual_settle(r.loop);
	CHECK_INT(r.store.resumed, 1, "it is resumed");
	for (int i = 0; i < 3 && r.store.first; i++)
		fake_data(r.store.first, rig_bytes(at + i, RIG_PIECE).p, RIG_PIECE);
	fake_data(r.store.first, rig_bytes(0, RIG_PIECE).p, RIG_PIECE);
	CHECK(r.store.first != NULL, "what fits is taken");
	fake_data(r.store.first, rig_bytes(0, RIG_PIECE).p, RIG_PIECE);
	CHECK(!r.store.first && fill_failed(ask_body(a.ask), &a.error) && a.error.code == ERR_LIMIT,
	      "a store that does not pause is cut off");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_abort(void)
{
	struct object_head head = fake_whole(SMALL, RIG_ETAG);
	struct asker passing, flying;
	struct error e = {OK, 0, ""};
	struct cache_rig r;

	cache_rig_new(&r);
	ask_key(&r, &flying, "k");
	rig_give(&r, r.store.first, 0, 0);
	ask_abort(flying.ask);
	CHECK(r.store.first != NULL, "a flight is of many: it goes on");
	done(&flying);
	atomic_store(&r.cache->disk_failed_ns, clock_mono_ns());
	ask_key(&r, &passing, "l");
	fake_head(fake_call(&r.store, "l"), &head);
	ask_abort(passing.ask);
	CHECK(!fake_call(&r.store, "l") && fill_failed(ask_body(passing.ask), &e) &&
		      e.code == ERR_CANCELED,
	      "a body of one's own does not");
	done(&passing);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_spooling(void)
{
	struct object_head head = fake_whole(-1, RIG_ETAG);

	for (int disk = 0; disk < 2; disk++) {
		struct cache_rig r;
		struct asker a;

		prepare(&r, disk ? REASONS : NO_DISK);
		ask_key(&r, &a, "k");
		CHECK(!ask_is_spooling(a.ask), "not yet");
		fake_head(r.store.first, &head);
		CHECK(ask_is_spooling(a.ask) && a.told == 0, "an answer without a length");
		rig_give(&r, r.store.first, 0, SMALL);
		fake_done(r.store.first, STORE_FOUND);
		CHECK(MANUAL_UNTIL(r.loop, a.told == 1) && a.head.total == SMALL &&
			      (a.head.fd < 0) == disk,
		      disk ? "is a fill for all" : "is a file for one");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* A HEAD joins who finds out, even without a disk; it never begins a flight. */
static void test_join_by_head(void)
{
	struct flight_request presence;
	struct ask_request request;
	struct asker a, head;
	struct cache_rig r;

	prepare(&r, NO_DISK);
	presence = rig_flight(&r, "k");
	flight_ask_presence(&presence);
	ask_key(&r, &a, "k");
	CHECK(ask_way(a.ask) == ASK_JOINED && r.store.started == 1,
	      "no disk: a question of presence is joined");
	fake_done(r.store.first, STORE_MISS);
	CHECK(a.told == 1 && a.result == FETCH_MISS, "missing");
	done(&a);
	presence = rig_flight(&r, "l");
	flight_ask_presence(&presence);
	ask_key(&r, &a, "l");
	fake_head(r.store.first,
		  &(struct object_head){
			  .total = SMALL, .length = 1, .ranged = true, .etag = RIG_ETAG, .fd = -1});
	CHECK(a.told == 0 && ask_way(a.ask) == ASK_PASSED && r.store.first, "there: it passes");
	give_whole(&r, r.store.first, SMALL);
	CHECK_INT(rig_readable(ask_body(a.ask), 0), SMALL, "and comes");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");

	cache_rig_new(&r);
	ask_key(&r, &a, "k");
	request = rig_request(&r, "k");
	request.head = true;
	ask_for(&head, &request);
	CHECK(ask_way(head.ask) == ASK_JOINED && r.store.started == 1, "a HEAD joins a flight");
	rig_answer(&r, r.store.first, SMALL);
	CHECK(head.told == 1 && head.head.total == SMALL, "and is told what it asked");
	done(&head);
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- rescue ---- */

static void test_rescue(void)
{
	static const char *const unnamed[] = {"", "W/\"1\"", "bare"};
	struct object_head version = fake_whole(SMALL, RIG_ETAG), head;
	int64_t rescued = metric_get(fills_rescued);
	struct asker a, first, pass;
	struct cache_rig r;

	cache_rig_new(&r);
	ask_key(&r, &first, "k");
	ask_key(&r, &a, "k");
	for (size_t i = 0; i < ARRAY_LEN(unnamed); i++) {
		head = fake_whole(SMALL, unnamed[i]);
		CHECK(!ask_rescue(a.ask, &head, 1, SMALL - 1, told, &a),
		      "a version without a name cannot be continued");
	}
	rig_answer(&r, r.store.first, SMALL);
	CHECK(ask_rescue(a.ask, &version, 600, SMALL - 1, told, &a) && a.told == 1, "one with can");
	CHECK_INT(metric_get(fills_rescued) - rescued, 1, "which is counted");
	CHECK(r.store.first->read.range.first == 600 &&
		      strcmp(r.store.first->read.if_match, RIG_ETAG) == 0,
	      "the rest of it");
	head = fake_part(SMALL, RIG_ETAG, 600, SMALL - 1);
	fake_head(r.store.first, &head);
	CHECK(a.told == 2 && a.head.first == 600 && fill_length(ask_body(a.ask)) == 400,
	      "by another body, which begins there");
	CHECK(ask_body(a.ask) != ask_body(first.ask), "of its own");
	CHECK(!ask_rescue(a.ask, &version, 700, SMALL - 1, told, &a), "once");
	done(&a);
	done(&first);

	ask_key(&r, &a, "l");
	rig_answer(&r, r.store.first, SMALL);
	ASSERT(ask_rescue(a.ask, &version, 600, SMALL - 1, told, &a));
	head = fake_part(SMALL, "\"v2\"", 600, SMALL - 1);
	while (r.store.first) {
		fake_head(r.store.first, &head);
		manual_advance(r.loop, NS_PER_S);
	}
	CHECK(a.told == 2 && a.result == FETCH_FAULT && a.error.code == ERR_CORRUPT,
	      "another version does not do");
	done(&a);
	atomic_store(&r.cache->disk_failed_ns, clock_mono_ns());
	ask_key(&r, &pass, "m");
	CHECK(!ask_rescue(pass.ask, &version, 0, SMALL - 1, told, &pass),
	      "who has a body of his own needs none");
	done(&pass);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* An answer that begins like this, up to its end or to where it is broken off. */
static void answer_like(struct cache_rig *r, struct slice beginning)
{
	struct object_head head = fake_whole(SMALL, RIG_ETAG);
	struct store_call *c = r->store.first;
	int cancelled = r->store.cancelled;

	fake_head(c, &head);
	if (r->store.cancelled == cancelled)
		fake_data(c, beginning.p, beginning.n);
	if (r->store.cancelled > cancelled)
		return;
	rig_give(r, c, (int64_t)beginning.n, SMALL);
	fake_done(c, STORE_FOUND);
}

/*
 * Who accepts MSFZ asks so, if nothing else will do and the store takes it, with the cache and without;
 * and learns what came.
 */
static void test_msfz(void)
{
	static const struct slice magic = {MSFZ_MAGIC, MSFZ_MAGIC_SIZE};
	static const struct {
		const char *name;
		bool disk, comes; /* it has one; MSFZ comes */
		bool flies, refused,
			probed; /* as stored already; the store took it ill; presence only */
	} cases[] = {
		{"MSFZ", true, true, false, false, false},
		{"as it is", true, false, false, false, false},
		{"MSFZ, without a cache", false, true, false, false, false},
		{"as it is, without a cache", false, false, false, false, false},
		{"on its way as it is", true, false, true, false, false},
		{"of a store that took it ill", true, false, false, true, false},
		{"only whether it is there", true, false, false, false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool asks = !cases[i].flies && !cases[i].refused && !cases[i].probed;
		struct object_head version = fake_whole(SMALL, RIG_ETAG);
		struct asker a, other;
		struct ask_request request;
		struct cache_rig r;

		cache_rig_init(&r);
		r.settings.dir = cases[i].disk ? r.dir : NULL;
		cache_rig_open(&r);
		r.store.store.traits.negotiates = true;
		if (cases[i].refused)
			store_stop_negotiating(&r.store.store);
		if (cases[i].flies)
			ask_key(&r, &other, "k");
		request = rig_request(&r, "k");
		request.msfz = true;
		request.presence = cases[i].probed;
		ask_for(&a, &request);
		CHECK(r.store.started == 1 && r.store.first->read.msfz == asks, cases[i].name);
		answer_like(&r, cases[i].comes ? magic : rig_bytes(0, 64));
		manual_settle(r.loop);
		CHECK(a.told == 1 && a.result == FETCH_FOUND, "found");
		CHECK_INT(ask_form(a.ask), cases[i].comes ? FORM_MSFZ : FORM_STORED, "as it came");
		if (cases[i].disk && asks) {
			CHECK(ask_rescue(a.ask, &version, 600, SMALL - 1, told, &a),
			      "it can be rescued");
			CHECK_INT(r.store.first->read.msfz, cases[i].comes, "as what it is");
		}
		done(&a);
		if (cases[i].flies)
			done(&other);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* What has no name to be continued by is begun anew, if nothing of it has been sent. */
static void test_rescue_from_the_start(void)
{
	struct object_head version = fake_whole(SMALL, "");
	struct passenger p = {0};
	struct cache_rig r;
	struct asker a;

	cache_rig_new(&r);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	ask_key(&r, &a, "k");
	fake_done(r.store.first, STORE_FAULT);
	CHECK(!ask_rescue(a.ask, &version, 1, SMALL - 1, told, &a) &&
		      !ask_rescue(a.ask, &version, 0, SMALL - 2, told, &a),
	      "without a name: no part of it");
	CHECK(ask_rescue(a.ask, &version, 0, SMALL - 1, told, &a), "but all of it");
	CHECK(r.store.first && !r.store.first->read.ranged && !r.store.first->read.if_match,
	      "by a question for the whole");
	fake_head(r.store.first, &version);
	rig_give(&r, r.store.first, 0, SMALL);
	fake_done(r.store.first, STORE_FOUND);
	CHECK_INT(rig_readable(ask_body(a.ask), 0), SMALL, "which comes");
	done(&a);
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- what passes ---- */

static void md5_etag(int64_t n, char ret[static 40])
{
	unsigned char sum[16];

	ASSERT(EVP_Digest(rig_bytes(0, (size_t)n).p, (size_t)n, sum, NULL, EVP_md5(), NULL));
	ret += snprintf(ret, 2, "\"");
	for (size_t i = 0; i < sizeof(sum); i++)
		ret += snprintf(ret, 3, "%02x", sum[i]);
	snprintf(ret, 2, "\"");
}

/* What does not come by way of the disk is checked as well. */
static void test_what_passes_is_checked(void)
{
	int64_t corrupt = metric_get(fills_corrupt);
	struct object_head head = fake_whole(SMALL, "");
	struct error e = {OK, 0, ""};
	struct cache_rig r;
	struct asker a;

	cache_rig_init(&r);
	r.settings.dir = NULL;
	cache_rig_open(&r);
	md5_etag(SMALL, head.etag);
	head.etag_is_md5 = true;
	for (int wrong = 0; wrong < 2; wrong++) {
		ask_key(&r, &a, "k");
		fake_head(r.store.first, &head);
		rig_give(&r, r.store.first, wrong, wrong + SMALL);
		fake_done(r.store.first, STORE_FOUND);
		CHECK_INT(rig_readable(ask_body(a.ask), 0), wrong ? 0 : SMALL,
			  wrong ? "another body: its tail is held back" : "the right one comes");
		CHECK_INT(!r.store.first, !wrong, "until it has been asked for once more");
		done(&a);
		CHECK(!r.store.first, "by who waits for it");
	}
	for (int same = 0; same < 2; same++) {
		ask_key(&r, &a, "k");
		for (int i = 0; i < 2; i++) {
			int64_t from = i && !same ? 2 : 1;

			fake_head(r.store.first, &head);
			rig_give(&r, r.store.first, from, from + SMALL);
			fake_done(r.store.first, STORE_FOUND);
		}
		CHECK_INT(fill_failed(ask_body(a.ask), &e) && e.code == ERR_CORRUPT, !same,
			  same ? "the same came twice: the ETag is no checksum"
			       : "other bytes: wrong");
		done(&a);
		CHECK_INT(metric_get(fills_corrupt) - corrupt, 1, "which is counted");
	}
	ask_key(&r, &a, "k");
	fake_head(r.store.first, &head);
	rig_give(&r, r.store.first, 1, 1 + SMALL);
	fake_done(r.store.first, STORE_FOUND);
	ask_abort(a.ask);
	CHECK(!r.store.first && fill_failed(ask_body(a.ask), &e) && e.code == ERR_CANCELED,
	      "broken off in between");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A server before us passes over what it was asked for: its 404 is not remembered as one of the store. */
static void test_miss_in_the_name_of_another(void)
{
	for (int i = 0; i < 8; i++) {
		bool disk = i & 1, loops = i & 2, via = i & 4;
		struct cache_rig r;
		struct ask_request request;
		struct asker a;

		cache_rig_init(&r);
		r.settings.dir = disk ? r.dir : NULL;
		cache_rig_open(&r);
		r.store.store.traits.loops = loops;
		request = rig_request(&r, "k");
		request.via = via ? "1.1 another" : NULL;
		ask_for(&a, &request);
		fake_done(r.store.first, STORE_MISS);
		CHECK(a.told == 1 && knows_missing(r.cache, &r.store.store, SLICE("k"), NULL) ==
					     !(loops && via),
		      loops && via ? "a miss of a chain is not remembered" : "any other is");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

int main(void)
{
	test_flight_and_hit();
	test_landed_and_gone();
	test_missing();
	test_no_seat_left();
	test_passed();
	test_passed_range();
	test_flown_range();
	test_ring();
	test_abort();
	test_spooling();
	test_join_by_head();
	test_rescue();
	ask_free(NULL);
	test_rescue_from_the_start();
	test_msfz();
	test_what_passes_is_checked();
	test_miss_in_the_name_of_another();
	return tap_done();
}
