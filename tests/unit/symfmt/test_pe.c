// SPDX-License-Identifier: MIT
#include "symfmt/key.h"
#include "symfmt/pe.h"
#include "symfmt_samples.h"

#define RSDS(age, path) SLICE("RSDS" SAMPLE_GUID_BYTES age path)
#define AGE_10          "\x0a\0\0\0"

static enum parse parse_headers(struct head *h)
{
	struct pe pe;

	return pe_read(h, &pe);
}

static enum parse parse_all(struct head *h)
{
	struct pe_debug d;
	struct pe pe;
	enum parse state = pe_read(h, &pe);

	return state == PARSE_OK ? pe_read_debug(h, &pe, &d) : state;
}

static enum parse read_debug(const struct sample *s, struct pe_debug *ret)
{
	struct head h = sample_head(s);
	struct pe pe;

	ASSERT(pe_read(&h, &pe) == PARSE_OK);
	return pe_read_debug(&h, &pe, ret);
}

static void test_headers(void)
{
	for (int is_64 = 0; is_64 <= 1; is_64++) {
		struct sample s = make_pe(is_64, NULL, 0);
		struct head h = sample_head(&s);
		struct pe pe;
		struct pe_debug d;

		CHECK_INT(pe_read(&h, &pe), PARSE_OK, "headers");
		CHECK_INT(pe.machine, is_64 ? 0x8664 : 0x14c, "machine");
		CHECK_INT(pe.is_64, is_64, "word size");
		CHECK_INT(pe.timestamp, 0x05617d4f, "time stamp");
		CHECK_INT(pe.image_size, 0x8000, "size of image");
		CHECK(!pe.is_managed, "native");
		CHECK(pe.checksum_at == 0x58 + 64 && !pe.certificates_size, "the checksum's place");
		CHECK_INT((long long)pe.security_at, is_64 ? 0x58 + 112 + 32 : 0x58 + 96 + 32,
			  "the place of the entry for certificates");
		CHECK_INT(pe_read_debug(&h, &pe, &d), PARSE_OK, "no debug directory");
		CHECK_INT(d.codeviews, 0, "no records");
		put(&s, 0x58 + (is_64 ? 112 : 96) + 14 * 8 + 4, 4, 0x48);
		h = sample_head(&s);
		CHECK(pe_read(&h, &pe) == PARSE_OK && pe.is_managed, "managed");
		put(&s, 0x54, 2, (is_64 ? 112 : 96) + 14 * 8 + 7);
		h = sample_head(&s);
		CHECK(pe_read(&h, &pe) == PARSE_OK && !pe.is_managed, "directories cut short");
		put(&s, 0x54, 2, (is_64 ? 112 : 96) + 16 * 8);
		put(&s, 0x58 + (is_64 ? 108 : 92), 4, 14);
		h = sample_head(&s);
		CHECK(pe_read(&h, &pe) == PARSE_OK && !pe.is_managed, "too few directories");
		put(&s, 0x58 + (is_64 ? 112 : 96) + 4 * 8, 4, 0x1234);
		put(&s, 0x58 + (is_64 ? 112 : 96) + 4 * 8 + 4, 4, 0x40);
		h = sample_head(&s);
		CHECK(pe_read(&h, &pe) == PARSE_OK && pe.certificates_at == 0x1234 &&
			      pe.certificates_size == 0x40,
		      "signed");
		put(&s, 0x58 + (is_64 ? 108 : 92), 4, 4);
		h = sample_head(&s);
		CHECK(pe_read(&h, &pe) == PARSE_OK && !pe.security_at && !pe.certificates_size,
		      "cannot be signed");
		put(&s, 0x54, 2, 64);
		h = sample_head(&s);
		CHECK(pe_read(&h, &pe) == PARSE_OK && !pe.checksum_at, "without a checksum");
	}
}

static void test_refused(void)
{
	static const struct {
		const char *name;
		size_t at, size;
		uint64_t value;
		enum parse want;
	} rows[] = {
		{"not MZ", 0, 2, 0x5a4e, PARSE_OTHER},
		{"DOS program", 0x40, 4, 0x12345678, PARSE_OTHER},
		{"NE program", 0x40, 4, 0x0000454e, PARSE_OTHER},
		{"headers past the end", 0x3c, 4, 0x10000, PARSE_CORRUPT},
		{"headers far past the end", 0x3c, 4, 0xffffffff, PARSE_CORRUPT},
		{"ROM image", 0x58, 2, 0x107, PARSE_CORRUPT},
		{"optional header of an object file", 0x54, 2, 0, PARSE_CORRUPT},
		{"optional header without image size", 0x54, 2, 59, PARSE_CORRUPT},
		{"optional header that ends there", 0x54, 2, 60, PARSE_OK},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make_pe(true, NULL, 0);
		struct head h;

		put(&s, rows[i].at, rows[i].size, rows[i].value);
		h = sample_head(&s);
		CHECK_INT(parse_headers(&h), rows[i].want, rows[i].name);
	}
}

