// SPDX-License-Identifier: MIT
/*
 * What an index of names takes for missing, for how long, and when it lists again. The listings are given
 * by the test (listing_start() is its own), the clock stands still; at the end, on real loops, readers look
 * while editions come and go.
 */
#include "cache/name_index.h"
#include "manual_loop.h"
#include "metric/metric.h"

#include "tap.h"

#define NAMES_MAX 1000
#define PRICE     12 /* reads of missing keys that pay for a page */
#define DAY_NS    (24 * 3600 * NS_PER_S)
#define SWAPS     300
#define READERS   2

/* ---- the listing ---- */

struct listing {
	int running;
};

static struct listing the_listing;
static struct {
	char folder[20];
	size_t max_names;
	unsigned max_pages;
	void (*done)(void *ud, struct listing_result *r, const struct error *e);
	void *ud;
	int started, cancelled;
} listing;

struct listing *
listing_start(const struct listing_request *r,
	      void (*done)(void *ud, struct listing_result *r, const struct error *e), void *ud)
{
	snprintf(listing.folder, sizeof(listing.folder), SLICE_FMT, SLICE_ARG(r->folder));
	listing.max_names = r->max_names;
	listing.max_pages = r->max_pages;
	listing.done = done;
	listing.ud = ud;
	listing.started++;
	return &the_listing;
}

void listing_cancel(struct listing *l)
{
	listing.cancelled += l != NULL;
}

bool store_can_list(const struct store *s)
{
	return true;
}

/* "a b c" */
static struct name_list names_of(const char *text)
{
	struct name_list l = {.text = BUF_MAX(1 << 16)};
	struct slice rest = slice_of(text), before = SLICE_NONE, name;

	l.end = malloc(64 * sizeof(l.end[0]));
	while (slice_next(&rest, ' ', &name)) {
		if (!name.n)
			break;                           /* "": none */
		ASSERT(slice_compare(before, name) < 0); /* as name_list.h wants them */
		before = name;
		buf_add(&l.text, name);
		l.end[l.n++] = (uint32_t)l.text.n;
	}
	return l;
}

/* ---- the rig ---- */

struct rig {
	struct loop *loop;
	struct quiet *quiet;
	struct generations *generations;
	struct pool *pool;
	struct store_context ctx;
	struct store store;
	size_t names_left;
	struct name_index *index;
	atomic_bool stop;
};

static void rig_init(struct rig *r, struct loop *loop, int64_t max_ns)
{
	memset(&listing, 0, sizeof(listing));
	*r = (struct rig){.loop = loop, .names_left = NAMES_MAX};
	r->quiet = quiet_new(loop);
	r->generations = generations_new();
	ASSERT(pool_new(1, 16, "sort", &r->pool, NULL) == OK);
	r->ctx = (struct store_context){.loop = loop, .disk = r->pool};
	r->store =
		(struct store){.ctx = &r->ctx, .id = "some store", .traits.name = (char *)"s3://b"};
	r->index = name_index_new(&(struct name_index_settings){.store = &r->store,
								.loop = loop,
								.quiet = r->quiet,
								.generations = r->generations,
								.names_left = &r->names_left,
								.max_ns = max_ns,
								.believed = true});
	name_index_start(r->index);
}

static void rig_fini(struct rig *r)
{
	ASSERT(pool_stop(r->pool, 60 * NS_PER_S));
	name_index_free(r->index);
	quiet_free(r->quiet);
	generations_free(r->generations);
	pool_free(r->pool);
	loop_free(r->loop);
}

static void begin(struct rig *r)
{
	rig_init(r, manual_loop(), 60 * NS_PER_S);
	manual_settle(r->loop);
}

static void end(struct rig *r)
{
	manual_settle(r->loop);
	rig_fini(r);
	clock_freeze_mono_ns(0);
}

static struct listing_result result_of(const struct rig *r, const char *names, unsigned pages)
{
	return (struct listing_result){
		.names = names_of(names),
		.began_ns = clock_mono_ns(),
		.pages = pages,
		.epoch = r->store.epoch,
	};
}

/* The listing that runs tells these; the names are sorted by the pool's thread meanwhile. */
static void tell(struct rig *r, struct listing_result result)
{
	int64_t before = metric_get(index_listings);

	listing.done(listing.ud, &result, NULL);
	while (metric_get(index_listings) == before)
		manual_turn(r->loop, 60000);
	manual_settle(r->loop);
}

