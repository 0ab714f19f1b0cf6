// SPDX-License-Identifier: MIT
#include "publish/scan.h"

#include "base/file.h"
#include "tap.h"

#define LINE "MODULE windows x86_64 C9A6DDDDD7E44353A668E39AC614A7EAa "
#define ID   "c9a6ddddd7e44353a668e39ac614a7eaa"
#define UP   "C9A6DDDDD7E44353A668E39AC614A7EAa"

static enum err scan(const struct scan_how *how, const char *module, struct scanned *ret,
		     struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(100000);
	int fd CLEANUP(close_p) = file_temporary();
	struct scan_file file = {.fd = fd, .offset = 7, .name = SLICE("x.sym")};

	buf_printf(&text, LINE "%s\n", module);
	for (int i = 0; i < 500; i++)
		buf_puts(&text, "FUNC 1000 10 0 main\n");
	ASSERT(fd >= 0 && file_write_at(fd, buf_slice(&text), 7));
	file.size = (int64_t)text.n;
	return scan_file(how, &file, ret, e);
}

static void test_keys(void)
{
	static const struct {
		struct scan_how how;
		const char *module, *key, *as;
	} rows[] = {
		{{PLACE_IN_LOWER, false, false, {PACK_NONE, 0}},
		 "Foo.pdb",
		 "foo.pdb/" ID "/foo.sym",
		 "none"},
		{{PLACE_AS_SYMSTORE, false, true, {PACK_NONE, 0}},
		 "Foo.pdb",
		 "Foo.pdb/" UP "/Foo.sym",
		 "none"},
		{{PLACE_IN_LOWER, true, false, {PACK_ZSTD, 3}},
		 "Foo.pdb",
		 "fo/foo.pdb/" ID "/foo.sym",
		 "zstd"},
		{{PLACE_IN_LOWER, true, true, {PACK_ZSTD, 3}},
		 "F.pdb",
		 "f/f.pdb/" ID "/f.sym.zst",
		 "zstd"},
		{{PLACE_IN_LOWER, false, true, {PACK_GZIP, 6}},
		 "Foo.pdb",
		 "foo.pdb/" ID "/foo.sym.gz",
		 "gzip"},
		{{PLACE_IN_LOWER, false, true, {PACK_CAB, 6}},
		 "Foo.pdb",
		 "foo.pdb/" ID "/foo.sym",
		 "none"},
		{{PLACE_IN_LOWER, false, false, {PACK_NONE, 0}}, "000admin", NULL, NULL},
		{{PLACE_IN_LOWER, false, false, {PACK_NONE, 0}}, ".pepto", NULL, NULL},
		{{PLACE_IN_LOWER, false, false, {PACK_NONE, 0}}, "..", NULL, NULL},
		{{PLACE_IN_LOWER, false, false, {PACK_NONE, 0}}, "a\x01.pdb", NULL, NULL},
		{{PLACE_IN_LOWER, false, false, {PACK_NONE, 0}}, "a\xff.pdb", NULL, NULL},
		{{PLACE_IN_LOWER, true, false, {PACK_NONE, 0}}, "\xc3", NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = {.code = OK};
		struct scanned s = {0};
		enum err err = scan(&rows[i].how, rows[i].module, &s, &e);

		if (!rows[i].key) {
			CHECK(err == ERR_LIMIT || (!err && !s.lines), "no store can have it");
		} else {
			CHECK(!err && s.lines == 1, e.msg);
			CHECK_SLICE(s.line[0].key, rows[i].key, rows[i].module);
			CHECK_SLICE(s.line[0].as, rows[i].as, rows[i].module);
			CHECK_SLICE(s.line[0].kind, "breakpad", "kind");
			CHECK(strlen(s.line[0].sha256) == 64 && s.line[0].size > 10000,
			      "hash and size");
		}
		if (!err)
			scanned_fini(&s);
	}
}

/* A small file is read as a whole, another one here and there; with room for many, and without. */
static void test_sizes(void)
{
	static const struct {
		size_t size;
		const char *what;
	} rows[] = {
		{SCAN_WHOLE_MAX, "the longest that is read whole"},
		{SCAN_WHOLE_MAX + 1, "one longer than that"},
		{1000, "a small one, after larger ones"},
	};
	const struct scan_how how = {PLACE_IN_LOWER, false, false, {PACK_NONE, 0}};
	struct buf room CLEANUP(buf_fini) = BUF_MAX(SCAN_WHOLE_MAX);

	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		size_t size = rows[i / 2].size;
		int fd CLEANUP(close_p) = file_temporary();
		struct scan_file file = {.fd = fd,
					 .offset = 3,
					 .size = (int64_t)size,
					 .name = SLICE("x"),
					 .room = i % 2 ? &room : NULL};
		const struct pack_file there = {.fd = fd, .offset = 3, .size = file.size};
		struct buf text CLEANUP(buf_fini) = BUF_MAX(2 * SCAN_WHOLE_MAX);
		char sha256[PACK_SHA256_SIZE];
		struct scanned s = {0};
		struct error e;

		buf_puts(&text, LINE "foo.pdb\n");
		while (text.n < size)
			buf_puts(&text, "FUNC 1000 10 0 main\n");
		ASSERT(file_write_at(fd, slice_head(buf_slice(&text), size), 3));
		ASSERT(pack_hash(&there, sha256, &e) == OK);
		CHECK(scan_file(&how, &file, &s, &e) == OK && s.lines == 1, rows[i / 2].what);
		CHECK_SLICE(s.line[0].key, "foo.pdb/" ID "/foo.sym", rows[i / 2].what);
		CHECK_STR(s.line[0].sha256, sha256, rows[i / 2].what);
		scanned_fini(&s);
		ASSERT(ftruncate(fd, (off_t)size / 2) == 0);
		CHECK_INT(scan_file(&how, &file, &s, &e), ERR_CORRUPT, "it has become shorter");
	}
}

