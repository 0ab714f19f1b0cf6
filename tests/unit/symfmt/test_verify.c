// SPDX-License-Identifier: MIT
/* Files of each kind under paths of each kind, from their first byte to their last. */
#include "pdb_rig.h"
#include "symfmt/verify.h"
#include "symfmt_samples.h"

#define PDB_GUID   "A3A2A1A0A5A4A7A6A8A9AAABACADAEAF"
#define OTHER_GUID "B3A2A1A0A5A4A7A6A8A9AAABACADAEAF"
#define HEX8       "0102030405060708"
#define HEX20      HEX8 "090a0b0c0d0e0f1011121314"
#define ZEROS12    "000000000000000000000000"
#define UUID       "4c4c445c55553144a1c2c9799943d644"
#define UUID_2     "5c4c445c55553144a1c2c9799943d644"

static void test_paths(void)
{
	static const struct {
		const char *path;
		enum key_kind kind; /* KEY_OTHER: nothing is expected */
		const char *text;
	} rows[] = {
		{"foo.pdb/" PDB_GUID "1a/foo.pdb", KEY_GUID, PDB_GUID "1a"},
		{"Foo.pdb/" PDB_GUID "/foo.PDB", KEY_GUID, PDB_GUID},
		{"fo/foo.pdb/" PDB_GUID "1a/foo.pdb", KEY_GUID, PDB_GUID "1a"},
		{"a/b/c/d/foo.pdb/" PDB_GUID "1a/foo.pdb", KEY_GUID, PDB_GUID "1a"},
		{"foo.pdb/" PDB_GUID "1a/msfz0/foo.pdb", KEY_GUID, PDB_GUID "1a"},
		{"fo/foo.pdb/" PDB_GUID "1a/MSFZ0/foo.pdb", KEY_GUID, PDB_GUID "1a"},
		{"msfz0/5617D4FE8000/msfz0", KEY_STAMP, "5617D4FE8000"},
		{"foo.exe/5617D4FE8000/foo.exe", KEY_STAMP, "5617D4FE8000"},
		{"\x1a/elf-buildid-" HEX20 "/\x1a", KEY_ELF, "elf-buildid-" HEX20},
		{"_.debug/elf-buildid-sym-" HEX20 "/_.debug", KEY_ELF_SYM,
		 "elf-buildid-sym-" HEX20},
		{"_.dwarf/mach-uuid-sym-" UUID "/_.dwarf", KEY_MACHO_SYM, "mach-uuid-sym-" UUID},
		{"a/mach-uuid-" UUID "/a", KEY_MACHO, "mach-uuid-" UUID},

		{"foo.exe/5617D4FE8000/foo.ex_", KEY_STAMP, "5617D4FE8000"},
		{"a.c/5617D4FE8000/a._", KEY_STAMP, "5617D4FE8000"},
		{"libfoo/5617D4FE8000/libfo_", KEY_STAMP, "5617D4FE8000"},
		{"libfoo/5617D4FE8000/libfoo._", KEY_STAMP, "5617D4FE8000"},
		{"a\xc3\xbc/5617D4FE8000/a_", KEY_STAMP, "5617D4FE8000"},
		{"a\xfc/5617D4FE8000/a_", KEY_STAMP, "5617D4FE8000"},
		{"foo.exe/5617D4FE8000/foo.exe.gz", KEY_STAMP, "5617D4FE8000"},
		{"foo.exe/5617D4FE8000/foo.exe.ZST", KEY_STAMP, "5617D4FE8000"},
		{"foo.gz/5617D4FE8000/foo.gz", KEY_STAMP, "5617D4FE8000"},
		{"foo_/5617D4FE8000/foo_", KEY_STAMP, "5617D4FE8000"},

		{"foo.pdb/" PDB_GUID "1a/foo.sym", KEY_GUID, PDB_GUID "1a"},
		{"foo.pdb/" PDB_GUID "1a/foo.pdb.sym", KEY_GUID, PDB_GUID "1a"},
		{"FOO.EXE/5617D4FE8000/foo.sym", KEY_STAMP, "5617D4FE8000"},
		{"foo.dll/5617D4FE8000/foo.sy_", KEY_STAMP, "5617D4FE8000"},
		{"libfoo.so/" HEX20 "/libfoo.so.sym.gz", KEY_GUID, HEX20},

		{"buildid/" HEX8 "/debuginfo", KEY_ELF_SYM, HEX8},
		{"buildid/01/executable", KEY_ELF, "01"},
		{"01/02030405060708.debug", KEY_ELF_SYM, "02030405060708"},
		{"01/02030405060708", KEY_ELF, "02030405060708"},
		{".build-id/01/02030405060708.DEBUG", KEY_ELF_SYM, "02030405060708"},

		{"", KEY_OTHER, ""},
		{"/", KEY_OTHER, ""},
		{"pingme.txt", KEY_OTHER, ""},
		{"000Admin/server.txt", KEY_OTHER, ""},
		{"5617D4FE8000/foo.exe", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/", KEY_OTHER, ""},
		{"foo.exe//foo.exe", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/refs.ptr", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/file.ptr", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/bar.exe", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/foo.e_", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/foo.exe_", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/_", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/foo.bz2", KEY_OTHER, ""},
		{"foo.so/5617D4FE8000/foo.sym", KEY_OTHER, ""},
		{"foo.exe/5617D4FE8000/bar/foo.exe", KEY_OTHER, ""},
		{"main.js/sha1-" HEX20 "/main.js", KEY_OTHER, ""},
		{"mscordaccore.dll/5617D4FE8000/mscordaccore.dll", KEY_OTHER, ""},
		{"a/elf-buildid-coreclr-" HEX20 "/a", KEY_OTHER, ""},
		{"buildid/" HEX8 "/source", KEY_OTHER, ""},
		{"buildid/xx/debuginfo", KEY_OTHER, ""},
		{HEX8 "/debuginfo", KEY_OTHER, ""},
		{"x/buildid/" HEX8 "/debuginfo", KEY_OTHER, ""},
		{"01/020304050607.debug", KEY_OTHER, ""},
		{"0/02030405060708", KEY_OTHER, ""},
		{"0102/030405060708090a", KEY_OTHER, ""},
		{"x/01/02030405060708.debug", KEY_OTHER, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct claim x;
		bool expects = rows[i].kind != KEY_OTHER;

		CHECK(claim_of_path(slice_of(rows[i].path), &x) == expects, rows[i].path);
		if (!expects)
			continue;
		CHECK_INT(x.key.kind, rows[i].kind, rows[i].path);
		CHECK_SLICE(x.key.text, rows[i].text, rows[i].path);
		CHECK(x.name.n > 0, rows[i].path);
	}
}

static void test_path_ids(void)
{
	static const char *const rows[] = {
		"buildid/" HEX8 "/debuginfo",
		"01/02030405060708.debug",
		".build-id/01/02030405060708",
		"a/elf-buildid-" HEX8 "/a",
	};
	char longest[8 + 2 * SYMBOL_ID_MAX] = "01/";
	struct claim x;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK(claim_of_path(slice_of(rows[i]), &x), rows[i]);
		CHECK_INT(x.key.id.n, 8, rows[i]);
		CHECK(memcmp(x.key.id.b, "\1\2\3\4\5\6\7\10", 8) == 0, rows[i]);
	}
	memset(longest + 3, 'f', 2 * SYMBOL_ID_MAX);
	CHECK(!claim_of_path((struct slice){longest, 3 + 2 * SYMBOL_ID_MAX}, &x), "too long");
	CHECK(claim_of_path((struct slice){longest, 1 + 2 * SYMBOL_ID_MAX}, &x), "the longest");
	CHECK_INT(x.key.id.n, SYMBOL_ID_MAX, "all of it");
	CHECK(x.key.id.b[0] == 1 && x.key.id.b[SYMBOL_ID_MAX - 1] == 0xff, "in order");
	CHECK(claim_of_path(SLICE("mscordaccore.dll/sha1-1/mscordaccore.sym"), &x), "Breakpad");
	CHECK_INT(x.key.kind, KEY_OTHER, "may have any key");
}

enum file {
	PE,
	PE_RSDS,
	DBG,
	ELF,
	ELF_SHORT,
	ELF_NO_ID,
	MACHO,
	FAT,
	PORTABLE,
	SYM,
	SYM_CODE_ID,
	PDB,
	PDB_NO_DBI,
	PDB_AGE_0,
	PDB_OLD,
	PDB_MSFZ,
	CAB,
	TEXT,
	HTML,
	LFS,
	PE_CUT,
	PDB_CUT,
	FILES
};

static struct buf files[FILES];

static void keep(enum file which, const struct sample *s)
{
	buf_add(&files[which], sample_bytes(s));
}

static struct slice uuid_bytes(const char *hex)
{
	static struct symbol_id id;

	ASSERT(symbol_id_parse(slice_of(hex), &id));
	return (struct slice){(const char *)id.b, id.n};
}

static void make_images(void)
{
	struct symbol_id id;
	struct sample_elf elf = {.is_64 = true, .segments = true};
	struct sample_record codeview = {
		.type = 2, .bytes = SLICE("RSDS" SAMPLE_GUID_BYTES "\1\0\0\0foo.pdb\0")};
	struct sample s = make_pe(true, NULL, 0);

	keep(PE, &s);
	s = make_pe(true, &codeview, 1);
	keep(PE_RSDS, &s);
	ASSERT(symbol_id_parse(SLICE(HEX20), &id));
	elf.build_id = (struct slice){(const char *)id.b, id.n};
	s = make_elf(&elf);
	keep(ELF, &s);
	elf = (struct sample_elf){
		.sections = true, .big_endian = true, .build_id = {(char *)id.b, 8}};
	s = make_elf(&elf);
	keep(ELF_SHORT, &s);
	elf = (struct sample_elf){.is_64 = true, .build_id = SLICE("")};
	s = make_elf(&elf);
	keep(ELF_NO_ID, &s);
	s = (struct sample){0};
	put_macho(&s, 0, true, 2, uuid_bytes(UUID));
	keep(MACHO, &s);
	s = (struct sample){.big_endian = true};
	put(&s, 0, 4, 0xcafebabe);
	put(&s, 4, 4, 2);
	put(&s, 8 + 8, 4, 0x100);
	put(&s, 28 + 8, 4, 0x200);
	s.big_endian = false;
	put_macho(&s, 0x100, true, 2, uuid_bytes(UUID));
	put_macho(&s, 0x200, true, 2, uuid_bytes(UUID_2));
	keep(FAT, &s);
}

static void make_pdbs(void)
{
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE("old")}, {{p.info, 40}}, {SLICE_NONE, true}, {{p.dbi, 80}}};

	rig_make_pdb(&p);
	rig_make_msf(&files[PDB], false, 512, 9, s, 4);
	rig_make_msf(&files[PDB_NO_DBI], false, 512, 9, s, 3);
	rig_make_msfz(&files[PDB_MSFZ], (struct rig_msfz){1, 64, 0, 1}, s, 4);
	store_le32(p.dbi + 8, 0);
	rig_make_msf(&files[PDB_AGE_0], false, 512, 9, s, 4);
	store_le32(p.info, 19970604);
	rig_make_msf(&files[PDB_OLD], true, 1024, 9, s, 2);
	buf_add(&files[PDB_CUT], slice_head(buf_slice(&files[PDB]), 9 * 512 - 1));
}