static void fail(struct rig *r, enum err code, unsigned pages)
{
	struct listing_result nothing = {.pages = pages};
	struct error e;

	err_set(&e, code, "for a test");
	listing.done(listing.ud, &nothing, &e);
	manual_settle(r->loop);
}

/* In seconds. */
static long long absent(struct rig *r, const char *key)
{
	int64_t ns = name_index_absent_ns(r->index, slice_of(key), clock_mono_ns());

	manual_settle(r->loop);
	return ns / NS_PER_S;
}

/* So many other keys were missing, each below a name of its own. */
static void miss(struct rig *r, const char *folder, int n)
{
	static int serial;
	char key[60];

	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%snew%d.pdb/1/new.pdb", folder, serial++);
		name_index_missed(r->index, slice_of(key));
	}
	manual_settle(r->loop);
}

/* ---- what is missing ---- */

static const struct {
	const char *key;
	bool absent;
	const char *why;
} keys[] = {
	{"b.pdb/1/b.pdb", true, "a name that the store has not"},
	{"a.pdb/1/a.pdb", false, "one that it has"},
	{"A.pdb/1/A.pdb", true, "which is another in another case"},
	{"c++rt.pdb/1/c++rt.pdb", false, "a name with plus signs"},
	{"c  rt.pdb/1/c  rt.pdb", false, "in any spelling of them"},
	{"loose.txt", false, "a file without a folder"},
	{"other.txt", true, "one that is not there"},
	{"loose.txt/1/loose.txt", true, "which is no folder"},
	{"a.pdb", true, "nor is a folder a file"},
	{"index2.txt", false, "symstore's mark is never taken for missing"},
	{".pepto/x", false, "nor what is ours"},
	{".pepto-probe-1", false, "nor a probe of ours"},
	{"000admin/server.txt", false, "nor symstore's own folder"},
	{"000admin", false, "nor a file of that name"},
	{"\xc3\xa4.pdb/1/x", false,
	 "nor what has an accent, of which a store may have another form"},
	{"", false, "nor nothing"},
	{"/a/b", false, "nor an empty name"},
	{STORE_ANY_NAME "/1/" STORE_ANY_NAME, false, "nor any name"},
};

static void test_keys(void)
{
	struct rig r;

	begin(&r);
	CHECK_INT(absent(&r, "b.pdb/1/b.pdb"), 0, "before the first listing nothing is known");
	CHECK_INT(listing.started, 1, "which begins at once");
	CHECK_INT(listing.max_pages, 20, "and is given if it is short");
	CHECK_INT((long long)listing.max_names, NAMES_MAX, "within the greatest number of names");
	tell(&r, result_of(&r, "a.pdb/ c++rt.pdb/ loose.txt", 1));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK(!absent(&r, keys[i].key) == !keys[i].absent, keys[i].why);
	CHECK_INT((long long)r.names_left, NAMES_MAX - 3, "and takes them from those that may be");
	end(&r);
}

static const struct {
	unsigned pages;
	int64_t max_s, age_s, left_s;
	const char *why;
} times[] = {
	{1, 60, 0, 5, "of one page for 5 s"},
	{3, 60, 0, 15, "5 s for each page"},
	{20, 60, 0, 60, "for a minute"},
	{200, 3600, 0, 60, "never for longer"},
	{20, 7, 0, 7, "nor for longer than a miss is remembered"},
	{1, 60, 3, 2, "less what the listing has lain in a cache"},
	{1, 60, 5, 0, "or all of it"},
	{1, 60, 500, 0, "or more"},
};

static void test_times(void)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct rig r;
		struct listing_result told;

		rig_init(&r, manual_loop(), times[i].max_s * NS_PER_S);
		manual_settle(r.loop);
		told = result_of(&r, "a.pdb/", times[i].pages);
		told.began_ns -= times[i].age_s * NS_PER_S;
		tell(&r, told);
		CHECK_INT(absent(&r, "b/1/b"), MAX(times[i].left_s, 0), times[i].why);
		manual_advance(r.loop, times[i].left_s * NS_PER_S);
		CHECK(absent(&r, "b/1/b") <= 0, "and then not any more");
		end(&r);
	}
}

