// SPDX-License-Identifier: MIT
/*
 * Eviction on a real file system: what goes, in which order, what must stay whatever the limits
 * say, and that the thread does by itself what a pass does when it is called. The source is
 * included so that something can happen to a file between the walk and the removal, and so that it
 * is known when a walk rests.
 */
#include "cache/evict_priv.h"

#include <semaphore.h>

static sem_t rests; /* of a walk, that have begun */

static void announced_rest(struct evict *v, int64_t timeout_ns, bool wakeable)
{
	sem_post(&rests);
	evict_rest(v, timeout_ns, wakeable);
}

#define evict_rest announced_rest
#include "cache/evict_pass.c"
#undef evict_rest

#include "tap.h"
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#define NOW       INT64_C(1700000000)
#define FILE_SIZE 4096
#define NO_LIMIT  (INT64_C(1) << 60)

static char dir[] = "/tmp/pepto-evict-XXXXXX";
static int root = -1;
static int64_t each; /* bytes of the disk that one file takes */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return ftw->level ? remove(path) : 0;
}

/* An empty cache. */
static void begin(void)
{
	char path[PATH_LEN];

	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	ASSERT(mkdirat(root, DISK_OBJECTS, 0700) == 0);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(path, sizeof(path), DISK_OBJECTS "/%02x", i);
		ASSERT(mkdirat(root, path, 0700) == 0);
	}
}

/* Numbers that follow each other lie in directories that do not. */
static const char *object_path(unsigned n)
{
	static char path[PATH_LEN];
	char name[OBJECT_NAME_LEN];

	object_name(&(struct object_id){{(uint8_t)(n * 37), [13] = (uint8_t)(n >> 16),
					 (uint8_t)(n >> 8), (uint8_t)n}},
		    name);
	snprintf(path, sizeof(path), DISK_OBJECTS "/%s", name);
	return path;
}

static void write_file(const char *path, bool magic)
{
	int fd CLEANUP(close_p) = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	static const struct object_meta meta;
	uint8_t content[FILE_SIZE] = {0};

	if (magic)
		object_header_write(&meta, content);
	ASSERT(write(fd, content, sizeof(content)) == sizeof(content));
}

static void use(const char *path, int64_t at_s)
{
	const struct timespec times[] = {{.tv_sec = at_s}, {.tv_nsec = UTIME_OMIT}};

	ASSERT(utimensat(root, path, times, AT_SYMLINK_NOFOLLOW) == 0);
}

static void put(unsigned n, int64_t used_s)
{
	write_file(object_path(n), true);
	use(object_path(n), used_s);
}

/* Objects 0..n-1, the higher the later used. */
static void put_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put(i, NOW - n + i);
}