static void test_others(void)
{
	const struct scan_how how = {PLACE_IN_LOWER, false, false, {PACK_NONE, 0}};
	int fd CLEANUP(close_p) = file_temporary();
	struct scan_file file = {.fd = fd, .size = 5, .name = SLICE("x")};
	struct scanned s;
	struct error e;

	ASSERT(file_write_at(fd, SLICE("hello"), 0));
	CHECK(scan_file(&how, &file, &s, &e) == OK && s.lines == 0, "no symbol file");
	scanned_fini(&s);
	ASSERT(file_write_at(fd,
			     SLICE("Microsoft C/C++ MSF 7.00\r\n\x1a"
				   "DS\0\0\0"),
			     0));
	file.size = 32;
	CHECK_INT(scan_file(&how, &file, &s, &e), ERR_CORRUPT, "a PDB that is cut");
	file.size = 0;
	CHECK(scan_file(&how, &file, &s, &e) == OK && s.lines == 0, "nothing");
	scanned_fini(&s);
}

static void test_set(void)
{
	struct plan plan = {0};
	struct scan_set set = {.plan = &plan};
	struct plan_file line = {.key = SLICE("a/K/a"),
				 .id = SLICE("K"),
				 .kind = SLICE("pdb"),
				 .as = SLICE("none"),
				 .sha256 = "1"};
	enum scan_added added;
	size_t which;

	CHECK(scan_add(&set, &line, SLICE("one"), &added, &which, NULL) == OK &&
		      added == SCAN_ADDED,
	      "new");
	CHECK(scan_add(&set, &line, SLICE("two"), &added, &which, NULL) == OK && added == SCAN_SAME,
	      "the same");
	line.sha256[0] = '2';
	CHECK(scan_add(&set, &line, SLICE("three"), &added, &which, NULL) == OK &&
		      added == SCAN_OTHER && which == 0,
	      "another");
	line.key = SLICE("b/K/b");
	CHECK(scan_add(&set, &line, SLICE("four"), &added, &which, NULL) == OK &&
		      added == SCAN_ADDED && which == 1,
	      "new");
	CHECK(plan.files == 2, "two");
	CHECK_SLICE(plan.file[0].path, "one", "the first stays");
	scan_set_fini(&set);
	plan_fini(&plan);
}

int main(void)
{
	test_keys();
	test_sizes();
	test_others();
	test_set();
	return tap_done();
}
