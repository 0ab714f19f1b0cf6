// SPDX-License-Identifier: MIT
/* Drafts that nobody finishes, and empty folders. */
#include "store/dir_sweep.h"

#include "base/file.h"
#include "base/macros.h"
#include "store/dir_draft.h"
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAFT ".pepto-0123456789abcdef"

static char root[] = "/tmp/test_dir_sweep.XXXXXX";
static int at = -1;

static void test_names(void)
{
	static const struct {
		const char *name;
		bool is_draft;
	} rows[] = {
		{DRAFT, true},
		{".pepto-ffffffffffffffff", true},
		{".pepto-0123456789abcde", false},
		{".pepto-0123456789abcdef0", false},
		{".pepto-0123456789abcdeF", false},
		{".pepto-0123456789abcdeg", false},
		{".Pepto-0123456789abcdef", false},
		{"pepto-0123456789abcdef", false},
		{"x.pepto-0123456789abcdef", false},
		{".pepto-", false},
		{".pepto", false},
		{".pepto_0123456789abcdef", false},
		{"lock", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(dir_is_draft(rows[i].name), rows[i].is_draft, rows[i].name);
}

/* "d/" is a folder, "l>x" a link to x, anything else a file. */
static void make(const char *what)
{
	char name[200];
	const char *to = strchr(what, '>');
	size_t n = strlen(what);
	int fd;

	snprintf(name, sizeof(name), "%.*s", to ? (int)(to - what) : (int)n, what);
	if (to) {
		ASSERT(symlinkat(to + 1, at, name) == 0);
	} else if (what[n - 1] == '/') {
		name[n - 1] = '\0';
		ASSERT(mkdirat(at, name, 0777) == 0);
	} else {
		fd = openat(at, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
		ASSERT(fd >= 0);
		close(fd);
	}
}

static bool is_there(const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_sweep(void)
{
	static const struct {
		const char *what, *made[8], *folder;
		size_t want;
		const char *left, *gone; /* NULL: not looked for */
	} rows[] = {
		{"nothing there", {NULL}, "a/b", 0, NULL, NULL},
		{"an empty folder goes", {"a/", "a/b/"}, "a/b", 0, NULL, "a"},
		{"a draft, and then its folder",
		 {"a/", "a/b/", "a/b/" DRAFT, "a/b/.pepto-0000000000000000"},
		 "a/b",
		 2,
		 NULL,
		 "a"},
		{"a file beside it", {"a/", "a/" DRAFT, "a/foo"}, "a", 1, "a/foo", "a/" DRAFT},
		{"a file in the folder above",
		 {"a/", "a/b/", "a/b/" DRAFT, "a/foo"},
		 "a/b",
		 1,
		 "a/foo",
		 "a/b"},
		{"nearly a draft", {"a/", "a/.pepto-0"}, "a", 0, "a/.pepto-0", NULL},
		{"a folder of that name", {"a/", "a/" DRAFT "/"}, "a", 0, "a/" DRAFT, NULL},
		{"a link of that name",
		 {"a/", "a/" DRAFT ">/etc/passwd"},
		 "a",
		 0,
		 "a/" DRAFT,
		 NULL},
		{"only of this folder", {"a/", "a/b/", "a/b/" DRAFT}, "a", 0, "a/b/" DRAFT, NULL},
		{"in the root, which stays", {DRAFT}, "", 1, "", DRAFT},
		{"by a link within", {"a/", "a/" DRAFT, "b>a"}, "b", 1, "b", "a/" DRAFT},
		{"by a link that leads outside", {"b>/tmp"}, "b", 0, "b", NULL},
		{"no folder", {"a"}, "a", 0, "a", NULL},
		{"above the root", {NULL}, "..", 0, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char path[100], command[200];

		for (size_t k = 0; k < ARRAY_LEN(rows[i].made) && rows[i].made[k]; k++)
			make(rows[i].made[k]);
		snprintf(path, sizeof(path), "%s", rows[i].folder);
		CHECK_INT(dir_sweep(at, path), rows[i].want, rows[i].what);
		CHECK(!rows[i].left || is_there(rows[i].left[0] ? rows[i].left : "."),
		      "what stays");
		CHECK(!rows[i].gone || !is_there(rows[i].gone), "what goes");
		snprintf(command, sizeof(command), "rm -rf %s/* %s/.pepto*", root, root);
		ASSERT(system(command) == 0);
	}
}

/* Its names are those that are looked for. */
static void test_a_real_draft(void)
{
	static const char empty[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	const atomic_bool stop = false;
	struct dir_draft d = {.folder = "foo/1", .name = "foo"};
	const struct store_body body = store_body_of(SLICE(""));
	char path[] = "foo/1";

	ASSERT(dir_draft_write(&d, at, &body, empty, NULL, &stop, NULL) == OK);
	CHECK(dir_is_draft(d.draft) && is_there("foo/1"), "what is written has such a name");
	CHECK_INT(dir_sweep(at, path), 1, "and is swept");
	CHECK(!is_there("foo"), "with its folders");
}

int main(void)
{
	ASSERT(mkdtemp(root));
	at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT(at >= 0);
	test_names();
	test_sweep();
	test_a_real_draft();
	close(at);
	ASSERT(rmdir(root) == 0);
	return tap_done();
}
