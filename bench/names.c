// SPDX-License-Identifier: MIT
/*
 * names.c: what it costs to know that a file is missing by its name, by itself.
 *
 *	names index N		look up names in an index of N
 *	names globs N		look through such an index by a GLOB, for its first 1,000 names that match
 *	names dir N DIRECTORY	look up files in another case in a directory, in which N are made first
 *
 * Prints the memory of the index, and the time of a look-up: CPU on the average, and what 99 of 100 stay below on
 * the clock. Of a directory the first look-ups, until its names are known, are told apart. By hand:
 *
 *	gcc -O3 -std=gnu11 -D_GNU_SOURCE -I. -Isrc bench/names.c build/gcc/libpepto.a -lxxhash -lunistring \
 *		-lpthread -o names
 */
#include "store/names.h"
#include "base/clock.h"
#include "bench/args.h"
#include "serve/search_names.h"
#include "store/dir_find.h"
#include "store/dir_names.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define LOOKUPS 1000000
#define MISSES  10000

static int64_t *took;

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct slice name_of(size_t i, char text[static 40])
{
	return (struct slice){text, (size_t)snprintf(text, 40, "Module%06zu.pdb/", i)};
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *what, size_t n, int64_t cpu)
{
	qsort(took, n, sizeof(*took), by_time);
	printf("%s lookups=%zu cpu_ns=%.0f p50_ns=%lld p99_ns=%lld\n", what, n,
	       (double)cpu / (double)n, (long long)took[n / 2], (long long)took[n * 99 / 100]);
}

static struct names *make_names(size_t n)
{
	struct name_list list = {.text = BUF_MAX(NAME_TEXT_MAX)};
	struct names *names;
	size_t room = 0;
	struct error e;
	char text[40];

	for (size_t i = 0; i < n; i++)
		if (name_list_add(&list, &room, name_of(i, text), &e) != OK)
			die(e.msg);
	names = names_make(&list);
	name_list_fini(&list);
	return names;
}

/* As a walk (cache/name_index.h) of one tier does. */
static void measure_globs(size_t n)
{
	static const char *const globs[] = {"*foo*", "foo*", "*.pdb", "*.dll", "m?d*9*1*", "*"};
	struct names *names = make_names(n);

	for (size_t g = 0; g < ARRAY_LEN(globs); g++) {
		size_t looks = 0, i = 0;
		int64_t cpu = cpu_ns();
		struct search_names m;

		search_names_init(&m, slice_of(globs[g]), SLICE_NONE, SEARCH_ROWS_MAX);
		for (; i < n && !m.more; looks++) {
			struct buf to CLEANUP(buf_fini) = BUF_MAX(80);
			struct slice name = names_at(names, i++);

			name = slice_head(name, name.n - 1);
			if (search_names_match(&m, name))
				search_names_add(&m, SLICE_NONE, name);
			if (search_names_pass(&m, name, &to))
				i = MAX(i, names_from(names, buf_slice(&to)));
		}
		printf("glob=%s names=%zu found=%zu more=%d looks=%zu cpu_us=%.1f\n", globs[g], n,
		       m.n, m.more, looks, (double)(cpu_ns() - cpu) / 1000);
		search_names_fini(&m);
	}
	names_free(names);
}

static void measure_index(size_t n)
{
	struct names *names = make_names(n);
	size_t found = 0;
	int64_t cpu = cpu_ns();
	char text[40];

	for (size_t i = 0; i < LOOKUPS; i++) {
		struct slice name = name_of(i * 7919 % (2 * n), text);
		int64_t at = clock_mono_ns();

		found += names_has(names, name);
		took[i] = clock_mono_ns() - at;
	}
	printf("names=%zu bytes=%zu found=%zu\n", n, names_size(names), found);
	print("index, the clock's own time included:", LOOKUPS, cpu_ns() - cpu);
	names_free(names);
}

static void look(const char *root, struct dir_names *names, size_t i)
{
	char key[80];
	struct error e;
	int fd;

	snprintf(key, sizeof(key), "gone%06zu.pdb/1/gone.pdb", i);
	if (dir_find(root, names, slice_of(key), &fd, &e) != OK || fd >= 0)
		die("a file that should not be there");
}

static void measure_looks(const char *what, const char *root, struct dir_names *names, size_t n)
{
	int64_t cpu = cpu_ns();

	for (size_t i = 0; i < n; i++) {
		int64_t at = clock_mono_ns();

		look(root, names, i);
		took[i] = clock_mono_ns() - at;
	}
	print(what, n, cpu_ns() - cpu);
}

static void measure_dir(size_t n, const char *root)
{
	struct dir_names *names = dir_names_new(0);
	char path[4096], text[40];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/" SLICE_FMT, root, SLICE_ARG(name_of(i, text)));
		if (mkdir(path, 0700) != 0)
			die_sys(path);
	}
	measure_looks("names are read:", root, NULL, 50);
	look(root, names, 0);
	nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 100000000}, NULL);
	look(root, names, 0);
	measure_looks("names are known:", root, names, MISSES);
	dir_names_free(names);
}

int main(int argc, char **argv)
{
	took = xzalloc(LOOKUPS * sizeof(*took));
	if (argc == 3 && strcmp(argv[1], "index") == 0)
		measure_index((size_t)arg_number(argv[2], 1000000));
	else if (argc == 3 && strcmp(argv[1], "globs") == 0)
		measure_globs((size_t)arg_number(argv[2], 1000000));
	else if (argc == 4 && strcmp(argv[1], "dir") == 0)
		measure_dir((size_t)arg_number(argv[2], 1000000), argv[3]);
	else
		die("usage: names index N | globs N | dir N DIRECTORY");
	free(took);
	return 0;
}
