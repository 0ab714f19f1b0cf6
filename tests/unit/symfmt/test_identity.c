// SPDX-License-Identifier: MIT
#include "symfmt/identity.h"
#include "symfmt/key.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"
#include "symfmt_samples.h"

#define UUID "\x4c\x4c\x44\x5c\x55\x55\x31\x44\xa1\xc2\xc9\x79\x99\x43\xd6\x44"

static enum parse parse(struct head *h)
{
	struct symbol_identity i;

	return identity_read(h, &i);
}

static void check_key(const struct sample *s, enum symbol_kind kind, const char *want)
{
	struct head h = sample_head(s);
	struct symbol_identity i = {0};
	struct key_text t = {""};

	CHECK_INT(identity_read(&h, &i), PARSE_OK, want);
	CHECK_INT(i.kind, kind, want);
	CHECK(key_of_identity(&i, false, 0, &t), want);
	CHECK_STR(t.s, want, want);
	check_prefixes(parse, sample_bytes(s), want);
}

static void test_formats(void)
{
	static const struct sample_elf elf = {
		.is_64 = true, .segments = true, .build_id = {"\1\2\3\4\5\6\7\10", 8}};
	struct sample s = make_pe(true, NULL, 0);

	check_key(&s, SYMBOL_PE, "05617D4F8000");
	s = make_elf(&elf);
	check_key(&s, SYMBOL_ELF, "elf-buildid-0102030405060708000000000000000000000000");
	s = make_portable_pdb();
	check_key(&s, SYMBOL_PDB_PORTABLE, SAMPLE_GUID "ffffffff");
	for (unsigned bits = 0; bits < 4; bits++) {
		s = (struct sample){.big_endian = bits & 1};
		put_macho(&s, 0, bits & 2, 2, SLICE(UUID));
		check_key(&s, SYMBOL_MACHO, "mach-uuid-4c4c445c55553144a1c2c9799943d644");
	}
	s = (struct sample){0};
	put_bytes(&s, 0, SLICE("MODULE Linux x86 " SAMPLE_GUID "0 a.so\nFILE 0 a.c\n"));
	check_key(&s, SYMBOL_BREAKPAD, SAMPLE_GUID "0");
	s = (struct sample){0};
	put_bytes(&s, 0, SLICE("DI\0\0\x4c\1\0\0\x96\x03\xdb\x7c"));
	put(&s, 20, 4, 0x2040);
	put(&s, 47, 1, 0);
	check_key(&s, SYMBOL_PE, "7CDB03962040");
}

static void test_others(void)
{
	static const struct {
		const char *name;
		struct slice bytes;
		uint64_t file_size;
		enum parse want;
		uint64_t need;
	} rows[] = {
		{"empty", {"", 0}, 0, PARSE_OTHER, 0},
		{"nothing yet", {"", 0}, HEAD_SIZE_UNKNOWN, PARSE_MORE, 32},
		{"nothing of a short file", {"", 0}, 5, PARSE_MORE, 5},
		{"short text", {"hello", 5}, 5, PARSE_OTHER, 0},
		{"text", {"There is nothing here to be known.", 34}, 34, PARSE_OTHER, 0},
		{"cut PE", {"MZ", 2}, 2, PARSE_CORRUPT, 0},
		{"cut ELF", {"\177ELF\2\1", 6}, 6, PARSE_CORRUPT, 0},
		{"MSF, to be read in whole", {MSF_MAGIC, 32}, 9 * 512, PARSE_MORE, 9 * 512},
		{"MSF 2.0", {MSF_SMALL_MAGIC, 44}, 9 * 512, PARSE_MORE, 9 * 512},
		{"MSFZ", {MSFZ_MAGIC, 32}, 9 * 512, PARSE_MORE, 9 * 512},
		{"of no known size", {MSF_MAGIC, 32}, HEAD_SIZE_UNKNOWN, PARSE_MORE, UINT64_MAX},
		{"cut MSF", {MSF_MAGIC, 32}, 32, PARSE_CORRUPT, 0},
		{"cut MSFZ", {MSFZ_MAGIC, 32}, 32, PARSE_CORRUPT, 0},
		{"text like a PDB", {"Microsoft C/C++ is a trade mark of", 34}, 34, PARSE_OTHER, 0},
		{"ends in a magic", {"BSJ", 3}, 3, PARSE_OTHER, 0},
		{"cabinet", {"MSCF\0\0\0\0 and so on and so forth for 32", 36}, 36, PARSE_OTHER, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct head h = head_of(rows[i].bytes, rows[i].file_size);

		CHECK_INT(parse(&h), rows[i].want, rows[i].name);
		CHECK_INT(h.need, rows[i].need, rows[i].name);
	}
}

static void test_ids(void)
{
	static const struct {
		const char *hex;
		size_t want; /* 0: refused */
	} rows[] = {
		{"", 0}, {"0", 0}, {"00", 1}, {"0g", 0}, {"g0", 0}, {"aBcD", 2}, {"abc", 0},
	};
	char longest[2 * SYMBOL_ID_MAX + 2];
	struct symbol_id id;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		id.n = 0;
		CHECK_INT(symbol_id_parse(slice_of(rows[i].hex), &id), rows[i].want > 0,
			  rows[i].hex);
		CHECK_INT(id.n, rows[i].want, rows[i].hex);
	}
	memset(longest, 'f', sizeof(longest));
	CHECK(symbol_id_parse((struct slice){longest, 2 * SYMBOL_ID_MAX}, &id), "longest");
	CHECK(!symbol_id_parse((struct slice){longest, sizeof(longest)}, &id), "one byte longer");
	CHECK_INT(symbol_id_of((struct slice){longest, SYMBOL_ID_MAX + 1}).n, 0,
		  "too long to keep");
	CHECK_INT(symbol_id_of_guid(SLICE("short")).n, 0, "no GUID");
	id = symbol_id_of_guid(SLICE("\3\2\1\0\5\4\7\6\x8\x9\xa\xb\xc\xd\xe\xf"));
	CHECK(memcmp(id.b, "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf", 16) == 0, "order of a GUID");
}

int main(void)
{
	test_formats();
	test_others();
	test_ids();
	return tap_done();
}
