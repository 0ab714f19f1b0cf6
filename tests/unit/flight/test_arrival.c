// SPDX-License-Identifier: MIT
/*
 * How a large object is divided among connections, what a reader far ahead changes about that, and
 * how the bytes of a part come to the disk by way of its two halves. part.c is included so that
 * hundreds of megabytes can arrive without being moved: see arrive().
 */
#include "flight/arrival.c"

#include "cache_rig.h"
#include "store/transfer.h"

#include "tap.h"

#define MI       (INT64_C(1) << 20)
#define BIG      (16 * MI)
#define ASKS_MAX 24

/* ---- what is asked for ---- */

struct ask_for {
	int64_t first, length;
};

struct rounds {
	const char *name;
	int64_t total, block;
	unsigned parallel;
	struct ask_for asks[ASKS_MAX];
};

/* In the order in which they go out, each when the one before it has ended. */
static const struct rounds rounds[] = {
	{"200,000,000 bytes by four connections: blocks, then even shares of the last round",
	 200000000,
	 BIG,
	 4,
	 {{0, BIG},
	  {BIG, BIG},
	  {2 * BIG, BIG},
	  {3 * BIG, BIG},
	  {4 * BIG, BIG},
	  {5 * BIG, BIG},
	  {6 * BIG, BIG},
	  {7 * BIG, BIG},
	  {134217728, 16445568},
	  {150663296, 16445568},
	  {167108864, 16445568},
	  {183554432, 16445568}}},
	{"the same by one: blocks, and what is left",
	 200000000,
	 BIG,
	 1,
	 {{0, BIG},
	  {BIG, BIG},
	  {2 * BIG, BIG},
	  {3 * BIG, BIG},
	  {4 * BIG, BIG},
	  {5 * BIG, BIG},
	  {6 * BIG, BIG},
	  {7 * BIG, BIG},
	  {8 * BIG, BIG},
	  {9 * BIG, BIG},
	  {10 * BIG, BIG},
	  {11 * BIG, 15450624}}},
	{"one block: nothing more", BIG, BIG, 4, {{0, BIG}}},
	{"one byte less", BIG - 1, BIG, 4, {{0, BIG - 1}}},
	{"one byte more", BIG + 1, BIG, 4, {{0, BIG}, {BIG, 1}}},
	{"one byte more, by one connection", BIG + 1, BIG, 1, {{0, BIG}, {BIG, 1}}},
	{"two blocks and a bit: three shares while the first block comes",
	 35 * MI,
	 BIG,
	 4,
	 {{0, BIG}, {BIG, 6640982}, {BIG + 6640982, 6640982}, {BIG + 13281964, 6640980}}},
	{"shares that are not worth a connection",
	 BIG + MI + MI / 2,
	 BIG,
	 4,
	 {{0, BIG}, {BIG, MI}, {BIG + MI, MI / 2}}},
	{"as much as all the others can take in one round",
	 4 * BIG,
	 BIG,
	 4,
	 {{0, BIG}, {BIG, BIG}, {2 * BIG, BIG}, {3 * BIG, BIG}}},
	{"many small blocks",
	 10 * MI,
	 MI,
	 2,
	 {{0, MI},
	  {MI, MI},
	  {2 * MI, MI},
	  {3 * MI, MI},
	  {4 * MI, MI},
	  {5 * MI, MI},
	  {6 * MI, MI},
	  {7 * MI, MI},
	  {8 * MI, MI},
	  {9 * MI, MI}}},
};

/* As if all its bytes had been received and written. */
static void arrive(struct part *p)
{
	fetch_free(TAKE(p->fetch));
	p->stored = p->end;
	fill_stored(p->flight->fill, p->first, p->end);
	part_done(p);
}

static struct part *part_from(const struct flight *f, int64_t first)
{
	struct part *p;

	LIST_FOREACH (p, &f->arrival.parts, place)
		if (p->first == first)
			return p;
	return NULL;
}

/* The first answer of an object of this size. Returns the flight. */
static struct flight *begin_flight(struct cache_rig *r, struct passenger *p, int64_t total)
{
	int64_t block = r->flying.fetch_block;
	struct object_head head = fake_part(total, RIG_ETAG, 0, MIN(total, block) - 1);

