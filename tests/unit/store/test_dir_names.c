// SPDX-License-Identifier: MIT
/*
 * The names in a directory, kept while it stands still. Our own clock is frozen, the file system's goes on: each
 * change waits until it has moved, since two changes at one time are what the pause of two seconds is for.
 */
#include "store/dir_names.c"

#include "tap.h"

#include <ftw.h>
#include <stdio.h>
#include <time.h>

#define SWAPS   200
#define READERS 3

static char root[] = "/tmp/test_dir_names.XXXXXX";

static const char *const files[] = {
	"foo.pdb",   "FOO.pdb",    "Foo.pdb",      "\xc3\x84rger.pdb", "Bad\xff.PDB",
	"C++RT.pdb", "A b%20.pdb", "A\nb\x01.pdb", "this/One",         "other/Two",
};

static void let_time_pass(void)
{
	struct timespec began, now, pause = {.tv_nsec = 1000000};

	clock_gettime(CLOCK_REALTIME_COARSE, &began);
	do {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (ns_of(&now) - ns_of(&began) < 20 * NS_PER_MS);
}

static void put(const char *name)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	ASSERT(fd >= 0 && close(fd) == 0);
	let_time_pass();
}

static void drop(const char *name)
{
	ASSERT(unlink(name) == 0);
	let_time_pass();
}

static int open_here(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	ASSERT(fd >= 0);
	return fd;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a b", by their bytes, or "?" when it is not known. */
static const char *look_at(struct dir_names *d, const char *path, const char *folded)
{
	static char text[1000];
	char *names[DIR_MATCHES_MAX];
	int fd CLEANUP(close_p) = open_here(path);
	size_t n = 0, at = 0;

	if (!dir_names_find(d, fd, slice_of(folded), names, &n))
		return "?";
	text[0] = '\0';
	qsort(names, n, sizeof(*names), by_bytes);
	for (size_t i = 0; i < n; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
				       names[i]);
		free(names[i]);
	}
	return text;
}

static void advance(int64_t ns)
{
	clock_freeze_mono_ns(clock_mono_ns() + ns);
}

static struct dir_names *settled(const char *path)
{
	struct dir_names *d = dir_names_new(0);

	CHECK_STR(look_at(d, path, "x"), "?", "at first nothing is known");
	advance(SETTLED_NS);
	return d;
}

static void test_when(void)
{
	struct dir_names *d = dir_names_new(0);
	int64_t reads = metric_get(dir_reads);

	CHECK_STR(look_at(d, ".", "foo.pdb"), "?", "the first look tells the time of it");
	advance(SETTLED_NS - 1);
	CHECK_STR(look_at(d, ".", "foo.pdb"), "?", "which has to stand for two seconds");
	CHECK_INT(metric_get(dir_reads), reads, "before that nothing is read");
	advance(1);
	CHECK_STR(look_at(d, ".", "foo.pdb"), "FOO.pdb Foo.pdb foo.pdb", "then the names are");
	for (int i = 0; i < 100; i++)
		CHECK_STR(look_at(d, ".", "gone.pdb"), "", "and what is not there is known");
	CHECK_INT(metric_get(dir_reads), reads + 1, "by reading them once");
	dir_names_free(d);
}

static const struct {
	const char *folded, *found, *why;
} names[] = {
	{"foo.pdb", "FOO.pdb Foo.pdb foo.pdb", "twins, by their bytes"},
	{"foo.pd", "", "not what only begins so"},
	{"foo.pdb.", "", "nor what goes on"},
	{"\xc3\xa4rger.pdb", "\xc3\x84rger.pdb", "letters beyond ASCII"},
	{"bad\xff.pdb", "Bad\xff.PDB", "bytes that are no UTF-8"},
	{"c++rt.pdb", "C++RT.pdb", "plus signs"},
	{"a b%20.pdb", "A b%20.pdb", "blanks, and what looks like an escape"},
	{"a\nb\x01.pdb", "A\nb\x01.pdb", "control bytes"},
	{"a  b.pdb", "", "plus is no blank on a disk"},
	{"folder", "Folder", "folders"},
	{"..", "..", "the directory above, which nobody asks for"},
	{"", "", "nothing"},
};