static void test_wall_clock(void)
{
	struct rig r;

	begin(&r);
	tell(&r, result_of(&r, "a.pdb/", 2));
	for (int64_t jump = -DAY_NS; jump <= DAY_NS; jump += 2 * DAY_NS) {
		clock_freeze_wall_s(1796022000 + jump / NS_PER_S);
		CHECK_INT(absent(&r, "b/1/b"), 10, "the wall clock may jump");
	}
	manual_advance(r.loop, 10 * NS_PER_S);
	CHECK(absent(&r, "b/1/b") <= 0, "and what time passes is told by the other");
	clock_freeze_wall_s(0);
	end(&r);
}

/* ---- when it is not believed ---- */

static void purge(struct rig *r, const char *name)
{
	ASSERT(generation_raise(r->generations, generation_hash(r->store.id, slice_of(name)),
				NULL) == OK);
}

static void test_purges(void)
{
	struct rig r;

	begin(&r);
	purge(&r, "during.pdb/");
	tell(&r, result_of(&r, "a.pdb/", 1));
	CHECK_INT(absent(&r, "during.pdb/1/x"), 0, "a name purged during the listing is unknown");
	CHECK(absent(&r, "b.pdb/1/x") > 0, "others are not");
	purge(&r, "After.pdb/");
	CHECK_INT(absent(&r, "after.pdb/1/x"), 0, "so is one that is purged later, in any case");
	CHECK(absent(&r, "b.pdb/1/x") > 0, "and others still are not");
	ASSERT(generation_raise_all(r.generations, NULL) == OK);
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "until everything is purged");
	miss(&r, "", PRICE);
	tell(&r, result_of(&r, "a.pdb/ after.pdb/", 1));
	CHECK(absent(&r, "b.pdb/1/x") > 0, "the next listing knows again");
	CHECK(absent(&r, "during.pdb/1/x") > 0, "also of what was purged before it");
	CHECK_INT(absent(&r, "after.pdb/1/x"), 0, "and what has come");
	end(&r);
}

/* Of all indexes together: what another one has taken meanwhile counts. */
static void test_names_left(void)
{
	struct rig r;
	struct listing_result told;
	int64_t before = metric_get(index_listings_failed);

	begin(&r);
	r.names_left = 1;
	told = result_of(&r, "a.pdb/ c.pdb/", 1);
	listing.done(listing.ud, &told, NULL);
	while (metric_get(index_listings_failed) == before)
		manual_turn(r.loop, 60000);
	CHECK_INT((long long)r.names_left, 1, "what is too much is not taken");
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "and nothing is known");
	end(&r);
}

static void test_view(void)
{
	struct rig r;
	struct name_index_view v;

	begin(&r);
	v = name_index_look(r.index);
	CHECK(!v.began_ns && !v.names, "the operator sees that nothing is known");
	tell(&r, result_of(&r, "a.pdb/ c.pdb/", 3));
	for (int i = 0; i < 2; i++) {
		absent(&r, "b.pdb/1/x");
		absent(&r, "a.pdb/1/x");
	}
	v = name_index_look(r.index);
	CHECK_INT((long long)v.names, 2, "how many names are");
	CHECK_INT(v.pages, 3, "of how many pages");
	CHECK(v.began_ns == clock_mono_ns(), "since when");
	CHECK_INT(v.absent, 1, "and which requests that saved, each key once");
	CHECK_INT(v.listed, 3, "for how many");
	name_index_found(r.index, SLICE("b.pdb/1/x"));
	manual_settle(r.loop);
	v = name_index_look(r.index);
	CHECK_INT((long long)v.names, 2, "also when others have been found");
	end(&r);
}

/* "a b" of the names that are this one's in any case, and what was learnt of each. */
static void check_alike(struct rig *r, const char *name, const char *wanted, const char *why)
{
	struct listed_name alike[NAMES_ALIKE_MAX];
	size_t n = name_index_alike(r->index, slice_of(name), alike);
	struct buf text CLEANUP(buf_fini) = BUF_MAX(1024);

	for (size_t i = 0; i < n; i++) {
		buf_puts(&text, i ? " " : "");
		buf_add(&text, alike[i].folder);
		buf_add(&text, alike[i].name);
		if (alike[i].learnt)
			buf_printf(&text, "=%u", alike[i].learnt);
	}
	CHECK_STR(buf_str(&text), wanted, why);
}

