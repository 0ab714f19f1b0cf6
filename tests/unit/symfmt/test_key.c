// SPDX-License-Identifier: MIT
#include "base/text.h"
#include "symfmt/key.h"
#include "tap.h"

#define GUID  "C9A61DDDD7E44353A668E39AC614A7EA"
#define HEX8  "0102030405060708"
#define HEX20 "0102030405060708111213141516171821222324"
#define HEX64 HEX20 HEX20 HEX20 "0a0b0c0d"

static void test_parse(void)
{
	static const struct {
		const char *name, *text;
		enum key_kind want;
		const char *id; /* lower-case hex; NULL: none */
		const char *age_text;
		uint32_t age;
	} rows[] = {
		{"PDB", GUID "a", KEY_GUID, GUID, "a", 10},
		{"PDB, lower", "c9a61dddd7e44353a668e39ac614a7eaA", KEY_GUID, GUID, "A", 10},
		{"no age", GUID, KEY_GUID, GUID, "", 0},
		{"age 0", GUID "0", KEY_GUID, GUID, "0", 0},
		{"portable", GUID "ffffffff", KEY_GUID, GUID, "ffffffff", UINT32_MAX},
		{"portable, upper", GUID "FFFFFFFF", KEY_GUID, GUID, "FFFFFFFF", UINT32_MAX},
		{"leading zeros", GUID "0000000a", KEY_GUID, GUID, "0000000a", 10},
		{"age too long", GUID "100000000", KEY_OTHER, NULL, "", 0},
		{"not hex", GUID "g", KEY_OTHER, NULL, "", 0},
		{"not hex in the GUID", "G9A61DDDD7E44353A668E39AC614A7EAa", KEY_OTHER, NULL, "",
		 0},
		{"one digit short", "9A61DDDD7E44353A668E39AC614A7EA", KEY_OTHER, NULL, "", 0},
		{"PE", "5617D4FE8000", KEY_STAMP, NULL, "", 0},
		{"PE, unpadded", "1234567c2000", KEY_STAMP, NULL, "", 0},
		{"PE, longest", "FFFFFFFFffffffff", KEY_STAMP, NULL, "", 0},
		{"PE, shortest", "0c200", KEY_STAMP, NULL, "", 0},
		{"too short", "c200", KEY_OTHER, NULL, "", 0},
		{"too long", "FFFFFFFFfffffffff", KEY_OTHER, NULL, "", 0},
		{"old PDB", "37a8f40e2", KEY_STAMP, NULL, "", 0},
		{"ELF", "elf-buildid-" HEX20, KEY_ELF, HEX20, "", 0},
		{"ELF, short id", "elf-buildid-" HEX8, KEY_ELF, HEX8, "", 0},
		{"ELF, any case", "ELF-BuildID-" HEX20, KEY_ELF, HEX20, "", 0},
		{"ELF symbols", "elf-buildid-sym-" HEX20, KEY_ELF_SYM, HEX20, "", 0},
		{"ELF, longest id", "elf-buildid-sym-" HEX64, KEY_ELF_SYM, HEX64, "", 0},
		{"ELF, id too long", "elf-buildid-" HEX64 "01", KEY_OTHER, NULL, "", 0},
		{"ELF, odd", "elf-buildid-" HEX20 "0", KEY_OTHER, NULL, "", 0},
		{"ELF, no id", "elf-buildid-", KEY_OTHER, NULL, "", 0},
		{"ELF runtime", "elf-buildid-coreclr-" HEX20, KEY_OTHER, NULL, "", 0},
		{"Mach-O", "mach-uuid-" GUID, KEY_MACHO, GUID, "", 0},
		{"dSYM", "mach-uuid-sym-" GUID, KEY_MACHO_SYM, GUID, "", 0},
		{"Mach-O runtime", "mach-uuid-coreclr-" GUID, KEY_OTHER, NULL, "", 0},
		{"Mach-O, short", "mach-uuid-" HEX8, KEY_OTHER, NULL, "", 0},
		{"Mach-O, long", "mach-uuid-" HEX20, KEY_OTHER, NULL, "", 0},
		{"source", "sha1-" HEX20, KEY_OTHER, NULL, "", 0},
		{"perf map", "r2rmap-v1-" GUID, KEY_OTHER, NULL, "", 0},
		{"source map", HEX20 HEX8 HEX8, KEY_OTHER, NULL, "", 0},
		{"empty", "", KEY_OTHER, NULL, "", 0},
		{"mscordaccore.dll", "5617D4FE8000", KEY_OTHER, NULL, "", 0},
		{"MSCORDACCORE_amd64_amd64_8.0.dll", "5617D4FE8000", KEY_OTHER, NULL, "", 0},
		{"mscordbi.dll", "5617D4FE8000", KEY_OTHER, NULL, "", 0},
		{"mscordacwks_x86_x86_4.8.dll", "5617D4FE8000", KEY_OTHER, NULL, "", 0},
		{"SOS.NETCore.dll", "5617D4FE8000", KEY_OTHER, NULL, "", 0},
		{"sos_amd64_amd64_4.8.dll", "5617D4FE8000", KEY_OTHER, NULL, "", 0},
		{"sosumi.dll", "5617D4FE8000", KEY_STAMP, NULL, "", 0},
		{"mscordbi.pdb", GUID "1", KEY_GUID, GUID, "1", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct symbol_key k = key_parse(slice_of(rows[i].name), slice_of(rows[i].text));
		char hex[2 * SYMBOL_ID_MAX + 1];

		hex_encode(k.id.b, k.id.n, hex);
		CHECK_INT(k.kind, rows[i].want, rows[i].name);
		CHECK_SLICE(k.text, rows[i].text, rows[i].name);
		CHECK(slice_eq_nocase(slice_of(hex), slice_of(rows[i].id ? rows[i].id : "")),
		      rows[i].name);
		CHECK_SLICE(k.age_text, rows[i].age_text, rows[i].name);
		CHECK_INT(k.age, rows[i].age, rows[i].name);
	}
}

static struct symbol_id id_of(const char *hex)
{
	struct symbol_id id = {0};

	ASSERT(symbol_id_parse(slice_of(hex), &id));
	return id;
}

static void test_make(void)
{
	struct symbol_id guid = id_of(GUID), short_id = id_of(HEX8), id = id_of(HEX20);
	struct symbol_id longest = id_of(HEX64);

	CHECK_STR(key_of_guid(&guid, true, 10).s, GUID "a", "age in lower-case hex");
	CHECK_STR(key_of_guid(&guid, true, 0).s, GUID "0", "age 0");
	CHECK_STR(key_of_guid(&guid, true, UINT32_MAX).s, GUID "ffffffff", "portable");
	CHECK_STR(key_of_guid(&guid, false, 10).s, GUID, "no age");
	CHECK_STR(key_of_stamp(0x5617d4fe, 0x8000).s, "5617D4FE8000", "PE");
	CHECK_STR(key_of_stamp(0xabc, 0xabc).s, "00000ABCabc", "zeros before the stamp only");
	CHECK_STR(key_of_stamp(0, 0).s, "000000000", "zeros");
	CHECK_STR(key_of_stamp(UINT32_MAX, UINT32_MAX).s, "FFFFFFFFffffffff", "all bits");
	CHECK_STR(key_of_id(KEY_ELF, &id).s, "elf-buildid-" HEX20, "ELF");
	CHECK_STR(key_of_id(KEY_ELF_SYM, &short_id).s,
		  "elf-buildid-sym-" HEX8 "000000000000000000000000", "filled up to 20 bytes");
	CHECK_STR(key_of_id(KEY_ELF_SYM, &longest).s, "elf-buildid-sym-" HEX64, "64 bytes");
	CHECK_STR(key_of_id(KEY_MACHO, &guid).s, "mach-uuid-c9a61dddd7e44353a668e39ac614a7ea",
		  "Mach-O");
	CHECK_STR(key_of_id(KEY_MACHO_SYM, &guid).s,
		  "mach-uuid-sym-c9a61dddd7e44353a668e39ac614a7ea", "dSYM");
	CHECK_STR(key_of_breakpad(SYMBOL_ELF, &id).s, "040302010605080711121314151617180",
		  "Breakpad's of ELF");
	CHECK_STR(key_of_breakpad(SYMBOL_ELF, &short_id).s, "040302010605080700000000000000000",
		  "of a short build-id");
	CHECK_STR(key_of_breakpad(SYMBOL_MACHO, &guid).s, GUID "0", "Breakpad's of Mach-O");
}

static void test_of_identity(void)
{
	static const struct {
		const char *name;
		struct symbol_identity i;
		bool is_debug_file;
		size_t which;
		const char *want; /* NULL: no key */
	} rows[] = {
		{"unknown", {.kind = SYMBOL_UNKNOWN}, false, 0, NULL},
		{"PE", {.kind = SYMBOL_PE, .stamp = 1, .size = 0x1000}, false, 0, "000000011000"},
		{"PE has one", {.kind = SYMBOL_PE, .stamp = 1, .size = 0x1000}, false, 1, NULL},
		{"old PDB",
		 {.kind = SYMBOL_PDB_OLD, .stamp = 0x37a8f40e, .size = 2},
		 false,
		 0,
		 "37A8F40E2"},
		{"PDB",
		 {.kind = SYMBOL_PDB, .ids = 1, .id = {{16, {1}}}, .has_age = true, .age = 10},
		 false,
		 0,
		 "01000000000000000000000000000000a"},
		{"PDB without age",
		 {.kind = SYMBOL_PDB, .ids = 1, .id = {{16, {1}}}},
		 false,
		 0,
		 "01000000000000000000000000000000"},
		{"portable",
		 {.kind = SYMBOL_PDB_PORTABLE, .ids = 1, .id = {{16, {1}}}},
		 false,
		 0,
		 "01000000000000000000000000000000ffffffff"},
		{"ELF",
		 {.kind = SYMBOL_ELF, .ids = 1, .id = {{1, {1}}}},
		 false,
		 0,
		 "elf-buildid-0100000000000000000000000000000000000000"},
		{"ELF symbols",
		 {.kind = SYMBOL_ELF, .ids = 1, .id = {{1, {1}}}},
		 true,
		 0,
		 "elf-buildid-sym-0100000000000000000000000000000000000000"},
		{"ELF without id", {.kind = SYMBOL_ELF}, false, 0, NULL},
		{"fat",
		 {.kind = SYMBOL_MACHO, .ids = 2, .id = {{16, {1}}, {16, {2}}}},
		 false,
		 1,
		 "mach-uuid-02000000000000000000000000000000"},
		{"fat dSYM",
		 {.kind = SYMBOL_MACHO, .ids = 2, .id = {{16, {1}}, {16, {2}}}},
		 true,
		 0,
		 "mach-uuid-sym-01000000000000000000000000000000"},
		{"fat has two", {.kind = SYMBOL_MACHO, .ids = 2}, false, 2, NULL},
		{"Breakpad",
		 {.kind = SYMBOL_BREAKPAD, .ids = 1, .id = {{16, {1}}}, .has_age = true},
		 false,
		 0,
		 "010000000000000000000000000000000"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct key_text t = {""};
		bool made = key_of_identity(&rows[i].i, rows[i].is_debug_file, rows[i].which, &t);

		CHECK_INT(made, rows[i].want != NULL, rows[i].name);
		if (made)
			CHECK_STR(t.s, rows[i].want, rows[i].name);
	}
}

int main(void)
{
	test_parse();
	test_make();
	test_of_identity();
	return tap_done();
}
