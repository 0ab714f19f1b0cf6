// SPDX-License-Identifier: MIT
/*
 * Remembered misses: by a frozen clock in one thread, then readers against the writer. A bucket is
 * filled by a table of five entries, which has no other.
 */
#include "base/clock.h"
#include "cache/negative.h"

#include "tap.h"
#include <stdatomic.h>

#define START (1000 * NS_PER_S)
#define TTL   (60 * NS_PER_S)
#define TICK  (NS_PER_S / 8)
#define ERA   (TICK << 31)

static const struct miss_id a = {0x1111, 0xa}, b = {0x1111, 0xb};

static struct miss_id nth(uint64_t i)
{
	return (struct miss_id){i * UINT64_C(0x9e3779b97f4a7c15), i + 1};
}

/* The clock stands at START afterwards. */
static struct negative *make(size_t max_entries, int64_t ttl_ns)
{
	struct negative *n;

	clock_freeze_mono_ns(START);
	ASSERT(negative_new(max_entries, ttl_ns, 0, &n, NULL) == OK);
	return n;
}

static void add(struct negative *n, struct miss_id id, int64_t ttl_ns)
{
	negative_add(n, id, ttl_ns, false);
}

static bool knows_at(const struct negative *n, struct miss_id id, int64_t now_ns)
{
	return negative_find(n, id, now_ns).answers_ns > 0;
}

static bool knows(const struct negative *n, struct miss_id id)
{
	return knows_at(n, id, clock_mono_ns());
}

static void test_basics(void)
{
	struct negative *n = make(1000, TTL);

	CHECK(!knows(n, a), "an empty table knows nothing");
	CHECK(!knows(n, (struct miss_id){0, 0}), "not even the id that is all zeros");
	add(n, a, TTL);
	CHECK(knows(n, a), "what was added is known");
	CHECK(!knows(n, b), "its neighbour in the bucket is not");
	CHECK(!knows(n, (struct miss_id){UINT64_MAX, a.lo}), "nor the same tag elsewhere");
	add(n, (struct miss_id){0, 0}, TTL);
	add(n, (struct miss_id){UINT64_MAX, UINT64_MAX}, TTL);
	CHECK(knows(n, (struct miss_id){0, 0}), "all zeros, in the first bucket");
	CHECK(knows(n, (struct miss_id){UINT64_MAX, UINT64_MAX}), "all ones, in the last");
	CHECK_INT(negative_count(n, START), 3, "the count");
	add(n, a, TTL);
	CHECK_INT(negative_count(n, START), 3, "what is added twice counts once");
	negative_remove(n, a);
	negative_remove(n, b);
	CHECK(!knows(n, a), "what was removed is not known");
	CHECK_INT(negative_count(n, START), 2, "nor counted");
	add(n, a, TTL);
	CHECK(knows(n, a), "until it is added again");
	negative_free(n);
	negative_free(NULL);
}

static const struct {
	const char *name;
	int64_t table_ttl, ttl, at;
	bool known;
} lives[] = {
	{"until just before its end", TTL, TTL, TTL - 1, true},
	{"not from its end on", TTL, TTL, TTL, false},
	{"nor ever after", TTL, TTL, 10 * TTL, false},
	{"nor an era later", TTL, TTL, ERA, false},
	{"nor an era later, to the tick", TTL, TTL, ERA + TTL - TICK, false},
	{"no longer than the table allows", TTL, 2 * TTL, TTL, false},
	{"but as long", TTL, INT64_MAX, TTL - 1, true},
	{"shorter when asked", TTL, NS_PER_S, NS_PER_S - 1, true},
	{"and no longer than that", TTL, NS_PER_S, NS_PER_S, false},
	{"a tick", TTL, TICK, TICK - 1, true},
	{"and no more", TTL, TICK, TICK, false},
	{"ticks are rounded down", TTL, 2 * TICK - 1, TICK, false},
	{"less than a tick is nothing", TTL, TICK - 1, 0, false},
	{"no time is nothing", TTL, 0, 0, false},
	{"nor is less than none", TTL, -TTL, 0, false},
	{"a table without time knows nothing", 0, TTL, 0, false},
	{"a time before the table's is its first", TTL, TTL, -5, true},
	{"years", ERA, ERA / 2, ERA / 2 - 1, true},
	{"for ever is the end of the era", INT64_MAX, INT64_MAX, ERA - TICK - 1, true},
	{"at which everything ends", INT64_MAX, INT64_MAX, ERA, false},
};

static void test_lives(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
		struct negative *n = make(10, lives[i].table_ttl);

		add(n, a, lives[i].ttl);
		CHECK(knows_at(n, a, START + lives[i].at) == lives[i].known, lives[i].name);
		CHECK_INT(negative_count(n, START + lives[i].at), lives[i].known,
			  "and the count agrees");
		negative_free(n);
	}
}

