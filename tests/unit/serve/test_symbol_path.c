// SPDX-License-Identifier: MIT
/*
 * What a path means: its kind and what goes with that (rows C51, C61, C63), and which paths a signed
 * store may be asked for without authentication (design rule 10).
 */
#include "base/text.h"
#include "serve/request.h"
#include "tap.h"

#define GUID   "497B72F6390A44FC878E5A2D63B6CC4B"
#define ID40   "0123456789abcdef0123456789abcdef01234567"
#define REST38 "23456789abcdef0123456789abcdef01234567"
#define HEX128 ID40 ID40 ID40 "89abcdef"
#define G2     "01"
#define GREST  "23456789abcdef0123456789abcdef1"

static bool clean(const char *target, struct symbol_path *ret)
{
	return request_clean(slice_of(target), &(struct request_rules){0}, ret) == REQUEST_CLEAN;
}

/* ---- kinds ---- */

static void test_kinds(void)
{
	static const struct {
		const char *target;
		enum path_kind kind;
		enum path_last last;
		enum key_kind key;
		bool msfz, tiered;
	} rows[] = {
		{"/", PATH_ROOT},
		{"/Index2.txt", PATH_INDEX2, LAST_OTHER, KEY_OTHER},
		{"/pingme.txt", PATH_PINGME, LAST_OTHER, KEY_OTHER},
		{"/foo.pdb/" GUID "1/foo.pdb", PATH_FILE, LAST_PLAIN, KEY_GUID},
		{"/foo.pdb/" GUID "1/foo.pd_", PATH_FILE, LAST_TWIN, KEY_GUID},
		{"/foo.pdb/" GUID "1/file.ptr", PATH_FILE, LAST_PTR, KEY_GUID},
		{"/foo.pdb/" GUID "1/foo.sym", PATH_FILE, LAST_SYM, KEY_GUID},
		{"/foo.dll/5617D4FE8000/foo.sym", PATH_FILE, LAST_SYM, KEY_STAMP},
		{"/foo.pdb/" GUID "1/MSFZ0/foo.pdb", PATH_FILE, LAST_PLAIN, KEY_GUID, .msfz = true},
		{"/fo/foo.pdb/" GUID "1/foo.pdb", PATH_FILE, LAST_PLAIN, KEY_GUID, .tiered = true},
		{"/FO/foo.pdb/" GUID "1/msfz0/foo.pdb", PATH_FILE, LAST_PLAIN, KEY_GUID, true,
		 true},
		{"/foo.pdb/x/refs.ptr", PATH_FILE, LAST_OTHER, KEY_OTHER},
		{"/a/msfz0/a", PATH_FILE, LAST_PLAIN, KEY_OTHER},
		{"/a.so/elf-buildid-" ID40 "/a.so", PATH_FILE, LAST_PLAIN, KEY_ELF},
		{"/sos.dll/5617D4FE8000/sos.dll", PATH_FILE, LAST_PLAIN, KEY_OTHER},
		{"/x/foo.pdb/" GUID "1/foo.pd_", PATH_OTHER, LAST_TWIN, KEY_OTHER},
		{"/x/fo/foo.pdb/" GUID "1/foo.pdb", PATH_OTHER, LAST_PLAIN, KEY_OTHER,
		 .tiered = true},
		{"/foo.pdb", PATH_OTHER, LAST_OTHER, KEY_OTHER},
		{"/foo.pdb/" GUID "1", PATH_OTHER, LAST_OTHER, KEY_OTHER},
		{"/buildid/" ID40 "/debuginfo", PATH_BUILD_ID, LAST_OTHER, KEY_OTHER},
		{"/buildid/" ID40 "/source/a.c", PATH_PART, LAST_OTHER, KEY_OTHER},
		{"/buildid/xy/debuginfo", PATH_FILE, LAST_OTHER, KEY_OTHER},
		{"/" G2 "/" GREST "/debuginfo", PATH_UNIFIED, LAST_OTHER, KEY_OTHER},
		{"/01/" REST38 "/meta", PATH_UNIFIED, LAST_OTHER, KEY_OTHER},
		{"/0123/4567/89AB/CDEF/0123/456789ABCDEF", PATH_UUID, LAST_OTHER, KEY_OTHER},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);
		const struct spelling *s = &p.spelling[0];

		ASSERT(clean(rows[i].target, &p));
		CHECK_INT(p.kind, rows[i].kind, rows[i].target);
		CHECK(s->last_is == rows[i].last && s->key.kind == rows[i].key &&
			      s->msfz == rows[i].msfz && s->tiered == rows[i].tiered,
		      "its end");
	}
}

