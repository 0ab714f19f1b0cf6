// SPDX-License-Identifier: MIT
/*
 * The life of one read, against a store that the test speaks for, with the loop turned by hand:
 * what it comes to, retries within the budget, the tally, bodies without a length, and the end at
 * every point. Bodies that come are test_fetch_body.c's.
 */
#include "base/file.h"
#include "fetch_rig.h"
#include "metric/metric.h"
#include "store/fetch_priv.h"
#include "symfmt/msfz.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>

/* ---- the simple ends ---- */

static void test_found(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);

	CHECK_SLICE(c->read.key, "a/b/c", "the key is asked");
	CHECK(!c->read.ranged && !c->read.if_match, "whole, any version");
	give_head(c, 10);
	CHECK(w.decided == 1 && w.result == FETCH_FOUND, "found as soon as the head is in");
	CHECK_INT(readable(&w, 0).n, 0, "the tail waits");
	fake_data(c, "01234", 5);
	fake_data(c, "56789", 5);
	CHECK_INT(readable(&w, 0).n, 0, "even when it is complete");
	fake_done(c, STORE_FOUND);
	CHECK_SLICE(readable(&w, 0), "0123456789", "until the store says that it is");
	CHECK(world_fini(&w) && w.store.cancelled == 0, "nothing is left");
}

struct simple {
	const char *name;
	enum store_result result;
	int64_t total; /* UNSATISFIABLE */
	bool ranged;
	enum fetch_result expect;
};

static const struct simple simple[] = {
	{"a miss", STORE_MISS, 0, false, FETCH_MISS},
	{"a denied miss", STORE_MISS_DENIED, 0, false, FETCH_DENIED},
	{"a refused name", STORE_MISS_REFUSED, 0, false, FETCH_REFUSED},
	{"a change that nobody asked about", STORE_CHANGED, 0, false, FETCH_FAULT},
	{"a change of a part of whatever there is", STORE_CHANGED, 0, true, FETCH_FAULT},
	{"a miss of a part", STORE_MISS, 0, true, FETCH_MISS},
	{"a fault", STORE_FAULT, 0, false, FETCH_FAULT},
	{"found, though no head came", STORE_FOUND, 0, false, FETCH_FAULT},
	{"a part found, though no head came", STORE_FOUND, 0, true, FETCH_FAULT},
	{"a range outside", STORE_UNSATISFIABLE, 7, true, FETCH_UNSATISFIABLE},
	{"a range of an empty object", STORE_UNSATISFIABLE, 0, true, FETCH_MISS},
	{"a range outside that nobody asked for", STORE_UNSATISFIABLE, 7, false, FETCH_FAULT},
};

static void test_simple(void)
{
	for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
		const struct simple *s = &simple[i];
		struct world w;
		struct store_call *c;

		world_init(&w);
		w.request.ranged = s->ranged;
		w.request.range = (struct range_ask){100, 200};
		c = world_start(&w);
		if (s->result == STORE_UNSATISFIABLE)
			fake_unsatisfiable(c, s->total);
		else
			fake_done(c, s->result);
		CHECK(w.decided == 1 && w.result == s->expect, s->name);
		ASSERT(world_fini(&w) && w.store.started == 1);
	}
}

static void test_empty(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);

	give_head(c, 0);
	CHECK_INT(w.decided, 0, "an empty object: nothing yet");
	fake_done(c, STORE_FOUND);
	CHECK(w.decided == 1 && w.result == FETCH_MISS, "counts as missing");
	ASSERT(world_fini(&w));
}

/* A part where the whole was asked for would be given to the client as the whole, or unasked. */
static void test_part_unasked(void)
{
	struct object_head head = fake_whole(4, ETAG);
	struct world w;
	struct store_call *c = init_and_start(&w);

	head.ranged = true;
	head.first = 3;
	head.total = 10;
	fake_head(c, &head);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "a part that nobody asked for is a fault");
	CHECK(world_fini(&w) && w.store.cancelled == 1, "and the call ends");
}

static void test_head(void)
{
	struct world w;
	struct store_call *c;

	world_init(&w);
	w.request.head = true;
	c = world_start(&w);
	CHECK(c->read.head, "only the head is asked");
	give_head(c, 10);
	CHECK_INT(w.decided, 0, "not before its call has ended");
	fake_done(c, STORE_FOUND);
	CHECK(w.result == FETCH_FOUND && w.head.length == 10, "found");
	ASSERT(world_fini(&w));
}

