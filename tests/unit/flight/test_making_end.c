// SPDX-License-Identifier: MIT
/*
 * Flights of what is made of an object, and that nothing is left of them, nor kept, nor told that is
 * not so, whoever leaves, purges, fails or is cut off, at any point.
 */
#include "base/log.h"
#include "flight/confirm.h"
#include "making_rig.h"

#include "tap.h"
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- leaving ---- */

enum leave_at { BEFORE_THE_HEAD, BEFORE_IT_BEGINS, IN_THE_MIDDLE, LEAVES };

static const struct {
	const char *name;
	enum seat_use use;
	enum leave_at at;
	bool goes_on;
} leavings[] = {
	{"taken, left before the head: it is brought and made", SEAT_TAKES, BEFORE_THE_HEAD, true},
	{"taken, left before it begins: the same", SEAT_TAKES, BEFORE_IT_BEGINS, true},
	{"taken, left in the middle: the same", SEAT_TAKES, IN_THE_MIDDLE, true},
	{"nobody takes it, left before the head", SEAT_MAKES, BEFORE_THE_HEAD, false},
	{"nobody takes it, left before it begins", SEAT_MAKES, BEFORE_IT_BEGINS, false},
	{"nobody takes it, left in the middle", SEAT_MAKES, IN_THE_MIDDLE, false},
};

/* A cabinet is in memory when its header is: then what is made begins. */
static void test_leave(void)
{
	struct slice whole = buf_slice(&noise_cab);

	for (size_t i = 0; i < ARRAY_LEN(leavings); i++) {
		enum leave_at at = leavings[i].at;
		struct passenger p = {.seat.use = leavings[i].use};
		struct object_head h;
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		take(&r, FORM_EXPANDED, &p);
		c = r.store.first;
		h = head_for(c, (int64_t)whole.n, "");
		if (at > BEFORE_THE_HEAD)
			fake_head(c, &h);
		if (at == IN_THE_MIDDLE) {
			give_bytes(&r, c, slice_head(whole, whole.n / 2));
			ASSERT(told_found(&r, &p));
		}
		seat_leave(&p.seat);
		if (at == BEFORE_THE_HEAD)
			fake_head(c, &h);
		if (at == IN_THE_MIDDLE && !leavings[i].goes_on) {
			CHECK(makers_over(&r) && !r.store.first, leavings[i].name);
		} else if (!leavings[i].goes_on) {
			give_bytes(&r, c, slice_head(whole, whole.n / 2));
			CHECK(makers_over(&r) && !r.store.first, leavings[i].name);
		} else {
			give_bytes(&r, c,
				   at == IN_THE_MIDDLE ? slice_from(whole, whole.n / 2) : whole);
			fake_done(c, STORE_FOUND);
			ASSERT(makers_over(&r));
			CHECK(kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&noise), EXPANDED),
			      leavings[i].name);
		}
		CHECK(metric_get(active_fills) == 0 && cache_rig_close(&r), "nothing is left");
	}
}

#define HUGE (INT64_C(65) << 20) /* more than FLIGHT_FINISH_BYTES */

