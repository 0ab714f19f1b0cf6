// SPDX-License-Identifier: MIT
/*
 * Candidates of which something has to be made: which of them are asked for and which only looked
 * for, what is asked when one of those is there, and how the answer is described.
 */
#include "base/log.h"
#include "forms_rig.h"
#include "lookup_rig.h"

#include "tap.h"

#define TWIN   "foo.pdb/abcdef0123/foo.pd_"
#define GZ     "foo.pdb/abcdef0123/foo.pdb.gz"
#define ZST    "foo.pdb/abcdef0123/foo.pdb.zst"
#define TEXT_N 1000

static struct buf text, gz, zst, cab;

/* A store that may hold these forms, asked for the plain file. */
static void world_of(struct world *w, size_t stores, unsigned forms, const char *target)
{
	world_cached(w, stores, target);
	one_spelling(w);
	for (size_t i = 0; i < stores; i++)
		w->fake[i].store.traits.forms = forms;
}

/* It is there: the answer to the question for its first byte. */
static void there(struct fake_store *f, const char *key)
{
	struct store_call *c = fake_call(f, key);
	struct object_head h = fake_part(TEXT_N, "\"e\"", 0, 0);

	ASSERT(c && c->read.range.last == 0);
	fake_head(c, &h);
}

static bool is_asked_whether_there(struct fake_store *f, const char *key)
{
	struct store_call *c = fake_call(f, key);

	return c && c->read.ranged && c->read.range.last == 0;
}

static bool is_asked_for(struct fake_store *f, const char *key)
{
	struct store_call *c = fake_call(f, key);

	return c && !(c->read.ranged && c->read.range.last == 0);
}

static void give_file(struct world *w, struct fake_store *f, const char *key, struct slice file,
		      const char *encoding)
{
	struct store_call *c = fake_call(f, key);
	struct object_head h = fake_whole((int64_t)file.n, "\"e\"");

	memcpy(h.encoding, encoding, strlen(encoding) + 1);
	fake_head(c, &h);
	fake_data(c, file.p, file.n);
	fake_done(c, STORE_FOUND);
	manual_settle(w->loop);
}

static void miss(struct world *w, struct fake_store *f, const char *key)
{
	fake_done(fake_call(f, key), STORE_MISS);
	manual_settle(w->loop);
}

/* What is made is made by a thread, and given when it is all there. */
static bool is_answered(struct world *w)
{
	return MANUAL_UNTIL(w->loop, w->answered);
}

static bool is_complete(struct fill *f)
{
	char byte;
	size_t n;

	return fill_read(f, fill_length(f), &byte, 1, &n) == FILL_END;
}

static bool gives(struct world *w, const struct buf *want)
{
	char got[2 * TEXT_N];
	size_t at = 0, n = 0;

	if (!w->answer.fill)
		return false;
	(void)MANUAL_UNTIL(w->loop, is_complete(w->answer.fill));
	while (at < sizeof(got) &&
	       fill_read(w->answer.fill, (int64_t)at, got + at, sizeof(got) - at, &n) == FILL_DATA)
		at += n;
	return slice_eq((struct slice){got, at}, buf_slice(want));
}

/* ---- the twin ---- */

/* The plain one is likely, the twin is only looked for; it is fetched once it is needed. */
static void test_twin(void)
{
	for (int twin_first = 0; twin_first < 2; twin_first++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_CAB, "/" LOWER);
		f = &w.fake[0];
		world_start(&w);
		CHECK(f->started == 2 && is_asked_for(f, LOWER) && is_asked_whether_there(f, TWIN),
		      "the plain one is asked for, the twin looked for");
		if (twin_first) {
			there(f, TWIN);
			manual_settle(w.loop);
			CHECK(!fake_call(f, TWIN), "it is there, but perhaps not needed");
			miss(&w, f, LOWER);
		} else {
			miss(&w, f, LOWER);
			CHECK_INT(w.answered, 0, "the plain one is missing: is the twin there?");
			there(f, TWIN);
			manual_settle(w.loop);
		}
		CHECK(f->started == 3 && is_asked_for(f, TWIN), "it is needed: asked for");
		give_file(&w, f, TWIN, buf_slice(&cab), "");
		CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND &&
			      w.answer.head.total == TEXT_N && gives(&w, &text),
		      "and given expanded");
		CHECK_STR(w.answer.head.etag, "\"e-expanded\"", "under its own name");
		CHECK(!w.answer.vary_encoding && !w.answer.vary_accept && !w.answer.msfz,
		      "to everybody alike");
		world_release(&w);
		CHECK(world_fini(&w), "the twin");
	}
}

