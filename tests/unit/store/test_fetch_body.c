// SPDX-License-Identifier: MIT
/*
 * The body of a fetch: one that breaks off and goes on, a sink that pauses, refuses or gives up,
 * and parts that are pinned to a version.
 */
#include "store_rig.h"

#include "fetch_rig.h"
#include "metric/metric.h"

#include "tap.h"

/* ---- going on with a broken body ---- */

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

/* ---- what does not go on with it ---- */

enum change {
	OTHER_ETAG,
	NO_ETAG,
	WEAK_ETAG,
	OTHER_TOTAL,
	OTHER_FIRST,
	OTHER_LENGTH,
	OTHER_WHOLE,
	GONE,
	DENIED,
	CHANGED,
	SHORTER,
	REFUSED,
	UPSTREAM,
	CHANGES,
};

static const char *const changes[CHANGES] = {
	"another ETag", "no ETag",       "a weak one",    "another size", "another place",
	"another size", "another whole", "a miss",        "a denied one", "changed",
	"no such part", "a refusal",     "a server error"};

static void answer_with(struct store_call *c, enum change change, struct object_head rest)
{
	static const struct error refused = {ERR_DENIED, 0, "403"},
				  upstream = {ERR_UPSTREAM, 0, "500"};

	switch (change) {
	case OTHER_ETAG: rest.etag[2] = '2'; break;
	case NO_ETAG: rest.etag[0] = '\0'; break;
	case WEAK_ETAG: memcpy(rest.etag, "W/" ETAG, sizeof("W/" ETAG)); break;
	case OTHER_TOTAL: rest.total++; break;
	case OTHER_FIRST: rest.first--; break;
	case OTHER_LENGTH: rest.length--; break;
	case OTHER_WHOLE: rest = fake_whole(rest.total, "\"v2\""); break;
	case GONE: fake_done(c, STORE_MISS); return;
	case DENIED: fake_done(c, STORE_MISS_DENIED); return;
	case CHANGED: fake_done(c, STORE_CHANGED); return;
	case SHORTER: fake_unsatisfiable(c, 3); return;
	case REFUSED: fake_end(c, STORE_FAULT, NULL, &refused); return;
	case UPSTREAM: fake_end(c, STORE_FAULT, NULL, &upstream); return;
	case CHANGES: return;
	}
	fake_head(c, &rest);
}

/* Behind one address there may be nodes of which not all know the version. */
static void test_resume_refused_once(void)
{
	for (int i = 0; i < CHANGES; i++) {
		struct object_head head = fake_whole(10, ETAG), rest = rest_of(&head, 4);
		struct world w;
		struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);

		answer_with(c, (enum change)i, rest);
		manual_advance(w.loop, NS_PER_S);
		c = fake_call(&w.store, NULL);
		CHECK(c && c->read.ranged && !c->read.if_match == (i == CHANGED), changes[i]);
		fake_head(c, &rest);
		fake_data(c, "456789", 6);
		fake_done(c, STORE_FOUND);
		CHECK_SLICE(readable(&w, 0), "0123456789", "another try may be answered");
		ASSERT(world_fini(&w));
	}
}

/* Of a part no other question than for the rest of it makes sense. */
static void test_resume_refused_for_good(void)
{
	for (int i = 0; i < 2 * CHANGES; i++) {
		struct object_head head = fake_whole(10, ETAG), rest;
		bool part = i >= CHANGES;
		struct world w;
		struct store_call *c;
		struct error e = {OK, 0, ""};
		int n = 0;

		if (part)
			head = fake_part(20, ETAG, 0, 9);
		rest = rest_of(&head, 4);
		world_init(&w);
		w.request.ranged = part;
		w.request.range = (struct range_ask){0, 9};
		c = world_start(&w);
		fake_head(c, &head);
		fake_data(c, "0123", 4);
		fake_done(c, STORE_FAULT_RETRY);
		manual_advance(w.loop, NS_PER_S);
		for (; (c = fake_call(&w.store, NULL)); n++) {
			CHECK_INT(c->read.ranged, part || n < 3, "the last try may do without");
			if (!c->read.ranged)
				CHECK(!c->read.if_match, "and without If-Match");
			answer_with(c, (enum change)(i % CHANGES), rest);
			manual_advance(w.loop, NS_PER_S);
		}
		CHECK(n == 4 && fill_failed(w.fill, &e), changes[i % CHANGES]);
		CHECK(w.decided == 1 && w.ended == 1 && e.code != ERR_NET, "fails it in the end");
		ASSERT(world_fini(&w));
	}
}