static void test_head_without_length(void)
{
	struct world w;
	struct store_call *c;

	world_init(&w);
	w.request.head = true;
	c = world_start(&w);
	give_head(c, -1);
	fake_done(c, STORE_FOUND);
	c = fake_call(&w.store, NULL);
	CHECK(w.decided == 0 && c && !c->read.head, "a head without a length: the whole is asked");
	give_head(c, -1);
	fake_data(c, "abc", 3);
	fake_done(c, STORE_FOUND);
	ASSERT(MANUAL_UNTIL(w.loop, w.decided == 1));
	CHECK(w.result == FETCH_FOUND && w.head.length == 3 && w.head.total == 3,
	      "and its length is told");
	ASSERT(world_fini(&w));

	/* A1: the whole has a length although the head had none. */
	world_init(&w);
	w.request.head = true;
	c = world_start(&w);
	give_head(c, -1);
	fake_done(c, STORE_FOUND);
	give_head(fake_call(&w.store, NULL), 10);
	CHECK(w.decided == 1 && w.result == FETCH_FOUND && w.head.length == 10,
	      "this time its head says it");
	CHECK(w.store.cancelled == 1, "and the body may go");
	ASSERT(world_fini(&w));
}

static void test_file(void)
{
	struct object_head head = fake_whole(10, ETAG);
	struct world w;
	struct store_call *c = init_and_start(&w);
	int fd = head.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	CHECK(w.result == FETCH_FOUND && w.head.fd == fd && w.begun == 0, "a file is handed over");
	ASSERT(world_fini(&w));
	CHECK(fcntl(fd, F_GETFD) < 0, "once");

	c = init_and_start(&w);
	fd = head.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fake_head(c, &head);
	ASSERT(world_fini(&w));
	CHECK(fcntl(fd, F_GETFD) < 0, "or closed with the fetch");
}

/* ---- trying again ---- */

static void test_retries(void)
{
	int64_t before = metric_get(store_retries);
	struct world w;
	struct store_call *c = init_and_start(&w);

	for (int i = 0; i < 3; i++) {
		fake_done(c, STORE_FAULT_RETRY);
		manual_advance(w.loop, (24 * NS_PER_MS) << (i + 1));
		CHECK(!fake_call(&w.store, NULL), "a pause");
		manual_advance(w.loop, (52 * NS_PER_MS) << (i + 1));
		c = fake_call(&w.store, NULL);
		CHECK(c && w.decided == 0, "then another try");
	}
	fake_done(c, STORE_FAULT_RETRY);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "the fourth is the last");
	CHECK_INT(w.error.code, ERR_NET, "and its reason is told");
	CHECK_INT(metric_get(store_retries) - before, 3, "three tries more are counted");
	ASSERT(world_fini(&w) && w.store.started == 4);

	c = init_and_start(&w);
	fake_done(c, STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	fake_done(fake_call(&w.store, NULL), STORE_MISS);
	CHECK(w.result == FETCH_MISS, "a later try decides");
	ASSERT(world_fini(&w));
}

/* A store may answer no question for a part, but one for the whole. */
static void test_or_whole(void)
{
	static const struct error upstream = {ERR_UPSTREAM, 0, "500"}, net = {ERR_NET, 0, "reset"};

	for (int answers = 0; answers < 2; answers++) {
		struct world w;
		struct store_call *c;

		world_init(&w);
		w.request.ranged = w.request.or_whole = true;
		w.request.range = (struct range_ask){0, 4};
		c = world_start(&w);
		for (int i = 0; i < 3; i++) {
			CHECK(c->read.ranged, "a part is asked for");
			fake_end(c, STORE_FAULT_RETRY, NULL, answers ? &upstream : &net);
			manual_advance(w.loop, NS_PER_S);
			c = fake_call(&w.store, NULL);
		}
		CHECK_INT(c->read.ranged, !answers,
			  "the last question does without, if it answers");
		give_head(c, 10);
		fake_data(c, "0123456789", 10);
		fake_done(c, STORE_FOUND);
		CHECK(w.result == FETCH_FOUND && w.ended == 1, "the whole will do");
		CHECK_SLICE(readable(&w, 0), "0123456789", "and comes");
		ASSERT(world_fini(&w));
	}
}

static void test_budget(void)
{
	struct world w;
	struct store_call *c;

	world_init(&w);
	w.request.deadline_ns = clock_mono_ns() + 50 * NS_PER_MS;
	c = world_start(&w);
	CHECK_INT(c->read.deadline_ns, w.request.deadline_ns, "the store is told the deadline");
	fake_done(c, STORE_FAULT_RETRY);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "no pause that would pass the deadline");
	ASSERT(world_fini(&w));
}