static bool exists(const char *path)
{
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int64_t used_s(const char *path)
{
	struct stat st;

	ASSERT(fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st.st_atim.tv_sec;
}

/* How many of 0..n-1 are left, if it is the last ones; else -1. */
static int left_of(unsigned n)
{
	unsigned first = 0;

	while (first < n && !exists(object_path(first)))
		first++;
	for (unsigned i = first; i < n; i++)
		if (!exists(object_path(i)))
			return -1;
	return (int)(n - first);
}

static struct evict *new_evict(int64_t max_bytes, int64_t min_free)
{
	return evict_new(root, &(struct evict_limits){max_bytes, min_free});
}

/* One pass with these limits; whether the cache is within them. */
static bool pass(int64_t max_bytes, int64_t min_free)
{
	struct evict *v = new_evict(max_bytes, min_free);
	bool within = evict_pass(v);

	evict_free(v);
	return within;
}

static void test_cap(void)
{
	begin();
	put_many(40);
	CHECK(pass(NO_LIMIT, 0) && left_of(40) == 40, "no limit");
	CHECK(pass(40 * each, 0) && left_of(40) == 40, "just full");
	CHECK(pass(40 * each - 1, 0), "one byte too much");
	CHECK_INT(left_of(40), 38, "95 % of the cap are left, the last used");
	CHECK(pass(20 * each, 0) && left_of(40) == 19, "a smaller cap");
	CHECK(pass(0, 0) && left_of(40) == 0, "no room at all");
	CHECK(pass(0, 0), "nothing there, nothing too much");
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	CHECK(pass(0, 0), "not even directories");
}

static void test_stats(void)
{
	int64_t objects = metric_get(cache_objects), evicted = metric_get(evicted_bytes);
	struct evict_stats s;
	struct evict *v;

	begin();
	put_many(40);
	v = new_evict(20 * each, 0);
	s = evict_stats(v);
	CHECK(!s.walked && s.bytes == 0 && s.max_bytes == 20 * each, "before the first walk");
	evict_added(v, 100 * each);
	CHECK_INT(evict_need(v), 0, "the cap is not in force");
	CHECK(evict_pass(v), "pass");
	s = evict_stats(v);
	CHECK(s.walked && s.bytes == 19 * each && s.objects == 19, "what is left");
	CHECK(s.evicted_objects == 21 && s.evicted_bytes == 21 * each, "what has gone");
	CHECK_INT(metric_get(cache_objects) - objects, 19, "the gauge says the same");
	CHECK_INT(metric_get(evicted_bytes) - evicted, 21 * each, "as does the counter");
	evict_added(v, 5);
	evict_removed(v, each);
	s = evict_stats(v);
	CHECK(s.bytes == 18 * each + 5 && s.objects == 19, "added and removed");
	CHECK(evict_pass(v), "another pass");
	CHECK_INT(evict_stats(v).bytes, 19 * each, "believes the file system");
	evict_removed(v, NO_LIMIT);
	CHECK_INT(evict_stats(v).bytes, 0, "never less than nothing");
	evict_free(v);
	CHECK_INT(metric_get(cache_objects), objects, "the gauge ends with it");
}

/* What is added while a walk runs is not lost with its result. */
static void test_added_in_walk(void)
{
	struct evict *v;
	struct walk w;

	begin();
	put_many(3);
	v = new_evict(NO_LIMIT, 0);
	evict_added(v, 100);
	w = (struct walk){.evict = v};
	oldest_init(&w.oldest, 10);
	for (unsigned n = 0; n < 256; n++)
		visit_dir(&w, n);
	CHECK_INT(w.objects, 3, "the walk alone");
	recount(&v->bytes, w.bytes, atomic_load(&v->bytes.changed));
	CHECK_INT(evict_stats(v).bytes, 3 * each, "what was before the walk is in it");
	evict_added(v, 7);
	CHECK_INT(evict_stats(v).bytes, 3 * each + 7, "what comes later is added");
	oldest_fini(&w.oldest);
	evict_free(v);
}

static void test_expect(void)
{
	struct evict *v;

	begin();
	put_many(10);
	v = new_evict(20 * each, 0);
	CHECK(evict_pass(v) && evict_need(v) == 0, "half full");
	evict_arriving(v, 10 * each);
	CHECK_INT(evict_need(v), 0, "just room for the other half");
	evict_arriving(v, 1);
	CHECK_INT(evict_need(v), 1 + each, "not for a byte more");
	evict_arriving_end(v, 1);
	CHECK_INT(evict_need(v), 0, "which has not come");
	evict_arriving(v, each);
	CHECK(evict_pass(v) && left_of(10) == 8, "room is made before it comes");
	evict_arriving(v, NO_LIMIT);
	CHECK(evict_pass(v) && left_of(10) == 0, "more than fits is not expected");
	evict_free(v);
}

/* What wakes the thread, which is not there. */
static void test_wake(void)
{
	struct evict *v;

	begin();
	v = new_evict(NO_LIMIT, 0);
	evict_added(v, (16 << 20) - 1);
	CHECK(!atomic_load(&v->woken), "much has been written");
	evict_arriving(v, 1);
	CHECK(atomic_load(&v->woken), "so much that a look at the floor is due");
	evict_free(v);

	v = new_evict(100, 0);
	evict_added(v, 101);
	CHECK(!atomic_load(&v->woken), "the cap is not in force before the first walk");
	CHECK(evict_pass(v), "pass");
	evict_added(v, 100);
	CHECK(!atomic_load(&v->woken), "full");
	evict_added(v, 1);
	CHECK(atomic_exchange(&v->woken, false), "too full");
	evict_removed(v, 1);
	CHECK(!atomic_load(&v->woken), "what is removed wakes nobody");
	evict_arriving(v, 1);
	CHECK(atomic_load(&v->woken), "too full soon");
	evict_free(v);
}

static void test_fits(void)
{
	struct evict *v = new_evict(100000, 0);

	CHECK(evict_fits(v, 0) && evict_fits(v, 100000 - OBJECT_HEADER_SIZE), "up to the cap");
	CHECK(!evict_fits(v, 100001 - OBJECT_HEADER_SIZE) && !evict_fits(v, INT64_MAX), "beyond");
	evict_free(v);
	v = new_evict(0, 0);
	CHECK(!evict_fits(v, 0), "a cache without room");
	evict_free(v);
	v = new_evict(-1, 0);
	CHECK(evict_fits(v, 1 << 20) && !evict_fits(v, (INT64_C(10) << 30)),
	      "not to be known yet, but never above 10 GiB");
	evict_free(v);
}

/* One fill's promise is not had twice, neither of the cap nor of the disk. */
static void test_promises(void)
{
	struct evict *v = new_evict(100000 + OBJECT_HEADER_SIZE, 0);

	CHECK(evict_promise(v, 60000) && !evict_promise(v, 40001), "together beyond the cap");
	CHECK(evict_promise(v, 40000) && !evict_promise(v, 1), "just within");
	evict_promise_end(v, 40000, 0);
	CHECK(evict_promise(v, 1), "what is over makes room");
	evict_promise_end(v, 1, 0);
	evict_promise_kept(v, 100);
	evict_promise_end(v, 60000, 100);
	CHECK(atomic_load(&v->promised) == 0 && atomic_load(&v->owed) == 0, "nothing is left");
	CHECK(!evict_promise(v, INT64_MAX) && !evict_promise(v, INT64_MAX), "absurd ones");
	evict_free(v);

	v = new_evict(NO_LIMIT / 2, 1000);
	atomic_store(&v->free_seen, 11000);
	CHECK(evict_promise(v, 6000) && !evict_promise(v, 4001),
	      "beyond what is free above the floor");
	evict_promise_kept(v, 5000);
	CHECK(evict_promise(v, 4001), "what has come is seen as free no more at the next look");
	evict_added(v, 2000);
	CHECK(evict_promise(v, 4999) && !evict_promise(v, 1), "what can be evicted counts");
	evict_promise_end(v, 4999, 0);
	evict_arriving(v, 3000);
	CHECK(!evict_promise(v, 2000), "what was written since the look does not");
	atomic_store(&v->free_seen, INT64_MAX);
	CHECK(evict_promise(v, 1 << 30), "a file system that does not say");
	evict_free(v);
}

/* Somebody has found no space: some is made, and nothing begins meanwhile. */
static void test_full(void)
{
	struct evict *v;

	begin();
	put_many(10);
	v = new_evict(NO_LIMIT, 0);
	CHECK(evict_need(v) == 0 && evict_promise(v, 1), "room enough, it seems");
	evict_full(v);
	CHECK(atomic_load(&v->woken) && evict_need(v) > 0 && !evict_promise(v, 1), "full");
	evict_free(v);
}

static void test_used_since(void)
{
	struct evict *v;
	struct walk w;

	begin();
	put_many(4);
	v = new_evict(0, 0);
	w = (struct walk){.evict = v};
	oldest_init(&w.oldest, 10);
	CHECK(walk(&w), "walk");
	use(object_path(0), NOW);
	unlinkat(root, object_path(1), 0);
	CHECK_INT(trim(&w, 2 * each), 2 * each, "room for two");
	CHECK(exists(object_path(0)), "the oldest has been used since, and stays");
	CHECK(!exists(object_path(2)), "another one goes instead");
	CHECK(exists(object_path(3)), "what somebody else removed counts as well");
	CHECK_INT(evict_stats(v).evicted_objects, 1, "but not as ours");
	oldest_fini(&w.oldest);
	evict_free(v);
}

/* All of them older than any object, and in the way of a cap of nothing. */
static void test_foreign(void)
{
	static const char *const names[] = {
		DISK_OBJECTS "/ab/00000000000000000000000000000a", /* no magic */
		DISK_OBJECTS "/ab/0000000000000000000000000000ab0",
		DISK_OBJECTS "/ab/0000000000000000000000000000a",
		DISK_OBJECTS "/ab/0000000000000000000000000000AB",
		DISK_OBJECTS "/ab/0000000000000000000000000000xy",
		DISK_OBJECTS "/ab/readme",
		DISK_OBJECTS "/AB",
		DISK_OBJECTS "/000000000000000000000000000000",
		"000000000000000000000000000000",
		"mine",
	};
	static const char link[] = DISK_OBJECTS "/cd/00000000000000000000000000000b";
	static const char fifo[] = DISK_OBJECTS "/cd/00000000000000000000000000000c";
	static const char folder[] = DISK_OBJECTS "/cd/00000000000000000000000000000d";
	static const char empty_file[] = DISK_OBJECTS "/cd/00000000000000000000000000000e";
	struct evict *v;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		write_file(names[i], i > 0);
		use(names[i], 1);
	}
	ASSERT(symlinkat("../../mine", root, link) == 0 && mkfifoat(root, fifo, 0600) == 0 &&
	       mkdirat(root, folder, 0700) == 0);
	close(openat(root, empty_file, O_CREAT | O_WRONLY, 0600));
	put_many(3);
	v = new_evict(0, 0);
	CHECK(!evict_pass(v), "there is no room, and none can be made");
	CHECK_INT(evict_stats(v).objects, 2,
		  "a file named as an object counts as one, and no link");
	evict_free(v);
	CHECK_INT(left_of(3), 0, "objects have gone");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		CHECK(exists(names[i]), names[i]);
	CHECK(exists(link) && exists(fifo) && exists(folder) && exists(empty_file),
	      "no other kind of file has");
}

static void test_open_file(void)
{
	uint8_t header[OBJECT_HEADER_SIZE];
	int fd CLEANUP(close_p) = -1;

	begin();
	put(1, NOW);
	fd = openat(root, object_path(1), O_RDONLY);
	CHECK(pass(0, 0) && !exists(object_path(1)), "its name has gone");
	CHECK(pread(fd, header, sizeof(header), 0) == sizeof(header) &&
		      memcmp(header, "PeptoObj", 8) == 0,
	      "but it can be read");
}

static void test_future(void)
{
	begin();
	put(0, NOW - 5);
	put(1, NOW + 1000000);
	put(2, NOW - 6);
	clock_freeze_wall_s(NOW);
	CHECK(pass(3 * each - 1, 0), "pass");
	CHECK(exists(object_path(1)) && !exists(object_path(2)), "it counts as used now");
	CHECK_INT(used_s(object_path(1)), NOW, "and not later");
	CHECK_INT(used_s(object_path(0)), NOW - 5, "others keep their time");
	clock_freeze_wall_s(NOW + 20);
	put(3, NOW + 10);
	CHECK(pass(2 * each, 0), "pass");
	CHECK(!exists(object_path(0)) && !exists(object_path(1)) && exists(object_path(3)),
	      "so it goes when its time has come");
	use(object_path(3), NOW + 1000000);
	CHECK(pass(0, 0) && !exists(object_path(3)), "even at once");
	clock_freeze_wall_s(0);
	CHECK_INT(used_ns(&(struct stat){.st_atim.tv_sec = INT64_MAX, .st_atim.tv_nsec = 5}) > 0, 1,
		  "no time overflows");
	CHECK_INT(used_ns(&(struct stat){.st_atim.tv_sec = INT64_MIN}) < 0, 1, "nor backwards");
}

static void test_many(void)
{
	struct evict *v;

	begin();
	put_many(10000);
	v = new_evict(8000 * each, 0);
	CHECK(evict_pass(v), "ten thousand files");
	CHECK_INT(left_of(10000), 7600, "the oldest have gone in one walk");
	evict_free(v);
	v = new_evict(4000 * each, 0);
	v->candidates = 100;
	CHECK(evict_pass(v), "more to remove than one walk can name");
	CHECK_INT(left_of(10000), 3800, "the oldest have gone all the same");
	evict_free(v);
}

static void test_trash(void)
{
	static const char trash[] = "trash.0123456789abcdef";
	struct evict *v = new_evict(NO_LIMIT, 0);

	begin();
	CHECK(!evict_empty_trash(v), "no trash");
	put_many(300);
	write_file(DISK_OBJECTS "/readme", false);
	write_file("mine", false);
	ASSERT(symlinkat("../../", root, DISK_OBJECTS "/ab/link") == 0);
	ASSERT(renameat(root, DISK_OBJECTS, root, trash) == 0);
	ASSERT(mkdirat(root, DISK_OBJECTS, 0700) == 0 && mkdirat(root, "trash.1", 0700) == 0 &&
	       mkdirat(root, "trash.0123456789abcdefa", 0700) == 0 &&
	       mkdirat(root, "trash.0123456789abcdef~", 0700) == 0 &&
	       mkdirat(root, "elsewhere", 0700) == 0 &&
	       symlinkat("elsewhere", root, "trash.fedcba9876543210") == 0 &&
	       mkdirat(root, "tmp", 0700) == 0);
	CHECK(evict_empty_trash(v), "trash");
	CHECK(!exists(trash), "has gone, with all that was in it");
	CHECK(exists("mine") && exists("tmp") && exists(DISK_OBJECTS), "a link is not followed");
	CHECK(exists("trash.1") && exists("trash.0123456789abcdefa") &&
		      exists("trash.0123456789abcdef~"),
	      "the name must be ours");
	write_file("elsewhere/a", false);
	CHECK(!evict_empty_trash(v) && exists("elsewhere/a"), "nor is one with such a name");
	CHECK(!evict_empty_trash(v), "no more of it");

	ASSERT(mkdirat(root, trash, 0700) == 0 &&
	       mkdirat(root, "trash.0123456789abcdef/a", 0700) == 0 &&
	       mkdirat(root, "trash.0123456789abcdef/a/b", 0700) == 0);
	write_file("trash.0123456789abcdef/a/b/c", false);
	CHECK(!evict_empty_trash(v) && exists("trash.0123456789abcdef/a/b/c"),
	      "what lies deeper is not ours");
	evict_free(v);
}

/* Another file system, whose free space nobody else changes; false where it cannot be had. */
static bool mount_small(int64_t bytes)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%lld", (long long)bytes);
	if (mount("none", dir, "tmpfs", 0, options) != 0)
		return false;
	close(root);
	root = open(dir, O_RDONLY | O_DIRECTORY);
	return true;
}

