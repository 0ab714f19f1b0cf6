// SPDX-License-Identifier: MIT
/* AWS's INI dialect, case by case; the odd ones are what botocore and the other SDKs do. */
#include "store/creds_file.h"

#include "tap.h"

#define ABSENT NULL

static const struct {
	const char *name, *text, *profile, *key, *want;
	enum creds_file_kind kind;
} cases[] = {
	{"plain", "[default]\naws_access_key_id = AK\n", "default", "aws_access_key_id", "AK"},
	{"no end of line", "[default]\nk = v", "default", "k", "v"},
	{"CRLF", "[default]\r\nk = v\r\n", "default", "k", "v"},
	{"no blanks", "[a]\nk=v\n", "a", "k", "v"},
	{"colon", "[a]\nk: v=w\n", "a", "k", "v=w"},
	{"equals signs in a value", "[a]\nk = v==\n", "a", "k", "v=="},
	{"a URL for a value", "[a]\nk = http://h:1/\n", "a", "k", "http://h:1/"},
	{"empty value", "[a]\nk =\n", "a", "k", ""},
	{"key in another case", "[a]\nAWS_Access_Key_ID = v\n", "a", "aws_access_key_id", "v"},
	{"profile in another case", "[A]\nk = v\n", "a", "k", ABSENT},
	{"other profile", "[a]\nk = 1\n[b]\nk = 2\n", "b", "k", "2"},
	{"key of another profile only", "[a]\nk = 1\n[b]\n", "b", "k", ABSENT},
	{"the last key wins", "[a]\nk = 1\nk = 2\n", "a", "k", "2"},
	{"sections merge", "[a]\nk = 1\n[b]\n[a]\nl = 2\n", "a", "k", "1"},
	{"comments", "# x\n[a]\n; y\n# k = 0\nk = 1\n", "a", "k", "1"},
	{"comment after a value", "[a]\nk = 1 # one\n", "a", "k", "1"},
	{"comment after a section", "[a] # x\nk = 1\n", "a", "k", "1"},
	{"signs within a value", "[a]\nk = a#b;c\n", "a", "k", "a#b;c"},
	{"blanks in brackets", "[ a ]\nk = 1\n", "a", "k", "1"},
	{"nested block", "[a]\ns3 =\n  style = path\n  k = 0\nk = 1\n", "a", "k", "1"},
	{"nested only", "[a]\ns3 =\n  k = 0\n", "a", "k", ABSENT},
	{"nested after a comment", "[a]\ns3 =\n# x\n\n\tk = 0\n", "a", "k", ABSENT},
	{"all keys indented", "[a]\n  j = 0\n  k = 1\n", "a", "k", "1"},
	{"indented, nested, indented", "[a]\n  s3 =\n    k = 0\n  k = 1\n", "a", "k", "1"},
	{"indented less than before", "[a]\n  j = 0\nk = 1\n", "a", "k", "1"},
	{"section below an indented key", "[a]\n  j = 0\n[b]\n  k = 1\n", "b", "k", "1"},
	{"profile word in credentials", "[profile a]\nk = 1\n", "a", "k", ABSENT},
	{"empty text", "", "a", "k", ABSENT},

	{"config: default", "[default]\nk = 1\n", "default", "k", "1", CREDS_FILE_CONFIG},
	{"config: profile default", "[profile default]\nk = 1\n", "default", "k", "1",
	 CREDS_FILE_CONFIG},
	{"config: profile", "[profile a]\nk = 1\n", "a", "k", "1", CREDS_FILE_CONFIG},
	{"config: tab", "[profile\ta]\nk = 1\n", "a", "k", "1", CREDS_FILE_CONFIG},
	{"config: quoted", "[profile \"a b\"]\nk = 1\n", "a b", "k", "1", CREDS_FILE_CONFIG},
	{"config: single quotes", "[profile 'a']\nk = 1\n", "a", "k", "1", CREDS_FILE_CONFIG},
	{"config: half a quote", "[profile \"]\nk = 1\n", "\"", "k", "1", CREDS_FILE_CONFIG},
	{"config: bare section", "[a]\nk = 1\n", "a", "k", ABSENT, CREDS_FILE_CONFIG},
	{"config: bare word profile", "[profile]\nk = 1\n", "profile", "k", ABSENT,
	 CREDS_FILE_CONFIG},
	{"config: profilea", "[profilea]\nk = 1\n", "a", "k", ABSENT, CREDS_FILE_CONFIG},
	{"config: sso-session", "[sso-session a]\nk = 1\n", "a", "k", ABSENT, CREDS_FILE_CONFIG},
	{"config: default is no other", "[default]\nk = 1\n", "a", "k", ABSENT, CREDS_FILE_CONFIG},
};

