// SPDX-License-Identifier: MIT
/*
 * The life of one read, against a store that the test speaks for, with the loop turned by hand:
 * retries within the budget, bodies that break off and go on, bodies without a length, and the end
 * at every point.
 */
#include "cache/fetch.h"

#include "metric/metric.h"
#include "store_rig.h"

#include "fake_store.h"
#include "tap.h"
#include <fcntl.h>

#define BUDGET_NS (8 * NS_PER_S)
#define ETAG      "\"v1\""

struct world {
	struct loop *loop;
	struct store_context ctx;
	struct fake_store store;
	struct fetch_request request;
	struct fetch *fetch;
	struct fill *fill; /* the reader's reference, once found */
	bool free_when_decided;
	int decided;
	enum fetch_result result;
	struct object_head head;
	struct error error;
};

static void decided(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct world *w = ud;

	w->decided++;
	w->result = result;
	if (head)
		w->head = *head;
	if (e)
		w->error = *e;
	if (result == FETCH_FOUND && !w->request.head && head->fd < 0)
		w->fill = fill_ref(fetch_body(w->fetch));
	if (w->free_when_decided)
		fetch_free(TAKE(w->fetch));
}

static void world_init(struct world *w)
{
	*w = (struct world){.loop = manual_loop(), .head.fd = -1};
	w->ctx = (struct store_context){.loop = w->loop};
	fake_store_init(&w->store, "fake", &w->ctx);
	w->request = (struct fetch_request){
		.store = &w->store.store,
		.key = SLICE("a/b/c"),
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
		.ring_max = FILL_RING_MIN,
	};
}

static struct store_call *world_start(struct world *w)
{
	w->fetch = fetch_start(&w->request, decided, w);
	manual_settle(w->loop);
	return fake_call(&w->store, NULL);
}

static struct store_call *init_and_start(struct world *w)
{
	world_init(w);
	return world_start(w);
}

static bool world_fini(struct world *w)
{
	bool clean;

	fetch_free(w->fetch);
	clean = !w->store.first && w->loop->n_timers == 0;
	fill_unref(w->fill);
	close_p(&w->head.fd);
	loop_free(w->loop);
	return clean;
}

static void give_head(struct store_call *c, int64_t length)
{
	struct object_head head = fake_whole(length, ETAG);

	fake_head(c, &head);
}

/* What a reader can have at this moment. */
static struct slice readable(const struct world *w, int64_t at)
{
	static char text[2 * FILL_RING_MIN];
	size_t n = 0;

	if (fill_read(w->fill, at, text, sizeof(text), &n) != FILL_DATA)
		return SLICE_NONE;
	return (struct slice){text, n};
}

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
	{"a fault", STORE_FAULT, 0, false, FETCH_FAULT},
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
	CHECK(w.result == FETCH_FOUND && w.head.fd == fd && !w.fill, "a file is handed over");
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

/* ---- going on with a broken body ---- */

/* Ten bytes, of which four have come when the store breaks. */
static struct store_call *broken(struct world *w, const struct object_head *head,
				 enum store_result end)
{
	struct store_call *c = init_and_start(w);

	fake_head(c, head);
	fake_data(c, "0123", 4);
	fake_done(c, end);
	manual_settle(w->loop);
	return fake_call(&w->store, NULL);
}

static struct object_head rest_of(const struct object_head *h, int64_t at)
{
	struct object_head rest = *h;

	rest.ranged = true;
	rest.first += at;
	rest.length -= at;
	return rest;
}

static void test_resume(void)
{
	int64_t before = metric_get(store_resumes);
	struct object_head head = fake_whole(10, ETAG), rest = rest_of(&head, 4);
	struct world w;
	struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);

	CHECK(c && c->read.ranged && c->read.range.first == 4 && c->read.range.last == 9,
	      "the rest is asked for");
	CHECK_STR(c->read.if_match, ETAG, "of the same version");
	CHECK_INT(metric_get(store_resumes) - before, 1, "which is counted");
	fake_head(c, &rest);
	fake_data(c, "456789", 6);
	fake_done(c, STORE_FOUND);
	CHECK_SLICE(readable(&w, 0), "0123456789", "and the whole is one");
	ASSERT(world_fini(&w));
}