static void make_others(void)
{
	struct sample s = make_portable_pdb();
	struct buf *b = files;

	keep(PORTABLE, &s);
	s = (struct sample){0};
	put_bytes(&s, 0, SLICE("DI\0\0\x4c\1\0\0\x4f\x7d\x61\5"));
	put(&s, 20, 4, 0x8000);
	put(&s, 47, 1, 0);
	keep(DBG, &s);
	buf_puts(&b[SYM], "MODULE windows x86_64 " SAMPLE_GUID "a foo.pdb\r\nFILE 0 foo.c\r\n");
	buf_puts(&b[SYM_CODE_ID], "MODULE windows x86_64 " SAMPLE_GUID "a foo.pdb\n"
				  "INFO CODE_ID 05617D4F8000 foo.exe\nFILE 0 foo.c\n");
	buf_add(&b[CAB], SLICE("MSCF\0\0\0\0 and so on, for as long as a magic may be"));
	buf_puts(&b[TEXT], "hello");
	buf_puts(&b[HTML], "\xef\xbb\xbf\r\n<!DOCTYPE html><title>Sign in</title>");
	rig_zeros(&b[HTML], 4);
	buf_puts(&b[LFS],
		 "version https://git-lfs.github.com/spec/v1\n"
		 "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e\n"
		 "size 12345\n");
	buf_add(&b[PE_CUT], slice_head(buf_slice(&b[PE]), 0x50));
}