/* What has come before is passed over. */
static void test_resume_by_the_whole(void)
{
	for (int last = 0; last < 2; last++) {
		struct object_head head = fake_whole(10, ETAG);
		struct world w;
		struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);

		for (int i = 0; last && i < 3; i++) {
			fake_done(c, STORE_MISS);
			manual_advance(w.loop, NS_PER_S);
			c = fake_call(&w.store, NULL);
		}
		fake_head(c, &head);
		fake_data(c, "012", 3);
		fake_data(c, "345", 3);
		fake_data(c, "6789", 4);
		fake_done(c, STORE_FOUND);
		CHECK_SLICE(readable(&w, 0), "0123456789", "all of it goes on where it broke");
		ASSERT(world_fini(&w));
	}
}

/* It breaks again before, and behind, what had come. */
static void test_break_in_the_whole(void)
{
	struct object_head head = fake_whole(10, ETAG), rest;
	struct world w;
	struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);

	fake_head(c, &head);
	fake_data(c, "012", 3);
	fake_done(c, STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	c = fake_call(&w.store, NULL);
	CHECK(c && c->read.range.first == 4, "the rest is asked for again");
	fake_head(c, &head);
	fake_data(c, "01234", 5);
	fake_done(c, STORE_FAULT_RETRY);
	manual_advance(w.loop, NS_PER_S);
	c = fake_call(&w.store, NULL);
	CHECK(c && c->read.range.first == 5, "which is less by now");
	rest = rest_of(&head, 5);
	fake_head(c, &rest);
	fake_data(c, "56789", 5);
	fake_done(c, STORE_FOUND);
	CHECK_SLICE(readable(&w, 0), "0123456789", "and each byte comes once");
	ASSERT(world_fini(&w));
}

/* The store is broken in another way than by an answer. */
static void test_resume_fault(void)
{
	struct object_head head = fake_whole(10, ETAG);
	struct world w;
	struct store_call *c = broken(&w, &head, STORE_FAULT_RETRY);
	struct error e = {OK, 0, ""};

	fake_done(c, STORE_FAULT);
	CHECK(fill_failed(w.fill, &e) && e.code == ERR_NET && w.decided == 1, "a fault ends it");
	ASSERT(world_fini(&w));
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
					   .deadline_ns = clock_mono_ns() + NS_PER_S};
	w.ctx.loop = r.ctx.loop;
	w.room.run = room_made;
	w.fill = fill_new((struct fill_writer){.room = post_room, .ud = &w});
	w.fetch = fetch_start(&w.request, &sink, decided, &w);
	for (int idle = 0; idle < 100 && at < 2000000;) {
		for (int turn = 0; turn < 3; turn++)
			idle = manual_turn(r.ctx.loop, w.decided ? 1 : 100) ? 0 : idle + 1;
		if (fill_read(w.fill, at, to, sizeof(to), &n) == FILL_DATA)
			at += (int64_t)n;
	}
	CHECK_INT(at, 2000000, "many small chunks and a slow reader: all of it, in its place");
	fetch_free(w.fetch);
	fill_unref(w.fill);
	rig_fini(&r);
}

/* ---- a part of a version that is known ---- */

#define PIN_TOTAL 1000

