// SPDX-License-Identifier: MIT
/*
 * What is answered without asking: for each store and candidate the cache has the object, knows
 * that it is missing, or knows nothing. The rule is stated a second time, in expect(), and
 * compared over all combinations.
 */
#include "serve/known.h"

#include "base/log.h"
#include "lookup_rig.h"
#include "metric/metric.h"

#include "tap.h"
#include <fcntl.h>

static struct known_request request_of(const struct world *w)
{
	return (struct known_request){
		.flights = w->flights,
		.stores = &w->list,
		.rules = {.path = &w->path, .client = &w->client, .any_path = true},
	};
}

/* The answer is in w->answer. */
static bool ask(struct world *w, const struct known_request *r)
{
	world_forget(w);
	w->answer = (struct answer){.kind = ANSWER_MISS, .head.fd = -1};
	return known_answer(r, &w->answer);
}

static bool gives(const struct answer *a, int64_t offset)
{
	const char *body = a->head.encoding[0] ? BODY_GZIP : BODY;
	char got[BODY_N];
	ssize_t n = pread(a->head.fd, got, (size_t)a->head.length, a->head.fd_base + offset);

	return n == a->head.length && memcmp(got, body + offset, (size_t)n) == 0;
}

#define TWIN "foo.pdb/abcdef0123/foo.pd_"

/* ---- precedence ---- */

#define FOLDED "fo/" LOWER

/*
 * Both stores are two-tier and lower-case: two candidates each, with an identity of their own.
 *
 *	H has it	M known to be missing	? unknown
 *	E has it encoded, and so not for this client; what can be made of it has to be asked for
 */
static const char *const two_keys[2] = {FOLDED, LOWER};

static void know(struct world *w, size_t store, const char *script)
{
	for (size_t i = 0; i < 2; i++) {
		if (script[i] == 'M')
			world_miss(w, store, two_keys[i]);
		else if (script[i] != '?')
			world_keep(w, store, two_keys[i], i ? "\"second\"" : "\"first\"",
				   script[i] == 'E' ? "gzip" : "");
	}
}

static void unknow(struct world *w, size_t store)
{
	struct object_id id;
	struct error e;

	for (size_t i = 0; i < 2; i++) {
		id = cache_id(w->cache, w->store[store], slice_of(two_keys[i]), FORM_STORED, NULL);
		ASSERT(disk_remove(w->cache->disk, &id, &e) == OK);
	}
	negative_purge(w->cache->negative);
}

struct outcome {
	bool known;
	enum answer_kind kind;
	size_t store, candidate; /* of what is found */
};

/* What all before it are proven to miss; nothing else. */
static struct outcome expect(const char *const *scripts)
{
	for (size_t i = 0; i < 4; i++) {
		if (scripts[i / 2][i % 2] == 'H')
			return (struct outcome){true, ANSWER_FOUND, i / 2, i % 2};
		if (scripts[i / 2][i % 2] != 'M')
			return (struct outcome){false, ANSWER_MISS, 0, 0};
	}
	return (struct outcome){true, ANSWER_MISS, 0, 0};
}

static bool combination(struct world *w, const char *const *scripts)
{
	struct known_request r = request_of(w);
	struct outcome x = expect(scripts);
	bool good;

	know(w, 0, scripts[0]);
	know(w, 1, scripts[1]);
	good = ask(w, &r) == x.known;
	if (good && x.known)
		good = w->answer.kind == x.kind;
	if (good && x.known && x.kind == ANSWER_FOUND)
		good = w->answer.from == w->store[x.store] && gives(&w->answer, 0) &&
		       strcmp(w->answer.head.etag, x.candidate ? "\"second\"" : "\"first\"") == 0;
	if (!good)
		printf("# %s %s: kind %d, expected %d\n", scripts[0], scripts[1], w->answer.kind,
		       x.known ? (int)x.kind : -1);
	unknow(w, 0);
	unknow(w, 1);
	return good;
}

static void test_precedence(void)
{
	static const char letters[] = "HEM?";
	bool good = true;
	struct world w;

	world_cached(&w, 2, "/" ASKED);
	for (size_t i = 0; i < 2; i++) {
		w.fake[i].store.traits.key_case = CASE_LOWER;
		atomic_store(&w.fake[i].store.tier, TIER_TWO);
	}
	for (unsigned n = 0; n < 256; n++) {
		const char first[] = {letters[n & 3], letters[n >> 2 & 3], '\0'};
		const char second[] = {letters[n >> 4 & 3], letters[n >> 6 & 3], '\0'};
		const char *const scripts[2] = {first, second};

		good = combination(&w, scripts) && good;
	}
	CHECK(good, "two stores of two candidates each: the rule decides");
	CHECK(world_fini(&w) && !w.fake[0].started && !w.fake[1].started, "and nobody is asked");
}

