// SPDX-License-Identifier: MIT
/* What is typed, what keys tell of files, and cursors: tables. */
#include "serve/search.h"

#include "base/macros.h"
#include "tap.h"

#include <stdio.h>

#define K "ABCDEF0123456789ABCDEF01234567891"

static const struct typed {
	const char *typed;
	int kind; /* -1: it is refused */
	const char *name, *key;
} typed[] = {
	{"foo.pdb", SEARCH_NAME, "foo.pdb", ""},
	{"  /foo.pdb/ ", SEARCH_NAME, "foo.pdb", ""},
	{"foo.pdb/" K, SEARCH_KEY, "foo.pdb", K},
	{"foo.pdb/" K "/foo.pdb", SEARCH_KEY, "foo.pdb", K},
	{"foo.pdb\\" K "\\foo.pdb", SEARCH_KEY, "foo.pdb", K},
	{"foo*", SEARCH_NAMES, "foo*", ""},
	{"f?o.pdb", SEARCH_NAMES, "f?o.pdb", ""},
	{"<img onerror=x>.pdb", SEARCH_NAME, "<img onerror=x>.pdb", ""},
	{"", -1, "", ""},
	{"  ", -1, "", ""},
	{"/", -1, "", ""},
	{"..", -1, "", ""},
	{"foo.pdb/..", -1, "", ""},
	{"../foo.pdb", -1, "", ""},
	{"a/b/c/d", -1, "", ""},
	{"foo*/" K, -1, "", ""},
	{"foo.pdb/*", -1, "", ""},
	{".pepto/tx", -1, "", ""},
	{".PEPTO", -1, "", ""},
	{"000admin/lastid.txt", -1, "", ""},
	{"foo\x01.p\nb", SEARCH_NAME, "foo\x01.p\nb", ""},
	{"foo\x7f/" K, SEARCH_KEY, "foo\x7f", K},
};

static void test_typed(void)
{
	struct search s;

	for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
		const struct typed *t = &typed[i];
		const char *wrong = search_read(slice_of(t->typed), &s);

		CHECK(!wrong == (t->kind >= 0), t->typed);
		if (!wrong) {
			CHECK_INT(s.kind, t->kind, t->typed);
			CHECK_SLICE(s.name, t->name, t->typed);
			CHECK_SLICE(s.key, t->key, t->typed);
		}
		search_fini(&s);
	}
}

static void test_length(void)
{
	char text[SEARCH_TEXT_MAX + 2];
	struct search s;

	memset(text, 'a', sizeof(text));
	CHECK(search_read((struct slice){"foo\0.pdb", 8}, &s), "no name has a NUL in it");
	search_fini(&s);
	CHECK(!search_read((struct slice){text, SEARCH_TEXT_MAX}, &s), "1024 bytes");
	search_fini(&s);
	CHECK(search_read((struct slice){text, SEARCH_TEXT_MAX + 1}, &s), "1025 are too many");
	search_fini(&s);
}

static const struct folder {
	const char *typed, *folder;
	bool is;
} folders[] = {
	{"foo.pdb", "foo.pdb/", true},
	{"foo.pdb", "FOO.PDB/", true},
	{"foo.pdb", "fo/foo.pdb/", true},
	{"foo.pdb", "FO/Foo.pdb/", true},
	{"f.pdb", "f/f.pdb/", true},
	{"foo.pdb", "foo.pdb", false},
	{"foo.pdb", "", false},
	{"foo.pdb", "/", false},
	{"foo.pdb", "ba/foo.pdb/", false},
	{"foo.pdb", "bar.pdb/", false},
	{"foo.pdb", "foo.pdb/K/", false},
	{"foo.pdb", ".pepto/tx/", false},
	{"foo.pdb", "fo/../.pepto/", false},
	{"foo.pdb/K", "foo.pdb/", true},
	{"foo.pdb/K", "foo.pdb/k/", true},
	{"foo.pdb/K", "fo/foo.pdb/K/", true},
	{"foo.pdb/K", "foo.pdb/K/x/", false},
	{"foo.pdb/K", "foo.pdb/L/", false},
};

