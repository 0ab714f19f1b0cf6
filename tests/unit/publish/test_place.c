// SPDX-License-Identifier: MIT
#include "publish/place.h"
#include "tap.h"

static struct file_facts facts(enum symbol_kind kind, bool is_debug_file, const char *module)
{
	struct file_facts f = {.is_debug_file = is_debug_file};

	f.identity = (struct symbol_identity){.kind = kind, .ids = 1};
	f.identity.has_age = true;
	f.identity.age = 0x1a;
	f.identity.stamp = 0x0abc;
	f.identity.size = 0xd000;
	f.identity.id[0].n = 16;
	memset(f.identity.id[0].b, 0xab, 16);
	memcpy(f.module, module, strlen(module));
	return f;
}

#define ID "abababababababababababababababab"
#define UP "ABABABABABABABABABABABABABABABAB"

static void test_files(void)
{
	static const struct {
		const char *what;
		enum symbol_kind kind;
		bool is_debug_file;
		const char *name, *module, *lower, *symstore;
	} rows[] = {
		{"PDB", SYMBOL_PDB, false, "Foo.pdb", "", "foo.pdb/" ID "1a/foo.pdb",
		 "Foo.pdb/" UP "1a/Foo.pdb"},
		{"portable", SYMBOL_PDB_PORTABLE, false, "Foo.pdb", "",
		 "foo.pdb/" ID "ffffffff/foo.pdb", "Foo.pdb/" UP "ffffffff/Foo.pdb"},
		{"image", SYMBOL_PE, false, "Foo.DLL", "", "foo.dll/00000abcd000/foo.dll",
		 "Foo.DLL/00000ABCd000/Foo.DLL"},
		{"name beyond ASCII", SYMBOL_PE, false, "GR\xc3\x9cN+ 1.dll", "",
		 "gr\xc3\xbcn+ 1.dll/00000abcd000/gr\xc3\xbcn+ 1.dll",
		 "GR\xc3\x9cN+ 1.dll/00000ABCd000/GR\xc3\x9cN+ 1.dll"},
		{"ELF", SYMBOL_ELF, false, "libfoo.so", "",
		 "libfoo.so/elf-buildid-" ID "00000000/libfoo.so",
		 "libfoo.so/elf-buildid-" ID "00000000/libfoo.so"},
		{"debug file", SYMBOL_ELF, true, "libfoo.debug", "",
		 "_.debug/elf-buildid-sym-" ID "00000000/_.debug",
		 "_.debug/elf-buildid-sym-" ID "00000000/_.debug"},
		{"Mach-O", SYMBOL_MACHO, false, "Foo", "", "foo/mach-uuid-" ID "/foo",
		 "Foo/mach-uuid-" ID "/Foo"},
		{"dSYM", SYMBOL_MACHO, true, "Foo", "", "_.dwarf/mach-uuid-sym-" ID "/_.dwarf",
		 "_.dwarf/mach-uuid-sym-" ID "/_.dwarf"},
		{"Breakpad", SYMBOL_BREAKPAD, false, "x", "Foo.pdb", "foo.pdb/" ID "1a/foo.sym",
		 "Foo.pdb/" UP "1a/Foo.sym"},
		{"Breakpad, not of Windows", SYMBOL_BREAKPAD, false, "x", "libfoo.so",
		 "libfoo.so/" ID "1a/libfoo.so.sym", "libfoo.so/" UP "1a/libfoo.so.sym"},
		{"Breakpad, no more than an extension", SYMBOL_BREAKPAD, false, "x", ".pdb",
		 ".pdb/" ID "1a/.pdb.sym", ".pdb/" UP "1a/.pdb.sym"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct file_facts f = facts(rows[i].kind, rows[i].is_debug_file, rows[i].module);

		for (int how = 0; how <= 1; how++) {
			struct buf path CLEANUP(buf_fini) = BUF_MAX(1000);
			struct key_text key;

			CHECK(place_of_file(&f, slice_of(rows[i].name), 0, (enum key_case)how, &key,
					    &path),
			      rows[i].what);
			CHECK_STR(buf_str(&path), how ? rows[i].symstore : rows[i].lower,
				  rows[i].what);
			CHECK(!place_of_file(&f, slice_of(rows[i].name), 1, (enum key_case)how,
					     &key, &path),
			      "and no other");
		}
	}
}

static void test_none(void)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(1000), small CLEANUP(buf_fini) = BUF_MAX(20);
	struct file_facts f = facts(SYMBOL_BREAKPAD, false, "");
	struct key_text key;

	CHECK(!place_of_file(&f, SLICE("x.sym"), 0, PLACE_IN_LOWER, &key, &path), "of no module");
	f = facts(SYMBOL_ELF, false, "");
	f.identity.ids = 0;
	CHECK(!place_of_file(&f, SLICE("a"), 0, PLACE_IN_LOWER, &key, &path), "without a build-id");
	f = facts(SYMBOL_PE, false, "");
	CHECK(!place_of_wanted(&f.identity, SLICE_NONE, PLACE_IN_LOWER, &key, &path),
	      "what is wanted has a name");
	CHECK(place_of_wanted(&f.identity, SLICE("A.dll"), PLACE_IN_LOWER, &key, &path),
	      "this has");
	CHECK_STR(buf_str(&path), "a.dll/00000abcd000/a.dll", "and a place");
	CHECK(place_of_file(&f, SLICE("long.dll"), 0, PLACE_IN_LOWER, &key, &small) &&
		      buf_failed(&small),
	      "no room for the path");
}

