// SPDX-License-Identifier: MIT
/* Dates there and back, and what only looks like one. */
#include "base/clock.h"
#include "tap.h"

static void test_format(void)
{
	static const struct {
		int64_t t;
		const char *http, *amz;
	} rows[] = {
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT", "19941106T084937Z"},
		{0, "Thu, 01 Jan 1970 00:00:00 GMT", "19700101T000000Z"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT", "19691231T235959Z"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT", "20000229T000000Z"},
		{INT64_C(4102444800), "Fri, 01 Jan 2100 00:00:00 GMT", "21000101T000000Z"},
		{INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT", "99991231T235959Z"},
		{INT64_C(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT", "99991231T235959Z"},
		{INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT", "99991231T235959Z"},
		{INT64_C(67768036191676799), "Fri, 31 Dec 9999 23:59:59 GMT", "99991231T235959Z"},
		{INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT", "00000101T000000Z"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char http[HTTP_DATE_LEN], amz[AMZ_DATE_LEN], iso[ISO_DATE_LEN];
		char punctuated[] = "0000-00-00T00:00:00Z";

		http_date_format(rows[i].t, http);
		CHECK_STR(http, rows[i].http, rows[i].http);
		amz_date_format(rows[i].t, amz);
		CHECK_STR(amz, rows[i].amz, rows[i].amz);
		iso_date_format(rows[i].t, iso);
		memcpy(punctuated, amz, 4);
		memcpy(punctuated + 5, amz + 4, 2);
		memcpy(punctuated + 8, amz + 6, 5);
		memcpy(punctuated + 14, amz + 11, 2);
		memcpy(punctuated + 17, amz + 13, 2);
		CHECK_STR(iso, punctuated, "the same with punctuation");
	}
}

static void test_http_parse(void)
{
	static const char *const bad[] = {
		"",
		"Sun, 06 Nov 1994 08:49:37 GM",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Mon, 06 Nov 1994 08:49:37 GMT",
		"sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun. 06 Nov 1994 08:49:37 GMT",
		"Sun,x06 Nov 1994 08:49:37 GMT",
		"Sun, 06xNov 1994 08:49:37 GMT",
		"Sun, 06 Novx1994 08:49:37 GMT",
		"Sun, 06 Nov 1994x08:49:37 GMT",
		"Sun, 06 Nov 1994 08x49:37 GMT",
		"Sun, 06 Nov 1994 08:49x37 GMT",
		"Sun, 06 Nov 1994 08:49:37xGMT",
		"Sun,  6 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 32 Nov 1994 08:49:37 GMT",
		"Wed, 30 Feb 2000 00:00:00 GMT",
		"Wed, 31 Nov 1994 08:49:37 GMT",
		"Thu, 29 Feb 2001 00:00:00 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sat, 31 Dec 2016 23:59:60 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
		"XXX, XX XXX XXXX XX:XX:XX XXX",
	};
	int64_t t = 5;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!http_date_parse(slice_of(bad[i]), &t) && t == 5, bad[i]);
	CHECK(!http_date_parse(SLICE_NONE, &t), "nothing");
	/* A prime step, to meet every hour, weekday and month. */
	for (int64_t want = 0; want < INT64_C(253402300799); want += 1234567891) {
		char text[HTTP_DATE_LEN];

		http_date_format(want, text);
		CHECK(http_date_parse(slice_of(text), &t) && t == want, text);
	}
}

static void test_iso_parse(void)
{
	static const struct {
		const char *text;
		int64_t want; /* 5: refused */
	} rows[] = {
		{"1994-11-06T08:49:37Z", 784111777},
		{"1994-11-06T08:49:37.1Z", 784111777},
		{"1994-11-06T08:49:37.999999999Z", 784111777},
		{"2000-02-29T00:00:00Z", 951782400},
		{"", 5},
		{"1994-11-06T08:49:37", 5},
		{"1994-11-06T08:49:37+", 5},
		{"1994-11-06 08:49:37Z", 5},
		{"1994-11-06T08x49:37Z", 5},
		{"1994-11-06T08:49x37Z", 5},
		{"1994/11-06T08:49:37Z", 5},
		{"1994-11/06T08:49:37Z", 5},
		{"1994-11-06T08:49:37.Z", 5},
		{"1994-11-06T08:49:37.xZ", 5},
		{"1994-11-06T08:49:37,5Z", 5},
		{"1994-11-06T08:49:3777Z", 5},
		{"1994-00-06T08:49:37Z", 5},
		{"1994-13-06T08:49:37Z", 5},
		{"1994-11-00T08:49:37Z", 5},
		{"2001-02-29T00:00:00Z", 5},
		{"2001-04-31T00:00:00Z", 5},
		{"1994-11-06T24:49:37Z", 5},
		{"1994-11-06T08:49:60Z", 5},
		{"1994-11-06T08:49:37+00:00", 5},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t t = 5;

		CHECK_INT(iso_date_parse(slice_of(rows[i].text), &t), rows[i].want != 5,
			  rows[i].text);
		CHECK_INT(t, rows[i].want, rows[i].text);
	}
}

static void test_clocks(void)
{
	int64_t a = clock_mono_ns(), b = clock_mono_ns();

	CHECK(a > 0 && b >= a, "monotonic");
	CHECK(clock_wall_s() > 1700000000, "this century");
	clock_freeze_mono_ns(7);
	clock_freeze_wall_s(8);
	CHECK(clock_mono_ns() == 7 && clock_wall_s() == 8, "frozen");
	clock_freeze_mono_ns(0);
	clock_freeze_wall_s(0);
	CHECK(clock_mono_ns() >= b && clock_wall_s() > 1700000000, "thawed");
}

int main(void)
{
	test_format();
	test_http_parse();
	test_iso_parse();
	test_clocks();
	return tap_done();
}