	ASSERT(rig_take(r, "k", p) == SEATED);
	fake_head(fake_call(&r->store, NULL), &head);
	return p->seat.flight;
}

/* The call that was started as the n-th, while it runs. */
static const struct store_call *nth_call(const struct cache_rig *r, int n, int running)
{
	const struct store_call *c = r->store.first;

	for (int i = r->store.started - running; c && i < n; i++)
		c = c->next;
	return c;
}

static int running(const struct cache_rig *r)
{
	int n = 0;

	for (const struct store_call *c = r->store.first; c; c = c->next)
		n++;
	return n;
}

/* Calls n and on are as expected? */
static bool are_asked(const struct cache_rig *r, const struct rounds *want, int n)
{
	for (; n < r->store.started; n++) {
		const struct store_call *c = nth_call(r, n, running(r));
		const struct ask_for *a = &want->asks[n];

		if (n >= ASKS_MAX || c->read.range.first != a->first ||
		    c->read.range.last != a->first + a->length - 1 ||
		    strcmp(c->read.if_match, RIG_ETAG) != 0) {
			printf("# ask %d is for %lld + %lld\n", n, (long long)c->read.range.first,
			       (long long)(c->read.range.last - c->read.range.first + 1));
			return false;
		}
	}
	return true;
}

static void test_rounds(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
		const struct rounds *want = &rounds[i];
		struct passenger p = {0};
		struct cache_rig r;
		struct flight *f;
		int64_t end;
		bool good;
		int n = 1;

		cache_rig_init(&r);
		r.flying.fetch_block = want->block;
		r.flying.fetch_parallel = want->parallel;
		cache_rig_open(&r);
		f = begin_flight(&r, &p, want->total);
		good = are_asked(&r, want, n) && f->arrival.n_parts <= want->parallel;
		for (n = r.store.started; good && fill_first_gap(f->fill, 0, &end) < want->total;
		     n = r.store.started) {
			arrive(part_from(f, want->asks[n - (int)f->arrival.n_parts].first));
			good = are_asked(&r, want, n) && f->arrival.n_parts <= want->parallel;
		}
		CHECK(good && (n == ASKS_MAX || want->asks[n].length == 0), want->name);
		seat_leave(&p.seat);
		ASSERT(cache_rig_close(&r));
	}
}

/* ---- who waits far ahead ---- */

struct listener {
	struct fill_waiter waiter;
	struct seat *leaves; /* when woken; NULL: stays */
	int woken;
};

static void woken(struct fill_waiter *w)
{
	struct listener *l = CONTAINER_OF(w, struct listener, waiter);

	l->woken++;
	if (l->leaves)
		seat_leave(l->leaves);
}

static bool listen_at(struct fill *f, struct listener *l, int64_t offset)
{
	l->waiter = (struct fill_waiter){.ready = woken, .offset = offset};
	return fill_wait(f, &l->waiter);
}