/* For who changes the directory all the time. */
static void test_age(void)
{
	struct dir_names *d = dir_names_new(NS_PER_S);
	int64_t reads = metric_get(dir_reads);

	CHECK_STR(look_at(d, ".", "foo.pdb"), "FOO.pdb Foo.pdb foo.pdb", "at once");
	put("fOO.pdb");
	CHECK_STR(look_at(d, ".", "foo.pdb"), "FOO.pdb Foo.pdb foo.pdb", "a new one is not seen");
	advance(NS_PER_S - 1);
	CHECK_STR(look_at(d, ".", "gone.pdb"), "", "whatever is looked for");
	CHECK_INT(metric_get(dir_reads), reads + 1, "it was read once");
	advance(1);
	CHECK_STR(look_at(d, ".", "foo.pdb"), "FOO.pdb Foo.pdb fOO.pdb foo.pdb", "a second later");
	drop("fOO.pdb");
	advance(NS_PER_S);
	CHECK_STR(look_at(d, ".", "foo.pdb"), "FOO.pdb Foo.pdb foo.pdb", "and what is gone");
	CHECK_INT(metric_get(dir_reads), reads + 3, "by reading them again");
	dir_names_free(d);
}

static void test_names(void)
{
	struct dir_names *d = settled(".");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		CHECK_STR(look_at(d, ".", names[i].folded), names[i].found, names[i].why);
	dir_names_free(d);
}

static void make_new(void)
{
	put("NEW.pdb");
}

static void drop_new(void)
{
	drop("NEW.pdb");
}

static void drop_and_make(void)
{
	drop("NEW.pdb");
	put("New.pdb");
}

static void move_away(void)
{
	ASSERT(rename("New.pdb", "Folder/New.pdb") == 0);
	let_time_pass();
}

static void move_here(void)
{
	ASSERT(rename("Folder/New.pdb", "nEW.pdb") == 0);
	let_time_pass();
}

static void other_case(void)
{
	ASSERT(rename("nEW.pdb", "NEW.pdb") == 0);
	let_time_pass();
}

/* Its time is not what tells: that can be set. */
static void with_the_old_time(void)
{
	struct stat st;

	ASSERT(stat(".", &st) == 0);
	drop_new();
	ASSERT(utimensat(AT_FDCWD, ".", (struct timespec[]){st.st_atim, st.st_mtim}, 0) == 0);
}

static const struct {
	void (*change)(void);
	const char *found, *why;
} changes[] = {
	{make_new, "NEW.pdb", "a name that was made"},
	{drop_and_make, "New.pdb", "one that was deleted and made again"},
	{move_away, "", "one that was moved away"},
	{move_here, "nEW.pdb", "or here"},
	{other_case, "NEW.pdb", "one that got another case"},
	{drop_new, "", "one that was deleted"},
	{make_new, "NEW.pdb", "and made again"},
	{with_the_old_time, "", "or deleted by who set the time back"},
};

static void test_changes(void)
{
	struct dir_names *d = settled(".");

	CHECK_STR(look_at(d, ".", "new.pdb"), "", "it is not there");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		changes[i].change();
		CHECK_STR(look_at(d, ".", "new.pdb"), "?", "at once nothing is known any more");
		advance(SETTLED_NS - 1);
		CHECK_STR(look_at(d, ".", "new.pdb"), "?", "nor for two seconds");
		advance(1);
		CHECK_STR(look_at(d, ".", "new.pdb"), changes[i].found, changes[i].why);
	}
	dir_names_free(d);
}

