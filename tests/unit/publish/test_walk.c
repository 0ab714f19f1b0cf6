// SPDX-License-Identifier: MIT
#include "publish/walk.h"
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct seen {
	struct buf files; /* "path:size ", in the order of the walk */
	size_t n, named, failed;
};

static void take_file(void *ud, const char *path, int fd, const struct stat *st, bool is_named)
{
	struct seen *s = ud;
	char byte;

	s->n++;
	s->named += is_named;
	CHECK_INT(read(fd, &byte, 1), st->st_size > 0, "it can be read");
	buf_printf(&s->files, "%s:%lld ", path, (long long)st->st_size);
}

static void take_failure(void *ud, const char *path, const struct error *e)
{
	struct seen *s = ud;

	CHECK(e->code == ERR_IO && e->msg[0] && path[0], "what failed, and why");
	s->failed++;
}

static void make_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ASSERT(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void see(struct seen *s, const char *path)
{
	struct walk w = {take_file, take_failure, s};

	*s = (struct seen){.files = BUF_MAX(65536)};
	walk(&w, path);
}

static void make_tree(void)
{
	ASSERT(mkdir("tree", 0700) == 0 && mkdir("tree/sub", 0700) == 0);
	make_file("tree/a", "1");
	make_file("tree/sub/b", "22");
	make_file("tree/.hidden", "");
	ASSERT(symlink("..", "tree/sub/loop") == 0 && symlink("sub/b", "tree/link") == 0);
	ASSERT(mkfifo("tree/pipe", 0600) == 0);
}

static void test_tree(void)
{
	struct seen s;

	see(&s, "tree");
	CHECK(s.n == 3 && s.named == 0 && s.failed == 0, "three files; no link, no pipe");
	CHECK(strstr(buf_str(&s.files), "tree/a:1 ") &&
		      strstr(buf_str(&s.files), "tree/.hidden:0 "),
	      "by their paths");
	CHECK(strstr(buf_str(&s.files), "tree/sub/b:2 "), "in folders, too");
	buf_fini(&s.files);
	see(&s, "tree/");
	CHECK(strstr(buf_str(&s.files), "tree/sub/b:2 "), "one slash is enough");
	buf_fini(&s.files);
}

static void test_named(void)
{
	static const struct {
		const char *path;
		size_t n, named, failed;
	} rows[] = {
		{"tree/a", 1, 1, 0},    {"tree/link", 1, 1, 0},    {"tree/sub/loop", 3, 0, 0},
		{"tree/pipe", 0, 0, 1}, {"tree/nowhere", 0, 0, 1}, {"tree/a/b", 0, 0, 1},
		{"/dev/null", 0, 0, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct seen s;

		see(&s, rows[i].path);
		CHECK_INT(s.n, rows[i].n, rows[i].path);
		CHECK_INT(s.named, rows[i].named, rows[i].path);
		CHECK_INT(s.failed, rows[i].failed, rows[i].path);
		buf_fini(&s.files);
	}
}

static void test_depth(void)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(4096);
	struct seen s;

	buf_puts(&path, "deep");
	for (size_t i = 0; i < WALK_DEPTH_MAX; i++) {
		ASSERT(mkdir(buf_str(&path), 0700) == 0);
		buf_puts(&path, "/d");
	}
	make_file(buf_str(&path), "x");
	see(&s, "deep");
	CHECK(s.n == 1 && s.failed == 0, "as deep as it goes");
	buf_fini(&s.files);
	ASSERT(remove(buf_str(&path)) == 0 && mkdir(buf_str(&path), 0700) == 0);
	buf_puts(&path, "/d");
	make_file(buf_str(&path), "x");
	see(&s, "deep");
	CHECK(s.n == 0 && s.failed == 1, "deeper is told");
	buf_fini(&s.files);
}

int main(void)
{
	char at[] = "/tmp/walk-XXXXXX";
	char remove_all[64];

	ASSERT(mkdtemp(at) && chdir(at) == 0);
	make_tree();
	test_tree();
	test_named();
	test_depth();
	(void)snprintf(remove_all, sizeof(remove_all), "rm -rf %s", at);
	ASSERT(system(remove_all) == 0);
	return tap_done();
}