static const struct pin_case {
	const char *name;
	struct object_head head;  /* total 0: no head at all */
	enum store_result result; /* without a head */
	enum err code;            /* OK: found */
} pin_cases[] = {
	{"the part",
	 {.total = PIN_TOTAL, .first = 100, .length = 10, .ranged = true, .etag = ETAG},
	 0,
	 OK},
	{"of another version",
	 {.total = PIN_TOTAL, .first = 100, .length = 10, .ranged = true, .etag = "\"v2\""},
	 0,
	 ERR_CORRUPT},
	{"of one without a name",
	 {.total = PIN_TOTAL, .first = 100, .length = 10, .ranged = true},
	 0,
	 ERR_CORRUPT},
	{"of another size",
	 {.total = PIN_TOTAL + 1, .first = 100, .length = 10, .ranged = true, .etag = ETAG},
	 0,
	 ERR_CORRUPT},
	{"one byte short",
	 {.total = PIN_TOTAL, .first = 100, .length = 9, .ranged = true, .etag = ETAG},
	 0,
	 ERR_CORRUPT},
	{"one byte late",
	 {.total = PIN_TOTAL, .first = 101, .length = 10, .ranged = true, .etag = ETAG},
	 0,
	 ERR_CORRUPT},
	{"the whole in its place",
	 {.total = PIN_TOTAL, .length = PIN_TOTAL, .etag = ETAG},
	 0,
	 ERR_CORRUPT},
	{"a change that the store noticed", {0}, STORE_CHANGED, ERR_CORRUPT},
	{"gone", {0}, STORE_MISS, ERR_CORRUPT},
	{"denied", {0}, STORE_MISS_DENIED, ERR_CORRUPT},
	{"refused", {0}, STORE_MISS_REFUSED, ERR_CORRUPT},
	{"nothing there", {0}, STORE_UNSATISFIABLE, ERR_CORRUPT},
	{"a fault", {0}, STORE_FAULT, ERR_NET},
};

static struct store_call *start_pinned(struct world *w)
{
	static const struct object_head pin = {
		.total = PIN_TOTAL, .length = PIN_TOTAL, .mtime = -1, .etag = ETAG, .fd = -1};

	world_init(w);
	w->request.ranged = true;
	w->request.range = (struct range_ask){100, 109};
	w->request.pin = &pin;
	return world_start(w);
}

static void answer_pinned(struct store_call *c, const struct pin_case *p)
{
	struct object_head head = p->head;

	head.fd = -1;
	if (head.total)
		fake_head(c, &head);
	else if (p->result == STORE_UNSATISFIABLE)
		fake_unsatisfiable(c, 50);
	else
		fake_done(c, p->result);
}

static void test_pin(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pin_cases); i++) {
		const struct pin_case *p = &pin_cases[i];
		struct world w;
		struct store_call *c = start_pinned(&w);
		int n = 0;

		CHECK_STR(c->read.if_match, ETAG, "the version is asked for");
		for (; c && !w.decided; n++) {
			CHECK(c->read.ranged && c->read.range.first == 100, "a part of it");
			answer_pinned(c, p);
			manual_advance(w.loop, NS_PER_S);
			c = fake_call(&w.store, NULL);
		}
		CHECK(w.decided == 1 && (w.result == FETCH_FOUND) == !p->code &&
			      (w.result == FETCH_FOUND ||
			       (w.result == FETCH_FAULT && w.error.code == p->code)),
		      p->name);
		CHECK_INT(n, p->code == ERR_CORRUPT ? 4 : 1, "what does not fit is tried again");
		CHECK_INT(w.begun, !p->code, "nothing else reaches the sink");
		ASSERT(world_fini(&w));
	}
}

/* Some refuse any If-Match, and of some the next node knows the version. */
static void test_pin_in_the_end(void)
{
	for (size_t i = 1; i < ARRAY_LEN(pin_cases); i++) {
		struct world w;
		struct store_call *c = start_pinned(&w);

		if (pin_cases[i].code != ERR_CORRUPT) {
			ASSERT(world_fini(&w));
			continue;
		}
		answer_pinned(c, &pin_cases[i]);
		manual_advance(w.loop, NS_PER_S);
		c = fake_call(&w.store, NULL);
		CHECK_INT(!c->read.if_match, pin_cases[i].result == STORE_CHANGED,
			  pin_cases[i].name);
		answer_pinned(c, &pin_cases[0]);
		CHECK(w.decided == 1 && w.result == FETCH_FOUND && w.begun == 1, "then the part");
		fake_data(c, "0123456789", 10);
		fake_done(c, STORE_FOUND);
		CHECK(w.ended == 1, "comes");
		ASSERT(world_fini(&w));
	}
}