static void make_files(void)
{
	for (size_t i = 0; i < FILES; i++)
		files[i] = BUF_MAX(RIG_MAX);
	make_images();
	make_pdbs();
	make_others();
}

/* On a copy of its own size, so that the address sanitizer sees a read that passes the end. */
static enum verdict verify_prefix(const struct claim *x, struct slice file, size_t n, int64_t size)
{
	char *copy = malloc(n ? n : 1);
	enum verdict v;

	ASSERT(copy);
	if (n)
		memcpy(copy, file.p, n);
	v = verify_head(x, (struct slice){copy, n}, size);
	free(copy);
	return v;
}

/*
 * From some beginning on the verdict is what it stays, and until then more is asked for; while
 * nobody knows the size, of a PDB the whole. With the whole file there is a verdict.
 */
static void check_beginnings(const struct claim *x, struct slice file, enum verdict want,
			     const char *name)
{
	size_t wrong = 0;
	bool known = false, known_too = false;

	for (size_t n = 0; n <= file.n; n++) {
		enum verdict v = verify_prefix(x, file, n, (int64_t)file.n);
		enum verdict w = verify_prefix(x, file, n, INT64_MAX);

		wrong += v != want && (v != VERDICT_MORE || known || n == file.n);
		known |= v == want;
		wrong += w != want && w != VERDICT_WHOLE && (w != VERDICT_MORE || known_too);
		known_too |= w == want || w == VERDICT_WHOLE;
	}
	CHECK_INT(wrong, 0, name);
}