/* The second age, in whole seconds of a table, of an entry, and at a time. */
static const struct {
	const char *name;
	int64_t table_ttl, proof, ttl;
	bool refused;
	int64_t at, answers, proves;
} ages[] = {
	{"a proven miss", 60, 3600, 60, false, 0, 60, 3600},
	{"is no answer after its life", 60, 3600, 60, false, 60, 0, 3540},
	{"but a proof for longer", 60, 3600, 60, false, 3599, -3539, 1},
	{"and not for ever", 60, 3600, 60, false, 3600, -3540, 0},
	{"one with a shorter life is a proof for so much less", 60, 3600, 2, false, 0, 2, 3542},
	{"a refusal proves no more than it answers", 60, 3600, 2, true, 0, 2, 2},
	{"and no longer", 60, 3600, 2, true, 2, 0, 0},
	{"a proof that is shorter than the life is as long", 60, 10, 60, false, 0, 60, 60},
	{"no life, but a proof", 0, 3600, 0, false, 0, 0, 3600},
	{"whatever life is wanted", 0, 3600, 60, false, 0, 0, 3600},
	{"a refusal without a life is nothing", 0, 3600, 2, true, 0, 0, 0},
	{"neither", 0, 0, 60, false, 0, 0, 0},
};

static void test_ages(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
		struct negative *n;
		struct miss miss;

		clock_freeze_mono_ns(START);
		ASSERT(negative_new(5, ages[i].table_ttl * NS_PER_S, ages[i].proof * NS_PER_S, &n,
				    NULL) == OK);
		negative_add(n, a, ages[i].ttl * NS_PER_S, ages[i].refused);
		miss = negative_find(n, a, START + ages[i].at * NS_PER_S);
		CHECK(miss.answers_ns == ages[i].answers * NS_PER_S &&
			      miss.proves_ns == ages[i].proves * NS_PER_S,
		      ages[i].name);
		CHECK(miss.refused == (ages[i].refused && ages[i].table_ttl > 0),
		      "a refusal says so");
		miss = negative_find(n, b, START);
		CHECK(!miss.answers_ns && !miss.proves_ns && !miss.refused, "and others nothing");
		negative_free(n);
	}
}

/* What is left is told to the nanosecond, and never more than there is. */
static void test_what_is_left(void)
{
	struct negative *n = make(5, TTL);
	bool exact = true;

	clock_freeze_mono_ns(START + TICK / 3);
	add(n, a, TTL);
	for (int64_t at = START + TICK / 3; at < START + TTL; at += TICK / 7)
		exact &= negative_find(n, a, at).answers_ns == START + TTL - at;
	CHECK(exact, "from the last tick on");
	CHECK(negative_find(n, a, START - 1).answers_ns == TTL,
	      "a time before the table's is its first");
	negative_free(n);
}

static void test_phase(void)
{
	bool kept = true, ended = true;

	for (int64_t at = START; at < START + 2 * TICK; at += TICK / 7) {
		struct negative *n = make(10, TTL);

		clock_freeze_mono_ns(at);
		add(n, a, TTL);
		kept &= knows_at(n, a, at + TTL - TICK);
		ended &= !knows_at(n, a, at + TTL);
		negative_free(n);
	}
	CHECK(kept, "between two ticks too an entry lives to the last one");
	CHECK(ended, "and never past its time");
}

static void test_renewal(void)
{
	struct negative *n = make(5, TTL);

	add(n, a, TTL);
	clock_freeze_mono_ns(START + TTL / 2);
	add(n, a, TTL);
	CHECK(knows_at(n, a, START + TTL), "added again, it lives anew");
	add(n, a, NS_PER_S);
	CHECK(!knows_at(n, a, START + TTL), "or shorter: the last word counts");
	negative_free(n);
}

/* Every 8.5 years of one process. */
static void test_eras(void)
{
	struct negative *n = make(5, TTL);
	bool old = false, new = true;

	clock_freeze_mono_ns(START + ERA - 2 * TICK);
	for (uint64_t i = 0; i < 5; i++)
		add(n, nth(i), TTL);
	CHECK(knows(n, nth(0)), "known at the end of an era");
	clock_freeze_mono_ns(START + ERA);
	for (uint64_t i = 0; i < 5; i++)
		old |= knows(n, nth(i));
	CHECK(!old, "forgotten at the beginning of the next");
	for (uint64_t i = 5; i < 10; i++)
		add(n, nth(i), TTL);
	for (uint64_t i = 5; i < 10; i++)
		new &= knows(n, nth(i));
	CHECK(new, "whose entries find room");
	CHECK(!knows_at(n, nth(5), START + 2 * ERA), "and end before the one after it");
	negative_free(n);
}