static void test_codeview(void)
{
	static const struct {
		const char *name;
		struct sample_record record;
		const char *key; /* NULL: passed over */
		const char *path, *file;
	} rows[] = {
		{"PDB",
		 {2, 0, RSDS(AGE_10, "C:\\b\\foo.pdb\0")},
		 SAMPLE_GUID "a",
		 "C:\\b\\foo.pdb",
		 "foo.pdb"},
		{"slashes",
		 {2, 0, RSDS(AGE_10, "/b\\c/foo.pdb\0")},
		 SAMPLE_GUID "a",
		 "/b\\c/foo.pdb",
		 "foo.pdb"},
		{"bare name",
		 {2, 0, RSDS(AGE_10, "foo.pdb\0")},
		 SAMPLE_GUID "a",
		 "foo.pdb",
		 "foo.pdb"},
		{"no NUL", {2, 0, RSDS(AGE_10, "foo.pdb")}, SAMPLE_GUID "a", "foo.pdb", "foo.pdb"},
		{"no name", {2, 0, RSDS(AGE_10, "\0")}, SAMPLE_GUID "a", "", ""},
		{"no room for one", {2, 0, RSDS(AGE_10, "")}, SAMPLE_GUID "a", "", ""},
		{"a folder", {2, 0, RSDS(AGE_10, "a\\\0")}, SAMPLE_GUID "a", "a\\", ""},
		{"portable",
		 {2, 0x504d, RSDS("\1\0\0\0", "a.pdb\0")},
		 SAMPLE_GUID "ffffffff",
		 "a.pdb",
		 "a.pdb"},
		{"PDB 2.0",
		 {2, 0, SLICE("NB10\0\0\0\0\x0e\x8f\xa4\x07\x02\0\0\0old.pdb\0")},
		 "07A48F0E2",
		 "old.pdb",
		 "old.pdb"},
		{"cut short", {2, 0, SLICE("RSDS" SAMPLE_GUID_BYTES "\1\0\0")}, NULL, "", ""},
		{"PDB 2.0, cut short", {2, 0, SLICE("NB10\0\0\0\0\0\0\0\0\0\0\0")}, NULL, "", ""},
		{"symbols themselves", {2, 0, SLICE("NB11\0\0\0\0")}, NULL, "", ""},
		{"empty", {2, 0, SLICE("")}, NULL, "", ""},
		{"another type", {4, 0, RSDS(AGE_10, "foo.pdb\0")}, NULL, "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make_pe(i % 2, &rows[i].record, 1);
		struct key_text key;
		struct pe_debug d;

		CHECK_INT(read_debug(&s, &d), PARSE_OK, rows[i].name);
		CHECK_INT(d.codeviews, rows[i].key ? 1 : 0, rows[i].name);
		if (d.codeviews == 0 || !rows[i].key)
			continue;
		CHECK(key_of_identity(&d.codeview[0].pdb, false, 0, &key), rows[i].name);
		CHECK_STR(key.s, rows[i].key, rows[i].name);
		CHECK_SLICE(d.codeview[0].path, rows[i].path, rows[i].name);
		CHECK_STR(d.codeview[0].name, rows[i].file, rows[i].name);
	}
}

static void test_records(void)
{
	static const struct sample_record records[] = {
		{2, 0, RSDS(AGE_10, "a.ni.pdb\0")},
		{2, 0x504d, RSDS(AGE_10, "a.pdb\0")},
		{16, 0, SLICE("")},
		{17, 0x100, SLICE("MPDB\0\0\0\0")},
		{19, 0, SLICE("SHA256\0\x01\x02\x03")},
	};
	struct sample s = make_pe(true, records, ARRAY_LEN(records));
	struct pe_debug d;

	CHECK_INT(read_debug(&s, &d), PARSE_OK, "five records");
	CHECK_INT(d.codeviews, 2, "of native and of managed code");
	CHECK_INT(d.codeview[1].pdb.kind, SYMBOL_PDB_PORTABLE, "the second is portable");
	CHECK_STR(d.codeview[1].name, "a.pdb", "its name");
	CHECK(d.is_reproducible && d.embedded_size == 8, "reproducible, with a PDB in it");
	CHECK_SLICE(d.checksum_name, "SHA256", "name of the checksum");
	CHECK(slice_eq(d.checksum, SLICE("\x01\x02\x03")), "checksum");
	check_prefixes(parse_headers, sample_bytes(&s), "headers of any beginning");
	check_prefixes(parse_all, sample_bytes(&s), "records of any beginning");
}

static void test_bad_records(void)
{
	static const struct {
		const char *name;
		size_t at;
		uint64_t value;
		enum parse want;
	} rows[] = {
		{"directory in no section", 0x58 + 112 + 48, 0x900, PARSE_CORRUPT},
		{"directory past the section", 0x58 + 112 + 48, 0x1400, PARSE_CORRUPT},
		{"section without bytes", 0x58 + 112 + 128 + 16, 0, PARSE_CORRUPT},
		{"section past the end", 0x58 + 112 + 128 + 20, 0xfffffff0, PARSE_CORRUPT},
		{"records past the end", 0x58 + 112 + 52, 64 * 28, PARSE_CORRUPT},
		{"less than a record", 0x58 + 112 + 52, 27, PARSE_OK},
		{"record past the end", SAMPLE_PE_DEBUG_AT + 24, 0x400, PARSE_CORRUPT},
		{"record beyond all", SAMPLE_PE_DEBUG_AT + 16, 0xffffffff, PARSE_CORRUPT},
	};
	static const struct sample_record record = {2, 0, RSDS(AGE_10, "foo.pdb\0")};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sample s = make_pe(true, &record, 1);
		struct pe_debug d;

		put(&s, rows[i].at, 4, rows[i].value);
		CHECK_INT(read_debug(&s, &d), rows[i].want, rows[i].name);
	}
}

