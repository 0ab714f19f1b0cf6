// SPDX-License-Identifier: MIT
/*
 * Finding files whatever their case, in a tree made for the purpose. The module is included, so
 * that a directory that cannot be read can be played (readdir fails on a damaged disk only).
 */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static int readdir_fails_after = -1;
static const atomic_bool go_on, stopped = true;

static struct dirent *test_readdir(DIR *dir)
{
	if (readdir_fails_after == 0) {
		errno = EIO;
		return NULL;
	}
	if (readdir_fails_after > 0)
		readdir_fails_after--;
	return readdir(dir);
}

#define readdir test_readdir
#include "store/dir_find.c"
#undef readdir

#include "tap.h"

#define OUTSIDE   "outside"
#define ROOT      "root"
#define NEIGHBOUR ROOT "2"
#define AE_UP     "\xc3\x84" /* U+00C4 */
#define AE_LOW    "\xc3\xa4"
#define LONG254                                                                                    \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                         \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                         \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                         \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* A file holds its own name; the folders of each have to stand before it. */
static const char *const folders[] = {"",           "foo.pdb", "Foo.pdb",    "foo.pdb/K1",
				      "Foo.pdb/k2", "UP.DLL",  "UP.DLL/ABC", "deep",
				      "deep/a",     "isdir",   "two"};
static const char *const files[] = {
	"lower.txt",
	"Mixed.Txt",
	"MIXED.TXT",
	"both.txt",
	"BOTH.txt",
	"foo.pdb/K1/foo.pdb",
	"Foo.pdb/k2/Foo.PDB",
	"UP.DLL/ABC/up.dll",
	AE_UP "rger.pdb",
	"bad\xff.Pdb",
	LONG254 "A",
	"deep/a/file",
	"IsDir",
	"two/B",
	"two/a",
};

static void make(const char *root, const char *name, bool folder)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	if (folder) {
		ASSERT(mkdir(path, 0700) == 0);
		return;
	}
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	ASSERT(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name) && close(fd) == 0);
}

/* A link below ROOT whose target is absolute. */
static void link_absolute(const char *target, const char *name)
{
	char path[2 * PATH_MAX], *here = getcwd(NULL, 0);

	ASSERT(here);
	snprintf(path, sizeof(path), "%s/%s", here, target);
	ASSERT(symlink(path, name) == 0);
	free(here);
}

static void make_links(void)
{
	make(NEIGHBOUR, "", true);
	make(NEIGHBOUR, "secret", false);
	link_absolute(ROOT "/lower.txt", ROOT "/whole");
	link_absolute(ROOT "/deep", ROOT "/Wholedir");
	link_absolute(ROOT "/back/a/file", ROOT "/chain");
	link_absolute(OUTSIDE "/home/lower.txt", ROOT "/through");
	link_absolute(OUTSIDE "/secret", ROOT "/wholeout");
	link_absolute(OUTSIDE, ROOT "/wholeoutdir");
	link_absolute(NEIGHBOUR "/secret", ROOT "/neighbour");
	link_absolute(ROOT "/../" OUTSIDE "/secret", ROOT "/upanddown");
	ASSERT(symlink("../" ROOT "/deep", ROOT "/back") == 0);
	ASSERT(symlink("../" ROOT, OUTSIDE "/home") == 0);
	ASSERT(symlink("../" ROOT "/up2", ROOT "/up1") == 0);
	ASSERT(symlink("../" ROOT "/up1", ROOT "/up2") == 0);
	ASSERT(symlink("/deep/a/file", ROOT "/copied") == 0);
	ASSERT(symlink("/deep", ROOT "/Copieddir") == 0);
	ASSERT(symlink("/copied", ROOT "/copiedchain") == 0);
}

static void make_tree(void)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		make(ROOT, folders[i], true);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		make(ROOT, files[i], false);
	make(OUTSIDE, "", true);
	make(OUTSIDE, "secret", false);
	ASSERT(symlink("../" OUTSIDE "/secret", ROOT "/out") == 0);
	ASSERT(symlink("../" OUTSIDE, ROOT "/outdir") == 0);
	ASSERT(symlink("/etc/passwd", ROOT "/absolute") == 0);
	ASSERT(symlink("lower.txt", ROOT "/Inside") == 0);
	ASSERT(symlink("deep", ROOT "/Linked") == 0);
	ASSERT(symlink("loop", ROOT "/loop") == 0);
	ASSERT(symlink("nowhere", ROOT "/dangling") == 0);
	ASSERT(symlink("/proc/self/fd/0", ROOT "/magic") == 0);
	ASSERT(mkfifo(ROOT "/fifo", 0600) == 0);
	make_links();
}