/* The pin is copied: the owner's may go. Outside of the object nothing is to be had. */
static void test_pin_end(void)
{
	struct object_head *pin = xnew(struct object_head);
	struct world w;
	struct store_call *c;

	*pin = fake_whole(PIN_TOTAL, ETAG);
	world_init(&w);
	w.request.ranged = true;
	w.request.range = (struct range_ask){PIN_TOTAL - 5, PIN_TOTAL + 5};
	w.request.pin = pin;
	c = world_start(&w);
	free(pin);
	w.head = fake_part(PIN_TOTAL, ETAG, PIN_TOTAL - 5, PIN_TOTAL - 1);
	fake_head(c, &w.head);
	fake_data(c, "01234", 5);
	fake_done(c, STORE_FOUND);
	CHECK(w.result == FETCH_FOUND && w.ended == 1,
	      "the last bytes, by a range that is cut to them");
	CHECK_SLICE(readable(&w, 0), "01234", "are these");
	ASSERT(world_fini(&w));
}

/* ---- the sink ---- */

static void test_sink_refuses(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);

	w.refusal = (struct error){ERR_NOMEM, 0, "no memory"};
	give_head(c, 10);
	CHECK(w.decided == 1 && w.result == FETCH_FAULT && w.error.code == ERR_NOMEM,
	      "a body that is not welcome is a fault");
	CHECK_STR(w.error.msg, "no memory", "in the sink's words");
	CHECK_INT(w.ended, 0, "and never ends, for it has not begun");
	CHECK(world_fini(&w) && w.store.cancelled == 1, "the call is over");
}

static void test_fail_in_write(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);
	struct error e = {OK, 0, ""};

	give_head(c, 10);
	w.fail_in_write = true;
	fake_data(c, "01234", 5);
	CHECK(w.ended == 1 && fill_failed(w.fill, &e) && e.code == ERR_IO, "the sink gives up");
	CHECK_INT(w.store.cancelled, 1, "the call is over");
	fetch_fail(w.fetch, &e);
	CHECK_INT(w.ended, 1, "once");
	ASSERT(world_fini(&w));

	c = init_and_start(&w);
	w.free_in_write = true;
	give_head(c, 10);
	fake_data(c, "01234", 5);
	CHECK(w.ended == 0 && world_fini(&w), "freed in write: not a word more");
}

static void test_free_in_end(void)
{
	struct world w;
	struct store_call *c = init_and_start(&w);

	w.free_in_end = true;
	give_head(c, 2);
	fake_data(c, "01", 2);
	fake_done(c, STORE_FOUND);
	CHECK(w.ended == 1 && world_fini(&w), "freed in end: all has come");
	c = init_and_start(&w);
	w.free_in_end = true;
	give_head(c, 2);
	fake_data(c, "0123", 4);
	CHECK(w.ended == 1 && world_fini(&w), "freed in end: too much has");
}

static void test_patient(void)
{
	struct world w;

	for (int patient = 0; patient < 2; patient++) {
		world_init(&w);
		w.request.patient = patient;
		w.request.via = "1.1 somebody";
		w.request.checksum = "SHA256:ab";
		CHECK_INT(world_start(&w)->read.patient, patient, "patience is passed on");
		CHECK_STR(fake_call(&w.store, NULL)->read.via, "1.1 somebody", "and so is Via");
		CHECK_STR(fake_call(&w.store, NULL)->read.checksum, "SHA256:ab",
			  "and SymbolChecksum");
		ASSERT(world_fini(&w));
	}
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_resume();
	test_resume_part();
	test_short_body();
	test_resume_refused_once();
	test_resume_refused_for_good();
	test_resume_by_the_whole();
	test_break_in_the_whole();
	test_resume_fault();
	test_not_resumable();
	test_resumes_with_progress();
	test_resumes_without_progress();
	test_resume_waits_for_room();
	test_pause();
	test_old_news_of_room();
	test_too_many_bytes();
	test_small_chunks();
	test_pin();
	test_pin_in_the_end();
	test_pin_end();
	test_sink_refuses();
	test_fail_in_write();
	test_free_in_end();
	test_patient();
	curl_global_cleanup();
	return tap_done();
}
