// SPDX-License-Identifier: MIT
/*
 * The cache's directory on a real file system: what becomes visible and when, what a damaged file
 * or a vanished directory does, and whose drafts are reclaimed. Whatever concerns drafts is done
 * twice: with files without a name, and with the names in tmp/ that stand in for them.
 */
#include "base/clock.h"
#include "base/file.h"
#include "cache/disk_priv.h"
#include "metric/metric.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOW  INT64_C(1700000000)
#define BODY 5000 /* bytes of a body where its length does not matter */

static char base[] = "/tmp/pepto-disk-XXXXXX";
static char dir[128]; /* of the test that runs */
static bool named;    /* drafts have names */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path in dir; good until the next but three. */
static const char *in_dir(const char *name)
{
	static char paths[4][256];
	static size_t next;
	char *path = paths[next++ % ARRAY_LEN(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

/* How many files there are of a pattern in dir. */
static size_t count(const char *pattern)
{
	glob_t g = {0};
	size_t n = glob(in_dir(pattern), 0, NULL, &g) == 0 ? g.gl_pathc : 0;

	globfree(&g);
	return n;
}

static struct disk *open_disk(void)
{
	struct disk *d = NULL;
	struct error e = {0};

	if (disk_open(dir, &d, &e))
		printf("# %s\n", e.msg);
	ASSERT(d);
	atomic_store(&d->no_tmpfile, named);
	return d;
}

/* A disk in a directory that was not there. */
static struct disk *new_disk(void)
{
	remove_tree(dir);
	return open_disk();
}

static struct object_id id_of(uint8_t n)
{
	return (struct object_id){{0xc0, n, [15] = n}};
}

static const char *object_file(uint8_t n)
{
	char path[DISK_PATH_LEN];
	struct object_id id = id_of(n);

	disk_object_path(&id, path);
	return in_dir(path);
}

static struct object_meta meta_of(uint8_t n, char letter, int64_t length)
{
	struct object_meta m = {.id = id_of(n), .length = length, .mtime = 12345, .key = "a/b/c"};

	m.etag[0] = letter;
	return m;
}

static void write_body(int fd, char letter, int64_t length)
{
	char *body = xzalloc((size_t)length + 1);

	memset(body, letter, (size_t)length);
	ASSERT(pwrite(fd, body, (size_t)length, OBJECT_HEADER_SIZE) == length);
	free(body);
}

/* A draft with its body in it. */
static struct draft *fill_draft(struct disk *d, char letter, int64_t length)
{
	struct draft *draft = NULL;

	ASSERT(disk_draft(d, length, &draft, NULL) == OK);
	write_body(draft_fd(draft), letter, length);
	return draft;
}

static enum err put(struct disk *d, uint8_t n, char letter, int64_t length)
{
	struct draft *draft = fill_draft(d, letter, length);
	struct object_meta m = meta_of(n, letter, length);
	struct error e = {0};
	enum err err = disk_keep(d, draft, &m, false, NULL, NULL, &e);

	if (err)
		printf("# %s\n", e.msg);
	draft_free(draft);
	return err;
}

static bool body_is(int fd, char letter, int64_t length)
{
	char *body = xzalloc((size_t)length + 1);
	bool ok = pread(fd, body, (size_t)length + 1, OBJECT_HEADER_SIZE) == length;

	for (int64_t i = 0; ok && i < length; i++)
		ok = body[i] == letter;
	free(body);
	return ok;
}

static enum disk_found find(struct disk *d, uint8_t n, struct disk_object *ret)
{
	struct object_id id = id_of(n);
	struct error e = {0};
	enum disk_found found;

	*ret = (struct disk_object){.fd = 12345, .damaged = true};
	found = disk_find(d, &id, ret, &e);
	ASSERT((found == DISK_HIT) == (ret->fd >= 0));
	ASSERT((found == DISK_ERROR || ret->damaged) == (e.msg[0] != '\0'));
	return found;
}

/* What there is of object n: its letter, or '-' for none, '!' for an error, '?' for a mixture. */
static char look(struct disk *d, uint8_t n)
{
	struct disk_object o;
	enum disk_found found = find(d, n, &o);
	char letter = found == DISK_NONE ? '-' : '!';

	if (found == DISK_HIT)
		letter = body_is(o.fd, o.meta.etag[0], o.meta.length) ? o.meta.etag[0] : '?';
	close_p(&o.fd);
	return letter;
}

static mode_t mode_of(const char *path)
{
	struct stat st = {0};

	lstat(path, &st);
	return st.st_mode & 0777;
}

static void make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void check_open(void)
{
	struct disk *d = NULL;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/deep/er/", base);
	CHECK_INT(disk_open(dir, &d, NULL), OK, "a directory is made with those above it");
	CHECK(d && fstat(disk_root(d), &st) == 0 && (st.st_mode & 07777) == 0700, "private");
	disk_free(d);
	snprintf(dir, sizeof(dir), "%s/deep", base);
	CHECK_INT(mode_of(dir), 0700, "they too");
	snprintf(dir, sizeof(dir), "%s/deep/er", base);
	CHECK_INT(count("CACHEDIR.TAG"), 1, "it has the tag");
	chmod(dir, 0755);
	CHECK_INT(disk_open(dir, &d, NULL), OK, "one that is there is opened");
	CHECK_INT(mode_of(dir), 0700, "and made private");
	disk_free(d);
	make_file(in_dir("note"), "");
	CHECK_INT(disk_open(dir, &d, NULL), OK, "with a tag it may hold anything");
	disk_free(d);
	disk_free(NULL);
}

/* The directory with this in it is not taken, and stays as it was. */
static void check_refused(enum err want, const char *word, const char *name)
{
	mode_t before = mode_of(dir);
	struct disk *d = NULL;
	struct error e = {0};

	CHECK_INT(disk_open(dir, &d, &e), want, name);
	if (!CHECK(!d && strstr(e.msg, word) && mode_of(dir) == before, "and is left alone"))
		printf("# %s\n", e.msg);
}

static void check_open_refusals(void)
{
	static const mode_t modes[] = {0777, 0770, 0702, 01777};
	struct disk *d = NULL;

	snprintf(dir, sizeof(dir), "%s/refused", base);
	ASSERT(mkdir(dir, 0700) == 0);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		chmod(dir, modes[i]);
		check_refused(ERR_USAGE, "chmod 700", "others may write");
	}
	chmod(dir, 0755);
	ASSERT(mkdir(in_dir("lib"), 0700) == 0);
	check_refused(ERR_USAGE, "'lib'", "it is used for something else");
	rmdir(in_dir("lib"));
	ASSERT(mkdir(in_dir("lost+found"), 0700) == 0 && mkdir(in_dir("objects"), 0700) == 0);
	ASSERT(mkdir(in_dir("trash.0123456789abcdef"), 0700) == 0 &&
	       mkdir(in_dir("plans"), 0700) == 0);
	make_file(in_dir("CACHEDIR.TAG"), "");
	CHECK_INT(disk_open(dir, &d, NULL), OK, "what a cache holds is no hindrance");
	disk_free(d);
	if (geteuid() == 0 && chown(dir, 12345, (gid_t)-1) == 0)
		check_refused(ERR_USAGE, "user 12345", "it belongs to somebody else");
	else
		CHECK(true, "another owner # SKIP not root");
	snprintf(dir, sizeof(dir), "%s/file", base);
	make_file(dir, "");
	check_refused(ERR_IO, "Not a directory", "a file");
	snprintf(dir, sizeof(dir), "%s/file/below", base);
	check_refused(ERR_IO, "Not a directory", "a directory below a file");
	snprintf(dir, sizeof(dir), "%c", '\0');
	check_refused(ERR_IO, "No such file", "no name at all");
}

static void check_keep(void)
{
	static const int64_t lengths[] = {0, 1, BODY, 1 << 20};
	struct disk *d = new_disk();
	struct disk_object o;

	CHECK_INT(look(d, 1), '-', "an empty cache has nothing");
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		CHECK_INT(put(d, (uint8_t)i, 'a', lengths[i]), OK, "kept");
		CHECK_INT(look(d, (uint8_t)i), 'a', "and found whole");
	}
	CHECK_INT(find(d, 2, &o), DISK_HIT, "a hit");
	CHECK(o.meta.length == BODY && o.meta.mtime == 12345 && !o.damaged, "with its meta");
	CHECK_STR(o.meta.key, "a/b/c", "all of it");
	CHECK_INT(o.checked_s, NOW, "checked now");
	CHECK_INT(o.used_s, NOW, "used now");
	CHECK_INT(fcntl(o.fd, F_GETFL) & O_ACCMODE, O_RDONLY, "for reading only");
	close(o.fd);
	CHECK_INT(mode_of(object_file(2)), 0600, "private");
	CHECK_INT(mode_of(in_dir("objects")), 0700, "as is its directory");
	CHECK_INT(count("tmp/*"), 0, "nothing is left over");
	disk_free(d);
}

static void check_visibility(void)
{
	struct disk *d = new_disk();
	struct draft *draft = fill_draft(d, 'a', BODY);
	struct object_meta m = meta_of(1, 'a', BODY);

	CHECK_INT(look(d, 1), '-', "a draft is not seen");
	CHECK_INT(count("tmp/*"), named, "and has a name only where it must");
	CHECK_INT(disk_keep(d, draft, &m, false, NULL, NULL, NULL), OK, "kept");
	CHECK_INT(look(d, 1), 'a', "it is");
	CHECK(body_is(draft_fd(draft), 'a', BODY), "and can be read by way of the draft too");
	draft_free(draft);
	CHECK_INT(look(d, 1), 'a', "it does not go with the draft");
	draft_free(fill_draft(d, 'b', BODY));
	draft_free(NULL);
	CHECK_INT(count("tmp/*"), 0, "one that was not kept does");
	disk_free(d);
}

/* One that yields takes the place of its own older version, and of no other key's. */
static void check_yield(void)
{
	static const struct {
		const char *key;
		bool yields;
		enum err err;
		char there;
	} steps[] = {
		{"Foo", true, OK, 'a'},           {"Foo", true, OK, 'b'},  {"foo", false, OK, 'c'},
		{"Foo", true, ERR_CANCELED, 'c'}, {"foo", false, OK, 'e'}, {"Foo", false, OK, 'f'},
	};
	struct disk *d = new_disk();

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct draft *draft = fill_draft(d, (char)('a' + i), BODY);
		struct object_meta m = meta_of(1, (char)('a' + i), BODY);

		snprintf(m.key, sizeof(m.key), "%s", steps[i].key);
		CHECK_INT(disk_keep(d, draft, &m, steps[i].yields, NULL, NULL, NULL), steps[i].err,
			  steps[i].key);
		draft_free(draft);
		CHECK_INT(look(d, 1), steps[i].there, "what lies there");
	}
	CHECK_INT(count("tmp/*"), 0, "nothing is left over");
	disk_free(d);
}