/* ---- the tally ---- */

static const struct {
	const char *name;
	enum store_result result;
	int64_t found, missing, faults;
} tallies[] = {
	{"a miss", STORE_MISS, 0, 1, 0},
	{"a denied miss", STORE_MISS_DENIED, 0, 1, 0},
	{"a refused name", STORE_MISS_REFUSED, 0, 1, 0},
	{"a fault", STORE_FAULT, 0, 0, 1},
	{"a fault after four tries", STORE_FAULT_RETRY, 0, 0, 1},
};

static void test_tallies(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tallies); i++) {
		int64_t found = metric_get(store_found), missing = metric_get(store_missing),
			faults = metric_get(store_faults);
		struct world w;
		struct store_call *c = init_and_start(&w);

		while (c) {
			fake_done(c, tallies[i].result);
			manual_advance(w.loop, NS_PER_S);
			c = fake_call(&w.store, NULL);
		}
		CHECK(metric_get(store_found) - found == tallies[i].found &&
			      metric_get(store_missing) - missing == tallies[i].missing &&
			      metric_get(store_faults) - faults == tallies[i].faults,
		      tallies[i].name);
		CHECK_INT(fake_faults(&w.store), tallies[i].faults, "the breaker counts faults");
		ASSERT(world_fini(&w));
	}
}

/* What the breaker makes of a fault depends on whose it is. */
static const struct {
	struct error error;
	int64_t faults;
	unsigned counts, counts_local;
} blames[] = {
	{{ERR_NET, 0, "network"}, 1, 1, 1},
	{{ERR_TIMEOUT, 0, "time"}, 1, 1, 1},
	{{ERR_UPSTREAM, 0, "its own failure"}, 1, 1, 1},
	{{ERR_IO, EIO, "a disk, which is a directory's own, or ours"}, 1, 0, 1},
	{{ERR_IO, EMFILE, "no descriptors"}, 1, 0, 0},
	{{ERR_NET, ENFILE, "no descriptors in the system"}, 1, 0, 0},
	{{ERR_NET, ENOBUFS, "no memory for a socket"}, 1, 0, 0},
	{{ERR_BUSY, 0, "a limit of ours"}, 1, 0, 0},
	{{ERR_LIMIT, 0, "another limit"}, 1, 0, 0},
	{{ERR_NOMEM, 0, "memory"}, 1, 0, 0},
	{{ERR_DENIED, 0, "a refusal"}, 1, 0, 0},
	{{ERR_CORRUPT, 0, "a damaged object"}, 1, 0, 0},
	{{ERR_CANCELED, 0, "nobody waits"}, 0, 0, 0},
};

static void test_blame(void)
{
	for (size_t i = 0; i < ARRAY_LEN(blames); i++) {
		for (int local = 0; local < 2; local++) {
			int64_t faults = metric_get(store_faults);
			struct world w;

			world_init(&w);
			w.store.store.traits.local = local;
			fake_end(world_start(&w), STORE_FAULT, NULL, &blames[i].error);
			CHECK(metric_get(store_faults) - faults == blames[i].faults &&
				      fake_faults(&w.store) ==
					      (local ? blames[i].counts_local : blames[i].counts),
			      blames[i].error.msg);
			ASSERT(world_fini(&w));
		}
	}
}

/* A body that fails has been counted as found, and is no fault besides. */
static void test_tally_of_a_body(void)
{
	int64_t found = metric_get(store_found), faults = metric_get(store_faults);
	struct object_head head = fake_whole(10, "");
	struct world w;

	ASSERT(!broken(&w, &head, STORE_FAULT_RETRY));
	CHECK(metric_get(store_found) - found == 1 && metric_get(store_faults) == faults &&
		      fake_faults(&w.store) == 0,
	      "a body that breaks off is an answer all the same");
	ASSERT(world_fini(&w));
}

static void fail_one(struct world *w, const char *key)
{
	w->request.key = slice_of(key);
	fake_done(world_start(w), STORE_FAULT);
	fetch_free(TAKE(w->fetch));
	fill_unref(TAKE(w->fill));
}

