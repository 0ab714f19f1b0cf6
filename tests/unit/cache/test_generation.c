// SPDX-License-Identifier: MIT
/*
 * Generations: what a purge changes and what it does not, in one process and in others on the same
 * directory; and a hammer of keepers, of makers that read what lies there, and of purges, by threads
 * and by processes, after each of which nothing older may be found.
 */
#include "cache/disk.h"
#include "cache/generation.h"

#include "tap.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct rig {
	char dir[32];
	struct disk *disk;
	struct generations *g;
};

static void open_rig(struct rig *r)
{
	struct error e;

	ASSERT(disk_open(r->dir, &r->disk, &e) == OK);
	r->g = generations_new();
	ASSERT(generations_share(r->g, disk_root(r->disk), &e) == OK);
}

static void close_rig(struct rig *r)
{
	generations_free(r->g);
	disk_free(r->disk);
}

static void make_rig(struct rig *r)
{
	snprintf(r->dir, sizeof(r->dir), "/tmp/pepto-generation-XXXXXX");
	ASSERT(mkdtemp(r->dir));
	open_rig(r);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_rig(struct rig *r)
{
	close_rig(r);
	nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void raise_one(struct generations *g, uint64_t hash)
{
	struct error e;

	ASSERT(generation_raise(g, hash, &e) == OK);
}

/* ---- one process ---- */

static void test_alone(void)
{
	struct generations *g = generations_new();
	uint64_t all, one, other;
	struct error e;

	CHECK(generations_untouched(g), "nobody has purged anything");
	CHECK(!generation_of(g, 7) && !generation_of_all(g) && !generation_on_disk(g, 7),
	      "all are 0");
	raise_one(g, 7);
	one = generation_of(g, 7);
	other = generation_of(g, 8);
	all = generation_of_all(g);
	CHECK(!generations_untouched(g) && one && all, "a purge of one key changes it");
	CHECK(!other, "and no other one");
	CHECK(generation_of(g, 7 + GENERATION_SLOTS) == one, "but those that share its counter");
	ASSERT(generation_raise_all(g, &e) == OK);
	CHECK(generation_of(g, 7) != one && generation_of(g, 8) && generation_of_all(g) != all,
	      "a purge of everything changes all");
	generations_check(g);
	generations_free(g);
	generations_free(NULL);
}

/* ---- several ---- */

static void test_shared(void)
{
	struct rig a, b;
	uint64_t one, other, all;

	make_rig(&a);
	b = a;
	open_rig(&b);
	CHECK(generations_untouched(a.g) && generations_untouched(b.g), "a new directory");
	raise_one(a.g, 7);
	one = generation_of(b.g, 7);
	other = generation_of(b.g, 8);
	CHECK(!generations_untouched(b.g) && one && !other && generation_of_all(b.g),
	      "the other one sees it at once, and of which key");
	CHECK(generation_on_disk(a.g, 7) == generation_on_disk(b.g, 7),
	      "what both see is the same for both");
	one = generation_of(a.g, 7);
	ASSERT(generation_raise_all(b.g, NULL) == OK);
	CHECK(generation_of(a.g, 8) && generation_of(a.g, 7) != one, "and the other way");
	one = generation_on_disk(a.g, 7);
	all = generation_on_disk(a.g, 9);
	close_rig(&b);
	open_rig(&b);
	CHECK(generation_on_disk(b.g, 7) == one && generation_on_disk(b.g, 9) == all,
	      "who comes later finds it so");
	close_rig(&b);
	remove_rig(&a);
}

/* A directory that somebody empties while it is used. */
static void test_emptied(void)
{
	uint64_t before, first, there;
	struct rig a, b;

	make_rig(&a);
	b = a;
	open_rig(&b);
	first = generation_of(b.g, 9);
	raise_one(a.g, 9);
	raise_one(a.g, 7);
	before = generation_of(a.g, 7);
	ASSERT(unlinkat(disk_root(a.disk), GENERATION_FILE, 0) == 0);
	generations_check(a.g);
	CHECK(generation_of(a.g, 7) != before, "a new file: what was taken before does not count");
	there = generation_of(b.g, 7);
	raise_one(a.g, 7);
	CHECK(generation_of(b.g, 7) != there, "who has not looked yet sees a purge, too");
	generations_check(b.g);
	CHECK(generation_of(b.g, 9) != first,
	      "what was taken before a purge in the old file does not count in the new one");
	raise_one(a.g, 8);
	CHECK(generation_on_disk(b.g, 8) &&
		      generation_on_disk(b.g, 8) == generation_on_disk(a.g, 8),
	      "in which they meet again");
	generations_check(b.g);
	CHECK(generation_on_disk(b.g, 8) == generation_on_disk(a.g, 8), "a look changes nothing");
	close_rig(&b);
	remove_rig(&a);
}

/* Somebody cuts the file short while it is mapped. */
static void test_cut_short(void)
{
	struct error e;
	uint64_t before;
	struct rig r;

	make_rig(&r);
	raise_one(r.g, 7);
	before = generation_of(r.g, 7);
	for (int i = 0; i < 2; i++) {
		int fd = openat(disk_root(r.disk), GENERATION_FILE, O_RDWR | O_CLOEXEC);

		ASSERT(fd >= 0 && ftruncate(fd, 0) == 0);
		close(fd);
		CHECK(generation_of(r.g, 7) != before, "what was begun is out of date");
		CHECK(generations_mark(r.g) && generation_raise(r.g, 8, &e) == OK,
		      "until a purge, or the next check, makes it as long again");
		CHECK(!generations_mark(r.g), "then it is shared");
		before = generation_of(r.g, 7);
	}
	remove_rig(&r);
}

/* The directory goes with the file, and comes again. */
static void test_removed(void)
{
	struct error e;
	uint64_t mark;
	struct rig r;

	make_rig(&r);
	raise_one(r.g, 7);
	CHECK_INT(disk_revive(r.disk, &e), DISK_THERE, "nobody has removed it");
	nftw(r.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	generations_check(r.g);
	CHECK(generations_mark(r.g) && generation_raise(r.g, 7, &e) == ERR_IO,
	      "without a directory there is nothing to share");
	mark = generations_mark(r.g);
	generations_check(r.g);
	CHECK(generations_mark(r.g) == mark, "for the whole of that time it has one mark");
	CHECK_INT(disk_revive(r.disk, &e), DISK_REVIVED, "it is made anew");
	CHECK_INT(disk_revive(r.disk, &e), DISK_THERE, "once");
	generations_check(r.g);
	CHECK(!generations_mark(r.g) && generation_raise(r.g, 7, &e) == OK, "and shared");
	nftw(r.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	generations_check(r.g);
	CHECK(generations_mark(r.g) && generations_mark(r.g) != mark,
	      "what was kept apart before is not found the next time");
	ASSERT(symlink("/dev/null", r.dir) == 0);
	CHECK_INT(disk_revive(r.disk, &e), DISK_GONE, "unless something is in the way");
	remove_rig(&r);
}

/* What lies there by that name, and whether it can be used. */
static void test_odd_files(void)
{
	static const struct {
		const char *name;
		off_t size; /* < 0: none */
		bool link, folder, good;
	} files[] = {
		{"an older version made the directory", -1, .good = true},
		{"a file that was just made", 0, .good = true},
		{"one that is too short", 100, .good = true},
		{"one that is longer", 1 << 20, .good = true},
		{"a link", -1, .link = true},
		{"a directory", -1, .folder = true},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct rig r;
		struct error e;
		int root, fd;

		make_rig(&r);
		generations_free(r.g);
		root = disk_root(r.disk);
		ASSERT(unlinkat(root, GENERATION_FILE, 0) == 0);
		if (files[i].size >= 0) {
			fd = openat(root, GENERATION_FILE, O_RDWR | O_CREAT, 0600);
			ASSERT(fd >= 0 && ftruncate(fd, files[i].size) == 0 && close(fd) == 0);
		}
		if (files[i].link)
			ASSERT(symlinkat("CACHEDIR.TAG", root, GENERATION_FILE) == 0);
		if (files[i].folder)
			ASSERT(mkdirat(root, GENERATION_FILE, 0700) == 0);
		r.g = generations_new();
		CHECK_INT(generations_share(r.g, root, &e) == OK, files[i].good, files[i].name);
		CHECK_INT(generation_raise(r.g, 7, &e) == OK, files[i].good,
			  "no purge is done that others cannot be told of");
		CHECK(generation_of(r.g, 7) && !generation_of(r.g, 8),
		      "our own purges count in any case");
		CHECK_INT(generations_mark(r.g) == 0, files[i].good,
			  "what is kept then is for this process alone");
		if (!files[i].good) {
			fd = files[i].folder ? AT_REMOVEDIR : 0;
			generations_check(r.g);
			CHECK(generations_mark(r.g) != 0, "as long as it is in the way");
			ASSERT(unlinkat(root, GENERATION_FILE, fd) == 0);
			generations_check(r.g);
			CHECK(generations_mark(r.g) == 0, "and no longer");
			raise_one(r.g, 7);
		}
		remove_rig(&r);
	}
}

/* A disk that takes nothing any more: that is said, and counts here all the same. */
static void test_failing_disk(void)
{
	struct rig r;
	struct error e;
	int full = open("/dev/full", O_RDWR | O_CLOEXEC), fd;
	struct stat ours, st;

	make_rig(&r);
	ASSERT(full >= 0 && fstatat(disk_root(r.disk), GENERATION_FILE, &ours, 0) == 0);
	for (fd = 3; fd < 64; fd++)
		if (fstat(fd, &st) == 0 && st.st_ino == ours.st_ino && st.st_dev == ours.st_dev)
			ASSERT(dup2(full, fd) == fd);
	close(full);
	CHECK_INT(generation_raise(r.g, 7, &e), ERR_IO, "a full disk");
	CHECK(generation_of(r.g, 7) && !generation_of(r.g, 8), "the purge counts here");
	remove_rig(&r);
}

/* ---- the hammer ---- */

/*
 * A store with one object of an ever higher version, and two objects in the cache: one that is
 * brought from there, and one that is made of that. Whoever has published a version purges both, and
 * from then on nobody may find an older one, whatever the others were about to keep.
 */
#define HAMMER_PURGES 200
#define KEEPERS       3
#define HASH          7

static const struct object_id stored = {{1}}, made = {{2}};

struct world {
	_Atomic uint64_t published;
	atomic_bool over;
	atomic_int found_older, kept, purged_meanwhile, failed;
};

struct hammer {
	struct rig rig; /* of this process */
	struct world *world;
	uint64_t taken; /* the generation, before anything */
};

/* For a moment that is never the same. */
static void let_others(void)
{
	static _Atomic unsigned n;

	for (unsigned i = atomic_fetch_add(&n, 1) % 5; i > 0; i--)
		usleep(i * 50);
}

/* Slow to tell, so that what was true is not any more. */
static bool still_good(void *ud)
{
	const struct hammer *h = ud;
	bool good = generation_of(h->rig.g, HASH) == h->taken;

	let_others();
	return good;
}

static void keep(struct hammer *h, const struct object_id *id, uint64_t version)
{
	struct object_meta meta = {.id = *id, .length = sizeof(version), .mtime = -1};
	struct draft *draft;
	struct error e;
	enum err err;

	ASSERT(disk_draft(h->rig.disk, meta.length, &draft, &e) == OK);
	ASSERT(pwrite(draft_fd(draft), &version, sizeof(version), OBJECT_HEADER_SIZE) ==
	       sizeof(version));
	err = disk_keep(h->rig.disk, draft, &meta, false, still_good, h, &e);
	draft_free(draft);
	atomic_fetch_add(err == OK             ? &h->world->kept
			 : err == ERR_CANCELED ? &h->world->purged_meanwhile
					       : &h->world->failed,
			 1);
}

/* 0: there is none. */
static uint64_t find(const struct rig *r, const struct object_id *id)
{
	struct disk_object o;
	uint64_t version = 0;
	struct error e;

	if (disk_find(r->disk, id, &o, &e) != DISK_HIT)
		return 0;
	ASSERT(pread(o.fd, &version, sizeof(version), OBJECT_HEADER_SIZE) == sizeof(version));
	close(o.fd);
	return version;
}

static void *keep_them(void *ud)
{
	struct hammer h = *(struct hammer *)ud;

	for (unsigned i = 0; !atomic_load(&h.world->over); i++) {
		uint64_t version;

		h.taken = generation_of(h.rig.g, HASH);
		version = i % 2 ? find(&h.rig, &stored) : atomic_load(&h.world->published);
		let_others();
		if (version)
			keep(&h, i % 2 ? &made : &stored, version);
	}
	return NULL;
}

/* As the cache does it (cache.c). */
static void purge(const struct rig *r)
{
	struct error e;

	for (int round = 0; round < 2; round++) {
		raise_one(r->g, HASH);
		ASSERT(disk_remove(r->disk, &made, &e) == OK);
		let_others();
		ASSERT(disk_remove(r->disk, &stored, &e) == OK);
		let_others();
	}
}

static void publish(struct hammer *h)
{
	struct world *w = h->world;

	for (uint64_t n = 2; n < 2 + HAMMER_PURGES || !atomic_load(&w->kept); n++) {
		atomic_store(&w->published, n);
		purge(&h->rig);
		for (int i = 0; i < 40; i++) {
			uint64_t a = find(&h->rig, &stored), b = find(&h->rig, &made);

			if ((a && a < n) || (b && b < n))
				atomic_fetch_add(&w->found_older, 1);
		}
	}
	atomic_store(&w->over, true);
}

static void check_world(const struct world *w)
{
	printf("# kept %d, purged meanwhile %d\n", atomic_load(&w->kept),
	       atomic_load(&w->purged_meanwhile));
	CHECK_INT(atomic_load(&w->found_older), 0, "after a purge nobody finds an older version");
	CHECK_INT(atomic_load(&w->failed), 0, "and nothing else fails");
}

static void test_threads(void)
{
	struct world w = {.published = 1};
	pthread_t keeper[KEEPERS];
	struct hammer h = {.world = &w};

	make_rig(&h.rig);
	for (size_t i = 0; i < KEEPERS; i++)
		ASSERT(pthread_create(&keeper[i], NULL, keep_them, &h) == 0);
	publish(&h);
	for (size_t i = 0; i < KEEPERS; i++)
		pthread_join(keeper[i], NULL);
	check_world(&w);
	remove_rig(&h.rig);
}

/* The keepers are other processes, each with a directory and generations of its own. */
static void test_processes(void)
{
	struct world *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);
	struct hammer h = {.world = w};
	pid_t keeper[KEEPERS];
	int status, died = 0;

	ASSERT(w != MAP_FAILED);
	atomic_store(&w->published, 1);
	make_rig(&h.rig);
	fflush(stdout);
	for (size_t i = 0; i < KEEPERS; i++) {
		keeper[i] = fork();
		ASSERT(keeper[i] >= 0);
		if (keeper[i] == 0) {
			open_rig(&h.rig);
			keep_them(&h);
			_exit(0);
		}
	}
	publish(&h);
	for (size_t i = 0; i < KEEPERS; i++)
		died += waitpid(keeper[i], &status, 0) != keeper[i] || status != 0;
	CHECK_INT(died, 0, "all processes end well");
	check_world(w);
	remove_rig(&h.rig);
	munmap(w, sizeof(*w));
}

int main(void)
{
	test_alone();
	test_shared();
	test_emptied();
	test_cut_short();
	test_removed();
	test_odd_files();
	test_failing_disk();
	test_processes(); /* before there are threads */
	test_threads();
	return tap_done();
}
