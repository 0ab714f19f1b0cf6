// SPDX-License-Identifier: MIT
#include "symfmt/breakpad.h"
#include "symfmt_samples.h"

#define MODULE "MODULE windows x86_64 " SAMPLE_GUID "a crash prog.pdb"
#define CODE   "INFO CODE_ID 5617D4FE8000 crash prog.exe"

static enum parse parse(struct head *h)
{
	struct symbol_identity i;

	return breakpad_identity(h, &i);
}

static void test_good(void)
{
	static const struct {
		const char *text;
		const char *code_id, *code_file;
	} rows[] = {
		{MODULE, "", ""},
		{MODULE "\n", "", ""},
		{MODULE "\r\n", "", ""},
		{MODULE "\n" CODE, "5617D4FE8000", "crash prog.exe"},
		{MODULE "\n" CODE "\n", "5617D4FE8000", "crash prog.exe"},
		{MODULE "\r\n" CODE "\r\nFILE 0 a.c\r\n", "5617D4FE8000", "crash prog.exe"},
		{MODULE "\nINFO CODE_ID 5617D4FE8000\nFILE 0 a.c\n", "5617D4FE8000", ""},
		{MODULE "\nINFO CODE_ID \n", "", ""},
		{MODULE "\nINFO URL x\nFILE 0 a.c\n", "", ""},
		{MODULE "\nFILE 0 a.c\n" CODE "\n", "", ""},
		{MODULE "\nINFO", "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice text = slice_of(rows[i].text);
		struct head h = head_of(text, text.n);
		struct symbol_identity id;
		struct breakpad b;

		CHECK_INT(breakpad_read(&h, &b), PARSE_OK, rows[i].text);
		CHECK_SLICE(b.os, "windows", "os");
		CHECK_SLICE(b.arch, "x86_64", "architecture");
		CHECK_SLICE(b.id, SAMPLE_GUID "a", "id");
		CHECK_SLICE(b.name, "crash prog.pdb", "name, to the end of its line");
		CHECK_SLICE(b.code_id, rows[i].code_id, "code id");
		CHECK_SLICE(b.code_file, rows[i].code_file, "code file");
		CHECK(breakpad_identity(&h, &id) == PARSE_OK && id.has_age && id.age == 10, "age");
		check_prefixes(parse, text, rows[i].text);
	}
}

static void test_bad(void)
{
	static const struct {
		const char *text;
		enum parse want;
	} rows[] = {
		{"", PARSE_OTHER},
		{"MODULE", PARSE_OTHER},
		{"module Linux x86 " SAMPLE_GUID "0 a", PARSE_OTHER},
		{"<html>not found</html>", PARSE_OTHER},
		{"MODULE ", PARSE_CORRUPT},
		{"MODULE \n" MODULE, PARSE_CORRUPT},
		{"MODULE Linux\n", PARSE_CORRUPT},
		{"MODULE Linux x86_64\n", PARSE_CORRUPT},
		{"MODULE Linux x86_64 " SAMPLE_GUID "0\n", PARSE_CORRUPT},
		{"MODULE Linux x86_64 " SAMPLE_GUID "0 \n", PARSE_CORRUPT},
		{"MODULE Linux x86_64 " SAMPLE_GUID " a\n", PARSE_CORRUPT},
		{"MODULE Linux x86_64 C9A6DDDD a\n", PARSE_CORRUPT},
		{"MODULE Linux x86_64 " SAMPLE_GUID "g a\n", PARSE_CORRUPT},
		{"MODULE Linux  x86_64 " SAMPLE_GUID "0 a\n", PARSE_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice text = slice_of(rows[i].text);
		struct head h = head_of(text, text.n);

		CHECK_INT(parse(&h), rows[i].want, rows[i].text);
	}
}

static void test_long_lines(void)
{
	static const struct {
		const char *name;
		const char *start;
		size_t n;
		enum parse want;
	} rows[] = {
		{"first line may go on", MODULE, 4096, PARSE_MORE},
		{"first line too long", MODULE, 4097, PARSE_CORRUPT},
		{"second line not told yet", MODULE "\nFILE 0 ", strlen(MODULE) + 13, PARSE_MORE},
		{"second line, another's, without an end", MODULE "\nFILE 0 ", 5000, PARSE_OK},
		{"code id may go on", MODULE "\n" CODE, 4000, PARSE_MORE},
		{"code id too long", MODULE "\n" CODE, 5000, PARSE_CORRUPT},
	};
	char text[5000];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct head h = head_of((struct slice){text, rows[i].n}, UINT64_C(1) << 32);

		memset(text, 'x', sizeof(text));
		memcpy(text, rows[i].start, strlen(rows[i].start));
		CHECK_INT(parse(&h), rows[i].want, rows[i].name);
	}
}

int main(void)
{
	test_good();
	test_bad();
	test_long_lines();
	return tap_done();
}