/* What is long and not known to begin soon is not made for nobody. */
static void test_leave_what_is_long(void)
{
	struct passenger p = {0}, other = {0};
	struct object_head h;
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	take(&r, FORM_EXPANDED, &other);
	h = head_for(r.store.first, HUGE, "");
	fake_head(r.store.first, &h);
	manual_settle(r.loop);
	seat_leave(&p.seat);
	manual_settle(r.loop);
	CHECK(r.store.first && other.told == 0, "one has left, one waits");
	seat_leave(&other.seat);
	CHECK(makers_over(&r) && !r.store.first, "both have left: nothing is fetched any more");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- what becomes much longer ---- */

/* So many zeros, in a frame that does not tell how many. */
static void zeros(struct buf *to, int64_t n)
{
	static const char zero[1 << 20];
	ZSTD_CCtx *c = ZSTD_createCCtx();
	char *p = buf_reserve(to, (size_t)4 << 20);
	ZSTD_outBuffer out = {p, (size_t)4 << 20, 0};

	ASSERT(c && p);
	for (int64_t at = 0; at < n; at += (int64_t)sizeof(zero)) {
		ZSTD_inBuffer in = {zero, sizeof(zero), 0};
		bool last = at + (int64_t)sizeof(zero) >= n;

		ASSERT(!ZSTD_isError(
			ZSTD_compressStream2(c, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue)));
		ASSERT(in.pos == in.size);
	}
	to->n += out.pos;
	ZSTD_freeCCtx(c);
}

#define LONG (INT64_C(80) << 20) /* more than FLIGHT_FINISH_BYTES */

enum comes_back { NEVER, IN_TIME, TOO_LATE };

/* Nobody waits, so only what is worth it is made; whoever comes back has all of it. */
static void test_leave_what_grows(enum comes_back when)
{
	struct buf packed CLEANUP(buf_fini) = FORMS_BUF;
	int64_t made = metric_get(decoded_bytes);
	struct passenger p = {0}, back = {0};
	struct object_head h;
	struct store_call *c;
	struct cache_rig r;

	zeros(&packed, LONG);
	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	c = r.store.first;
	h = head_for(c, (int64_t)packed.n, "");
	fake_head(c, &h);
	ASSERT(SOON(&r, metric_get(active_decoders) == 1));
	seat_leave(&p.seat);
	if (when == IN_TIME)
		take(&r, FORM_EXPANDED, &back);
	give_bytes(&r, c, buf_slice(&packed));
	if (when == TOO_LATE) {
		while (metric_get(decoded_bytes) == made)
			sched_yield(); /* its end is posted, but not heard of */
		take(&r, FORM_EXPANDED, &back);
		fake_done(c, STORE_FOUND);
		ASSERT(SOON(&r, r.store.first && metric_get(active_decoders) == 0));
		made = metric_get(decoded_bytes);
		answer_with(&r, r.store.first, buf_slice(&packed), "");
	} else {
		fake_done(c, STORE_FOUND);
	}
	ASSERT(makers_over(&r));
	made = metric_get(decoded_bytes) - made;
	if (when == NEVER)
		CHECK(made >= FLIGHT_FINISH_BYTES && made <= FLIGHT_FINISH_BYTES + (1 << 20),
		      "all have left: no more is made than is worth it");
	else
		CHECK(back.told == 1 && back.result == FETCH_FOUND && back.head.total == LONG &&
			      made == LONG,
		      when == IN_TIME ? "who comes back gets all of it"
				      : "and who comes when it has been given up, too");
	seat_leave(&back.seat);
	CHECK(metric_get(active_fills) == 0 && cache_rig_close(&r), "nothing is left");
}

/* ---- in vain ---- */

/* Somebody asks, the store gives all of it. How often was it tried to be decoded? */
static int64_t ask_in_vain(struct cache_rig *r, struct slice packed, const char *etag)
{
	int64_t tries = metric_get(decode_failed);
	struct passenger p = {0};
	struct object_head h;
	struct store_call *c;

	take(r, FORM_EXPANDED, &p);
	c = r->store.first;
	h = head_for(c, (int64_t)packed.n, "");
	memcpy(h.etag, etag, strlen(etag) + 1);
	fake_head(c, &h);
	manual_settle(r->loop);
	if (r->store.first) {
		give_bytes(r, c, packed);
		fake_done(c, STORE_FOUND);
	}
	ASSERT(makers_over(r) && p.told == 1);
	if (p.result == FETCH_FOUND) /* then it is cut */
		fill_failed(seat_fill(&p.seat), &p.error);
	CHECK(p.error.code == ERR_CORRUPT, "a fault, and no miss");
	seat_leave(&p.seat);
	cache_rig_quiet(r);
	return metric_get(decode_failed) - tries;
}

static void purge(struct cache_rig *r, const char *key);

/* What came whole and is damaged is not tried again and again. */
static void test_in_vain(void)
{
	struct buf bad CLEANUP(buf_fini) = FORMS_BUF;
	struct cache_rig r;

	buf_add(&bad, buf_slice(&gz));
	bad.p[bad.n - 6] ^= 1; /* of the checksum */
	cache_rig_new(&r);
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 1,
		  "its promised length was believed");
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 1, "and is not the next time");
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 0, "then it is known");
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), "\"v2\""), 1, "but of that version only");
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 0, "which still is");
	manual_advance(r.loop, r.settings.miss_ttl_ns + 1);
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 1, "as long as a miss would be");
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 0, "and again");
	purge(&r, KEY);
	CHECK_INT(ask_in_vain(&r, buf_slice(&bad), RIG_ETAG), 1, "unless it is purged");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- purging ---- */

