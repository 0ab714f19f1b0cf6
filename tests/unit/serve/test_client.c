// SPDX-License-Identifier: MIT
/* Who asks, by the headers that real clients send: rows C15, C16, C37 to C40, C42, C46, C55, C61. */
#include "base/buf.h"
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

/* dotnet sends what it has sent before, and then what it asks for now. */
static void test_checksum(void)
{
	static const struct {
		const char *text, *is;
	} short_ones[] = {
		{"", NULL},
		{"SHA256:ab", "SHA256:ab"},
		{"SHA1:ab;SHA256:cd", "SHA1:ab;SHA256:cd"},
		{"; SHA256:ab", "SHA256:ab"},
		{" ;,", NULL},
		{"SHA256:ab\rX: y", NULL},
		{"SHA256:\xff", NULL},
	};
	static const struct {
		const char *joined;
		size_t entry; /* bytes of each */
	} long_ones[] = {
		{";", 71}, {", ", 71}, {"; ", 71}, {";", 2048}, {";", 4095}, {";", 4096},
	};
	struct client_headers h = {0};

	for (size_t i = 0; i < ARRAY_LEN(short_ones); i++) {
		const char *is = short_ones[i].is;

		h.checksum = slice_of(short_ones[i].text);
		CHECK_STR(client_of(&h).checksum ? client_of(&h).checksum : "-", is ? is : "-",
			  "a short one is as it was");
	}
	for (size_t i = 0; i < ARRAY_LEN(long_ones); i++) {
		struct buf all CLEANUP(buf_fini) = BUF_MAX(1 << 20);
		const char *got;
		size_t n;

		for (size_t at = 0; at < 100; at++) {
			buf_puts(&all, at ? long_ones[i].joined : "");
			for (size_t k = 0; k < long_ones[i].entry; k++)
				buf_putc(&all, k ? 'a' : 'S');
		}
		h.checksum = slice_of(buf_str(&all));
		got = client_of(&h).checksum;
		n = got ? strlen(got) : 0;
		CHECK(n <= CLIENT_CHECKSUM_MAX &&
			      n + long_ones[i].entry + strlen(long_ones[i].joined) >
				      CLIENT_CHECKSUM_MAX,
		      "as many as go on");
		CHECK(got && got[0] == 'S' && got + n == h.checksum.p + h.checksum.n,
		      "the last ones, from the beginning of one on");
	}
	{
		struct buf one CLEANUP(buf_fini) = BUF_MAX(1 << 20);

		for (size_t k = 0; k < CLIENT_CHECKSUM_MAX + 1; k++)
			buf_putc(&one, 'a');
		h.checksum = slice_of(buf_str(&one));
		CHECK(!client_of(&h).checksum, "one that is too long is none");
	}
}

int main(void)
{
	test_clients();
	test_checksum();
	test_max_size();
	return tap_done();
}