static void check_file(const struct claim *x, struct slice file, enum verdict want,
		       const char *name)
{
	struct source source = source_of(&file);
	enum verdict v = VERDICT_MORE;

	CHECK_INT(verify_file(x, &source, &v, NULL), OK, name);
	CHECK_INT(v, want, name);
}

struct row {
	enum file file;
	const char *path;
	enum verdict want;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice file = buf_slice(&files[rows[i].file]);
		struct claim x;

		CHECK(claim_of_path(slice_of(rows[i].path), &x), rows[i].path);
		check_file(&x, file, rows[i].want, rows[i].path);
		check_beginnings(&x, file, rows[i].want, rows[i].path);
	}
}

static void test_images(void)
{
	static const struct row rows[] = {
		{PE, "foo.exe/05617D4F8000/foo.exe", VERDICT_GOOD},
		{PE, "FOO.EXE/05617d4f8000/foo.ex_", VERDICT_GOOD},
		{PE, "foo.exe/5617d4f8000/foo.exe", VERDICT_GOOD},
		{PE, "renamed.sys/05617D4F8000/renamed.sys", VERDICT_GOOD},
		{PE, "foo.exe/05617D4F9000/foo.exe", VERDICT_WRONG},
		{PE, "foo.exe/15617D4F8000/foo.exe", VERDICT_WRONG},
		{PE, "foo.pdb/" SAMPLE_GUID "1/foo.pdb", VERDICT_UNKNOWN},
		{PE, "foo.exe/elf-buildid-" HEX20 "/foo.exe", VERDICT_UNKNOWN},
		{PE, "buildid/" HEX20 "/executable", VERDICT_UNKNOWN},
		{PE_RSDS, "buildid/" SAMPLE_GUID "/executable", VERDICT_GOOD},
		{PE_RSDS, "buildid/" SAMPLE_GUID "/debuginfo", VERDICT_GOOD},
		{PE_RSDS, "buildid/" HEX20 "/executable", VERDICT_WRONG},
		{PE_RSDS, "foo.dll/" SAMPLE_GUID "1/foo.dll", VERDICT_GOOD},
		{PE_RSDS, "foo.dll/" PDB_GUID "1/foo.dll", VERDICT_WRONG},
		{PE_RSDS, "foo.exe/05617D4F8000/foo.exe", VERDICT_GOOD},
		{DBG, "buildid/" HEX20 "/debuginfo", VERDICT_UNKNOWN},
		{PE, "foo.wasm/" HEX20 HEX8 "/foo.wasm.sym", VERDICT_UNKNOWN},
		{PE_CUT, "foo.exe/05617D4F8000/foo.exe", VERDICT_UNKNOWN},
		{DBG, "foo.dbg/05617D4F8000/foo.dbg", VERDICT_GOOD},
		{DBG, "foo.dbg/05617D4F8001/foo.dbg", VERDICT_WRONG},
		{ELF, "a.so/elf-buildid-" HEX20 "/a.so", VERDICT_GOOD},
		{ELF, "_.debug/elf-buildid-sym-" HEX20 "/_.debug", VERDICT_GOOD},
		{ELF, "buildid/" HEX20 "/debuginfo", VERDICT_GOOD},
		{ELF, "01/02030405060708090a0b0c0d0e0f1011121314.debug", VERDICT_GOOD},
		{ELF, "01/02030405060708090A0B0C0D0E0F1011121314", VERDICT_GOOD},
		{ELF, "02/02030405060708090a0b0c0d0e0f1011121314", VERDICT_WRONG},
		{ELF, "buildid/" HEX8 "/debuginfo", VERDICT_WRONG},
		{ELF, "a.so/mach-uuid-" UUID "/a.so", VERDICT_WRONG},
		{ELF, "a.so/05617D4F8000/a.so", VERDICT_UNKNOWN},
		{ELF, "a.so/" HEX20 "/a.so", VERDICT_UNKNOWN},
		{ELF_SHORT, "a/elf-buildid-" HEX8 ZEROS12 "/a", VERDICT_GOOD},
		{ELF_SHORT, "buildid/" HEX8 "/executable", VERDICT_GOOD},
		{ELF_SHORT, "01/02030405060708", VERDICT_GOOD},
		{ELF_SHORT, "a/elf-buildid-" HEX20 "/a", VERDICT_WRONG},
		{ELF_NO_ID, "a/elf-buildid-" HEX20 "/a", VERDICT_UNKNOWN},
		{ELF_NO_ID, "a/05617D4F8000/a", VERDICT_UNKNOWN},
		{MACHO, "a/mach-uuid-" UUID "/a", VERDICT_GOOD},
		{MACHO, "_.dwarf/mach-uuid-sym-" UUID "/_.dwarf", VERDICT_GOOD},
		{MACHO, "a/mach-uuid-" UUID_2 "/a", VERDICT_WRONG},
		{FAT, "a/mach-uuid-" UUID "/a", VERDICT_GOOD},
		{FAT, "a/mach-uuid-" UUID_2 "/a", VERDICT_GOOD},
		{FAT, "a/mach-uuid-" SAMPLE_GUID "/a", VERDICT_WRONG},
		{FAT, "buildid/" UUID_2 "/debuginfo", VERDICT_GOOD},
		{MACHO, "buildid/" UUID "/debuginfo", VERDICT_GOOD},
		{MACHO, "buildid/" UUID_2 "/debuginfo", VERDICT_WRONG},
		{MACHO, "4c/4c445c55553144a1c2c9799943d644.debug", VERDICT_GOOD},
	};

	check_rows(rows, ARRAY_LEN(rows));
}