static void test_full_bucket(void)
{
	static const int64_t ttls[] = {50, 20, 40, 30, 60};
	struct negative *n = make(5, TTL);

	for (size_t i = 0; i < 5; i++)
		add(n, nth(i), ttls[i] * NS_PER_S);
	CHECK_INT(negative_count(n, START), 5, "five in a bucket");
	add(n, nth(5), 35 * NS_PER_S);
	CHECK(!knows(n, nth(1)) && knows(n, nth(5)), "the sixth takes the place of the shortest");
	add(n, nth(6), 10 * NS_PER_S);
	CHECK(!knows(n, nth(3)) && knows(n, nth(6)), "and so on");
	add(n, nth(2), 55 * NS_PER_S);
	CHECK(knows(n, nth(6)), "what is in there needs no other place");
	negative_remove(n, nth(0));
	add(n, nth(7), 35 * NS_PER_S);
	CHECK(knows(n, nth(6)) && knows(n, nth(7)), "a free place comes first");
	clock_freeze_mono_ns(START + 10 * NS_PER_S);
	add(n, nth(8), 1 * NS_PER_S);
	CHECK(knows(n, nth(8)) && knows(n, nth(2)) && knows(n, nth(4)) && knows(n, nth(5)) &&
		      knows(n, nth(7)),
	      "then what has expired");
	add(n, nth(9), TICK - 1);
	add(n, nth(9), -TTL);
	CHECK_INT(negative_count(n, clock_mono_ns()), 5, "nobody makes room for no time");
	negative_free(n);
}

static void test_bounds(void)
{
	static const struct {
		size_t max, room;
	} cases[] = {{0, 0}, {1, 5}, {5, 5}, {6, 10}, {1000, 1000}};
	struct negative *n;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		n = make(cases[i].max, TTL);
		for (uint64_t k = 0; k < 20000; k++)
			add(n, nth(k), TTL);
		CHECK_INT(negative_count(n, START), cases[i].room, "no more than there is room");
		CHECK(knows(n, nth(19999)) == (cases[i].room > 0), "the last one stays");
		negative_remove(n, nth(19999));
		negative_purge(n);
		negative_free(n);
	}
	CHECK_INT(negative_new(SIZE_MAX, TTL, 0, &n, &e), ERR_LIMIT, "more than can be counted");
	CHECK_INT(negative_new(SIZE_MAX >> 8, TTL, 0, &n, &e), ERR_NOMEM, "more than there is");
	CHECK(negative_new(SIZE_MAX, 0, 0, &n, &e) == OK, "any number for no time");
	negative_free(n);
}

static int64_t resident_bytes(void)
{
	char line[128] = "";
	FILE *f = fopen("/proc/self/statm", "re");
	struct slice rest, field;
	uint64_t pages = 0;

	ASSERT(f && fgets(line, sizeof(line), f));
	fclose(f);
	rest = slice_of(line);
	ASSERT(slice_next(&rest, ' ', &field) && slice_next(&rest, ' ', &field) &&
	       parse_u64(field, INT64_MAX, &pages));
	return (int64_t)pages * getpagesize();
}

static void test_memory(void)
{
	int64_t before = resident_bytes(), grown;
	struct negative *n = make(20000000, TTL);

	grown = resident_bytes() - before;
	CHECK(grown < 4 << 20, "a table for twenty million is touched when needed only");
	add(n, a, TTL);
	CHECK(knows(n, a), "and works");
	negative_free(n);
}

static void test_purge(void)
{
	struct negative *n = make(1000, TTL);
	size_t before;
	bool any = false;

	for (uint64_t i = 0; i < 500; i++)
		add(n, nth(i), TTL);
	before = negative_count(n, START);
	negative_purge(n);
	for (uint64_t i = 0; i < 500; i++)
		any |= knows(n, nth(i));
	CHECK(before > 400 && !any, "after a purge nothing is known");
	CHECK_INT(negative_count(n, START), 0, "nor counted");
	add(n, nth(1), TTL);
	CHECK(knows(n, nth(1)), "what is added after is");
	CHECK_INT(negative_count(n, START), 1, "and brings nobody back");
	negative_free(n);
}

static void test_ids(void)
{
	static const uint8_t one[32] = {1}, two[32] = {2};
	struct negative *n = make(1000, TTL), *other = make(1000, TTL);
	uint64_t seed = negative_seed(n, one);
	struct slice key = SLICE("ntdll.pdb/0123456789abcdef0123456789abcdef1/ntdll.pdb");
	struct miss_id id = miss_id_make(seed, key), again = miss_id_make(seed, key);
	struct miss_id head = miss_id_make(seed, slice_head(key, key.n - 1));
	struct miss_id elsewhere = miss_id_make(negative_seed(n, two), key);
	struct miss_id none = miss_id_make(seed, SLICE_NONE);

	CHECK(seed == negative_seed(n, one), "a store's seed stays the same");
	CHECK(seed != negative_seed(n, two), "another store has another");
	CHECK(seed != negative_seed(other, one), "and in another table");
	CHECK(id.hi == again.hi && id.lo == again.lo, "the same key, the same id");
	CHECK(id.hi != head.hi && id.lo != head.lo, "another key, another id");
	CHECK(id.hi != elsewhere.hi && id.lo != elsewhere.lo, "another store, another id");
	CHECK(none.hi != id.hi && none.lo != id.lo, "no key has one of its own");
	negative_free(n);
	negative_free(other);
}