static void test_alike(void)
{
	struct rig r;

	begin(&r);
	check_alike(&r, "foo.pdb", "", "before a listing nothing is known");
	tell(&r,
	     result_of(&r, "FOO.pdb/ Foo.PDB Foo.pdb/ a.pdb/ b.pdb c++rt.pdb/ fo/ foo.pdb/", 1));
	manual_advance(r.loop, 3600 * NS_PER_S);
	check_alike(&r, "a.pdb", "a.pdb", "a name that was listed is known, also after an hour");
	check_alike(&r, "A.PDB", "a.pdb", "in any case");
	check_alike(&r, "b.pdb", "", "a key is no folder");
	check_alike(&r, "z.pdb", "", "another name is not known");
	check_alike(&r, "foo.PDB", "foo.pdb FOO.pdb Foo.pdb",
		    "lower case goes first, the others in the order of their bytes");
	check_alike(&r, "C  RT.pdb", "c++rt.pdb", "a space may be a plus");
	name_index_learn(r.index, &(struct listed_name){.name = SLICE("FOO.pdb")}, 7);
	check_alike(&r, "foo.pdb", "foo.pdb FOO.pdb=7 Foo.pdb", "what is learnt is one spelling's");
	end(&r);
}

/* The one that is asked for is among them, however many there are. */
static void test_too_many_alike(void)
{
	struct rig r;

	begin(&r);
	tell(&r, result_of(&r, "ABC/ ABc/ AbC/ Abc/ XYZ/ aBC/ aBc/ abC/ abc/ def/", 1));
	check_alike(&r, "Abc", "abc ABC ABc AbC Abc aBC aBc abC", "eight of them");
	end(&r);
}

static void test_epoch(void)
{
	struct rig r;
	struct listing_result told;

	begin(&r);
	told = result_of(&r, "a.pdb/", 1);
	tell(&r, told);
	r.store.epoch++;
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "other credentials may see other names");
	end(&r);
}

static void test_epoch_at_first(void)
{
	struct rig r;
	struct listing_result told;
	int64_t before = metric_get(index_listings_failed);

	begin(&r);
	told = result_of(&r, "a.pdb/", 1);
	r.store.epoch++;
	listing.done(listing.ud, &told, NULL);
	while (metric_get(index_listings_failed) == before)
		manual_turn(r.loop, 60000);
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "nor do those that came while it was listed count");
	manual_advance(r.loop, NS_PER_S);
	miss(&r, "", 1);
	CHECK_INT(listing.started, 2, "so that it is listed once more");
	CHECK_INT(listing.max_pages, 20, "which is given again");
	tell(&r, result_of(&r, "a.pdb/", 1));
	CHECK(absent(&r, "b.pdb/1/x") > 0, "and then believed");
	end(&r);
}

static void test_down_at_first(void)
{
	struct rig r;

	begin(&r);
	fail(&r, ERR_NET, 0);
	manual_advance(r.loop, 60 * NS_PER_S);
	CHECK_INT(listing.started, 1, "a store that is down at the start is not listed by a clock");
	miss(&r, "", 1);
	CHECK_INT(listing.started, 2, "but with the first miss that it tells later");
	end(&r);
}

static void test_found(void)
{
	struct rig r;

	begin(&r);
	tell(&r, result_of(&r, "a.pdb/", 1));
	name_index_found(r.index, SLICE("a.pdb/1/a.pdb"));
	CHECK(absent(&r, "b.pdb/1/x") > 0, "what is found below a name that was listed is no news");
	name_index_found(r.index, SLICE("z.pdb/1/z.pdb"));
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "below another it refutes the listing");
	check_alike(&r, "A.pdb", "a.pdb", "which goes on telling how names are spelled");
	end(&r);
}

