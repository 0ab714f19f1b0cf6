// SPDX-License-Identifier: MIT
/* Encodings and folding: round trips, and everything that is no encoding at all. */
#include "base/text.h"
#include "tap.h"

#include <unictype.h>
#include <unistr.h>

static void test_hex(void)
{
	char text[9];
	int valid = 0;

	hex_encode((const unsigned char *)"\x00\x7f\x80\xff", 4, text);
	CHECK_STR(text, "007f80ff", "encode");
	hex_encode(NULL, 0, text);
	CHECK_STR(text, "", "encode nothing");
	for (int c = 0; c < 256; c++)
		valid += hex_digit((char)c) >= 0;
	CHECK_INT(valid, 22, "22 digits, no more");
	CHECK(hex_digit('0') == 0 && hex_digit('9') == 9 && hex_digit('a') == 10 &&
		      hex_digit('F') == 15,
	      "their values");
}

static void test_base64(void)
{
	static const struct {
		const char *text, *want; /* want NULL: refused */
	} rows[] = {
		{"", ""},
		{"Zg==", "f"},
		{"Zm8=", "fo"},
		{"Zm9v", "foo"},
		{"Zm9vYg==", "foob"},
		{"Zm9vYmE=", "fooba"},
		{"Zm9vYmFy", "foobar"},
		{"Zg", "f"},
		{"Zm8", "fo"},
		{"++//", "\xfb\xef\xff"},
		{"Z", NULL},
		{"Zm9vY", NULL},
		{"=", NULL},
		{"==", NULL},
		{"====", NULL},
		{"Z===", NULL},
		{"Zg=", NULL},
		{"Zg===", NULL},
		{"Zm8==", NULL},
		{"Zm9v=", NULL},
		{"Zm9v====", NULL},
		{"Z=g=", NULL},
		{"Zg==Zg==", NULL},
		{"Zm 9v", NULL},
		{"Zm9v\n", NULL},
		{"-_-_", NULL},
		{"Zm9\xc3", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(100);
		bool ok = base64_decode(slice_of(rows[i].text), &b);
		char name[32];

		snprintf(name, sizeof(name), "base64 row %zu", i);
		CHECK_INT(ok, rows[i].want != NULL, name);
		if (ok)
			CHECK_SLICE(buf_slice(&b), rows[i].want, name);
	}
}

static void test_percent(void)
{
	struct buf all CLEANUP(buf_fini) = BUF_MAX(256);
	struct buf coded CLEANUP(buf_fini) = BUF_MAX(1024);
	struct buf back CLEANUP(buf_fini) = BUF_MAX(256);

	for (int c = 0; c < 256; c++)
		buf_putc(&all, (char)c);
	percent_encode(buf_slice(&all), "", &coded);
	CHECK_INT(coded.n, 66 + 3 * (256 - 66), "66 bytes need no escape");
	CHECK(percent_decode(buf_slice(&coded), &back), "decodes");
	CHECK(slice_eq(buf_slice(&all), buf_slice(&back)), "every byte comes back");
	CHECK_INT(buf_str(&back)[back.n], 0, "NUL behind it");
	buf_clear(&coded);
	percent_encode(SLICE("a/b+c \0~\xc3\xa4"), "/", &coded);
	CHECK_STR(buf_str(&coded), "a/b%2Bc%20%00~%C3%A4", "upper-case digits, slash kept");
}

static void test_percent_bad(void)
{
	static const char *const bad[] = {"%",  "%4",   "%zz",  "%4g", "%g4",
					  "a%", "%%41", "% 41", "%+1", "aaaaaa%%%"};
	struct buf b CLEANUP(buf_fini) = BUF_MAX(10);

	buf_puts(&b, "x");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(!percent_decode(slice_of(bad[i]), &b), bad[i]);
		CHECK_STR(buf_str(&b), "x", "nothing appended");
	}
	CHECK(percent_decode(SLICE("+%2b%2B"), &b), "a plus is a plus");
	CHECK_STR(buf_str(&b), "x+++", "in both cases");
	CHECK(percent_decode(SLICE_NONE, &b), "nothing");
	CHECK(!percent_decode(SLICE("1234567"), &b) && buf_failed(&b), "the ceiling holds");
}