static void purge_done(struct flights_purge *p)
{
}

static void purge(struct cache_rig *r, const char *key)
{
	struct slice one = slice_of(key ? key : "");
	struct flights_purge p = {.keys = key ? &one : NULL,
				  .n = key != NULL,
				  .store = key ? &r->store.store : NULL,
				  .done = purge_done};

	flights_purge(r->flights, &p);
	manual_settle(r->loop);
	cache_rig_quiet(r);
}

static void test_purge(void)
{
	static const char *const keys[] = {KEY, NULL};
	struct slice whole = buf_slice(&noise_cab);

	for (int i = 0; i < 4; i++) {
		const char *key = keys[i / 2];
		struct passenger p = {0}, after = {0};
		struct store_call *c;
		struct object_head h;
		struct cache_rig r;

		cache_rig_new(&r);
		take(&r, FORM_EXPANDED, &p);
		c = r.store.first;
		h = head_for(c, (int64_t)whole.n, "");
		fake_head(c, &h);
		give_bytes(&r, c, slice_head(whole, i % 2 ? 10 : whole.n / 2));
		if (i % 2 == 0)
			ASSERT(told_found(&r, &p));
		else
			manual_settle(r.loop);
		purge(&r, key);
		CHECK(c == r.store.first && p.told == !(i % 2), "what flies goes on");
		take(&r, FORM_EXPANDED, &after);
		CHECK(after.seat.first && r.store.started == 2, "but is not joined any more");
		give_bytes(&r, c, slice_from(whole, i % 2 ? 10 : whole.n / 2));
		fake_done(c, STORE_FOUND);
		CHECK(told_found(&r, &p) && SOON(&r, readable_of(seat_fill(&p.seat),
								 buf_slice(&noise)) == TEXT_N),
		      "who waited for it has it");
		seat_leave(&p.seat);
		cache_rig_quiet(&r);
		CHECK(!kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&noise), EXPANDED),
		      "and nobody else");
		answer_with(&r, r.store.first, buf_slice(&cab), "");
		CHECK(told_found(&r, &after) && makers_over(&r) &&
			      kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED),
		      "what came after is kept");
		seat_leave(&after.seat);
		purge(&r, key);
		CHECK(!kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED),
		      "until it is purged in its turn");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Begun in the middle of a purge: the file that it is made of is still there. */
static void test_purge_of_what_it_is_made_of(void)
{
	struct slice key = SLICE(KEY);
	struct passenger p = {0};
	struct flights_purge work = {.keys = &key, .n = 1, .done = purge_done};
	struct cache_rig r;

	cache_rig_new(&r);
	work.store = &r.store.store;
	take(&r, FORM_STORED, &p);
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	cache_rig_quiet(&r);
	seat_leave(&p.seat);
	cache_rig_hold(&r);
	flights_purge(r.flights, &work);
	manual_settle(r.loop);
	take(&r, FORM_EXPANDED, &p);
	CHECK(told_found(&r, &p) && r.store.started == 1, "the old one is there still");
	cache_rig_release(&r);
	ASSERT(makers_over(&r));
	CHECK(!kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED),
	      "what is made of it is not kept");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the disk ---- */