/* What came after the listing has passed its name is not in it. */
static void test_found_meanwhile(void)
{
	struct rig r;

	begin(&r);
	name_index_found(r.index, SLICE("new.pdb/1/new.pdb"));
	tell(&r, result_of(&r, "a.pdb/ fo/", 1));
	CHECK_INT(absent(&r, "new.pdb/1/x"), 0, "what was found while it was listed is there");
	CHECK(absent(&r, "b.pdb/1/x") > 0, "other names are not");
	name_index_found(r.index, SLICE("new.pdb/1/new.pdb"));
	CHECK(absent(&r, "b.pdb/1/x") > 0, "to find it once more refutes nothing");
	purge(&r, "told.pdb/");
	name_index_found(r.index, SLICE("told.pdb/1/told.pdb"));
	CHECK(absent(&r, "b.pdb/1/x") > 0, "nor does a file that we were told of");
	end(&r);
}

/* Who publishes tells of names, and of no others. */
static void test_arrived(void)
{
	struct rig r;
	char key[40];

	begin(&r);
	name_index_arrived(r.index, SLICE("early.pdb/1/early.pdb"));
	tell(&r, result_of(&r, "a.pdb/ fo/", 1));
	CHECK_INT(absent(&r, "EARLY.pdb/1/x"), 0,
		  "a name that came while it was listed, in any case");
	CHECK(absent(&r, "b.pdb/1/x") > 0, "others are absent");
	name_index_arrived(r.index, SLICE("b.pdb/1/b.pdb"));
	name_index_arrived(r.index, SLICE("a.pdb/2/a.pdb"));
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "a name that came since");
	CHECK(absent(&r, "c.pdb/1/x") > 0, "and no other");
	for (int i = 0; i < 16384; i++) {
		snprintf(key, sizeof(key), "n%d.pdb/1/x", i);
		name_index_arrived(r.index, slice_of(key));
	}
	CHECK_INT(absent(&r, "c.pdb/1/x"), 0,
		  "more than there is room for: none is absent any more");
	CHECK_INT(absent(&r, "n16383.pdb/1/x"), 0, "least of all the last");
	end(&r);
}

/* ---- when it lists ---- */

static void test_payment(void)
{
	struct rig r;
	char key[40];

	begin(&r);
	tell(&r, result_of(&r, "a.pdb/", 2)); /* for 10 s */
	miss(&r, "", 4 * PRICE);
	CHECK_INT(listing.started, 2, "what was missing pays for the next listing");
	CHECK_INT(listing.max_pages, 0, "as long as it takes");
	CHECK_INT((long long)listing.max_names, NAMES_MAX,
		  "its own names make room for themselves");
	tell(&r, result_of(&r, "a.pdb/", 2));

	for (int i = 0; i < 100; i++)
		(void)absent(&r, "same.pdb/1/x");
	miss(&r, "a.pdb/", 100);
	manual_advance(r.loop, 6 * NS_PER_S);
	CHECK(absent(&r, "same.pdb/1/x") > 0, "half of the time is over");
	CHECK_INT(listing.started, 2, "one key asked for again, and known names, pay for nothing");
	for (int i = 0; i < 2 * PRICE - 1; i++) {
		snprintf(key, sizeof(key), "other%d.pdb/1/x", i);
		(void)absent(&r, key);
	}
	CHECK_INT(listing.started, 2, "nor do too few");
	(void)absent(&r, "last.pdb/1/x");
	CHECK_INT(listing.started, 3, "as many as it costs do: 12.5 for each page");
	CHECK(absent(&r, "b.pdb/1/x") > 0, "the edition of before counts meanwhile");
	tell(&r, result_of(&r, "b.pdb/", 1));
	CHECK_INT(absent(&r, "b.pdb/1/x"), 0, "and then the new one");

	manual_advance(r.loop, 3600 * NS_PER_S);
	CHECK_INT(listing.started, 3, "who is not asked lists nothing");
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "late%d.pdb/1/x", i);
		(void)absent(&r, key);
	}
	CHECK_INT(listing.started, 3,
		  "a lapsed edition tells nothing, and is paid by what is missing");
	miss(&r, "", PRICE);
	CHECK_INT(listing.started, 4, "in the store");
	end(&r);
	CHECK_INT(listing.cancelled, 1, "at the end a listing is given up");
}

