// SPDX-License-Identifier: MIT
/*
 * What the headers of a request come to before anything is looked for. exchange_find.c is included
 * for its pass over the headers; the rest of it needs a connection, which the whole-program tests
 * have.
 */
#include "serve/exchange_find.c"

#include "tap.h"

static void note(struct said *said, const char *name, const char *value)
{
	const struct http_field f = {slice_of(name), slice_of(value)};

	note_header(said, &f);
}

static void test_special(void)
{
	static const struct {
		const char *name;
		bool special;
	} t[] = {
		{"Range", true},
		{"range", true},
		{"If-Range", true},
		{"IF-NONE-MATCH", true},
		{"If-Modified-Since", true},
		{"Via", true},
		{"Ranges", false},
		{"Rang", false},
		{"If", false},
		{"Viaduct", false},
		{"Host", false},
		{"Accept", false},
		{"Accept-Encoding", false},
		{"User-Agent", false},
		{"SymbolChecksum", false},
		{"X-DEBUGINFOD-MAXSIZE", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct said said = {.special = false};

		note(&said, t[i].name, "x");
		CHECK_INT(said.special, t[i].special, t[i].name);
		note(&said, "Host", "x");
		CHECK_INT(said.special, t[i].special, "whatever follows");
	}
}

static void test_kept(void)
{
	struct said said = {.special = false};
	const struct client_headers *c = &said.client;

	note(&said, "accept-encoding", "gzip");
	CHECK(!c->accept.n && slice_eq(c->accept_encoding, SLICE("gzip")), "Accept-Encoding");
	note(&said, "ACCEPT", "application/msfz0");
	note(&said, "User-agent", "radare2 5.9");
	note(&said, "x-debuginfod-maxsize", "1000");
	CHECK(slice_eq(c->accept, SLICE("application/msfz0")), "Accept");
	CHECK(slice_eq(c->user_agent, SLICE("radare2 5.9")), "User-Agent");
	CHECK(slice_eq(c->debuginfod_maxsize, SLICE("1000")), "X-DEBUGINFOD-MAXSIZE");
	note(&said, "symbolchecksum", "SHA256:ab");
	CHECK(slice_eq(c->checksum, SLICE("SHA256:ab")), "SymbolChecksum");
	note(&said, "Accept", "*/*");
	CHECK(slice_eq(c->accept, SLICE("application/msfz0")), "the first of a name counts");
}

static void test_empty(void)
{
	struct said said = {.special = false};

	note(&said, "User-Agent", "");
	note(&said, "Accept", "");
	CHECK(!said.client.user_agent.n && !said.client.accept.n, "no value is as no header");
	note(&said, "Accept", "*/*");
	CHECK(slice_eq(said.client.accept, SLICE("*/*")), "and the next one counts");
}

int main(void)
{
	test_special();
	test_kept();
	test_empty();
	return tap_done();
}
