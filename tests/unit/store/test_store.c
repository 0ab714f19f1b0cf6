// SPDX-License-Identifier: MIT
/* Making stores from URLs: what tells them apart, and what they are like. */
#include "store_rig.h"

#include "base/text.h"
#include "tap.h"

#define S3   "s3://bucket/pre?endpoint=http://host"
#define KEYS "AWS_ACCESS_KEY_ID=AK1 AWS_SECRET_ACCESS_KEY=S"

/* Open it in a world of these variables ("NAME=value NAME=value"), and look. */
static void look(const char *url, const char *vars, uint8_t ret_id[static STORE_ID_SIZE],
		 struct store_traits *ret_traits)
{
	char text[400];
	char *rest = text, *one;
	struct rig r;

	snprintf(text, sizeof(text), "%s", vars);
	rig_init(&r, NULL, 0);
	while ((one = strsep(&rest, " ")) && *one) {
		char *eq = strchr(one, '=');

		*eq = '\0';
		rig_var_set(&r, one, eq + 1);
	}
	rig_open(&r, url);
	memcpy(ret_id, r.store->id, STORE_ID_SIZE);
	*ret_traits = r.store->traits;
	rig_fini(&r);
}

static bool same(const char *url, const char *vars, const char *other, const char *other_vars)
{
	uint8_t a[STORE_ID_SIZE], b[STORE_ID_SIZE];
	struct store_traits traits;

	look(url, vars, a, &traits);
	look(other, other_vars, b, &traits);
	return memcmp(a, b, STORE_ID_SIZE) == 0;
}

static const struct {
	const char *name, *url, *vars, *other, *other_vars;
} others[] = {
	{"bucket", S3, "", "s3://other/pre?endpoint=http://host", ""},
	{"prefix", S3, "", "s3://bucket/prf?endpoint=http://host", ""},
	{"no prefix", S3, "", "s3://bucket?endpoint=http://host", ""},
	{"host", S3, "", "s3://bucket/pre?endpoint=http://hose", ""},
	{"port", S3, "", "s3://bucket/pre?endpoint=http://host:81", ""},
	{"scheme", S3, "", "s3://bucket/pre?endpoint=https://host", ""},
	{"path of the endpoint", S3, "", "s3://bucket/pre?endpoint=http://host/s3", ""},
	{"what is path and what bucket", "s3://b/pre?endpoint=http://host/a", "",
	 "s3://a/b/pre?endpoint=http://host", ""},
	{"AWS itself", S3, "", "s3://bucket/pre", ""},
	{"the endpoint of the environment", "s3://bucket/pre", "", "s3://bucket/pre",
	 "AWS_ENDPOINT_URL_S3=http://host"},
	{"partition", "s3://bucket?region=us-east-1", "", "s3://bucket?region=cn-north-1", ""},
	{"signed", S3, "", S3, KEYS},
	{"unsigned by its own wish", S3, KEYS, S3 "&anonymous=true", KEYS},
	{"key", S3, KEYS, S3, "AWS_ACCESS_KEY_ID=AK2 AWS_SECRET_ACCESS_KEY=S"},
	{"session", S3, KEYS, S3, KEYS " AWS_SESSION_TOKEN=T"},
	{"role", S3, "AWS_WEB_IDENTITY_TOKEN_FILE=/t AWS_ROLE_ARN=a", S3,
	 "AWS_WEB_IDENTITY_TOKEN_FILE=/t AWS_ROLE_ARN=b"},

	{"server", "http://host/base", "", "http://hose/base", ""},
	{"server's port", "http://host/base", "", "http://host:81/base", ""},
	{"http and https", "http://host/base", "", "https://host/base", ""},
	{"base", "http://host/base", "", "http://host/bade", ""},
	{"case of the base", "http://host/base", "", "http://host/Base", ""},
	{"query", "http://host/base?sig=1", "", "http://host/base?sig=2", ""},
	{"user", "http://me:p@host/base", "", "http://you:p@host/base", ""},
	{"any user", "http://me:p@host/base", "", "http://host/base", ""},

	{"directory", "file:///srv/a", "", "file:///srv/b", ""},
	{"case of the directory", "file:///srv/a", "", "file:///srv/A", ""},
	{"kind", "file:///base", "", "http://host/base", ""},
};

