// SPDX-License-Identifier: MIT
/*
 * Flights of what is made of an object, in front of a store that the test speaks for: that the store
 * is asked once whatever is wanted of the object, who is told what and when, and what is kept. How
 * they end otherwise: test_derive_end.c.
 */
#include "base/log.h"
#include "making_rig.h"

#include "tap.h"
#include <fcntl.h>
#include <sys/mman.h>

/* ---- one ---- */

/* In the memory of a small flight, or in its draft: */
static void test_expanded(void)
{
	const struct buf *stored[] = {&cab, &noise_cab}, *made[] = {&text, &noise};

	for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
		int64_t kept = metric_get(fills_kept), started = metric_get(fills_started);
		struct slice whole = buf_slice(made[i]);
		struct passenger p = {0};
		struct store_call *c;
		struct cache_rig r;

		cache_rig_new(&r);
		take(&r, FORM_EXPANDED, &p);
		c = r.store.first;
		CHECK(r.store.started == 1 && slice_eq(c->read.key, SLICE(KEY)) && !c->read.head &&
			      p.told == 0,
		      "the stored form is asked for");
		answer_with(&r, c, buf_slice(stored[i]), "");
		CHECK(told_found(&r, &p) && p.head.total == (int64_t)whole.n &&
			      p.head.length == p.head.total && p.head.fd < 0 && !p.head.encoding[0],
		      "found: the head of what is made");
		CHECK_STR(p.head.etag, EXPANDED, "with a name of its own");
		CHECK(makers_over(&r) && readable_of(seat_fill(&p.seat), whole) == (int64_t)whole.n,
		      "and all of its bytes");
		seat_leave(&p.seat);
		CHECK(kept_as(&r, KEY, FORM_EXPANDED, whole, EXPANDED), "which is kept");
		CHECK(!kept_as(&r, KEY, FORM_STORED, buf_slice(stored[i]), RIG_ETAG),
		      "in place of what it was made of");
		CHECK(metric_get(fills_kept) - kept == 1 &&
			      metric_get(fills_started) - started == 2 &&
			      metric_get(active_fills) == 0,
		      "and counted");
		CHECK_INT(rig_take_form(&r, KEY, FORM_EXPANDED, &p), NO_SEAT_LANDED,
			  "who comes now finds it in the cache");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void test_plain(void)
{
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_PLAIN, &p);
	answer_with(&r, r.store.first, buf_slice(&gz), "gzip");
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N && !p.head.encoding[0],
	      "an encoding undone");
	CHECK_STR(p.head.etag, PLAIN, "under its own name");
	CHECK(makers_over(&r) && kept_as(&r, KEY, FORM_PLAIN, buf_slice(&text), PLAIN),
	      "and kept so");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_cabinet(void)
{
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_CABINET, &p);
	answer_with(&r, r.store.first, buf_slice(&text), "");
	CHECK(told_found(&r, &p) && p.head.total > 0 && p.head.total < TEXT_N, "a cabinet");
	CHECK_STR(p.head.etag, "\"v1-cabinet\"", "under its own name");
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* It follows what arrives, and keeps its tail until the store's word is in. */
static void test_follows(void)
{
	struct slice whole = buf_slice(&noise_cab);
	struct object_head h;
	struct passenger p = {0}, late = {0};
	struct store_call *c;
	struct cache_rig r;
	struct fill *f;

	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	c = r.store.first;
	h = head_for(c, (int64_t)whole.n, "");
	fake_head(c, &h);
	manual_settle(r.loop);
	CHECK(p.told == 0 && seat_is_spooling(&p.seat),
	      "a head: nothing is known of what is in it");
	give_bytes(&r, c, slice_head(whole, whole.n / 2));
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N, "half of it: found");
	f = seat_fill(&p.seat);
	CHECK(SOON(&r, readable_of(f, buf_slice(&noise)) > TEXT_N / 4), "and followed");
	take(&r, FORM_EXPANDED, &late);
	CHECK(late.told == 0 && !late.seat.first && r.store.started == 1, "who comes later joins");
	CHECK(told_found(&r, &late) && late.head.total == TEXT_N && seat_fill(&late.seat) == f,
	      "and is told the same");
	give_bytes(&r, c, slice_from(whole, whole.n / 2));
	CHECK(SOON(&r, readable_of(f, buf_slice(&noise)) == TEXT_N - (int64_t)FILL_HELD_BACK),
	      "all has come: but for the tail");
	fake_done(c, STORE_FOUND);
	CHECK(SOON(&r, readable_of(f, buf_slice(&noise)) == TEXT_N), "the end of the answer: all");
	seat_leave(&p.seat);
	seat_leave(&late.seat);
	ASSERT(makers_over(&r));
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- several ---- */

enum comer { WANTS_STORED, WANTS_EXPANDED, WANTS_PLAIN, NOBODY };

