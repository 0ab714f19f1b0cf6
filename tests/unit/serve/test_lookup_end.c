// SPDX-License-Identifier: MIT
/* How a lookup ends: released or aborted in every phase, under a reader, and with flights. */
#define ASKED "Foo.pdb/ABCDEF_0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef_0123/foo.pdb"
#include "base/log.h"
#include "lookup_rig.h"
#include "metric/metric.h"
#include "serve/lookup.h"

#include "tap.h"

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
	char via[] = "1.1 somebody", checksum[] = "SHA256:ab";
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	w.request.via = via;
	w.client.checksum = checksum;
	w.lookup = lookup_start(&w.request, answered, &w);
	memset(via, '?', sizeof(via) - 1);
	memset(checksum, '?', sizeof(checksum) - 1);
	manual_settle(w.loop);
	fake_head(fake_call(&w.fake[0], NULL), &head);
	fake_data(fake_call(&w.fake[0], NULL), "012", 3);
	fake_done(fake_call(&w.fake[0], NULL), STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.fake[0].started == 2, "the rest is asked for");
	CHECK_STR(fake_call(&w.fake[0], NULL)->read.via, "1.1 somebody", "with the same Via");
	CHECK_STR(fake_call(&w.fake[0], NULL)->read.checksum, "SHA256:ab", "and SymbolChecksum");
	world_release(&w);
	CHECK(world_fini(&w), "Via");
}

static void test_if_range_is_copied(void)
{
	struct object_head head = fake_whole(4, "\"e\"");
	char if_range[] = "\"e\"";
	struct world w;

	head.ranged = true;
	head.first = 2;
	head.total = 10;
	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	w.request.part = (struct part_ask){true, {2, 5}, if_range};
	w.lookup = lookup_start(&w.request, answered, &w);
	memset(if_range, '?', sizeof(if_range) - 1);
	manual_settle(w.loop);
	fake_head(fake_call(&w.fake[0], NULL), &head);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.answered == 1 && w.answer.head.ranged, "If-Range is compared as it was sent");
	world_release(&w);
	CHECK(world_fini(&w), "If-Range");
}

/* A reader that has just made room has posted it when the lookup is aborted. */
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
	struct fill_waiter waiter;
	bool ready; /* under mu */
	int64_t got;
	enum fill_read end;
};

static void reader_ready(struct fill_waiter *w)
{
	struct reader *r = CONTAINER_OF(w, struct reader, waiter);
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

static bool wait_for_more(struct reader *r)
{
	r->waiter = (struct fill_waiter){.ready = reader_ready, .offset = r->got};
	return fill_wait(r->body, &r->waiter);
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
		else if (wait_for_more(r))
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

/* ---- with a cache on disk: flights go on without those who asked ---- */

static void bring_flight_to(struct world *w, enum phase phase)
{
	struct object_head head = fake_whole(BODY_N, "\"e\"");

	world_cached(w, 2, "/readme.txt");
	w->fake[0].store.traits.any_case = w->fake[1].store.traits.any_case = true;
	world_start(w);
	switch (phase) {
	case ASKED_FIRST: break;
	case SETTLING: fake_head(fake_call(&w->fake[0], NULL), &head); break;
	case BETWEEN_STORES: fake_done(fake_call(&w->fake[0], NULL), STORE_MISS); break;
	case ANSWERED_BODY:
		fake_head(fake_call(&w->fake[0], NULL), &head);
		manual_advance(w->loop, NS_PER_S);
		break;
	case ANSWERED_ALL:
		fake_head(fake_call(&w->fake[0], NULL), &head);
		give_body(fake_call(&w->fake[0], NULL));
		manual_settle(w->loop);
		break;
	case PHASES: break;
	}
}

static void test_flights_survive_a_release(void)
{
	int64_t kept;
	struct world w;

	for (int phase = 0; phase < PHASES; phase++) {
		kept = metric_get(fills_kept);
		bring_flight_to(&w, (enum phase)phase);
		world_release(&w);
		CHECK(w.answered == (phase >= ANSWERED_BODY) && w.fake[0].cancelled == 0,
		      "left, and what runs is finished");
		if (phase == ASKED_FIRST)
			give_head(fake_call(&w.fake[0], NULL));
		if (phase != BETWEEN_STORES && phase != ANSWERED_ALL)
			give_body(fake_call(&w.fake[0], NULL));
		if (phase != BETWEEN_STORES)
			CHECK(world_until_kept(&w, kept), "and kept");
		CHECK(world_fini(&w), "nothing stays behind");
	}
}

static void test_flights_are_aborted(void)
{
	struct world w;

	for (int phase = 0; phase < PHASES; phase++) {
		bring_flight_to(&w, (enum phase)phase);
		lookup_abort_all(&w.all);
		flights_abort(w.flights);
		manual_settle(w.loop);
		CHECK_INT(w.answered, 1, "aborted: answered");
		if (phase < ANSWERED_BODY)
			CHECK_INT(w.answer.kind, ANSWER_FAULT, "with a fault");
		world_release(&w);
		CHECK(world_fini(&w), "aborted and released");
	}
}

/* The cache ends before the lookups do: they are told by their seats. */
static void test_cache_is_aborted_first(void)
{
	struct world w;

	for (int phase = 0; phase < PHASES; phase++) {
		bring_flight_to(&w, (enum phase)phase);
		flights_abort(w.flights);
		manual_settle(w.loop);
		lookup_abort_all(&w.all);
		manual_settle(w.loop);
		CHECK_INT(w.answered, 1, "the cache first: answered");
		world_release(&w);
		CHECK(world_fini(&w), "and released");
	}
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_release_in_every_phase();
	test_abort_in_every_phase();
	test_start_after_the_abort();
	test_via_is_copied();
	test_if_range_is_copied();
	test_abort_with_room_on_its_way();
	test_abort_under_a_reader();
	test_flights_survive_a_release();
	test_flights_are_aborted();
	test_cache_is_aborted_first();
	return tap_done();
}