/* Five faults over two seconds close the gate for such questions, and for no others. */
static void test_gate(void)
{
	int64_t opened = metric_get(breaker_opened);
	struct store *s;
	struct world w;

	world_init(&w);
	s = &w.store.store;
	for (int i = 0; i < BREAKER_FAULTS; i++) {
		CHECK(gate_admits(s, QUESTION_SYMBOL), "not yet");
		fail_one(&w, "a.pdb/1/a.pdb");
		manual_advance(w.loop, BREAKER_RUN_NS / (BREAKER_FAULTS - 1));
	}
	CHECK(metric_get(breaker_opened) - opened == 1 && !gate_admits(s, QUESTION_SYMBOL),
	      "five fetches, five failures, however often each tried");
	CHECK(gate_admits(s, QUESTION_BUILD_ID), "other questions may be asked");
	fail_one(&w, "buildid/0123/debuginfo");
	CHECK(w.store.store.gate[QUESTION_BUILD_ID].breaker.faults == 1,
	      "their faults are counted apart");
	w.request.key = SLICE("buildid/0123/debuginfo");
	fake_done(world_start(&w), STORE_MISS);
	fetch_free(TAKE(w.fetch));
	fill_unref(TAKE(w.fill));
	CHECK(!gate_admits(s, QUESTION_SYMBOL), "as are their answers");
	w.request.key = SLICE("a.pdb/1/a.pdb");
	fake_done(world_start(&w), STORE_MISS);
	CHECK(gate_admits(s, QUESTION_SYMBOL), "a miss is an answer");
	while (w.store.probed)
		fake_probed(&w.store, NULL);
	manual_advance(w.loop, 2 * NS_PER_S);
	ASSERT(world_fini(&w));
}

/* What was asked before the last good answer says nothing new when it fails. */
static void test_late_fault(void)
{
	struct store_call *slow;
	struct fetch *fetch;
	struct world w;

	slow = init_and_start(&w);
	fetch = TAKE(w.fetch);
	manual_advance(w.loop, NS_PER_S);
	w.request.key = SLICE("b/b/b");
	fill_unref(TAKE(w.fill));
	world_start(&w);
	fake_done(fake_call(&w.store, "b/b/b"), STORE_MISS);
	fake_done(slow, STORE_FAULT);
	CHECK_INT(fake_faults(&w.store), 0, "a late fault does not count");
	fetch_free(fetch);
	ASSERT(world_fini(&w));
}

/* ---- bodies without a length ---- */

static void test_spool(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);
	char text[16];

	give_head(c, -1);
	fake_data(c, "hello ", 6);
	CHECK_INT(w.decided, 0, "no length: nothing is promised before the end");
	CHECK(fetch_is_spooling(w.fetch), "it says that it may take longer");
	fake_data(c, "world", 5);
	fake_done(c, STORE_FOUND);
	CHECK_INT(w.decided, 0, "nor before it lies in the file");
	ASSERT(MANUAL_UNTIL(w.loop, w.decided == 1));
	CHECK(w.result == FETCH_FOUND && w.head.length == 11 && w.head.total == 11 && w.begun == 0,
	      "then it is known");
	CHECK(pread(w.head.fd, text, sizeof(text), 0) == 11 && memcmp(text, "hello world", 11) == 0,
	      "and the body lies in a file");
	ASSERT(world_fini(&w));

	c = init_and_start(&w);
	give_head(c, -1);
	fake_done(c, STORE_FOUND);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "nothing at all may have broken off");
	ASSERT(world_fini(&w));

	c = init_and_start(&w);
	give_head(c, -1);
	fake_data(c, "hello ", 6);
	fake_done(c, STORE_FAULT_RETRY);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "a break is a fault");
	ASSERT(world_fini(&w));
}

/* One with a length, that is wanted in a file: whole, or not at all. */
static void test_into_file(void)
{
	static const struct {
		const char *what;
		size_t sent;
		enum store_result end;
		enum fetch_result want;
		enum err err;
	} rows[] = {
		{"all of it", 10, STORE_FOUND, FETCH_FOUND, OK},
		{"less than was promised", 4, STORE_FOUND, FETCH_FAULT, ERR_NET},
		{"nothing", 0, STORE_FOUND, FETCH_FAULT, ERR_NET},
		{"broken off", 4, STORE_FAULT_RETRY, FETCH_FAULT, ERR_NET},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_call *c;
		struct world w;
		int64_t counted;

		world_init(&w);
		w.request.into_file = true;
		w.fetch = fetch_start(&w.request, NULL, decided, &w);
		manual_settle(w.loop);
		c = fake_call(&w.store, NULL);
		give_head(c, 10);
		CHECK(!w.decided && fetch_is_spooling(w.fetch), "it waits for all");
		if (rows[i].sent)
			fake_data(c, "0123456789", rows[i].sent);
		fake_done(c, rows[i].end);
		for (int turn = 0; turn < 1000 && !w.decided; turn++)
			(void)manual_turn(w.loop, 10);
		CHECK(w.decided == 1 && w.result == rows[i].want, rows[i].what);
		CHECK_INT(w.error.code, rows[i].err, w.error.msg);
		if (rows[i].want == FETCH_FOUND) {
			char text[11] = "";

			counted = fetch_take_spool(w.fetch);
			CHECK(counted == 10 && w.head.total == 10 && w.head.length == 10 &&
				      file_read_at(w.head.fd, text, 10, 0) == 10,
			      "it lies there, and is counted");
			CHECK_STR(text, "0123456789", "as it came");
			file_temporary_end(&counted);
		}
		CHECK(world_fini(&w), rows[i].what);
	}
}