static const struct {
	const char *name;
	enum comer comers[3];
	size_t before; /* the head is in; the others come then */
} parties[] = {
	{"stored, then made", {WANTS_STORED, WANTS_EXPANDED, NOBODY}, 3},
	{"made, then stored", {WANTS_EXPANDED, WANTS_STORED, NOBODY}, 3},
	{"stored, and made when the head is in", {WANTS_STORED, WANTS_EXPANDED, NOBODY}, 1},
	{"made, and stored when the head is in", {WANTS_EXPANDED, WANTS_STORED, NOBODY}, 1},
	{"three forms", {WANTS_PLAIN, WANTS_STORED, WANTS_EXPANDED}, 3},
	{"three forms, one after the other", {WANTS_EXPANDED, WANTS_PLAIN, WANTS_STORED}, 1},
	{"two that are made", {WANTS_PLAIN, WANTS_EXPANDED, NOBODY}, 1},
};

static const enum form form_of[] = {FORM_STORED, FORM_EXPANDED, FORM_PLAIN};

static bool wants(size_t party, enum comer what)
{
	bool any = false;

	for (int i = 0; i < 3; i++)
		any = any || parties[party].comers[i] == what;
	return any;
}

/* One question for all that is wanted of an object. */
static void test_parties(void)
{
	struct slice whole = buf_slice(&gz);

	for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
		struct passenger p[3] = {0};
		struct store_call *c;
		struct object_head h;
		struct cache_rig r;
		bool found = true;

		cache_rig_new(&r);
		for (size_t n = 0; n < 3; n++) {
			if (n == parties[i].before) {
				c = r.store.first;
				h = head_for(c, (int64_t)whole.n, "gzip");
				fake_head(c, &h);
			}
			if (parties[i].comers[n] != NOBODY)
				take(&r, form_of[parties[i].comers[n]], &p[n]);
		}
		CHECK_INT(r.store.started, 1, parties[i].name);
		c = r.store.first;
		if (parties[i].before == 3) {
			h = head_for(c, (int64_t)whole.n, "gzip");
			fake_head(c, &h);
		}
		give_bytes(&r, c, whole);
		fake_done(c, STORE_FOUND);
		for (size_t n = 0; n < 3; n++)
			found = found && (parties[i].comers[n] == NOBODY || told_found(&r, &p[n]));
		CHECK(found && r.store.started == 1, "... one question, and all find it");
		for (size_t n = 0; n < 3; n++)
			seat_leave(&p[n].seat);
		ASSERT(makers_over(&r));
		CHECK(kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED) ==
				      wants(i, WANTS_EXPANDED) &&
			      kept_as(&r, KEY, FORM_PLAIN, buf_slice(&text), PLAIN) ==
				      wants(i, WANTS_PLAIN) &&
			      kept_as(&r, KEY, FORM_STORED, whole, RIG_ETAG) ==
				      wants(i, WANTS_STORED),
		      "... what somebody wanted is kept, and nothing else");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Who only finds out whether it is there does not hinder who wants it. */
static void test_presence(void)
{
	struct passenger presence = {.seat.use = SEAT_PRESENCE}, p = {0};
	struct store_call *c;
	struct object_head h;
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_STORED, &presence);
	take(&r, FORM_EXPANDED, &p);
	c = r.store.first;
	CHECK(r.store.started == 1 && c->read.range.last == 0,
	      "presence is asked for already: no other question");
	h = head_for(c, (int64_t)cab.n, "");
	fake_head(c, &h);
	CHECK(r.store.started == 2 && p.told == 0, "it is there: it is asked for");
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	CHECK(told_found(&r, &presence) && presence.head.total == (int64_t)cab.n,
	      "the seat that asks for presence is told");
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N, "who wants what is in it, too");
	seat_leave(&presence.seat);
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(!kept_as(&r, KEY, FORM_STORED, buf_slice(&cab), RIG_ETAG) &&
		      kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED),
	      "a question of presence is no reason to keep it");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_waiters_limit(void)
{
	int64_t refused = metric_get(refused_fill_waiters);
	struct passenger stored = {0}, made = {0};
	struct cache_rig r;

	cache_rig_init(&r);
	r.flying.max_fill_waiters = 1;
	cache_rig_open(&r);
	take(&r, FORM_STORED, &stored);
	take(&r, FORM_EXPANDED, &made);
	CHECK(made.told == 0,
	      "no seat for it in the flight of the stored form: not told from inside");
	manual_settle(r.loop);
	CHECK(made.told == 1 && made.result == FETCH_FAULT && made.error.code == ERR_BUSY,
	      "but soon");
	CHECK_INT(metric_get(refused_fill_waiters) - refused, 2,
		  "counted for the flight and for what waits for it");
	seat_leave(&made.seat);
	seat_leave(&stored.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- out of the cache, and of a directory ---- */

static void test_from_the_cache(void)
{
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_STORED, &p);
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	cache_rig_quiet(&r);
	seat_leave(&p.seat);
	ASSERT(kept_as(&r, KEY, FORM_STORED, buf_slice(&cab), RIG_ETAG));
	take(&r, FORM_EXPANDED, &p);
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N && r.store.started == 1,
	      "what lies in the cache is not asked for");
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED) &&
		      kept_as(&r, KEY, FORM_STORED, buf_slice(&cab), RIG_ETAG),
	      "both are kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* It has landed a moment ago, but is not there any more. */
