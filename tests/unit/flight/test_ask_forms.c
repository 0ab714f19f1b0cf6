// SPDX-License-Identifier: MIT
/*
 * An ask and the forms of what it asks for: encoded or not for who accepts it or not, expanded, out
 * of the cache or not; and that a question of presence is of the stored form, whatever will be wanted of it.
 */
#include "ask_rig.h"
#include "base/log.h"
#include "forms_rig.h"

#include "tap.h"

#define KEY    "foo.pdb/ABC/foo.pdb"
#define TEXT_N 100000
#define PLAIN  "\"v1-plain\""

static struct buf text, gz, zst, cab;

static bool has_text(struct asker *a)
{
	char *to;
	bool good;

	if (a->head.fd < 0)
		return readable_of(ask_body(a->ask), buf_slice(&text)) == TEXT_N;
	to = xzalloc(TEXT_N);
	good = pread(a->head.fd, to, TEXT_N, a->head.fd_base) == TEXT_N &&
	       memcmp(to, text.p, TEXT_N) == 0;
	free(to);
	return good;
}

/* ---- encodings ---- */

static const struct {
	const char *name, *encoding;
	const struct buf *stored;
	bool accepts;
	enum form form;
	const char *told; /* the encoding */
} encodings[] = {
	{"not encoded", "", &text, false, FORM_STORED, ""},
	{"gzip for who accepts it", "gzip", &gz, true, FORM_STORED, "gzip"},
	{"GZip, the same", "GZip", &gz, true, FORM_STORED, "gzip"},
	{"said to be gzip", "gzip", &text, true, FORM_STORED, ""},
	{"gzip for who does not", "gzip", &gz, false, FORM_PLAIN, ""},
	{"x-gzip, which nobody names, for who does not", "x-gzip", &gz, false, FORM_PLAIN, ""},
	{"zstd, whoever asks", "zstd", &zst, true, FORM_PLAIN, ""},
	{"what cannot be undone", "br", &text, true, FORM_STORED, "br"},
};