static void test_symbols(void)
{
	static const struct row rows[] = {
		{PDB, "a.pdb/" PDB_GUID "1a/a.pdb", VERDICT_GOOD},
		{PDB, "a.pdb/" PDB_GUID "1A/a.pd_", VERDICT_GOOD},
		{PDB, "a.pdb/" PDB_GUID "26/a.pdb", VERDICT_GOOD},
		{PDB, "a.pdb/" PDB_GUID "/a.pdb", VERDICT_GOOD},
		{PDB, "a.pdb/" PDB_GUID "7/a.pdb", VERDICT_WRONG},
		{PDB, "a.pdb/" OTHER_GUID "1a/a.pdb", VERDICT_WRONG},
		{PDB, "a.exe/05617D4F8000/a.exe", VERDICT_UNKNOWN},
		{PDB, "buildid/" HEX20 "/debuginfo", VERDICT_WRONG},
		{PDB, "buildid/" PDB_GUID "1a/debuginfo", VERDICT_GOOD},
		{PDB_AGE_0, "a.pdb/" PDB_GUID "7/a.pdb", VERDICT_GOOD},
		{PDB_AGE_0, "a.pdb/" PDB_GUID "0/a.pdb", VERDICT_GOOD},
		{PDB_AGE_0, "a.pdb/" PDB_GUID "8/a.pdb", VERDICT_WRONG},
		{PDB_AGE_0, "a.pdb/" PDB_GUID "ffffffff/a.pdb", VERDICT_WRONG},
		{PDB_NO_DBI, "a.pdb/" PDB_GUID "/a.pdb", VERDICT_GOOD},
		{PDB_NO_DBI, "a.pdb/" PDB_GUID "1/a.pdb", VERDICT_GOOD},
		{PDB_NO_DBI, "a.pdb/" OTHER_GUID "/a.pdb", VERDICT_WRONG},
		{PDB_OLD, "a.pdb/5f3759df7/a.pdb", VERDICT_GOOD},
		{PDB_OLD, "a.pdb/5f3759df8/a.pdb", VERDICT_WRONG},
		{PDB_OLD, "a.pdb/" PDB_GUID "1a/a.pdb", VERDICT_UNKNOWN},
		{PDB_MSFZ, "a.pdb/" PDB_GUID "1a/msfz0/a.pdb", VERDICT_GOOD},
		{PDB_MSFZ, "a.pdb/" PDB_GUID "1b/msfz0/a.pdb", VERDICT_WRONG},
		{PDB_CUT, "a.pdb/" OTHER_GUID "1a/a.pdb", VERDICT_UNKNOWN},
		{PORTABLE, "a.pdb/" SAMPLE_GUID "FFFFFFFF/a.pdb", VERDICT_GOOD},
		{PORTABLE, "a.pdb/" SAMPLE_GUID "1/a.pdb", VERDICT_GOOD},
		{PORTABLE, "a.pdb/" PDB_GUID "FFFFFFFF/a.pdb", VERDICT_WRONG},
		{SYM, "foo.pdb/" SAMPLE_GUID "A/foo.sym", VERDICT_GOOD},
		{SYM, "foo.pdb/" SAMPLE_GUID "b/foo.sym", VERDICT_WRONG},
		{SYM, "foo.pdb/" PDB_GUID "a/foo.sym", VERDICT_WRONG},
		{SYM, "foo.exe/05617D4F8000/foo.sym", VERDICT_UNKNOWN},
		{SYM_CODE_ID, "foo.pdb/" SAMPLE_GUID "a/foo.sym", VERDICT_GOOD},
		{SYM_CODE_ID, "foo.exe/05617d4f8000/foo.sym", VERDICT_GOOD},
		{SYM_CODE_ID, "foo.exe/15617D4F8000/foo.sym", VERDICT_WRONG},
		{CAB, "foo.exe/05617D4F8000/foo.ex_", VERDICT_UNKNOWN},
		{TEXT, "foo.exe/05617D4F8000/foo.exe", VERDICT_UNKNOWN},
		{HTML, "foo.exe/05617D4F8000/foo.exe", VERDICT_WRONG},
		{HTML, "a.pdb/" PDB_GUID "1a/a.pd_", VERDICT_WRONG},
		{HTML, "buildid/" HEX20 "/debuginfo", VERDICT_WRONG},
		{HTML, "foo.pdb/" SAMPLE_GUID "A/foo.sym", VERDICT_WRONG},
		{LFS, "a.pdb/" PDB_GUID "1a/a.pdb", VERDICT_WRONG},
		{LFS, "_.debug/elf-buildid-sym-" HEX20 "/_.debug", VERDICT_WRONG},
	};

	check_rows(rows, ARRAY_LEN(rows));
}