/* What was refused is missing, but nobody is to keep that. */
static void test_refused(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" ASKED);
	w.fake[0].store.traits.key_case = CASE_LOWER;
	atomic_store(&w.fake[0].store.tier, TIER_TWO);
	r = request_of(&w);
	world_miss(&w, 0, two_keys[1]);
	cache_note_miss(
		w.cache, w.store[0],
		&(struct miss_asked){slice_of(two_keys[0]), FORM_STORED, NULL, NULL,
				     cache_miss_ticket(w.cache, w.store[0], slice_of(two_keys[0]))},
		FETCH_REFUSED);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS && !w.answer.keep_ns, "a refused name");
	world_miss(&w, 0, two_keys[0]);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS && w.answer.keep_ns > 0,
	      "until a miss is proven");
	CHECK(world_fini(&w), "refused");
}

/* What is known to be missing for who sends no SymbolChecksum is not for who does. */
static void test_checksum(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" ASKED);
	w.fake[0].store.traits.key_case = CASE_LOWER;
	atomic_store(&w.fake[0].store.tier, TIER_TWO);
	w.fake[0].store.traits.checksums = true;
	r = request_of(&w);
	world_miss(&w, 0, two_keys[0]);
	world_miss(&w, 0, two_keys[1]);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS, "known, for who sends none");
	w.client.checksum = "SHA256:ab";
	CHECK(!ask(&w, &r), "to be asked, for who does");
	CHECK(world_fini(&w), "SymbolChecksum");
}

/* A miss that is made of several may be kept as long as the one that is over first. */
static void test_how_long_it_is_kept(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 2, "/" ASKED);
	for (size_t i = 0; i < 2; i++) {
		w.fake[i].store.traits.key_case = CASE_LOWER;
		atomic_store(&w.fake[i].store.tier, TIER_TWO);
		world_miss(&w, i, two_keys[0]);
		manual_advance(w.loop, 10 * NS_PER_S);
		world_miss(&w, i, two_keys[1]);
	}
	r = request_of(&w);
	CHECK(ask(&w, &r) && w.answer.keep_ns == 40 * NS_PER_S, "the first one's 60 s less 20");
	manual_advance(w.loop, 40 * NS_PER_S - NS_PER_MS);
	CHECK(ask(&w, &r) && w.answer.keep_ns == NS_PER_MS, "to the end of it");
	w.fake[0].store.traits.loops = r.rules.looped = true;
	CHECK(ask(&w, &r) && w.answer.keep_ns == 0,
	      "of who may have come by one of the stores nobody knows");
	CHECK(world_fini(&w), "how long it is kept");
}

/* ---- the second age of a miss ---- */

/* Where the one before stands: in the same store, or in the one before. */
static void test_proof(void)
{
	for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
		size_t at = elsewhere ? 1 : 0;
		struct known_request r;
		struct world w;

		world_cached(&w, 2, "/" LOWER);
		with_twins(&w);
		one_spelling(&w);
		r = request_of(&w);
		world_miss(&w, 0, LOWER);
		world_miss(&w, 0, TWIN);
		world_miss(&w, 1, LOWER);
		manual_advance(w.loop, 1);
		world_keep_as(&w, at, elsewhere ? LOWER : TWIN,
			      elsewhere ? FORM_STORED : FORM_EXPANDED, "\"e\"", "");
		cache_note_found(w.cache, w.store[at], elsewhere ? SLICE(LOWER) : SLICE(TWIN),
				 NULL);
		CHECK(ask(&w, &r) && w.answer.from == w.store[at], "proven lately");
		CHECK(w.answer.hot_ns > 0 && (elsewhere || w.answer.hot_ns <= 60 * NS_PER_S),
		      "for so long nobody has to look again");
		manual_settle(w.loop);
		CHECK(!w.fake[0].started, "and nobody is asked");
		manual_advance(w.loop, 61 * NS_PER_S);
		CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND, "as the proof of a later one");
		manual_settle(w.loop);
		CHECK_INT(w.fake[0].started, !elsewhere, "it is asked again behind the back");
		CHECK(ask(&w, &r) && (elsewhere || w.answer.hot_ns <= 0), "found meanwhile");
		if (!elsewhere)
			fake_done(w.fake[0].first, STORE_MISS);
		CHECK(ask(&w, &r) && w.answer.hot_ns > 0, "and when it is missing still");
		manual_advance(w.loop, 3000 * NS_PER_S);
		CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND, "for a long time");
		manual_settle(w.loop);
		CHECK_INT(w.fake[0].started, 2, "when it is asked again in any case");
		fake_head(w.fake[0].first,
			  &(struct object_head){.total = 9, .length = 9, .fd = -1});
		manual_settle(w.loop);
		CHECK(!ask(&w, &r) && w.answer.kind == ANSWER_FOUND,
		      "once it is there that is no proof any more");
		while (w.fake[0].first)
			fake_done(w.fake[0].first, STORE_MISS);
		manual_settle(w.loop);
		CHECK(world_fini(&w), "a proof");
	}
}