static void check_replace(void)
{
	struct disk *d = new_disk();
	struct disk_object old;

	ASSERT(put(d, 1, 'a', BODY) == OK && find(d, 1, &old) == DISK_HIT);
	CHECK_INT(put(d, 1, 'b', BODY + 1), OK, "an object is replaced");
	CHECK_INT(look(d, 1), 'b', "by the new one");
	CHECK(body_is(old.fd, 'a', BODY), "while who reads the old one still does");
	CHECK_INT(put(d, 1, 'c', 1), OK, "and again");
	CHECK_INT(look(d, 1), 'c', "by a shorter one");
	CHECK_INT(count("tmp/*"), 0, "no name is left in tmp");
	close(old.fd);
	disk_free(d);
}

static void check_refused_bodies(void)
{
	static const struct {
		const char *name;
		int64_t written, told;
		char etag;
	} cases[] = {
		{"a byte too few", BODY - 1, BODY, 'a'},
		{"a byte too many", BODY + 1, BODY, 'a'},
		{"no body", 0, BODY, 'a'},
		{"a body where none was", 1, 0, 'a'},
		{"negative", 0, -1, 'a'},
		{"not even the header", 0, -1024, 'a'},
		{"control byte", BODY, BODY, '\n'},
	};
	struct disk *d = new_disk();
	struct draft *draft = NULL;
	struct object_meta meta;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		meta = meta_of(1, cases[i].etag, cases[i].told);
		draft = fill_draft(d, 'a', cases[i].written);
		CHECK_INT(disk_keep(d, draft, &meta, false, NULL, NULL, NULL), ERR_CORRUPT,
			  cases[i].name);
		CHECK_INT(look(d, 1), '-', "is not kept");
		draft_free(draft);
	}
	meta = meta_of(1, 'a', BODY);
	ASSERT(disk_draft(d, BODY, &draft, NULL) == OK);
	write_body(draft_fd(draft), 'a', BODY - 1);
	CHECK_INT(disk_keep(d, draft, &meta, false, NULL, NULL, NULL), ERR_CORRUPT,
		  "space reserved is none written");
	draft_free(draft);
	draft = NULL;
	CHECK_INT(disk_draft(d, -1, &draft, NULL), ERR_LIMIT, "no draft of a negative length");
	CHECK_INT(disk_draft(d, INT64_MAX, &draft, NULL), ERR_LIMIT, "none without an end");
	CHECK_INT(disk_draft(d, OBJECT_LENGTH_MAX, &draft, NULL), ERR_IO, "none beyond all disks");
	CHECK(!draft, "and none is returned");
	CHECK_INT(count("tmp/*"), 0, "nothing is left over");
	disk_free(d);
}

