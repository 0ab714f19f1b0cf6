// SPDX-License-Identifier: MIT
/* The disk fails under a body: the lookup goes on past the cache, with the same version or not. */
#define ASKED "Foo.pdb/ABCDEF_0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef_0123/foo.pdb"
#include "base/log.h"
#include "lookup_rig.h"
#include "metric/metric.h"
#include "serve/lookup.h"

#include "tap.h"

#define LARGE (INT64_C(1) << 20)

struct rescue {
	struct world w; /* the ud of its lookup */
	struct fill *body;
	int rescued;
};

static void rescued(void *ud, struct fill *body)
{
	struct rescue *r = CONTAINER_OF((struct world *)ud, struct rescue, w);

	r->rescued++;
	r->body = body;
}

/* A client reads a large object, of which the first byte has not come yet. */
static void rescue_begin(struct rescue *r, const char *etag)
{
	struct object_head head = fake_whole(LARGE, etag);

	*r = (struct rescue){0};
	world_cached(&r->w, 1, "/readme.txt");
	r->w.fake[0].store.traits.any_case = true;
	world_start(&r->w);
	fake_head(fake_call(&r->w.fake[0], NULL), &head);
	manual_settle(r->w.loop);
	ASSERT(r->w.answered == 1 && r->w.answer.kind == ANSWER_FOUND && r->w.answer.fill);
}

static bool rescue_end(struct rescue *r)
{
	fill_unref(TAKE(r->body));
	world_release(&r->w);
	return world_fini(&r->w);
}

/* The call that was started last. */
static struct store_call *last_call(struct world *w)
{
	struct store_call *c = w->fake[0].first;

	while (c && c->next)
		c = c->next;
	return c;
}

static struct object_head rescue_head(int64_t first, int64_t last, const char *etag)
{
	struct object_head h = fake_whole(last - first + 1, etag);

	h.ranged = true;
	h.first = first;
	h.total = LARGE;
	return h;
}

static void test_rescue(void)
{
	struct object_head head = rescue_head(1000, 1003, "\"e\"");
	int64_t counted = metric_get(fills_rescued);
	struct store_call *c;
	struct rescue r;
	char got[8];
	size_t n = 0;

	rescue_begin(&r, "\"e\"");
	lookup_rescue(r.w.lookup, 1000, 1003, rescued);
	manual_settle(r.w.loop);
	c = last_call(&r.w);
	CHECK(c->read.ranged && c->read.range.first == 1000 && c->read.range.last == 1003,
	      "the rest is asked for, past the cache");
	CHECK_STR(c->read.if_match, "\"e\"", "of the same version");
	CHECK(c->read.deadline_ns > clock_mono_ns(), "with time of its own");
	fake_head(c, &head);
	manual_settle(r.w.loop);
	CHECK(r.rescued == 1 && r.body && fill_length(r.body) == 4, "it is handed over");
	fake_data(c, "abcd", 4);
	fake_done(c, STORE_FOUND);
	CHECK(fill_read(r.body, 0, got, sizeof(got), &n) == FILL_DATA && n == 4 &&
		      memcmp(got, "abcd", 4) == 0,
	      "and read from its own beginning");
	CHECK_INT(metric_get(fills_rescued) - counted, 1, "which is counted");
	CHECK(r.w.answered == 1 && rescue_end(&r), "rescued");
}

enum mishap { OTHER_VERSION, OTHER_PART, WHOLE, MISSED, FAILED_AGAIN, ABORTED, MISHAPS };

static void rescue_mishap(struct rescue *r, enum mishap mishap)
{
	struct object_head other = rescue_head(1000, 1003, "\"f\"");
	struct object_head part = rescue_head(0, 3, "\"e\""), whole = fake_whole(LARGE, "\"e\"");
	struct store_call *c = last_call(&r->w);

	switch (mishap) {
	case OTHER_VERSION: fake_head(c, &other); break;
	case OTHER_PART: fake_head(c, &part); break;
	case WHOLE: fake_head(c, &whole); break;
	case MISSED: fake_done(c, STORE_MISS); break;
	case FAILED_AGAIN: fake_done(c, STORE_FAULT); break;
	case ABORTED: lookup_abort_all(&r->w.all); break;
	case MISHAPS: break;
	}
	manual_settle(r->w.loop);
}

