// SPDX-License-Identifier: MIT
/* Each notation at its edges: the largest number, the nearest misspelling. */
#include "base/clock.h"
#include "conf/value.h"
#include "tap.h"

#define UNTOUCHED UINT64_C(12345)

static void test_size(void)
{
	static const struct {
		const char *text;
		uint64_t want; /* UNTOUCHED: refused */
	} t[] = {
		{"0", 0},
		{"1", 1},
		{"45056", 45056},
		{"44KiB", 45056},
		{"44k", 45056},
		{"44K", 45056},
		{"1MiB", 1 << 20},
		{"2g", UINT64_C(2) << 30},
		{"3tib", UINT64_C(3) << 40},
		{"1kb", 1 << 10}, /* as ls and docker mean it */
		{"5MB", 5 << 20},
		{"10gb", UINT64_C(10) << 30},
		{"1Tb", UINT64_C(1) << 40},
		{"1kbb", UNTOUCHED},
		{"7B", 7},
		{"18446744073709551615", UINT64_MAX},
		{"18446744073709551616", UNTOUCHED},
		{"16777215t", UINT64_C(16777215) << 40},
		{"16777216t", UNTOUCHED},
		{"", UNTOUCHED},
		{"k", UNTOUCHED},
		{"-1", UNTOUCHED},
		{"+1", UNTOUCHED},
		{"1.5k", UNTOUCHED},
		{"1 k", UNTOUCHED},
		{" 1", UNTOUCHED},
		{"0x10", UNTOUCHED},
		{"1e3", UNTOUCHED},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t got = UNTOUCHED;
		bool ok = value_parse_size(slice_of(t[i].text), &got);

		CHECK(ok == (t[i].want != UNTOUCHED) && got == t[i].want, t[i].text);
	}
}

static void test_time(void)
{
	static const struct {
		const char *text;
		uint64_t want;
	} t[] = {
		{"0", 0},
		{"8", 8 * NS_PER_S},
		{"8s", 8 * NS_PER_S},
		{"8S", 8 * NS_PER_S},
		{"500ms", 500 * NS_PER_MS},
		{"2m", 120 * NS_PER_S},
		{"1h", 3600 * NS_PER_S},
		{"9223372036s", UINT64_C(9223372036) * NS_PER_S},
		{"9223372037s", UNTOUCHED}, /* above INT64_MAX ns */
		{"", UNTOUCHED},
		{"s", UNTOUCHED},
		{"-8s", UNTOUCHED},
		{"8.5s", UNTOUCHED},
		{"8 s", UNTOUCHED},
		{"8us", UNTOUCHED},
		{"1d", UNTOUCHED},
		{"1m30s", UNTOUCHED},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t got = UNTOUCHED;
		bool ok = value_parse_time(slice_of(t[i].text), &got);

		CHECK(ok == (t[i].want != UNTOUCHED) && got == t[i].want, t[i].text);
	}
}

static void test_bool(void)
{
	static const char *const on[] = {"on", "ON", "true", "True", "yes", "1"};
	static const char *const off[] = {"off", "false", "FALSE", "no", "0"};
	static const char *const bad[] = {
		"", // not even a scheme
		"http://", "https://",   "https:///x", "ftp://a",      "a.example",
		"http:/a", "http://a b", "http://a\"", "http://a\r\n", "http://<",
	};
	bool got;

	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		CHECK(value_parse_bool(slice_of(on[i]), &got) && got, on[i]);
	for (size_t i = 0; i < ARRAY_LEN(off); i++)
		CHECK(value_parse_bool(slice_of(off[i]), &got) && !got, off[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!value_parse_bool(slice_of(bad[i]), &got), bad[i]);
}

static void test_choice(void)
{
	unsigned got = 9;

	CHECK(value_parse_choice(SLICE("503"), "503|404", &got) && got == 0, "first choice");
	CHECK(value_parse_choice(SLICE("Warn"), "debug|info|warn", &got) && got == 2,
	      "last choice");
	got = 9;
	CHECK(!value_parse_choice(SLICE("warning"), "debug|info|warn", &got),
	      "longer than a choice");
	CHECK(!value_parse_choice(SLICE("war"), "debug|info|warn", &got), "shorter than a choice");
	CHECK(!value_parse_choice(SLICE_NONE, "debug|info|warn", &got), "empty is no choice");
	CHECK_INT(got, 9, "untouched");
}

static void test_address(void)
{
	static const struct {
		const char *text;
		const char *host; /* NULL: refused */
		uint16_t port;
	} t[] = {
		{"127.0.0.1:9000", "127.0.0.1", 9000},
		{"localhost:0", "localhost", 0},
		{":9000", "", 9000},
		{"[::1]:65535", "::1", 65535},
		{"[::]:1", "::", 1},
		{"127.0.0.1:65536", NULL, 0},
		{"127.0.0.1", NULL, 0},
		{"127.0.0.1:", NULL, 0},
		{"9000", NULL, 0},
		{"", NULL, 0},
		{":", NULL, 0},
		{"::1:9000", NULL, 0},
		{"[::1:9000", NULL, 0},
		{"[]:9000", NULL, 0},
		{"::1]:9000", NULL, 0},
		{"[[::1]]:9000", NULL, 0},
		{"http://h:9000", NULL, 0},
		{"a b:9000", NULL, 0},
		{"h:9000x", NULL, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice host = SLICE_NONE;
		uint16_t port = 0;
		bool ok = value_parse_address(slice_of(t[i].text), &host, &port);

		CHECK(ok == !!t[i].host && slice_eq(host, slice_of(t[i].host)) && port == t[i].port,
		      t[i].text);
	}
}

static void test_port(void)
{
	static const struct {
		const char *text;
		int32_t port; /* -2: refused */
	} t[] = {
		{"0", 0},    {"5000", 5000}, {"65535", 65535}, {"off", -1},
		{"OFF", -1}, {"65536", -2},  {"-1", -2},       {"", -2},
		{"on", -2},  {"5000 ", -2},  {"offline", -2},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int32_t port = -2;
		bool ok = value_parse_port(slice_of(t[i].text), &port);

		CHECK(ok == (t[i].port != -2) && port == t[i].port, t[i].text);
	}
}

static void test_url(void)
{
	static const char *const good[] = {"http://a", "https://symbols.example.com:8443/x?y=%20",
					   "HTTPS://A/"};
	static const char *const bad[] = {"",           "http://",      "https://", "https:///x",
					  "ftp://a",    "a.example",    "http:/a",  "http://a b",
					  "http://a\"", "http://a\r\n", "http://<"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(value_is_url(slice_of(good[i])), good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!value_is_url(slice_of(bad[i])), "no URL");
	CHECK(value_is_line(SLICE("a \xc3\xa4")) && value_is_line(SLICE_NONE), "a line");
	CHECK(!value_is_line(SLICE("a\n")) && !value_is_line(SLICE("\x7f")), "no line");
}

int main(void)
{
	test_size();
	test_time();
	test_bool();
	test_choice();
	test_address();
	test_port();
	test_url();
	return tap_done();
}