static void test_landed_and_gone(void)
{
	struct passenger p = {0};
	struct object_id id;
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_STORED, &p);
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	cache_rig_quiet(&r);
	seat_leave(&p.seat);
	id = cache_id(r.cache, &r.store.store, SLICE(KEY), FORM_STORED, NULL);
	ASSERT(disk_remove(r.cache->disk, &id, NULL) == OK);
	take(&r, FORM_EXPANDED, &p);
	CHECK_INT(r.store.started, 2, "then it is asked for again");
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	CHECK(told_found(&r, &p), "and found");
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(cache_rig_close(&r), "nothing is left");
}

static int file_with(struct slice bytes)
{
	int fd = memfd_create("local", MFD_CLOEXEC);

	ASSERT(pwrite(fd, bytes.p, bytes.n, 0) == (ssize_t)bytes.n);
	return fd;
}

static void test_local(void)
{
	struct object_head h = fake_whole((int64_t)cab.n, RIG_ETAG);
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;
	int fd;

	cache_rig_new(&r);
	r.store.store.traits.local = true;
	take(&r, FORM_EXPANDED, &p);
	c = r.store.first;
	h.fd = fd = file_with(buf_slice(&cab));
	fake_head(c, &h);
	fake_done(c, STORE_FOUND);
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N, "a file of a directory");
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&text), EXPANDED), "what was made is kept");
	CHECK(fcntl(fd, F_GETFD) < 0, "and the file is closed");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- what the store says ---- */

static const struct {
	const char *name;
	enum store_result says;
	enum fetch_result told;
	bool remembered;
} answers[] = {
	{"missing", STORE_MISS, FETCH_MISS, true},
	{"denied", STORE_MISS_DENIED, FETCH_DENIED, true},
	{"refused", STORE_MISS_REFUSED, FETCH_REFUSED, true},
	{"no answer", STORE_FAULT, FETCH_FAULT, false},
};

