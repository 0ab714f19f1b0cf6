// SPDX-License-Identifier: MIT
/* Which keys, in which order: rows C07, C09 to C12, C30. */
#include "serve/candidates.h"
#include "tap.h"

struct row {
	const char *target;
	enum key_case key_case;
	enum key_tier tier;
	const char *key[CANDIDATES_MAX];
};

static void check(const struct row *r)
{
	struct symbol_path p CLEANUP(symbol_path_fini);
	struct candidates c CLEANUP(candidates_fini);
	struct candidate_options o = {r->key_case, r->tier};
	size_t n = 0;

	CHECK_INT(request_clean(slice_of(r->target), &(struct request_rules){0}, &p), REQUEST_CLEAN,
		  r->target);
	CHECK(candidates_make(&p, &o, &c), r->target);
	for (; n < CANDIDATES_MAX && r->key[n]; n++)
		if (n < c.n)
			CHECK_SLICE(c.key[n], r->key[n], r->target);
	CHECK_INT(c.n, n, r->target);
}

static void test_case(void)
{
	static const struct row rows[] = {
		{"/", KEY_CASE_BOTH, KEY_TIER_TWO, {NULL}},
		{"/a", KEY_CASE_BOTH, KEY_TIER_ONE, {"a"}},
		{"/foo.pdb/1a/foo.pdb", KEY_CASE_BOTH, KEY_TIER_ONE, {"foo.pdb/1a/foo.pdb"}},
		{"/foo.pdb/1A/foo.pdb",
		 KEY_CASE_BOTH,
		 KEY_TIER_ONE,
		 {"foo.pdb/1a/foo.pdb", "foo.pdb/1A/foo.pdb"}},
		{"/Foo.pdb/1A/Foo.pdb", KEY_CASE_LOWER, KEY_TIER_ONE, {"foo.pdb/1a/foo.pdb"}},
		{"/Foo.pdb/1A/Foo.pdb", KEY_CASE_ASKED, KEY_TIER_ONE, {"Foo.pdb/1A/Foo.pdb"}},
		{"/%C3%84.pdb", KEY_CASE_BOTH, KEY_TIER_UNKNOWN, {"\xc3\xa4.pdb", "\xc3\x84.pdb"}},
		{"/%c8%ba", KEY_CASE_BOTH, KEY_TIER_ONE, {"\xe2\xb1\xa5", "\xc8\xba"}},
		{"/%ff%C3", KEY_CASE_BOTH, KEY_TIER_ONE, {"\xff\xc3"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void test_tier(void)
{
	static const struct row rows[] = {
		{"/foo.pdb/1a/foo.pdb",
		 KEY_CASE_BOTH,
		 KEY_TIER_TWO,
		 {"fo/foo.pdb/1a/foo.pdb", "foo.pdb/1a/foo.pdb"}},
		{"/Foo.pdb/1A/Foo.pdb",
		 KEY_CASE_BOTH,
		 KEY_TIER_TWO,
		 {"fo/foo.pdb/1a/foo.pdb", "Fo/Foo.pdb/1A/Foo.pdb", "foo.pdb/1a/foo.pdb",
		  "Foo.pdb/1A/Foo.pdb"}},
		{"/fo/foo.pdb/1a/foo.pdb",
		 KEY_CASE_BOTH,
		 KEY_TIER_TWO,
		 {"fo/foo.pdb/1a/foo.pdb", "foo.pdb/1a/foo.pdb"}},
		{"/FO/Foo.pdb/1a/Foo.pdb",
		 KEY_CASE_BOTH,
		 KEY_TIER_ONE,
		 {"fo/foo.pdb/1a/foo.pdb", "FO/Foo.pdb/1a/Foo.pdb", "foo.pdb/1a/foo.pdb",
		  "Foo.pdb/1a/Foo.pdb"}},
		{"/fo/foo.pdb/1a/foo.pdb",
		 KEY_CASE_LOWER,
		 KEY_TIER_UNKNOWN,
		 {"fo/foo.pdb/1a/foo.pdb", "foo.pdb/1a/foo.pdb"}},
		{"/a/a.pdb/1a/a.pdb",
		 KEY_CASE_LOWER,
		 KEY_TIER_ONE,
		 {"a/a.pdb/1a/a.pdb", "a.pdb/1a/a.pdb"}},
		{"/a/a/1a/a", KEY_CASE_LOWER, KEY_TIER_ONE, {"a/a/1a/a", "a/1a/a"}},
		{"/a./a.pdb/1a/a.pdb", KEY_CASE_LOWER, KEY_TIER_ONE, {"a./a.pdb/1a/a.pdb"}},
		{"/f/foo.pdb/1a/foo.pdb", KEY_CASE_LOWER, KEY_TIER_ONE, {"f/foo.pdb/1a/foo.pdb"}},
		{"/a.pdb/1a/a.pdb",
		 KEY_CASE_LOWER,
		 KEY_TIER_TWO,
		 {"a/a.pdb/1a/a.pdb", "a.pdb/1a/a.pdb"}},
		{"/\xc3\xa4\xc3\xb6.pdb/1a/x",
		 KEY_CASE_LOWER,
		 KEY_TIER_TWO,
		 {"\xc3\xa4\xc3\xb6/\xc3\xa4\xc3\xb6.pdb/1a/x", "\xc3\xa4\xc3\xb6.pdb/1a/x"}},
		{"/foo.pdb/1a/msfz0/foo.pdb",
		 KEY_CASE_LOWER,
		 KEY_TIER_TWO,
		 {"fo/foo.pdb/1a/msfz0/foo.pdb", "foo.pdb/1a/msfz0/foo.pdb"}},
		{"/fo/foo.pdb/1a/MSFZ0/foo.pdb",
		 KEY_CASE_LOWER,
		 KEY_TIER_ONE,
		 {"fo/foo.pdb/1a/msfz0/foo.pdb", "foo.pdb/1a/msfz0/foo.pdb"}},
		{"/foo.pdb/1a/foo.pdb",
		 KEY_CASE_BOTH,
		 KEY_TIER_UNKNOWN,
		 {"foo.pdb/1a/foo.pdb", "fo/foo.pdb/1a/foo.pdb"}},
		{"/fo/foo.pdb/1a/x/foo.pdb",
		 KEY_CASE_LOWER,
		 KEY_TIER_ONE,
		 {"fo/foo.pdb/1a/x/foo.pdb"}},
		{"/a/b/c/d/e", KEY_CASE_LOWER, KEY_TIER_TWO, {"a/b/c/d/e"}},
		{"/a/b", KEY_CASE_LOWER, KEY_TIER_TWO, {"a/b"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void test_nesting(void)
{
	static const struct row rows[] = {
		{"/My+App/1a/My+App",
		 KEY_CASE_BOTH,
		 KEY_TIER_ONE,
		 {"my+app/1a/my+app", "My+App/1a/My+App", "my app/1a/my app", "My App/1a/My App"}},
		{"/c++rt.pdb", KEY_CASE_BOTH, KEY_TIER_ONE, {"c++rt.pdb", "c  rt.pdb"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void test_most(void)
{
	struct symbol_path p CLEANUP(symbol_path_fini);
	struct candidates c CLEANUP(candidates_fini);
	struct candidate_options o = {KEY_CASE_BOTH, KEY_TIER_TWO};
	const char *want[] = {"a+/a++ /1/x", "A+/A++ /1/x", "a++ /1/x", "A++ /1/x",
			      "a /a + /1/x", "A /A + /1/x", "a + /1/x", "A + /1/x"};

	CHECK_INT(request_clean(SLICE("/A+%2B%20/1/x"), &(struct request_rules){0}, &p),
		  REQUEST_CLEAN, "four spellings");
	CHECK(candidates_make(&p, &o, &c), "made");
	CHECK_INT(c.n, CANDIDATES_MAX, "the most there can be");
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		CHECK_SLICE(c.key[i], want[i], want[i]);
	for (size_t i = 0; i < c.n; i++)
		for (size_t j = 0; j < i; j++)
			if (slice_eq(c.key[i], c.key[j]))
				CHECK(false, "two keys are the same");
}

int main(void)
{
	test_case();
	test_tier();
	test_nesting();
	test_most();
	return tap_done();
}