/* A range that was asked for is continued within itself. */
static void test_resume_part(void)
{
	struct object_head head = fake_whole(10, ETAG), rest;
	struct world w;
	struct store_call *c;

	head.ranged = true;
	head.first = 100;
	head.total = 1000;
	rest = rest_of(&head, 4);
	world_init(&w);
	w.request.ranged = true;
	w.request.range = (struct range_ask){100, 109};
	c = world_start(&w);
	fake_head(c, &head);
	fake_data(c, "0123", 4);
	fake_done(c, STORE_FAULT_RETRY);
	manual_settle(w.loop);
	c = fake_call(&w.store, NULL);
	CHECK(c && c->read.range.first == 104 && c->read.range.last == 109, "the rest of the part");
	fake_head(c, &rest);
	fake_data(c, "456789", 6);
	fake_done(c, STORE_FOUND);
	CHECK_SLICE(readable(&w, 0), "0123456789", "which is one");
	ASSERT(world_fini(&w));
}

static void test_short_body(void)
{
	struct object_head head = fake_whole(10, ETAG);
	struct world w;
	struct store_call *c = broken(&w, &head, STORE_FOUND);

	CHECK(c && c->read.ranged, "a body that ends early counts as broken");
	ASSERT(world_fini(&w));
}

enum change { SAME, OTHER_ETAG, NO_ETAG, OTHER_TOTAL, OTHER_FIRST, OTHER_LENGTH, WHOLE };

static const struct {
	const char *name;
	enum change change;
} changes[] = {
	{"another ETag", OTHER_ETAG},     {"no ETag", NO_ETAG},
	{"another size", OTHER_TOTAL},    {"another place", OTHER_FIRST},
	{"another length", OTHER_LENGTH}, {"the whole in place of the rest", WHOLE},
};

static void test_resume_refused(void)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct object_head head = fake_whole(10, ETAG), rest = rest_of(&head, 4);
		struct world w;
		struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);
		struct error e = {OK, 0, ""};

		switch (changes[i].change) {
		case SAME: break;
		case OTHER_ETAG: rest.etag[2] = '2'; break;
		case NO_ETAG: rest.etag[0] = '\0'; break;
		case OTHER_TOTAL: rest.total++; break;
		case OTHER_FIRST: rest.first--; break;
		case OTHER_LENGTH: rest.length--; break;
		case WHOLE: rest = head; break;
		}
		fake_head(c, &rest);
		CHECK(fill_failed(w.fill, &e) && e.code == ERR_CORRUPT, changes[i].name);
		ASSERT(world_fini(&w) && w.store.cancelled == 1);
	}
}

static const struct {
	const char *name;
	enum store_result result;
	enum err code;
} resumed_ends[] = {
	{"gone", STORE_MISS, ERR_CORRUPT},
	{"changed", STORE_CHANGED, ERR_CORRUPT},
	{"shorter", STORE_UNSATISFIABLE, ERR_CORRUPT},
	{"a fault", STORE_FAULT, ERR_NET},
};

static void test_resume_answers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(resumed_ends); i++) {
		struct object_head head = fake_whole(10, ETAG);
		struct world w;
		struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);
		struct error e = {OK, 0, ""};

		if (resumed_ends[i].result == STORE_UNSATISFIABLE)
			fake_unsatisfiable(c, 3);
		else
			fake_done(c, resumed_ends[i].result);
		CHECK(fill_failed(w.fill, &e) && e.code == resumed_ends[i].code,
		      resumed_ends[i].name);
		CHECK_INT(w.decided, 1, "decided once");
		ASSERT(world_fini(&w));
	}
}

static void test_not_resumable(void)
{
	static const char *const etags[] = {"", "W/\"v1\"", "v1"};
	struct error e = {OK, 0, ""};
	struct world w;

	for (size_t i = 0; i < ARRAY_LEN(etags); i++) {
		struct object_head head = fake_whole(10, etags[i]);

		CHECK(!broken(&w, &head, STORE_FAULT_RETRY) && fill_failed(w.fill, &e),
		      etags[i][0] ? etags[i] : "no ETag: the version cannot be named");
		ASSERT(world_fini(&w));
	}
}

