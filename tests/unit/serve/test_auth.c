// SPDX-License-Identifier: MIT
/* Access tokens: row C23. */
#include "base/buf.h"
#include "serve/auth.h"
#include "tap.h"

static void test_check(void)
{
	/* Base64 below, in order: any:deadbeef01, :deadbeef01, deadbeef01, any:wrong, a:b:c-d!tok,
	 * x:MixedCase-Tok, any: */
	static const struct {
		const char *header, *path;
		enum auth_way want;
	} rows[] = {
		{NULL, NULL, AUTH_DENIED},
		{"", "", AUTH_DENIED},
		{"Basic YW55OmRlYWRiZWVmMDE=", NULL, AUTH_BY_HEADER},
		{"bAsIc   YW55OmRlYWRiZWVmMDE=  ", NULL, AUTH_BY_HEADER},
		{"Basic YW55OmRlYWRiZWVmMDE", NULL, AUTH_BY_HEADER},
		{"Basic OmRlYWRiZWVmMDE=", NULL, AUTH_BY_HEADER},
		{"Basic ZGVhZGJlZWYwMQ==", NULL, AUTH_DENIED},
		{"Basic YW55Ondyb25n", NULL, AUTH_DENIED},
		{"Basic YTpiOmMtZCF0b2s=", NULL, AUTH_BY_HEADER},
		{"Basic eDpNaXhlZENhc2UtVG9r", NULL, AUTH_BY_HEADER},
		{"Basic YW55Og==", NULL, AUTH_DENIED},
		{"Basic YW55OmRlYWRiZWVmMDE=!", NULL, AUTH_DENIED},
		{"Basic YW55OmRlYWRiZWVmMDE==", NULL, AUTH_DENIED},
		{"Basic YW55 OmRlYWRiZWVmMDE=", NULL, AUTH_DENIED},
		{"Basic", NULL, AUTH_DENIED},
		{"Basic ", NULL, AUTH_DENIED},
		{"Basic =", NULL, AUTH_DENIED},
		{"Basic deadbeef01", NULL, AUTH_DENIED},
		{"Bearer deadbeef01", NULL, AUTH_BY_HEADER},
		{"BEARER deadbeef01", NULL, AUTH_BY_HEADER},
		{"Bearer DEADBEEF01", NULL, AUTH_DENIED},
		{"Bearer deadbeef0", NULL, AUTH_DENIED},
		{"Bearer deadbeef011", NULL, AUTH_DENIED},
		{"Bearer deadbeef01deadbeef01", NULL, AUTH_DENIED},
		{"Bearer MixedCase-Tok", NULL, AUTH_BY_HEADER},
		{"Bearer", NULL, AUTH_DENIED},
		{"Bearer ", NULL, AUTH_DENIED},
		{"Bearerdeadbeef01", NULL, AUTH_DENIED},
		{"deadbeef01", NULL, AUTH_DENIED},
		{"Digest deadbeef01", NULL, AUTH_DENIED},
		{NULL, "deadbeef01", AUTH_BY_PATH},
		{NULL, "DEADbeef01", AUTH_BY_PATH},
		{NULL, "deadbeef00", AUTH_DENIED},
		{NULL, "cafebabe", AUTH_DENIED},
		{NULL, "CAFEBABE", AUTH_DENIED},
		{NULL, "mixedcase-tok", AUTH_DENIED},
		{NULL, "lowercase", AUTH_DENIED},
		{"Bearer wrong-one", "deadbeef01", AUTH_BY_PATH},
		{"Bearer deadbeef01", "deadbeef01", AUTH_BY_PATH},
		{"Bearer deadbeef01", "00", AUTH_BY_HEADER},
		{"Bearer CAFEBABE", NULL, AUTH_BY_HEADER},
	};
	struct auth *a = auth_new();
	struct error e;

	CHECK_INT(auth_add_list(a, SLICE("deadbeef01, b:c-d!tok MixedCase-Tok,CAFEBABE\tlowercase"),
				&e),
		  OK, "list");
	CHECK_INT(auth_header_only(a), 4, "those that a path cannot carry");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[100];

		snprintf(name, sizeof(name), "header '%s' path '%s'",
			 rows[i].header ? rows[i].header : "", rows[i].path ? rows[i].path : "");
		CHECK_INT(auth_check(a, slice_of(rows[i].header), slice_of(rows[i].path)),
			  rows[i].want, name);
	}
	auth_free(a);
}

