// SPDX-License-Identifier: MIT
/* Which transactions have had their time. */
#include "publish/expiry.h"
#include "tap.h"

#include <stdio.h>

#define DAY INT64_C(86400)
#define NOW (INT64_C(20000) * DAY)

/* By their numbers, the newest of a product first where they are chosen. */
static const struct {
	char product[4];
	int days, keep_days; /* how old; to be kept for so many more; 0: not told */
	bool open;
} builds[] = {
	{"app", 5, 0, false},    {"app", 100, 0, false}, {"app", 200, 10, false},
	{"b", 300, 0, false},    {"app", 6, 0, true},    {"app", 8, 0, true},
	{"app", 150, -3, false}, {"", 1, 0, false},      {"app", 100, 0, false},
	{"b", 300, 0, false},
};

static const struct {
	const char *name;
	struct expiry_rule rule;
	const char *chosen;
} rows[] = {
	{"the last of each", {.keep_last = 1}, "1 5 6 8 3"},
	{"the last three of each", {.keep_last = 3}, "5 6"},
	{"of one product", {.product = "b", .keep_last = 1}, "3"},
	{"of one without a name", {.product = "", .older_s = 0}, "7"},
	{"the old", {.older_s = 120 * DAY}, "6 3 9"},
	{"an age that one has just reached", {.older_s = 300 * DAY}, "3 9"},
	{"the old, but for the last", {.keep_last = 1, .older_s = 101 * DAY}, "6 3"},
	{"nothing is so old", {.older_s = 301 * DAY}, ""},
	{"an unknown product", {.product = "app2", .older_s = 1}, ""},
	{"what was abandoned, by its age", {.keep_last = 100, .older_s = 8 * DAY}, "5"},
	{"but not younger", {.keep_last = 100, .older_s = 9 * DAY}, ""},
};

static bool chooses(size_t row)
{
	struct expiry x = {.v = xzalloc(ARRAY_LEN(builds) * sizeof(*x.v)), .n = ARRAY_LEN(builds)};
	struct expiry_rule rule = rows[row].rule;
	char chosen[ARRAY_LEN(builds)] = {0};
	const char *want = rows[row].chosen;
	bool same = true;

	rule.now_s = NOW;
	for (size_t i = 0; i < x.n; i++) {
		struct expiry_entry *t = &x.v[i];

		snprintf(t->id.s, sizeof(t->id.s), "%zu", i);
		t->product = xstrdup(builds[i].product);
		t->at_s = NOW - builds[i].days * DAY;
		t->keep_until_s = builds[i].keep_days ? NOW + builds[i].keep_days * DAY : 0;
		t->open = builds[i].open;
	}
	expiry_choose(&rule, &x);
	for (size_t i = 0; i < x.n; i++)
		chosen[x.v[i].id.s[0] - '0'] = x.v[i].chosen;
	for (size_t i = 0; i < x.n; i++)
		same &= chosen[i] == (strchr(want, (char)('0' + i)) != NULL);
	expiry_fini(&x);
	return same;
}

static void test_ages(void)
{
	static const struct {
		const char *text;
		int64_t s; /* -1: none */
	} ages[] = {{"90d", 90 * DAY}, {"12w", 84 * DAY}, {"36h", 36 * 3600},
		    {"5m", 300},       {"0s", 0},         {"", -1},
		    {"d", -1},         {"90", -1},        {"-1d", -1},
		    {"1y", -1},        {"1 d", -1},       {"99999999999999d", -1},
		    {"400000000w", -1}};

	for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
		int64_t s = -1;
		bool ok = expiry_parse_age(slice_of(ages[i].text), &s);

		CHECK(ok == (ages[i].s >= 0) && s == ages[i].s, ages[i].text);
	}
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK(chooses(i), rows[i].name);
	test_ages();
	return tap_done();
}
