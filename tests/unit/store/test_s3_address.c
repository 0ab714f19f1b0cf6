// SPDX-License-Identifier: MIT
/* Where a bucket is reached: endpoints, styles, regions and what may not be in them. */
#include "store/s3_address.h"

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
	{"a b/c", "http://h", "r", STYLE_PATH, "http://h", "h", "/a%20b/c/"},
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
	place.bucket = (struct slice){name, 128};
	CHECK_INT(s3_address_make(&place, &a, NULL), OK, "the longest bucket");
	CHECK(strlen(a.root) == 130 && a.root[129] == '/', "is whole");
	place.bucket.n++;
	CHECK_INT(s3_address_make(&place, &a, NULL), ERR_USAGE, "one more");
	memcpy(name, "http://", 7);
	place.bucket = SLICE("b");
	for (size_t n = 200; n < 400; n++) {
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

int main(void)
{
	test_cases();
	test_partitions();
	test_lengths();
	return tap_done();
}