static void test_spool_nowhere(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);

	setenv("TMPDIR", "/nonexistent", 1);
	give_head(c, -1);
	unsetenv("TMPDIR");
	CHECK(w.decided == 1 && w.result == FETCH_FAULT && w.error.code == ERR_IO,
	      "no place for a temporary file is a fault");
	CHECK(world_fini(&w) && w.store.cancelled == 1, "and ends the call");
}

/* ---- the end at every point ---- */

enum point { AT_START, IN_PAUSE, IN_BODY, BODY_PAUSED, BODY_BROKEN, IN_SPOOL, AT_END, POINTS };

static void bring_to(struct world *w, enum point point)
{
	static char block[FILL_RING_MIN];
	struct store_call *c = init_and_start(w);

	switch (point) {
	case IN_PAUSE: fake_done(c, STORE_FAULT_RETRY); return;
	case IN_BODY: give_head(c, 10); return;
	case BODY_PAUSED:
		give_head(c, 4 * (int64_t)FILL_RING_MIN);
		fake_data(c, block, sizeof(block));
		return;
	case BODY_BROKEN:
		give_head(c, 10);
		fake_done(c, STORE_FAULT_RETRY);
		return;
	case IN_SPOOL:
		give_head(c, -1);
		fake_data(c, "x", 1);
		return;
	case AT_END: fake_done(c, STORE_MISS); return;
	case AT_START:
	case POINTS: return;
	}
}

static void test_free_anywhere(void)
{
	static const char *const names[POINTS] = {"at the start", "in a pause", "in the body",
						  "paused",       "broken",     "while spooling",
						  "at the end"};
	struct error e;
	struct world w;

	for (int point = 0; point < POINTS; point++) {
		bring_to(&w, (enum point)point);
		fetch_abort(w.fetch);
		fetch_abort(w.fetch);
		manual_advance(w.loop, 60 * NS_PER_S);
		if (w.begun)
			CHECK(w.ended == 1 && fill_failed(w.fill, &e) && e.code == ERR_CANCELED,
			      "broken off: the sink is told, once");
		else
			CHECK(w.ended == 0 && w.decided == (point == AT_END),
			      "without a body nobody is told");
		CHECK(world_fini(&w), names[point]);
	}
	fetch_free(NULL);
}

/* The owner frees the fetch while it is told. */
static void test_free_when_decided(void)
{
	static const enum store_result ends[] = {STORE_MISS, STORE_FAULT};
	struct object_head file = fake_whole(10, ETAG);
	struct world w;
	struct store_call *c;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		c = init_and_start(&w);
		w.free_when_decided = true;
		fake_done(c, ends[i]);
		CHECK(w.decided == 1 && world_fini(&w), "freed when there is no body");
	}
	c = init_and_start(&w);
	w.free_when_decided = true;
	give_head(c, 10);
	CHECK(w.decided == 1 && world_fini(&w) && w.store.cancelled == 1, "freed at the head");
	c = init_and_start(&w);
	w.free_when_decided = true;
	give_head(c, -1);
	fake_data(c, "x", 1);
	fake_done(c, STORE_FOUND);
	ASSERT(MANUAL_UNTIL(w.loop, w.decided == 1));
	CHECK(world_fini(&w), "freed after spooling");
	c = init_and_start(&w);
	w.free_when_decided = true;
	file.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fake_head(c, &file);
	fake_done(c, STORE_FOUND);
	CHECK(w.decided == 1 && world_fini(&w), "freed with a file");
}

/* ---- the first bytes ---- */