/* How many bytes it takes until the verdict is there. */
static void test_early(void)
{
	static const struct {
		const char *name;
		enum file file;
		const char *path;
		size_t want;
	} rows[] = {
		{"PE: its directories", PE, "a/05617D4F8000/a", 0x140},
		{"ELF: its note", ELF, "buildid/" HEX20 "/debuginfo", 0x138},
		{"Mach-O: its commands", MACHO, "a/mach-uuid-" UUID "/a", 32 + 40 + 24},
		{"another format: the longest magic", CAB, "a/05617D4F8000/a", 32},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice file = buf_slice(&files[rows[i].file]);
		struct claim x;
		size_t n = 0;

		ASSERT(claim_of_path(slice_of(rows[i].path), &x));
		while (verify_prefix(&x, file, n, 1 << 30) == VERDICT_MORE)
			n++;
		CHECK_INT(n, rows[i].want, rows[i].name);
	}
}

/* A file that is longer than what is looked at: from which byte on only the whole would tell? */
static void check_large(struct slice file, const char *good, const char *wrong, size_t from,
			const char *name)
{
	struct claim x;

	ASSERT(claim_of_path(slice_of(good), &x));
	for (size_t n = 0; n <= from; n++)
		if ((verify_prefix(&x, file, n, (int64_t)file.n) == VERDICT_WHOLE) != (n == from))
			CHECK_INT(n, from, name);
	CHECK_INT(verify_head(&x, slice_head(file, VERIFY_HEAD), (int64_t)file.n), VERDICT_WHOLE,
		  name);
	check_file(&x, file, VERDICT_GOOD, name);
	ASSERT(claim_of_path(slice_of(wrong), &x));
	check_file(&x, file, VERDICT_WRONG, name);
}