static void unmount_small(void)
{
	close(root);
	ASSERT(umount(dir) == 0);
	root = open(dir, O_RDONLY | O_DIRECTORY);
}

static void test_floor(void)
{
	struct evict *v;
	int64_t space;

	begin();
	put_many(10);
	CHECK(pass(NO_LIMIT, 0) && left_of(10) == 10, "no floor");
	CHECK(!pass(NO_LIMIT, NO_LIMIT) && left_of(10) == 0, "one that cannot be reached");
	if (!mount_small(1 << 20)) {
		CHECK(true, "floor on a small file system # SKIP mount is not allowed");
		return;
	}
	begin();
	put_many(100);
	v = new_evict(NO_LIMIT, 0);
	space = evict_free_space(v);
	CHECK(space > 0 && space < 1 << 20, "free space");
	v->min_free = space;
	CHECK(evict_need(v) == 0 && evict_pass(v) && left_of(100) == 100, "just enough");
	evict_arriving(v, 1);
	CHECK(evict_need(v) > 0, "but not for what comes");
	evict_arriving_end(v, 1);
	v->min_free = space + 10 * FILE_SIZE;
	CHECK(evict_need(v) > 0 && evict_pass(v), "too little");
	CHECK(evict_free_space(v) >= v->min_free, "then enough");
	CHECK(left_of(100) > 0 && left_of(100) <= 90, "and no more than that");
	evict_free(v);

	v = new_evict(-1, 0);
	CHECK(evict_pass(v), "a cap of our own choice");
	CHECK_INT(evict_stats(v).max_bytes, (evict_free_space(v) + evict_stats(v).bytes) / 2,
		  "half of what is free and what is held");
	evict_free(v);
	unmount_small();
}