static void check_vanished(void)
{
	struct disk *d = new_disk();
	struct object_meta m = meta_of(1, 'b', BODY);
	struct draft *draft;

	ASSERT(put(d, 1, 'a', BODY) == OK);
	remove_tree(in_dir("objects"));
	remove_tree(in_dir("tmp"));
	CHECK_INT(look(d, 1), '-', "all objects deleted by hand: nothing is found");
	CHECK_INT(put(d, 1, 'a', BODY), OK, "the next one makes its directories");
	CHECK_INT(look(d, 1), 'a', "and is found");
	draft = fill_draft(d, 'b', BODY);
	remove_tree(in_dir("objects"));
	CHECK_INT(disk_keep(d, draft, &m, false, NULL, NULL, NULL), OK,
		  "deleted while a draft was filled");
	CHECK_INT(look(d, 1), 'b', "it is kept all the same");
	draft_free(draft);
	remove_tree(in_dir("objects"));
	make_file(in_dir("objects"), "");
	CHECK_INT(look(d, 1), '-', "a file in place of objects/ holds nothing");
	disk_free(d);
}

static void check_vanished_root(void)
{
	struct disk *d = new_disk();
	struct object_id id = id_of(1);
	struct draft *draft = fill_draft(d, 'a', BODY), *none = NULL;
	struct object_meta m = meta_of(1, 'a', BODY);

	remove_tree(dir);
	CHECK_INT(disk_keep(d, draft, &m, false, NULL, NULL, NULL), ERR_IO,
		  "the whole cache deleted: not kept");
	CHECK(body_is(draft_fd(draft), 'a', BODY), "but what is being read stays readable");
	draft_free(draft);
	CHECK_INT(look(d, 1), '-', "nothing is found");
	CHECK_INT(disk_draft(d, BODY, &none, NULL), ERR_IO, "no draft");
	CHECK(!none, "is returned");
	CHECK_INT(atomic_load(&d->no_tmpfile), named, "which says nothing of the file system");
	CHECK_INT(disk_remove(d, &id, NULL), OK, "removing is done");
	CHECK_INT(disk_empty(d, NULL), OK, "emptying too");
	disk_reclaim(d);
	disk_free(d);
}

