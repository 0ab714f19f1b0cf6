// SPDX-License-Identifier: MIT
/* The records themselves are looked at within an image, by test_pe.c. */
#include "symfmt/codeview.h"
#include "symfmt_samples.h"

static void test_last(void)
{
	static const struct {
		const char *path, *want;
	} rows[] = {
		{"foo.pdb", "foo.pdb"},
		{"C:\\b\\foo.pdb", "foo.pdb"},
		{"/b/c/foo.pdb", "foo.pdb"},
		{"a\\b/c", "c"},
		{"a/b\\c", "c"},
		{"a/", ""},
		{"", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_SLICE(codeview_last(slice_of(rows[i].path)), rows[i].want, rows[i].path);
}

/* A record whose path is so many letters long, with a folder before them. */
static void test_length(void)
{
	for (size_t n = CODEVIEW_NAME_MAX - 1; n <= CODEVIEW_NAME_MAX + 1; n++) {
		char record[24 + 2 + CODEVIEW_NAME_MAX + 2] = "RSDS" SAMPLE_GUID_BYTES "\1\0\0";
		struct codeview c;

		memcpy(record + 24, "b\\", 2);
		memset(record + 26, 'x', n);
		CHECK(codeview_read((struct slice){record, 26 + n}, false, &c), "a record");
		CHECK_INT(strlen(c.name), n <= CODEVIEW_NAME_MAX ? n : 0,
			  "the name of a file, or none");
		CHECK_INT(c.path.n, n + 2, "the path is all there");
	}
}

int main(void)
{
	test_last();
	test_length();
	return tap_done();
}