/* ---- with threads ---- */

static atomic_int tidied;

static void count_tidy(void *ud)
{
	atomic_fetch_add((atomic_int *)ud, 1);
}

/* Until it is so, or for half a minute. */
#define WAIT_FOR(cond)                                                                             \
	for (int64_t end_ = clock_mono_ns() + 30 * NS_PER_S; !(cond) && clock_mono_ns() < end_;)   \
	sched_yield()

static struct evict *start(int64_t max_bytes)
{
	struct evict *v = NULL;
	struct error e;

	ASSERT(evict_start(root, &(struct evict_limits){max_bytes, 0}, count_tidy, &tidied, &v,
			   &e) == OK);
	return v;
}

static void test_thread(void)
{
	struct evict *v;

	begin();
	put_many(30);
	v = start(20 * each);
	WAIT_FOR(evict_stats(v).walked && evict_stats(v).objects == 19);
	CHECK_INT(left_of(30), 19, "a pass at the start");
	CHECK(atomic_load(&tidied) > 0, "and a tidying");
	put(30, NOW);
	evict_added(v, each);
	CHECK_INT(evict_stats(v).evicted_objects, 11, "nothing too much");
	put(31, NOW + 1);
	evict_added(v, each);
	WAIT_FOR(evict_stats(v).evicted_objects == 13);
	CHECK_INT(left_of(32), 19, "what passes the cap wakes the thread");
	evict_arriving(v, 10 * each);
	WAIT_FOR(evict_stats(v).evicted_objects == 23);
	CHECK_INT(left_of(32), 9, "as does what will");
	evict_arriving_end(v, 10 * each);
	CHECK(evict_stop(v, 10 * NS_PER_S), "it ends");
	evict_free(v);
	CHECK(evict_stop(NULL, 10 * NS_PER_S), "it ends");
	evict_free(NULL);
}