/* The longest PDB whose head tells. */
static void check_waits(struct slice file, const char *good)
{
	struct claim x;

	ASSERT(file.n == VERIFY_HEAD && claim_of_path(slice_of(good), &x));
	CHECK_INT(verify_head(&x, slice_head(file, 32), (int64_t)file.n), VERDICT_MORE, "begins");
	CHECK_INT(verify_head(&x, slice_head(file, file.n - 1), (int64_t)file.n), VERDICT_MORE,
		  "lacks one byte");
	CHECK_INT(verify_head(&x, file, (int64_t)file.n), VERDICT_GOOD, "is there");
}

static void move(struct buf *b, size_t from, size_t to, size_t n)
{
	memcpy(b->p + to, b->p + from, n);
	memset(b->p + from, 0, n);
}

static void test_large(void)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_pdb p;
	struct rig_stream s[] = {{SLICE("old")}, {{p.info, 40}}, {SLICE_NONE, true}, {{p.dbi, 80}}};

	rig_make_pdb(&p);
	rig_make_msf(&b, false, 512, VERIFY_HEAD / 512, s, 4);
	check_waits(buf_slice(&b), "a/" PDB_GUID "1a/a");
	rig_make_msf(&b, false, 512, VERIFY_HEAD / 512 + 1, s, 4);
	check_large(buf_slice(&b), "a/" PDB_GUID "1a/a", "a/" OTHER_GUID "1a/a", 32, "PDB");
	buf_clear(&b);
	buf_add(&b, buf_slice(&files[FAT]));
	rig_zeros(&b, 1000000 - b.n);
	move(&b, 0x200, 900000, 0x100);
	memcpy(b.p + 28 + 8, "\x00\x0d\xbb\xa0", 4);
	check_large(buf_slice(&b), "a/mach-uuid-" UUID_2 "/a", "a/mach-uuid-" PDB_GUID "/a", 0x160,
		    "fat Mach-O");
	buf_clear(&b);
	buf_add(&b, buf_slice(&files[ELF_SHORT]));
	rig_zeros(&b, 1000000 - b.n);
	move(&b, SAMPLE_ELF_SECTIONS_AT, 900000, SAMPLE_ELF_SECTIONS * 40);
	memcpy(b.p + 32, "\x00\x0d\xbb\xa0", 4);
	move(&b, SAMPLE_ELF_NOTE_AT, 500000, 64);
	memcpy(b.p + 900000 + 40 + 16, "\x00\x07\xa1\x20", 4);
	check_large(buf_slice(&b), "buildid/" HEX8 "/debuginfo", "buildid/" HEX20 "/debuginfo", 52,
		    "ELF without segments");
}

