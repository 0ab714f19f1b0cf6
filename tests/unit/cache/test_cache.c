// SPDX-License-Identifier: MIT
/*
 * The door of the cache: what is an object's identity and what a miss's, what is found and what is
 * not believed, purging against everything that could bring a thing back, and a disk that fails
 * and recovers.
 */
#include "base/file.h"
#include "cache/evict_priv.h"
#include "cache_rig.h"
#include "metric/metric.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>

#define LENGTH 1000

/* Bring an object into the cache. */
static void put(struct cache_rig *r, const char *key)
{
	struct passenger p = {0};

	ASSERT(rig_take(r, key, &p) == SEATED);
	rig_answer(r, fake_call(&r->store, key), LENGTH);
	seat_leave(&p.seat);
	cache_rig_quiet(r);
}

static bool has(struct cache_rig *r, const char *key)
{
	struct cache_object o;

	if (!rig_find(r, slice_of(key), FORM_STORED, NULL, NULL, &o))
		return false;
	close(o.head.fd);
	return true;
}

static void note(struct cache_rig *r, const char *key, enum fetch_result result)
{
	cache_note_miss(
		r->cache, &r->store.store,
		&(struct miss_asked){slice_of(key), FORM_STORED, NULL, NULL,
				     cache_miss_ticket(r->cache, &r->store.store, slice_of(key))},
		result);
}

static void miss(struct cache_rig *r, const char *key)
{
	note(r, key, FETCH_MISS);
}

static bool knows(struct cache_rig *r, const char *key)
{
	return knows_missing(r->cache, &r->store.store, slice_of(key), NULL);
}

/* ---- identity ---- */

static const struct {
	const char *a, *b;
	bool same;
} keys[] = {
	{"ntdll.pdb/1/ntdll.pdb", "NTDLL.PDB/1/NtDll.pdb", true},
	{"\xc3\x84.pdb", "\xc3\xa4.pdb", true}, /* upper and lower a umlaut */
	{"a", "b", false},
	{"a/b", "ab", false},
	{"a", "a ", false},
	{"\xff", "\xfe", false}, /* no UTF-8: as it is */
};

static void test_identity(void)
{
	struct cache_rig r;
	struct store other;

	cache_rig_new(&r);
	other = r.store.store;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct object_id a = cache_id(r.cache, &r.store.store, slice_of(keys[i].a),
					      FORM_STORED, NULL);
		struct object_id b = cache_id(r.cache, &r.store.store, slice_of(keys[i].b),
					      FORM_STORED, NULL);
		struct object_id again = cache_id(r.cache, &other, slice_of(keys[i].a), FORM_STORED,
						  NULL);

		CHECK_INT(memcmp(&a, &b, sizeof(a)) == 0, keys[i].same, keys[i].a);
		CHECK(memcmp(&a, &again, sizeof(a)) == 0, "two stores of the same place: the same");
	}
	other.id[31] ^= 1;
	struct object_id a = cache_id(r.cache, &r.store.store, SLICE("k"), FORM_STORED, NULL),
			 b = cache_id(r.cache, &other, SLICE("k"), FORM_STORED, NULL);

	CHECK(memcmp(&a, &b, sizeof(a)) != 0, "another place: another object");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Longer than what folds on the stack, and growing when it is folded. */
