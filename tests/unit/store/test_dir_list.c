// SPDX-License-Identifier: MIT
/* Pages of what lies in a directory: in the order of a bucket, whole, and nothing from outside. */
#include "store/dir_find.h"
#include "store/dir_list.h"

#include "tap.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/test_dir_list.XXXXXX";
static const atomic_bool goes_on, stopped = true;

static const char *const folders[] = {"a", "a/1",  "a/1/deep", "a-b",     "a.pdb",
				      "B", "none", "many",     "sec\nret"};
static const char *const files[] = {"a/1/x",   "a/1/deep/y", "a/2",       "a-b/z",
				    "a.pdb/k", "B/k",        "loose.txt", "sec\nret/k"};

static void put(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void make(void)
{
	struct timespec at[2] = {{.tv_sec = 1796022000}, {.tv_sec = 1796022000}};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		ASSERT(mkdir(folders[i], 0700) == 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		put(files[i], "0123456");
	ASSERT(utimensat(AT_FDCWD, "a/2", at, 0) == 0);
	ASSERT(symlink("../B/k", "a/inside") == 0 && symlink("/etc/passwd", "a/outside") == 0);
	ASSERT(symlink("..", "a/circle") == 0 && symlink("gone", "a/nowhere") == 0);
	ASSERT(mkfifo("a/fifo", 0600) == 0);
	for (int i = 0; i < 2500; i++) {
		char name[20];

		snprintf(name, sizeof(name), "many/%04d", i);
		put(name, "");
	}
}

struct listed {
	struct buf text; /* entries with '|' between them */
	int pages, entries;
	struct name_fact fact; /* of a/2 */
	char etag[64];         /* of it */
};

/* All pages of it. */
static enum err list(const char *folder, bool deep, struct listed *ret, struct error *e)
{
	char *token CLEANUP(free_p) = xstrdup("");
	struct name_pages all CLEANUP(name_pages_fini) = {0};
	enum err err = OK;

	name_pages_init(&all, 0);
	*ret = (struct listed){.text = BUF_MAX(1 << 20)};
	do {
		struct buf answer CLEANUP(buf_fini) = {0};
		struct name_page page CLEANUP(name_page_fini) = {0};
		const struct dir_list_ask ask = {root, slice_of(folder), deep, slice_of(token),
						 &goes_on};
		size_t k = 0, f = 0;

		err = dir_list(&ask, &answer, e);
		if (!err)
			err = dir_list_read(buf_slice(&answer), &page, e);
		if (!err)
			err = name_pages_pass(&all, &page, e);
		while (!err && k + f < page.n_keys + page.n_folders) {
			bool key = f == page.n_folders ||
				   (k < page.n_keys &&
				    slice_compare(page.keys[k], page.folders[f]) < 0);

			if (key && slice_eq(page.keys[k], SLICE("2"))) {
				ret->fact = page.facts[k];
				snprintf(ret->etag, sizeof(ret->etag), SLICE_FMT,
					 SLICE_ARG(ret->fact.etag));
			}
			buf_puts(&ret->text, ret->entries++ ? "|" : "");
			buf_add(&ret->text, key ? page.keys[k++] : page.folders[f++]);
		}
		ret->pages++;
		free(token);
		token = xstrndup(page.next.p, page.next.n);
	} while (!err && token[0]);
	return err;
}

static bool is_etag_of_it(const char *etag)
{
	char path[4096], want[DIR_ETAG_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/2", root);
	ASSERT(stat(path, &st) == 0);
	dir_etag(&st, want);
	return strcmp(etag, want) == 0;
}

static const struct {
	const char *folder;
	bool deep;
	const char *found, *why;
} lists[] = {
	{"", false, "B/|a-b/|a.pdb/|a/|loose.txt|many/|none/|sec\nret/",
	 "the root, as a bucket sorts"},
	{"a/", false, "1/|2|inside", "a folder; of links those to files within"},
	{"a/1/", false, "deep/|x", "one further down"},
	{"none/", false, "", "an empty one"},
	{"gone/", false, "", "one that is not there"},
	{"loose.txt/", false, "", "a file is no folder"},
	{"a/", true, "1/deep/y|1/x|2|inside", "all that lies below a folder"},
	{"a", true, "-b/z|.pdb/k|/1/deep/y|/1/x|/2|/inside", "all that begins so"},
	{"a/1/d", true, "eep/y", "within a folder"},
	{"B/k", true, "", "a key itself, with nothing behind it"},
	{"b", true, "", "nothing, in this case"},
	{"sec", true, "\nret/k", "the beginning of an odd name"},
};

static void test_lists(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct listed l;
		struct error e = {0};
		enum err err = list(lists[i].folder, lists[i].deep, &l, &e);

		CHECK(!err, lists[i].why);
		CHECK_STR(buf_str(&l.text), lists[i].found, lists[i].why);
		if (lists[i].deep && strcmp(lists[i].folder, "a/") == 0)
			CHECK(l.fact.size == 7 && l.fact.modified_s == 1796022000 &&
				      is_etag_of_it(l.etag),
			      "size, time and ETag");
		buf_fini(&l.text);
	}
}

static void test_pages(void)
{
	struct listed l;

	CHECK(list("many/", true, &l, NULL) == OK && l.pages == 3 && l.entries == 2500,
	      "a thousand keys to a page");
	buf_fini(&l.text);
	CHECK(list("", true, &l, NULL) == OK && l.pages == 3 && l.entries == 2509,
	      "which ends in the midst of folders");
	buf_fini(&l.text);
	CHECK(list("many/", false, &l, NULL) == OK && l.pages == 1 && l.entries == 2500,
	      "names all at once");
	buf_fini(&l.text);
}

static void test_failures(void)
{
	struct buf answer CLEANUP(buf_fini) = {0};
	struct dir_list_ask ask = {root, SLICE("many/"), true, SLICE(""), &stopped};
	struct name_page page;
	struct error e;

	CHECK_INT(dir_list(&ask, &answer, &e), ERR_CANCELED, "it stops where it is not wanted");
	buf_fini(&answer);
	ask = (struct dir_list_ask){"/nowhere", SLICE(""), false, SLICE(""), &goes_on};
	CHECK(dir_list(&ask, &answer, &e) == ERR_IO && strstr(e.msg, "/nowhere"),
	      "a directory that is not there");
	CHECK(dir_list_read(SLICE("junk"), &page, &e) == OK && !page.n_keys && !page.n_folders,
	      "what is too short is no entry");
	name_page_fini(&page);
	if (geteuid() == 0)
		return;
	ASSERT(chmod("a/1", 0) == 0);
	ask = (struct dir_list_ask){root, SLICE("a/"), true, SLICE(""), &goes_on};
	CHECK(dir_list(&ask, &answer, &e) == ERR_DENIED && strstr(e.msg, "a/1"),
	      "a folder that may not be read is told");
	ASSERT(chmod("a/1", 0700) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

int main(void)
{
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	make();
	test_lists();
	test_pages();
	test_failures();
	ASSERT(chdir("/") == 0 && nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	return tap_done();
}