static const struct {
	const char *key;
	const char *found; /* the content, which is the name; NULL: absent */
} keys[] = {
	{"lower.txt", "lower.txt"},
	{"LOWER.TXT", "lower.txt"},
	{"mixed.txt", "MIXED.TXT"}, /* in byte order, capitals first */
	{"Mixed.Txt", "Mixed.Txt"}, /* but as asked comes before */
	{"both.txt", "both.txt"},
	{"BOTH.txt", "both.txt"}, /* lower-case comes before as asked */
	{"BOTH.TXT", "both.txt"},
	{"foo.pdb/k1/foo.pdb", "foo.pdb/K1/foo.pdb"},
	{"foo.pdb/k2/foo.pdb", "Foo.pdb/k2/Foo.PDB"}, /* in one of two folders of that name */
	{"FOO.PDB/K2/FOO.PDB", "Foo.pdb/k2/Foo.PDB"},
	{"Foo.pdb/k1/foo.pdb", "foo.pdb/K1/foo.pdb"},
	{"foo.pdb/k3/foo.pdb", NULL},
	{"up.dll/abc/UP.dll", "UP.DLL/ABC/up.dll"},
	{AE_LOW "RGER.pdb", AE_UP "rger.pdb"}, /* beyond ASCII */
	{"bad\xff.pdb", "bad\xff.Pdb"},        /* not UTF-8 */
	{"bad\xfe.pdb", NULL},
	{LONG254 "a", LONG254 "A"}, /* the longest name */
	{LONG254 "xa", NULL},       /* no file system has it */
	{"isdir", "IsDir"},         /* a folder stands in its place */
	{"deep", NULL},
	{"deep/a", NULL},
	{"deep/a/file", "deep/a/file"},
	{"deep/a/file/more", NULL}, /* below a file */
	{"lower.txt/", NULL},
	{"/lower.txt", NULL},
	{"deep//a/file", NULL},
	{"deep/../lower.txt", NULL},
	{"../" OUTSIDE "/secret", NULL},
	{"..", NULL},
	{".", NULL},
	{"./lower.txt", NULL},
	{"", NULL},
	{"/", NULL},
	{"out", NULL}, /* links that lead out */
	{"outdir/secret", NULL},
	{"OUTDIR/secret", NULL},
	{"absolute", NULL},
	{"magic", NULL},
	{"inside", "lower.txt"}, /* and those that do not */
	{"linked/a/FILE", "deep/a/file"},
	{"whole", "lower.txt"}, /* absolute, or by way of what is outside */
	{"WHOLE", "lower.txt"},
	{"wholedir/a/file", "deep/a/file"},
	{"wholedir/A/FILE", "deep/a/file"},
	{"back/a/file", "deep/a/file"},
	{"chain", "deep/a/file"},
	{"through", "lower.txt"},
	{"wholeout", NULL},
	{"wholeoutdir/secret", NULL},
	{"wholeoutdir/home/lower.txt", "lower.txt"},
	{"neighbour", NULL}, /* its name begins with that of the root */
	{"upanddown", NULL},
	{"copied", "deep/a/file"}, /* of a tree in which the root was `/` */
	{"copieddir/a/FILE", "deep/a/file"},
	{"copiedchain", "deep/a/file"},
	{"up1", NULL},
	{"loop", NULL},
	{"dangling", NULL},
	{"fifo", NULL}, /* and it does not wait for a writer */
	{"FIFO", NULL},
	{"1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL},
};

static void test_keys(void)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char text[PATH_MAX];
		int fd = -1;
		struct error e = {OK, 0, ""};
		ssize_t n;

		if (!CHECK(dir_find(ROOT, NULL, slice_of(keys[i].key), &fd, &e) == OK, keys[i].key))
			printf("# %s\n", e.msg);
		n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
		CHECK_SLICE(((struct slice){text, (size_t)n}), keys[i].found ? keys[i].found : "",
			    keys[i].found ? "found" : "absent");
		CHECK_INT(fd >= 0, keys[i].found != NULL, "or not");
		close_p(&fd);
	}
}

static void test_zero_byte(void)
{
	int fd = -1;

	CHECK(dir_find(ROOT, NULL, SLICE("lower.txt\0x"), &fd, NULL) == OK && fd < 0,
	      "a NUL ends no name");
}

