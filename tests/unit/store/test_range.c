// SPDX-License-Identifier: MIT
/* Range and Content-Range: rows C47, C48, C71, C72. */
#include "store/range.h"
#include "tap.h"

#define MAX64  "9223372036854775807"
#define OVER64 "9223372036854775808"
#define HUGE   "99999999999999999999999999999999"

static void test_ignored(void)
{
	static const char *const headers[] = {
		"",
		"bytes",
		"bytes=",
		"bytes=-",
		"=0-1",
		"items=0-1",
		"bytes 0-1",
		"bytes=0",
		"bytes=1-0",
		"bytes=a-b",
		"bytes=0-1,2-3",
		"bytes=0-1,",
		"bytes=,0-1",
		"bytes=--1",
		"bytes=-1-",
		"bytes=0-1-2",
		"bytes=+0-1",
		"bytes=0x0-1",
		"bytes=0 -1",
		"bytes= 0-1",
		"bytes = 0-1",
		"bytes=0- 1",
		"bytes==0-1",
		"bytes=0-1;a",
		"bytes=1.0-2",
		"bytes=" MAX64 "-1",
		"bytes=" HUGE "-1",
	};
	struct range_ask ask;

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		CHECK(!range_parse(slice_of(headers[i]), &ask), headers[i]);
	CHECK(!range_parse(SLICE_NONE, &ask), "absent");
	CHECK(!range_parse(SLICE("bytes=0-\0"), &ask), "NUL");
}

static void test_granted(void)
{
	static const struct {
		const char *header;
		int64_t total, first, last; /* first < 0: unsatisfiable */
	} rows[] = {
		{"bytes=0-0", 1, 0, 0},
		{"bytes=0-0", 10, 0, 0},
		{"bytes=9-9", 10, 9, 9},
		{"bytes=9-10", 10, 9, 9},
		{"bytes=10-10", 10, -1, 0},
		{"bytes=10-", 10, -1, 0},
		{"bytes=0-", 10, 0, 9},
		{"bytes=3-", 10, 3, 9},
		{"Bytes=3-5", 10, 3, 5},
		{" bytes=3-5\t", 10, 3, 5},
		{"bytes=003-0005", 10, 3, 5},
		{"bytes=0-134217727", 100, 0, 99},
		{"bytes=134217728-268435455", 134217729, 134217728, 134217728},
		{"bytes=-1", 10, 9, 9},
		{"bytes=-10", 10, 0, 9},
		{"bytes=-11", 10, 0, 9},
		{"bytes=-0", 10, -1, 0},
		{"bytes=-" HUGE, 10, 0, 9},
		{"bytes=0-" HUGE, 10, 0, 9},
		{"bytes=" OVER64 "-", 10, -1, 0},
		{"bytes=" HUGE "-" HUGE "9", 10, -1, 0},
		{"bytes=0-" MAX64, INT64_MAX, 0, INT64_MAX - 1},
		{"bytes=-" MAX64, INT64_MAX, 0, INT64_MAX - 1},
		{"bytes=" MAX64 "-", INT64_MAX, -1, 0},
		{"bytes=0-", 0, -1, 0},
		{"bytes=0-0", 0, -1, 0},
		{"bytes=-5", 0, -1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct range_ask ask;
		struct range r = {-1, 0};

		if (!CHECK(range_parse(slice_of(rows[i].header), &ask), rows[i].header))
			continue;
		CHECK_INT(range_resolve(&ask, rows[i].total, &r),
			  rows[i].first < 0 ? RANGE_UNSATISFIABLE : RANGE_PART, rows[i].header);
		CHECK_INT(r.first, rows[i].first, rows[i].header);
		CHECK_INT(r.last, rows[i].last, rows[i].header);
	}
}

static void test_content_range(void)
{
	static const struct {
		const char *header;
		struct content_range want;
	} good[] = {
		{"bytes 0-0/1", {0, 0, 1}},
		{"bytes 0-99/100", {0, 99, 100}},
		{"Bytes 5-9/*", {5, 9, -1}},
		{"bytes */100", {-1, -1, 100}},
		{"bytes */0", {-1, -1, 0}},
		{" bytes  1-2/3 ", {1, 2, 3}},
		{"bytes 0-9223372036854775806/" MAX64, {0, INT64_MAX - 1, INT64_MAX}},
	};
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes 0-1",
		"bytes 0-1/",
		"bytes 0-1/1",
		"bytes 1-0/2",
		"bytes -1/2",
		"bytes 0-/2",
		"bytes */*",
		"bytes 0-1/-2",
		"bytes=0-1/2",
		"items 0-1/2",
		"bytes 0-1/2/3",
		"bytes */",
		"bytes 0-1/2x",
		"bytes 0 -1/2",
		"bytes 0-1 /2",
		("bytes 0-" OVER64 "/*"),
		("bytes " OVER64 "-" OVER64 "/*"),
		("bytes 0-1/" OVER64),
	};
	struct content_range r;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(content_range_parse(slice_of(good[i].header), &r), good[i].header);
		CHECK_INT(r.first, good[i].want.first, good[i].header);
		CHECK_INT(r.last, good[i].want.last, good[i].header);
		CHECK_INT(r.total, good[i].want.total, good[i].header);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!content_range_parse(slice_of(bad[i]), &r), bad[i]);
	CHECK(!content_range_parse(SLICE_NONE, &r), "absent");
}

int main(void)
{
	test_ignored();
	test_granted();
	test_content_range();
	return tap_done();
}
