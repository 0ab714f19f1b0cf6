// SPDX-License-Identifier: MIT
/* Store URLs taken apart, and what their errors may not show. */
#include "store/store_url.h"

#include "tap.h"

static const struct {
	const char *url;
	const char *scheme, *user_password, *host, *path, *query, *name;
} parts[] = {
	{"s3://bucket", "s3", "", "bucket", "", "", "s3://bucket"},
	{"s3://bucket/", "s3", "", "bucket", "", "", "s3://bucket"},
	{"s3://bucket//a/b//", "s3", "", "bucket", "a/b", "", "s3://bucket//a/b"},
	{"s3://b/a%20b?region=x", "s3", "", "b", "a b", "", "s3://b/a%20b"},
	{"s3://", "s3", "", "", "", "", "s3://"},
	{"file:///srv/symbols", "file", "", "", "/srv/symbols", "", "file:///srv/symbols"},
	{"file:///", "file", "", "", "/", "", "file://"},
	{"file:///a%23b?optional=1", "file", "", "", "/a#b", "", "file:///a%23b"},
	{"https://h/p/q", "https", "", "h", "/p/q", "", "https://h/p/q"},
	{"https://h:8443", "https", "", "h:8443", "", "", "https://h:8443"},
	{"https://u:p@h/p", "https", "u:p", "h", "/p", "", "https://h/p"},
	{"https://u:p%40q@h/p", "https", "u:p@q", "h", "/p", "", "https://h/p"},
	{"https://u:p@q@h/p", "https", "u:p@q", "h", "/p", "", "https://h/p"},
	{"https://h/p@q", "https", "", "h", "/p@q", "", "https://h/p@q"},
	{"https://h/?sig=a%2Fb&optional=true&se=1", "https", "", "h", "/", "sig=a%2Fb&se=1",
	 "https://h"},
	{"https://h?x", "https", "", "h", "", "x", "https://h"},
	{"https://h/p?", "https", "", "h", "/p", "", "https://h/p"},
	{"http://[::1]:80/p", "http", "", "[::1]:80", "/p", "", "http://[::1]:80/p"},
};

static void test_parts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct buf name CLEANUP(buf_fini) = BUF_MAX(1000);
		struct store_url u;
		struct error e;

		if (!CHECK(store_url_parse(slice_of(parts[i].url), &u, &e) == OK, parts[i].url))
			continue;
		store_url_name(&u, &name);
		CHECK_SLICE(u.scheme, parts[i].scheme, "scheme");
		CHECK_SLICE(u.user_password, parts[i].user_password, "password");
		CHECK_SLICE(u.host, parts[i].host, "host");
		CHECK_SLICE(u.path, parts[i].path, "path");
		CHECK_SLICE(u.query, parts[i].query, "query that is not ours");
		CHECK_STR(buf_str(&name), parts[i].name, "name for people");
		store_url_fini(&u);
	}
}

static const struct {
	const char *options;
	enum store_style style;
	enum store_case_option key_case;
	bool anonymous, requester_pays, optional;
	const char *endpoint, *region, *only, *not ;
} options[] = {
	{"", .endpoint = ""},
	{"style=path", .style = STYLE_PATH},
	{"style=VIRTUAL", .style = STYLE_VIRTUAL},
	{"case=lower", .key_case = CASE_OPTION_LOWER},
	{"case=asked", .key_case = CASE_OPTION_ASKED},
	{"case=both", .key_case = CASE_OPTION_BOTH},
	{"anonymous=true", .anonymous = true},
	{"anonymous=ON&optional=1", .anonymous = true, .optional = true},
	{"anonymous=true&anonymous=false", .anonymous = false},
	{"requester-pays=true", .requester_pays = true},
	{"optional=off", .optional = false},
	{"endpoint=http%3A%2F%2Fh%3A9000", .endpoint = "http://h:9000"},
	{"endpoint=http://h:9000/p&region=eu-west-1", .endpoint = "http://h:9000/p",
	 .region = "eu-west-1"},
	{"only=*.pdb&not=my*", .only = "*.pdb", .not = "my*"},
	{"re%67ion=x", .region = "x"},
	{"region=", .region = ""},
};

static void test_options(void)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		char url[200];
		struct store_url u;

		snprintf(url, sizeof(url), "s3://b/p?%s", options[i].options);
		if (!CHECK(store_url_parse(slice_of(url), &u, NULL) == OK, url))
			continue;
		CHECK(u.style == options[i].style && u.key_case == options[i].key_case, "words");
		CHECK(u.anonymous == options[i].anonymous && u.optional == options[i].optional &&
			      u.requester_pays == options[i].requester_pays,
		      "flags");
		CHECK(slice_eq(u.endpoint, slice_of(options[i].endpoint)) &&
			      slice_eq(u.region, slice_of(options[i].region)) &&
			      slice_eq(u.only, slice_of(options[i].only)) &&
			      slice_eq(u.not, slice_of(options[i].not )),
		      "texts");
		store_url_fini(&u);
	}
}

