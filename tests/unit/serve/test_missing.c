// SPDX-License-Identifier: MIT
/* The most frequent of what is missing: against an exact count, in order, forgotten, and from several threads. */
#include "serve/missing_file.h"

#include "base/macros.h"

#include "tap.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define KINDS   100000
#define ASKED   1000000
#define WRITERS 4

/* What was told last, and the n-th of it. */
struct told {
	size_t n, wanted;
	struct missing_file file;
	char name[MISSING_TEXT_MAX], key[MISSING_TEXT_MAX], client[MISSING_CLIENT_MAX];
};

static void keep(void *ud, const struct missing_file *f)
{
	struct told *t = ud;

	if (t->n++ != t->wanted)
		return;
	t->file = *f;
	memcpy(t->name, f->name.p, f->name.n);
	memcpy(t->key, f->key.p, f->key.n);
	snprintf(t->client, sizeof(t->client), "%s", f->client);
	t->file.name.p = t->name;
	t->file.key.p = t->key;
}

static struct told told(struct missing *m, size_t wanted)
{
	struct told t = {.wanted = wanted};

	missing_each(m, keep, &t);
	return t;
}

static void count(struct missing *m, const char *name, const char *key, const char *client,
		  int64_t now)
{
	missing_count(m, slice_of(name), slice_of(key), client, now);
}

static void test_files(void)
{
	struct missing *m = missing_new();
	char name[300], key[260], most[MISSING_TEXT_MAX + 1];
	struct told t;

	t = told(m, 0);
	CHECK_INT((long long)t.n, 0, "nothing yet");
	count(m, "ntdll.pdb", "ABC1", "10.0.0.1", 100);
	count(m, "Foo.pdb", "ABC1", "10.0.0.2", 101);
	count(m, "foo.PDB", "abc1", "10.0.0.3", 103);
	count(m, "foo.pd", "BABC1", "10.0.0.4", 104);
	t = told(m, 0);
	CHECK_INT((long long)t.n, 3,
		  "three files: case does not tell them apart, where the name ends does");
	CHECK_STR(t.name, "Foo.pdb", "the one that was asked for most, as it was spelled first");
	CHECK_STR(t.key, "ABC1", "and its key");
	CHECK(t.file.count == 2 && t.file.over == 0, "twice");
	CHECK(t.file.first_s == 101 && t.file.last_s == 103, "first and last");
	CHECK_STR(t.client, "10.0.0.3", "who asked last");
	t = told(m, 1);
	CHECK_STR(t.name, "foo.pd", "of those with one count the one of last");

	memset(name, 'n', sizeof(name));
	memset(key, '1', sizeof(key));
	name[250] = key[250] = '\0';
	for (int i = 0; i < 3; i++)
		count(m, name, key, "::1", 110);
	t = told(m, 0);
	CHECK(t.file.count == 3 && t.file.name.n == 250 && t.file.key.n == 250 &&
		      t.name[249] == 'n' && t.key[249] == '1',
	      "long ones are kept whole");
	memset(most, 'm', sizeof(most));
	most[MISSING_TEXT_MAX] = '\0';
	count(m, most, "1", "::1", 111);
	CHECK_INT((long long)told(m, 0).n, 4,
		  "what is longer than there is room for is not counted");

	missing_forget(m, slice_of(name), slice_of(key));
	missing_forget(m, SLICE("FOO.pdb"), SLICE("aBC1"));
	missing_forget(m, SLICE("never.pdb"), SLICE("1"));
	t = told(m, 1);
	CHECK(t.n == 2, "forgotten");
	CHECK_STR(t.name, "ntdll.pdb", "the others are there");
	missing_restore(m, &(struct missing_file){.name = SLICE("NTDLL.pdb"),
						  .key = SLICE("abc1"),
						  .count = 41,
						  .over = 2,
						  .first_s = 7,
						  .last_s = 8,
						  .client = "10.0.0.9"});
	t = told(m, 0);
	CHECK(t.file.count == 42 && t.file.over == 2 && t.file.first_s == 7 && t.file.last_s == 100,
	      "what is restored comes to what was counted since");
	missing_free(m);
}

/* ---- beside an exact count ---- */

static uint32_t exact[KINDS];

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

struct judged {
	size_t n, wrong, disordered;
	uint64_t before;
	bool seen[KINDS];
};

static void judge(void *ud, const struct missing_file *f)
{
	struct judged *j = ud;
	unsigned kind = (unsigned)strtoul(f->name.p + 1, NULL, 10);

	j->n++;
	j->seen[kind] = true;
	j->wrong += f->count < exact[kind] || f->count - f->over > exact[kind];
	j->disordered += f->count > j->before;
	j->before = f->count;
}