static void test_folders(void)
{
	struct search s;

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		CHECK(!search_read(slice_of(folders[i].typed), &s), folders[i].typed);
		CHECK(search_is_of(&s, slice_of(folders[i].folder)) == folders[i].is,
		      folders[i].folder);
		search_fini(&s);
	}
}

static const struct row {
	const char *stored, *name, *key, *last, *form; /* form NULL: no row */
} rows[] = {
	{"foo.pdb/" K "/foo.pdb", "foo.pdb", K, "foo.pdb", "plain"},
	{"fo/foo.pdb/" K "/FOO.PDB", "foo.pdb", K, "foo.pdb", "plain"},
	{"foo.pdb/" K "/foo.pd_", "foo.pdb", K, "foo.pdb", "cabinet"},
	{"foo.pdb/" K "/foo.pdb.gz", "foo.pdb", K, "foo.pdb", "gzip"},
	{"foo.pdb/" K "/foo.pdb.zst", "foo.pdb", K, "foo.pdb", "zstd"},
	{"foo.pdb/" K "/msfz0/foo.pdb", "foo.pdb", K, "foo.pdb", "msfz"},
	{"foo.pdb/" K "/file.ptr", "foo.pdb", K, "foo.pdb", "pointer"},
	{"foo.pdb/" K "/foo.sym", "foo.pdb", K, "foo.sym", "sym"},
	{"foo.pdb/" K "/refs.ptr", "foo.pdb", K, "refs.ptr", "other"},
	{"foo.pdb/" K "/src.zip", "foo.pdb", K, "src.zip", "other"},
	{"foo.pdb/foo.pdb", "", "", "", NULL},
	{"foo.pdb", "", "", "", NULL},
	{"foo.pdb//foo.pdb", "", "", "", NULL},
	{"foo.pdb/" K "/", "", "", "", NULL},
	{"", "", "", "", NULL},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct search_row r;
		bool is = search_row_of(slice_of(rows[i].stored), &r);

		CHECK(is == (rows[i].form != NULL), rows[i].stored);
		if (!is || !rows[i].form)
			continue;
		CHECK_SLICE(r.name, rows[i].name, rows[i].stored);
		CHECK_SLICE(r.key, rows[i].key, rows[i].stored);
		CHECK_SLICE(r.last, rows[i].last, rows[i].stored);
		CHECK_STR(r.form, rows[i].form, rows[i].stored);
	}
}

static void test_cursors(void)
{
	static const char *const wrong[] = {"",         "0",        "zz",         "303a", "3a3a",
					    "303a393a", "303a313a", "2d313a303a", "g"};
	const struct search_cursor c = {3, SLICE("fo/foo.pdb/"), SLICE("a:b\xff\"")};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX);
	struct search_cursor got;

	search_cursor_write(&c, &text);
	CHECK(!buf_failed(&text) && search_cursor_read(buf_slice(&text), &got), "a cursor");
	CHECK_INT(got.store, 3, "its store");
	CHECK_SLICE(got.folder, "fo/foo.pdb/", "its folder");
	CHECK_SLICE(got.token, "a:b\xff\"", "its token");
	search_cursor_fini(&got);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CHECK(!search_cursor_read(slice_of(wrong[i]), &got), wrong[i]);
}

static void test_long_cursor(void)
{
	char token[SEARCH_CURSOR_MAX];
	struct search_cursor c = {0, SLICE("foo.pdb/"), {token, sizeof(token)}};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX);

	memset(token, 'a', sizeof(token));
	search_cursor_write(&c, &text);
	CHECK(buf_failed(&text), "a token that does not fit");
}

int main(void)
{
	test_typed();
	test_length();
	test_folders();
	test_rows();
	test_cursors();
	test_long_cursor();
	return tap_done();
}