/* What the twin is does not matter while the plain one speaks. */
static const struct {
	const char *name;
	const char *plain, *twin; /* F found or there, M missing, X a fault */
	enum answer_kind kind;
	bool fetched; /* the twin */
} rules[] = {
	{"found", "F", "F", ANSWER_FOUND, false},
	{"found, and no twin", "F", "M", ANSWER_FOUND, false},
	{"a fault: the twin cannot stand in", "X", "F", ANSWER_FAULT, false},
	{"both missing", "M", "M", ANSWER_MISS, false},
	{"missing, and no answer about the twin", "M", "X", ANSWER_FAULT, false},
	{"missing, and the twin there", "M", "F", ANSWER_FOUND, true},
};

static void test_rules(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_CAB, "/" LOWER);
		f = &w.fake[0];
		world_start(&w);
		if (rules[i].twin[0] == 'F')
			there(f, TWIN);
		else
			fake_done(fake_call(f, TWIN),
				  rules[i].twin[0] == 'M' ? STORE_MISS : STORE_FAULT);
		manual_settle(w.loop);
		CHECK_INT(w.answered, 0, rules[i].name);
		if (rules[i].plain[0] == 'F')
			give_file(&w, f, LOWER, buf_slice(&text), "");
		else
			fake_done(fake_call(f, LOWER),
				  rules[i].plain[0] == 'M' ? STORE_MISS : STORE_FAULT);
		manual_settle(w.loop);
		CHECK_INT(is_asked_for(f, TWIN), rules[i].fetched, "... fetched, or not");
		if (rules[i].fetched)
			give_file(&w, f, TWIN, buf_slice(&cab), "");
		CHECK(is_answered(&w) && w.answer.kind == rules[i].kind, "... so it is answered");
		world_release(&w);
		CHECK(world_fini(&w), "rules");
	}
}

/* It was there a moment ago. */
static void test_gone_again(void)
{
	struct world w;

	world_of(&w, 2, STORE_FORM_CAB, "/" LOWER);
	world_start(&w);
	there(&w.fake[0], TWIN);
	miss(&w, &w.fake[0], LOWER);
	miss(&w, &w.fake[0], TWIN);
	CHECK(w.answered == 0 && w.fake[1].started == 2,
	      "gone when it is asked for: the next store");
	while (w.fake[1].first)
		fake_done(w.fake[1].first, STORE_MISS);
	manual_settle(w.loop);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS, "missing everywhere");
	world_release(&w);
	CHECK(world_fini(&w), "gone again");
}

/* Of two that are there the first one is asked for. */
static void test_two_there(void)
{
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, STORE_FORM_CAB | STORE_FORM_ZSTD, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	CHECK(f->started == 3 && is_asked_whether_there(f, TWIN) && is_asked_whether_there(f, ZST),
	      "both are looked for at once");
	there(f, ZST);
	miss(&w, f, LOWER);
	CHECK_INT(f->started, 3, "the later one is there: what of the one before?");
	there(f, TWIN);
	manual_settle(w.loop);
	CHECK(f->started == 4 && is_asked_for(f, TWIN), "there, too: that is asked for");
	miss(&w, f, TWIN);
	CHECK(f->started == 5 && is_asked_for(f, ZST), "gone again: then the later one");
	give_file(&w, f, ZST, buf_slice(&zst), "");
	CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND && gives(&w, &text), "and given");
	world_release(&w);
	CHECK(world_fini(&w), "two there");
}

/* A question for its first byte that is out of range tells that it is there. */
static void test_presence_out_of_range(void)
{
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, STORE_FORM_CAB, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	fake_unsatisfiable(fake_call(f, TWIN), 5);
	miss(&w, f, LOWER);
	CHECK(is_asked_for(f, TWIN) && w.answered == 0, "416 with a size: it is there");
	world_release(&w);
	CHECK(world_fini(&w), "416");
}