/* Zipf's law: the k-th of all is asked for in proportion to 1 / k. */
static void test_zipf(void)
{
	struct missing *m = missing_new();
	struct judged *j = xnew(struct judged);
	double *sum = xzalloc(sizeof(double) * KINDS), total = 0;
	uint64_t state = 88172645463325252;
	size_t lost = 0;

	for (size_t k = 0; k < KINDS; k++)
		sum[k] = total += 1.0 / (double)(k + 1);
	for (int i = 0; i < ASKED; i++) {
		double at = (double)(next_random(&state) >> 11) / (double)(UINT64_C(1) << 53) *
			    total;
		size_t low = 0, high = KINDS - 1;
		char name[16];

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (sum[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		exact[low]++;
		snprintf(name, sizeof(name), "m%zu.pdb", low);
		count(m, name, "ABCDEF1", "10.0.0.1", i);
	}
	j->before = UINT64_MAX;
	missing_each(m, judge, j);
	for (size_t k = 0; k < KINDS; k++)
		lost += exact[k] > ASKED / MISSING_MAX && !j->seen[k];
	CHECK_INT((long long)j->n, MISSING_MAX, "so many are told as there are to be");
	CHECK_INT((long long)lost, 0,
		  "all that were more than one in MISSING_MAX of a million are among them");
	CHECK_INT((long long)j->wrong, 0,
		  "each true count lies between what is told and that without `over`");
	CHECK_INT((long long)j->disordered, 0, "the most frequent first");

	/* The table and the heap hold what they should through any number of removals. */
	for (size_t k = 0; k < KINDS; k++) {
		char name[16];

		snprintf(name, sizeof(name), "M%zu.pdb", k);
		missing_forget(m, slice_of(name), SLICE("abcdef1"));
	}
	CHECK_INT((long long)told(m, 0).n, 0, "each can be found, and forgotten");
	free(sum);
	free(j);
	missing_free(m);
}

/* ---- over a restart ---- */

#define GOOD                                                                                       \
	"{\"name\":\"a.pdb\",\"key\":\"1\",\"count\":3,\"over\":1,\"first\":5,\"last\":6,"         \
	"\"client\":\"::1\"}"

static const struct {
	const char *name, *text;
	size_t files;
} lines[] = {
	{"nothing", "", 0},
	{"one", GOOD, 1},
	{"one, and a line that was cut", GOOD "\n{\"name\":\"b.p", 1},
	{"rubbish first", "\n\xff\n[]\n" GOOD, 1},
	{"more in it than today",
	 "{\"new\":[1],\"name\":\"a\",\"key\":\"1\",\"count\":3,\"over\":1,"
	 "\"first\":5,\"last\":6,\"client\":\"::1\"}",
	 1},
	{"never asked for",
	 "{\"name\":\"a\",\"key\":\"1\",\"count\":0,\"over\":0,\"first\":5,\"last\":6,"
	 "\"client\":\"\"}",
	 0},
	{"more over than counted",
	 "{\"name\":\"a\",\"key\":\"1\",\"count\":1,\"over\":2,\"first\":5,"
	 "\"last\":6,\"client\":\"\"}",
	 0},
	{"last before first",
	 "{\"name\":\"a\",\"key\":\"1\",\"count\":1,\"over\":0,\"first\":5,\"last\":4,"
	 "\"client\":\"\"}",
	 0},
	{"a count that is none",
	 "{\"name\":\"a\",\"key\":\"1\",\"count\":\"1\",\"over\":0,\"first\":5,"
	 "\"last\":5,\"client\":\"\"}",
	 0},
};

static void test_lines(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct missing *m = missing_new();

		CHECK(missing_read(m, slice_of(lines[i].text)) == lines[i].files &&
			      told(m, 0).n == lines[i].files,
		      lines[i].name);
		missing_free(m);
	}
}

static void test_file(void)
{
	char name[] = "/tmp/pepto-missing-XXXXXX";
	struct missing *m = missing_new(), *after = missing_new();
	struct error e;
	struct told t;
	int dir;

	ASSERT(mkdtemp(name) && (dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
	CHECK(missing_load(after, dir, &e) == OK && told(after, 0).n == 0, "no file: nothing");
	count(m, "\xd0\x96\"\\.pdb", "ABC1", "fe80::1", 20);
	count(m, "\xff.pdb", "ABC1", "fe80::1", 20);
	for (int i = 0; i < 2; i++)
		CHECK_INT(missing_save(m, dir, &e), OK, "saved, also over what was there");
	CHECK_INT(missing_load(after, dir, &e), OK, "loaded");
	t = told(after, 0);
	CHECK(t.n == 1 && t.file.count == 1 && t.file.first_s == 20,
	      "all but a name that is no text");
	CHECK_STR(t.name, "\xd0\x96\"\\.pdb", "as it was");
	CHECK_STR(t.client, "fe80::1", "and who asked for it");

	close(openat(dir, "missing.new", O_WRONLY | O_CREAT, 0600));
	CHECK_INT(missing_save(m, dir, &e), ERR_IO, "another process is about it");
	ASSERT(utimensat(dir, "missing.new", (struct timespec[]){{0}, {0}}, 0) == 0);
	CHECK_INT(missing_save(m, dir, &e), OK, "no more");
	ASSERT(unlinkat(dir, "missing", 0) == 0 && mkdirat(dir, "missing", 0700) == 0);
	CHECK_INT(missing_load(after, dir, &e), ERR_CORRUPT, "a directory is no file");
	CHECK_INT(missing_save(m, dir, &e), ERR_IO, "nor can it be replaced");
	CHECK(faccessat(dir, "missing.new", F_OK, 0) != 0, "and nothing is left behind");
	ASSERT(unlinkat(dir, "missing", AT_REMOVEDIR) == 0 && rmdir(name) == 0);
	close(dir);
	missing_free(m);
	missing_free(after);
}

/* ---- threads ---- */

static void *write_some(void *arg)
{
	struct missing *m = arg;

	for (int i = 0; i < 20000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%d.pdb", i % 50);
		count(m, name, "1", "::1", i);
		if (i % 4096 == 0)
			(void)told(m, 0);
	}
	return NULL;
}

static void test_threads(void)
{
	struct missing *m = missing_new();
	pthread_t thread[WRITERS];
	struct told t;

	for (int i = 0; i < WRITERS; i++)
		ASSERT(pthread_create(&thread[i], NULL, write_some, m) == 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	t = told(m, 49);
	CHECK(t.n == 50 && t.file.count == WRITERS * 400, "none is lost between threads");
	missing_free(m);
}

int main(void)
{
	test_files();
	test_zipf();
	test_lines();
	test_file();
	test_threads();
	return tap_done();
}