#define PLAIN_KEY "foo.pdb/0123456789ABCDEF0123456789ABCDEF1/foo.pdb"
#define TRY_NS    (3 * NS_PER_S)

static struct store_call *looking_start(struct world *w, bool patient)
{
	world_init(w);
	w->ctx.try_timeout_ns = TRY_NS;
	w->request.key = SLICE(PLAIN_KEY);
	w->request.patient = patient;
	return world_start(w);
}

/* The head has come, and less than says what the body is encoded with. */
static struct store_call *stall(struct world *w)
{
	struct store_call *c = fake_call(&w->store, NULL);

	give_head(c, 1000);
	fake_data(c, "MZ", 2);
	manual_settle(w->loop);
	return c;
}

static void test_stall_behind_the_head(void)
{
	static const char pdb[600] = "Microsoft C/C++ MSF 7.00";
	struct world w;

	(void)looking_start(&w, false);
	(void)stall(&w);
	manual_advance(w.loop, TRY_NS - 1);
	CHECK(w.decided == 0 && w.store.started == 1 && w.store.cancelled == 0,
	      "the first bytes may take as long as a try");
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.decided == 0 && w.store.started == 2 && w.store.cancelled == 1,
	      "then they are asked for again");
	give_head(fake_call(&w.store, NULL), 600);
	fake_data(fake_call(&w.store, NULL), pdb, sizeof(pdb));
	CHECK(w.decided == 1 && w.result == FETCH_FOUND && w.head.length == 600,
	      "and the other answer counts");
	manual_advance(w.loop, 3600 * NS_PER_S);
	CHECK(w.store.started == 2 && w.ended == 0, "a body that comes has no such end");
	fake_done(fake_call(&w.store, NULL), STORE_FOUND);
	CHECK(w.ended == 1 && world_fini(&w), "nothing is left");

	(void)looking_start(&w, false);
	for (int n = 1; n <= 3; n++) {
		(void)stall(&w);
		while (!w.decided && w.store.started == n)
			manual_advance(w.loop, NS_PER_S / 10);
	}
	CHECK(w.result == FETCH_FAULT && w.error.code == ERR_TIMEOUT,
	      "none that says what it is: no answer in time");
	CHECK(w.store.started == 3 && clock_mono_ns() <= MANUAL_START_NS + BUDGET_NS + NS_PER_S,
	      "after as many tries as the budget has room for");
	CHECK_INT(fake_faults(&w.store), 1, "which counts against the store");
	ASSERT(world_fini(&w));

	(void)looking_start(&w, true);
	(void)stall(&w);
	manual_advance(w.loop, BUDGET_NS - 1);
	CHECK(w.decided == 0 && w.store.started == 1, "one try of the patient takes all there is");
	manual_advance(w.loop, 1);
	CHECK(w.decided == 1 && w.error.code == ERR_TIMEOUT, "and no more");
	ASSERT(world_fini(&w));

	(void)looking_start(&w, false);
	manual_advance(w.loop, BUDGET_NS - NS_PER_MS);
	(void)stall(&w);
	manual_advance(w.loop, NS_PER_MS);
	CHECK(w.decided == 1 && w.error.code == ERR_BUSY && fake_faults(&w.store) == 0,
	      "where the head came late, what was left is not the store's affair");
	ASSERT(world_fini(&w));
}

static void test_fault_while_looking(void)
{
	struct world w;

	(void)looking_start(&w, false);
	fake_done(stall(&w), STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.decided == 0 && w.store.started == 2 && w.store.cancelled == 0,
	      "broken off before it is known: asked again");
	fetch_free(TAKE(w.fetch));
	CHECK(world_fini(&w), "nothing is left");
}

/* The answer to a HEAD said gzip, which its first bytes are to tell. */
static struct store_call *peek_start(struct world *w)
{
	struct object_head head = fake_whole(1000, ETAG);
	struct store_call *c;

	world_init(w);
	w->ctx.try_timeout_ns = TRY_NS;
	w->request.key = SLICE("foo.pdb/1/foo.pd_"); /* not one that has to be looked at */
	w->request.head = w->request.tried = true;
	memcpy(head.encoding, "gzip", 5);
	c = world_start(w);
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	c = fake_call(&w->store, NULL);
	ASSERT(c && c->read.ranged && w->decided == 0);
	return c;
}