static void test_many_records(void)
{
	struct sample s = make_pe(true, &(struct sample_record){16, 0, SLICE("")}, 1);
	struct pe_debug d;

	put(&s, sizeof(s.b) - 1, 1, 0);
	put(&s, 0x58 + 112 + 52, 4, 64 * 28);
	CHECK_INT(read_debug(&s, &d), PARSE_OK, "as many records as may be");
	put(&s, 0x58 + 112 + 52, 4, 65 * 28);
	CHECK_INT(read_debug(&s, &d), PARSE_CORRUPT, "one too many");
}

static void test_more_codeviews_than_kept(void)
{
	struct sample_record records[PE_CODEVIEWS_MAX + 1];
	struct sample s;
	struct pe_debug d;

	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		records[i] = (struct sample_record){2, 0, RSDS(AGE_10, "foo.pdb\0")};
	s = make_pe(false, records, ARRAY_LEN(records));
	CHECK_INT(read_debug(&s, &d), PARSE_OK, "one too many");
	CHECK_INT(d.codeviews, PE_CODEVIEWS_MAX, "the first are kept");
}

static enum parse parse_dbg(struct head *h)
{
	struct symbol_identity i;

	return dbg_identity(h, &i);
}

static void test_dbg(void)
{
	struct sample s = {0};
	struct symbol_identity i;
	struct head h;

	put_bytes(&s, 0, SLICE("DI\0\0\x4c\1\0\0\x96\x03\xdb\x7c"));
	put(&s, 20, 4, 0x2040);
	put(&s, 47, 1, 0);
	h = sample_head(&s);
	CHECK_INT(dbg_identity(&h, &i), PARSE_OK, "a .dbg");
	CHECK(i.kind == SYMBOL_PE && i.stamp == 0x7cdb0396 && i.size == 0x2040, "key of its image");
	check_prefixes(parse_dbg, sample_bytes(&s), "any beginning");
	h = head_of(SLICE("DISCLAIMER: this is a text, and longer than the header of a .dbg"), 64);
	CHECK_INT(parse_dbg(&h), PARSE_OTHER, "a text");
	h = head_of(SLICE("DIM"), 3);
	CHECK_INT(parse_dbg(&h), PARSE_OTHER, "a short text");
}

int main(void)
{
	test_headers();
	test_refused();
	test_codeview();
	test_records();
	test_bad_records();
	test_many_records();
	test_more_codeviews_than_kept();
	test_dbg();
	return tap_done();
}