static const struct {
	const char *name, *url, *vars, *other, *other_vars;
} alikes[] = {
	{"a store and itself", S3, "", S3, ""},
	{"only=", S3, "", S3 "&only=*.pdb", ""},
	{"not=", S3, "", S3 "&not=*.pdb", ""},
	{"case=", S3, "", S3 "&case=lower", ""},
	{"optional=", S3, "", S3 "&optional=true", ""},
	{"what it may hold", S3, "",
	 S3 "&forms=gz&tiers=2&aliases=all&layout=gdb&ptr=//server/share", ""},
	{"style=", S3, "", S3 "&style=virtual", ""},
	{"region=", S3, "", S3 "&region=eu-west-1", ""},
	{"region= at AWS", "s3://bucket", "", "s3://bucket?region=eu-west-1", ""},
	{"a region of the environment", "s3://bucket", "", "s3://bucket", "AWS_REGION=eu-west-1"},
	{"the endpoint, wherever it is named", S3, "", "s3://bucket/pre",
	 "AWS_ENDPOINT_URL_S3=http://host"},
	{"the endpoint in other letters", S3, "", "s3://bucket/pre?endpoint=HTTP://HOST:80/", ""},
	{"slashes around the prefix", S3, "", "s3://bucket//pre/?endpoint=http://host", ""},
	{"no credentials and none wanted", S3, "AWS_EC2_METADATA_DISABLED=true",
	 S3 "&anonymous=true", ""},
	{"another secret", S3, KEYS, S3, "AWS_ACCESS_KEY_ID=AK1 AWS_SECRET_ACCESS_KEY=S2"},
	{"another session", S3, KEYS " AWS_SESSION_TOKEN=T", S3,
	 "AWS_ACCESS_KEY_ID=AK2 AWS_SECRET_ACCESS_KEY=S2 AWS_SESSION_TOKEN=U"},
	{"another session of the role", S3,
	 "AWS_WEB_IDENTITY_TOKEN_FILE=/t AWS_ROLE_ARN=a AWS_ROLE_SESSION_NAME=x", S3,
	 "AWS_WEB_IDENTITY_TOKEN_FILE=/u AWS_ROLE_ARN=a AWS_ROLE_SESSION_NAME=y"},
	{"the server in other letters", "https://host/base", "", "https://HOST:443/base/", ""},
	{"options of the server", "http://host/base", "", "http://host/base?optional=1&case=lower",
	 ""},
	{"another password", "http://me:p@host/base", "", "http://me:q@host/base", ""},
	{"slashes of the directory", "file:///srv/a", "", "file:///srv//./a/", ""},
};

static void test_identity(void)
{
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		CHECK(!same(others[i].url, others[i].vars, others[i].other, others[i].other_vars),
		      others[i].name);
	for (size_t i = 0; i < ARRAY_LEN(alikes); i++)
		CHECK(same(alikes[i].url, alikes[i].vars, alikes[i].other, alikes[i].other_vars),
		      alikes[i].name);
}

/* Caches on disk are named by it: another version of this program has to make the same. */
static void test_identity_stays(void)
{
	uint8_t id[STORE_ID_SIZE];
	char hex[2 * STORE_ID_SIZE + 1];
	struct store_traits traits;

	look(S3, KEYS, id, &traits);
	hex_encode(id, sizeof(id), hex);
	CHECK_STR(hex, "02e28ec2b745b2a96025e05849e7886b09e5035aa8f4cbe02e0699dc95fb887e",
		  "an identity that was once given");
}

static void test_traits(void)
{
	static const struct {
		const char *url;
		bool local;
		int64_t miss_ttl_max_ns;
		unsigned forms;
		enum store_layout layout;
		enum store_aliases aliases;
		bool wildcards;
	} kinds[] = {
		{S3, false, INT64_MAX, STORE_FORM_CAB},
		{S3 "&forms=zst&aliases=none&layout=gdb", false, INT64_MAX, STORE_FORM_ZSTD,
		 LAYOUT_GDB, ALIASES_NONE},
		{"http://host/", false, INT64_MAX, STORE_FORM_CAB, LAYOUT_DEBUGINFOD},
		{"file:///srv", true, 2 * NS_PER_S, STORE_FORMS_ALL, LAYOUT_SSQP, ALIASES_ALL,
		 true},
	};
	uint8_t id[STORE_ID_SIZE];
	struct store_traits traits;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		look(kinds[i].url, "", id, &traits);
		CHECK(traits.local == kinds[i].local &&
			      traits.miss_ttl_max_ns == kinds[i].miss_ttl_max_ns,
		      kinds[i].url);
		CHECK(traits.forms == kinds[i].forms && traits.layout == kinds[i].layout &&
			      traits.aliases == kinds[i].aliases &&
			      traits.wildcards == kinds[i].wildcards,
		      "what it may hold");
	}
}

/* What only lives as long as the store. */
static void test_tier_and_ptr(void)
{
	struct rig r;

	rig_init(&r, NULL, 0);
	rig_open(&r, S3);
	CHECK(atomic_load(&r.store->tier) == TIER_UNKNOWN && !r.store->traits.ptr,
	      "the tier is to be found out, and file.ptr not to be followed");
	rig_fini(&r);
	rig_init(&r, NULL, 0);
	rig_open(&r, S3 "&tiers=both&ptr=%5C%5Cserver%5Cshare");
	CHECK_INT(atomic_load(&r.store->tier), TIER_BOTH, "unless the URL says");
	CHECK_STR(r.store->traits.ptr, "\\\\server\\share", "both");
	rig_fini(&r);
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_identity();
	test_identity_stays();
	test_traits();
	test_tier_and_ptr();
	curl_global_cleanup();
	return tap_done();
}
