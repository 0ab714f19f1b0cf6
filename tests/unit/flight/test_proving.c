// SPDX-License-Identifier: MIT
/*
 * A flight that brings another file than its key names: who hears of it, and when; what is
 * remembered and what is not kept. And that the right file is not held up, nor lost. Which file
 * belongs to which key is test_verify.c's business.
 */
#include "base/log.h"
#include "forms_rig.h"
#include "maker_rig.h"

#include "tap.h"
#include <openssl/evp.h>

#define SMALL_PE  4096
#define LARGE_PE  200000
#define SMALL_PDB (24 * FORMS_PDB_PAGE) /* more than its head tells */
#define LARGE_PDB (100 * FORMS_PDB_PAGE)
#define HUGE_PDB  (700 * FORMS_PDB_PAGE) /* several parts */

static struct buf small_pe, large_pe, small_pdb, large_pdb, huge_pdb, text;

static void make_files(void)
{
	small_pe = large_pe = small_pdb = large_pdb = huge_pdb = text = FORMS_BUF;
	forms_pe(&small_pe, SMALL_PE);
	forms_pe(&large_pe, LARGE_PE);
	forms_pdb(&small_pdb, SMALL_PDB);
	forms_pdb(&large_pdb, LARGE_PDB);
	forms_pdb(&huge_pdb, HUGE_PDB);
	forms_text(&text, LARGE_PE);
	ASSERT(HUGE_PDB > 2 * RIG_BLOCK && LARGE_PDB > OBJECT_SMALL && SMALL_PDB <= OBJECT_SMALL &&
	       SMALL_PDB > VERIFY_HEAD);
}

static void free_files(void)
{
	struct buf *all[] = {&small_pe, &large_pe, &small_pdb, &large_pdb, &huge_pdb, &text};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_fini(all[i]);
}

static void verifying(struct cache_rig *r)
{
	cache_rig_init(r);
	r->flying.verify = true;
	cache_rig_open(r);
}

/* Everything that is asked for, whatever parts that makes. */
static void answer_all(struct cache_rig *r, struct slice whole)
{
	for (; r->store.first; cache_rig_quiet(r))
		answer_with(r, r->store.first, whole, "");
	cache_rig_quiet(r);
}

/* ---- one file, from its head to its end ---- */

enum outcome { KEPT, NEVER_HEARD_OF, CUT };

static const struct {
	const char *name, *key;
	const struct buf *file;
	enum outcome outcome;
	bool waits; /* for more than the head */
} files[] = {
	{"a small image", FORMS_PE_KEY, &small_pe, KEPT, true},
	{"another small image", FORMS_PE_OTHER, &small_pe, NEVER_HEARD_OF, true},
	{"a large image", FORMS_PE_KEY, &large_pe, KEPT, true},
	{"another large image", FORMS_PE_OTHER, &large_pe, NEVER_HEARD_OF, true},
	{"a small PDB", FORMS_PDB_KEY, &small_pdb, KEPT, true},
	{"another small PDB", FORMS_PDB_OTHER, &small_pdb, NEVER_HEARD_OF, true},
	{"a large PDB", FORMS_PDB_KEY, &large_pdb, KEPT, true},
	{"another large PDB", FORMS_PDB_OTHER, &large_pdb, CUT, true},
	{"a PDB in parts", FORMS_PDB_KEY, &huge_pdb, KEPT, true},
	{"another PDB in parts", FORMS_PDB_OTHER, &huge_pdb, CUT, true},
	{"an image that names no PDB", FORMS_PDB_KEY, &large_pe, KEPT, true},
	{"text, of which nothing tells", FORMS_PDB_KEY, &text, KEPT, true},
	{"a key that says nothing", "foo.exe/opaque/foo.exe", &large_pe, KEPT, false},
	{"no key", "readme.txt", &small_pe, KEPT, false},
};