/* ---- what is told of a hit ---- */

static void test_hit(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" ASKED);
	r = request_of(&w);
	world_keep(&w, 0, "foo.pdb/abcdef0123/foo.pdb", "\"e\"", "");
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND, "found, in whatever case it was kept");
	CHECK(w.answer.way == ASK_HIT && w.answer.from == w.store[0] && !w.answer.fill,
	      "a hit, of its store");
	CHECK(w.answer.fresh_ns > 0 && w.answer.fresh_ns <= world_settings.fresh_ns,
	      "fresh for no longer than objects are");
	CHECK(w.answer.head.mtime == 784111777 && w.answer.head.total == BODY_N,
	      "with what is known of it");
	CHECK(gives(&w.answer, 0), "and its body");
	world_aim(&w, "/Foo.pdb/ABCDEF0124/Foo.pdb");
	CHECK(!ask(&w, &r), "another key is another object");
	CHECK(world_fini(&w), "a hit");
}

/* It is given all the same, and asked about in the background. */
static void test_stale(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" ASKED);
	r = request_of(&w);
	w.cache->settings.fresh_ns = 0;
	world_keep(&w, 0, LOWER, "\"e\"", "");
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND && w.answer.fresh_ns == 0,
	      "stale, and found");
	manual_settle(w.loop);
	CHECK_INT(w.fake[0].started, 1, "its store is asked whether it is still there");
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND, "found again meanwhile");
	manual_settle(w.loop);
	CHECK_INT(w.fake[0].started, 1, "and not asked about twice");
	CHECK(world_fini(&w), "stale");
}

struct part_case {
	const char *name;
	struct range_ask range;
	const char *if_range;
	enum answer_kind kind;
	bool ranged;
	int64_t first, length;
};

static const struct part_case parts[] = {
	{"a part", {2, 5}, NULL, ANSWER_FOUND, true, 2, 4},
	{"a suffix", {RANGE_UNKNOWN, 3}, NULL, ANSWER_FOUND, true, 7, 3},
	{"over the end", {5, 99}, NULL, ANSWER_FOUND, true, 5, 5},
	{"behind the end", {10, 12}, NULL, ANSWER_UNSATISFIABLE},
	{"If-Range: this version", {2, 5}, "\"e\"", ANSWER_FOUND, true, 2, 4},
	{"If-Range: another version", {2, 5}, "\"f\"", ANSWER_FOUND, false, 0, BODY_N},
	{"If-Range: another, behind the end", {10, 12}, "\"f\"", ANSWER_FOUND, false, 0, BODY_N},
};

static void test_parts(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" ASKED);
	r = request_of(&w);
	world_keep(&w, 0, LOWER, "\"e\"", "");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const struct part_case *c = &parts[i];

		r.part = (struct part_ask){true, c->range, c->if_range};
		CHECK(ask(&w, &r) && w.answer.kind == c->kind, c->name);
		if (c->kind == ANSWER_FOUND)
			CHECK(w.answer.head.ranged == c->ranged &&
				      w.answer.head.first == c->first &&
				      w.answer.head.length == c->length &&
				      gives(&w.answer, c->first),
			      "... of these bytes");
		else
			CHECK(w.answer.head.total == BODY_N && w.answer.head.fd < 0,
			      "... of this size");
	}
	CHECK(world_fini(&w), "parts");
}

/* ---- encodings ---- */

static int free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

/* The cache's own thread opens files, too, but only a few at a time. */
static bool leaves_files_open(struct world *w, const struct known_request *r)
{
	int fd = free_fd();

	for (int i = 0; i < 100; i++)
		(void)ask(w, r);
	return free_fd() - fd > 50;
}