static void test_fold(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", ""},
		{"AZaz09@[`{", "azaz09@[`{"},
		{"\xc3\x84\xc3\x96\xc3\x9c", "\xc3\xa4\xc3\xb6\xc3\xbc"}, /* umlauts */
		{"\xc3\x9f", "\xc3\x9f"},                                 /* sharp s */
		{"\xe1\xba\x9e", "\xc3\x9f"},                             /* its capital */
		{"I\xc4\xb0", "ii"},                      /* dotted I: simple mapping */
		{"\xc4\xb1", "\xc4\xb1"},                 /* dotless i */
		{"\xce\x91\xce\xa3", "\xce\xb1\xcf\x83"}, /* no final sigma */
		{"\xd0\x90\xd0\xaf\xd0\x81", "\xd0\xb0\xd1\x8f\xd1\x91"}, /* Cyrillic */
		{"\xe2\x84\xaa", "k"},                                    /* Kelvin sign */
		{"\xc8\xba", "\xe2\xb1\xa5"},                             /* grows by a byte */
		{"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},                 /* Deseret */
		{"\xe4\xb8\xad", "\xe4\xb8\xad"},                         /* no case at all */
		{"A\xff"
		 "B\xc3",
		 "a\xff"
		 "b\xc3"},                                /* not UTF-8 */
		{"\xc0\xc1\x80", "\xc0\xc1\x80"},         /* overlong */
		{"\xed\xa0\x80X", "\xed\xa0\x80x"},       /* surrogate */
		{"\xf4\x90\x80\x80", "\xf4\x90\x80\x80"}, /* beyond Unicode */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf once CLEANUP(buf_fini) = BUF_MAX(100);
		struct buf twice CLEANUP(buf_fini) = BUF_MAX(100);
		char name[32];

		snprintf(name, sizeof(name), "fold row %zu", i);
		fold_lower(slice_of(rows[i].text), &once);
		CHECK_SLICE(buf_slice(&once), rows[i].want, name);
		fold_lower(buf_slice(&once), &twice);
		CHECK(slice_eq(buf_slice(&once), buf_slice(&twice)),
		      "folding again changes nothing");
		CHECK(fold_equal(slice_of(rows[i].text), slice_of(rows[i].want)), "is equal");
	}
}

static void test_fold_equal(void)
{
	CHECK(fold_equal(SLICE_NONE, SLICE("")), "nothing");
	CHECK(!fold_equal(SLICE("a"), SLICE("")) && !fold_equal(SLICE(""), SLICE("a")), "a part");
	CHECK(!fold_equal(SLICE("ab"), SLICE("abc")), "a prefix");
	CHECK(!fold_equal(SLICE("\xff"), SLICE("\xfe")), "bytes that are no UTF-8 have no case");
	CHECK(!fold_equal(SLICE("\xe4"), SLICE("\xc3\xa4")), "nor are they Latin-1");
	CHECK(fold_equal(SLICE("\xc3\x84\xff"), SLICE("\xc3\xa4\xff")), "mixed");
}

static void test_secret(void)
{
	CHECK(equal_secret(SLICE("abc"), SLICE("abc")), "equal");
	CHECK(!equal_secret(SLICE("abc"), SLICE("abd")), "last byte");
	CHECK(!equal_secret(SLICE("xbc"), SLICE("abc")), "first byte");
	CHECK(!equal_secret(SLICE("abc"), SLICE("abcabc")), "repeated");
	CHECK(!equal_secret(SLICE("abcabc"), SLICE("abc")), "repeats");
	CHECK(!equal_secret(SLICE("abc"), SLICE_NONE), "with nothing");
	CHECK(!equal_secret(SLICE_NONE, SLICE("abc")), "nothing with it");
	CHECK(!equal_secret(SLICE("\0"), SLICE_NONE), "NUL is not nothing");
	CHECK(equal_secret(SLICE_NONE, SLICE("")), "nothing with nothing");
}

static void test_glob(void)
{
	static const struct {
		const char *name, *glob;
		bool want, open_end;
	} rows[] = {
		{"foo.pdb", "foo.pdb", true},
		{"foo.pdb", "FOO.*", true},
		{"foo.pdb", "f*o*b", true},
		{"foo.pdb", "f*x*b", false},
		{"", "", true},
		{"", "*", true},
		{"", "?", false},
		{"a", "", false},
		{"abcabd", "*abd", true},
		{"ab", "*?*?*", true},
		{"a", "*?*?*", false},
		{"mississippi", "m*issip*i", true},
		{"\xc3\x9c"
		 "b",
		 "\xc3\xbc?", true},
		{"\xc3\x9c", "?", true},
		{"\xc3\x9c", "??", false},
		{"\xff\xfe", "?\xfe", true},
		{"\xff", "\xfe", false},
		{"a*", "a*", true},
		{"foo.pd_", "*.pdb", false},
		{"foo.pd_", "*.pdb", true, true},
		{"foo.pd_", "*.pd", false, true},
		{"foo.pd_", "foo.pdbx", false, true},
		{"foo.pd_", "foo.pd?", true, true},
		{"_", "\xc3\xbc", true, true},
		{"", "a", false, true},
	};
	struct slice as = SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(
			fold_glob(slice_of(rows[i].name), slice_of(rows[i].glob), rows[i].open_end),
			rows[i].want, rows[i].glob);
	CHECK(!fold_glob(as, SLICE("*a*a*a*a*a*a*a*a*a*a*a*a*b"), false), "no explosion");
}

