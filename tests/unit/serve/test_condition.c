// SPDX-License-Identifier: MIT
/* Conditional requests: row C68, and If-Range for C48. */
#include "serve/condition.h"
#include "tap.h"

#define DATE    "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define DATE_S  784111777

static const struct validators strong = {{"\"abc\"", 5}, DATE_S};
static const struct validators weak = {{"W/\"abc\"", 7}, DATE_S};
static const struct validators none = {{NULL, 0}, DATE_UNKNOWN};
static const struct validators empty = {{"\"\"", 2}, DATE_S};
static const struct validators comma = {{"\"a,b\"", 5}, DATE_S};

static void test_not_modified(void)
{
	static const struct {
		const struct validators *v;
		const char *if_none_match, *if_modified_since;
		enum condition want;
	} rows[] = {
		{&strong, NULL, NULL, COND_PROCEED},
		{&none, NULL, NULL, COND_PROCEED},
		{&strong, "\"abc\"", NULL, COND_NOT_MODIFIED},
		{&strong, " \"abc\" ", NULL, COND_NOT_MODIFIED},
		{&strong, "W/\"abc\"", NULL, COND_NOT_MODIFIED},
		{&weak, "\"abc\"", NULL, COND_NOT_MODIFIED},
		{&weak, "W/\"abc\"", NULL, COND_NOT_MODIFIED},
		{&strong, "\"ABC\"", NULL, COND_PROCEED},
		{&strong, "\"abcd\"", NULL, COND_PROCEED},
		{&strong, "\"ab\"", NULL, COND_PROCEED},
		{&strong, "abc", NULL, COND_PROCEED},
		{&strong, "w/\"abc\"", NULL, COND_PROCEED},
		{&strong, "\"x\", \"abc\"", NULL, COND_NOT_MODIFIED},
		{&strong, "\"x\",W/\"y\" ,,\t\"abc\",\"z\"", NULL, COND_NOT_MODIFIED},
		{&strong, "\"x\" \"abc\"", NULL, COND_NOT_MODIFIED},
		{&strong, "x, \"abc\"", NULL, COND_PROCEED},
		{&strong, "\"abc\", x", NULL, COND_NOT_MODIFIED},
		{&strong, "\"abc", NULL, COND_PROCEED},
		{&strong, "\"", NULL, COND_PROCEED},
		{&strong, "W/", NULL, COND_PROCEED},
		{&strong, "", NULL, COND_PROCEED},
		{&strong, ",,,", NULL, COND_PROCEED},
		{&comma, "\"a,b\"", NULL, COND_NOT_MODIFIED},
		{&comma, "\"a\",\"b\"", NULL, COND_PROCEED},
		{&empty, "\"\"", NULL, COND_NOT_MODIFIED},
		{&none, "\"\"", NULL, COND_PROCEED},
		{&none, "", NULL, COND_PROCEED},
		{&strong, "*", NULL, COND_NOT_MODIFIED},
		{&none, " * ", NULL, COND_NOT_MODIFIED},
		{&strong, "\"x\", *", NULL, COND_PROCEED},
		{&strong, NULL, DATE, COND_NOT_MODIFIED},
		{&strong, NULL, " " DATE " ", COND_NOT_MODIFIED},
		{&strong, NULL, LATER, COND_NOT_MODIFIED},
		{&strong, NULL, EARLIER, COND_PROCEED},
		{&strong, NULL, "Mon, 06 Nov 1994 08:49:37 GMT", COND_PROCEED},
		{&strong, NULL, "yesterday", COND_PROCEED},
		{&strong, NULL, "", COND_PROCEED},
		{&none, NULL, DATE, COND_PROCEED},
		{&strong, "\"x\"", LATER, COND_PROCEED},
		{&strong, "", LATER, COND_PROCEED},
		{&strong, "\"abc\"", EARLIER, COND_NOT_MODIFIED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct condition_headers h = {
			.if_none_match = slice_of(rows[i].if_none_match),
			.if_modified_since = slice_of(rows[i].if_modified_since),
		};
		char name[100];

		snprintf(name, sizeof(name), "row %zu", i);
		CHECK_INT(condition_check(&h, rows[i].v), rows[i].want, name);
	}
}

static void test_if_range(void)
{
	static const struct {
		const struct validators *v;
		const char *if_range;
		bool want;
	} rows[] = {
		{&strong, NULL, true},
		{&none, NULL, true},
		{&strong, "\"abc\"", true},
		{&strong, " \"abc\"", true},
		{&strong, "\"abd\"", false},
		{&strong, "W/\"abc\"", false},
		{&weak, "W/\"abc\"", false},
		{&weak, "\"abc\"", false},
		{&strong, "\"abc\", \"abc\"", false},
		{&strong, "*", false},
		{&strong, "abc", false},
		{&strong, "", false},
		{&none, "\"abc\"", false},
		{&none, "", false},
		{&strong, DATE, true},
		{&weak, DATE, true},
		{&strong, LATER, false},
		{&strong, EARLIER, false},
		{&none, DATE, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct condition_headers h = {.if_range = slice_of(rows[i].if_range)};
		char name[100];

		snprintf(name, sizeof(name), "If-Range row %zu", i);
		CHECK_INT(condition_range_allowed(&h, rows[i].v), rows[i].want, name);
	}
}

int main(void)
{
	test_not_modified();
	test_if_range();
	return tap_done();
}
