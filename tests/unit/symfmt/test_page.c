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
	test_text();
	test_long();
	return tap_done();
}