/* A store that gives a little each time is asked until RESUMES_MAX (8) is reached... */
static void test_resumes_with_progress(void)
{
	struct object_head head = fake_whole(100, ETAG), rest;
	struct world w;
	struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);
	struct error e;
	int n = 0;

	for (; c && n < 20; n++) {
		rest = rest_of(&head, 4 + n);
		fake_head(c, &rest);
		fake_data(c, "x", 1);
		fake_done(c, STORE_FAULT_RETRY);
		manual_advance(w.loop, NS_PER_S);
		c = fake_call(&w.store, NULL);
	}
	CHECK(n == 8 && fill_failed(w.fill, &e), "eight times and no more");
	ASSERT(world_fini(&w));
}

/* ... one that gives nothing, four times, with pauses. */
static void test_resumes_without_progress(void)
{
	struct object_head head = fake_whole(100, ETAG);
	struct world w;
	struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);
	struct error e;
	int n = 0;

	for (; c && n < 20; n++) {
		fake_done(c, STORE_FAULT_RETRY);
		manual_settle(w.loop);
		CHECK(!fake_call(&w.store, NULL), "not at once");
		manual_advance(w.loop, NS_PER_S);
		c = fake_call(&w.store, NULL);
	}
	CHECK(n == 4 && fill_failed(w.fill, &e), "four times without a byte");
	ASSERT(world_fini(&w));
}

/* The buffer is full when the store breaks: the rest has no place before the reader reads. */
static void test_resume_waits_for_room(void)
{
	static char block[FILL_RING_MIN];
	struct object_head head = fake_whole(4 * (int64_t)FILL_RING_MIN, ETAG), rest;
	struct world w;
	struct store_call *c = init_and_start(&w);

	fake_head(c, &head);
	CHECK(!fake_data(c, block, sizeof(block)), "a full buffer pauses the store");
	fake_done(c, STORE_FAULT_RETRY);
	manual_advance(w.loop, 60 * NS_PER_S);
	CHECK(!fake_call(&w.store, NULL), "it breaks: nothing is asked while there is no room");
	CHECK_INT(readable(&w, 0).n, FILL_RING_MIN, "the reader reads");
	manual_settle(w.loop);
	c = fake_call(&w.store, NULL);
	CHECK(c && c->read.range.first == (int64_t)FILL_RING_MIN, "then the rest is asked for");
	if (c) {
		CHECK(c->read.deadline_ns > clock_mono_ns(), "with time to answer");
		rest = rest_of(&head, (int64_t)FILL_RING_MIN);
		fake_head(c, &rest);
		fake_data(c, block, sizeof(block));
		CHECK_INT(readable(&w, (int64_t)FILL_RING_MIN).n, FILL_RING_MIN, "and comes");
	}
	ASSERT(world_fini(&w));
}

static void test_pause(void)
{
	static char block[FILL_RING_MIN];
	struct world w;
	struct store_call *c = init_and_start(&w);

	give_head(c, 4 * (int64_t)FILL_RING_MIN);
	CHECK(!fake_data(c, block, sizeof(block)), "a full buffer pauses the store");
	manual_settle(w.loop);
	CHECK_INT(w.store.resumed, 0, "for as long as nobody reads");
	readable(&w, 0);
	manual_settle(w.loop);
	CHECK_INT(w.store.resumed, 1, "a reader resumes it");
	ASSERT(world_fini(&w));
}

/*
 * The reader makes room while the rest of a received block still comes, which fills it again: the
 * news of that room is old when it arrives.
 */
static void test_old_news_of_room(void)
{
	static char block[FILL_RING_MIN], to[32 * 1024];
	struct world w;
	struct store_call *c = init_and_start(&w);
	size_t n = 0;

	give_head(c, 4 * (int64_t)FILL_RING_MIN);
	CHECK(fake_data(c, block, 60 * 1024) && !fake_data(c, block, 16 * 1024), "paused");
	CHECK_INT(fill_read(w.fill, 0, to, sizeof(to), &n), FILL_DATA, "room");
	CHECK(!fake_data(c, block, 48 * 1024), "but it is taken: paused again");
	manual_settle(w.loop);
	CHECK_INT(w.store.resumed, 0, "so the store is not resumed");
	CHECK_INT(fill_read(w.fill, 32 * 1024, to, sizeof(to), &n), FILL_DATA, "more room");
	manual_settle(w.loop);
	CHECK_INT(w.store.resumed, 1, "now it is");
	ASSERT(world_fini(&w));
}