static void check_empty(void)
{
	struct disk *d = new_disk(), *other = open_disk();
	struct disk_object held;
	struct draft *draft = fill_draft(d, 'b', BODY);
	struct object_meta m = meta_of(2, 'b', BODY);

	CHECK_INT(disk_empty(d, NULL), OK, "an empty cache can be emptied");
	ASSERT(put(d, 1, 'a', BODY) == OK && find(other, 1, &held) == DISK_HIT);
	CHECK_INT(disk_empty(d, NULL), OK, "a full one too");
	CHECK_INT(look(d, 1), '-', "then it has nothing");
	CHECK_INT(look(other, 1), '-', "for another process neither");
	CHECK(body_is(held.fd, 'a', BODY), "who reads goes on");
	CHECK(count("trash.*") >= 1, "it waits in the trash");
	CHECK_INT(put(other, 1, 'c', BODY), OK, "the other process fills it again");
	CHECK_INT(look(d, 1), 'c', "for both");
	CHECK_INT(disk_keep(d, draft, &m, false, NULL, NULL, NULL), OK,
		  "a draft from before is kept");
	CHECK_INT(look(other, 2), 'b', "and found by the other");
	CHECK_INT(disk_empty(other, NULL), OK, "emptied again");
	CHECK_INT(count("trash.*/c0/*"), 3, "under another name");
	draft_free(draft);
	close(held.fd);
	disk_free(other);
	disk_free(d);
}