/* want_msg "" means that the tokens are taken. */
static void check_load(bool file, const char *text, const char *want_msg)
{
	const char *name = *want_msg ? want_msg : "tokens taken";
	struct auth *a = auth_new();
	struct error e = {.msg = ""};
	enum err err = file ? auth_add_file(a, slice_of(text), &e)
			    : auth_add_list(a, slice_of(text), &e);

	CHECK_INT(err, *want_msg ? ERR_USAGE : OK, name);
	CHECK_STR(e.msg, want_msg, name);
	auth_free(a);
}

static void test_load(void)
{
	check_load(false, "12345678", "");
	check_load(false, ", 12345678 ,,87654321 ", "");
	check_load(false, "1234567", "token 1: token is shorter than 8 characters");
	check_load(false, "12345678,s3cret", "token 2: token is shorter than 8 characters");
	check_load(false, "", "no token in the list");
	check_load(false, " ,, ", "no token in the list");
	check_load(false, "p\xc3\xa4sswort",
		   "token 1: token has a blank, or a character that is not ASCII");
	check_load(true, "# ours\n\n12345678\r\n  87654321  \n#x", "");
	check_load(true, "12345678", "");
	check_load(true, "", "no token in the file");
	check_load(true, "# 12345678\n\n", "no token in the file");
	check_load(true, "# ours\n\n12345678\nshort\n",
		   "line 4: token is shorter than 8 characters");
	check_load(true, "1234 5678\n",
		   "line 1: token has a blank, or a character that is not ASCII");
	check_load(true,
		   "1234\x01"
		   "5678\n",
		   "line 1: token has a blank, or a character that is not ASCII");
}

static void test_limits(void)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(1 << 20);
	struct auth *a = auth_new();
	struct error e;

	for (int i = 0; i < AUTH_TOKEN_MAX; i++)
		buf_putc(&text, 'a');
	CHECK_INT(auth_add_list(a, buf_slice(&text), &e), OK, "longest token");
	CHECK(auth_check(a, SLICE_NONE, buf_slice(&text)), "longest token in the path");
	buf_putc(&text, 'a');
	CHECK_INT(auth_add_list(a, buf_slice(&text), &e), ERR_USAGE, "token too long");
	CHECK(!auth_check(a, SLICE_NONE, buf_slice(&text)), "path token too long");
	buf_clear(&text);
	buf_puts(&text, "Basic ");
	while (text.n < 50000)
		buf_puts(&text, "YWFh");
	CHECK(!auth_check(a, buf_slice(&text), SLICE_NONE), "huge header");
	buf_clear(&text);
	for (int i = 0; i < AUTH_TOKENS_MAX; i++)
		buf_printf(&text, "token-%06d\n", i);
	CHECK_INT(auth_add_file(a, buf_slice(&text), &e), ERR_USAGE, "too many tokens");
	CHECK_STR(e.msg, "more than 1024 tokens", "and it says so");
	CHECK(auth_check(a, SLICE("Bearer token-000000"), SLICE_NONE), "first of many");
	CHECK(auth_check(a, SLICE("Bearer token-001022"), SLICE_NONE), "last of many");
	auth_free(a);
	auth_free(NULL);
}

static void test_none(void)
{
	struct auth *a = auth_new();

	CHECK(!auth_check(a, SLICE_NONE, SLICE_NONE), "no tokens, nothing presented");
	CHECK(!auth_check(a, SLICE("Bearer "), SLICE_NONE), "no tokens, empty one presented");
	auth_free(a);
}

int main(void)
{
	test_check();
	test_load();
	test_limits();
	test_none();
	return tap_done();
}