/* ---- known, and asked for again ---- */

static void test_known(void)
{
	int64_t kept = metric_get(fills_kept);
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, STORE_FORM_CAB, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	miss(&w, f, LOWER);
	there(f, TWIN);
	manual_settle(w.loop);
	give_file(&w, f, TWIN, buf_slice(&cab), "");
	ASSERT(is_answered(&w) && world_until_kept(&w, kept));
	world_release(&w);
	again(&w, "/" LOWER); /* known.c would have found it, a moment later */
	CHECK(is_answered(&w) && w.answer.way == ASK_HIT && w.answer.head.total == TEXT_N &&
		      f->started == 3,
	      "what was made just now is found");
	world_release(&w);
	CHECK(world_fini(&w), "known");
}

/* Where the last file had to be expanded, the next one is asked for so at once. */
static void test_packing_store(void)
{
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, STORE_FORM_CAB | STORE_FORM_ZSTD, "/bar.pdb/abcdef0123/bar.pdb");
	f = &w.fake[0];
	f->store.packs = true;
	world_start(&w);
	CHECK(f->started == 3 && is_asked_for(f, "bar.pdb/abcdef0123/bar.pdb") &&
		      is_asked_for(f, "bar.pdb/abcdef0123/bar.pd_") &&
		      is_asked_whether_there(f, "bar.pdb/abcdef0123/bar.pdb.zst"),
	      "the first packed form is asked for at once, the others are looked for");
	give_file(&w, f, "bar.pdb/abcdef0123/bar.pd_", buf_slice(&cab), "");
	manual_advance(w.loop, NS_PER_S);
	CHECK_INT(w.answered, 0, "it is no answer before the plain one is missing");
	miss(&w, f, "bar.pdb/abcdef0123/bar.pdb");
	CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND && gives(&w, &text) &&
		      f->store.packs,
	      "then it is");
	world_release(&w);
	again(&w, "/" LOWER);
	give_file(&w, f, LOWER, buf_slice(&text), "");
	CHECK(is_answered(&w) && !f->store.packs, "a plain one: it does not pack any more");
	world_release(&w);
	again(&w, "/new.pdb/abcdef0123/new.pdb");
	CHECK(is_asked_whether_there(f, "new.pdb/abcdef0123/new.pd_"),
	      "so the twin is only looked for");
	world_release(&w);
	CHECK(world_fini(&w), "a packing store");
}

/* ---- encodings ---- */

static const struct {
	const char *name;
	bool accepts, ranged;
	bool sent; /* as it is stored, with its Content-Encoding */
} gzips[] = {
	{"for who accepts gzip", true, false, true},
	{"for who does not", false, false, false},
	{"for who wants a part", true, true, false},
};

/* name.gz: without work for who accepts gzip, expanded for who does not. */
static void test_stored_gzip(void)
{
	for (size_t i = 0; i < ARRAY_LEN(gzips); i++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_GZIP, "/" LOWER);
		w.client.gzip = gzips[i].accepts;
		w.request.part.ranged = gzips[i].ranged;
		w.request.part.range = (struct range_ask){2, 5};
		f = &w.fake[0];
		world_start(&w);
		there(f, GZ);
		miss(&w, f, LOWER);
		give_file(&w, f, GZ, buf_slice(&gz), "");
		CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND, gzips[i].name);
		CHECK_STR(w.answer.head.encoding, gzips[i].sent ? "gzip" : "",
			  "... encoded, or not");
		CHECK(gives(&w, gzips[i].sent ? &gz : &text), "... its bytes");
		CHECK_INT(w.answer.head.ranged, gzips[i].ranged, "... the part that was asked for");
		CHECK(w.answer.vary_encoding, "... and others may get it otherwise");
		world_release(&w);
		CHECK(world_fini(&w), "stored gzip");
	}
}