static void test_failures(void)
{
	static const struct {
		enum err code;
		int64_t pause_ns;
		const char *why;
	} failures[] = {
		{ERR_UPSTREAM, 60 * NS_PER_S, "after a failure it waits for a minute"},
		{ERR_CORRUPT, 60 * NS_PER_S, "after a listing that is none as well"},
		{ERR_DENIED, 3600 * NS_PER_S, "for an hour when it may not list"},
		{ERR_LIMIT, DAY_NS, "for a day when there are too many names"},
	};

	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		struct rig r;

		begin(&r);
		tell(&r, result_of(&r, "a.pdb/", 20));
		miss(&r, "", 20 * PRICE + 20);
		ASSERT(listing.started == 2);
		fail(&r, failures[i].code, 1);
		CHECK(absent(&r, "b.pdb/1/x") > 0, "a listing that failed takes nothing away");
		manual_advance(r.loop, failures[i].pause_ns - 1);
		miss(&r, "", 21 * PRICE);
		CHECK_INT(listing.started, 2, failures[i].why);
		manual_advance(r.loop, 1);
		miss(&r, "", 21 * PRICE);
		CHECK_INT(listing.started, 3, "and then lists again");
		end(&r);
	}
}

/* Each time the pause is twice as long, an hour at last. */
static void test_failing_on(void)
{
	struct rig r;
	int64_t pause_ns = 60 * NS_PER_S;
	int started = 1;

	begin(&r);
	for (int i = 0; i < 9; i++) {
		fail(&r, ERR_UPSTREAM, 0);
		manual_advance(r.loop, pause_ns - 1);
		miss(&r, "", 1);
		CHECK_INT(listing.started, started, "a listing that goes on failing is left alone");
		manual_advance(r.loop, 1);
		miss(&r, "", 1);
		CHECK_INT(listing.started, ++started, "and then tried again");
		pause_ns = MIN(2 * pause_ns, 3600 * NS_PER_S);
	}
	end(&r);
}

/* Keys are told apart by a set of bits: a price beyond it could never be paid. */
static void test_greatest_price(void)
{
	struct rig r;

	begin(&r);
	tell(&r, result_of(&r, "a.pdb/", 100000));
	for (int i = 0; i < 100 && listing.started == 1; i++)
		miss(&r, "", 1000);
	CHECK_INT(listing.started, 2, "the longest listing can be paid");
	end(&r);
}

static void test_long_at_first(void)
{
	struct rig r;

	begin(&r);
	fail(&r, ERR_LIMIT, 20);
	CHECK_INT(listing.started, 1, "a first listing that is long is not given");
	miss(&r, "", 20 * PRICE);
	CHECK_INT(listing.started, 1, "for too little");
	miss(&r, "", 10);
	CHECK_INT(listing.started, 2, "it has to be paid, by what is known of its length");
	CHECK_INT(listing.max_pages, 0, "and goes on to its end then");
	end(&r);
}

/* ---- two tiers ---- */

static void test_tiers(void)
{
	struct rig r;

	begin(&r);
	tell(&r, result_of(&r, "fo/ index2.txt", 1));
	CHECK_INT(absent(&r, "fo/foo.pdb/1/foo.pdb"), 0,
		  "of a folder that was not listed nothing is known");
	CHECK(absent(&r, "ba/bar.pdb/1/bar.pdb") > 0, "but that there is no other one");
	miss(&r, "fo/", 2 * PRICE);
	CHECK_INT(listing.started, 1, "keys of other folders pay for nothing");
	for (int i = 0; i < PRICE; i++) {
		char key[60];

		snprintf(key, sizeof(key), "fo/fox%d.pdb/1/fox.pdb", i);
		name_index_missed(r.index, slice_of(key));
	}
	manual_settle(r.loop);
	CHECK_INT(listing.started, 2, "those that are missing there do");
	CHECK_STR(listing.folder, "fo/", "for a listing of that folder");
	tell(&r, result_of(&r, "foo.pdb/", 1));
	CHECK_INT(absent(&r, "fo/foo.pdb/1/foo.pdb"), 0, "a name that it has");
	CHECK(absent(&r, "fo/fox.pdb/1/fox.pdb") > 0, "one that it has not");
	CHECK_INT(absent(&r, "fo/.pepto.pdb/1/x"), 0, "nor is what is ours missing there");
	purge(&r, "fo/");
	CHECK_INT(absent(&r, "fo/fox.pdb/1/fox.pdb"), 0, "any purge makes a folder unknown");
	end(&r);
}

/* ---- in their order ---- */