static void test_encoded(void)
{
	int64_t counted = metric_get(store_encoded);
	struct known_request r;
	struct world w;

	world_cached(&w, 2, "/" ASKED);
	r = request_of(&w);
	world_keep(&w, 0, LOWER, "\"e\"", "gzip");
	CHECK(!leaves_files_open(&w, &r), "what is not given is closed");
	CHECK(!ask(&w, &r), "encoded in one store: the other may have it otherwise");
	world_miss(&w, 1, LOWER);
	world_miss(&w, 1, ASKED);
	CHECK(!ask(&w, &r), "missing in the other: it can be decoded");
	world_keep_as(&w, 0, LOWER, FORM_PLAIN, "\"e-plain\"", "");
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND && gives(&w.answer, 0),
	      "decoded: found");
	CHECK_STR(w.answer.head.etag, "\"e-plain\"", "as what it is");
	CHECK(w.answer.vary_encoding, "others may be given it encoded");
	w.client.gzip = true;
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND && gives(&w.answer, 0),
	      "for who takes gzip it is found");
	CHECK(strcmp(w.answer.head.etag, "\"e\"") == 0 && w.answer.vary_encoding,
	      "as it is stored, and others are given it otherwise");
	r.part = (struct part_ask){.ranged = true, .range = {2, 5}};
	CHECK(ask(&w, &r) && w.answer.head.ranged && gives(&w.answer, 2),
	      "a part: of the decoded one");
	CHECK_STR(w.answer.head.etag, "\"e-plain\"", "which has its own name");
	CHECK_INT(metric_get(store_encoded), counted, "nothing is refused");
	CHECK(world_fini(&w), "encoded");
}

/* ---- forms ---- */

static void test_forms(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" LOWER);
	with_twins(&w);
	one_spelling(&w);
	r = request_of(&w);
	world_keep(&w, 0, TWIN, "\"cab\"", "");
	CHECK(!ask(&w, &r), "the twin as it is stored is no plain file");
	world_keep_as(&w, 0, TWIN, FORM_EXPANDED, "\"cab-expanded\"", "");
	CHECK(!ask(&w, &r) && w.answer.kind == ANSWER_FOUND && w.answer.rank == 1,
	      "expanded it is, if the plain one is missing");
	world_miss(&w, 0, LOWER);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND && w.answer.way == ASK_HIT,
	      "as it is known to be");
	CHECK_STR(w.answer.head.etag, "\"cab-expanded\"", "found");
	world_miss(&w, 0, TWIN);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS,
	      "a twin that is known to be missing is not given, whatever is left of it");
	CHECK(world_fini(&w), "forms");
}

/* name.gz: as it is for who accepts gzip, if that is what it is; expanded for who does not. */
static void test_stored_gzip(void)
{
	static const char *const key = "foo.pdb/abcdef0123/foo.pdb.gz";
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" LOWER);
	one_spelling(&w);
	w.fake[0].store.traits.forms = STORE_FORM_GZIP;
	r = request_of(&w);
	w.client.gzip = true;
	world_miss(&w, 0, LOWER);
	world_keep(&w, 0, key, "\"e\"", "");
	CHECK(!leaves_files_open(&w, &r) && !ask(&w, &r),
	      "called so, but no gzip: not given as it is");
	world_keep_body(&w, 0, key, FORM_STORED, "\"gz\"", "", SLICE("\x1f\x8b\x08 and so on"));
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND, "gzip: found");
	CHECK_STR(w.answer.head.encoding, "gzip", "and sent as what it is");
	w.client.gzip = false;
	CHECK(!ask(&w, &r), "not for who does not accept it");
	world_keep_as(&w, 0, key, FORM_EXPANDED, "\"gz-expanded\"", "");
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND && !w.answer.head.encoding[0],
	      "for whom it is expanded");
	CHECK(world_fini(&w), "stored gzip");
}

static void test_cabinets(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" TWIN);
	with_twins(&w);
	one_spelling(&w);
	r = request_of(&w);
	world_keep_as(&w, 0, LOWER, FORM_CABINET, "\"e-cabinet\"", "");
	world_miss(&w, 0, TWIN);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS, "no cabinets are made: a miss");
	r.rules.cabinets = true;
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_FOUND, "else the one that was made is found");
	CHECK_STR(w.answer.head.etag, "\"e-cabinet\"", "under the name of the plain file");
	CHECK(world_fini(&w), "cabinets");
}