/* Where the segments are is the same in all spellings; what they say need not be. */
static void test_spellings(void)
{
	struct symbol_path p CLEANUP(symbol_path_fini);

	ASSERT(clean("/a%2Bb.pdb/" GUID "1/a+b.pdb", &p));
	CHECK_INT(p.spellings, 3, "as it is, and two with spaces");
	CHECK_INT(p.spelling[0].last_is, LAST_PLAIN, "as it was asked");
	CHECK_INT(p.spelling[1].last_is, LAST_OTHER, "one of two is a space");
	CHECK_INT(p.spelling[2].last_is, LAST_PLAIN, "both are");
	CHECK_SLICE(p.spelling[2].name, "a b.pdb", "its name");
	CHECK_INT(p.spelling[2].key.kind, KEY_GUID, "its key");
}

/* ---- build-ids ---- */

struct by_id {
	const char *target, *id;
	bool executable, ssqp, debuginfod;
};

static const struct by_id by_id[] = {
	{"/buildid/" ID40 "/debuginfo", ID40, .debuginfod = true},
	{"/buildid/" ID40 "/executable", ID40, .executable = true, .debuginfod = true},
	{"/BUILDID/0A/Debuginfo", "0a", .debuginfod = true},
	{"/buildid/" HEX128 "/debuginfo", HEX128, .debuginfod = true},
	{"/" ID40 "/debuginfo", ID40},
	{"/" ID40 "/executable", ID40, .executable = true},
	{"/0123456789ABCDEF/executable", "0123456789abcdef", .executable = true},
	{"/01/" REST38 ".debug", ID40},
	{"/01/" REST38, ID40, .executable = true},
	{"/.build-id/01/" REST38 ".debug", ID40},
	{"/.build-id/01/" REST38, ID40, .executable = true},
	{"/.BUILD-ID/01/23.DEBUG", "0123"},
	{"/01/" REST38 "/debuginfo", ID40},
	{"/01/" REST38 "/executable", ID40, .executable = true},
	{"/01/23456789abcdef/debuginfo", "0123456789abcdef"},
	{"/_.debug/elf-buildid-sym-" ID40 "/_.debug", ID40, .ssqp = true},
	{"/_.DEBUG/ELF-buildid-sym-0A/_.debug", "0a", .ssqp = true},
	{"/libc.so/elf-buildid-" ID40 "/libc.so", ID40, .executable = true, .ssqp = true},
	{"/c++.so/elf-buildid-" ID40 "/c++.so", ID40, .executable = true, .ssqp = true},
};

static void test_build_ids(void)
{
	for (size_t i = 0; i < ARRAY_LEN(by_id); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);
		char hex[2 * SYMBOL_ID_MAX + 1];

		if (!CHECK(clean(by_id[i].target, &p) && p.id.n, by_id[i].target))
			continue;
		hex_encode(p.id.b, p.id.n, hex);
		CHECK_STR(hex, by_id[i].id, "its id");
		CHECK(p.executable == by_id[i].executable &&
			      p.kind == (by_id[i].ssqp ? PATH_FILE : PATH_BUILD_ID),
		      "what it names, and how");
		CHECK_INT(p.debuginfod, by_id[i].debuginfod, "is it debuginfod's?");
	}
}

static void test_no_build_ids(void)
{
	static const char *const targets[] = {
		"/",
		"/buildid",
		"/buildid/" ID40,
		"/buildid/" ID40 "/source",
		"/buildid/" ID40 "/debuginfo/x",
		"/buildid/012/debuginfo",
		"/buildid/xy/debuginfo",
		"/buildid/" HEX128 "00/debuginfo",
		"/buildid/" ID40 "/breakpad",
		"/x/buildid/" ID40 "/debuginfo",
		"/" ID40,
		"/" ID40 "/debuginfo.x",
		"/01234567/debuginfo", /* too short to be one for certain */
		"/0123456789abcd/debuginfo",
		"/01/23456789abcd.debug",
		"/01/23456789abcd",
		"/01/23456789abcd/debuginfo",
		"/01/" REST38 ".sym",
		"/01/" REST38 ".debug.gz",
		"/01/" REST38 "/breakpad",
		"/0123/" REST38 ".debug",
		"/0/" REST38 ".debug",
		"/0x/" REST38 ".debug",
		"/01/" HEX128 ".debug",
		"/.build-id/" ID40 ".debug",
		"/.build-id/01/.debug",
		"/build-id/01/" REST38 ".debug",
		"/_.debug/elf-buildid-sym-" ID40 "/x",
		"/x.debug/elf-buildid-sym-" ID40 "/x.debug",
		"/_.debug/elf-buildid-sym-xy/_.debug",
		"/_/_.debug/elf-buildid-sym-" ID40 "/_.debug",
		"/a.so/elf-buildid-" ID40 "/b.so",
		"/a.so/elf-buildid-coreclr-" ID40 "/a.so",
		"/_.dwarf/mach-uuid-sym-0123456789abcdef0123456789abcdef/_.dwarf",
		"/foo.pdb/497B72F6390A44FC878E5A2D63B6CC4B1/foo.pdb",
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);

		CHECK(clean(targets[i], &p) && !p.id.n && !p.debuginfod && p.kind != PATH_BUILD_ID,
		      targets[i]);
	}
}