static void test_show(void)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{"ASCII", "foo.pdb ~", "foo.pdb ~"},
		{"controls", "\x01\t\x1b\x7f", "\\u0001\\u0009\\u001b\\u007f"},
		{"C1 controls", "\xc2\x80\xc2\x9b", "\\u0080\\u009b"},
		{"letters, accents and signs",
		 "\xc3\xa4\xd7\x90\xe4\xb8\xad"
		 "e\xcc\x81\xe2\x82\xac",
		 "\xc3\xa4\xd7\x90\xe4\xb8\xad"
		 "e\xcc\x81\xe2\x82\xac"},
		{"beyond U+FFFF", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
		{"U+202E, right to left override",
		 "a\xe2\x80\xae"
		 "bdp.exe",
		 "a\\u202ebdp.exe"},
		{"U+2066, U+2069, U+200F, U+061C: bidirectional",
		 "\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f\xd8\x9c", "\\u2066\\u2069\\u200f\\u061c"},
		{"U+2028, U+2029: ends of lines", "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
		{"U+200B, U+FEFF, U+00AD, U+2060: no width",
		 "\xe2\x80\x8b\xef\xbb\xbf\xc2\xad\xe2\x81\xa0", "\\u200b\\ufeff\\u00ad\\u2060"},
		{"U+00A0, U+2003, U+3000: blanks", "\xc2\xa0\xe2\x80\x83\xe3\x80\x80",
		 "\\u00a0\\u2003\\u3000"},
		{"U+3164, U+115F, U+034F, U+FE0F, U+2800: fillers",
		 "\xe3\x85\xa4\xe1\x85\x9f\xcd\x8f\xef\xb8\x8f\xe2\xa0\x80",
		 "\\u3164\\u115f\\u034f\\ufe0f\\u2800"},
		{"U+E000, U+0378, U+FFFE: private, not assigned, no character",
		 "\xee\x80\x80\xcd\xb8\xef\xbf\xbe", "\\ue000\\u0378\\ufffe"},
		{"U+E0041, U+10FFFF: tags, the last", "\xf3\xa0\x81\x81\xf4\x8f\xbf\xbf",
		 "\\udb40\\udc41\\udbff\\udfff"},
		{"no UTF-8: a surrogate", "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
		{"no UTF-8: too long", "\xc0\xaf\xe0\x80\xaf",
		 "\\u00c0\\u00af\\u00e0\\u0080\\u00af"},
		{"no UTF-8: beyond U+10FFFF", "\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},
		{"no UTF-8: cut", "\xe2\x80", "\\u00e2\\u0080"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b CLEANUP(buf_fini) = BUF_MAX(200);

		text_show(slice_of(rows[i].text), &b);
		CHECK_STR(buf_str(&b), rows[i].want, rows[i].name);
	}
}

/* Of all characters: what is written as it is can be told apart, and each is consumed whole. */
static void test_escape_all(void)
{
	int as_is = 0, wrong = 0;

	for (ucs4_t c = 1; c < 0x110000; c++) {
		char text[TEXT_ESCAPE_SIZE];
		uint8_t utf8[6];
		int n = u8_uctomb(utf8, c, sizeof(utf8));

		if (n < 0)
			continue;
		wrong += text_escape((struct slice){(const char *)utf8, (size_t)n}, text) !=
			 (size_t)n;
		as_is += !text[0];
		wrong += !text[0] && (uc_is_general_category(c, UC_OTHER) ||
				      uc_is_general_category(c, UC_LINE_SEPARATOR) ||
				      uc_is_general_category(c, UC_PARAGRAPH_SEPARATOR) ||
				      uc_is_property_bidi_control(c));
	}
	CHECK_INT(wrong, 0, "no control, format or bidirectional character, no end of line");
	CHECK(as_is > 100000, "but all that is written");
}

static void test_field_value(void)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{"", true},          {"1.1 a (b)\t, c", true}, {" !~", true},   {"a\rb", false},
		{"a\nb", false},     {"a\x0b", false},         {"\x7f", false}, {"\x1b[m", false},
		{"\xc3\xa4", false}, {"\xff", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(text_is_field_value(slice_of(rows[i].text)), rows[i].want, rows[i].text);
	CHECK(!text_is_field_value((struct slice){"a\0b", 3}), "NUL");
}

static void test_same(void)
{
	CHECK(text_same(NULL, NULL) && text_same("", "") && text_same("ab", "ab"), "the same");
	CHECK(!text_same(NULL, "") && !text_same("", NULL) && !text_same("ab", "aB") &&
		      !text_same("a", "ab"),
	      "not the same");
}

int main(void)
{
	test_hex();
	test_base64();
	test_percent();
	test_percent_bad();
	test_fold();
	test_fold_equal();
	test_secret();
	test_glob();
	test_show();
	test_escape_all();
	test_field_value();
	test_same();
	return tap_done();
}
