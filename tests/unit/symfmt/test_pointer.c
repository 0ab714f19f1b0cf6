// SPDX-License-Identifier: MIT
#include "symfmt/pointer.h"
#include "tap.h"

#define ROOT "\\\\server\\share\\sym"

struct row {
	const char *name, *root, *file, *want; /* want NULL: it points elsewhere */
};

static void check(const char *name, struct slice file, const char *root, const char *want)
{
	struct buf out CLEANUP(buf_fini) = BUF_MAX(POINTER_MAX);
	bool found = pointer_target(file, slice_of(root), &out);

	CHECK(!buf_failed(&out) && found == (want != NULL), name);
	CHECK_STR(buf_str(&out), want ? want : "", name);
}

static void test_paths(void)
{
	static const struct row rows[] = {
		{"a path", ROOT, ROOT "\\foo.pdb", "foo.pdb"},
		{"deeper", ROOT, ROOT "\\builds\\7\\foo.pdb", "builds/7/foo.pdb"},
		{"tagged", ROOT, "PATH:" ROOT "\\foo.pdb", "foo.pdb"},
		{"tagged otherwise", ROOT, "path: " ROOT "\\foo.pdb", "foo.pdb"},
		{"a line of it", ROOT, ROOT "\\foo.pdb\r\nmore", "foo.pdb"},
		{"blanks around", ROOT, " \t" ROOT "\\foo bar.pdb \r\n", "foo bar.pdb"},
		{"mark of UTF-8", ROOT, "\xef\xbb\xbf" ROOT "\\f\xc3\xbc.pdb", "f\xc3\xbc.pdb"},
		{"no UTF-8 at all", ROOT, ROOT "\\f\xfc.pdb", "f\xfc.pdb"},
		{"another case", ROOT, "\\\\SERVER\\Share\\SYM\\Foo.pdb", "Foo.pdb"},
		{"beyond ASCII", "\\\\s\\\xc3\x9c", "\\\\s\\\xc3\xbc\\a", "a"},
		{"slashes", ROOT, "//server/share/sym/a/b", "a/b"},
		{"root with slashes", "//server/share/sym/", ROOT "\\a\\b", "a/b"},
		{"several", ROOT "\\\\", "\\\\server\\\\share\\/sym\\\\a//b", "a/b"},
		{"dots", ROOT, ROOT "\\.\\a\\.\\..b\\c..\\...", "a/..b/c../..."},
		{"a drive", "D:\\sym", "d:\\sym\\a.pdb", "a.pdb"},
		{"the share itself", "\\\\server", "\\\\server\\share\\a", "share/a"},

		{"empty", ROOT, "", NULL},
		{"blank", ROOT, " \r\n", NULL},
		{"first line empty", ROOT, "\r\n" ROOT "\\a", NULL},
		{"a message", ROOT, "MSG: " ROOT "\\a", NULL},
		{"a tag alone", ROOT, "PATH:", NULL},
		{"another tag", ROOT, "RELPATH:" ROOT "\\a", NULL},
		{"elsewhere", ROOT, "\\\\server\\other\\a", NULL},
		{"above", ROOT, "\\\\server\\share\\a", NULL},
		{"root is not a segment", ROOT, ROOT "bols\\a", NULL},
		{"root is longer", ROOT "bols", ROOT "\\a", NULL},
		{"root itself", ROOT, ROOT "\\", NULL},
		{"root and a dot", ROOT, ROOT "\\.", NULL},
		{"one backslash", ROOT, "\\server\\share\\sym\\a", NULL},
		{"three", ROOT, "\\" ROOT "\\a", NULL},
		{"relative", ROOT, "server\\share\\sym\\a", NULL},
		{"climbs out", ROOT, ROOT "\\..\\a", NULL},
		{"climbs out later", ROOT, ROOT "\\a/..\\../b", NULL},
		{"climbs at the end", ROOT, ROOT "\\a\\..", NULL},
		{"climbs back in", ROOT, "\\\\server\\share\\x\\..\\sym\\a", NULL},
		{"control byte", ROOT, ROOT "\\a\x01", NULL},
		{"tab", ROOT, ROOT "\\a\tb", NULL},
		{"return", ROOT, ROOT "\\a\rb", NULL},
		{"delete", ROOT, ROOT "\\a\x7f", NULL},
		{"no root", "", "\\\\server\\a", NULL},
		{"no root for no path", "", "a", NULL},
		{"nothing but separators", "\\\\", "\\\\server\\a", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].name, slice_of(rows[i].file), rows[i].root, rows[i].want);
	check("NUL", SLICE(ROOT "\\a\0b"), ROOT, NULL);
}

/* ASCII as UTF-16LE with its mark. */
static void widen(struct buf *b, const char *text)
{
	buf_add(b, SLICE("\xff\xfe"));
	for (; *text; text++) {
		buf_putc(b, *text);
		buf_putc(b, '\0');
	}
}

static void test_utf16(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(POINTER_MAX);
	struct slice file;

	widen(&b, "PATH:" ROOT "\\a.pdb");
	check("UTF-16", buf_slice(&b), ROOT, "a.pdb");
	check("half a unit", slice_head(buf_slice(&b), b.n - 1), ROOT, NULL);
	buf_add(&b, SLICE("\r\0\n\0x\0"));
	check("a line of it", buf_slice(&b), ROOT, "a.pdb");
	buf_clear(&b);
	widen(&b, ROOT "\\");
	buf_add(&b, SLICE("\xfc\0\x3d\xd8\0\xde"));
	check("beyond ASCII", buf_slice(&b), ROOT, "\xc3\xbc\xf0\x9f\x98\x80");
	file = slice_head(buf_slice(&b), b.n - 2);
	check("half a pair", file, ROOT, NULL);
	check("a mark alone", SLICE("\xff\xfe"), ROOT, NULL);
	check("the other order", SLICE("\xfe\xff\0\\\0\\\0s\0\\\0a"), "\\\\s", NULL);
}

static void test_limits(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(2 * POINTER_MAX);
	struct buf out CLEANUP(buf_fini) = BUF_MAX(8);

	buf_puts(&b, "\\\\s\\a\n");
	while (b.n < POINTER_MAX)
		buf_putc(&b, ' ');
	check("the longest", buf_slice(&b), "\\\\s", "a");
	buf_putc(&b, ' ');
	check("a byte longer", buf_slice(&b), "\\\\s", NULL);
	buf_clear(&b);
	widen(&b, "\\\\s\\");
	while (b.n < POINTER_MAX)
		buf_add(&b, SLICE("\xac\x20"));
	CHECK(pointer_target(buf_slice(&b), SLICE("\\\\s"), &out), "three bytes for each unit");
	CHECK(buf_failed(&out), "too long for its buffer");
	buf_clear(&out);
	buf_puts(&out, "sym/");
	CHECK(!pointer_target(SLICE("\\\\s\\a\\.."), SLICE("\\\\s"), &out), "refused");
	CHECK_STR(buf_str(&out), "sym/", "nothing is appended");
	CHECK(pointer_target(SLICE("\\\\s\\a"), SLICE("\\\\s"), &out), "found");
	CHECK_STR(buf_str(&out), "sym/a", "appended");
}

int main(void)
{
	test_paths();
	test_utf16();
	test_limits();
	return tap_done();
}