static void test_parts(void)
{
	static const struct {
		const char *target;
		bool is_part;
	} targets[] = {
		{"/buildid/" ID40 "/source/usr/src/a.c", true},
		{"/BuildId/" ID40 "/SOURCE/a", true},
		{"/buildid/" ID40 "/section/.text", true},
		{"/buildid/" ID40 "/source", false},
		{"/buildid/" ID40 "/debuginfo/a", false},
		{"/buildid/xy/source/a", false},
		{"/buildids/" ID40 "/source/a", false},
		{"/buildid/" ID40 "/debuginfo", false},
		{"/", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);

		ASSERT(clean(targets[i].target, &p));
		CHECK_INT(p.kind == PATH_PART, targets[i].is_part, targets[i].target);
	}
}

static void test_without_a_name(void)
{
	static const struct {
		const char *target;
		bool absent;
	} paths[] = {
		{"/buildid/" ID40 "/debuginfo", true},
		{"/buildid/" ID40 "/source/usr/src/acme.c", true},
		{"/" ID40 "/executable", true},
		{"/01/23456789abcdef0123.debug", true},
		{"/.build-id/01/23456789abcdef0123", true},
		{"/01/23456789abcdef0123/debuginfo", true},
		/* Sentry's: an odd number of digits, and words that are no build-id's */
		{"/" G2 "/" GREST "/debuginfo", true},
		{"/" G2 "/" GREST "/executable", true},
		{"/" G2 "/" GREST "/BreakPad", true},
		{"/" G2 "/" GREST "/sourcebundle", true},
		{"/" G2 "/" GREST "/meta", true},
		{"/0123/4567/89AB/CDEF/0123/456789ABCDEF", true},
		{"/0123/4567/89AB/CDEF/0123/456789ABCDEF.app", true},
		{"/" G2 "/" GREST "/debug", false},
		{"/0x/" GREST "/debuginfo", false},
		{"/012/" GREST "/debuginfo", false},
		{"/01/23456789abc/debuginfo", false},
		{"/0123/4567/89AB/CDEF/0123/456789ABCDEF.sym", false},
		{"/0123/4567/89AB/CDEF/0123/456789ABCDE", false},
		{"/x/0123/4567/89AB/CDEF/0123/456789ABCDEF", false},
		{"/debuginfo", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct symbol_path p CLEANUP(symbol_path_fini);

		ASSERT(clean(paths[i].target, &p));
		CHECK_INT(symbol_path_is_nameless(&p), paths[i].absent, paths[i].target);
	}
}

/* ---- which are symbols ---- */

static bool is_symbol(const char *target)
{
	struct symbol_path p CLEANUP(symbol_path_fini);

	return clean(target, &p) && p.symbol;
}

static void test_symbols(void)
{
	static const char *const targets[] = {
		"/foo.pdb/" GUID "1/foo.pdb",
		"/foo.pdb/" GUID "1/foo.pd_",
		"/foo.pdb/" GUID "1/file.ptr",
		"/foo.pdb/" GUID "1/FILE.PTR",
		"/Foo.PDB/" GUID "ffffffff/fOO.pdB",
		"/foo.pdb/" GUID "/foo.pdb",
		"/foo.pdb/37a8f40e2/foo.pdb",
		"/foo.exe/5617D4FE8000/foo.ex_",
		"/a.c/12345/a._",
		"/libfoo/12345/libfo_",
		"/libfoo/12345/libfoo._",
		"/a/12345/_",
		"/my app.pdb/12345/my%20app.pdb",
		"/\xc3\x84.pdb/12345/\xc3\xa4.pdb",
		"/x\xc3\x84/12345/x_",
		"/fo/foo.pdb/" GUID "1/foo.pdb",
		"/FO/foo.pdb/" GUID "1/foo.pd_",
		"/fo/foo.pdb/" GUID "1/file.ptr",
		"/a/a.pdb/12345/a.pdb",
		"/\xc3\x84\xc3\x96/\xc3\x84\xc3\x96.pdb/12345/\xc3\x84\xc3\x96.pdb",
		"/foo.pdb/" GUID "1/msfz0/foo.pdb",
		"/foo.pdb/" GUID "1/MSFZ0/foo.pdb",
		"/fo/foo.pdb/" GUID "1/msfz0/foo.pdb",
		"/libc.so.6/elf-buildid-" ID40 "/libc.so.6",
		"/_.debug/elf-buildid-sym-" ID40 "/_.debug",
		"/libmscordaccore.so/elf-buildid-coreclr-" ID40 "/libmscordaccore.so",
		"/libcoreclr.dylib/mach-uuid-" GUID "/libcoreclr.dylib",
		"/_.dwarf/mach-uuid-sym-" GUID "/_.dwarf",
		"/libmscordbi.dylib/Mach-UUID-coreclr-" GUID "/libmscordbi.dylib",
		"/main.cs/sha1-" ID40 "/main.cs",
		"/x.ni.r2rmap/r2rmap-v1-" GUID "/x.ni.r2rmap",
		"/main.js.map/" ID40 "0123456789abcdef01234567/main.js.map",
		"/xul.pdb/" GUID "2/xul.sym",
		"/xul.PDB/" GUID "2/XUL.sym",
		"/xul.pdb/" GUID "2/xul.pdb.sym",
		"/libxul.so/" GUID "0/libxul.so.sym",
		"/xul.dll/5617D4FE8000/xul.sym",
		"/app.exe/5617D4FE8000/app.sym",
		"/XUL/" GUID "0/XUL.sym",
		"/49/7b72f6390a44fc878e5a2d63b6cc4b1/debuginfo",
		"/49/7B72F6390A44FC878E5A2D63B6CC4B1a/Executable",
		"/49/7b72f6390a44fc878e5a2d63b6cc4b1/breakpad",
		"/buildid/" ID40 "/debuginfo",
		"/BuildID/" ID40 "/Executable",
		"/buildid/" ID40 "/source/usr/src/main.c",
		"/buildid/" ID40 "/source/%2Fusr%2Fsrc%2Fmain.c",
		"/buildid/" ID40 "/section/.debug_info",
		"/buildid/012345/debuginfo",
		"/" ID40 "/debuginfo",
		"/" ID40 "/executable",
		"/01/23456789abcdef01.debug",
		"/01/23456789ABCDEF01",
		"/.build-id/01/23456789abcdef.debug",
		"/.build-id/01/2345",
		"/01/23456789abcdef/debuginfo",
		"/01/23456789abcdef/executable",
		"/foo.pdb/12345/foo.pdb",
		"/foo.pdb/" HEX128 "/foo.pdb",
		"/\\\\host\\x\\foo.pdb/12345/foo.pdb",
		"/foo.pdb\\12345\\foo.pdb",
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		CHECK(is_symbol(targets[i]), targets[i]);
}

static void test_no_symbols(void)
{
	static const char *const targets[] = {
		"/49/7b72f6390a44fc878e5a2d63b6cc4b1/meta",
		"/49/7b72f6390a44fc878e5a2d63b6cc4b1/sourcebundle",
		"/000Admin/7b72f6390a44fc878e5a2d63b6cc4b1/debuginfo",
		"/",
		"/index2.txt",
		"/pingme.txt",
		"/foo.pdb",
		"/foo.pdb/" GUID "1",
		"/foo.pdb/" GUID "1/bar.pdb",
		"/foo.pdb/" GUID "1/foo.pdb/x",
		"/foo.pdb/" GUID "1/refs.ptr",
		"/foo.pdb/" GUID "1/REFS.PTR",
		"/refs.ptr/12345/refs.ptr",
		"/buildid/" ID40 "/source/refs.ptr",
		"/foo.pdb/1234/foo.pdb",
		"/foo.pdb/" HEX128 "0/foo.pdb",
		"/foo.pdb/1234g/foo.pdb",
		"/foo.pdb/12345/foo.p__",
		"/foo.pdb/12345/foo.pdb._",
		"/foo.pdb/12345/foo.pdb_",
		"/foo.pdb/12345/_",
		"/foo.pdb/12345/foo.sy_",
		"/foo.txt/12345/foo.sym",
		"/.pdb/12345/.sym",
		"/foo.pdb/elf-buildid-" ID40 "/foo.sym",
		"/foo.pdb/elf-buildid-/foo.pdb",
		"/foo.pdb/elf-buildid-x%20y/foo.pdb",
		"/foo.pdb/sha256-" ID40 "/foo.pdb",
		"/foo.pdb/12345/msfz1/foo.pdb",
		"/foo.pdb/12345/msfz0/foo.sym",
		"/foo.pdb/msfz0/12345/foo.pdb",
		"/f/foo.pdb/12345/foo.pdb",
		"/foo/foo.pdb/12345/foo.pdb",
		"/fo/fo/foo.pdb/12345/foo.pdb",
		"/000Admin/server.txt",
		"/000Adm%C4%B0n/12345/000Adm%C4%B0n",
		"/00/000Adm%C4%B0n/12345/000Adm%C4%B0n",
		"/foo.pdb/" GUID "1/ref\xc5\xbf.ptr",
		"/000Admin/0000000001",
		"/000Admin/0000000001/000Admin",
		"/000ADMIN/0000000001/000admin",
		"/00/000Admin/0000000001/000Admin",
		"/000admin/000admin/12345/file.ptr",
		"/buildid/" ID40,
		"/buildid/" ID40 "/other",
		"/buildid/" ID40 "/source",
		"/buildid/" ID40 "/other/x",
		"/buildid/1234/debuginfo",
		"/buildid/xyzxyz/debuginfo",
		"/buildid/01234/debuginfo",
		"/buildid/1234/source/a",
		"/buildid/xyzxyz/source/a",
		"/bu/buildid/" ID40 "/debuginfo",
		"/.build-id/01/23",
		"/01/23456789abcd.debug",
		"/01/23456789abcdef.sym",
		"/01/23456789abcdef/breakpad",
		"/01/23456789abcdef/x/debuginfo",
		"/0123/456789abcdef0123.debug",
		"/" ID40,
		"/01234567/debuginfo",
		"/secret.key",
		"/backups/2024/dump.sql",
		"/a/b/c/d/e/f",
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		CHECK(!is_symbol(targets[i]), targets[i]);
}

static void test_last(void)
{
	static const struct {
		const char *name, *last;
		enum path_last is;
	} rows[] = {
		{"foo.pdb", "fOO.PDB", LAST_PLAIN},
		{"foo_", "foo_", LAST_PLAIN},
		{"file.ptr", "file.ptr", LAST_PLAIN},
		{"foo.sym", "foo.sym", LAST_PLAIN},
		{"foo.pdb", "Foo.pd_", LAST_TWIN},
		{"libfoo", "libfo_", LAST_TWIN},
		{"libfoo", "libfoo._", LAST_TWIN},
		{"a", "_", LAST_TWIN},
		{"x\xc3\x84", "x_", LAST_TWIN},
		{"foo.pdb", "foo.pdb._", LAST_OTHER},
		{"foo.pdb", "foo.pdb_", LAST_OTHER},
		{"foo.pdb", "foo_", LAST_OTHER},
		{"foo.pdb", "foo.sym", LAST_SYM},
		{"foo.DLL", "FOO.sym", LAST_SYM},
		{"libfoo.so", "libfoo.so.sym", LAST_SYM},
		{"libfoo.so", "libfoo.sym", LAST_OTHER},
		{"foo.pdb", "File.ptr", LAST_PTR},
		{"foo.pdb", "refs.ptr", LAST_OTHER},
		{"foo.pdb", "msfz0/foo.pdb", LAST_OTHER},
		{"foo.pdb", "", LAST_OTHER},
		{"", "", LAST_PLAIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(path_last(slice_of(rows[i].name), slice_of(rows[i].last)), rows[i].is,
			  rows[i].last);
}

static void test_folder(void)
{
	static const char *const rows[][2] = {
		{"foo.pdb", "fo"},
		{"a.pdb", "a"},
		{"ab", "ab"},
		{"a", "a"},
		{".a", ".a"},
		{"..a", "."},
		{"", ""},
		{"\xc3\x84\xe2\x82\xac.pdb", "\xc3\x84\xe2\x82\xac"},
		{"\xff\xfe.pdb", "\xff\xfe"},
		{"\xc3", "\xc3"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_SLICE(name_tier_folder(slice_of(rows[i][0])), rows[i][1], rows[i][0]);
}

int main(void)
{
	test_kinds();
	test_spellings();
	test_build_ids();
	test_no_build_ids();
	test_parts();
	test_without_a_name();
	test_symbols();
	test_no_symbols();
	test_last();
	test_folder();
	return tap_done();
}