/* With nothing to remove a pass is in vain; then others make room, and the next look sees that. */
static void test_room_by_others(void)
{
	struct evict *v;

	begin();
	v = start(NO_LIMIT);
	WAIT_FOR(evict_stats(v).walked);
	evict_full(v);
	WAIT_FOR(!evict_fits(v, 1));
	WAIT_FOR(evict_fits(v, 1));
	CHECK(evict_stop(v, 10 * NS_PER_S), "fills begin again, not only after the next round");
	evict_free(v);
}

struct caller {
	pthread_t thread;
	struct evict *evict;
	unsigned first;
};

static void *call_all(void *arg)
{
	struct caller *c = arg;

	for (unsigned i = 0; i < 200; i++) {
		char name[OBJECT_NAME_LEN], path[PATH_LEN];

		evict_arriving(c->evict, FILE_SIZE);
		object_name(&(struct object_id){{(uint8_t)i, 1, (uint8_t)c->first}}, name);
		snprintf(path, sizeof(path), DISK_OBJECTS "/%s", name);
		write_file(path, true);
		evict_added(c->evict, each);
		evict_arriving_end(c->evict, FILE_SIZE);
		if (i % 10 == 0 && unlinkat(root, path, 0) == 0)
			evict_removed(c->evict, each);
		(void)evict_stats(c->evict);
	}
	return NULL;
}