/* From there on, so many looks at a time, each walk where the one before has ended. */
static void check_walk(struct rig *r, const char *from, size_t looks, const char *pass,
		       const char *wanted, const char *why)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(1024), at CLEANUP(buf_fini) = BUF_MAX(1024);
	struct listed_name name;
	struct name_walk w = {.more = true};

	buf_puts(&at, from);
	while (w.more && name_walk_begin(&w, r->index, buf_slice(&at), looks)) {
		while (name_walk_next(&w, &name)) {
			buf_puts(&text, text.n ? " " : "");
			buf_add(&text, name.folder);
			buf_add(&text, name.name);
			if (pass)
				name_walk_pass(&w, slice_of(pass));
		}
		buf_clear(&at);
		if (w.more)
			name_walk_where(&w, &at);
	}
	CHECK_STR(buf_str(&text), wanted, why);
}

static void test_walk(void)
{
	static const char *const all = "FOO.pdb a+b.pdb fo foo.pdb foo z.pdb";
	struct name_walk w;
	struct rig r;

	begin(&r);
	CHECK(!name_walk_begin(&w, r.index, SLICE(""), 9), "before a listing there are none");
	tell(&r, result_of(&r, "FOO.pdb/ a+b.pdb/ fo/ foo.pdb foo.pdb/ foo/ z.pdb/", 1));
	for (size_t looks = 1; looks < 9; looks++)
		check_walk(&r, "", looks, NULL, all,
			   "each folder once, by its bytes, however few at a time");
	check_walk(&r, "foo.pdb/", 9, NULL, "foo.pdb foo z.pdb", "from one that is there");
	check_walk(&r, "b", 9, NULL, "fo foo.pdb foo z.pdb", "from one that is not");
	check_walk(&r, "fo/x/", 9, NULL, "fo foo.pdb foo z.pdb", "what is none of two tiers");
	check_walk(&r, "zz", 9, NULL, "", "from behind the last");
	check_walk(&r, "", 99, "foo.", all, "two tiers are not ruled out: nothing is passed over");
	r.store.tier = TIER_ONE;
	check_walk(&r, "", 99, "foo.", "FOO.pdb foo.pdb foo z.pdb", "but of one tier");
	end(&r);
}

static void list_folder(struct rig *r, const char *folder, const char *names)
{
	char key[60];

	for (int i = 0; i < PRICE; i++) {
		snprintf(key, sizeof(key), "%s%.2sx%d.pdb/1/x.pdb", folder, folder, i);
		name_index_missed(r->index, slice_of(key));
	}
	manual_settle(r->loop);
	ASSERT(strcmp(listing.folder, folder) == 0);
	tell(r, result_of(r, names, 1));
}

static void test_walk_of_two_tiers(void)
{
	struct name_walk w;
	struct rig r;
	struct listed_name name;

	begin(&r);
	r.store.tier = TIER_TWO;
	tell(&r, result_of(&r, "ba/ em/ fo/ foo.pdb/ zz/", 1));
	list_folder(&r, "ba/", "bar.pdb/ bat.pdb/ bax.txt");
	list_folder(&r, "em/", "");
	list_folder(&r, "fo/", "foo.pdb/ fox.pdb/");
	for (size_t looks = 1; looks < 12; looks++)
		check_walk(&r, "", looks, NULL,
			   "ba/bar.pdb ba/bat.pdb fo/foo.pdb fo/fox.pdb foo.pdb",
			   "each where its folder stands");
	check_walk(&r, "ba/bat.pdb/", 99, NULL, "ba/bat.pdb fo/foo.pdb fo/fox.pdb foo.pdb",
		   "from within one");
	check_walk(&r, "ba/z", 99, NULL, "fo/foo.pdb fo/fox.pdb foo.pdb", "from its end");
	check_walk(&r, "em/a", 99, NULL, "fo/foo.pdb fo/fox.pdb foo.pdb", "from one that is empty");
	check_walk(&r, "", 99, "fow", "ba/bar.pdb fo/foo.pdb fo/fox.pdb foo.pdb",
		   "what is passed over is so in its folder alone");
	ASSERT(name_walk_begin(&w, r.index, SLICE(""), 99));
	ASSERT(name_walk_next(&w, &name));
	CHECK(w.whole, "all folders are known so far");
	while (name_walk_next(&w, &name))
		;
	CHECK(!w.whole, "but not the last");
	end(&r);
}

/* ---- readers ---- */

