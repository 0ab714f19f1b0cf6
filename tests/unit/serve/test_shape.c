// SPDX-License-Identifier: MIT
/* What a signed store may be asked for without authentication: design rule 10. */
#include "serve/shape.h"
#include "tap.h"

#define GUID   "497B72F6390A44FC878E5A2D63B6CC4B"
#define ID40   "0123456789abcdef0123456789abcdef01234567"
#define HEX128 ID40 ID40 ID40 "01234567"

static bool judge(const char *target)
{
	struct symbol_path p CLEANUP(symbol_path_fini);

	return request_clean(slice_of(target), &(struct request_rules){0}, &p) == REQUEST_CLEAN &&
	       shape_is_symbol(&p);
}

static void test_yes(void)
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
		CHECK(judge(targets[i]), targets[i]);
}

static void test_no(void)
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
		CHECK(!judge(targets[i]), targets[i]);
}

static void test_file(void)
{
	static const struct {
		const char *name, *last;
		enum shape_file is;
	} rows[] = {
		{"foo.pdb", "fOO.PDB", SHAPE_PLAIN},
		{"foo_", "foo_", SHAPE_PLAIN},
		{"file.ptr", "file.ptr", SHAPE_PLAIN},
		{"foo.sym", "foo.sym", SHAPE_PLAIN},
		{"foo.pdb", "Foo.pd_", SHAPE_TWIN},
		{"libfoo", "libfo_", SHAPE_TWIN},
		{"libfoo", "libfoo._", SHAPE_TWIN},
		{"a", "_", SHAPE_TWIN},
		{"x\xc3\x84", "x_", SHAPE_TWIN},
		{"foo.pdb", "foo.pdb._", SHAPE_OTHER},
		{"foo.pdb", "foo.pdb_", SHAPE_OTHER},
		{"foo.pdb", "foo_", SHAPE_OTHER},
		{"foo.pdb", "foo.sym", SHAPE_SYM},
		{"foo.DLL", "FOO.sym", SHAPE_SYM},
		{"libfoo.so", "libfoo.so.sym", SHAPE_SYM},
		{"libfoo.so", "libfoo.sym", SHAPE_OTHER},
		{"foo.pdb", "File.ptr", SHAPE_PTR},
		{"foo.pdb", "refs.ptr", SHAPE_OTHER},
		{"foo.pdb", "msfz0/foo.pdb", SHAPE_OTHER},
		{"foo.pdb", "", SHAPE_OTHER},
		{"", "", SHAPE_PLAIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(shape_file(slice_of(rows[i].name), slice_of(rows[i].last)), rows[i].is,
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
		CHECK_SLICE(shape_tier_folder(slice_of(rows[i][0])), rows[i][1], rows[i][0]);
}

int main(void)
{
	test_yes();
	test_no();
	test_file();
	test_folder();
	return tap_done();
}