static void test_far_ahead(void)
{
	static const int64_t at = 150 * MI + 12345;
	struct listener l = {0}, other = {0};
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;
	struct flight *f;

	cache_rig_init(&r);
	r.flying.fetch_block = BIG;
	cache_rig_open(&r);
	f = begin_flight(&r, &p, 400 * MI);
	CHECK(running(&r) == 4 && !rig_part(&r, at), "four connections, in order");
	ASSERT(listen_at(f->fill, &l, at));
	CHECK(running(&r) == 4, "not on the reader's thread");
	manual_settle(r.loop);
	c = rig_part(&r, at);
	CHECK(running(&r) == 5 && c && c->read.range.last == at + BIG - 1,
	      "one more, for who waits where nobody writes");
	ASSERT(listen_at(f->fill, &other, at + 5));
	manual_settle(r.loop);
	CHECK_INT(running(&r), 5, "who waits where it comes gets no other");
	rig_give(&r, c, at, at); /* nothing yet */
	fake_head(c, &(struct object_head){.total = 400 * MI,
					   .first = at,
					   .length = BIG,
					   .ranged = true,
					   .etag = RIG_ETAG,
					   .fd = -1});
	rig_give(&r, c, at, at + 10);
	cache_rig_quiet(&r);
	CHECK(l.woken == 1 && other.woken == 1 && rig_readable(f->fill, at) == 10,
	      "it is woken by its bytes");
	arrive(part_from(f, BIG));
	CHECK(running(&r) == 4, "the extra one is not replaced");
	arrive(part_from(f, 2 * BIG));
	CHECK(running(&r) == 4 && rig_part(&r, 4 * BIG), "then it goes on where it was");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* By one connection a second one, and the first one to end goes where somebody waits. */
static void test_far_ahead_by_one(void)
{
	struct listener l = {0}, later = {0};
	struct passenger p = {0};
	struct cache_rig r;
	struct flight *f;

	cache_rig_init(&r);
	r.flying.fetch_parallel = 1;
	cache_rig_open(&r);
	f = begin_flight(&r, &p, 100 * MI);
	ASSERT(listen_at(f->fill, &l, 50 * MI));
	manual_settle(r.loop);
	CHECK(running(&r) == 2 && rig_part(&r, 50 * MI), "a second connection");
	ASSERT(listen_at(f->fill, &later, 70 * MI));
	manual_settle(r.loop);
	CHECK_INT(running(&r), 2, "but not a third one");
	arrive(part_from(f, 0));
	CHECK(running(&r) == 2 && rig_part(&r, 70 * MI), "its turn comes before what is in order");
	fill_unwait(f->fill, &l.waiter);
	fill_unwait(f->fill, &later.waiter);
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A part that is asked for out of order does not overlap what is on its way behind it. */
static void test_gap_is_short(void)
{
	struct listener l = {0};
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;
	struct flight *f;

	cache_rig_init(&r);
	r.flying.fetch_parallel = 1;
	cache_rig_open(&r);
	f = begin_flight(&r, &p, 100 * MI);
	for (int64_t at = 50 * MI + 7; at >= 49 * MI + 8; at -= MI - 1) {
		ASSERT(listen_at(f->fill, &l, at));
		manual_settle(r.loop);
		c = rig_part(&r, at);
		CHECK(c && c->read.range.last ==
				      MIN(at + MI - 1, 50 * MI + 6 + (at > 50 * MI) * MI),
		      "it ends where the next part begins");
		fill_unwait(f->fill, &l.waiter);
		arrive(part_from(f, at));
	}
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* The reader's word that it waits is still on its way when it leaves, and all the others too. */
static void test_wanted_after_the_end(void)
{
	struct listener l = {0};
	struct passenger p = {0};
	struct cache_rig r;
	struct flight *f;

	cache_rig_new(&r);
	f = begin_flight(&r, &p, 200 * MI);
	cache_rig_quiet(&r); /* nothing but the word holds it */
	ASSERT(listen_at(f->fill, &l, 150 * MI));
	fill_unwait(f->fill, &l.waiter);
	seat_leave(&p.seat);
	CHECK(!r.store.first, "cancelled");
	manual_settle(r.loop);
	CHECK(cache_rig_close(&r), "the word finds nobody");
}

/* ---- bytes ---- */

#define PARTS_TOTAL (5 * MI + 17)

/* All parts run at once and are answered from the last to the first. */
static void test_parallel(void)
{
	struct passenger p[2] = {0};
	struct cache_rig r;
	struct flight *f;

	cache_rig_new(&r);
	f = begin_flight(&r, &p[0], PARTS_TOTAL);
	rig_take(&r, "K", &p[1]);
	while (r.store.first->next) {
		struct store_call *c = r.store.first->next;

		while (c->next)
			c = c->next;
		rig_answer(&r, c, PARTS_TOTAL);
		cache_rig_quiet(&r);
		CHECK_INT(rig_readable(f->fill, 0), 0, "nothing before the first block");
	}
	rig_give(&r, r.store.first, 0, MI);
	cache_rig_quiet(&r);
	CHECK_INT(rig_readable(f->fill, 0), PARTS_TOTAL - (int64_t)FILL_HELD_BACK,
		  "then all but the tail");
	fake_done(r.store.first, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(rig_readable(f->fill, 0) == PARTS_TOTAL && rig_readable(f->fill, 3 * MI) > 2 * MI,
	      "and all of it, each byte in its place");
	CHECK(p[0].told == 1 && p[1].told == 1, "for both");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(rig_kept(&r, "k", PARTS_TOTAL, RIG_ETAG), "and it is kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* A part that breaks off is continued, alone; one that is not answered is asked for again. */
static void test_retried_alone(void)
{
	struct passenger p = {0};
	struct object_head head;
	struct store_call *c;
	struct cache_rig r;
	struct flight *f;

	cache_rig_new(&r);
	f = begin_flight(&r, &p, 3 * MI);
	CHECK_INT(r.store.started, 3, "three parts");
	c = rig_part(&r, MI);
	head = fake_part(3 * MI, RIG_ETAG, MI, 2 * MI - 1);
	fake_head(c, &head);
	rig_give(&r, c, MI, MI + 1000);
	fake_done(c, STORE_FAULT_RETRY);
	fake_done(rig_part(&r, 2 * MI), STORE_FAULT_RETRY);
	manual_settle(r.loop);
	c = rig_part(&r, MI + 1000);
	CHECK(c && c->read.range.last == 2 * MI - 1, "the rest of the part that broke");
	CHECK(!rig_part(&r, 2 * MI), "the other one not at once");
	manual_advance(r.loop, NS_PER_S);
	CHECK(rig_part(&r, 2 * MI) && r.store.started == 5 && r.store.cancelled == 0,
	      "but soon; the first one is not touched");
	while (r.store.first) {
		c = r.store.first;
		if (c->read.range.first == 0) {
			rig_give(&r, c, 0, MI);
			fake_done(c, STORE_FOUND);
		} else {
			rig_answer(&r, c, 3 * MI);
		}
	}
	cache_rig_quiet(&r);
	CHECK_INT(rig_readable(f->fill, 0), 3 * MI, "all of it comes");
	CHECK(p.told == 1 && p.result == FETCH_FOUND, "nobody has noticed");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- an object that does not come in parts ---- */

enum fate {
	OTHER_ETAG,
	NO_ETAG,
	WEAK_ETAG,
	OTHER_TOTAL,
	OTHER_PLACE,
	WHOLE,
	GONE_NOW,
	DENIED,
	CHANGED,
	NO_SUCH_PART,
	REFUSED,
	UPSTREAM,
	BROKEN,
	IN_THE_BODY,
	FATES
};

static const char *const fates[FATES] = {"another ETag", "no ETag",
					 "a weak one",   "another size",
					 "another part", "all of it",
					 "missing",      "denied",
					 "changed",      "no such part",
					 "a refusal",    "a server error",
					 "no answer",    "broken, and then changed"};

static void meet(struct cache_rig *r, struct store_call *c, enum fate fate)
{
	static const struct error refused = {ERR_DENIED, 0, "403"},
				  upstream = {ERR_UPSTREAM, 0, "500"};
	struct object_head head = fake_part(3 * MI, RIG_ETAG, MI, 2 * MI - 1);

	switch (fate) {
	case OTHER_ETAG: head.etag[2] = '2'; break;
	case NO_ETAG: head.etag[0] = '\0'; break;
	case WEAK_ETAG: memcpy(head.etag, "W/" RIG_ETAG, sizeof("W/" RIG_ETAG)); break;
	case OTHER_TOTAL: head.total++; break;
	case OTHER_PLACE: head.first++; break;
	case WHOLE: head = fake_whole(3 * MI, RIG_ETAG); break;
	case GONE_NOW: fake_done(c, STORE_MISS); return;
	case DENIED: fake_done(c, STORE_MISS_DENIED); return;
	case CHANGED: fake_done(c, STORE_CHANGED); return;
	case NO_SUCH_PART: fake_unsatisfiable(c, 3 * MI); return;
	case REFUSED: fake_end(c, STORE_FAULT, NULL, &refused); return;
	case UPSTREAM: fake_end(c, STORE_FAULT_RETRY, NULL, &upstream); return;
	case BROKEN: fake_done(c, STORE_FAULT); return;
	case IN_THE_BODY:
		if (c->read.range.first > MI) {
			fake_done(c, STORE_CHANGED);
			return;
		}
		fake_head(c, &head);
		rig_give(r, c, MI, MI + 1000);
		fake_done(c, STORE_FAULT_RETRY);
		return;
	case FATES: return;
	}
	fake_head(c, &head);
}

/* The same answer to one of its parts again and again, until it is given up. */
static struct fill *fail_in_a_part(struct cache_rig *r, struct passenger *p, enum fate fate)
{
	struct fill *fill = begin_flight(r, p, 3 * MI)->fill;
	struct store_call *c;

	rig_give(r, r->store.first, 0, 1000);
	for (int i = 0; i < 8 && (c = r->store.first); i++) {
		while (c && c->read.range.first / MI != 1)
			c = c->next;
		if (c)
			meet(r, c, fate);
		manual_advance(r->loop, NS_PER_S / 2);
	}
	return fill;
}

/* The whole of it, to whoever asks for that. */
static void give_whole(struct cache_rig *r, struct store_call *c, int64_t total)
{
	struct object_head head = fake_whole(total, RIG_ETAG);

	fake_head(c, &head);
	rig_give(r, c, 0, total);
	fake_done(c, STORE_FOUND);
}

/* Is the next question for this key one for the whole? The seat is left again. */
static bool asks_whole(struct cache_rig *r, const char *key)
{
	struct passenger p = {0};
	struct store_call *c;
	bool whole;

	ASSERT(rig_take(r, key, &p) == SEATED);
	c = fake_call(&r->store, key);
	ASSERT(c);
	whole = !c->read.ranged;
	seat_leave(&p.seat);
	fake_done(c, STORE_MISS);
	return whole;
}

/* Whatever a store answers to the second question, the next one is for the whole. */
static void test_no_parts(void)
{
	for (int i = 0; i < FATES; i++) {
		int64_t before = metric_get(fills_whole);
		struct passenger p = {0};
		struct error e = {OK, 0, ""};
		struct cache_rig r;

		cache_rig_new(&r);
		CHECK(fill_failed(fail_in_a_part(&r, &p, (enum fate)i), &e) && !r.store.first &&
			      p.told == 1,
		      fates[i]);
		seat_leave(&p.seat);
		cache_rig_quiet(&r);
		CHECK(!rig_kept(&r, "k", 3 * MI, RIG_ETAG), "in one part fails all");
		CHECK_INT(metric_get(fills_whole) - before, 1, "which is counted");
		CHECK(!asks_whole(&r, "other"), "and means nothing for others");
		ASSERT(rig_take(&r, "k", &p) == SEATED);
		CHECK(r.store.first && !r.store.first->read.ranged, "it is asked for as a whole");
		give_whole(&r, r.store.first, 3 * MI);
		cache_rig_quiet(&r);
		CHECK(p.told == 1 && p.result == FETCH_FOUND, "which comes");
		seat_leave(&p.seat);
		CHECK(rig_kept(&r, "k", 3 * MI, RIG_ETAG) && cache_rig_close(&r), "and is kept");
	}
}

/* What says nothing about the object is not learnt from. */
static void test_ours(void)
{
	static const enum err codes[] = {ERR_BUSY, ERR_LIMIT, ERR_NOMEM, ERR_CANCELED, ERR_IO};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		const struct error e = {codes[i], 0, "ours"};
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		begin_flight(&r, &p, 3 * MI);
		flight_learn(p.seat.flight, &e);
		CHECK(!flight_whole(p.seat.flight), err_name(e.code));
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* For an hour, or until the whole does not come either. */
static void test_how_long(void)
{
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	fail_in_a_part(&r, &p, CHANGED);
	seat_leave(&p.seat);
	manual_advance(r.loop, 3590 * NS_PER_S);
	CHECK(asks_whole(&r, "k"), "an hour less a bit: the whole");
	manual_advance(r.loop, 120 * NS_PER_S);
	CHECK(!asks_whole(&r, "k"), "more than an hour: parts");
	fail_in_a_part(&r, &p, CHANGED);
	seat_leave(&p.seat);
	ASSERT(rig_take(&r, "k", &p) == SEATED);
	fake_done(r.store.first, STORE_FAULT);
	CHECK(p.told == 1 && p.result == FETCH_FAULT, "no answer to the question for the whole");
	seat_leave(&p.seat);
	CHECK(!asks_whole(&r, "k"), "then parts are as good");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- space ---- */

/* Not for what is promised, but for what is about to come. */
static void test_reserved_in_steps(void)
{
	struct passenger p = {0};
	struct cache_rig r;
	struct flight *f;
	struct stat st;

	cache_rig_init(&r);
	r.flying.fetch_block = 64 * MI;
	cache_rig_open(&r);
	f = begin_flight(&r, &p, 60 * MI);
	cache_rig_quiet(&r);
	ASSERT(fstat(draft_fd(f->keep.draft), &st) == 0);
	CHECK(st.st_blocks * 512 < MI, "nothing has come: nothing is taken");
	rig_give(&r, r.store.first, 0, MI);
	cache_rig_quiet(&r);
	ASSERT(fstat(draft_fd(f->keep.draft), &st) == 0);
	CHECK(st.st_blocks * 512 < 17 * MI, "a step");
	rig_give(&r, r.store.first, MI, 20 * MI);
	cache_rig_quiet(&r);
	ASSERT(fstat(draft_fd(f->keep.draft), &st) == 0);
	CHECK(st.st_blocks * 512 >= 20 * MI && st.st_blocks * 512 < 34 * MI, "and the next");
	CHECK_INT(rig_readable(f->fill, 0), 20 * MI, "for what is there");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- two halves ---- */

/* The disk is slow: the connection is told to pause, and goes on when there is room again. */
static void test_slow_disk(void)
{
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;
	struct flight *f;
	int64_t at = 0;

	cache_rig_new(&r);
	cache_rig_hold(&r);
	f = begin_flight(&r, &p, MI);
	c = r.store.first;
	while (!c->paused) {
		fake_data(c, rig_bytes(at, RIG_PIECE).p, RIG_PIECE);
		at += (int64_t)RIG_PIECE;
	}
	CHECK(at <= (int64_t)HALF_SIZE - (int64_t)HALF_ROOM, "a pause while there is room");
	for (size_t n = 0; n < HALF_ROOM; n += RIG_PIECE) {
		CHECK(!fake_data(c, rig_bytes(at, RIG_PIECE).p, RIG_PIECE), "for what still comes");
		at += (int64_t)RIG_PIECE;
	}
	manual_settle(r.loop);
	CHECK(r.store.resumed == 0 && rig_readable(f->fill, 0) == 0, "nothing is written yet");
	cache_rig_release(&r);
	cache_rig_quiet(&r);
	CHECK(r.store.resumed == 1 && !c->paused && rig_readable(f->fill, 0) == at,
	      "written: it goes on");
	rig_give(&r, c, at, MI);
	fake_done(c, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK_INT(rig_readable(f->fill, 0), MI, "to the end, in order");
	seat_leave(&p.seat);
	CHECK(rig_kept(&r, "k", MI, RIG_ETAG) && cache_rig_close(&r), "nothing is left");
}

/* The body ends while it is paused, with both halves full. */
static void test_end_in_a_pause(void)
{
	const int64_t total = (int64_t)HALF_SIZE + (int64_t)RIG_PIECE;
	struct passenger p = {0};
	struct store_call *c;
	struct cache_rig r;
	struct flight *f;
	int64_t at = 0;

	cache_rig_new(&r);
	f = begin_flight(&r, &p, total);
	cache_rig_quiet(&r); /* the draft is there */
	cache_rig_hold(&r);
	c = r.store.first;
	while (at < total) {
		size_t n = (size_t)MIN((int64_t)RIG_PIECE, total - at);

		fake_data(c, rig_bytes(at, n).p, n);
		at += (int64_t)n;
	}
	CHECK(c->paused, "paused");
	fake_done(c, STORE_FOUND);
	cache_rig_release(&r);
	cache_rig_quiet(&r);
	CHECK(rig_readable(f->fill, 0) == total && r.store.resumed == 0, "all is written");
	seat_leave(&p.seat);
	CHECK(rig_kept(&r, "k", total, RIG_ETAG) && cache_rig_close(&r), "and kept");
}

/* The last reader goes when he gets the bytes he came for, which cancels the rest. */
static void test_leave_when_woken(void)
{
	struct passenger p = {0};
	struct listener l = {.leaves = &p.seat};
	struct cache_rig r;
	struct flight *f;

	cache_rig_new(&r);
	f = begin_flight(&r, &p, 200 * MI);
	ASSERT(listen_at(f->fill, &l, 0));
	rig_give(&r, r.store.first, 0, 100);
	cache_rig_quiet(&r);
	CHECK(l.woken == 1 && !r.store.first, "woken, left, cancelled");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* The last bytes are on the disk before the store has said that they are the last ones. */
static void test_written_before_the_end(void)
{
	for (int purged = 0; purged < 2; purged++) {
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		begin_flight(&r, &p, MI);
		if (purged)
			ASSERT(generation_raise_all(r.cache->generations, NULL) == OK);
		seat_leave(&p.seat);
		if (r.store.first)
			rig_give(&r, r.store.first, 0, MI);
		cache_rig_quiet(&r);
		if (r.store.first)
			fake_done(r.store.first, STORE_FOUND);
		cache_rig_quiet(&r);
		CHECK_INT(rig_kept(&r, "k", MI, RIG_ETAG), !purged,
			  purged ? "purged, and nobody waits: it ends" : "kept");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Leaving, or the end of the process, while a worker has a half. */
static void test_end_while_writing(void)
{
	for (int ends = 0; ends < 2; ends++) {
		struct passenger p = {0};
		struct cache_rig r;

		cache_rig_new(&r);
		begin_flight(&r, &p, 200 * MI);
		cache_rig_quiet(&r);
		cache_rig_hold(&r);
		rig_give(&r, r.store.first, 0, 100);
		if (ends)
			flights_abort(r.flights);
		else
			seat_leave(&p.seat);
		CHECK(!r.store.first, "over");
		cache_rig_release(&r);
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "the worker finds its buffer, and then nobody");
	}
}

/* ---- few transfers, odd objects ---- */

/* A part that finds no transfer free is put back while another one runs: nobody is cut off. */
static void test_part_is_put_back(void)
{
	static const struct error busy = {ERR_BUSY, 0, "no transfer is free"};
	struct error e = {OK, 0, ""};
	struct passenger p = {0};
	struct cache_rig r;
	struct fill *f;

	cache_rig_new(&r);
	f = begin_flight(&r, &p, 3 * MI)->fill;
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

/* Near the limit of transfers a body takes one of them, not four. */
static void test_one_part_in_a_crowd(void)
{
	const struct transfer_limits limits = {.max_transfers = 1}; /* none is left at once */
	struct transfer_engine *engine;
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	ASSERT(transfer_engine_new(r.loop, &limits, &engine, NULL) == OK);
	r.ctx.engine = engine;
	begin_flight(&r, &p, 3 * MI);
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

/* An object without an ETag is fetched as a whole; others of its store still come in parts. */
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
	begin_flight(&r, &p, 3 * MI);
	CHECK_INT(running(&r), 3, "the next one comes in parts");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	test_rounds();
	test_far_ahead();
	test_far_ahead_by_one();
	test_gap_is_short();
	test_wanted_after_the_end();
	test_parallel();
	test_retried_alone();
	test_no_parts();
	test_ours();
	test_how_long();
	test_reserved_in_steps();
	test_slow_disk();
	test_end_in_a_pause();
	test_leave_when_woken();
	test_written_before_the_end();
	test_end_while_writing();
	test_part_is_put_back();
	test_one_part_in_a_crowd();
	test_one_odd_object();
	return tap_done();
}