static void test_cannot_tell(void)
{
	struct error e = {OK, 0, ""};
	int fd = -1;

	CHECK(dir_find("dir_find_nowhere", NULL, SLICE("a"), &fd, &e) == ERR_IO && e.sys == ENOENT,
	      "a root that is not there is no miss");
	readdir_fails_after = 0;
	CHECK(dir_find(ROOT, NULL, SLICE("absent"), &fd, &e) == ERR_IO && e.sys == EIO,
	      "nor is a folder that cannot be read");
	readdir_fails_after = 3;
	CHECK(dir_find(ROOT, NULL, SLICE("absent"), &fd, &e) == ERR_IO && e.sys == EIO,
	      "to its end");
	readdir_fails_after = 0;
	CHECK(dir_find(ROOT, NULL, SLICE("lower.txt"), &fd, &e) == OK && fd >= 0,
	      "a file that needs no reading is found all the same");
	close_p(&fd);
	readdir_fails_after = -1;
	if (geteuid() == 0)
		return; /* root may do all */
	ASSERT(chmod(ROOT "/two", 0) == 0);
	CHECK(dir_find(ROOT, NULL, SLICE("two/a"), &fd, &e) == ERR_IO && e.sys == EACCES,
	      "nor a closed one");
	ASSERT(chmod(ROOT "/two", 0700) == 0);
}

/* Sixteen spellings are followed, which is all that a case-sensitive file system is likely to have. */
static void test_many_spellings(void)
{
	int fd = -1;
	char name[] = "many/aaaaa";

	make(ROOT, "many", true);
	for (int i = 1; i < 32; i++) {
		for (int bit = 0; bit < 5; bit++)
			name[5 + bit] = i >> bit & 1 ? 'A' : 'a';
		make(ROOT, name, false);
	}
	CHECK(dir_find(ROOT, NULL, SLICE("MANY/aaaaa"), &fd, NULL) == OK && fd >= 0,
	      "one of many spellings");
	close_p(&fd);
}

/* ---- any name ---- */

#define ID "elf-buildid-"

static const char *const any_folders[] = {
	"any",    "any/b",          "any/b/" ID "1", "any/B",         "any/B/" ID "1",
	"any/a",  "any/a/" ID "1",  "any/a/" ID "2", "any/c",         "any/c/" ID "2",
	"any/.d", "any/.d/" ID "3", "any/e",         "any/e/" ID "4", "any/e/" ID "4/e",
	"any/f",  "any/f/" ID "UP"};
static const char *const any_files[] = {"any/b/" ID "1/b",  "any/B/" ID "1/B", "any/a/" ID "1/x",
					"any/a/" ID "2/A",  "any/c/" ID "2/c", "any/.d/" ID "3/.d",
					"any/f/" ID "UP/f", "any/file"};

static const struct {
	const char *middle;
	const char *found;
} middles[] = {
	{ID "1", "any/B/" ID "1/B"}, /* of two the first in byte order */
	{ID "2", "any/c/" ID "2/c"}, /* not a file by another name */
	{ID "3", "any/.d/" ID "3/.d"},
	{ID "4", NULL}, /* a folder stands in its place */
	{ID "5", NULL},
	{ID "up", NULL}, /* no other case is looked for */
	{ID "UP", NULL},
	{"", NULL},
	{"..", NULL},
	{"../b/" ID "1", "any/b/" ID "1/b"}, /* inside, if by a detour */
	{"../../../" OUTSIDE, NULL},
};

static void check_any_name(const char *root, const char *middle, const char *found)
{
	struct error e = {OK, 0, ""};
	char text[PATH_MAX];
	int fd = -1;
	ssize_t n;

	if (!CHECK(dir_find_any_name(root, slice_of(middle), &go_on, &fd, &e) == OK, middle))
		printf("# %s\n", e.msg);
	n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	CHECK_SLICE(((struct slice){text, (size_t)n}), found ? found : "",
		    found ? "found" : "absent");
	CHECK_INT(fd >= 0, found != NULL, "or not");
	close_p(&fd);
}

static void test_any_name(void)
{
	for (size_t i = 0; i < ARRAY_LEN(any_folders); i++)
		make(ROOT, any_folders[i], true);
	for (size_t i = 0; i < ARRAY_LEN(any_files); i++)
		make(ROOT, any_files[i], false);
	for (size_t i = 0; i < ARRAY_LEN(middles); i++)
		check_any_name(ROOT "/any", middles[i].middle, middles[i].found);
}

/* In whatever order the file system has them. */
static void test_any_name_first(void)
{
	make(ROOT, "order", true);
	for (int i = 0; i < 26; i++) {
		char name[] = "order/?/k/?";

		name[6] = name[10] = (char)('a' + i * 7 % 26);
		name[7] = '\0';
		make(ROOT, name, true);
		name[7] = '/';
		name[9] = '\0';
		make(ROOT, name, true);
		name[9] = '/';
		make(ROOT, name, false);
	}
	check_any_name(ROOT "/order", "k", "order/a/k/a");
}

