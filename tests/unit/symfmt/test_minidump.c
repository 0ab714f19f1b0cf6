// SPDX-License-Identifier: MIT
#include "symfmt/key.h"
#include "symfmt/machine.h"
#include "symfmt/minidump.h"
#include "symfmt_samples.h"

#define DIRECTORY_AT 0x40
#define SYSTEM_AT    0x80
#define MODULES_AT   0x100
#define NAME_AT      0x400
#define RECORD_AT    0x800

/* As many modules as are told; name and record are those of the first. */
struct dump {
	uint16_t processor;
	uint32_t platform;
	const char *name; /* ASCII */
	struct slice record;
	size_t modules;
	size_t gap; /* between the number of modules and the first */
};

static void put_name(struct sample *s, size_t at, const char *name)
{
	put(s, at, 4, 2 * strlen(name));
	for (size_t i = 0; name[i]; i++)
		put(s, at + 4 + 2 * i, 2, (unsigned char)name[i]);
}

static struct sample make(const struct dump *d)
{
	struct sample s = {0};

	put_bytes(&s, 0, SLICE("MDMP\x93\xa7\0\0"));
	put(&s, 8, 4, 3);
	put(&s, 12, 4, DIRECTORY_AT);
	put(&s, DIRECTORY_AT, 4, 3); /* threads, of which nothing is read */
	put(&s, DIRECTORY_AT + 4, 4, 0x1000000);
	put(&s, DIRECTORY_AT + 12, 4, 7);
	put(&s, DIRECTORY_AT + 16, 4, 56);
	put(&s, DIRECTORY_AT + 20, 4, SYSTEM_AT);
	put(&s, SYSTEM_AT, 2, d->processor);
	put(&s, SYSTEM_AT + 20, 4, d->platform);
	put(&s, DIRECTORY_AT + 24, 4, 4);
	put(&s, DIRECTORY_AT + 28, 4, 4 + d->gap + d->modules * 108);
	put(&s, DIRECTORY_AT + 32, 4, MODULES_AT);
	put(&s, MODULES_AT, 4, d->modules);
	for (size_t i = 0; i < d->modules; i++) {
		size_t at = MODULES_AT + 4 + d->gap + i * 108;

		put(&s, at + 8, 4, 0x8000);
		put(&s, at + 16, 4, 0x05617d4f);
		put(&s, at + 20, 4, NAME_AT);
		put(&s, at + 76, 4, d->record.n);
		put(&s, at + 80, 4, RECORD_AT);
		put(&s, at + 107, 1, 0);
	}
	put_name(&s, NAME_AT, d->name);
	if (d->record.n)
		put_bytes(&s, RECORD_AT, d->record);
	put(&s, RECORD_AT + d->record.n, 1, 0);
	return s;
}

#define RSDS "RSDS" SAMPLE_GUID_BYTES "\x0a\0\0\0C:\\b\\foo.pdb\0"
#define BPEL "LEpB\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"

static const struct dump windows = {9, 2, "C:\\Windows\\foo.dll", {0}, 1, 0};

static struct sample make_windows(void)
{
	struct dump d = windows;

	d.record = SLICE(RSDS);
	return make(&d);
}

static const char *key_of(const struct symbol_identity *i, struct key_text *key)
{
	return key_of_identity(i, false, 0, key) ? key->s : "";
}

