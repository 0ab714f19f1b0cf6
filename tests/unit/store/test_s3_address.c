// SPDX-License-Identifier: MIT
/* Where a bucket is reached: endpoints, styles, regions and what may not be in them. */
#include "store/s3_address.h"
#include "store/s3_xml.h"

#include "tap.h"

static const struct {
	const char *bucket, *endpoint, *region;
	enum store_style style;
	const char *origin, *host, *root; /* origin NULL: refused */
} cases[] = {
	{"b", "", "us-east-1", STYLE_DEFAULT, "https://b.s3.us-east-1.amazonaws.com",
	 "b.s3.us-east-1.amazonaws.com", "/"},
	{"b", "", "cn-north-1", STYLE_DEFAULT, "https://b.s3.cn-north-1.amazonaws.com.cn",
	 "b.s3.cn-north-1.amazonaws.com.cn", "/"},
	{"my.bucket", "", "eu-west-1", STYLE_DEFAULT, "https://s3.eu-west-1.amazonaws.com",
	 "s3.eu-west-1.amazonaws.com", "/my.bucket/"},
	{"my.bucket", "", "eu-west-1", STYLE_VIRTUAL,
	 "https://my.bucket.s3.eu-west-1.amazonaws.com", "my.bucket.s3.eu-west-1.amazonaws.com",
	 "/"},
	{"b", "", "eu-west-1", STYLE_PATH, "https://s3.eu-west-1.amazonaws.com",
	 "s3.eu-west-1.amazonaws.com", "/b/"},
	{"b", "http://h:9000", "r", STYLE_DEFAULT, "http://h:9000", "h:9000", "/b/"},
	{"b", "http://h:9000/", "r", STYLE_DEFAULT, "http://h:9000", "h:9000", "/b/"},
	{"b", "http://h:9000//", "r", STYLE_DEFAULT, "http://h:9000", "h:9000", "/b/"},
	{"b", "http://h:9000/s3/v1/", "r", STYLE_DEFAULT, "http://h:9000", "h:9000", "/s3/v1/b/"},
	{"b", "http://h:9000/s3", "r", STYLE_VIRTUAL, "http://b.h:9000", "b.h:9000", "/s3/"},
	{"b", "http://h:80", "r", STYLE_DEFAULT, "http://h", "h", "/b/"},
	{"b", "https://h:443/p", "r", STYLE_DEFAULT, "https://h", "h", "/p/b/"},
	{"b", "http://h:443", "r", STYLE_DEFAULT, "http://h:443", "h:443", "/b/"},
	{"b", "https://h:80", "r", STYLE_DEFAULT, "https://h:80", "h:80", "/b/"},
	{"b", "http://h:8080", "r", STYLE_DEFAULT, "http://h:8080", "h:8080", "/b/"},
	{"b", "HTTPS://h", "r", STYLE_DEFAULT, "https://h", "h", "/b/"},
	{"b", "https://[::1]:443", "r", STYLE_DEFAULT, "https://[::1]", "[::1]", "/b/"},
	{"a b", "http://h", "r", STYLE_PATH, "http://h", "h", "/a%20b/"},
	{"b", "http://h", "default_zone", STYLE_DEFAULT, "http://h", "h", "/b/"},
	/* what cannot be part of a host name */
	{"My-Bucket", "", "us-east-1", STYLE_DEFAULT, "https://s3.us-east-1.amazonaws.com",
	 "s3.us-east-1.amazonaws.com", "/My-Bucket/"},
	{"my_bucket", "", "us-east-1", STYLE_VIRTUAL, "https://s3.us-east-1.amazonaws.com",
	 "s3.us-east-1.amazonaws.com", "/my_bucket/"},
	{"tenant:b", "http://h:9000", "r", STYLE_VIRTUAL, "http://h:9000", "h:9000",
	 "/tenant%3Ab/"},
	{"b@evil", "http://h", "r", STYLE_VIRTUAL, "http://h", "h", "/b%40evil/"},
	{"-b", "http://h", "r", STYLE_VIRTUAL, "http://h", "h", "/-b/"},
	{"b-", "http://h", "r", STYLE_VIRTUAL, "http://h", "h", "/b-/"},
	{"a..b", "http://h", "r", STYLE_VIRTUAL, "http://h", "h", "/a..b/"},
	{"b.", "http://h", "r", STYLE_VIRTUAL, "http://h", "h", "/b./"},
	/* no host is made of a name that a service may well have for its region */
	{"b", "", "default_zone", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "", "evil.example#", STYLE_PATH, NULL, NULL, NULL},
	{"b", "", "x@evil", STYLE_PATH, NULL, NULL, NULL},
	{"a/b", "http://h", "r", STYLE_PATH, NULL, NULL, NULL},
	{"a\\b", "http://h", "r", STYLE_PATH, NULL, NULL, NULL},
	{"a\rb", "http://h", "r", STYLE_PATH, NULL, NULL, NULL},
	{"", "", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "h:9000", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "ftp://h", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://:80", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http:///p", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://u:TOPSECRET@h", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://h?x", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://h/p?x", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://h/p#x", "r", STYLE_DEFAULT, NULL, NULL, NULL},
	{"b", "http://h#x", "r", STYLE_DEFAULT, NULL, NULL, NULL},
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct s3_place place = {slice_of(cases[i].bucket), slice_of(cases[i].endpoint),
					 slice_of(cases[i].region), cases[i].style};
		struct s3_address a;
		struct error e = {OK, 0, ""};
		enum err err = s3_address_make(&place, &a, &e);

		CHECK_INT(err, cases[i].origin ? OK : ERR_USAGE,
			  cases[i].endpoint[0] ? cases[i].endpoint : cases[i].bucket);
		CHECK(!strstr(e.msg, "TOPSECRET"), "no password in a message");
		if (err || !cases[i].origin)
			continue;
		CHECK_STR(a.origin, cases[i].origin, "origin");
		CHECK_STR(a.host, cases[i].host, "host");
		CHECK_STR(a.root, cases[i].root, "root");
	}
}