static void test_file(size_t i)
{
	int64_t counted = metric_get(identity_wrong), corrupt = metric_get(fills_corrupt);
	struct slice whole = buf_slice(files[i].file);
	bool wrong = files[i].outcome != KEPT;
	struct passenger p = {0};
	struct object_head h;
	struct store_call *c;
	struct error e = {OK, 0, ""};
	struct cache_rig r;

	verifying(&r);
	ASSERT(rig_take(&r, files[i].key, &p) == SEATED);
	c = r.store.first;
	h = head_for(c, (int64_t)whole.n, "");
	fake_head(c, &h);
	manual_settle(r.loop);
	CHECK_INT(p.told, !files[i].waits, files[i].name);
	if (files[i].outcome == NEVER_HEARD_OF) {
		/* Parts behind the first may be on their way by now; all end with the verdict. */
		for (size_t at = 0; at < whole.n && r.store.first == c; at += RIG_PIECE) {
			fake_data(c, whole.p + at, MIN(RIG_PIECE, whole.n - at));
			manual_settle(r.loop);
		}
		if (r.store.first == c)
			fake_done(c, STORE_FOUND);
		cache_rig_quiet(&r);
		CHECK(p.told == 1 && p.result == FETCH_MISS && !r.store.first,
		      "... is a miss, and nothing more is fetched of it");
	} else {
		give_bytes(&r, c, slice_head(whole, (size_t)h.length));
		fake_done(c, STORE_FOUND);
		answer_all(&r, whole);
		CHECK(p.told == 1 && p.result == FETCH_FOUND && p.head.total == (int64_t)whole.n,
		      "... is found");
	}
	if (files[i].outcome == KEPT)
		CHECK_INT(readable_of(seat_fill(&p.seat), whole), (long long)whole.n,
			  "... all of it");
	if (files[i].outcome == CUT)
		CHECK(fill_failed(seat_fill(&p.seat), &e) && e.code == ERR_OTHER,
		      "... and cut before its end");
	CHECK_INT(kept_as(&r, files[i].key, FORM_STORED, whole, RIG_ETAG), !wrong,
		  "... kept, or not");
	CHECK_INT(knows_missing(r.cache, &r.store.store, slice_of(files[i].key), NULL), wrong,
		  "... and remembered as a miss, or not");
	CHECK(metric_get(identity_wrong) - counted == wrong && metric_get(fills_corrupt) == corrupt,
	      "... counted as what it is");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* The tail of a PDB waits for the verdict on the whole. */
static void test_tail(void)
{
	struct slice whole = buf_slice(&large_pdb);
	struct passenger p = {0};
	struct store_call *c;
	struct object_head h;
	struct cache_rig r;

	verifying(&r);
	rig_take(&r, FORMS_PDB_OTHER, &p);
	c = r.store.first;
	h = head_for(c, LARGE_PDB, "");
	fake_head(c, &h);
	give_bytes(&r, c, slice_head(whole, 100));
	manual_settle(r.loop);
	CHECK(p.told == 1 && p.result == FETCH_FOUND,
	      "the beginning tells that only the whole does");
	give_bytes(&r, c, slice_from(whole, 100));
	CHECK(SOON(&r,
		   readable_of(seat_fill(&p.seat), whole) == LARGE_PDB - (int64_t)FILL_HELD_BACK),
	      "all but the tail is given");
	cache_rig_quiet(&r);
	fake_done(c, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(fill_failed(seat_fill(&p.seat), &p.error), "and the tail never");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* In pieces of a byte, and with somebody who comes before the verdict. */
static void test_pieces(void)
{
	static const char *const keys[] = {FORMS_PE_KEY, FORMS_PE_OTHER};

	for (int wrong = 0; wrong < 2; wrong++) {
		struct passenger p[2] = {0};
		struct store_call *c;
		struct object_head h;
		struct cache_rig r;
		size_t at = 0;

		verifying(&r);
		rig_take(&r, keys[wrong], &p[0]);
		c = r.store.first;
		h = head_for(c, LARGE_PE, "");
		fake_head(c, &h);
		fake_data(c, large_pe.p, 64);
		rig_take(&r, keys[wrong], &p[1]);
		manual_settle(r.loop);
		CHECK(r.store.started == 1 && p[0].told == 0 && p[1].told == 0,
		      "nobody is told yet, and who comes now waits with the others");
		for (at = 64; at < 1024 && !p[0].told; at++) {
			fake_data(c, large_pe.p + at, 1);
			manual_settle(r.loop);
		}
		CHECK(p[0].told == 1 && p[1].told == 1 && at < 1024 &&
			      p[0].result == (wrong ? FETCH_MISS : FETCH_FOUND) &&
			      p[1].result == p[0].result,
		      "both are told as soon as it is known");
		seat_leave(&p[0].seat);
		seat_leave(&p[1].seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- what is not looked at ---- */

static void test_not_looked_at(void)
{
	static const char *const names[] = {"VERIFY_KEYS=off", "what is encoded"};

	for (int i = 0; i < 2; i++) {
		struct buf noise CLEANUP(buf_fini) = FORMS_BUF;
		struct slice file = buf_slice(&small_pe);
		struct passenger p = {0};
		struct object_head h;
		struct cache_rig r;

		forms_text(&noise, SMALL_PE);
		if (i)
			file = buf_slice(&noise);
		cache_rig_init(&r);
		r.flying.verify = i > 0;
		cache_rig_open(&r);
		rig_take(&r, FORMS_PE_OTHER, &p);
		h = head_for(r.store.first, SMALL_PE, i ? "br" : "");
		fake_head(r.store.first, &h);
		give_bytes(&r, r.store.first, file);
		CHECK(p.told == 1 && p.result == FETCH_FOUND, names[i]);
		fake_done(r.store.first, STORE_FOUND);
		cache_rig_quiet(&r);
		CHECK(kept_as(&r, FORMS_PE_OTHER, FORM_STORED, file, RIG_ETAG),
		      "... is kept whatever it is");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- with a checksum, too ---- */

static void md5_etag(struct slice bytes, char ret[static 40])
{
	unsigned char sum[16];

	ASSERT(EVP_Digest(bytes.p, bytes.n, sum, NULL, EVP_md5(), NULL));
	ret += snprintf(ret, 2, "\"");
	for (size_t i = 0; i < sizeof(sum); i++)
		ret += snprintf(ret, 3, "%02x", sum[i]);
	snprintf(ret, 2, "\"");
}

/* The bytes are compared with their checksum and with their key, each once. */
static void test_checksum(void)
{
	const struct buf *all[] = {&small_pdb, &large_pdb, &huge_pdb};

	for (size_t i = 0; i < 2 * ARRAY_LEN(all); i++) {
		struct slice whole = buf_slice(all[i / 2]);
		bool damaged = i % 2;
		struct passenger p = {0};
		struct store_call *c;
		struct cache_rig r;
		char etag[40];

		md5_etag(whole, etag);
		if (damaged)
			etag[1] = etag[1] == 'a' ? 'b' : 'a';
		verifying(&r);
		rig_take(&r, FORMS_PDB_KEY, &p);
		for (; (c = r.store.first); cache_rig_quiet(&r)) {
			struct object_head h = head_for(c, (int64_t)whole.n, "");

			if (!c->read.ranged) { /* once more: nothing is proven */
				fake_done(c, STORE_FAULT);
				continue;
			}
			memcpy(h.etag, etag, sizeof(etag));
			h.etag_is_md5 = true;
			fake_head(c, &h);
			give_bytes(
				&r, c,
				slice_head(slice_from(whole, (size_t)h.first), (size_t)h.length));
			fake_done(c, STORE_FOUND);
		}
		CHECK_INT(kept_as(&r, FORMS_PDB_KEY, FORM_STORED, whole, etag), !damaged,
			  damaged ? "the right key, but damaged" : "the right key, undamaged");
		CHECK(!knows_missing(r.cache, &r.store.store, SLICE(FORMS_PDB_KEY), NULL),
		      "is not missing, be it damaged");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- an answer without a length ---- */

static void test_spooled(void)
{
	static const struct {
		const char *name, *key;
		const struct buf *file;
		bool wrong;
	} cases[] = {{"an image", FORMS_PE_KEY, &large_pe, false},
		     {"another image", FORMS_PE_OTHER, &large_pe, true},
		     {"a PDB", FORMS_PDB_KEY, &large_pdb, false},
		     {"another PDB", FORMS_PDB_OTHER, &large_pdb, true}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct object_head h = fake_whole(-1, RIG_ETAG);
		struct passenger p = {0};
		struct store_call *c;
		struct cache_rig r;

		verifying(&r);
		rig_take(&r, cases[i].key, &p);
		c = r.store.first;
		fake_head(c, &h);
		give_bytes(&r, c, buf_slice(cases[i].file));
		fake_done(c, STORE_FOUND);
		ASSERT(MANUAL_UNTIL(r.loop, p.told == 1));
		cache_rig_quiet(&r);
		CHECK(p.result == (cases[i].wrong ? FETCH_MISS : FETCH_FOUND), cases[i].name);
		CHECK(kept_as(&r, cases[i].key, FORM_STORED, buf_slice(cases[i].file), RIG_ETAG) ==
				      !cases[i].wrong &&
			      knows_missing(r.cache, &r.store.store, slice_of(cases[i].key),
					    NULL) == cases[i].wrong,
		      "... without a length: known before anybody hears of it");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- before the verdict ---- */

static void test_fails_before(void)
{
	struct passenger p = {0};
	struct object_head h;
	struct cache_rig r;

	verifying(&r);
	rig_take(&r, FORMS_PE_KEY, &p);
	h = head_for(r.store.first, LARGE_PE, "");
	memcpy(h.etag, "", 1);
	h.ranged = false;
	fake_head(r.store.first, &h);
	fake_data(r.store.first, large_pe.p, 10);
	fake_done(r.store.first, STORE_FAULT);
	cache_rig_quiet(&r);
	CHECK(p.told == 1 && p.result == FETCH_FAULT && p.error.code == ERR_NET,
	      "the store fails before anything is known: a fault");
	CHECK(!knows_missing(r.cache, &r.store.store, SLICE(FORMS_PE_KEY), NULL), "and no miss");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_leaves_before(void)
{
	static const char *const keys[] = {FORMS_PE_KEY, FORMS_PE_OTHER};

	for (int wrong = 0; wrong < 2; wrong++) {
		struct passenger p = {0};
		struct object_head h;
		struct cache_rig r;

		verifying(&r);
		rig_take(&r, keys[wrong], &p);
		h = head_for(r.store.first, LARGE_PE, "");
		fake_head(r.store.first, &h);
		seat_leave(&p.seat);
		CHECK(r.store.first != NULL, "nobody waits for the verdict: it goes on");
		fake_data(r.store.first, large_pe.p, RIG_PIECE);
		manual_settle(r.loop);
		CHECK_INT(r.store.first == NULL, wrong, "until the verdict");
		if (r.store.first) {
			give_bytes(&r, r.store.first, slice_from(buf_slice(&large_pe), RIG_PIECE));
			fake_done(r.store.first, STORE_FOUND);
		}
		cache_rig_quiet(&r);
		CHECK(p.told == 0 &&
			      kept_as(&r, keys[wrong], FORM_STORED, buf_slice(&large_pe),
				      RIG_ETAG) == !wrong &&
			      knows_missing(r.cache, &r.store.store, slice_of(keys[wrong]), NULL) ==
				      wrong,
		      "and is kept or remembered as a miss all the same");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* What is said last of a file that is told of only when all of it is known. */
static const struct {
	const char *name;
	bool md5, asked_sum;
} last_words[] = {
	{"its last byte", false, false},
	{"its checksum, by a worker", true, false},
	{"the store's answer that it has no checksum", false, true},
};

/* By the time it may be told of, nobody wants it any more, and that ends it in mid-sentence. */
static void test_nobody_stays(size_t i, bool left_before)
{
	struct slice whole = buf_slice(&small_pdb);
	struct passenger p = {.leaves = !left_before};
	struct store_call *c;
	struct object_head h;
	struct cache_rig r;

	verifying(&r);
	r.store.store.traits.tells_sums = last_words[i].asked_sum;
	rig_take(&r, FORMS_PDB_KEY, &p);
	c = r.store.first;
	h = head_for(c, SMALL_PDB, "");
	h.etag_is_md5 = last_words[i].md5;
	if (h.etag_is_md5)
		md5_etag(whole, h.etag);
	fake_head(c, &h);
	if (left_before)
		seat_leave(&p.seat);
	ASSERT(generation_raise_all(r.cache->generations, NULL) == OK);
	give_bytes(&r, c, whole);
	fake_done(c, STORE_FOUND);
	cache_rig_quiet(&r);
	if (r.store.first) {
		h = fake_whole(SMALL_PDB, RIG_ETAG);
		fake_head(r.store.first, &h);
		fake_done(r.store.first, STORE_FOUND);
		cache_rig_quiet(&r);
	}
	CHECK_INT(p.told, !left_before, last_words[i].name);
	CHECK(!p.seat.flight && metric_get(active_fills) == 0 &&
		      !kept_as(&r, FORMS_PDB_KEY, FORM_STORED, whole, h.etag),
	      left_before ? "... comes when all had left and it was purged: the end"
			  : "... comes, and the last one leaves with it: the end");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- spellings ---- */

#define UPPER "FOO.PDB/B3A2A1A0A5A4A7A6A8A9AAABACADAEAF1a/FOO.PDB"

/* A store that does not mind the case: whoever waited is not told to wait again. */
static void test_spellings(void)
{
	struct passenger p[2] = {0};
	struct cache_rig r;

	verifying(&r);
	rig_take(&r, FORMS_PDB_OTHER, &p[0]);
	rig_take(&r, UPPER, &p[1]);
	answer_all(&r, buf_slice(&large_pdb));
	CHECK(p[0].told == 1 && p[1].told == 1 && p[1].result == FETCH_FOUND, "both had been told");
	CHECK(knows_missing(r.cache, &r.store.store, SLICE(FORMS_PDB_OTHER), NULL) &&
		      !knows_missing(r.cache, &r.store.store, SLICE(UPPER), NULL),
	      "missing as it was asked for: of the other spelling the store has said nothing");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/*
 * Found, and not looked into yet: who sends a SymbolChecksum joins who sends none. When it is another
 * file then, it is one for who asked so; the other one has it asked for as he does.
 */
static void test_checksums(void)
{
	struct passenger p[2] = {0};
	struct flight_request q;
	struct object_head h;
	struct cache_rig r;

	verifying(&r);
	r.store.store.traits.checksums = true;
	rig_take(&r, FORMS_PDB_OTHER, &p[0]);
	h = head_for(r.store.first, (int64_t)SMALL_PDB, "");
	fake_head(r.store.first, &h);
	fake_data(r.store.first, small_pdb.p, 40);
	q = rig_flight(&r, FORMS_PDB_OTHER);
	q.checksum = "SHA256:ab";
	p[1].seat = (struct seat){.decided = passenger_told,
				  .declined = passenger_declined,
				  .checksum = "SHA256:ab",
				  .asker = RIG_ASKER,
				  .key = SLICE(FORMS_PDB_OTHER)};
	ASSERT(seat_take(&q, &p[1].seat) == SEATED);
	CHECK(r.store.started == 1 && !p[1].seat.first, "one question");
	fake_data(r.store.first, small_pdb.p + 40, small_pdb.n - 40);
	cache_rig_quiet(&r);
	if (r.store.first && !r.store.first->read.checksum)
		fake_done(r.store.first, STORE_FOUND);
	cache_rig_quiet(&r);
	CHECK(p[0].told == 1 && p[0].result == FETCH_MISS && p[1].told == 0, "missing: for one");
	CHECK(r.store.started == 2 && r.store.first->read.checksum, "the other one is asked");
	CHECK(!knows_missing(r.cache, &r.store.store, SLICE(FORMS_PDB_OTHER), "SHA256:ab"),
	      "and nothing is known of him");
	fake_done(r.store.first, STORE_MISS);
	CHECK(p[1].told == 1 && p[1].result == FETCH_MISS, "missing for him, too");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- another's key ---- */

#define TARGET "builds/7/foo.exe"

/* What a file.ptr leads to is held against the key that was asked for, and for that alone. */
static void test_expectation(void)
{
	static const char *const named[] = {FORMS_PE_OTHER, FORMS_PE_KEY};
	struct passenger p[2] = {0};
	struct flight_request request;
	struct object_id id;
	struct disk_object o;
	struct cache_rig r;

	verifying(&r);
	for (int i = 0; i < 2; i++) {
		request = rig_flight(&r, TARGET);
		request.named = named[i];
		p[i].seat = (struct seat){.decided = passenger_told, .key = SLICE(TARGET)};
		ASSERT(seat_take(&request, &p[i].seat) == SEATED);
	}
	CHECK(p[0].seat.first && p[1].seat.first, "two expectations: two flights");
	while (r.store.first) {
		struct object_head h = head_for(r.store.first, SMALL_PE, "");
		struct store_call *c = r.store.first;

		fake_head(c, &h);
		fake_data(c, small_pe.p, small_pe.n);
		if (r.store.first == c)
			fake_done(c, STORE_FOUND);
		cache_rig_quiet(&r);
		if (r.store.first == c)
			break;
	}
	CHECK(p[0].told == 1 && p[0].result == FETCH_MISS, "another than was asked for: a miss");
	CHECK(p[1].told == 1 && p[1].result == FETCH_FOUND, "the one that was asked for: found");
	CHECK(!knows_missing(r.cache, &r.store.store, SLICE(TARGET), NULL),
	      "which is there, whatever it was to the other");
	id = cache_id(r.cache, &r.store.store, SLICE(TARGET), FORM_STORED, FORMS_PE_KEY);
	CHECK(disk_find(r.cache->disk, &id, &o, NULL) == DISK_HIT, "it is kept for who asks so");
	close_p(&o.fd);
	id = cache_id(r.cache, &r.store.store, SLICE(TARGET), FORM_STORED, FORMS_PE_OTHER);
	CHECK(disk_find(r.cache->disk, &id, &o, NULL) == DISK_NONE, "and for nobody else");
	seat_leave(&p[0].seat);
	seat_leave(&p[1].seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the end, while it is looked at ---- */

static void test_abort(void)
{
	for (int point = 0; point < 3; point++) {
		struct passenger p = {0};
		struct store_call *c;
		struct object_head h;
		struct cache_rig r;

		verifying(&r);
		rig_take(&r, FORMS_PDB_OTHER, &p);
		c = r.store.first;
		h = head_for(c, LARGE_PDB, "");
		fake_head(c, &h);
		if (point > 0)
			give_bytes(&r, c, buf_slice(&large_pdb));
		if (point > 1) {
			manual_settle(r.loop);
			cache_rig_quiet(&r);
			cache_rig_hold(&r);
			fake_done(c, STORE_FOUND);
			manual_settle(r.loop);
			flights_abort(r.flights);
			cache_rig_release(&r);
		}
		flights_abort(r.flights);
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	make_files();
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		test_file(i);
	test_tail();
	test_pieces();
	test_not_looked_at();
	test_checksum();
	test_spooled();
	test_fails_before();
	test_leaves_before();
	for (size_t i = 0; i < ARRAY_LEN(last_words); i++) {
		test_nobody_stays(i, true);
		test_nobody_stays(i, false);
	}
	test_spellings();
	test_checksums();
	test_expectation();
	test_abort();
	free_files();
	return tap_done();
}