/* Two writers, and two threads that do not know of each other, as in two processes. */
static void test_concurrent(void)
{
	struct caller callers[2];
	struct evict *v, *other;

	begin();
	v = start(50 * each);
	other = start(50 * each);
	for (unsigned i = 0; i < ARRAY_LEN(callers); i++) {
		callers[i] = (struct caller){.evict = v, .first = i};
		pthread_create(&callers[i].thread, NULL, call_all, &callers[i]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(callers); i++)
		pthread_join(callers[i].thread, NULL);
	WAIT_FOR(evict_stats(v).walked && evict_stats(v).bytes <= 50 * each);
	CHECK(evict_stop(other, 10 * NS_PER_S), "it ends");
	evict_free(other);
	CHECK(evict_stop(v, 10 * NS_PER_S), "it ends");
	evict_free(v);
	v = new_evict(NO_LIMIT, 0);
	CHECK(evict_pass(v), "count");
	CHECK(evict_stats(v).objects <= 60, "what came has gone, but for what a walk may miss");
	evict_free(v);
}

static void *pass_alone(void *arg)
{
	struct evict *v = arg;
	static bool walked;

	evict_pass(v);
	walked = evict_stats(v).walked;
	return &walked;
}

/* A walk that would take hours, since it rests for one after each step. */
static void test_stop(void)
{
	struct evict *v;
	void *walked;

	begin();
	put_many(600);
	v = new_evict(NO_LIMIT, 0);
	v->pause_ns = 3600 * NS_PER_S;
	while (sem_trywait(&rests) == 0)
		;
	pthread_create(&v->thread, NULL, pass_alone, v);
	sem_wait(&rests);
	evict_end(v);
	pthread_join(v->thread, &walked);
	CHECK(!*(bool *)walked, "a walk ends in its middle");
	CHECK_INT(left_of(600), 600, "and removes nothing then");
	evict_free(v);
}

static sem_t block;

static void blocked_tidy(void *ud)
{
	sem_post(&rests);
	sem_wait(&block);
}

/* A directory on a dead network file system held up the end of the process. */
static void test_stop_of_a_blocked_one(void)
{
	struct evict *v;
	struct error e;

	begin();
	while (sem_trywait(&rests) == 0)
		;
	sem_init(&block, 0, 0);
	ASSERT(evict_start(root, &(struct evict_limits){NO_LIMIT, 0}, blocked_tidy, NULL, &v, &e) ==
	       OK);
	sem_wait(&rests);
	CHECK(!evict_stop(v, NS_PER_MS), "it is in a call that blocks: that is told in time");
	sem_post(&block);
	CHECK(evict_stop(v, 10 * NS_PER_S), "once it is over it ends");
	evict_free(v);
	sem_destroy(&block);
}

int main(void)
{
	struct stat st;

	sem_init(&rests, 0, 0);
	ASSERT(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY);
	begin();
	put(0, NOW);
	ASSERT(fstatat(root, object_path(0), &st, 0) == 0);
	each = st.st_blocks * 512;
	test_cap();
	test_stats();
	test_added_in_walk();
	test_expect();
	test_wake();
	test_fits();
	test_promises();
	test_full();
	test_used_since();
	test_foreign();
	test_open_file();
	test_future();
	test_many();
	test_trash();
	test_floor();
	test_thread();
	test_room_by_others();
	test_concurrent();
	test_stop();
	test_stop_of_a_blocked_one();
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(dir);
	return tap_done();
}