static void test_lengths(void)
{
	static char name[400];
	struct s3_place place = {.region = SLICE("r"), .endpoint = SLICE("http://h")};
	struct s3_address a;

	memset(name, 'n', sizeof(name));
	place.bucket = (struct slice){name, 63};
	place.style = STYLE_VIRTUAL;
	CHECK_INT(s3_address_make(&place, &a, NULL), OK, "the longest label");
	CHECK_STR(a.root, "/", "is part of the host name");
	place.bucket.n++;
	CHECK_INT(s3_address_make(&place, &a, NULL), OK, "one more");
	CHECK_INT(strlen(a.root), 66, "is part of the path");
	memset(name, '%', sizeof(name));
	place.bucket = (struct slice){name, S3_BUCKET_MAX};
	CHECK_INT(s3_address_make(&place, &a, NULL), OK, "the longest bucket");
	CHECK_INT(strlen(a.root), 2 + 3 * S3_BUCKET_MAX, "is whole");
	place.bucket.n++;
	CHECK_INT(s3_address_make(&place, &a, NULL), ERR_USAGE, "one more");
	memset(name, 'n', sizeof(name));
	memcpy(name, "http://", 7);
	place.style = STYLE_DEFAULT;
	place.bucket = SLICE("b");
	for (size_t n = 200; n < sizeof(name); n++) {
		size_t host = n - 7;

		place.endpoint = (struct slice){name, n};
		if (s3_address_make(&place, &a, NULL) == OK && strlen(a.host) != host)
			CHECK(false, "a host is whole or refused");
	}
	CHECK_INT(s3_address_make(&place, &a, NULL), ERR_USAGE, "an endpoint that is too long");
}

static void test_partitions(void)
{
	CHECK_STR(s3_partition(SLICE("eu-west-1")), "aws", "AWS");
	CHECK_STR(s3_partition(SLICE("us-east-1")), "aws", "in any region");
	CHECK_STR(s3_partition(SLICE("cn-north-1")), "aws-cn", "China");
	CHECK_STR(s3_partition(SLICE("us-gov-west-1")), "aws-us-gov", "and the government's");
}

static void test_regions(void)
{
	static const struct {
		const char *name;
		bool valid;
	} names[] = {
		{"", false},
		{"a", true},
		{"us-gov-west-1", true},
		{"NL", true},
		{"RegionOne", true},
		{"default_zone", true},
		{"\xc3\xa9", true},
		{"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz", true},
		{"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0", false},
		{"evil/", false},
		{"evil\\", false},
		{"a\r\nb", false},
		{"\x7f", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		CHECK(s3_region_valid(slice_of(names[i].name)) == names[i].valid, names[i].name);
}

static void test_keys(void)
{
	static const struct {
		const char *key;
		bool possible;
	} keys[] = {
		{"", false},
		{"foo.pdb/K/foo.pdb", true},
		{"\x7f", false},
		{"a\tb", false},
		{"a\x1f", false},
		{"Gr\xfcn.pdb", false},              /* Latin-1 */
		{"Gr\xc3\xbcn.pdb", true},           /* the same in UTF-8 */
		{"\x83\x5c\x83\x74\x83\x67", false}, /* Shift-JIS */
		{"cut \xe2\x82", false},             /* in the middle of a character */
		{"\xc0\xaf", false},                 /* longer than need be */
		{"\xe0\x80\xaf", false},
		{"\xf0\x80\x80\xaf", false},
		{"\xed\xa0\x80", false},     /* a surrogate */
		{"\xf4\x90\x80\x80", false}, /* beyond Unicode */
		{"\xf4\x8f\xbf\xbf", true},
		{"\xef\xbf\xbd \xf0\x9f\x98\x80", true},
	};
	static char key[S3_KEY_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		CHECK_INT(s3_key_possible(slice_of(keys[i].key)), keys[i].possible, keys[i].key);
	memset(key, 'k', sizeof(key));
	CHECK(s3_key_possible((struct slice){key, S3_KEY_MAX}), "1024 bytes");
	CHECK(!s3_key_possible((struct slice){key, S3_KEY_MAX + 1}), "and no more");
}

int main(void)
{
	test_regions();
	test_keys();
	test_cases();
	test_partitions();
	test_lengths();
	return tap_done();
}