static atomic_int wrong, looks;

struct reader {
	struct loop *loop;
	struct loop_task task;
	struct rig *rig;
};

static void read_names(struct loop_task *task)
{
	struct reader *r = CONTAINER_OF(task, struct reader, task);
	struct name_index *x = r->rig->index;
	struct listed_name name;
	struct name_walk w;

	for (int i = 0; i < 100; i++) {
		wrong += name_index_absent_ns(x, SLICE("a.pdb/1/a.pdb"), clock_mono_ns()) > 0;
		(void)name_index_absent_ns(x, SLICE("b.pdb/1/b.pdb"), clock_mono_ns());
		wrong += name_walk_begin(&w, x, SLICE("b"), 9) &&
			 !(name_walk_next(&w, &name) && slice_eq(name.name, SLICE("c.pdb")));
	}
	looks++;
	if (!r->rig->stop)
		loop_post(r->loop, &r->task);
}

struct swapper {
	struct loop_task task;
	struct rig *rig;
	int swaps, listed;
	pthread_mutex_t mu;
	pthread_cond_t changed;
	bool done; /* under mu */
};

/* Refuted, and listed again, turn by turn. */
static void swap(struct loop_task *task)
{
	struct swapper *s = CONTAINER_OF(task, struct swapper, task);
	static int serial;
	char key[60];

	if (listing.started > s->listed) {
		struct listing_result told = result_of(s->rig, "a.pdb/ c.pdb/", 1);

		s->listed = listing.started;
		listing.done(listing.ud, &told, NULL);
		s->swaps++;
	} else {
		name_index_found(s->rig->index, SLICE("d.pdb/1/d.pdb"));
		for (int i = 0; i < PRICE; i++) {
			snprintf(key, sizeof(key), "new%d.pdb/1/x", serial++);
			name_index_missed(s->rig->index, slice_of(key));
		}
	}
	if (s->swaps < SWAPS) {
		loop_post(s->rig->loop, &s->task);
		return;
	}
	LOCK_SCOPE(&s->mu);
	s->done = true;
	pthread_cond_signal(&s->changed);
}

static void wait_until_done(struct swapper *s)
{
	LOCK_SCOPE(&s->mu);

	while (!s->done)
		pthread_cond_wait(&s->changed, &s->mu);
}

static void test_readers(void)
{
	struct rig rig;
	struct reader r[READERS];
	struct swapper s = {.task.run = swap,
			    .rig = &rig,
			    .mu = PTHREAD_MUTEX_INITIALIZER,
			    .changed = PTHREAD_COND_INITIALIZER};
	struct loop *loop;

	ASSERT(loop_new(&loop, NULL) == OK);
	rig_init(&rig, loop, 60 * NS_PER_S);
	for (int i = 0; i < READERS; i++) {
		r[i] = (struct reader){.task.run = read_names, .rig = &rig};
		ASSERT(loop_new(&r[i].loop, NULL) == OK);
		quiet_add(rig.quiet, r[i].loop);
		ASSERT(loop_start(r[i].loop, "reader", NULL) == OK);
		loop_post(r[i].loop, &r[i].task);
	}
	ASSERT(loop_start(loop, "owner", NULL) == OK);
	loop_post(loop, &s.task);
	wait_until_done(&s);
	rig.stop = true;
	for (int i = 0; i < READERS; i++) {
		loop_stop(r[i].loop);
		quiet_remove(rig.quiet, r[i].loop);
		loop_free(r[i].loop);
	}
	ASSERT(pool_stop(rig.pool, 60 * NS_PER_S));
	loop_stop(loop);
	rig_fini(&rig);
	CHECK_INT(wrong, 0, "a name that all editions have is never taken for missing");
	CHECK(looks > READERS, "they have looked again and again");
}

int main(void)
{
	test_keys();
	test_times();
	test_wall_clock();
	test_purges();
	test_names_left();
	test_view();
	test_alike();
	test_too_many_alike();
	test_epoch();
	test_epoch_at_first();
	test_down_at_first();
	test_found();
	test_found_meanwhile();
	test_arrived();
	test_payment();
	test_failures();
	test_failing_on();
	test_greatest_price();
	test_long_at_first();
	test_tiers();
	test_walk();
	test_walk_of_two_tiers();
	test_readers();
	return tap_done();
}