static enum err fails(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	return err_set(e, ERR_IO, "disk");
}

/* The beginning is there, then it fails. */
static enum err fails_later(void *ud, int64_t offset, void *to, size_t n, struct error *e)
{
	if (offset)
		return err_set(e, ERR_IO, "disk, later");
	memcpy(to, files[PDB].p, n);
	return OK;
}

static void test_source_errors(void)
{
	struct source source = {fails, NULL, 1 << 20};
	enum verdict v = VERDICT_GOOD;
	struct error e = {0};
	struct claim x;
	char text[16];

	ASSERT(claim_of_path(SLICE("a/" PDB_GUID "1a/a"), &x));
	CHECK_INT(verify_file(&x, &source, &v, &e), ERR_IO, "the source's own error");
	CHECK_STR(e.msg, "disk", "in its words");
	CHECK_INT(v, VERDICT_GOOD, "nothing was found out");
	verify_describe(&source, text, sizeof(text));
	CHECK_STR(text, "unknown", "nor is there anything to tell");
	source = (struct source){fails_later, NULL, (int64_t)files[PDB].n};
	e.msg[0] = '\0';
	CHECK_INT(verify_file(&x, &source, &v, &e), ERR_IO, "in the midst of a PDB");
	CHECK_STR(e.msg, "disk, later", "in its words");
	source.size = 0;
	CHECK_INT(verify_file(&x, &source, &v, &e), OK, "an empty file needs no reading");
	CHECK_INT(v, VERDICT_UNKNOWN, "and tells nothing");
	CHECK_INT(verify_head(&x, SLICE_NONE, 0), VERDICT_UNKNOWN, "its head neither");
}

static void test_describe(void)
{
	static const struct {
		enum file file;
		const char *want;
	} rows[] = {
		{PE, "PE 05617D4F8000"},
		{DBG, "PE 05617D4F8000"},
		{ELF, "ELF elf-buildid-" HEX20},
		{ELF_NO_ID, "ELF"},
		{MACHO, "Mach-O mach-uuid-" UUID},
		{FAT, "Mach-O mach-uuid-" UUID ", mach-uuid-" UUID_2},
		{PORTABLE, "portable PDB " SAMPLE_GUID "ffffffff"},
		{SYM, "Breakpad " SAMPLE_GUID "a"},
		{PDB, "PDB " PDB_GUID "1a"},
		{PDB_NO_DBI, "PDB " PDB_GUID},
		{PDB_OLD, "PDB 2.0 5F3759DF7"},
		{PDB_MSFZ, "PDB " PDB_GUID "1a"},
		{CAB, "unknown"},
		{HTML, "an HTML page"},
		{LFS, "a Git LFS pointer"},
		{PE_CUT, "unknown"},
	};
	char text[160];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice file = buf_slice(&files[rows[i].file]);
		struct source source = source_of(&file);

		verify_describe(&source, text, sizeof(text));
		CHECK_STR(text, rows[i].want, rows[i].want);
		verify_describe(&source, text, 3);
		CHECK(strlen(text) == 2 && strncmp(text, rows[i].want, 2) == 0, "cut to its room");
	}
}

int main(void)
{
	make_files();
	test_paths();
	test_path_ids();
	test_images();
	test_symbols();
	test_early();
	test_large();
	test_source_errors();
	test_describe();
	for (size_t i = 0; i < FILES; i++)
		buf_fini(&files[i]);
	return tap_done();
}