/* The name is a claim: what does not begin like gzip is expanded as what it is. */
static void test_not_gzip(void)
{
	static const struct {
		const char *name;
		const struct buf *stored;
		const char *encoding;
	} cases[] = {{"a cabinet", &cab, ""}, {"nothing compressed", &text, ""}};

	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct slice stored = buf_slice(cases[i / 2].stored);
		struct object_head h = fake_whole((int64_t)stored.n, "\"e\"");
		struct store_call *c;
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_GZIP, "/" LOWER);
		w.client.gzip = true;
		f = &w.fake[0];
		world_start(&w);
		there(f, GZ);
		miss(&w, f, LOWER);
		if (i % 2) {
			c = fake_call(f, GZ);
			fake_head(c, &h);
			manual_settle(w.loop);
			CHECK_INT(w.answered, 0, "the head: what does it begin with?");
			fake_data(c, stored.p, stored.n);
			fake_done(c, STORE_FOUND);
		} else {
			give_file(&w, f, GZ, stored, "");
		}
		CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND &&
			      !w.answer.head.encoding[0] && gives(&w, &text),
		      cases[i / 2].name);
		CHECK_INT(f->started, 3, "... of the same transfer");
		world_release(&w);
		CHECK(world_fini(&w), "not gzip");
	}
}

/* It has begun, is no gzip, and then nothing comes any more: the client has its answer all the same. */
static void test_not_gzip_and_slow(void)
{
	struct object_head h = fake_whole((int64_t)cab.n, "\"e\"");
	struct store_call *c;
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, STORE_FORM_GZIP, "/" LOWER);
	w.client.gzip = true;
	f = &w.fake[0];
	world_start(&w);
	there(f, GZ);
	miss(&w, f, LOWER);
	c = fake_call(f, GZ);
	fake_head(c, &h);
	manual_settle(w.loop);
	fake_data(c, cab.p, 10);
	manual_settle(w.loop);
	manual_advance(w.loop, BUDGET_NS + 100 * NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "a fault, in time");
	world_release(&w);
	CHECK(world_fini(&w), "not gzip, and slow");
}

/* A HEAD is told what a GET would be. */
static void test_gzip_head(void)
{
	for (int packed = 0; packed < 2; packed++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_GZIP, "/" LOWER);
		w.client.gzip = true;
		w.request.head = true;
		f = &w.fake[0];
		world_start(&w);
		there(f, GZ);
		miss(&w, f, LOWER);
		give_file(&w, f, GZ, buf_slice(packed ? &gz : &cab), "");
		CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND && !w.answer.fill &&
			      w.answer.head.total == (packed ? (int64_t)gz.n : TEXT_N),
		      packed ? "gzip: its length" : "a cabinet: the length of what is in it");
		CHECK_STR(w.answer.head.encoding, packed ? "gzip" : "", "and its encoding");
		world_release(&w);
		CHECK(world_fini(&w), "HEAD");
	}
}

/* Content-Encoding: gzip. */
static void test_encoded(void)
{
	for (size_t i = 0; i < ARRAY_LEN(gzips); i++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, 0, "/" LOWER);
		w.client.gzip = gzips[i].accepts;
		w.request.part.ranged = gzips[i].ranged;
		w.request.part.range = (struct range_ask){2, 5};
		f = &w.fake[0];
		world_start(&w);
		give_file(&w, f, LOWER, buf_slice(&gz), "gzip");
		CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND && f->started == 1,
		      gzips[i].name);
		CHECK_STR(w.answer.head.encoding, gzips[i].sent ? "gzip" : "",
			  "... encoded, or not");
		CHECK(gives(&w, gzips[i].sent ? &gz : &text), "... its bytes");
		CHECK_INT(w.answer.head.ranged, gzips[i].ranged, "... the part that was asked for");
		CHECK(w.answer.vary_encoding, "... and others may get it otherwise");
		world_release(&w);
		CHECK(world_fini(&w), "encoded");
	}
}

/* ---- cabinets ---- */

