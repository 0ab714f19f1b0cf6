// SPDX-License-Identifier: MIT
/* The table keeps its own rules, so that no reader of it has to check them. */
#include "conf/option.h"
#include "tap.h"

#include <stdio.h>

static bool row_is_sound(const struct option_row *o)
{
	uint64_t def, min, max;
	size_t n = strlen(o->help);

	if (n == 0 || o->help[n - 1] != '.' || !*o->form)
		return false;
	switch (o->kind) {
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_TIME:
		return option_parse_number(o->kind, slice_of(o->def), &def) &&
		       option_parse_number(o->kind, slice_of(o->min), &min) &&
		       option_parse_number(o->kind, slice_of(o->max), &max) && min <= def &&
		       def <= max;
	case OPTION_BOOL:
	case OPTION_CHOICE: return *o->def && strchr(o->form, '|');
	case OPTION_STRING:
	case OPTION_URL:
	case OPTION_ADDRESS:
	case OPTION_PORT:
	case OPTION_LIST: return !*o->min && !*o->max;
	}
	return false;
}

static void test_rows(void)
{
	char flag[OPTION_FLAG_MAX];

	for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
		const struct option_row *o = &option_rows[i];

		CHECK(row_is_sound(o), o->name);
		option_flag(o, flag);
		CHECK(option_by_flag(slice_of(flag)) == o, flag);
		CHECK(i == 0 || o->group >= o[-1].group, "rows stand with their group");
	}
}

static void test_flags(void)
{
	char flag[OPTION_FLAG_MAX];

	option_flag(&option_rows[OPTION_ID_MAX_HEADER_SIZE], flag);
	CHECK_STR(flag, "max-header-size", "lower case with dashes");
	option_flag(&option_rows[OPTION_ID_STORES], flag);
	CHECK_STR(flag, "store", "a list's flag names one");
	CHECK(!option_by_flag(SLICE("stores")), "and not many");
	CHECK(!option_by_flag(SLICE("PORT")), "flags are lower-case");
	CHECK(!option_by_flag(SLICE_NONE), "no flag without a name");
	CHECK(switch_by_flag(SLICE("check")) == &switch_rows[SWITCH_check], "a switch");
	CHECK(!switch_by_flag(SLICE("port")), "an option is no switch");
}

static void test_nearest(void)
{
	static const struct {
		const char *wrong;
		const char *near; /* "": none */
	} t[] = {
		{"prot", "port"},
		{"ports", "port"},
		{"stores", "store"},
		{"listen-adress", "listen-address"},
		{"auth-token", "auth-tokens"},
		{"max_header_size", "max-header-size"},
		{"checks", "check"},
		{"versions", "version"},
		{"verbose", ""},
		{"zzzzzzzz", ""},
		{"", ""},
		{"0123456789012345678901234567890", ""},
		{"01234567890123456789012345678901234567890", ""},
	};
	char near[OPTION_FLAG_MAX];

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		CHECK(option_nearest_flag(slice_of(t[i].wrong), near) == !!*t[i].near, t[i].wrong);
		CHECK_STR(near, t[i].near, "the nearest flag");
	}
}

int main(void)
{
	test_rows();
	test_flags();
	test_nearest();
	return tap_done();
}