static void damage(uint8_t n, size_t at, char value)
{
	int fd = open(object_file(n), O_WRONLY | O_CLOEXEC);

	ASSERT(fd >= 0 && pwrite(fd, &value, 1, (off_t)at) == 1);
	close(fd);
}

/* A file that is no valid object: none, told so, gone, and its place free. */
static void check_damaged(struct disk *d, const char *name)
{
	struct disk_object o;

	CHECK_INT(find(d, 1, &o), DISK_NONE, name);
	CHECK(o.damaged, "is damaged");
	CHECK_INT(find(d, 1, &o), DISK_NONE, "and gone");
	CHECK(!o.damaged, "as if it never was");
	CHECK_INT(put(d, 1, 'a', BODY), OK, "a new one takes its place");
	CHECK_INT(look(d, 1), 'a', "and is good");
}

static void check_damage(void)
{
	static const size_t at[] = {0, 8, 12, 16, 32, 40, 48, 56, 64, 192, 232, 360, 1016, 1023};
	static const off_t sizes[] = {0, 7, 1023, 1024, BODY + 1023, BODY + 1025};
	struct disk *d = new_disk();

	ASSERT(put(d, 1, 'a', BODY) == OK);
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		damage(1, at[i], '\xee');
		check_damaged(d, "a byte of the header");
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		ASSERT(truncate(object_file(1), sizes[i]) == 0);
		check_damaged(d, "another size");
	}
	ASSERT(put(d, 2, 'b', BODY) == OK && rename(object_file(2), object_file(1)) == 0);
	check_damaged(d, "another object's file");
	disk_free(d);
}

static void check_no_files(void)
{
	struct disk *d = new_disk();

	ASSERT(put(d, 1, 'a', BODY) == OK);
	ASSERT(rename(object_file(1), in_dir("elsewhere")) == 0);
	ASSERT(symlink(in_dir("elsewhere"), object_file(1)) == 0);
	CHECK_INT(look(d, 1), '-', "a link is not followed");
	CHECK_INT(put(d, 1, 'c', BODY), OK, "but replaced");
	CHECK_INT(look(d, 1), 'c', "by an object");
	CHECK_INT(count("elsewhere"), 1, "and what it led to is untouched");
	unlink(object_file(1));
	ASSERT(mkfifo(object_file(1), 0600) == 0);
	CHECK_INT(look(d, 1), '-', "a fifo is not waited for");
	CHECK_INT(put(d, 1, 'd', BODY), OK, "but replaced too");
	CHECK_INT(look(d, 1), 'd', "by an object");
	unlink(object_file(1));
	ASSERT(mkdir(object_file(1), 0700) == 0);
	CHECK_INT(look(d, 1), '-', "a directory is no object");
	CHECK_INT(put(d, 1, 'e', BODY), ERR_IO, "and not replaced");
	CHECK_INT(count("tmp/*"), 0, "which leaves nothing");
	rmdir(object_file(1));
	disk_free(d);
}