/* Something else lies under its path: a mount, a tree that was published whole. */
static void test_other_directory(void)
{
	struct dir_names *d = settled("this");

	CHECK_STR(look_at(d, "this", "one"), "One", "a name of it");
	ASSERT(rename("this", "before") == 0 && rename("other", "this") == 0);
	CHECK_STR(look_at(d, "this", "one"), "?", "another directory: nothing is known");
	advance(SETTLED_NS);
	CHECK_STR(look_at(d, "this", "one"), "", "it has not that name");
	CHECK_STR(look_at(d, "this", "two"), "Two", "but its own");
	dir_names_free(d);
}

static void test_not_of_this_machine(void)
{
	struct dir_names *d = settled("/proc");
	int64_t reads = metric_get(dir_reads);

	for (int i = 0; i < 3; i++) {
		CHECK_STR(look_at(d, "/proc", "version"), "?", "is never believed");
		advance(SETTLED_NS);
	}
	CHECK_INT(metric_get(dir_reads), reads, "nor read");
	dir_names_free(d);
}

static void test_too_many(void)
{
	struct name_list list CLEANUP(name_list_fini) = {.text = BUF_MAX(TEXT_MAX)};
	size_t n = 0, room = 0;

	while (n <= NAMES_MAX && add(&list, &room, "x"))
		n++;
	CHECK_INT((long long)n, (long long)NAMES_MAX, "so many names, and no more");
}

static void test_many_twins(void)
{
	struct dir_names *d;
	char name[] = "twins";

	for (int i = 0; i < 20; i++) {
		for (int bit = 0; bit < 5; bit++)
			name[bit] = (char)(i >> bit & 1 ? "TWINS"[bit] : "twins"[bit]);
		put(name);
	}
	d = settled(".");
	CHECK_INT((long long)strlen(look_at(d, ".", "twins")), 16 * 6 - 1, "sixteen of them count");
	dir_names_free(d);
}

/* ---- many threads ---- */

struct readers {
	struct dir_names *names;
	atomic_bool stop;
	atomic_int known, wrong;
};

static void *read_on(void *ud)
{
	struct readers *r = ud;

	while (!atomic_load(&r->stop)) {
		char *found[DIR_MATCHES_MAX];
		int fd CLEANUP(close_p) = open_here("turning");
		size_t n = 0;

		if (!dir_names_find(r->names, fd, SLICE("always"), found, &n))
			continue;
		atomic_fetch_add(&r->known, 1);
		atomic_fetch_add(&r->wrong, n != 1);
		for (size_t i = 0; i < n; i++)
			free(found[i]);
	}
	return NULL;
}

static void test_threads(void)
{
	struct readers r = {.names = dir_names_new(0)};
	pthread_t thread[READERS];

	ASSERT(mkdir("turning", 0700) == 0);
	put("turning/Always");
	for (size_t i = 0; i < READERS; i++)
		ASSERT(pthread_create(&thread[i], NULL, read_on, &r) == 0);
	for (int i = 0; i < SWAPS; i++) {
		int before = atomic_load(&r.known);

		if (i % 2)
			ASSERT(unlink("turning/swap") == 0);
		else
			put("turning/swap");
		while (atomic_load(&r.known) == before) {
			struct timespec pause = {.tv_nsec = 100000};

			advance(SETTLED_NS);
			nanosleep(&pause, NULL);
		}
	}
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
	CHECK_INT(atomic_load(&r.wrong), 0, "whoever looks while it changes finds what stays");
	dir_names_free(r.names);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	clock_freeze_mono_ns(1000 * NS_PER_S);
	ASSERT(mkdir("Folder", 0700) == 0 && mkdir("this", 0700) == 0 && mkdir("other", 0700) == 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		put(files[i]);
	test_when();
	test_age();
	test_names();
	test_changes();
	test_other_directory();
	test_not_of_this_machine();
	test_too_many();
	test_many_twins();
	test_threads();
	ASSERT(chdir("/") == 0 && nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	return tap_done();
}
