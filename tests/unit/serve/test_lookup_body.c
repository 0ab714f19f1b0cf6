// SPDX-License-Identifier: MIT
/* What a lookup gives of an object that it has found: parts, encodings, heads, files, bodies. */
#define ASKED "Foo.pdb/ABCDEF_0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef_0123/foo.pdb"
#include "base/log.h"
#include "lookup_rig.h"
#include "metric/metric.h"
#include "serve/lookup.h"

#include "tap.h"
#include <fcntl.h>

/* ---- ranges and encodings ---- */

static struct object_head part(int64_t first, int64_t length, int64_t total)
{
	struct object_head h = fake_whole(length, "\"e\"");

	h.total = total;
	h.first = first;
	h.ranged = true;
	return h;
}

static void world_ranged(struct world *w, const char *if_range)
{
	world_init(w, 1, "/" ASKED);
	w->fake[0].store.traits.any_case = true;
	w->request.part.ranged = true;
	w->request.part.range = (struct range_ask){2, 5};
	w->request.part.if_range = if_range;
	world_start(w);
}

static void test_range(void)
{
	struct object_head two_to_five = part(2, 4, 10);
	struct store_call *c;
	struct world w;

	world_ranged(&w, NULL);
	c = fake_call(&w.fake[0], NULL);
	CHECK(c->read.ranged && c->read.range.first == 2 && c->read.range.last == 5,
	      "a range is asked of the store");
	fake_head(c, &two_to_five);
	fake_data(c, "2345", 4);
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FOUND && w.answer.head.ranged && w.answer.head.first == 2,
	      "and given");
	world_release(&w);
	ASSERT(world_fini(&w));

	world_ranged(&w, NULL);
	fake_unsatisfiable(fake_call(&w.fake[0], NULL), 1);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_UNSATISFIABLE && w.answer.head.total == 1, "or lies outside");
	world_release(&w);
	ASSERT(world_fini(&w));
}

static void test_if_range(void)
{
	struct object_head two_to_five = part(2, 4, 10);
	struct world w;

	world_ranged(&w, "\"e\"");
	fake_head(fake_call(&w.fake[0], NULL), &two_to_five);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.answered == 1 && w.answer.head.ranged, "If-Range of this version: the range");
	world_release(&w);
	ASSERT(world_fini(&w));

	world_ranged(&w, "\"other\"");
	fake_head(fake_call(&w.fake[0], NULL), &two_to_five);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && w.fake[0].cancelled == 1 && w.fake[0].started == 2 &&
		      !fake_call(&w.fake[0], NULL)->read.ranged,
	      "If-Range of another version: asked again, whole");
	play_store(&w, 0, "xF", FORWARD);
	CHECK(w.answer.kind == ANSWER_FOUND && !w.answer.head.ranged, "and the whole is given");
	world_release(&w);
	ASSERT(world_fini(&w));

	/* Which version the range lies outside of is not known. */
	world_ranged(&w, "\"e\"");
	fake_unsatisfiable(fake_call(&w.fake[0], NULL), 1);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && fake_call(&w.fake[0], NULL) &&
		      !fake_call(&w.fake[0], NULL)->read.ranged,
	      "a range outside, with If-Range: asked again, whole");
	world_release(&w);
	ASSERT(world_fini(&w));
}

struct encoding_case {
	const char *encoding;
	bool accepts_gzip, ranged;
	int found; /* 1 found, 0 fault, -1 asked again */
};

static const struct encoding_case encodings[] = {
	{"", false, false, 1},      {"gzip", true, false, 1}, {"GZIP", true, false, 1},
	{"gzip", false, false, -1}, {"br", true, false, 0},   {"gzip, gzip", true, false, 0},
	{"gzip", true, true, -1},   {"br", false, true, -1},  {"", false, true, 1},
};