static void test_long_keys(void)
{
	static char a[1501], b[1501];
	struct object_id x, y;
	struct cache_rig r;

	cache_rig_new(&r);
	for (size_t i = 0; i < 1500; i += 2)
		memcpy(a + i, "\xc8\xba", 3); /* U+023A, whose lower case takes three bytes */
	memcpy(b, a, sizeof(b));
	x = cache_id(r.cache, &r.store.store, slice_of(a), FORM_STORED, NULL);
	b[1498] = 'x';
	y = cache_id(r.cache, &r.store.store, slice_of(b), FORM_STORED, NULL);
	CHECK(memcmp(&x, &y, sizeof(x)) != 0, "told apart by their last letter");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- finding ---- */

static void test_find(void)
{
	struct cache_object o;
	struct cache_rig r;
	char to[LENGTH];
	struct stat st;

	cache_rig_new(&r);
	CHECK(!has(&r, "a/b"), "nothing is there");
	put(&r, "a/B");
	CHECK(rig_find(&r, SLICE("A/b"), FORM_STORED, NULL, NULL, &o), "found in any case");
	CHECK(o.head.total == LENGTH && o.head.length == LENGTH && o.head.first == 0 &&
		      !o.head.ranged && strcmp(o.head.etag, RIG_ETAG) == 0 && o.fresh_ns > 0,
	      "its head");
	CHECK(pread(o.head.fd, to, LENGTH, o.head.fd_base) == LENGTH && rig_is_body(to, LENGTH, 0),
	      "its body");
	close(o.head.fd);
	clock_freeze_wall_s(RIG_NOW + 599);
	ASSERT(rig_find(&r, SLICE("a/b"), FORM_STORED, NULL, NULL, &o) &&
	       fstat(o.head.fd, &st) == 0);
	CHECK_INT(st.st_atim.tv_sec, RIG_NOW, "its time of use is exact to ten minutes");
	close(o.head.fd);
	clock_freeze_wall_s(RIG_NOW + 600);
	ASSERT(rig_find(&r, SLICE("a/b"), FORM_STORED, NULL, NULL, &o) &&
	       fstat(o.head.fd, &st) == 0);
	CHECK_INT(st.st_atim.tv_sec, RIG_NOW + 600, "then it is written");
	close(o.head.fd);
	r.store.store.traits.local = true;
	CHECK(!has(&r, "a/b"), "of a local store nothing is cached");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- forms ---- */

/* An object of the pattern in this form, as if it had been made. */
static void keep_as(struct cache_rig *r, const char *key, enum form form, const char *named)
{
	struct object_meta meta = {
		.id = cache_id(r->cache, &r->store.store, slice_of(key), form, named),
		.length = LENGTH,
		.etag = RIG_ETAG};
	struct draft *draft;

	ASSERT(disk_draft(r->cache->disk, LENGTH, &draft, NULL) == OK);
	ASSERT(pwrite(draft_fd(draft), rig_bytes(0, LENGTH).p, LENGTH, OBJECT_HEADER_SIZE) ==
	       LENGTH);
	ASSERT(disk_keep(r->cache->disk, draft, &meta, false, NULL, NULL, NULL) == OK);
	draft_free(draft);
}

static void keep_body(struct cache_rig *r, const char *key, enum form form, const char *encoding,
		      struct slice body)
{
	struct object_meta meta = {
		.id = cache_id(r->cache, &r->store.store, slice_of(key), form, NULL),
		.length = (int64_t)body.n,
		.etag = RIG_ETAG};
	struct draft *draft;

	memcpy(meta.encoding, encoding, strlen(encoding) + 1);
	ASSERT(disk_draft(r->cache->disk, meta.length, &draft, NULL) == OK);
	ASSERT(file_write_at(draft_fd(draft), body, OBJECT_HEADER_SIZE));
	ASSERT(disk_keep(r->cache->disk, draft, &meta, false, NULL, NULL, NULL) == OK);
	draft_free(draft);
}

static bool has_as(struct cache_rig *r, const char *key, enum form form, const char *named)
{
	struct cache_object o;

	if (!rig_find(r, slice_of(key), form, named, NULL, &o))
		return false;
	close(o.head.fd);
	return true;
}

static void test_forms(void)
{
	struct cache_rig r;
	int found = 0;

	cache_rig_new(&r);
	for (enum form form = 0; form < FORMS; form++) {
		keep_as(&r, "k", form, NULL);
		for (enum form other = 0; other < FORMS; other++)
			found += has_as(&r, "K", other, NULL);
		CHECK_INT(found, (int)form + 1, "each form is an object of its own, in any case");
		found = 0;
	}
	keep_as(&r, "l", FORM_STORED, "a/KEY/a");
	CHECK(!has_as(&r, "l", FORM_STORED, NULL) && !has_as(&r, "l", FORM_STORED, "a/KEY2/a"),
	      "what was found true to one key has not been to another, nor to its own");
	CHECK(has_as(&r, "l", FORM_STORED, "A/key/a"), "but to this one it has");
	CHECK(cache_rig_close(&r), "nothing is left");
}

#define BYTES(lit)                                                                                 \
	{                                                                                          \
		lit, sizeof(lit) - 1                                                               \
	}

/* As it was kept before anybody looked at the bytes. */
static void test_labels(void)
{
	static const char plain[] = "foo.pdb/0123456789ABCDEF0123456789ABCDEF1/foo.pdb";
	static const char twin[] = "foo.pdb/0123456789ABCDEF0123456789ABCDEF1/foo.pd_";
	static const struct {
		const char *name, *key, *label, *told;
		struct slice body;
		enum form form;
	} rows[] = {
		{"a cabinet under a plain name", plain, "", "packed", BYTES("MSCF and so on"),
		 FORM_STORED},
		{"known to be one", plain, "packed", "packed", BYTES("MSCF and so on"),
		 FORM_STORED},
		{"gzip under a plain name", plain, "", "packed", BYTES("\x1f\x8b\x08 and so on"),
		 FORM_STORED},
		{"known to have no true label", plain, "packed", "packed",
		 BYTES("\x1f\x8b\x08 and so on"), FORM_STORED},
		{"a true label", plain, "gzip", "gzip", BYTES("\x1f\x8b\x08 and so on"),
		 FORM_STORED},
		{"a false one", plain, "gzip", "", BYTES("Microsoft C/C++ MSF 7.00"), FORM_STORED},
		{"no plain name", twin, "", "", BYTES("MSCF and so on"), FORM_STORED},
		{"what was made of it", plain, "", "", BYTES("MSCF and so on"), FORM_PLAIN},
		{"a byte", plain, "", "", BYTES("M"), FORM_STORED},
	};
	struct cache_object o;
	struct cache_rig r;

	cache_rig_new(&r);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		keep_body(&r, rows[i].key, rows[i].form, rows[i].label, rows[i].body);
		ASSERT(cache_find(r.cache, &r.store.store, slice_of(rows[i].key), rows[i].form,
				  NULL, &o));
		CHECK_STR(o.head.encoding, rows[i].told, rows[i].name);
		close(o.head.fd);
	}
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* What is made of a local file is believed for as long as a store of its kind is. */
static void test_forms_of_local_files(void)
{
	struct cache_object o;
	struct cache_rig r;

	cache_rig_new(&r);
	r.background = true; /* the question whether it is still good */
	r.store.store.traits.local = true;
	r.store.store.traits.miss_ttl_max_ns = 2 * NS_PER_S;
	keep_as(&r, "k", FORM_STORED, NULL);
	keep_as(&r, "k", FORM_EXPANDED, NULL);
	CHECK(!has_as(&r, "k", FORM_STORED, NULL), "the file itself is not looked for");
	ASSERT(rig_find(&r, SLICE("k"), FORM_EXPANDED, NULL, NULL, &o));
	close(o.head.fd);
	CHECK_INT(o.fresh_ns, 2 * NS_PER_S, "what was made of it is, and fresh for a moment");
	clock_freeze_wall_s(RIG_NOW + 2);
	ASSERT(rig_find(&r, SLICE("k"), FORM_EXPANDED, NULL, NULL, &o));
	close(o.head.fd);
	manual_settle(r.loop);
	CHECK(o.fresh_ns == 0 && r.store.started == 1, "then the file is asked about");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_damage(void)
{
	int64_t damaged = metric_get(cache_damaged), errors = metric_get(cache_errors);
	struct object_id id;
	struct cache_rig r;
	char name[OBJECT_NAME_LEN], path[128];
	int fd;

	cache_rig_new(&r);
	put(&r, "k");
	id = cache_id(r.cache, &r.store.store, SLICE("k"), FORM_STORED, NULL);
	object_name(&id, name);
	snprintf(path, sizeof(path), "%s/" DISK_OBJECTS "/%s", r.dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT(fd >= 0 && pwrite(fd, "x", 1, 40) == 1);
	close(fd);
	CHECK(!has(&r, "k") && metric_get(cache_damaged) - damaged == 1,
	      "damaged: a miss, counted");
	CHECK(access(path, F_OK) != 0 && !has(&r, "k") && metric_get(cache_damaged) - damaged == 1,
	      "removed, so counted once");
	CHECK(cache_disk_usable(r.cache) && metric_get(cache_errors) == errors,
	      "that is no failure of the disk");
	flights_forget_landed(r.flights, &id);
	put(&r, "k");
	CHECK(has(&r, "k"), "it is brought again");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- the disk's health ---- */

static void test_disk_pause(void)
{
	const struct error e = {ERR_IO, EIO, "broken"};
	int64_t errors = metric_get(cache_errors);
	struct passenger p = {0};
	struct cache_rig r;

	cache_rig_new(&r);
	put(&r, "k");
	CHECK(cache_disk_usable(r.cache), "usable");
	cache_disk_failed(r.cache, &e);
	cache_disk_failed(r.cache, &e);
	CHECK(!cache_disk_usable(r.cache) && !has(&r, "k"), "it fails: nothing is found");
	CHECK_INT(metric_get(cache_errors) - errors, 2, "each failure is counted");
	miss(&r, "m");
	CHECK(knows(&r, "m"), "misses are remembered all the same");
	manual_advance(r.loop, 5 * NS_PER_S - 1);
	CHECK(!cache_disk_usable(r.cache), "for five seconds");
	manual_advance(r.loop, 1);
	CHECK(cache_disk_usable(r.cache) && has(&r, "k"), "then it is tried again");
	CHECK_INT(rig_take(&r, "l", &p), SEATED, "also for what is new");
	rig_answer(&r, r.store.first, LENGTH);
	seat_leave(&p.seat);
	cache_rig_quiet(&r);
	CHECK(has(&r, "l"), "and kept");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_no_disk(void)
{
	int64_t errors = metric_get(cache_errors);
	struct flights_purge purge = {.done = NULL};
	struct cache_rig r;
	char path[64];

	cache_rig_init(&r);
	r.settings.dir = NULL;
	cache_rig_open(&r);
	CHECK(!cache_disk_usable(r.cache) && !has(&r, "k") && metric_get(cache_errors) == errors,
	      "no directory: no objects, and no error");
	miss(&r, "m");
	CHECK(knows(&r, "m") && !purge.done, "but misses");
	CHECK(cache_rig_close(&r), "nothing is left");

	cache_rig_init(&r);
	snprintf(path, sizeof(path), "%s/file", r.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	r.settings.dir = path;
	cache_rig_open(&r);
	CHECK(!cache_disk_usable(r.cache) && metric_get(cache_errors) - errors == 1,
	      "one that is none: done without, and counted");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_no_room_for_misses(void)
{
	struct error e = {OK, 0, ""};
	struct cache *c = NULL;
	struct cache_rig r;

	cache_rig_new(&r);
	r.settings.miss_entries = SIZE_MAX / 2;
	CHECK(cache_new(&r.settings, &c, &e) != OK && !c && e.code != OK,
	      "more misses than memory: no cache");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- misses ---- */

static void test_misses(void)
{
	struct cache_rig r;

	cache_rig_new(&r);
	CHECK(cache_remembers(r.cache) && !knows(&r, "k"), "none yet");
	miss(&r, "k");
	CHECK(knows(&r, "k") && !knows(&r, "K"), "known as it was asked, and not otherwise");
	manual_advance(r.loop, 60 * NS_PER_S);
	CHECK(!knows(&r, "k"), "for a minute");
	r.store.store.traits.miss_ttl_max_ns = 10 * NS_PER_S;
	miss(&r, "k");
	manual_advance(r.loop, 9 * NS_PER_S);
	CHECK(knows(&r, "k"), "or for as long as the store's word counts");
	manual_advance(r.loop, NS_PER_S);
	CHECK(!knows(&r, "k"), "if that is less");
	r.store.store.traits.miss_ttl_max_ns = 0;
	miss(&r, "k");
	CHECK(!knows(&r, "k"), "not at all, if it does not");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_no_misses(void)
{
	for (int i = 0; i < 2; i++) {
		struct cache_rig r;

		cache_rig_init(&r);
		if (i)
			r.settings.miss_ttl_ns = 0;
		else
			r.settings.miss_entries = 0;
		cache_rig_open(&r);
		miss(&r, "k");
		CHECK(!cache_remembers(r.cache) && !knows(&r, "k"), "no time or no room: none");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static const struct {
	const char *name;
	enum fetch_result result;
	bool now, in_3_s; /* is it known to be missing? */
} kinds[] = {
	{"proven", FETCH_MISS, true, true},
	{"implied", FETCH_DENIED, true, true},
	{"a refused name", FETCH_REFUSED, true, false},
	{"a fault", FETCH_FAULT, false, false},
	{"found", FETCH_FOUND, false, false},
	{"a range outside", FETCH_UNSATISFIABLE, false, false},
};

/* How long each kind of miss counts; and what is none is not remembered, whoever says so. */
static void test_kinds_of_misses(void)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct cache_rig r;

		cache_rig_new(&r);
		note(&r, "k", kinds[i].result);
		CHECK_INT(knows(&r, "k"), kinds[i].now, kinds[i].name);
		manual_advance(r.loop, 3 * NS_PER_S);
		CHECK_INT(knows(&r, "k"), kinds[i].in_3_s, "... three seconds later");
		CHECK_INT(fetch_is_miss(kinds[i].result), kinds[i].now, "... as it says");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/*
 * Where the SymbolChecksum of who asks makes a difference, a miss is one of who sends the same; and so is
 * its end, but for who sends none.
 */
static void test_misses_with_a_checksum(void)
{
	static const char *const sums[] = {NULL, "SHA256:ab", "SHA256:cd", "SHA256:ab;SHA256:cd"};
	const int n = ARRAY_LEN(sums);

	for (int i = 0; i < 2 * n; i++) {
		const char *noted = sums[i / 2];
		bool trait = i & 1;
		struct cache_rig r;
		struct store *s;

		cache_rig_new(&r);
		s = &r.store.store;
		s->traits.checksums = trait;
		cache_note_miss(r.cache, s,
				&(struct miss_asked){SLICE("k"), FORM_STORED, NULL, noted,
						     cache_miss_ticket(r.cache, s, SLICE("k"))},
				FETCH_MISS);
		for (int k = 0; k < n; k++)
			CHECK_INT(knows_missing(r.cache, s, SLICE("k"), sums[k]),
				  !trait || sums[k] == noted, sums[k] ? sums[k] : "none");
		for (int k = 1; k < n; k++)
			if (sums[k] != noted)
				cache_note_found(r.cache, s, SLICE("k"), sums[k]);
		CHECK_INT(knows_missing(r.cache, s, SLICE("k"), noted), trait && noted,
			  "found for others: it is missing for nobody but who would send this");
		cache_note_found(r.cache, s, SLICE("k"), noted);
		CHECK(!knows_missing(r.cache, s, SLICE("k"), noted), "found for all");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* What was asked for accepting MSFZ: missing for who asks so. What is missing as it is, is for all. */
static void test_misses_of_msfz(void)
{
	static const enum form forms[] = {FORM_STORED, FORM_MSFZ};
	static const char *const sums[] = {NULL, "SHA256:ab"};

	for (unsigned i = 0; i < 8; i++) {
		enum form noted = forms[i & 1], found = forms[i >> 2];
		const char *sum = sums[i >> 1 & 1];
		struct cache_rig r;
		struct store *s;

		cache_rig_new(&r);
		s = &r.store.store;
		s->traits.checksums = s->traits.negotiates = true;
		cache_note_miss(r.cache, s,
				&(struct miss_asked){SLICE("k"), noted, NULL, sum,
						     cache_miss_ticket(r.cache, s, SLICE("k"))},
				FETCH_MISS);
		CHECK(cache_find_miss(r.cache, s, SLICE("k"), FORM_MSFZ, sum).answers_ns > 0,
		      "for who accepts MSFZ");
		CHECK_INT(knows_missing(r.cache, s, SLICE("k"), sum), noted == FORM_STORED,
			  "for who does not, only if it is missing as it is");
		CHECK(cache_find_miss(r.cache, s, SLICE("k"), FORM_MSFZ, sums[!sum]).answers_ns <=
			      0,
		      "and for nobody who is another about a SymbolChecksum");
		manual_advance(r.loop, 61 * NS_PER_S);
		CHECK_INT(cache_find_miss(r.cache, s, SLICE("k"), found, sum).proves_ns > 0,
			  found == FORM_MSFZ || noted == FORM_STORED, "so does its proof");
		cache_note_found(r.cache, s, SLICE("k"), sum);
		CHECK(cache_find_miss(r.cache, s, SLICE("k"), FORM_MSFZ, sum).proves_ns <= 0,
		      "however it is found, it is there");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* Questions that mean nothing to a store: a miss while that holds, which is neither kept nor remembered. */
static void test_misses_of_what_is_not_spoken(void)
{
	const struct slice symbol = SLICE("a.pdb/1/a.pdb"),
			   id = SLICE("buildid/0123456789abcdef0123456789abcdef01234567/debuginfo");
	struct cache_rig r;
	struct store *s;
	struct miss m;

	cache_rig_new(&r);
	s = &r.store.store;
	store_set_spoken(s, QUESTION_SYMBOL, false);
	for (enum form form = FORM_STORED; form < FORMS; form++) {
		m = cache_find_miss(r.cache, s, symbol, form, NULL);
		CHECK(m.answers_ns > 0 && m.answers_ns <= FETCH_REFUSED_NS && m.proves_ns > 0 &&
			      m.refused,
		      "missing, but nobody is to keep that");
	}
	CHECK(!knows_missing(r.cache, s, id, NULL), "of the other kind nothing is known");
	store_set_spoken(s, QUESTION_SYMBOL, true);
	CHECK(!knows_missing(r.cache, s, symbol, NULL), "nothing is left of it");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* What a store said before its epoch changed (new credentials, say) does not count after it. */
static void test_epoch(void)
{
	struct cache_rig r;
	uint64_t ticket;

	cache_rig_new(&r);
	miss(&r, "k");
	ticket = cache_miss_ticket(r.cache, &r.store.store, SLICE("l"));
	atomic_fetch_add(&r.store.store.epoch, 1);
	CHECK(!knows(&r, "k"), "forgotten");
	cache_note_miss(r.cache, &r.store.store,
			&(struct miss_asked){SLICE("l"), FORM_STORED, NULL, NULL, ticket},
			FETCH_MISS);
	CHECK(!knows(&r, "l"), "nor is what was asked before learned after");
	miss(&r, "l");
	CHECK(knows(&r, "l"), "what is asked now is");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* ---- purging ---- */

struct purge {
	struct flights_purge purge;
	bool done;
};

static void purge_done(struct flights_purge *p)
{
	CONTAINER_OF(p, struct purge, purge)->done = true;
}

/* which == NULL: everything. */
static void start_purge(struct cache_rig *r, struct purge *p, struct slice *which, size_t n)
{
	*p = (struct purge){.purge = {.keys = which,
				      .n = n,
				      .store = n ? &r->store.store : NULL,
				      .done = purge_done}};
	flights_purge(r->flights, &p->purge);
}

static bool purge(struct cache_rig *r, struct slice *which, size_t n)
{
	struct purge p;

	start_purge(r, &p, which, n);
	return MANUAL_UNTIL(r->loop, p.done) && !p.purge.failure.code;
}

static void test_purge_keys(void)
{
	struct slice which[] = {SLICE("one"), SLICE("never"), SLICE("gone")};
	struct passenger p = {0};
	struct cache_rig r;
	uint64_t ticket;

	cache_rig_new(&r);
	put(&r, "One");
	put(&r, "two");
	miss(&r, "gone");
	miss(&r, "away");
	ticket = cache_miss_ticket(r.cache, &r.store.store, SLICE("gone"));
	CHECK(purge(&r, which, ARRAY_LEN(which)), "some keys");
	CHECK(!has(&r, "one") && has(&r, "two"), "those objects, and no others");
	CHECK(!knows(&r, "gone") && knows(&r, "away"), "those misses, and no others");
	cache_note_miss(r.cache, &r.store.store,
			&(struct miss_asked){SLICE("gone"), FORM_STORED, NULL, NULL, ticket},
			FETCH_MISS);
	CHECK(!knows(&r, "gone"), "and nothing that was asked before");
	CHECK(rig_take(&r, "one", &p) == SEATED && r.store.started == 3, "it is asked for anew");
	seat_leave(&p.seat);
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* All that was made of an object goes with it. */
static void test_purge_forms(void)
{
	struct slice which[] = {SLICE("k")};
	struct cache_rig r;
	int left = 0;

	for (int all = 0; all < 2; all++) {
		cache_rig_new(&r);
		for (enum form form = 0; form < FORMS; form++)
			keep_as(&r, "k", form, NULL);
		CHECK(purge(&r, all ? NULL : which, !all), "purged");
		for (enum form form = 0; form < FORMS; form++)
			left += has_as(&r, "k", form, NULL);
		CHECK_INT(left, 0, "in all forms");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* A purge names what was asked for, not where a file.ptr has led from there. */
static void test_purge_of_targets(void)
{
	static const struct {
		const char *name, *which;
		bool goes;
	} t[] = {
		{"what led there", "Foo.pdb/1/foo.pdb", true},
		{"what it led to", "000/FOO.pdb", true},
		{"another one", "bar.pdb/1/bar.pdb", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice which[] = {slice_of(t[i].which)};
		struct cache_rig r;

		cache_rig_new(&r);
		keep_as(&r, "000/foo.pdb", FORM_STORED, "foo.pdb/1/foo.pdb");
		CHECK(has_as(&r, "000/foo.pdb", FORM_STORED, "foo.pdb/1/foo.pdb"), t[i].name);
		CHECK(purge(&r, which, 1), "is purged");
		CHECK_INT(!has_as(&r, "000/foo.pdb", FORM_STORED, "foo.pdb/1/foo.pdb"), t[i].goes,
			  "what lies there is found no more, or still");
		keep_as(&r, "000/foo.pdb", FORM_STORED, "foo.pdb/1/foo.pdb");
		ASSERT(flights_stop(r.flights, 10 * NS_PER_S) &&
		       cache_stop(r.cache, 10 * NS_PER_S));
		manual_settle(r.loop);
		flights_free(r.flights);
		cache_free(r.cache);
		cache_rig_open(&r);
		CHECK(has_as(&r, "000/foo.pdb", FORM_STORED, "foo.pdb/1/foo.pdb"),
		      "what comes after is, in the next process as well");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void test_purge_all(void)
{
	struct passenger p = {0};
	struct cache_object o;
	struct cache_rig r;
	char to[LENGTH];

	cache_rig_new(&r);
	put(&r, "one");
	put(&r, "two");
	miss(&r, "gone");
	ASSERT(rig_find(&r, SLICE("one"), FORM_STORED, NULL, NULL, &o));
	CHECK(purge(&r, NULL, 0), "everything");
	CHECK(!has(&r, "one") && !has(&r, "two") && !knows(&r, "gone"), "is gone");
	CHECK(pread(o.head.fd, to, LENGTH, o.head.fd_base) == LENGTH && rig_is_body(to, LENGTH, 0),
	      "who reads an object reads on");
	close(o.head.fd);
	CHECK_INT(rig_take(&r, "one", &p), SEATED, "nobody looks for what has landed before");
	seat_leave(&p.seat);
	put(&r, "two");
	CHECK(has(&r, "two"), "and it fills again");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* What is on its way is not kept, at whichever point the purge meets it. */
static void test_purge_on_the_way(void)
{
	struct slice which[] = {SLICE("k")};

	for (int point = 0; point < 6; point++) {
		struct passenger p = {0};
		struct purge job;
		struct cache_rig r;

		cache_rig_new(&r);
		ASSERT(rig_take(&r, "k", &p) == SEATED);
		if (point / 2 == 1)
			cache_rig_hold(&r);
		if (point / 2 > 0)
			rig_answer(&r, r.store.first, LENGTH);
		start_purge(&r, &job, point % 2 ? which : NULL, point % 2);
		manual_settle(r.loop);
		if (point / 2 == 0)
			rig_answer(&r, r.store.first, LENGTH);
		if (point / 2 == 1)
			cache_rig_release(&r);
		ASSERT(MANUAL_UNTIL(r.loop, job.done));
		cache_rig_quiet(&r);
		CHECK(!has(&r, "k") && rig_readable(seat_fill(&p.seat), 0) == LENGTH,
		      point % 2 ? "a purge of the key" : "a purge of everything");
		seat_leave(&p.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

static void test_purge_many(void)
{
	enum { MANY = 1500 };
	static char text[MANY][8];
	static struct slice which[MANY];
	struct cache_rig r;
	bool good = true;

	cache_rig_init(&r);
	r.settings.miss_entries = 100000;
	cache_rig_open(&r);
	for (int i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "k%d", i);
		which[i] = slice_of(text[i]);
		miss(&r, text[i]);
		good = good && knows(&r, text[i]);
	}
	put(&r, "k1499");
	CHECK(good && purge(&r, which, MANY), "many keys");
	for (int i = 0; i < MANY; i++)
		good = good && !knows(&r, text[i]);
	CHECK(good && !has(&r, "k1499"), "all are forgotten, to the last one");
	CHECK(cache_rig_close(&r), "nothing is left");
}

static void test_purge_without_disk(void)
{
	struct slice which[] = {SLICE("k")};
	struct purge job;
	struct cache_rig r;

	cache_rig_init(&r);
	r.settings.dir = NULL;
	cache_rig_open(&r);
	miss(&r, "k");
	CHECK(purge(&r, which, 1) && !knows(&r, "k"), "without a disk: the misses");
	miss(&r, "k");
	CHECK(purge(&r, NULL, 0) && !knows(&r, "k"), "all of them, too");
	CHECK(cache_rig_close(&r), "nothing is left");

	cache_rig_new(&r);
	ASSERT(pool_stop(r.flights->pool, 10 * NS_PER_S));
	start_purge(&r, &job, which, 1);
	manual_settle(r.loop);
	CHECK(job.done && job.purge.failure.code == ERR_BUSY,
	      "no worker will do it: that is said, for the files are still there");
	CHECK(cache_rig_close(&r), "nothing is left");
}

/* Others have filled the disk: what lies there can be had all the same. */
static void test_full_disk(void)
{
	static const int codes[] = {ENOSPC, EDQUOT, EIO};
	int64_t errors = metric_get(cache_errors);

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		const struct error e = {ERR_IO, codes[i], "cannot write"};
		const struct evict_limits limits = {.max_bytes = INT64_C(1) << 40};
		struct evict *thread;
		struct cache_rig r;

		cache_rig_new(&r);
		put(&r, "k");
		/* One without a thread, which would make room by taking it away. */
		thread = r.cache->evict;
		r.cache->evict = evict_new(disk_root(r.cache->disk), &limits);
		cache_disk_failed(r.cache, &e);
		CHECK_INT(cache_disk_usable(r.cache) && has(&r, "k"), codes[i] != EIO,
			  codes[i] == EIO ? "a failing disk is left alone" : "a full one is not");
		evict_free(r.cache->evict);
		r.cache->evict = thread;
		CHECK(cache_rig_close(&r), "nothing is left");
	}
	CHECK_INT(metric_get(cache_errors) - errors, 3, "all are counted");
}

/* What was asked before a purge is no answer to who comes after it. */
static void test_no_seat_from_before_a_purge(void)
{
	struct slice key = SLICE("k");

	for (int flying = 0; flying < 2; flying++) {
		struct object_head head = fake_part(RIG_BLOCK, RIG_ETAG, 0, RIG_BLOCK - 1);
		struct passenger before = {0}, after = {0};
		struct store_call *old;
		struct cache_rig r;

		cache_rig_new(&r);
		ASSERT(rig_take(&r, "k", &before) == SEATED);
		if (flying)
			fake_head(r.store.first, &head);
		old = r.store.first;
		ASSERT(purge(&r, &key, 1));
		CHECK(rig_take(&r, "k", &after) == SEATED && after.seat.first &&
			      r.store.started == 2,
		      flying ? "it comes: it is asked for anew" : "asked: asked anew");
		if (flying)
			rig_give(&r, old, 0, RIG_BLOCK);
		fake_done(old, flying ? STORE_FOUND : STORE_MISS);
		cache_rig_quiet(&r);
		CHECK(after.told == 0 && !knows(&r, "k"), "the old answer is not for this one");
		rig_answer(&r, r.store.first, LENGTH);
		cache_rig_quiet(&r);
		CHECK(after.told == 1 && after.result == FETCH_FOUND &&
			      rig_kept(&r, "k", LENGTH, RIG_ETAG),
		      "the new one is, and is kept");
		seat_leave(&before.seat);
		seat_leave(&after.seat);
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* A miss is remembered as it was asked; a purge of another spelling reaches it all the same. */
static void test_purge_of_another_spelling(void)
{
	struct slice key = SLICE("foo.pdb");

	for (int folds = 0; folds < 2; folds++) {
		struct cache_rig r;

		cache_rig_new(&r);
		r.store.store.traits.folds = folds;
		miss(&r, "Foo.pdb");
		miss(&r, "Bar.pdb");
		ASSERT(purge(&r, &key, 1));
		CHECK(!knows(&r, "Foo.pdb"), "all its spellings are forgotten");
		CHECK(knows(&r, "Bar.pdb"), "and no others");
		CHECK(cache_rig_close(&r), "nothing is left");
	}
}

/* ---- what is in the way ---- */

/* A directory where an object would lie keeps that object out, and leaves the cache on for all others. */
static void test_odd_name(void)
{
	char name[OBJECT_NAME_LEN], path[128];
	struct object_id id;
	struct cache_rig r;

	cache_rig_new(&r);
	id = cache_id(r.cache, &r.store.store, SLICE("odd"), FORM_STORED, NULL);
	object_name(&id, name);
	snprintf(path, sizeof(path), "%s/" DISK_OBJECTS "/%s", r.dir, name);
	put(&r, "odd");
	ASSERT(unlink(path) == 0 && mkdir(path, 0700) == 0);
	flights_forget_landed(r.flights, &id);
	put(&r, "odd");
	CHECK(cache_disk_usable(r.cache), "it cannot be kept: the disk is well all the same");
	CHECK(!has(&r, "odd") && cache_disk_usable(r.cache), "nor is it found");
	put(&r, "k");
	CHECK(has(&r, "k"), "others are");
	CHECK(cache_rig_close(&r), "nothing is left");
}

int main(void)
{
	test_identity();
	test_long_keys();
	test_find();
	test_forms();
	test_labels();
	test_forms_of_local_files();
	test_damage();
	test_disk_pause();
	test_no_disk();
	test_no_room_for_misses();
	test_misses();
	test_no_misses();
	test_kinds_of_misses();
	test_misses_with_a_checksum();
	test_misses_of_msfz();
	test_misses_of_what_is_not_spoken();
	test_epoch();
	test_purge_keys();
	test_purge_forms();
	test_purge_of_targets();
	test_purge_all();
	test_purge_on_the_way();
	test_purge_many();
	test_purge_without_disk();
	test_full_disk();
	test_no_seat_from_before_a_purge();
	test_purge_of_another_spelling();
	test_odd_name();
	return tap_done();
}
