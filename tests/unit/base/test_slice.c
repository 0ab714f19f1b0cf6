// SPDX-License-Identifier: MIT
/* Slices at their edges: nothing, everything, one past. */
#include "base/slice.h"
#include "tap.h"

static void test_parts(void)
{
	struct slice abc = SLICE("abc");

	CHECK_SLICE(slice_from(abc, 0), "abc", "from 0");
	CHECK_SLICE(slice_from(abc, 2), "c", "from 2");
	CHECK(!slice_from(abc, 3).p && slice_from(abc, SIZE_MAX).n == 0, "from the end and behind");
	CHECK_SLICE(slice_head(abc, 0), "", "head of 0");
	CHECK_SLICE(slice_head(abc, 2), "ab", "head of 2");
	CHECK_SLICE(slice_head(abc, SIZE_MAX), "abc", "head of more than there is");
	CHECK_INT(slice_of(NULL).n, 0, "of NULL");
}

static void test_compare(void)
{
	CHECK(slice_eq(SLICE_NONE, SLICE("")), "nothing is empty");
	CHECK(!slice_eq(SLICE("a"), SLICE("A")), "case counts");
	CHECK(!slice_eq(SLICE("a"), SLICE("ab")), "length counts");
	CHECK(slice_eq_nocase(SLICE("aZ@[`{"), SLICE("Az@[`{")), "no case");
	CHECK(!slice_eq_nocase(SLICE("@"), SLICE("`")) && !slice_eq_nocase(SLICE("["), SLICE("{")),
	      "the neighbours of A and Z have no case");
	CHECK(!slice_eq_nocase(SLICE("\xc3\x84"), SLICE("\xc3\xa4")), "ASCII only");
	CHECK(slice_starts(SLICE("abc"), SLICE("")) && slice_starts(SLICE_NONE, SLICE_NONE),
	      "starts with nothing");
	CHECK(slice_starts(SLICE("abc"), SLICE("abc")), "starts with itself");
	CHECK(!slice_starts(SLICE("abc"), SLICE("abcd")), "does not start with more");
	CHECK(slice_starts_nocase(SLICE("ABc"), SLICE("abC")), "starts, no case");
	CHECK(slice_ends(SLICE("abc"), SLICE("bc")) && slice_ends(SLICE_NONE, SLICE("")), "ends");
	CHECK(!slice_ends(SLICE("abc"), SLICE("xabc")), "does not end with more");
}

static void test_find(void)
{
	CHECK_INT(slice_find(SLICE("abca"), 'a'), 0, "first");
	CHECK_INT(slice_rfind(SLICE("abca"), 'a'), 3, "last");
	CHECK_INT(slice_find(SLICE("abca"), 'x'), 4, "none");
	CHECK_INT(slice_rfind(SLICE("abca"), 'x'), 4, "none from behind");
	CHECK_INT(slice_find(SLICE_NONE, 'x'), 0, "in nothing");
	CHECK_INT(slice_rfind(SLICE_NONE, 'x'), 0, "in nothing from behind");
	CHECK_INT(slice_find(SLICE("a\0b"), '\0'), 1, "NUL");
	CHECK_INT(slice_find(SLICE("a\xff"), '\xff'), 1, "a high byte");
}

static void test_trim(void)
{
	CHECK_SLICE(slice_trim(SLICE(" \t\r\na b\n\r\t ")), "a b", "both ends");
	CHECK_SLICE(slice_trim(SLICE(" \t\r\n")), "", "blanks only");
	CHECK_SLICE(slice_trim(SLICE_NONE), "", "nothing");
	CHECK_SLICE(slice_trim(SLICE("\v\f")), "\v\f", "other white space stays");
}

static void test_next(void)
{
	static const struct {
		const char *text, *fields; /* each in < > */
	} rows[] = {
		{"a,b", "<a><b>"}, {"a,", "<a><>"}, {",a", "<><a>"},  {",", "<><>"},
		{"", "<>"},        {"a", "<a>"},    {",,", "<><><>"}, {NULL, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice rest = slice_of(rows[i].text), field;
		char got[64] = "";
		size_t n = 0;

		while (slice_next(&rest, ',', &field))
			n += (size_t)snprintf(got + n, sizeof(got) - n, "<" SLICE_FMT ">",
					      SLICE_ARG(field));
		CHECK_STR(got, rows[i].fields, rows[i].fields);
		CHECK(!slice_next(&rest, ',', &field), "stays exhausted");
	}
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		uint64_t max, want; /* want 99: refused */
	} rows[] = {
		{"0", 0, 0},
		{"1", 0, 99},
		{"65535", 65535, 65535},
		{"65536", 65535, 99},
		{"0000000000000000000000000000000000007", 7, 7},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, 99},
		{"18446744073709551619", UINT64_MAX, 99},
		{"28446744073709551615", UINT64_MAX, 99},
		{"184467440737095516150", UINT64_MAX, 99},
		{"", UINT64_MAX, 99},
		{"-1", UINT64_MAX, 99},
		{"+1", UINT64_MAX, 99},
		{" 1", UINT64_MAX, 99},
		{"1 ", UINT64_MAX, 99},
		{"0x1", UINT64_MAX, 99},
		{"1e1", UINT64_MAX, 99},
		{"/", UINT64_MAX, 99},
		{":", UINT64_MAX, 99},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t v = 99;

		CHECK_INT(parse_u64(slice_of(rows[i].text), rows[i].max, &v), rows[i].want != 99,
			  rows[i].text);
		CHECK(v == rows[i].want, "value, or untouched");
	}
}

int main(void)
{
	test_parts();
	test_compare();
	test_find();
	test_trim();
	test_next();
	test_numbers();
	return tap_done();
}