/* Links are followed inside, and not out. */
static atomic_bool stop;

/* What a link leads to is inside at one moment and outside at the next. */
static void *turn_about(void *arg)
{
	while (!atomic_load(&stop)) {
		ASSERT(symlink("../" ROOT "/deep", ROOT "/turn~") == 0 &&
		       rename(ROOT "/turn~", ROOT "/turn") == 0);
		ASSERT(symlink("../" OUTSIDE, ROOT "/turn~") == 0 &&
		       rename(ROOT "/turn~", ROOT "/turn") == 0);
	}
	return NULL;
}

static void test_race(void)
{
	size_t wrong = 0, found = 0;
	pthread_t thread;

	make(ROOT, "deep/secret", false);
	ASSERT(pthread_create(&thread, NULL, turn_about, NULL) == 0);
	for (int i = 0; i < 100000 && (i < 2000 || found < 100); i++) {
		char text[PATH_MAX];
		struct error e;
		int fd = -1;
		ssize_t n;

		wrong += dir_find(ROOT, NULL, SLICE("turn/secret"), &fd, &e) != OK;
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text));
		wrong += !slice_eq((struct slice){text, (size_t)n}, SLICE("deep/secret"));
		found++;
		close_p(&fd);
	}
	atomic_store(&stop, true);
	ASSERT(pthread_join(thread, NULL) == 0);
	CHECK_INT(wrong, 0, "a link that is changed meanwhile never leads out");
	CHECK(found >= 100, "and in when it leads in");
}

static void test_any_name_links(void)
{
	make(ROOT, "links", true);
	make(ROOT, "links/z", true);
	make(ROOT, "links/z/k", true);
	make(ROOT, "links/z/k/z", false);
	make(ROOT, "links/z/k/y", false);
	make(OUTSIDE, "k", true);
	make(OUTSIDE, "k/a", false);
	ASSERT(symlink("z", ROOT "/links/y") == 0);
	ASSERT(symlink("../../" OUTSIDE, ROOT "/links/a") == 0);
	check_any_name(ROOT "/links", "k", "links/z/k/y");
}

static void test_any_name_cannot_tell(void)
{
	struct error e = {OK, 0, ""};
	int fd = -1;

	CHECK(dir_find_any_name("dir_find_nowhere", SLICE("k"), &go_on, &fd, &e) == ERR_IO &&
		      e.sys == ENOENT && fd < 0,
	      "a root that is not there is no miss");
	readdir_fails_after = 4;
	CHECK(dir_find_any_name(ROOT "/any", SLICE(ID "1"), &go_on, &fd, &e) == ERR_IO &&
		      e.sys == EIO && fd < 0,
	      "nor is one that cannot be read to its end");
	readdir_fails_after = -1;
	check_any_name(ROOT "/any", ID "1", "any/B/" ID "1/B");
	CHECK(dir_find_any_name(ROOT "/any", SLICE(ID "1"), &stopped, &fd, &e) == OK && fd < 0,
	      "what nobody wants to know any more is not searched for");
}

/* root is made to respect permissions. */
static void test_any_name_closed(void)
{
	uid_t me = geteuid();
	struct stat st;

	ASSERT(stat(".", &st) == 0 && chmod(".", 0755) == 0 && chmod(ROOT, 0755) == 0);
	for (size_t i = 0; i < ARRAY_LEN(any_folders); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", ROOT, any_folders[i]);
		ASSERT(chmod(path, 0755) == 0);
	}
	ASSERT(chmod(ROOT "/any/B", 0) == 0 && chmod(ROOT "/any/b/" ID "1/b", 0644) == 0);
	ASSERT(me != 0 || seteuid(65534) == 0);
	check_any_name(ROOT "/any", ID "1", "any/b/" ID "1/b");
	ASSERT(seteuid(me) == 0);
	ASSERT(chmod(ROOT "/any/B", 0700) == 0 && chmod(".", st.st_mode) == 0);
}

int main(void)
{
	char dir[] = "/tmp/test_dir_find.XXXXXX";

	ASSERT(mkdtemp(dir) && chdir(dir) == 0);
	make_tree();
	test_keys();
	test_zero_byte();
	test_cannot_tell();
	test_many_spellings();
	test_any_name();
	test_any_name_first();
	test_any_name_links();
	test_race();
	test_any_name_cannot_tell();
	test_any_name_closed();
	ASSERT(system("rm -rf " ROOT " " OUTSIDE " " NEIGHBOUR) == 0 && chdir("/") == 0 &&
	       rmdir(dir) == 0);
	return tap_done();
}