static void check_remove(void)
{
	struct disk *d = new_disk();
	struct object_id id = id_of(1);

	CHECK_INT(disk_remove(d, &id, NULL), OK, "nothing to remove is no error");
	ASSERT(put(d, 1, 'a', BODY) == OK && put(d, 2, 'b', BODY) == OK);
	CHECK_INT(disk_remove(d, &id, NULL), OK, "removed");
	CHECK_INT(look(d, 1), '-', "it is gone");
	CHECK_INT(look(d, 2), 'b', "the other is not");
	CHECK_INT(disk_remove(d, &id, NULL), OK, "twice is once");
	ASSERT(mkdir(object_file(1), 0700) == 0);
	CHECK_INT(disk_remove(d, &id, NULL), ERR_IO, "what is no file is not removed");
	disk_free(d);
}

static void check_touch(void)
{
	struct disk *d = new_disk();
	struct disk_object o;

	ASSERT(put(d, 1, 'a', BODY) == OK && find(d, 1, &o) == DISK_HIT);
	clock_freeze_wall_s(NOW + 5);
	disk_touch_used(o.fd);
	close(o.fd);
	ASSERT(find(d, 1, &o) == DISK_HIT);
	CHECK(o.used_s == NOW + 5 && o.checked_s == NOW, "used later than checked");
	clock_freeze_wall_s(NOW + 9);
	disk_touch_checked(o.fd);
	close(o.fd);
	ASSERT(find(d, 1, &o) == DISK_HIT);
	CHECK(o.used_s == NOW + 5 && o.checked_s == NOW + 9, "checked later than used");
	body_is(o.fd, 'a', BODY);
	close(o.fd);
	ASSERT(find(d, 1, &o) == DISK_HIT);
	CHECK_INT(o.used_s, NOW + 5, "reading alone is no use");
	close(o.fd);
	clock_freeze_wall_s(NOW);
	disk_free(d);
}