static void test_rescue_fails(void)
{
	static const char *const names[MISHAPS] = {"another version", "another part", "the whole",
						   "a miss",          "a fault",      "an abort"};
	struct rescue r;

	for (int mishap = 0; mishap < MISHAPS; mishap++) {
		rescue_begin(&r, "\"e\"");
		lookup_rescue(r.w.lookup, 1000, 1003, rescued);
		manual_settle(r.w.loop);
		for (int tries = 0; tries < 4 && !r.rescued; tries++) {
			rescue_mishap(&r, (enum mishap)mishap);
			manual_advance(r.w.loop, NS_PER_S);
		}
		CHECK(r.rescued == 1 && !r.body, names[mishap]);
		CHECK(rescue_end(&r), "... is no rescue");
	}
}

/* The rest is a part, whose label nobody has judged: the ETag says that it is the same. */
static void test_rescue_of_a_false_label(void)
{
	static const char text[600] = "MODULE ";
	struct object_head whole = fake_whole(LARGE, "\"e\"");
	struct object_head head = rescue_head(1000, 1003, "\"e\"");
	struct rescue r = {0};

	world_cached(&r.w, 1, "/readme.txt");
	r.w.fake[0].store.traits.any_case = true;
	world_start(&r.w);
	memcpy(whole.encoding, "gzip", 5);
	memcpy(head.encoding, "gzip", 5);
	fake_head(fake_call(&r.w.fake[0], NULL), &whole);
	fake_data(fake_call(&r.w.fake[0], NULL), text, sizeof(text));
	manual_settle(r.w.loop);
	ASSERT(r.w.answered == 1 && r.w.answer.fill && !r.w.answer.head.encoding[0]);
	lookup_rescue(r.w.lookup, 1000, 1003, rescued);
	manual_settle(r.w.loop);
	fake_head(last_call(&r.w), &head);
	manual_settle(r.w.loop);
	CHECK(r.rescued == 1 && r.body, "a label that was not true does not stand in the way");
	CHECK(rescue_end(&r), "a false label");
}

static void test_rescue_is_not_tried(void)
{
	struct rescue r;

	rescue_begin(&r, "W/\"e\"");
	lookup_rescue(r.w.lookup, 1000, 1003, rescued);
	manual_settle(r.w.loop);
	CHECK(r.rescued == 1 && !r.body && r.w.fake[0].started == 1,
	      "a version without a name cannot be continued");
	CHECK(rescue_end(&r), "no name");

	rescue_begin(&r, "\"e\"");
	lookup_abort_all(&r.w.all);
	lookup_rescue(r.w.lookup, 1000, 1003, rescued);
	manual_settle(r.w.loop);
	CHECK(r.rescued == 1 && !r.body && r.w.fake[0].started == 1,
	      "after an abort nothing is asked");
	CHECK(rescue_end(&r), "after an abort");
}

enum unnamed { THE_SAME, OTHER_LENGTH, OTHER_TIME, OTHER_ENCODING, UNNAMED };

/*
 * Nothing has been sent but the head: a version without a name is asked for as a whole. It has to
 * look like the one whose head it was.
 */
static void test_rescue_without_a_name(void)
{
	static const char *const names[UNNAMED] = {"the same", "another length", "another time",
						   "another encoding"};
	static const char gzip[600] = "\x1f\x8b\b";

	for (int i = 0; i < UNNAMED; i++) {
		struct object_head head = fake_whole(LARGE + (i == OTHER_LENGTH), "");
		struct rescue r;

		if (i == OTHER_TIME)
			head.mtime = 1;
		if (i == OTHER_ENCODING)
			memcpy(head.encoding, "gzip", 5);
		rescue_begin(&r, "");
		lookup_rescue(r.w.lookup, 0, LARGE - 1, rescued);
		manual_settle(r.w.loop);
		CHECK(r.w.fake[0].started == 2 && !last_call(&r.w)->read.ranged &&
			      !last_call(&r.w)->read.if_match,
		      "all of it is asked for");
		fake_head(last_call(&r.w), &head);
		if (i == OTHER_ENCODING)
			fake_data(last_call(&r.w), gzip, sizeof(gzip));
		manual_settle(r.w.loop);
		CHECK(r.rescued == 1 && (r.body != NULL) == (i == THE_SAME), names[i]);
		CHECK(rescue_end(&r), "... and nothing stays behind");
	}
}

static void test_release_under_a_rescue(void)
{
	struct rescue r;

	rescue_begin(&r, "\"e\"");
	lookup_rescue(r.w.lookup, 1000, 1003, rescued);
	world_release(&r.w);
	CHECK(r.rescued == 0 && r.w.released == 1 && r.w.fake[0].cancelled == 1,
	      "released while it is asked for");
	CHECK(world_fini(&r.w), "and nothing stays behind");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_rescue();
	test_rescue_fails();
	test_rescue_of_a_false_label();
	test_rescue_is_not_tried();
	test_rescue_without_a_name();
	test_release_under_a_rescue();
	return tap_done();
}
