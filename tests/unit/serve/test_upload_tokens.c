// SPDX-License-Identifier: MIT
/* Upload tokens: their lines, whose is shown, and which names they allow. */
#include "serve/upload_tokens.h"
#include "tap.h"

/* want_msg "": they are taken. */
static void test_lines(void)
{
	static const struct {
		const char *name, *text;
		bool is_setting;
		const char *want_msg;
	} rows[] = {
		{"a line", "ci deadbeef01", false, ""},
		{"with globs", "ci deadbeef01 app*.pdb app*.dll", false, ""},
		{"blanks, tabs, CR LF", "\t ci  \t deadbeef01\tapp*  \r\n", false, ""},
		{"comments and empty lines", "# who\n\n ci deadbeef01\n#end", false, ""},
		{"a setting's semicolons", "ci deadbeef01; nightly cafebabe02 n*", true, ""},
		{"a setting's lines", "ci deadbeef01\nnightly cafebabe02", true, ""},
		{"a semicolon in a file's token", "ci dead;beef01", false, ""},
		{"nothing", "", false, "there is no token in it"},
		{"comments only", "# ci deadbeef01\n", false, "there is no token in it"},
		{"no token", "one deadbeef01\nci", false,
		 "line 2: there is no token behind the label"},
		{"a short one", "ci deadbee", false,
		 "line 1: the token is not of 8 to 512 characters"},
		{"a setting cut at its semicolon", "ci dead;beef01", true,
		 "line 1: the token is not of 8 to 512 characters"},
		{"not ASCII",
		 "ci dead\xc3\xa4"
		 "beef",
		 false, "line 1: the token has a character that is not ASCII"},
		{"a label that a log line would quote", "c\"i deadbeef01", false,
		 "line 1: the label is not of 1 to 64 visible ASCII characters"},
		{"a long label",
		 "0123456789012345678901234567890123456789012345678901234567890123x deadbeef01",
		 false, "line 1: the label is not of 1 to 64 visible ASCII characters"},
		{"a label twice", "ci deadbeef01\nci deadbeef02", false,
		 "line 2: its label or token stands before"},
		{"a token twice", "ci deadbeef01\n\ncd deadbeef01", false,
		 "line 3: its label or token stands before"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upload_tokens *t = NULL;
		struct error e = {.msg = ""};
		enum err err = upload_tokens_parse(slice_of(rows[i].text), rows[i].is_setting, &t,
						   &e);

		CHECK_INT(err, rows[i].want_msg[0] ? ERR_USAGE : OK, rows[i].name);
		CHECK_STR(e.msg, rows[i].want_msg, rows[i].name);
		upload_tokens_free(t);
	}
}

static struct upload_tokens *three(void)
{
	struct upload_tokens *t = NULL;
	struct error e;

	CHECK_INT(upload_tokens_parse(SLICE("ci deadbeef01\n"
					    "app-ci cafebabe02 app*.pdb APP?.dll\n"
					    "night Mixed-Case-3 *.sym\n"),
				      false, &t, &e),
		  OK, "three tokens");
	return t;
}

static void test_check(void)
{
	/* Base64 below: any:deadbeef01, :cafebabe02, deadbeef01, any:wrong */
	static const struct {
		const char *authorization, *key, *want; /* NULL: nobody's */
	} rows[] = {
		{NULL, NULL, NULL},
		{"Bearer deadbeef01", NULL, "ci"},
		{"bearer  cafebabe02 ", NULL, "app-ci"},
		{"Bearer Mixed-Case-3", NULL, "night"},
		{"Bearer mixed-case-3", NULL, NULL},
		{"Bearer deadbeef0", NULL, NULL},
		{"Bearer deadbeef011", NULL, NULL},
		{"Bearer ", NULL, NULL},
		{"Bearer ci", NULL, NULL},
		{"Basic YW55OmRlYWRiZWVmMDE=", NULL, "ci"},
		{"Basic OmNhZmViYWJlMDI=", NULL, "app-ci"},
		{"Basic ZGVhZGJlZWYwMQ==", NULL, NULL},
		{"Basic YW55Ondyb25n", NULL, NULL},
		{"Basic !", NULL, NULL},
		{"Digest deadbeef01", NULL, NULL},
		{NULL, "cafebabe02", "app-ci"},
		{NULL, "cafebabe03", NULL},
		{"Bearer deadbeef01", "wrong-one", NULL},
	};
	struct upload_tokens *t = three();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct upload_token *who = upload_tokens_check(
			t, slice_of(rows[i].authorization), slice_of(rows[i].key));

		CHECK_STR(who ? upload_token_label(who) : NULL, rows[i].want ? rows[i].want : "",
			  rows[i].authorization ? rows[i].authorization : rows[i].key);
	}
	upload_tokens_free(t);
}

static void test_globs(void)
{
	static const struct {
		const char *token, *name;
		bool want;
	} rows[] = {
		{"deadbeef01", "anything.pdb", true}, {"cafebabe02", "app.pdb", true},
		{"cafebabe02", "APP-core.PDB", true}, {"cafebabe02", "app1.dll", true},
		{"cafebabe02", "app12.dll", false},   {"cafebabe02", "myapp.pdb", false},
		{"cafebabe02", "app.pdb.exe", false}, {"cafebabe02", "", false},
		{"Mixed-Case-3", "x.sym", true},      {"Mixed-Case-3", "x.pdb", false},
	};
	struct upload_tokens *t = three();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(upload_token_may(
				  upload_tokens_check(t, SLICE_NONE, slice_of(rows[i].token)),
				  slice_of(rows[i].name)),
			  rows[i].want, rows[i].name);
	CHECK(upload_tokens_mention(t, SLICE("/-/upload/xDEADBEEF01y")), "a token in a text");
	CHECK(!upload_tokens_mention(t, SLICE("/-/upload/app-ci")), "a label is none");
	CHECK_SLICE(upload_tokens_secret(t, 1), "cafebabe02", "the second token");
	CHECK_INT(upload_tokens_secret(t, 3).n, 0, "there is no fourth");
	upload_tokens_free(t);
}

int main(void)
{
	test_lines();
	test_check();
	test_globs();
	return tap_done();
}