static void test_peek(void)
{
	static const struct {
		const char *name;
		struct object_head head;
	} others[] = {
		{"another version", {.total = 1000, .length = 1000, .etag = "\"v2\"", .fd = -1}},
		{"another length", {.total = 1001, .length = 1001, .etag = ETAG, .fd = -1}},
		{"another part",
		 {.total = 1000, .first = 8, .length = 9, .ranged = true, .etag = ETAG, .fd = -1}},
	};
	struct world w;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		fake_head(peek_start(&w), &others[i].head);
		CHECK(w.decided == 1 && w.result == FETCH_FOUND &&
			      strcmp(w.head.encoding, "gzip") == 0 && w.store.cancelled == 1,
		      others[i].name);
		CHECK(world_fini(&w), "... ends the look, and its body is not waited for");
	}
	give_head(peek_start(&w), 1000);
	manual_advance(w.loop, TRY_NS);
	CHECK(w.decided == 1 && w.result == FETCH_FOUND && strcmp(w.head.encoding, "gzip") == 0,
	      "nothing behind that head: the label as it is");
	ASSERT(world_fini(&w));
}

static struct store_call *head_start(struct world *w)
{
	world_init(w);
	w->ctx.try_timeout_ns = TRY_NS;
	w->request.key = SLICE(PLAIN_KEY);
	w->request.head = w->request.judged = true;
	return world_start(w);
}

/* A HEAD of a plain name, asked as the first bytes: what it tells is true of the body. */
static void test_head_by_the_beginning(void)
{
	static const char pdb[600] = "Microsoft C/C++ MSF 7.00", cab[600] = "MSCF";
	static const struct {
		const char *name, *bytes, *label, *told;
		int64_t total;
		bool whole; /* comes in place of a part */
	} rows[] = {
		{"a PDB", pdb, "", "", 5000, false},
		{"with a false label", pdb, "gzip", "", 5000, false},
		{"a cabinet", cab, "", "packed", 5000, false},
		{"all of it in place of its beginning", cab, "", "packed", 5000, true},
		{"what is that short", cab, "", "packed", 300, false},
		{"a byte", cab, "", "", 1, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t n = MIN(rows[i].total, 512);
		struct object_head head = rows[i].whole ? fake_whole(rows[i].total, ETAG)
							: fake_part(rows[i].total, ETAG, 0, n - 1);
		struct world w;
		struct store_call *c = head_start(&w);

		CHECK(!c->read.head && c->read.ranged && c->read.range.first == 0 &&
			      c->read.range.last == 511,
		      rows[i].name);
		memcpy(head.encoding, rows[i].label, strlen(rows[i].label) + 1);
		fake_head(c, &head);
		fake_data(c, rows[i].bytes, (size_t)n);
		CHECK(w.decided == rows[i].whole, "what is short is let come to its end");
		if (!w.decided)
			fake_done(c, STORE_FOUND);
		CHECK(w.decided == 1 && w.result == FETCH_FOUND && !w.head.ranged &&
			      w.head.total == rows[i].total && w.head.length == rows[i].total &&
			      w.store.started == 1 && w.store.cancelled == rows[i].whole,
		      "... is told as a whole, for one request");
		CHECK_STR(w.head.encoding, rows[i].told, "... and what it is in truth");
		ASSERT(world_fini(&w));
	}
}

/*
 * What may come in MSFZ form is told to be that, or not, by its bytes. What is compressed around it is
 * asked for as it is, as is all of this store for a while.
 */
static void test_msfz(void)
{
	static const char msfz[600] = MSFZ_MAGIC, pdb[600] = "Microsoft C/C++ MSF 7.00";
	static const char cab[600] = "MSCF", unclear[600] = "\x28\xb5\x2f\xfd";
	static const struct {
		const char *name, *bytes, *label, *told;
		bool msfz, again;
	} rows[] = {
		{"MSFZ", msfz, "", "", true, false},
		{"with a false label", msfz, "gzip", "", true, false},
		{"a PDB", pdb, "", "", false, false},
		{"a PDB with a false label", pdb, "gzip", "", false, false},
		{"a cabinet", cab, "", "packed", false, false},
		{"what nobody can see", unclear, "zstd", "packed", false, true},
	};

	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		bool ends = i & 1, again = rows[i / 2].again; /* it ends before so much has come */
		int64_t n = ends ? 100 : 600;
		struct object_head head = fake_whole(n, ETAG);
		struct store_call *c;
		struct world w;

		world_init(&w);
		w.store.store.traits.negotiates = true;
		w.request.key = SLICE(PLAIN_KEY);
		w.request.msfz = true;
		c = world_start(&w);
		CHECK(c->read.msfz, rows[i / 2].name);
		memcpy(head.encoding, rows[i / 2].label, strlen(rows[i / 2].label) + 1);
		fake_head(c, &head);
		CHECK(w.decided == 0, "nothing is told before its bytes");
		fake_data(c, rows[i / 2].bytes, (size_t)n);
		CHECK_INT(w.store.started, again ? 2 : 1, "one request, if that tells");
		CHECK_INT(store_negotiates(&w.store.store), !again,
			  "... and then one for the next");
		if (again) {
			c = fake_call(&w.store, NULL);
			CHECK(w.decided == 0 && !c->read.msfz, "asked as it is");
			fake_head(c, &head);
			fake_data(c, rows[i / 2].bytes, (size_t)n);
		}
		CHECK(w.decided == 1 && w.result == FETCH_FOUND && w.head.msfz == rows[i / 2].msfz,
		      "told what it is");
		CHECK(again || strcmp(w.head.encoding, rows[i / 2].told) == 0,
		      "... encoded or not");
		fake_done(fake_call(&w.store, NULL), STORE_FOUND);
		CHECK_INT(readable(&w, 0).n, n, "all of it comes");
		ASSERT(world_fini(&w));
	}
}