static void test_cabinet(void)
{
	for (int on = 0; on < 2; on++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_CAB, "/" TWIN);
		w.request.rules.cabinets = on;
		f = &w.fake[0];
		world_start(&w);
		CHECK_INT(is_asked_whether_there(f, LOWER), 1,
			  "the plain one is looked for, if only to know it");
		there(f, LOWER);
		miss(&w, f, TWIN);
		CHECK_INT(w.answered, !on, on ? "one is made" : "none is made");
		if (on) {
			give_file(&w, f, LOWER, buf_slice(&text), "");
			CHECK(is_answered(&w) && w.answer.kind == ANSWER_FOUND,
			      "of the plain file");
			CHECK_STR(w.answer.head.etag, "\"e-cabinet\"", "under its own name");
		} else {
			CHECK_INT(w.answer.kind, ANSWER_MISS, "a miss");
		}
		world_release(&w);
		CHECK(world_fini(&w), "cabinets");
	}
}

/* ---- identity ---- */

/* The image of another build, in a cabinet under our key: as if it were not there. */
static void test_identity(void)
{
	struct buf pe CLEANUP(buf_fini) = FORMS_BUF, pe_cab CLEANUP(buf_fini) = FORMS_BUF;
	struct fake_store *f;
	struct world w;

	forms_pe(&pe, 1024);
	forms_cab(&pe_cab, buf_slice(&pe));
	world_of(&w, 1, STORE_FORM_CAB, "/" FORMS_PE_OTHER);
	w.flights->settings.verify = true;
	f = &w.fake[0];
	world_start(&w);
	there(f, "foo.exe/5F3759E08000/foo.ex_");
	miss(&w, f, FORMS_PE_OTHER);
	give_file(&w, f, "foo.exe/5F3759E08000/foo.ex_", buf_slice(&pe_cab), "");
	CHECK(is_answered(&w) && w.answer.kind == ANSWER_MISS, "another file in the twin: a miss");
	world_release(&w);
	again(&w, "/" FORMS_PE_OTHER);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_MISS && f->started == 3,
	      "which is remembered");
	world_release(&w);
	CHECK(world_fini(&w), "identity");
}

/* ---- time ---- */

/* The store has answered, what is made takes longer: that is not its fault, nor without end. */
static void test_slow_decoder(void)
{
	struct store_call *c;
	struct object_head h;
	struct fake_store *f;
	struct world w;

	world_of(&w, 1, STORE_FORM_CAB, "/" LOWER);
	f = &w.fake[0];
	world_start(&w);
	there(f, TWIN);
	miss(&w, f, LOWER);
	c = fake_call(f, TWIN);
	h = fake_whole((int64_t)cab.n, "\"e\"");
	permits_take(w.flights->permits);
	permits_take(w.flights->permits);
	fake_head(c, &h);
	fake_data(c, cab.p, cab.n);
	fake_done(c, STORE_FOUND);
	manual_advance(w.loop, BUDGET_NS + 10 * NS_PER_S);
	CHECK_INT(w.answered, 0, "a decoder that waits for its turn has more time than the store");
	manual_advance(w.loop, 60 * NS_PER_S);
	CHECK(w.answered == 1 && w.answer.kind == ANSWER_FAULT, "but not without end");
	CHECK_INT(fake_faults(f), 0, "which is not the store's fault");
	permits_give(w.flights->permits);
	permits_give(w.flights->permits);
	world_release(&w);
	CHECK(world_fini(&w), "a slow decoder");
}

static void test_release(void)
{
	for (int point = 0; point < 4; point++) {
		struct fake_store *f;
		struct world w;

		world_of(&w, 1, STORE_FORM_CAB, "/" LOWER);
		f = &w.fake[0];
		world_start(&w);
		if (point > 0)
			there(f, TWIN);
		if (point > 1)
			miss(&w, f, LOWER);
		if (point > 2)
			give_head(fake_call(f, TWIN));
		world_release(&w);
		CHECK(world_fini(&w), "released at any point, nothing is left");
	}
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	forms_make_all(TEXT_N, &text, &gz, &zst, &cab);
	test_twin();
	test_rules();
	test_gone_again();
	test_two_there();
	test_presence_out_of_range();
	test_known();
	test_packing_store();
	test_stored_gzip();
	test_not_gzip();
	test_not_gzip_and_slow();
	test_gzip_head();
	test_encoded();
	test_cabinet();
	test_identity();
	test_slow_decoder();
	test_release();
	forms_free_all(&text, &gz, &zst, &cab);
	return tap_done();
}