/* What a store may hold: by its kind, and by what it is said to. */
static const struct {
	const char *url;
	unsigned forms;
	enum store_aliases aliases;
	enum store_layout layout;
	enum store_tier tier;
	const char *ptr;
} contents[] = {
	{"s3://b", STORE_FORM_CAB},
	{"http://h", STORE_FORM_CAB, .layout = LAYOUT_DEBUGINFOD},
	{"https://h/?sig=1", STORE_FORM_CAB, .layout = LAYOUT_DEBUGINFOD},
	{"file:///d", STORE_FORMS_ALL, .aliases = ALIASES_ALL},
	{"s3://b?forms=plain", 0},
	{"s3://b?forms=cab", STORE_FORM_CAB},
	{"s3://b?forms=plain,cab,gz,zst,msfz", STORE_FORMS_ALL},
	{"s3://b?forms=MSFZ%2cgz", STORE_FORM_MSFZ | STORE_FORM_GZIP},
	{"s3://b?forms=gz&forms=zst,zst", STORE_FORM_ZSTD},
	{"file:///d?forms=plain&aliases=auto", 0},
	{"s3://b?aliases=all", STORE_FORM_CAB, .aliases = ALIASES_ALL},
	{"s3://b?aliases=none", STORE_FORM_CAB, .aliases = ALIASES_NONE},
	{"s3://b?tiers=1", STORE_FORM_CAB, .tier = TIER_ONE},
	{"s3://b?tiers=2", STORE_FORM_CAB, .tier = TIER_TWO},
	{"s3://b?tiers=Both", STORE_FORM_CAB, .tier = TIER_BOTH},
	{"s3://b?layout=gdb", STORE_FORM_CAB, .layout = LAYOUT_GDB},
	{"s3://b?layout=unified", STORE_FORM_CAB, .layout = LAYOUT_UNIFIED},
	{"s3://b?layout=debuginfod", STORE_FORM_CAB, .layout = LAYOUT_DEBUGINFOD},
	{"https://h?layout=ssqp", STORE_FORM_CAB, .layout = LAYOUT_SSQP},
	{"s3://b?ptr=\\\\srv\\share", STORE_FORM_CAB, .ptr = "\\\\srv\\share"},
	{"s3://b?ptr=%5c%5csrv%5Cmy%20share", STORE_FORM_CAB, .ptr = "\\\\srv\\my share"},
	{"s3://b?ptr=//s", STORE_FORM_CAB, .ptr = "//s"},
};

static void test_contents(void)
{
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		struct store_url u;

		if (!CHECK(store_url_parse(slice_of(contents[i].url), &u, NULL) == OK,
			   contents[i].url))
			continue;
		CHECK_INT(u.forms, contents[i].forms, "forms");
		CHECK(u.aliases == contents[i].aliases && u.layout == contents[i].layout &&
			      u.tier == contents[i].tier,
		      "words");
		CHECK_SLICE(u.ptr, contents[i].ptr, "what file.ptr calls it");
		store_url_fini(&u);
	}
}

static const struct {
	const char *url, *says;
} wrong[] = {
	{"", "not a URL"},
	{"bucket", "not a URL"},
	{"s3:bucket", "not a URL"},
	{"s3:/bucket", "not a URL"},
	{"s3://b?colour=red", "unknown store option 'colour'"},
	{"s3://b?style=both", "'both' is not a value of the store option 'style'"},
	{"s3://b?case=upper", "'upper' is not a value of the store option 'case'"},
	{"s3://b?forms=zip", "'zip' is not a value of the store option 'forms'"},
	{"s3://b?forms=", "'' is not a value of the store option 'forms'"},
	{"s3://b?forms=gz,,zst", "'' is not a value of the store option 'forms'"},
	{"https://h?forms=x", "'x' is not a value of the store option 'forms'"},
	{"s3://b?tiers=3", "'3' is not a value of the store option 'tiers'"},
	{"s3://b?tiers=one", "'one' is not a value of the store option 'tiers'"},
	{"s3://b?aliases=some", "'some' is not a value of the store option 'aliases'"},
	{"s3://b?layout=sentry", "'sentry' is not a value of the store option 'layout'"},
	{"s3://b?ptr=srv", "does not begin like"},
	{"s3://b?ptr=", "does not begin like"},
	{"s3://b?ptr=%5c%5c", "does not begin like"},
	{"s3://b?ptr=%5c%5c%5csrv", "does not begin like"},
	{"s3://b?ptr=%5csrv%5cx", "does not begin like"},
	{"s3://b?optional=maybe", "neither true nor false"},
	{"file:///a?region=x", "unknown store option 'region'"},
	{"https://h?case=x", "not a value"},
	{"s3://b/%zz", "percent-encoding in the path"},
	{"s3://b/%00", "percent-encoding in the path"},
	{"s3://b?region=%", "percent-encoding in the query"},
	{"https://user:TOPSECRET%zz@h/", "percent-encoding before '@'"},
	{"https://user:TOPSECRET@h/%zz", "path"},
	{"https://user:TOPSECRET@h/?case=x", "case"},
	{"https:user:TOPSECRET@h/", "not a URL"},
};

static void test_wrong(void)
{
	static char longest[5000];

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct store_url u = {0};
		struct error e = {OK, 0, ""};

		CHECK_INT(store_url_parse(slice_of(wrong[i].url), &u, &e), ERR_USAGE, wrong[i].url);
		if (!CHECK(strstr(e.msg, wrong[i].says) && !strstr(e.msg, "TOPSECRET"),
			   wrong[i].says))
			printf("# %s\n", e.msg);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "https://h?", 10);
	CHECK_INT(store_url_parse((struct slice){longest, 4097}, &(struct store_url){0}, NULL),
		  ERR_USAGE, "too long");
}

/* All three texts at their longest: what is decoded stays where it is. */
static void test_longest(void)
{
	static char text[4097];
	struct store_url u;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "https://u:p@h/", 14);
	text[2000] = '?';
	text[3000] = '=';
	text[3500] = '&';
	CHECK_INT(store_url_parse(slice_of(text), &u, NULL), OK, "the longest URL");
	CHECK(u.query.n == 4096 - 2001 && u.query.p[1499] == '&' && u.path.n == 2000 - 13,
	      "keeps all of its parts");
	CHECK_SLICE(u.user_password, "u:p", "where they were");
	store_url_fini(&u);
}

int main(void)
{
	test_parts();
	test_options();
	test_contents();
	test_wrong();
	test_longest();
	return tap_done();
}