/* Not every store answers ranges. Then it is asked as itself, from the beginning the next time. */
static void test_head_of_an_unranged_store(void)
{
	static const enum store_result ends[] = {STORE_UNSATISFIABLE, STORE_CHANGED, STORE_FAULT};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const struct error odd = {ERR_DENIED, 0, "no ranges"};
		const struct object_head size = {.total = 5000, .mtime = -1, .fd = -1};
		struct world w;

		fake_end(head_start(&w), ends[i], &size, &odd);
		CHECK(w.decided == 0 && w.store.started == 2 && w.store.first->read.head,
		      "a HEAD of a store that gives no part");
		give_head(w.store.first, 5000);
		fake_done(w.store.first, STORE_FOUND);
		CHECK(w.decided == 1 && w.result == FETCH_FOUND && w.head.length == 5000,
		      "... is found");
		fetch_free(TAKE(w.fetch));
		fill_unref(TAKE(w.fill));
		CHECK(world_start(&w)->read.head, "... and the next is one at once,");
		fetch_free(TAKE(w.fetch));
		fill_unref(TAKE(w.fill));
		clock_freeze_mono_ns(clock_mono_ns() + 3600 * NS_PER_S);
		w.request.deadline_ns = clock_mono_ns() + BUDGET_NS;
		CHECK(!world_start(&w)->read.head, "... for an hour");
		ASSERT(world_fini(&w));
	}
}

static void test_head_ends(void)
{
	struct world w;
	struct store_call *c;

	fake_unsatisfiable(head_start(&w), 0);
	CHECK(w.decided == 1 && w.result == FETCH_MISS, "an empty object is a miss");
	ASSERT(world_fini(&w));
	fake_done(head_start(&w), STORE_MISS);
	CHECK(w.decided == 1 && w.result == FETCH_MISS && w.store.started == 1, "a miss is one");
	ASSERT(world_fini(&w));
	fake_done(head_start(&w), STORE_FAULT);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "what breaks is a fault");
	ASSERT(world_fini(&w));
	fake_done(head_start(&w), STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.decided == 0 && fake_call(&w.store, NULL)->read.ranged,
	      "or tried again, the same way");
	ASSERT(world_fini(&w));

	c = head_start(&w);
	give_head(c, -1);
	fake_data(c, "abc", 3);
	fake_done(c, STORE_FOUND);
	ASSERT(MANUAL_UNTIL(w.loop, w.decided == 1));
	CHECK(w.result == FETCH_FOUND && w.head.total == 3 && w.store.started == 1,
	      "without a length: all of it tells that");
	ASSERT(world_fini(&w));
}

int main(void)
{
	test_found();
	test_simple();
	test_empty();
	test_part_unasked();
	test_head();
	test_head_without_length();
	test_file();
	test_retries();
	test_or_whole();
	test_budget();
	test_tallies();
	test_blame();
	test_tally_of_a_body();
	test_gate();
	test_late_fault();
	test_spool();
	test_into_file();
	test_spool_nowhere();
	test_free_anywhere();
	test_free_when_decided();
	test_stall_behind_the_head();
	test_fault_while_looking();
	test_peek();
	test_head_by_the_beginning();
	test_msfz();
	test_head_of_an_unranged_store();
	test_head_ends();
	return tap_done();
}
