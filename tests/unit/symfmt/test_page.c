// SPDX-License-Identifier: MIT
/* What a saved page, a pointer or the framing of an upload begins with, and what only looks so. */
#include "symfmt/page.h"
#include "tap.h"

#define HTML "an HTML page"
#define XML  "an XML document"
#define LFS  "a Git LFS pointer"
#define AWS  "the framing of an upload (aws-chunked)"

static void test_names(void)
{
	static const struct {
		const char *bytes, *want; /* NULL: none */
	} rows[] = {
		{"<!DOCTYPE html>\n<html>", HTML},
		{"<!doctype HTML PUBLIC \"-//W3C//DTD\">", HTML},
		{"\xef\xbb\xbf<html lang=en>", HTML},
		{" \r\n\t<HTML>", HTML},
		{"<head>", HTML},
		{"<!-- a comment first --><html>", HTML},
		{"\xef\xbb\xbf \n<!--\n a long comment", HTML},
		{"<!DOCTYPE\n  html>", HTML},
		{"<!DocType Html>", HTML},
		{"<meta http-equiv=refresh>", HTML},
		{"<script>location='/login'</script>", HTML},
		{"<DIV/>", HTML},
		{"<!doctypes>", NULL},
		{"<divider>", NULL},
		{"\xef\xbb\xbf<?XML version=\"1.0\"?>", XML},
		{"<body\tclass=x>", HTML},
		{"<htmlx>", NULL},
		{"<html", NULL},
		{"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>", XML},
		{"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", LFS},
		{"version https://example.com/", NULL},
		{"10000;chunk-signature="
		 "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a28864",
		 AWS},
		{"1a4\r\nMicrosoft C/C++ MSF 7.00", AWS},
		{"123456789\r\n", NULL},
		{"10000;x", NULL},
		{";chunk-signature=", NULL},
		{"\r\n", NULL},
		{"MODULE windows x86_64 C9A6DDDDD7E44353A668E39AC614A7EA1 foo.pdb\n", NULL},
		{"Microsoft C/C++ MSF 7.00\r\n\x1a"
		 "DS",
		 NULL},
		{"MZ", NULL},
		{"BSJB", NULL},
		{"DISCLAIMER", NULL},
		{"hello", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *name = page_name(slice_of(rows[i].bytes));

		CHECK_STR(name ? name : "none", rows[i].want ? rows[i].want : "none",
			  rows[i].want ? rows[i].want : "nothing of the kind");
	}
}

/* The same in UTF-16, of either order: known by its mark. */
static void test_utf16(void)
{
	static const char *const texts[] = {"<!DOCTYPE html>", " \r\n<HTML>",
					    "<?xml version=\"1.0\"?>", "a text", "a\x7f"};
	static const char *const want[] = {HTML, HTML, XML, NULL, NULL};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (int big = 0; big < 2; big++) {
			char bytes[80] = {big ? '\xfe' : '\xff', big ? '\xff' : '\xfe'};
			size_t n = strlen(texts[i]);
			struct slice s = {bytes, 2 + 2 * n};
			const char *name;

			for (size_t c = 0; c < n; c++)
				bytes[2 + 2 * c + (size_t)big] = texts[i][c];
			name = page_name(s);
			CHECK_STR(name ? name : "none", want[i] ? want[i] : "none", texts[i]);
			CHECK_INT(page_is_text(s), i < 4, "a text, or not");
			name = page_name(slice_head(s, 3));
			CHECK(!name && !page_is_text(slice_head(s, 2)), "of the mark alone");
		}
	CHECK(!page_name((struct slice){"<\0h\0t\0m\0l\0>\0", 12}), "without a mark");
}

static void test_text(void)
{
	CHECK(page_is_text(SLICE("Gr\xc3\xbc\xc3\x9f\tGott\r\n")), "a text");
	CHECK(page_is_text(SLICE("\xfc\xe4")), "in a code page");
	CHECK(!page_is_text(SLICE("MZ\x90\0")), "an image");
	CHECK(!page_is_text(SLICE("a\x7f")), "DEL");
	CHECK(!page_is_text(SLICE("")), "nothing");
}

/* Only its beginning counts, however long it is. */
static void test_long(void)
{
	static char long_digits[1 << 20], late[PAGE_HEAD + 1];

	memset(long_digits, '1', sizeof(long_digits));
	CHECK(!page_name((struct slice){long_digits, sizeof(long_digits)}), "digits without end");
	memset(late, 'x', sizeof(late));
	late[PAGE_HEAD] = '\0';
	CHECK(page_is_text((struct slice){late, sizeof(late)}),
	      "what is behind it is not looked at");
}

int main(void)
{
	test_names();
	test_utf16();
	test_text();
	test_long();
	return tap_done();
}