#define LONG5 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" /* 51 */
#define LONG  LONG5 LONG5 LONG5 LONG5 LONG5

/* What a plan of an older add may name: it is not made any more, and is read. */
static void test_harm(void)
{
	static const struct {
		const char *key;
		bool harms;
	} rows[] = {
		{"foo.pdb/K/foo.pdb", false},
		{"a\\b/K/a\\b", false},
		{"a/K/refs.ptr", false},
		{"a/000admin/a", false},
		{"a/.pepto/a", false},
		{"a/K/.pepto-0123456789abcdef", false},
		{"", true},
		{"/K/a", true},
		{"a/../a", true},
		{"a/K/..", true},
		{"a//a", true},
		{"a/K/a\n", true},
		{LONG "y/K/a", true},
		{".pepto/tx/20261129-150717-3f9a12bc.json", true},
		{".PEPTO/lock", true},
		{"000Admin/lastid.txt", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_INT(place_harm(slice_of(rows[i].key)) != NULL, rows[i].harms, rows[i].key);
		CHECK(!rows[i].harms || place_fault(slice_of(rows[i].key)),
		      "what harms is no place");
	}
}

static void test_faults(void)
{
	static const struct {
		const char *key, *fault; /* NULL: none */
	} rows[] = {
		{"foo.pdb/K/foo.pdb", NULL},
		{"fo/foo.pdb/K/foo.pd_", NULL},
		{"..foo/.../a b+c%20", NULL},
		{"\xc3\xa4/K/\xf0\x9f\x98\x80", NULL},
		{"refs.ptr/K/foo", NULL},
		{LONG "/K/" LONG, NULL},
		{"", "empty"},
		{"/K/a", "empty name"},
		{"a//a", "empty name"},
		{"a/K/", "empty name"},
		{"./K/a", "'.'"},
		{"a/../a", "'..'"},
		{"a/K/..", "'..'"},
		{LONG "y/K/a", "255 bytes"},
		{"a/K/" LONG "y", "255 bytes"},
		{LONG "/" LONG "/" LONG "/" LONG "/a", "too long"},
		{"a\n/K/a", "control character"},
		{"a/K/a\x7f", "control character"},
		{"a/\x01/a", "control character"},
		{"a\\b/K/a", "backslash"},
		{"a/K/a\xff", "UTF-8"},
		{"\xc0\xaf/K/a", "UTF-8"},
		{"\xed\xa0\x80/K/a", "UTF-8"},
		{"000admin/K/a", "store's own"},
		{"a/000ADMIN/a", "store's own"},
		{".pepto/tx/a", "store's own"},
		{"a/.Pepto/a", "store's own"},
		{"a/K/.pepto-0123456789abcdef", "store's own"},
		{"a/K/refs.ptr", "store's own"},
		{"a/K/REFS.ptr", "store's own"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *fault = place_fault(slice_of(rows[i].key));

		CHECK(rows[i].fault ? fault && strstr(fault, rows[i].fault) : !fault, rows[i].key);
	}
}

int main(void)
{
	test_faults();
	test_harm();
	test_files();
	test_none();
	return tap_done();
}