/* ---- readers against the writer ---- */

#define ROUNDS  500000
#define READERS 4
#define PURGES  200000

struct race {
	struct negative *n;
	pthread_barrier_t start;
	atomic_bool over;
	atomic_int lost, wrong, reads;
	_Atomic uint64_t round;
};

/*
 * All in one bucket, seen from 30 s after they were added: long-lived ones are alive, short-lived
 * ones are dead. The bucket is full, so that they take turns in one slot. A reader that pairs the
 * tag of a short one with the expiry of the long one before or after it believes what nobody said.
 */
static const struct miss_id staying = {0, 1};

static struct miss_id long_lived(unsigned i)
{
	return (struct miss_id){0, 100 + i};
}

static struct miss_id short_lived(unsigned i)
{
	return (struct miss_id){0, 2 + i % 4};
}

static void *read_all(void *ud)
{
	struct race *r = ud;
	int64_t now = START + TTL / 2;

	pthread_barrier_wait(&r->start);
	for (unsigned i = 0; !atomic_load(&r->over); i++) {
		if (!knows_at(r->n, staying, now))
			atomic_fetch_add(&r->lost, 1);
		if (knows_at(r->n, short_lived(i), now))
			atomic_fetch_add(&r->wrong, 1);
		atomic_fetch_add(&r->reads, 1);
	}
	return NULL;
}

static void write_all(struct race *r)
{
	for (unsigned i = 0; i < ROUNDS || atomic_load(&r->reads) < READERS; i++) {
		add(r->n, short_lived(i), NS_PER_S);
		add(r->n, long_lived(i), TTL - NS_PER_S);
		add(r->n, staying, TTL);
	}
}

static void test_threads(void)
{
	struct race r = {.n = make(5, TTL)};
	pthread_t readers[READERS];

	ASSERT(pthread_barrier_init(&r.start, NULL, READERS + 1) == 0);
	add(r.n, staying, TTL);
	for (unsigned i = 0; i < 4; i++)
		add(r.n, long_lived(ROUNDS + i), TTL - NS_PER_S);
	for (size_t i = 0; i < READERS; i++)
		ASSERT(pthread_create(&readers[i], NULL, read_all, &r) == 0);
	pthread_barrier_wait(&r.start);
	write_all(&r);
	atomic_store(&r.over, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	CHECK_INT(atomic_load(&r.wrong), 0, "never a tag with the expiry of another");
	CHECK_INT(atomic_load(&r.lost), 0, "what stays is always known");
	pthread_barrier_destroy(&r.start);
	negative_free(r.n);
}

/* Round g adds nth(g) alone and ends by a purge: who knows of that must not find it any more. */
static void *read_purged(void *ud)
{
	struct race *r = ud;

	pthread_barrier_wait(&r->start);
	while (!atomic_load(&r->over)) {
		uint64_t round = atomic_load(&r->round);

		for (uint64_t back = 1; back <= MIN(round, 3); back++)
			if (knows_at(r->n, nth(round - back), START))
				atomic_fetch_add(&r->wrong, 1);
		atomic_fetch_add(&r->reads, 1);
	}
	return NULL;
}

static void test_purging_threads(void)
{
	struct race r = {.n = make(5, TTL)};
	pthread_t reader;

	ASSERT(pthread_barrier_init(&r.start, NULL, 2) == 0);
	ASSERT(pthread_create(&reader, NULL, read_purged, &r) == 0);
	pthread_barrier_wait(&r.start);
	for (uint64_t g = 0; g < PURGES || !atomic_load(&r.reads); g++) {
		add(r.n, nth(g), TTL);
		negative_purge(r.n);
		atomic_store(&r.round, g + 1);
	}
	atomic_store(&r.over, true);
	pthread_join(reader, NULL);
	CHECK_INT(atomic_load(&r.wrong), 0, "what was purged is not seen again");
	pthread_barrier_destroy(&r.start);
	negative_free(r.n);
}

int main(void)
{
	test_basics();
	test_lives();
	test_ages();
	test_what_is_left();
	test_phase();
	test_renewal();
	test_eras();
	test_full_bucket();
	test_bounds();
	test_memory();
	test_purge();
	test_ids();
	test_threads();
	test_purging_threads();
	return tap_done();
}