static void test_too_many_bytes(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);
	struct error e = {OK, 0, ""};

	give_head(c, 3);
	fake_data(c, "0123", 4);
	CHECK(fill_failed(w.fill, &e) && e.code == ERR_CORRUPT, "more bytes than promised");
	CHECK(world_fini(&w) && w.store.cancelled == 1, "end the call");
}

/*
 * A real transfer of many small chunks, which libcurl keeps aside while it is paused: what it then
 * gives at once has to fit, however slow the reader.
 */
static void test_small_chunks(void)
{
	static char to[32 * 1024];
	struct buf text CLEANUP(buf_fini) = BUF_MAX(4 << 20);
	struct world w = {.head.fd = -1};
	struct http_reply reply;
	struct rig r;
	int64_t at = 0;
	size_t n = 0;

	buf_puts(&text, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1999999/2000000\r\n"
			"Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "64\r\n%0100d\r\n", i);
	buf_puts(&text, "0\r\n\r\n");
	reply = (struct http_reply){buf_str(&text)};
	rig_init(&r, &reply, 1);
	rig_open(&r, "http://127.0.0.1:%u");
	w.request = (struct fetch_request){.store = r.store,
					   .key = SLICE("k"),
					   .ranged = true,
					   .range = {0, 1999999},
					   .ring_max = FILL_RING_MIN,
					   .deadline_ns = clock_mono_ns() + NS_PER_S};
	w.fetch = fetch_start(&w.request, decided, &w);
	for (int idle = 0; idle < 100 && at < 2000000;) {
		for (int turn = 0; turn < 3; turn++)
			idle = manual_turn(r.ctx.loop, w.fill ? 1 : 100) ? 0 : idle + 1;
		if (w.fill && fill_read(w.fill, at, to, sizeof(to), &n) == FILL_DATA)
			at += (int64_t)n;
	}
	CHECK_INT(at, 2000000, "many small chunks and a slow reader: all of it, in its place");
	fetch_free(w.fetch);
	fill_unref(w.fill);
	rig_fini(&r);
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
	fake_data(c, "world", 5);
	fake_done(c, STORE_FOUND);
	CHECK(w.result == FETCH_FOUND && w.head.length == 11 && w.head.total == 11,
	      "then it is known");
	CHECK(pread(w.head.fd, text, sizeof(text), 0) == 11 && memcmp(text, "hello world", 11) == 0,
	      "and the body lies in a file");
	ASSERT(world_fini(&w));

	c = init_and_start(&w);
	give_head(c, -1);
	fake_done(c, STORE_FOUND);
	CHECK(w.decided == 1 && w.result == FETCH_MISS, "nothing at all is a miss");
	ASSERT(world_fini(&w));

	c = init_and_start(&w);
	give_head(c, -1);
	fake_data(c, "hello ", 6);
	fake_done(c, STORE_FAULT_RETRY);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT, "a break is a fault");
	ASSERT(world_fini(&w));
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
		if (w.fill)
			CHECK(fill_failed(w.fill, &e) && e.code == ERR_CANCELED,
			      "broken off: its reader is told");
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
	CHECK(w.decided == 1 && world_fini(&w), "freed after spooling");
	c = init_and_start(&w);
	w.free_when_decided = true;
	file.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fake_head(c, &file);
	fake_done(c, STORE_FOUND);
	CHECK(w.decided == 1 && world_fini(&w), "freed with a file");
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_found();
	test_simple();
	test_empty();
	test_part_unasked();
	test_head();
	test_head_without_length();
	test_file();
	test_retries();
	test_budget();
	test_resume();
	test_resume_part();
	test_short_body();
	test_resume_refused();
	test_resume_answers();
	test_not_resumable();
	test_resumes_with_progress();
	test_resumes_without_progress();
	test_resume_waits_for_room();
	test_pause();
	test_old_news_of_room();
	test_too_many_bytes();
	test_small_chunks();
	test_spool();
	test_spool_nowhere();
	test_free_anywhere();
	test_free_when_decided();
	curl_global_cleanup();
	return tap_done();
}