static void check_get(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice value = SLICE("untouched");
		bool found = creds_file_get(slice_of(cases[i].text), cases[i].kind,
					    slice_of(cases[i].profile), slice_of(cases[i].key),
					    &value);

		CHECK(found == (cases[i].want != ABSENT), cases[i].name);
		CHECK_SLICE(value, cases[i].want ? cases[i].want : "untouched", cases[i].name);
		CHECK_INT(creds_file_check(slice_of(cases[i].text), NULL), OK, cases[i].name);
	}
}

/* Keys below "s3 =", in the profile or in a section of services. */
static void check_nested(void)
{
	static const struct {
		const char *name, *text, *want;
		enum creds_file_kind kind;
	} t[] = {
		{"below a key", "[a]\ns3 =\n  k = v\n", "v"},
		{"the last one wins", "[a]\ns3 =\n  k = 1\n  k = 2\n", "2"},
		{"after others, a comment and a blank line", "[a]\ns3=\n  j=0\n# x\n\n\tk=v # y\n",
		 "v"},
		{"any case", "[a]\nS3 =\n  K = v\n", "v"},
		{"below another key", "[a]\nsts =\n  k = v\n", ABSENT},
		{"below a key with a value", "[a]\ns3 = x\n  k = v\n", ABSENT},
		{"not below", "[a]\ns3 =\nk = v\n", ABSENT},
		{"of another profile", "[b]\ns3 =\n  k = v\n[a]\n", ABSENT},
		{"no equals sign", "[a]\ns3 =\n  k\n", ""},
		{"services", "[services a]\ns3 =\n  k = v\n", "v", CREDS_FILE_SERVICES},
		{"services, quoted", "[services \"a\"]\ns3 =\n  k = v\n", "v", CREDS_FILE_SERVICES},
		{"a profile is no services", "[profile a]\ns3 =\n  k = v\n", ABSENT,
		 CREDS_FILE_SERVICES},
		{"services is no profile", "[services a]\ns3 =\n  k = v\n", ABSENT,
		 CREDS_FILE_CONFIG},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice value = SLICE("untouched");
		bool found = creds_file_get_nested(slice_of(t[i].text), t[i].kind, SLICE("a"),
						   SLICE("s3"), SLICE("k"), &value);

		CHECK(found == (t[i].want != ABSENT), t[i].name);
		CHECK_SLICE(value, t[i].want ? t[i].want : "untouched", t[i].name);
	}
}

static void check_bad_lines(void)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{"k = v\n", "line 1 is not a section, key or comment"},
		{"\n# x\n[a]\nk = v\nSECRET\n", "line 5 is not a section, key or comment"},
		{"[a\n", "line 1 is not a section, key or comment"},
		{"[a]\n= v\n", "line 2 is not a section, key or comment"},
		{"[a]\n : v\n", "line 2 is not a section, key or comment"},
		{"\xef\xbb\xbf[a]\n", "line 1 is not a section, key or comment"},
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error e = {0};

		CHECK_INT(creds_file_check(slice_of(bad[i].text), &e), ERR_CORRUPT, "refused");
		CHECK_STR(e.msg, bad[i].want, "by its number, without its text");
	}
}

static void check_has(void)
{
	static const char text[] = "[default]\n[profile a]\nk = [profile b]\n";

	CHECK(creds_file_has(SLICE(text), CREDS_FILE_CONFIG, SLICE("default")), "default");
	CHECK(creds_file_has(SLICE(text), CREDS_FILE_CONFIG, SLICE("a")), "empty or not");
	CHECK(!creds_file_has(SLICE(text), CREDS_FILE_CONFIG, SLICE("b")), "a value is no section");
	CHECK(creds_file_has(SLICE(text), CREDS_FILE_CREDENTIALS, SLICE("profile a")), "by kind");
	CHECK(!creds_file_has(SLICE_NONE, CREDS_FILE_CONFIG, SLICE("default")), "no text");
}

/* Every truncation, in memory of exactly that size, so that ASan sees an over-read. */
static void check_truncation(void)
{
	int outside = 0;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t n = 0; n < strlen(cases[i].text); n++) {
			char *copy CLEANUP(free_p) = malloc(n ? n : 1);
			struct slice text = {copy, n}, value = SLICE_NONE;

			ASSERT(copy);
			memcpy(copy, cases[i].text, n);
			if (creds_file_check(text, NULL) == OK)
				creds_file_get(text, cases[i].kind, slice_of(cases[i].profile),
					       slice_of(cases[i].key), &value);
			outside += value.n && (value.p < copy || value.p + value.n > copy + n);
		}
	}
	CHECK_INT(outside, 0, "truncated at every byte: no value lies outside of the text");
}

int main(void)
{
	check_get();
	check_nested();
	check_bad_lines();
	check_has();
	check_truncation();
	return tap_done();
}
