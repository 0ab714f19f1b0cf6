// SPDX-License-Identifier: MIT
#include "symfmt/key_match.h"
#include "tap.h"

#define GUID   "C9A61DDDD7E44353A668E39AC614A7EA"
#define OTHER  "D9A61DDDD7E44353A668E39AC614A7EA"
#define HEX8   "0102030405060708"
#define HEX16  HEX8 "1112131415161718"
#define HEX20  HEX16 "21222324"
#define ZEROS8 "0000000000000000"

struct alias {
	enum key_alias why;
	const char *text;
};

static void test_aliases(void)
{
	static const struct {
		const char *text;
		struct alias want[KEY_ALIASES_MAX];
	} rows[] = {
		{GUID "1",
		 {{KEY_EXACT, GUID "1"},
		  {KEY_AGE_PORTABLE, GUID "ffffffff"},
		  {KEY_AGE_NONE, GUID}}},
		{GUID "a",
		 {{KEY_EXACT, GUID "a"},
		  {KEY_AGE_TO_DECIMAL, GUID "10"},
		  {KEY_AGE_PORTABLE, GUID "ffffffff"},
		  {KEY_AGE_NONE, GUID}}},
		{GUID "10",
		 {{KEY_EXACT, GUID "10"},
		  {KEY_AGE_FROM_DECIMAL, GUID "a"},
		  {KEY_AGE_TO_DECIMAL, GUID "16"},
		  {KEY_AGE_PORTABLE, GUID "ffffffff"},
		  {KEY_AGE_NONE, GUID}}},
		{GUID "0000000A",
		 {{KEY_EXACT, GUID "0000000A"},
		  {KEY_CANONICAL, GUID "a"},
		  {KEY_AGE_TO_DECIMAL, GUID "10"},
		  {KEY_AGE_PORTABLE, GUID "ffffffff"},
		  {KEY_AGE_NONE, GUID}}},
		{GUID "5f5e0ff",
		 {{KEY_EXACT, GUID "5f5e0ff"},
		  {KEY_AGE_TO_DECIMAL, GUID "99999999"},
		  {KEY_AGE_PORTABLE, GUID "ffffffff"},
		  {KEY_AGE_NONE, GUID}}},
		{GUID "5f5e100",
		 {{KEY_EXACT, GUID "5f5e100"},
		  {KEY_AGE_PORTABLE, GUID "ffffffff"},
		  {KEY_AGE_NONE, GUID}}},
		{GUID "FFFFFFFF",
		 {{KEY_EXACT, GUID "FFFFFFFF"}, {KEY_AGE_ONE, GUID "1"}, {KEY_AGE_NONE, GUID}}},
		{GUID,
		 {{KEY_EXACT, GUID}, {KEY_AGE_PORTABLE, GUID "ffffffff"}, {KEY_AGE_ONE, GUID "1"}}},
		{"1234567c2000",
		 {{KEY_EXACT, "1234567c2000"},
		  {KEY_PADDED, "01234567c2000"},
		  {KEY_PADDED, "001234567c2000"},
		  {KEY_PADDED, "0001234567c2000"},
		  {KEY_PADDED, "00001234567c2000"}}},
		{"01234567c2000",
		 {{KEY_EXACT, "01234567c2000"},
		  {KEY_PADDED, "001234567c2000"},
		  {KEY_PADDED, "0001234567c2000"},
		  {KEY_PADDED, "00001234567c2000"},
		  {KEY_UNPADDED, "1234567c2000"}}},
		{"0c2000",
		 {{KEY_EXACT, "0c2000"},
		  {KEY_PADDED, "000000c2000"},
		  {KEY_PADDED, "0000000c2000"},
		  {KEY_PADDED, "00000000c2000"},
		  {KEY_UNPADDED, "c2000"}}},
		{"FFFFFFFFffffffff", {{KEY_EXACT, "FFFFFFFFffffffff"}}},
		{"elf-buildid-" HEX20, {{KEY_EXACT, "elf-buildid-" HEX20}}},
		{"elf-buildid-sym-" HEX16,
		 {{KEY_EXACT, "elf-buildid-sym-" HEX16},
		  {KEY_PADDED, "elf-buildid-sym-" HEX16 "00000000"}}},
		{"elf-buildid-" HEX16 "00000000",
		 {{KEY_EXACT, "elf-buildid-" HEX16 "00000000"},
		  {KEY_UNPADDED, "elf-buildid-" HEX16}}},
		{"elf-buildid-" HEX8 ZEROS8 "00000000",
		 {{KEY_EXACT, "elf-buildid-" HEX8 ZEROS8 "00000000"},
		  {KEY_UNPADDED, "elf-buildid-" HEX8 ZEROS8},
		  {KEY_UNPADDED, "elf-buildid-" HEX8}}},
		{"elf-buildid-" HEX8 ZEROS8,
		 {{KEY_EXACT, "elf-buildid-" HEX8 ZEROS8},
		  {KEY_PADDED, "elf-buildid-" HEX8 ZEROS8 "00000000"}}},
		{"mach-uuid-" GUID, {{KEY_EXACT, "mach-uuid-" GUID}}},
		{"sha1-" HEX20, {{KEY_EXACT, "sha1-" HEX20}}},
		{"", {{KEY_EXACT, ""}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct symbol_key k = key_parse(SLICE_NONE, slice_of(rows[i].text));
		struct key_aliases a;
		size_t n = 0;

		key_list_aliases(&k, &a);
		for (; n < KEY_ALIASES_MAX && rows[i].want[n].text; n++) {
			CHECK_STR(n < a.n ? a.key[n].text.s : "(none)", rows[i].want[n].text,
				  rows[i].text);
			CHECK_INT(n < a.n ? (int)a.key[n].why : -1, rows[i].want[n].why,
				  rows[i].text);
		}
		CHECK_INT(a.n, n, rows[i].text);
	}
}

static void test_long_key(void)
{
	char text[KEY_TEXT_MAX + 1];
	struct symbol_key k = {.text = {text, KEY_TEXT_MAX}};
	struct key_aliases a;

	memset(text, 'x', sizeof(text));
	key_list_aliases(&k, &a);
	CHECK_INT(a.n, 1, "the longest key");
	k.text.n++;
	key_list_aliases(&k, &a);
	CHECK_INT(a.n, 0, "one longer");
}

static struct symbol_identity with_id(enum symbol_kind kind, const char *hex)
{
	struct symbol_identity i = {.kind = kind, .ids = 1};

	ASSERT(symbol_id_parse(slice_of(hex), &i.id[0]));
	return i;
}

static struct symbol_identity with_age(enum symbol_kind kind, uint32_t age)
{
	struct symbol_identity i = with_id(kind, GUID);

	i.has_age = true;
	i.age = age;
	return i;
}

struct verdict {
	const char *text;
	enum key_match want;
};

static void check_verdicts(const struct symbol_identity *i, const struct verdict *rows, size_t n)
{
	for (size_t r = 0; r < n; r++) {
		struct symbol_key k = key_parse(SLICE_NONE, slice_of(rows[r].text));

		CHECK_INT(key_compare(&k, i), rows[r].want, rows[r].text);
	}
}

#define CHECK_VERDICTS(i, ...)                                                                     \
	do {                                                                                       \
		const struct verdict rows_[] = {__VA_ARGS__};                                      \
		check_verdicts(i, rows_, ARRAY_LEN(rows_));                                        \
	} while (0)

static void test_pdb(void)
{
	struct symbol_identity pdb = with_age(SYMBOL_PDB, 10), none = with_id(SYMBOL_PDB, GUID);
	struct symbol_identity portable = with_id(SYMBOL_PDB_PORTABLE, GUID);

	CHECK_VERDICTS(
		&pdb, {GUID "a", KEY_MATCH}, {"c9a61dddd7e44353a668e39ac614a7eaA", KEY_MATCH},
		{GUID "0a", KEY_MATCH}, {GUID "10", KEY_MATCH_ALIAS}, {GUID, KEY_MATCH_ALIAS},
		{GUID "1", KEY_MATCH_NOT}, {GUID "b", KEY_MATCH_NOT}, {GUID "12", KEY_MATCH_NOT},
		{GUID "ffffffff", KEY_MATCH_NOT}, {OTHER "a", KEY_MATCH_NOT},
		{"5617D4FE8000", KEY_MATCH_UNKNOWN}, {"elf-buildid-" HEX20, KEY_MATCH_NOT},
		{"elf-buildid-" GUID "0a", KEY_MATCH_ALIAS}, {"mach-uuid-" GUID, KEY_MATCH_ALIAS},
		{"mach-uuid-" OTHER, KEY_MATCH_NOT}, {"sha1-" HEX20, KEY_MATCH_UNKNOWN},
		{"", KEY_MATCH_UNKNOWN});
	pdb.age = 16;
	CHECK_VERDICTS(&pdb, {GUID "10", KEY_MATCH}, {GUID "16", KEY_MATCH_ALIAS});
	pdb.age = 0;
	CHECK_VERDICTS(&pdb, {GUID "0", KEY_MATCH}, {GUID, KEY_MATCH_ALIAS});
	pdb.age = 3;
	pdb.age_or_zero = true;
	CHECK_VERDICTS(&pdb, {GUID "3", KEY_MATCH}, {GUID "0", KEY_MATCH_ALIAS},
		       {GUID "00", KEY_MATCH_ALIAS}, {GUID "1", KEY_MATCH_NOT},
		       {GUID "2", KEY_MATCH_NOT}, {OTHER "0", KEY_MATCH_NOT});
	CHECK_VERDICTS(&none, {GUID, KEY_MATCH}, {GUID "1", KEY_MATCH_ALIAS},
		       {GUID "0", KEY_MATCH_ALIAS}, {OTHER, KEY_MATCH_NOT});
	CHECK_VERDICTS(&portable, {GUID "FFFFFFFF", KEY_MATCH}, {GUID "1", KEY_MATCH_ALIAS},
		       {GUID, KEY_MATCH_ALIAS}, {OTHER "FFFFFFFF", KEY_MATCH_NOT});
}

static void test_stamp(void)
{
	struct symbol_identity pe = {.kind = SYMBOL_PE, .stamp = 0x01234567, .size = 0xc2000};
	struct symbol_identity old = {.kind = SYMBOL_PDB_OLD, .stamp = 0x37a8f40e, .size = 2};

	CHECK_VERDICTS(&pe, {"01234567c2000", KEY_MATCH}, {"01234567C2000", KEY_MATCH},
		       {"1234567c2000", KEY_MATCH_ALIAS}, {"001234567c2000", KEY_MATCH_ALIAS},
		       {"01234567c200", KEY_MATCH_NOT}, {"01234567c2001", KEY_MATCH_NOT},
		       {"234567c2000", KEY_MATCH_NOT}, {GUID "1", KEY_MATCH_UNKNOWN},
		       {"elf-buildid-" HEX20, KEY_MATCH_UNKNOWN},
		       {"mach-uuid-" GUID, KEY_MATCH_UNKNOWN},
		       {"r2rmap-v1-" GUID, KEY_MATCH_UNKNOWN});
	pe.stamp = 0;
	CHECK_VERDICTS(&pe, {"00000000c2000", KEY_MATCH}, {"0c2000", KEY_MATCH_ALIAS});
	CHECK_VERDICTS(&old, {"37a8f40e2", KEY_MATCH}, {"37a8f40e1", KEY_MATCH_NOT},
		       {GUID "1", KEY_MATCH_UNKNOWN}, {"elf-buildid-" HEX20, KEY_MATCH_UNKNOWN});
}

/* The ids of an image are those of the PDBs that it names. */
static void test_image_by_its_pdb(void)
{
	struct symbol_identity pe = with_id(SYMBOL_PE, GUID);
	struct symbol_identity two = with_id(SYMBOL_PE, OTHER);

	two.ids = 2;
	two.id[1] = pe.id[0];
	CHECK_VERDICTS(&pe, {GUID "1", KEY_MATCH_ALIAS}, {OTHER "1", KEY_MATCH_NOT},
		       {"elf-buildid-" GUID, KEY_MATCH_ALIAS},
		       {"elf-buildid-sym-" GUID "00000000", KEY_MATCH_ALIAS},
		       /* the GUID as its bytes lie in the file */
		       {"elf-buildid-DD1DA6C9E4D75343A668E39AC614A7EA", KEY_MATCH_ALIAS},
		       {"elf-buildid-" OTHER, KEY_MATCH_NOT},
		       {"elf-buildid-" HEX8, KEY_MATCH_UNKNOWN});
	CHECK_VERDICTS(&two, {"elf-buildid-" GUID, KEY_MATCH_ALIAS},
		       {"elf-buildid-" OTHER, KEY_MATCH_ALIAS},
		       {"elf-buildid-" HEX16, KEY_MATCH_NOT});
}

static void test_images(void)
{
	struct symbol_identity elf = with_id(SYMBOL_ELF, HEX20);
	struct symbol_identity short_elf = with_id(SYMBOL_ELF, HEX8);
	struct symbol_identity no_id = {.kind = SYMBOL_ELF};
	struct symbol_identity fat = with_id(SYMBOL_MACHO, OTHER);

	fat.ids = 2;
	ASSERT(symbol_id_parse(SLICE(GUID), &fat.id[1]));
	CHECK_VERDICTS(
		&elf, {"elf-buildid-" HEX20, KEY_MATCH}, {"elf-buildid-sym-" HEX20, KEY_MATCH},
		{"elf-buildid-" HEX16, KEY_MATCH_NOT}, {"elf-buildid-" HEX20 "25", KEY_MATCH_NOT},
		{"elf-buildid-" HEX20 "00", KEY_MATCH_ALIAS}, {"5617D4FE8000", KEY_MATCH_UNKNOWN},
		{GUID "0", KEY_MATCH_UNKNOWN}, {"mach-uuid-" GUID, KEY_MATCH_NOT});
	CHECK_VERDICTS(&short_elf, {"elf-buildid-" HEX8, KEY_MATCH},
		       {"elf-buildid-" HEX8 ZEROS8 "00000000", KEY_MATCH_ALIAS},
		       {"elf-buildid-" HEX8 ZEROS8 "00000001", KEY_MATCH_NOT},
		       {"elf-buildid-" HEX16, KEY_MATCH_NOT});
	CHECK_VERDICTS(&no_id, {"elf-buildid-" HEX20, KEY_MATCH_UNKNOWN},
		       {"5617D4FE8000", KEY_MATCH_UNKNOWN});
	CHECK_VERDICTS(&fat, {"mach-uuid-" GUID, KEY_MATCH}, {"mach-uuid-sym-" OTHER, KEY_MATCH},
		       {"mach-uuid-E9A61DDDD7E44353A668E39AC614A7EA", KEY_MATCH_NOT},
		       {"elf-buildid-" GUID, KEY_MATCH_ALIAS},
		       {"elf-buildid-" HEX20, KEY_MATCH_NOT});
}

static void test_breakpad(void)
{
	struct symbol_identity sym = with_age(SYMBOL_BREAKPAD, 0);

	CHECK_VERDICTS(&sym, {GUID "0", KEY_MATCH}, {GUID, KEY_MATCH_ALIAS},
		       {GUID "1", KEY_MATCH_NOT}, {OTHER "0", KEY_MATCH_NOT},
		       {HEX20, KEY_MATCH_UNKNOWN}, {HEX16, KEY_MATCH_UNKNOWN},
		       {"5617D4FE8000", KEY_MATCH_UNKNOWN}, {HEX20 HEX8, KEY_MATCH_UNKNOWN});
	sym.code_id = SLICE("0102030405060708111213141516171821222324");
	CHECK_VERDICTS(&sym, {GUID "0", KEY_MATCH}, {HEX20, KEY_MATCH_ALIAS},
		       {HEX16, KEY_MATCH_NOT}, {"5617D4FE8000", KEY_MATCH_NOT});
	sym.code_id = SLICE("01234567C2000");
	CHECK_VERDICTS(&sym, {"01234567c2000", KEY_MATCH_ALIAS}, {"1234567c2000", KEY_MATCH_ALIAS},
		       {"1234567c3000", KEY_MATCH_NOT});
}

static void test_unknown(void)
{
	struct symbol_identity nothing = {0};

	CHECK_VERDICTS(&nothing, {GUID "1", KEY_MATCH_UNKNOWN}, {"5617D4FE8000", KEY_MATCH_UNKNOWN},
		       {"elf-buildid-" HEX20, KEY_MATCH_UNKNOWN},
		       {"mach-uuid-" GUID, KEY_MATCH_UNKNOWN}, {"x", KEY_MATCH_UNKNOWN});
}

/* The key that is made of an identity names it. */
static void test_round_trip(void)
{
	struct symbol_identity rows[] = {
		with_age(SYMBOL_PDB, 1),
		with_age(SYMBOL_PDB, 10),
		with_id(SYMBOL_PDB_PORTABLE, GUID),
		{.kind = SYMBOL_PE, .stamp = 0x01234567, .size = 0xc2000},
		with_id(SYMBOL_ELF, HEX8),
		with_id(SYMBOL_MACHO, GUID),
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct key_text t;
		struct symbol_key k;

		ASSERT(key_of_identity(&rows[i], false, 0, &t));
		k = key_parse(SLICE_NONE, slice_of(t.s));
		CHECK(key_compare(&k, &rows[i]) <= KEY_MATCH_ALIAS, t.s);
	}
}

int main(void)
{
	test_aliases();
	test_long_key();
	test_pdb();
	test_stamp();
	test_image_by_its_pdb();
	test_images();
	test_breakpad();
	test_unknown();
	test_round_trip();
	return tap_done();
}