static void test_answers(void)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(answers); i++) {
		bool local = i % 2;
		struct passenger p[3] = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.local = local;
		take(&r, FORM_EXPANDED, &p[0]);
		take(&r, FORM_EXPANDED, &p[1]);
		take(&r, FORM_PLAIN, &p[2]);
		CHECK_INT(r.store.started, local ? 2 : 1, answers[i / 2].name);
		while (r.store.first)
			fake_done(r.store.first, answers[i / 2].says);
		for (int n = 0; n < 3; n++)
			CHECK(p[n].told == 1 && p[n].result == answers[i / 2].told &&
				      (p[n].result != FETCH_FAULT || p[n].error.code == ERR_NET),
			      "... is told of what would have been made");
		CHECK_INT(knows_missing(r.cache, &r.store.store, SLICE(KEY), NULL),
			  answers[i / 2].remembered, "... and remembered, or not");
		for (int n = 0; n < 3; n++)
			seat_leave(&p[n].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void test_nothing_in_it(void)
{
	struct buf empty CLEANUP(buf_fini) = FORMS_BUF;
	struct passenger p = {0};
	struct cache_rig r;

	forms_cab(&empty, SLICE_NONE);
	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	answer_with(&r, r.store.first, buf_slice(&empty), "");
	CHECK(SOON(&r, p.told) && p.result == FETCH_MISS, "nothing in it: a miss");
	CHECK(knows_missing(r.cache, &r.store.store, SLICE(KEY), NULL), "which is remembered");
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* There is no cabinet of it, but the file is there. */
static void test_too_long_for_a_cabinet(void)
{
	struct passenger p = {0};
	struct object_head h;
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_CABINET, &p);
	h = head_for(r.store.first, CAB_FILE_MAX + 1, "");
	fake_head(r.store.first, &h);
	CHECK(SOON(&r, p.told) && p.result == FETCH_MISS, "too long for a cabinet: a miss");
	CHECK(!knows_missing(r.cache, &r.store.store, SLICE(KEY), NULL), "of the cabinet alone");
	seat_leave(&p.seat);
	ASSERT(makers_over(&r));
	CHECK(!r.store.first, "nobody wants the file: it is not fetched");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* An answer without a length lies in a file before anything is made of it. */
static void test_spooled(void)
{
	struct object_head h = fake_whole(-1, "");
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	c = r.store.first;
	fake_head(c, &h);
	CHECK(p.told == 0, "an answer without a length");
	give_bytes(&r, c, buf_slice(&cab));
	fake_done(c, STORE_FOUND);
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N, "is received, and expanded");
	CHECK(makers_over(&r) && readable_of(seat_fill(&p.seat), buf_slice(&text)) == TEXT_N,
	      "all of it");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_damaged(void)
{
	struct passenger p = {0};
	struct error e = {OK, 0, ""};
	struct cache_rig r;

	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	answer_with(&r, r.store.first, slice_head(buf_slice(&noise_cab), noise_cab.n / 2), "");
	CHECK(told_found(&r, &p), "a cabinet that is cut off: found");
	ASSERT(makers_over(&r));
	CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_CORRUPT &&
		      readable_of(seat_fill(&p.seat), buf_slice(&noise)) < TEXT_N,
	      "and broken off");
	CHECK(!kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&noise), EXPANDED) &&
		      !knows_missing(r.cache, &r.store.store, SLICE(KEY), NULL),
	      "it is not kept, nor is it missing");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* All of it has been read ahead, and made, when the checksum turns out to be another. */
static void test_refuted(void)
{
	const struct buf *stored[] = {&cab, &noise_cab}, *made[] = {&text, &noise};

	for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
		struct passenger p = {0};
		struct object_head h = fake_whole((int64_t)stored[i]->n, RIG_ETAG);
		struct error e = {OK, 0, ""};
		struct store_call *c;
		struct cache_rig r;

		memcpy(h.sum_name, "crc32", 6);
		memcpy(h.sum_base64, "AAAAAA==", 9);
		h.sums_known = true;
		cache_rig_new(&r);
		take(&r, FORM_EXPANDED, &p);
		c = r.store.first;
		fake_head(c, &h);
		give_bytes(&r, c, buf_slice(stored[i]));
		ASSERT(told_found(&r, &p));
		CHECK(SOON(&r, readable_of(seat_fill(&p.seat), buf_slice(made[i])) ==
				       TEXT_N - (int64_t)FILL_HELD_BACK),
		      "all but the tail is given while the store's word is not checked");
		fake_done(c, STORE_FOUND);
		ASSERT(makers_over(&r));
		CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_CORRUPT,
		      "it is refuted");
		CHECK(!kept_as(&r, KEY, FORM_EXPANDED, buf_slice(made[i]), EXPANDED),
		      "nothing is kept");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- promises ---- */

static void test_liar(void)
{
	struct buf whole CLEANUP(buf_fini) = FORMS_BUF;
	struct passenger p = {0};
	struct error e = {OK, 0, ""};
	struct cache_rig r;

	buf_puts(&whole, "ten bytes ");
	buf_add(&whole, buf_slice(&text));
	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	answer_with(&r, r.store.first, buf_slice(&members), "");
	CHECK(told_found(&r, &p) && p.head.total == TEXT_N, "the last member's length is promised");
	ASSERT(makers_over(&r));
	CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_CORRUPT, "and not kept: cut");
	seat_leave(&p.seat);
	take(&r, FORM_EXPANDED, &p);
	CHECK_INT(r.store.started, 2, "asked for again");
	answer_with(&r, r.store.first, buf_slice(&members), "");
	CHECK(told_found(&r, &p) && p.head.total == (int64_t)whole.n,
	      "no promise is made of it now");
	CHECK(makers_over(&r) && kept_as(&r, KEY, FORM_EXPANDED, buf_slice(&whole), EXPANDED),
	      "and so it comes whole");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A store's wrong checksum does not make a liar of what is in the file. */
static void test_no_liar(void)
{
	struct object_head h = fake_whole((int64_t)gz.n, RIG_ETAG);
	struct passenger p = {0};
	struct cache_rig r;

	memcpy(h.sum_name, "crc32", 6);
	memcpy(h.sum_base64, "AAAAAA==", 9);
	cache_rig_new(&r);
	take(&r, FORM_EXPANDED, &p);
	fake_head(r.store.first, &h);
	give_bytes(&r, r.store.first, buf_slice(&gz));
	fake_done(r.store.first, STORE_FOUND);
	ASSERT(makers_over(&r));
	CHECK_INT((long long)r.flights->liars.next, 0, "it has kept its promise");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}
int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	make_files();
	test_expanded();
	test_plain();
	test_cabinet();
	test_follows();
	test_parties();
	test_presence();
	test_waiters_limit();
	test_from_the_cache();
	test_landed_and_gone();
	test_local();
	test_answers();
	test_nothing_in_it();
	test_too_long_for_a_cabinet();
	test_spooled();
	test_damaged();
	test_refuted();
	test_liar();
	test_no_liar();
	free_files();
	return tap_done();
}
