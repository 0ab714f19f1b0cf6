// SPDX-License-Identifier: MIT
/* Who asks, by the headers that real clients send: rows C15, C16, C37 to C40, C42, C46, C55, C61. */
#include "serve/client.h"

#include "tap.h"

struct row {
	const char *agent, *accept, *encoding;
	struct client is; /* max_size is checked elsewhere */
};

static const struct row rows[] = {
	{"Microsoft-Symbol-Server/10.1710.0.0", "", "gzip", {.symsrv = true, .gzip = true}},
	{"Microsoft-Symbol-Server/6.13.0009.1140",
	 "application/msfz0",
	 "",
	 {.symsrv = true, .msfz = true, .short_stamps = true}},
	{"Microsoft-Symbol-Server/6.13.0009.1140", "", "", {.symsrv = true, .short_stamps = true}},
	{"Microsoft-Symbol-Server/6.13.0009.11400", "", "", {.symsrv = true}},
	{"microsoft-symbol-server/10.0", "", "", {0}},
	{"Microsoft-Symbol-Server/10.0.0.0 SymProxyCloud/1",
	 "application/msfz0, */*",
	 "",
	 {.symsrv = true, .msfz = true, .short_stamps = true}},
	{"", "", "", {.decimal_ages = true}},
	{"LLVM-HTTPClient/1.0", "", "", {.decimal_ages = true}},
	{"LLVM-HTTPClient", "", "", {0}},
	{"curl/7.88.1", "*/*", "", {.decimal_ages = true}},
	{"libcurl/7.88.1", "*/*", "", {0}},
	{"radare2 5.5.0", "*/*", "", {.spoils_cabs = true}},
	{"rizin 0.5", "*/*", "", {0}},
	{"x64dbg", "", "gzip, deflate", {.gzip = true}},
	{"symbolicator/24.1", "*/*", "br, deflate, gzip, zstd", {.gzip = true}},
	{"elfutils/0.188,Linux/x86_64,debian/12", "*/*", "deflate, gzip, br", {.gzip = true}},
	{"Ghidra_HttpSymbolServer_client", "text/html, *; q=.2, */*; q=.2", "", {0}},

	{"a", "", "*", {.gzip = true}},
	{"a", "", "GZIP;q=0.5", {.gzip = true}},
	{"a", "", "gzip;q=0", {0}},
	{"a", "", "gzip;q=0, *", {0}},
	{"a", "", "gzip, *;q=0", {.gzip = true}},
	{"a", "", "identity", {0}},
	{"a", "*/*", "", {0}},
	{"a", "application/msfz1", "", {0}},
	{"a", "text/html, Application/MSFZ0", "", {.msfz = true, .short_stamps = true}},
	/* Refusing it is knowing it. */
	{"a", "application/msfz0;q=0", "", {.short_stamps = true}},
};

static struct client look(const struct row *r)
{
	const struct client_headers h = {.user_agent = slice_of(r->agent),
					 .accept = slice_of(r->accept),
					 .accept_encoding = slice_of(r->encoding)};

	return client_of(&h);
}

static void test_clients(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct client c = look(&rows[i]), *is = &rows[i].is;

		CHECK(c.gzip == is->gzip && c.msfz == is->msfz, rows[i].agent);
		CHECK(c.symsrv == is->symsrv && c.decimal_ages == is->decimal_ages &&
			      c.short_stamps == is->short_stamps &&
			      c.spoils_cabs == is->spoils_cabs,
		      "and its habits");
	}
}

static void test_max_size(void)
{
	static const struct {
		const char *text;
		int64_t n;
	} sizes[] = {
		{"", INT64_MAX},
		{"1", 1},
		{"4294967296", INT64_C(4294967296)},
		{"9223372036854775807", INT64_MAX},
		{"9223372036854775808", INT64_MAX},
		{"0", INT64_MAX}, /* no limit */
		{"-1", INT64_MAX},
		{"1k", INT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct client_headers h = {.debuginfod_maxsize = slice_of(sizes[i].text)};

		CHECK_INT(client_of(&h).max_size, sizes[i].n, sizes[i].text);
	}
}

int main(void)
{
	test_clients();
	test_max_size();
	return tap_done();
}