static void test_modules(void)
{
	static const struct {
		const char *what;
		struct dump dump;
		const char *machine, *name, *image, *pdb, *pdb_name;
	} rows[] = {
		{"of Windows",
		 {9, 2, "C:\\Windows\\foo.dll", {0}, 1, 0},
		 "x64",
		 "foo.dll",
		 "05617D4F8000",
		 "",
		 ""},
		{"with a gap",
		 {0, 2, "foo.dll", {0}, 3, 4},
		 "x86",
		 "foo.dll",
		 "05617D4F8000",
		 "",
		 ""},
		{"no name", {12, 2, "", {0}, 1, 0}, "arm64", "", "05617D4F8000", "", ""},
		{"a folder", {12, 2, "C:\\x\\", {0}, 1, 0}, "arm64", "", "05617D4F8000", "", ""},
		{"a record of no kind we know",
		 {9, 2, "a.dll", {"NB11....", 8}, 1, 0},
		 "x64",
		 "a.dll",
		 "05617D4F8000",
		 "",
		 ""},
		{"of Linux",
		 {9, 0x8201, "/usr/lib/libfoo.so.1", {BPEL, sizeof(BPEL) - 1}, 1, 0},
		 "x64",
		 "libfoo.so.1",
		 "elf-buildid-0102030405060708090a00000000000000000000",
		 "",
		 ""},
		{"of Linux, by a GUID", /* cut and swapped: no build-id comes of it */
		 {9, 0x8201, "/usr/lib/libfoo.so.1", {RSDS, sizeof(RSDS) - 1}, 1, 0},
		 "x64",
		 "libfoo.so.1",
		 "",
		 "",
		 ""},
		{"of Linux, vdso",
		 {9, 0x8201, "linux-gate.so", {0}, 1, 0},
		 "x64",
		 "linux-gate.so",
		 "",
		 "",
		 ""},
		{"of macOS",
		 {0x8003, 0x8101, "/usr/lib/dyld", {RSDS, sizeof(RSDS) - 1}, 1, 0},
		 "arm64",
		 "dyld",
		 "mach-uuid-c9a6ddddd7e44353a668e39ac614a7ea",
		 "",
		 ""},
		{"with a PDB",
		 {9, 2, "foo.dll", {RSDS, sizeof(RSDS) - 1}, 2, 0},
		 "x64",
		 "foo.dll",
		 "05617D4F8000",
		 SAMPLE_GUID "a",
		 "foo.pdb"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make(&rows[i].dump);
		struct slice bytes = sample_bytes(&s);
		struct source file = source_of(&bytes);
		struct key_text key;
		struct minidump m;

		CHECK(minidump_begins(bytes), rows[i].what);
		CHECK_INT(minidump_open(&file, &m, NULL), OK, rows[i].what);
		CHECK_INT(m.modules, rows[i].dump.modules, rows[i].what);
		CHECK_STR(machine_of_dump(m.processor), rows[i].machine, rows[i].what);
		for (uint32_t n = 0; n < m.modules; n++) {
			struct minidump_module module;

			CHECK_INT(minidump_module(&m, n, &module, NULL), OK, rows[i].what);
			CHECK_STR(module.name, rows[i].name, rows[i].what);
			CHECK_STR(key_of(&module.image, &key), rows[i].image, rows[i].what);
			CHECK_STR(key_of(&module.pdb.pdb, &key), rows[i].pdb, rows[i].what);
			CHECK_STR(module.pdb.name, rows[i].pdb_name, rows[i].what);
		}
	}
}

/* In UTF-16, of one module. */
static void test_names(void)
{
	static const struct {
		const char *what;
		size_t units;
		uint16_t unit[6];
		const char *want;
	} rows[] = {
		{"beyond ASCII", 4, {'G', 0xfc, 0x65e5, 'n'}, "G\xc3\xbc\xe6\x97\xa5n"},
		{"a pair", 3, {'a', 0xd83d, 0xde00}, "a\xf0\x9f\x98\x80"},
		{"half a pair",
		 3,
		 {'a', 0xd83d, 'b'},
		 "a\xef\xbf\xbd"
		 "b"},
		{"the other half",
		 2,
		 {0xde00, 'b'},
		 "\xef\xbf\xbd"
		 "b"},
		{"half a pair at the end", 2, {'b', 0xd83d}, "b\xef\xbf\xbd"},
		{"ends at a NUL", 4, {'a', 'b', 0, 'c'}, "ab"},
		{"a slash", 5, {'a', '/', 'b', '\\', 'c'}, "c"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make_windows();
		struct slice bytes = sample_bytes(&s);
		struct source file = source_of(&bytes);
		struct minidump_module module;
		struct minidump m;

		put(&s, NAME_AT, 4, 2 * rows[i].units);
		for (size_t n = 0; n < rows[i].units; n++)
			put(&s, NAME_AT + 4 + 2 * n, 2, rows[i].unit[n]);
		CHECK(minidump_open(&file, &m, NULL) == OK &&
			      minidump_module(&m, 0, &module, NULL) == OK,
		      rows[i].what);
		CHECK_STR(module.name, rows[i].want, rows[i].what);
	}
}

/* A path of any length has a name; a name that no file can have is none. */
static void test_long_names(void)
{
	static const struct {
		size_t folder, name, want;
	} rows[] = {{0, 255, 255}, {0, 256, 0},   {0, 400, 0},   {400, 255, 255},
		    {1, 255, 255}, {2, 254, 254}, {400, 256, 0}, {400, 1, 1}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char path[1024] = {0};
		struct minidump_module module;
		struct sample s = make(&windows);
		struct slice bytes;
		struct source file;
		struct minidump m;

		memset(path, 'x', rows[i].folder + rows[i].name);
		if (rows[i].folder)
			path[rows[i].folder - 1] = '\\';
		put(&s, MODULES_AT + 4 + 20, 4, 0x900);
		put_name(&s, 0x900, path);
		bytes = sample_bytes(&s);
		file = source_of(&bytes);
		CHECK(minidump_open(&file, &m, NULL) == OK &&
			      minidump_module(&m, 0, &module, NULL) == OK,
		      "a long path");
		CHECK_INT(strlen(module.name), rows[i].want, "its name");
	}
}

static void test_damage(void)
{
	static const struct {
		const char *what;
		size_t at, size;
		uint64_t value;
		enum err opened, read;
	} rows[] = {
		{"as it is", 0x3ff, 1, 0, OK, OK},
		{"another magic", 0, 1, 'N', ERR_CORRUPT, OK},
		{"another version", 4, 2, 1, ERR_CORRUPT, OK},
		{"no streams", 8, 4, 0, OK, ERR_CORRUPT},
		{"too many streams", 8, 4, 1025, ERR_LIMIT, OK},
		{"streams past the end", 8, 4, 1024, ERR_CORRUPT, OK},
		{"directory past the end", 12, 4, 0xfffffff0, ERR_CORRUPT, OK},
		{"no modules", MODULES_AT, 4, 0, OK, OK},
		{"too many modules", MODULES_AT, 4, 16385, ERR_LIMIT, OK},
		{"more modules than room", MODULES_AT, 4, 2, ERR_CORRUPT, OK},
		{"a list without a number", DIRECTORY_AT + 28, 4, 3, ERR_CORRUPT, OK},
		{"a list past the end", DIRECTORY_AT + 32, 4, 0xffffff00, ERR_CORRUPT, OK},
		{"a short system stream", DIRECTORY_AT + 16, 4, 4, OK, OK},
		{"a system stream past the end", DIRECTORY_AT + 20, 4, 0xffffff00, ERR_CORRUPT, OK},
		{"a name past the end", MODULES_AT + 4 + 20, 4, 0xfffffff0, OK, OK},
		{"a name longer than the file", NAME_AT, 4, 0xfffffff0, OK, OK},
		{"a record past the end", MODULES_AT + 4 + 80, 4, 0xfffffff0, OK, OK},
		{"a record longer than the file", MODULES_AT + 4 + 76, 4, 0xfffffff0, OK, OK},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make_windows();
		struct minidump_module module;
		struct slice bytes;
		struct source file;
		struct minidump m;
		struct error e = {0};

		put(&s, rows[i].at, rows[i].size, rows[i].value);
		bytes = sample_bytes(&s);
		file = source_of(&bytes);
		CHECK_INT(minidump_open(&file, &m, &e), rows[i].opened, rows[i].what);
		CHECK(rows[i].opened == OK || e.msg[0], rows[i].what);
		if (rows[i].opened == OK && m.modules)
			CHECK_INT(minidump_module(&m, 0, &module, &e), rows[i].read, rows[i].what);
	}
}

static void test_cut(void)
{
	struct sample s = make_windows();
	size_t wrong = 0;

	for (size_t n = 0; n < s.n; n++) {
		char *copy CLEANUP(free_p) = malloc(n ? n : 1);
		struct slice bytes = {copy, n};
		struct source file = source_of(&bytes);
		struct minidump_module module;
		struct minidump m;
		enum err err;

		ASSERT(copy);
		memcpy(copy, s.b, n);
		err = minidump_open(&file, &m, NULL);
		if (!err && m.modules)
			err = minidump_module(&m, 0, &module, NULL);
		wrong += err != OK && err != ERR_CORRUPT;
	}
	CHECK_INT(wrong, 0, "any beginning");
}

int main(void)
{
	test_modules();
	test_names();
	test_long_names();
	test_damage();
	test_cut();
	return tap_done();
}