static void test_encoding(void)
{
	for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
		const struct encoding_case *c = &encodings[i];
		struct object_head head = c->ranged ? part(2, 4, 10) : fake_whole(10, "\"e\"");
		struct world w;

		memcpy(head.encoding, c->encoding, strlen(c->encoding) + 1);
		world_ranged(&w, NULL);
		world_release(&w);
		ASSERT(world_fini(&w));
		world_init(&w, 1, "/" ASKED);
		w.fake[0].store.traits.any_case = true;
		w.request.part.ranged = c->ranged;
		w.request.part.range = (struct range_ask){2, 5};
		w.client.gzip = c->accepts_gzip;
		world_start(&w);
		fake_head(fake_call(&w.fake[0], NULL), &head);
		if (c->encoding[0] && !c->ranged)
			fake_data(fake_call(&w.fake[0], NULL),
				  c->encoding[0] == 'b' ? "0123456789" : "\x1f\x8b\b3456789", 10);
		manual_advance(w.loop, NS_PER_S);
		if (c->found < 0)
			CHECK(!w.answered && w.fake[0].started == 2,
			      "encoded, which can be undone, or ranged: asked whole");
		else
			CHECK_INT(w.answer.kind, c->found ? ANSWER_FOUND : ANSWER_FAULT,
				  c->encoding[0] ? c->encoding : "not encoded");
		world_release(&w);
		ASSERT(world_fini(&w));
	}
}

/* ---- heads and files ---- */

static void test_head(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	w.request.head = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	CHECK(c->read.head, "a HEAD asks for the head");
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FOUND && !w.answer.fill && w.answer.head.length == 10,
	      "and has no body");
	world_release(&w);
	CHECK(world_fini(&w), "head");
}

static void test_files(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;
	int lower, asked;

	world_init(&w, 1, "/" ASKED);
	world_start(&w);
	head.fd = asked = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c = fake_call(&w.fake[0], ASKED);
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	head.fd = lower = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c = fake_call(&w.fake[0], LOWER);
	fake_head(c, &head);
	fake_done(c, STORE_FOUND);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.head.fd == lower && !w.answer.fill,
	      "a file is handed over");
	CHECK(fcntl(asked, F_GETFD) < 0, "the one that lost is closed");
	world_release(&w);
	CHECK(world_fini(&w) && fcntl(lower, F_GETFD) < 0, "the receiver closes the other");
}

/* ---- small bodies ---- */

static void test_body_fails_early(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;

	world_init(&w, 2, "/" ASKED);
	w.fake[0].store.traits.any_case = w.fake[1].store.traits.any_case = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	fake_head(c, &head);
	fake_data(c, "012", 3);
	fake_done(c, STORE_FAULT);
	manual_settle(w.loop);
	CHECK(w.answered == 0 && w.fake[1].started == 1,
	      "a body that breaks at once: the next store");
	fake_done(fake_call(&w.fake[1], NULL), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answer.kind == ANSWER_FAULT, "and not a miss in the end");
	world_release(&w);
	CHECK(world_fini(&w), "body fails early");
}

/* B4: nobody has been promised a body that broke off before its candidate came to its turn. */
static void test_body_fails_before_it_is_chosen(void)
{
	struct object_head head = fake_whole(10, "");
	struct store_call *c;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	world_start(&w);
	c = fake_call(&w.fake[0], ASKED);
	fake_head(c, &head);
	fake_data(c, "012", 3);
	fake_done(c, STORE_FAULT);
	manual_advance(w.loop, NS_PER_S);
	CHECK(w.answered == 0, "the earlier candidate has not spoken");
	fake_done(fake_call(&w.fake[0], LOWER), STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "a fault, not an answer cut short");
	world_release(&w);
	CHECK(world_fini(&w), "body fails before it is chosen");
}

/* What is remembered of the key, from another time, does not make a miss of a body that broke off. */
static void test_body_fails_of_a_known_miss(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct world w;

	world_remembering(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	world_start(&w);
	world_miss(&w, 0, ASKED);
	c = fake_call(&w.fake[0], ASKED);
	fake_head(c, &head);
	fake_data(c, "012", 3);
	fake_done(c, STORE_FAULT);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "a fault, whatever is remembered");
	world_release(&w);
	CHECK(world_fini(&w), "body fails of a known miss");
}

static void test_body_fails_late(void)
{
	struct object_head head = fake_whole(10, "\"e\"");
	struct store_call *c;
	struct error e;
	struct world w;

	world_init(&w, 1, "/" ASKED);
	w.fake[0].store.traits.any_case = true;
	world_start(&w);
	c = fake_call(&w.fake[0], NULL);
	fake_head(c, &head);
	manual_advance(w.loop, NS_PER_S);
	fake_done(c, STORE_FAULT);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FOUND && fill_failed(w.answer.fill, &e),
	      "a body that breaks later is an answer cut short");
	world_release(&w);
	CHECK(world_fini(&w), "body fails late");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_range();
	test_if_range();
	test_encoding();
	test_head();
	test_files();
	test_body_fails_early();
	test_body_fails_before_it_is_chosen();
	test_body_fails_of_a_known_miss();
	test_body_fails_late();
	return tap_done();
}