/* No descriptor is left: that is neither a hit nor a miss. */
static void check_error(void)
{
	struct disk *d = new_disk();
	struct rlimit before, none;
	struct draft *draft = NULL;
	int next;

	ASSERT(put(d, 1, 'a', BODY) == OK && getrlimit(RLIMIT_NOFILE, &before) == 0);
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(next);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	ASSERT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK_INT(look(d, 1), '!', "no descriptor left is an error");
	CHECK_INT(disk_draft(d, BODY, &draft, NULL), ERR_IO, "for a draft too");
	disk_reclaim(d);
	ASSERT(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK_INT(look(d, 1), 'a', "and the object is still there");
	CHECK_INT(atomic_load(&d->no_tmpfile), named, "nor does it say anything of the disk");
	disk_free(d);
}

static void check_full(void)
{
	struct disk *d;
	struct draft *draft = NULL;
	struct error e = {0};
	int kept = 0;

	remove_tree(dir);
	ASSERT(mkdir(dir, 0700) == 0);
	if (mount("tmpfs", dir, "tmpfs", 0, "size=128k,mode=0700") != 0) {
		CHECK(true, "a full disk # SKIP no right to mount");
		return;
	}
	d = open_disk();
	CHECK_INT(disk_draft(d, 128 * 1024, &draft, &e), ERR_IO, "no space for the body");
	CHECK(!draft && e.sys == ENOSPC, "is known before it comes");
	CHECK_INT(count("tmp/*"), 0, "and leaves nothing");
	for (int i = 0; i < 10; i++) {
		struct draft *big = fill_draft(d, 'a', 80 * 1024);

		ASSERT(big);
		CHECK_INT(disk_draft(d, 80 * 1024, &draft, &e), ERR_IO, "nor for a second one");
		draft_free(big);
	}
	for (int i = 0; i < 10; i++)
		kept += put(d, 1, (char)('a' + i), 40 * 1024) == OK;
	CHECK_INT(kept, 10, "freed drafts and replaced objects give their space back");
	CHECK_INT(look(d, 1), 'j', "the last one is there");
	disk_free(d);
	ASSERT(umount2(dir, MNT_DETACH) == 0);
}

/* In a child: hold a draft in tmp/, say so, and wait to be killed. */
static pid_t fork_holder(void)
{
	int ready[2];
	char c;
	pid_t pid;

	ASSERT(pipe(ready) == 0);
	pid = fork();
	ASSERT(pid >= 0);
	if (pid == 0) {
		struct disk *d = open_disk();

		fill_draft(d, 'h', BODY);
		ASSERT(write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	return pid;
}

static void check_reclaim(void)
{
	struct disk *d = new_disk();
	struct draft *mine;
	struct object_meta m = meta_of(1, 'a', BODY);
	pid_t pid;

	disk_reclaim(d);
	CHECK_INT(look(d, 1), '-', "with nothing there nothing happens");
	pid = fork_holder();
	mine = fill_draft(d, 'a', BODY);
	make_file(in_dir("tmp/0123456789abcdef"), "left over");
	make_file(in_dir("tmp/0123456789abcde"), "not ours");
	make_file(in_dir("tmp/0123456789abcdef0"), "nor this");
	disk_reclaim(d);
	CHECK_INT(count("tmp/*"), 4, "what lives and what is foreign stays");
	CHECK_INT(count("tmp/0123456789abcdef"), 0, "what nobody holds goes");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_INT(count("tmp/*"), 4, "a killed process leaves its draft");
	disk_reclaim(d);
	CHECK_INT(count("tmp/*"), 3, "which the next one takes away");
	CHECK_INT(disk_keep(d, mine, &m, false, NULL, NULL, NULL), OK, "ours is still good");
	CHECK_INT(look(d, 1), 'a', "and kept");
	draft_free(mine);
	disk_free(d);
}

#define ROUNDS 300

struct worker {
	pthread_t thread;
	char letter;
	int wrong;
	atomic_bool *over; /* NULL: a writer, which ends by itself */
};

/* Each has a disk of its own, as another process would. */
static void *write_objects(void *arg)
{
	struct worker *w = arg;
	struct disk *d = open_disk();

	for (int i = 0; i < ROUNDS; i++)
		w->wrong += put(d, (uint8_t)(i % 2), w->letter, BODY + w->letter) != OK;
	disk_free(d);
	return NULL;
}

static void *read_objects(void *arg)
{
	struct worker *w = arg;
	struct disk *d = open_disk();

	while (!atomic_load(w->over)) {
		char seen = look(d, 0);

		w->wrong += seen == '?' || seen == '!';
		disk_reclaim(d);
	}
	disk_free(d);
	return NULL;
}

static void check_crowd(void)
{
	atomic_bool over = false;
	struct worker w[] = {{.letter = 'a'}, {.letter = 'b'}, {.over = &over}};

	disk_free(new_disk());
	for (size_t i = 0; i < ARRAY_LEN(w); i++)
		ASSERT(pthread_create(&w[i].thread, NULL, w[i].over ? read_objects : write_objects,
				      &w[i]) == 0);
	pthread_join(w[0].thread, NULL);
	pthread_join(w[1].thread, NULL);
	atomic_store(&over, true);
	pthread_join(w[2].thread, NULL);
	CHECK_INT(w[0].wrong + w[1].wrong, 0, "of two who write all is kept");
	CHECK_INT(w[2].wrong, 0, "who reads never sees a part, nor reclaims what lives");
	CHECK_INT(count("tmp/*"), 0, "and nothing is left over");
}

static void check_drafts(void)
{
	snprintf(dir, sizeof(dir), "%s/%s", base, named ? "named" : "unnamed");
	check_keep();
	check_visibility();
	check_replace();
	check_yield();
	check_refused_bodies();
	check_vanished();
	check_vanished_root();
	check_empty();
	check_no_files();
	check_error();
	check_full();
	check_crowd();
}

/* ---- files that are never kept ---- */

/* The file itself: in which directory, and has it a name? */
static bool lies_unnamed_in(int fd, const char *where)
{
	char path[32], link[256];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link));
	return fstat(fd, &st) == 0 && st.st_nlink == 0 && n > 0 &&
	       slice_starts((struct slice){link, (size_t)n}, slice_of(where));
}

static void check_scratch(void)
{
	int64_t refused = metric_get(refused_spool);
	const int64_t half = FILE_TEMPORARY_MAX / 2;
	struct draft *a = NULL, *b = NULL, *c = NULL;
	struct error e = {OK, 0, ""};
	char got[4];

	setenv("TMPDIR", base, 1);
	file_pretend_room(INT64_MAX);
	CHECK(draft_scratch(100, &a, &e) == OK && lies_unnamed_in(draft_fd(a), base),
	      "a file without a name in $TMPDIR");
	CHECK(pwrite(draft_fd(a), "body", 4, OBJECT_HEADER_SIZE) == 4 &&
		      pread(draft_fd(a), got, 4, OBJECT_HEADER_SIZE) == 4 &&
		      memcmp(got, "body", 4) == 0,
	      "for writing and reading");
	CHECK(fcntl(draft_fd(a), F_GETFD) & FD_CLOEXEC, "not for children");
	CHECK(draft_grow(a, half, &e) == OK && draft_grow(a, 10, &e) == OK,
	      "it grows, never shrinks");
	CHECK(draft_scratch(half, &b, &e) == OK, "as many bytes as there may be of all");
	CHECK(draft_grow(b, half + 1, &e) == ERR_BUSY && draft_scratch(1, &c, &e) == ERR_BUSY && !c,
	      "not a byte more, here or there");
	CHECK_INT(metric_get(refused_spool) - refused, 2, "which is counted");
	CHECK(draft_scratch(INT64_MAX, &c, &e) == ERR_BUSY &&
		      draft_grow(b, INT64_MAX, &e) == ERR_BUSY,
	      "nor as many as can be counted");
	draft_free(a);
	CHECK(draft_grow(b, FILE_TEMPORARY_MAX, &e) == OK, "what is freed may be used again");
	draft_free(b);
	CHECK(draft_scratch(FILE_TEMPORARY_MAX, &c, &e) == OK, "all of it");
	draft_free(c);
	setenv("TMPDIR", in_dir("nowhere"), 1);
	c = NULL;
	CHECK(draft_scratch(1, &c, &e) == ERR_IO && e.sys == ENOENT && !c,
	      "no directory: an error");
	unsetenv("TMPDIR");
	CHECK(draft_scratch(FILE_TEMPORARY_MAX, &c, &e) == OK &&
		      lies_unnamed_in(draft_fd(c), "/var/tmp"),
	      "without $TMPDIR in /var/tmp");
	draft_free(c);
}

static void check_scratch_room(void)
{
	const int64_t mib = 1 << 20;
	struct draft *a = NULL, *b = NULL;
	struct error e = {OK, 0, ""};

	file_pretend_room(100);
	CHECK(draft_scratch(101, &a, &e) == ERR_BUSY && !a, "no more than there is room for");
	CHECK(draft_scratch(100, &a, &e) == OK, "but that");
	CHECK(draft_scratch(0, &b, &e) == OK && draft_grow(b, 1, &e) == OK,
	      "what has no length yet begins");
	file_pretend_room(0);
	CHECK(draft_grow(b, 9 * mib, &e) == ERR_BUSY, "and ends when there is no more room");
	draft_free(a);
	draft_free(b);
	file_pretend_room(-1);
}

/* What lies in the cache does not count. */
static void check_grow_in_the_cache(void)
{
	struct disk *d = open_disk();
	struct draft *draft = NULL;
	struct error e = {OK, 0, ""};

	ASSERT(disk_draft(d, 10, &draft, &e) == OK);
	CHECK_INT(draft_grow(draft, FILE_TEMPORARY_MAX + 1, &e), OK,
		  "a draft of the cache has no such limit");
	draft_free(draft);
	disk_free(d);
}

int main(void)
{
	ASSERT(mkdtemp(base));
	umask(022);
	clock_freeze_wall_s(NOW);
	check_open();
	check_open_refusals();
	for (int i = 0; i < 2; i++) {
		named = i;
		check_drafts();
	}
	check_reclaim();
	check_damage();
	check_remove();
	check_touch();
	check_scratch();
	check_scratch_room();
	check_grow_in_the_cache();
	remove_tree(base);
	return tap_done();
}