static void test_encodings(bool head)
{
	for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
		bool plain = encodings[i].form == FORM_PLAIN, tried;
		struct slice stored = buf_slice(encodings[i].stored);
		struct ask_request request;
		struct store_call *c;
		struct object_head h;
		struct cache_rig r;
		struct asker a;

		cache_rig_new(&r);
		request = rig_request(&r, KEY);
		request.accepts_gzip = encodings[i].accepts;
		request.head = head;
		ask_for(&a, &request);
		c = r.store.first;
		h = head_for(c, (int64_t)stored.n, encodings[i].encoding);
		fake_head(c, &h);
		if (head)
			fake_done(c, STORE_FOUND);
		/* What would be sent as gzip is tried. */
		tried = head && encodings[i].accepts && strcasecmp(h.encoding, "gzip") == 0;
		CHECK(r.store.started == 1 + (tried || (head && plain)), encodings[i].name);
		if (tried) {
			CHECK(r.store.first->read.ranged && !r.store.first->read.head,
			      "... after a look at its first bytes");
			fake_head(r.store.first, &h);
			fake_data(r.store.first, stored.p, RIG_PIECE);
		}
		if (!head || plain) {
			if (head)
				answer_with(&r, r.store.first, stored, encodings[i].encoding);
			else
				give_bytes(&r, c, stored);
			if (!head)
				fake_done(c, STORE_FOUND);
		}
		CHECK(SOON(&r, a.told) && a.told == 1 && a.result == FETCH_FOUND &&
			      ask_form(a.ask) == encodings[i].form,
		      "... is found in this form");
		CHECK_STR(a.head.encoding, encodings[i].told, "... so encoded");
		CHECK_STR(a.head.etag, plain ? PLAIN : RIG_ETAG, "... of this name");
		ASSERT(makers_over(&r));
		CHECK(!plain || (a.head.total == TEXT_N && has_text(&a)), "... decoded");
		done(&a);
		cache_rig_quiet(&r);
		if (!head || plain)
			CHECK(kept_as(&r, KEY, FORM_PLAIN, buf_slice(&text), PLAIN) == plain &&
				      kept_as(&r, KEY, FORM_STORED, stored, RIG_ETAG) == !plain,
			      "... and kept in this form alone");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* One takes it as it is, the other one does not: both are served of one transfer. */
static void test_both(void)
{
	struct asker accepts, does_not;
	struct ask_request request;
	struct store_call *c;
	struct object_head h;
	struct cache_rig r;

	cache_rig_new(&r);
	ask_key(&r, &does_not, KEY);
	request = rig_request(&r, KEY);
	request.accepts_gzip = true;
	ask_for(&accepts, &request);
	c = r.store.first;
	h = head_for(c, (int64_t)gz.n, "gzip");
	fake_head(c, &h);
	give_bytes(&r, c, buf_slice(&gz));
	fake_done(c, STORE_FOUND);
	CHECK(SOON(&r, accepts.told && does_not.told) && r.store.started == 1,
	      "one question for both");
	CHECK(ask_form(accepts.ask) == FORM_STORED && ask_form(does_not.ask) == FORM_PLAIN,
	      "each in his form");
	ASSERT(makers_over(&r));
	CHECK(has_text(&does_not) &&
		      readable_of(ask_body(accepts.ask), buf_slice(&gz)) == (int64_t)gz.n,
	      "with all of its bytes");
	done(&accepts);
	done(&does_not);
	cache_rig_quiet(&r);
	CHECK(kept_as(&r, KEY, FORM_PLAIN, buf_slice(&text), PLAIN) &&
		      kept_as(&r, KEY, FORM_STORED, buf_slice(&gz), RIG_ETAG),
	      "both are kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Without a disk what passes is of no use: it is asked for again, to be decoded in a scratch file. */
static void test_without_a_disk(void)
{
	struct store_call *c;
	struct object_head h;
	struct cache_rig r;
	struct asker a;

	cache_rig_init(&r);
	r.settings.dir = NULL;
	cache_rig_open(&r);
	ask_key(&r, &a, KEY);
	c = r.store.first;
	h = head_for(c, (int64_t)gz.n, "gzip");
	CHECK(!c->read.ranged, "it would pass through");
	fake_head(c, &h);
	fake_data(c, gz.p, RIG_PIECE);
	CHECK(a.told == 0 && r.store.cancelled == 1 && r.store.started == 2,
	      "encoded: asked for anew");
	answer_with(&r, r.store.first, buf_slice(&gz), "gzip");
	CHECK(SOON(&r, a.told) && a.result == FETCH_FOUND && makers_over(&r) && has_text(&a),
	      "decoded");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- out of the cache ---- */

static void test_look(void)
{
	static const struct {
		const char *name;
		enum form kept[2];
		size_t n;
		bool accepts;
		enum form form;
		bool hit;
	} cases[] = {
		{"encoded, for who accepts it", {FORM_STORED}, 1, true, FORM_STORED, true},
		{"encoded, for who does not", {FORM_STORED}, 1, false, FORM_PLAIN, false},
		{"decoded, for who does not", {FORM_PLAIN}, 1, false, FORM_PLAIN, true},
		{"decoded, for whoever", {FORM_PLAIN}, 1, true, FORM_PLAIN, true},
		{"both, for who accepts", {FORM_STORED, FORM_PLAIN}, 2, true, FORM_STORED, true},
		{"both, for who does not", {FORM_STORED, FORM_PLAIN}, 2, false, FORM_PLAIN, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ask_request request;
		struct cache_rig r;
		struct asker a;

		cache_rig_new(&r);
		for (size_t k = 0; k < cases[i].n; k++) {
			struct passenger p = {0};
			bool known = k > 0;

			ASSERT(rig_take_form(&r, KEY, cases[i].kept[k], &p) == SEATED);
			if (!known)
				answer_with(&r, r.store.first, buf_slice(&gz), "gzip");
			ASSERT(SOON(&r, p.told) && makers_over(&r));
			seat_leave(&p.seat);
			cache_rig_quiet(&r);
		}
		r.store.started = 0;
		request = rig_request(&r, KEY);
		request.look = true;
		request.accepts_gzip = cases[i].accepts;
		ask_for(&a, &request);
		CHECK(SOON(&r, a.told) && a.result == FETCH_FOUND &&
			      ask_form(a.ask) == cases[i].form && r.store.started == 0,
		      cases[i].name);
		CHECK_INT(ask_way(a.ask) == ASK_HIT, cases[i].hit,
			  "... lies there, or is made of it");
		ASSERT(makers_over(&r));
		if (cases[i].form == FORM_PLAIN)
			CHECK(has_text(&a), "... its bytes");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- expanded ---- */

static void test_expanded(void)
{
	struct ask_request request;
	struct asker a[2], hit;
	struct cache_rig r;

	cache_rig_new(&r);
	request = rig_request(&r, KEY);
	request.form = FORM_EXPANDED;
	ask_for(&a[0], &request);
	ask_for(&a[1], &request);
	CHECK(ask_way(a[0].ask) == ASK_FILLED && ask_way(a[1].ask) == ASK_JOINED &&
		      r.store.started == 1,
	      "the first one fills, the second one joins");
	answer_with(&r, r.store.first, buf_slice(&cab), "");
	CHECK(SOON(&r, a[0].told && a[1].told) && makers_over(&r) && has_text(&a[0]) &&
		      has_text(&a[1]),
	      "both have what is in it");
	CHECK(ask_form(a[0].ask) == FORM_EXPANDED &&
		      !ask_rescue(a[0].ask, &a[0].head, 1, TEXT_N - 1, told, &a[0]),
	      "which no transfer could go on with");
	ask_for(&hit, &request);
	CHECK(hit.told == 0 && SOON(&r, hit.told) && ask_way(hit.ask) == ASK_HIT && has_text(&hit),
	      "who comes too late gets the file");
	done(&hit);
	done(&a[0]);
	done(&a[1]);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_closing(void)
{
	struct ask_request request;
	struct cache_rig r;
	struct asker a;

	cache_rig_new(&r);
	flights_abort(r.flights);
	request = rig_request(&r, KEY);
	request.form = FORM_EXPANDED;
	ask_for(&a, &request);
	CHECK_INT(a.told, 0, "at the end nothing is made any more: not from inside");
	manual_settle(r.loop);
	CHECK(a.told == 1 && a.result == FETCH_FAULT && r.store.started == 0, "but told soon");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- presence ---- */

/* Whatever will be made of it: is it there? */
static void test_presence(void)
{
	static const enum form wanted[] = {FORM_STORED, FORM_EXPANDED, FORM_CABINET};

	for (size_t i = 0; i < 4 * ARRAY_LEN(wanted); i++) {
		bool local = i % 2, there = i / 2 % 2;
		struct ask_request request;
		struct store_call *c;
		struct object_head h;
		struct cache_rig r;
		struct asker a;

		cache_rig_new(&r);
		r.store.store.traits.local = local;
		request = rig_request(&r, KEY);
		request.form = wanted[i / 4];
		request.presence = true;
		ask_for(&a, &request);
		c = r.store.first;
		CHECK(local ? c->read.head : c->read.ranged && c->read.range.last == 0,
		      "the stored form, and no more than a byte of it");
		if (there) {
			h = head_for(c, (int64_t)gz.n, "gzip");
			fake_head(c, &h);
			if (local)
				fake_done(c, STORE_FOUND);
		} else {
			fake_done(c, STORE_MISS);
		}
		manual_settle(r.loop);
		CHECK(a.told == 1 && a.result == (there ? FETCH_FOUND : FETCH_MISS) &&
			      r.store.started == 1 && !r.store.first,
		      "told whether it is there, and that is all");
		done(&a);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- rescue ---- */

/* The rest of what was not encoded is not encoded either. */
static void test_rescue(void)
{
	struct object_head version = fake_whole(TEXT_N, "");
	struct object_head h = fake_whole((int64_t)gz.n, "");
	struct cache_rig r;
	struct asker a;

	cache_rig_new(&r);
	ask_key(&r, &a, KEY);
	answer_with(&r, r.store.first, buf_slice(&text), "");
	ASSERT(a.told == 1);
	ASSERT(ask_rescue(a.ask, &version, 0, TEXT_N - 1, told, &a));
	memcpy(h.encoding, "gzip", 5);
	fake_head(r.store.first, &h);
	fake_data(r.store.first, gz.p, RIG_PIECE);
	manual_settle(r.loop);
	CHECK(a.told == 2 && strcmp(a.head.encoding, "gzip") == 0 && ask_form(a.ask) == FORM_STORED,
	      "told at once, as it is");
	done(&a);
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	forms_make_all(TEXT_N, &text, &gz, &zst, &cab);
	test_encodings(false);
	test_encodings(true);
	test_both();
	test_without_a_disk();
	test_look();
	test_expanded();
	test_closing();
	test_presence();
	test_rescue();
	forms_free_all(&text, &gz, &zst, &cab);
	return tap_done();
}