static void test_without_a_disk(void)
{
	static const char *const names[] = {"no disk", "a disk that has failed", "too many fills",
					    "larger than the cache"};

	for (int i = 0; i < 4; i++) {
		const struct buf *stored = i == 2 ? &cab : &noise_cab;
		struct slice made = buf_slice(i == 2 ? &text : &noise);
		struct passenger p = {0}, late = {0};
		struct object_head h;
		struct store_call *c;
		struct cache_rig r;

		cache_rig_init(&r);
		if (i == 0)
			r.settings.dir = NULL;
		if (i == 2)
			r.flying.max_fills = 0;
		if (i == 3)
			r.settings.max_bytes = 100000;
		cache_rig_open(&r);
		if (i == 1)
			atomic_store(&r.cache->disk_failed_ns, clock_mono_ns());
		take(&r, FORM_EXPANDED, &p);
		c = r.store.first;
		h = head_for(c, (int64_t)stored->n, "");
		fake_head(c, &h);
		give_bytes(&r, c, slice_head(buf_slice(stored), stored->n / 2));
		CHECK(told_found(&r, &p) && p.declined == 0, names[i]);
		take(&r, FORM_EXPANDED, &late);
		CHECK(!late.seat.first && r.store.started == 1,
		      "... does not keep others from joining");
		give_bytes(&r, c, slice_from(buf_slice(stored), stored->n / 2));
		fake_done(c, STORE_FOUND);
		CHECK(told_found(&r, &late) && makers_over(&r) &&
			      readable_of(seat_fill(&late.seat), made) == (int64_t)made.n,
		      "... nor from having all of it");
		if (r.cache->disk)
			CHECK_INT(kept_as(&r, KEY, FORM_EXPANDED, made, EXPANDED), i == 2,
				  "... and it is kept only where that is possible");
		seat_leave(&p.seat);
		seat_leave(&late.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Nothing can be written behind this. */
static void limit_files(rlim_t bytes)
{
	struct rlimit l;

	ASSERT(getrlimit(RLIMIT_FSIZE, &l) == 0);
	l.rlim_cur = bytes;
	ASSERT(setrlimit(RLIMIT_FSIZE, &l) == 0);
}

static void test_disk_fails(void)
{
	int64_t errors = metric_get(cache_errors);
	struct error e = {OK, 0, ""};
	struct passenger p = {0};
	struct cache_rig r;

	signal(SIGXFSZ, SIG_IGN);
	cache_rig_new(&r);
	limit_files(TEXT_N / 2);
	take(&r, FORM_EXPANDED, &p);
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	CHECK(SOON(&r, p.told), "a disk that cannot be written to: told");
	ASSERT(makers_over(&r));
	if (p.result == FETCH_FOUND)
		CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_IO, "or broken off");
	else
		CHECK(p.result == FETCH_FAULT && p.error.code == ERR_IO, "a fault");
	CHECK(metric_get(cache_errors) > errors && !cache_disk_usable(r.cache),
	      "and the disk is left alone for a while");
	limit_files(RLIM_INFINITY);
	seat_leave(&p.seat);
	take(&r, FORM_EXPANDED, &p);
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	CHECK(told_found(&r, &p) && makers_over(&r) &&
		      readable_of(seat_fill(&p.seat), buf_slice(&text)) == TEXT_N,
	      "meanwhile it is made elsewhere");
	CHECK(!kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED), "and not kept");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- a newer version ---- */

/* The store has another version by now; the cache has the old one in both forms. */
static void test_confirmed(void)
{
	struct object_head h;
	struct passenger p[2] = {0};
	struct cache_object o;
	struct cache_rig r;

	cache_rig_new(&r);
	r.background = true; /* the question whether it is still good */
	take(&r, FORM_STORED, &p[0]);
	take(&r, FORM_EXPANDED, &p[1]);
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	ASSERT(told_found(&r, &p[1]) && makers_over(&r));
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	ASSERT(rig_find(&r, SLICE(KEY), FORM_EXPANDED, NULL, NULL, &o));
	close(o.head.fd);
	confirm_start(r.flights->confirms,
		      &(struct confirm_request){
			      .store = &r.store.store, .key = SLICE(KEY), .form = FORM_EXPANDED},
		      &o.head, true);
	manual_settle(r.loop);
	CHECK(r.store.first && r.store.first->read.head,
	      "the store is asked about the stored form");
	h = fake_whole((int64_t)noise_cab.n, "\"v2\"");
	fake_head(r.store.first, &h);
	fake_done(r.store.first, STORE_FOUND);
	manual_settle(r.loop);
	CHECK(r.store.first && !r.store.first->read.head,
	      "another version: that is fetched, whatever lies in the cache");
	if (r.store.first) {
		fake_head(r.store.first, &h);
		give_bytes(&r, r.store.first, buf_slice(&noise_cab));
		fake_done(r.store.first, STORE_FOUND);
	}
	ASSERT(makers_over(&r));
	CHECK(kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&noise), "\"v2-expanded\""),
	      "and expanded");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- identity ---- */

static void bring_wrong(struct slice stored, bool large, const char *name)
{
	struct passenger p = {0};
	struct error e = {OK, 0, ""};
	struct cache_rig r;

	cache_rig_init(&r);
	r.flying.verify = true;
	cache_rig_open(&r);
	ASSERT(rig_take_form(&r, FORMS_PDB_OTHER, FORM_EXPANDED, &p) == SEATED);
	answer_with(&r, r.store.first, stored, "");
	CHECK(SOON(&r, p.told) && p.result == (large ? FETCH_FOUND : FETCH_MISS), name);
	ASSERT(makers_over(&r));
	if (large)
		CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_OTHER,
		      "... is broken off");
	CHECK(knows_missing(r.cache, &r.store.store, SLICE(FORMS_PDB_OTHER), NULL),
	      "... and remembered as missing");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_identity(void)
{
	struct buf pdb CLEANUP(buf_fini) = FORMS_BUF, small CLEANUP(buf_fini) = FORMS_BUF;
	struct buf pdb_zst CLEANUP(buf_fini) = FORMS_BUF, small_zst CLEANUP(buf_fini) = FORMS_BUF;

	forms_pdb(&pdb, 100 * FORMS_PDB_PAGE);
	forms_pdb(&small, 24 * FORMS_PDB_PAGE);
	forms_zstd(&pdb_zst, buf_slice(&pdb));
	forms_zstd(&small_zst, buf_slice(&small));
	bring_wrong(buf_slice(&pdb_zst), true, "another PDB");
	bring_wrong(buf_slice(&small_zst), false, "another small PDB");
}

/* ---- the end of the process, at any point ---- */

enum { ABORT_POINTS = 9 };

static void test_abort(void)
{
	struct slice whole = buf_slice(&noise_cab);

	for (int point = 0; point < ABORT_POINTS; point++) {
		struct passenger p[3] = {{.leaves = true}, {.leaves = point % 2}, {.leaves = true}};
		struct object_head h;
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		take(&r, FORM_EXPANDED, &p[0]);
		take(&r, FORM_STORED, &p[1]);
		take(&r, FORM_PLAIN, &p[2]);
		c = r.store.first;
		h = head_for(c, (int64_t)whole.n, "");
		if (point > 0)
			fake_head(c, &h);
		if (point > 1)
			manual_settle(r.loop);
		if (point > 2)
			give_bytes(&r, c, slice_head(whole, whole.n / 2));
		if (point > 3)
			ASSERT(SOON(&r, p[0].told));
		if (point > 4)
			give_bytes(&r, c, slice_from(whole, whole.n / 2));
		if (point > 5)
			fake_done(c, STORE_FOUND);
		if (point > 6)
			ASSERT(SOON(&r, p[0].told && p[1].told && p[2].told));
		if (point > 7)
			ASSERT(SOON(&r, metric_get(active_decoders) == 0));
		if (!p[1].leaves) {
			flights_abort(r.flights);
			seat_leave(&p[1].seat);
		}
		CHECK(cache_rig_close(&r), "nothing is left");
		CHECK(metric_get(active_decoders) == 0 && metric_get(active_fills) == 0,
		      "and nobody is at work");
	}
}
int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	make_files();
	test_leave();
	test_leave_what_is_long();
	test_leave_what_grows(NEVER);
	test_leave_what_grows(IN_TIME);
	test_leave_what_grows(TOO_LATE);
	test_in_vain();
	test_purge();
	test_purge_of_what_it_is_made_of();
	test_without_a_disk();
	test_disk_fails();
	test_confirmed();
	test_identity();
	test_abort();
	free_files();
	return tap_done();
}