/* What file.ptr points to is known by another name. */
static void test_pointer(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 1, "/" LOWER);
	one_spelling(&w);
	w.fake[0].store.traits.ptr = (char *)(uintptr_t) "\\\\server\\share";
	r = request_of(&w);
	world_miss(&w, 0, LOWER);
	CHECK(!ask(&w, &r), "there may be a file.ptr");
	world_keep(&w, 0, "foo.pdb/abcdef0123/file.ptr", "\"p\"", "");
	CHECK(!ask(&w, &r), "there is: it is no answer");
	world_miss(&w, 0, "foo.pdb/abcdef0123/file.ptr");
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS, "there is none: a miss");
	CHECK(world_fini(&w), "pointers");
}

/* ---- misses ---- */

static void test_missing(void)
{
	struct known_request r;
	struct world w;

	world_remembering(&w, 2, "/" ASKED);
	r = request_of(&w);
	world_miss(&w, 0, LOWER);
	world_miss(&w, 0, ASKED);
	world_miss(&w, 1, LOWER);
	CHECK(!ask(&w, &r), "the other spelling may be there");
	world_miss(&w, 1, ASKED);
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS && !w.answer.from && w.answer.keep_ns > 0,
	      "missing when all stores miss all candidates, also without a disk");
	clock_freeze_mono_ns(MANUAL_START_NS + 60 * NS_PER_S);
	CHECK(!ask(&w, &r), "for a while");
	CHECK(world_fini(&w), "missing");

	world_init(&w, 1, "/" ASKED);
	r = request_of(&w);
	world_miss(&w, 0, LOWER);
	world_miss(&w, 0, ASKED);
	CHECK(!ask(&w, &r), "with MISS_TTL=0 never");
	CHECK(world_fini(&w), "misses that are not remembered");
}

/* ---- which stores ---- */

struct which {
	const char *name;
	const char *target, *key;
	const char * not ;
	bool is_private, any_path, loops, looped;
	bool found;
};

static const struct which stores[] = {
	{"any store", "/" ASKED, LOWER, .any_path = true, .found = true},
	{"not= of its kind", "/" ASKED, LOWER, .any_path = true, .not = "*.pdb"},
	{"a server that may be us", "/" ASKED, LOWER, .any_path = true, .loops = true,
	 .found = true},
	{"the same, looped", "/" ASKED, LOWER, .any_path = true, .loops = true, .looped = true},
	{"a private store, a symbol", "/" ASKED, LOWER, .is_private = true, .found = true},
	{"a private store, another file", "/readme.txt", "readme.txt", .is_private = true},
	{"the same, any path", "/readme.txt", "readme.txt", .is_private = true, .any_path = true,
	 .found = true},
	{"a public store, another file", "/readme.txt", "readme.txt", .found = true},
};

static void test_stores(void)
{
	for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
		const struct which *c = &stores[i];
		struct known_request r;
		struct world w;

		world_cached(&w, 1, c->target);
		w.fake[0].store.traits.not = (char *)(uintptr_t)c->not ;
		w.fake[0].store.traits.loops = c->loops;
		w.fake[0].is_private = c->is_private;
		r = request_of(&w);
		r.rules.any_path = c->any_path;
		r.rules.looped = c->looped;
		world_keep(&w, 0, c->key, "\"e\"", "");
		CHECK(ask(&w, &r), c->name);
		CHECK_INT(w.answer.kind, c->found ? ANSWER_FOUND : ANSWER_MISS,
			  c->found ? "... has it" : "... is passed over: a miss");
		ASSERT(world_fini(&w));
	}
}

/* What a directory has is never kept, and another store's object is not its own. */
static void test_other_stores(void)
{
	struct known_request r;
	struct world w;

	world_cached(&w, 2, "/" ASKED);
	r = request_of(&w);
	w.fake[0].store.traits.local = true;
	world_keep(&w, 0, LOWER, "\"local\"", "");
	world_keep(&w, 1, LOWER, "\"other\"", "");
	CHECK(!ask(&w, &r) && w.answer.from == w.store[1], "a local store is not looked for");
	world_miss(&w, 0, LOWER);
	world_miss(&w, 0, ASKED);
	CHECK(ask(&w, &r) && w.answer.from == w.store[1], "but what it has said is proof enough");
	w.list.n = 1;
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS, "and what others have is not its own");
	w.list.n = 0;
	CHECK(ask(&w, &r) && w.answer.kind == ANSWER_MISS, "without a store all is missing");
	w.list.n = 2;
	CHECK(world_fini(&w), "other stores");
}

int main(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT, 2);
	test_precedence();
	test_refused();
	test_checksum();
	test_how_long_it_is_kept();
	test_proof();
	test_hit();
	test_stale();
	test_parts();
	test_encoded();
	test_forms();
	test_stored_gzip();
	test_cabinets();
	test_pointer();
	test_missing();
	test_stores();
	test_other_stores();
	return tap_done();
}
