// SPDX-License-Identifier: MIT
/*
 * The credentials chain, with variables and files of the test's own, and its HTTP providers against
 * a small server in a thread of this program: real sockets, canned answers, what was asked kept.
 */
#include "store/creds.h"

#include "base/clock.h"
#include "store/creds_http.h"
#include "tap.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MAX_VARS 12
#define EXPIRY   "2026-11-22T15:00:00Z"
#define EXPIRY_S INT64_C(1795359600)
#define KEYS_JSON(more)                                                                            \
	"{\"AccessKeyId\":\"AK\",\"SecretAccessKey\":\"TOPSECRET\",\"Token\":\"TOK\","             \
	"\"Expiration\":\"" EXPIRY "\"" more "}"

/* ---- a world of variables, and of files in the working directory ---- */

struct pair {
	const char *name, *value;
};

static const char *get_var(void *ctx, const char *name)
{
	const struct pair *v = ctx;

	for (size_t i = 0; i < MAX_VARS && v[i].name; i++)
		if (strcmp(v[i].name, name) == 0)
			return v[i].value;
	return NULL;
}

/* NULL removes the file. */
static void put(const char *name, const char *text)
{
	FILE *f;

	if (!text) {
		unlink(name);
		return;
	}
	f = fopen(name, "we");
	ASSERT(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static struct creds_env world(struct pair *vars, const char *credentials, const char *config)
{
	put(".aws/credentials", credentials);
	put(".aws/config", config);
	return (struct creds_env){
		.get = get_var,
		.ctx = vars,
		.home = ".",
		.dmi_dir = "dmi",
		.container_base = "http://169.254.170.2",
	};
}

/* ---- the chain without a network ---- */

#define AK           "AWS_ACCESS_KEY_ID"
#define SK           "AWS_SECRET_ACCESS_KEY"
#define PROFILE      "AWS_PROFILE"
#define NO_EC2       "AWS_EC2_METADATA_DISABLED"
#define FILE_KEYS(k) "aws_access_key_id=" k "\naws_secret_access_key=TOPSECRET\n"

static const struct chain_case {
	const char *name;
	struct pair vars[MAX_VARS];
	const char *credentials, *config;
	enum err err;
	enum creds_static state;
	const char *access_key, *token, *source, *says;
} chain_cases[] = {
	{"nothing anywhere", {{NO_EC2, "true"}}, .state = CREDS_NONE},
	{"environment",
	 {{AK, "E"}, {SK, "TOPSECRET"}},
	 .state = CREDS_FOUND,
	 .access_key = "E",
	 .source = "environment"},
	{"environment, session token",
	 {{AK, "E"}, {SK, "TOPSECRET"}, {"AWS_SESSION_TOKEN", "T"}},
	 .state = CREDS_FOUND,
	 .access_key = "E",
	 .token = "T",
	 .source = "environment"},
	{"environment before files",
	 {{AK, "E"}, {SK, "TOPSECRET"}},
	 "[default]\n" FILE_KEYS("F"),
	 .state = CREDS_FOUND,
	 .access_key = "E",
	 .source = "environment"},
	{"environment does not look at files",
	 {{AK, "E"}, {SK, "TOPSECRET"}},
	 "TOPSECRET",
	 .state = CREDS_FOUND,
	 .access_key = "E",
	 .source = "environment"},
	{"empty variables are unset", {{AK, ""}, {SK, ""}, {NO_EC2, "true"}}, .state = CREDS_NONE},
	{"key without secret",
	 {{AK, "E"}},
	 .err = ERR_USAGE,
	 .says = "AWS_SECRET_ACCESS_KEY is not"},
	{"secret without key",
	 {{SK, "TOPSECRET"}},
	 .err = ERR_USAGE,
	 .says = "AWS_ACCESS_KEY_ID is not"},
	{"a line feed in a secret",
	 {{AK, "E"}, {SK, "x\nTOPSECRET"}},
	 .err = ERR_CORRUPT,
	 .says = "environment: credentials that are not printable"},

	{"credentials file",
	 {{NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F"),
	 .state = CREDS_FOUND,
	 .access_key = "F",
	 .source = "profile 'default' in the shared credentials file"},
	{"config file",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\n" FILE_KEYS("C"),
	 .state = CREDS_FOUND,
	 .access_key = "C",
	 .source = "profile 'default' in the config file"},
	{"credentials file before config file",
	 {{NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F"),
	 "[default]\n" FILE_KEYS("C"),
	 .state = CREDS_FOUND,
	 .access_key = "F",
	 .source = "profile 'default' in the shared credentials file"},
	{"session token in a file",
	 {{NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F") "aws_session_token=T\n",
	 .state = CREDS_FOUND,
	 .access_key = "F",
	 .token = "T",
	 .source = "profile 'default' in the shared credentials file"},
	{"named profile",
	 {{PROFILE, "x"}, {NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F") "[x]\n" FILE_KEYS("X"),
	 .state = CREDS_FOUND,
	 .access_key = "X",
	 .source = "profile 'x' in the shared credentials file"},
	{"named profile of the config file",
	 {{PROFILE, "x"}, {NO_EC2, "true"}},
	 NULL,
	 "[profile x]\n" FILE_KEYS("X"),
	 .state = CREDS_FOUND,
	 .access_key = "X",
	 .source = "profile 'x' in the config file"},
	{"named profile without keys",
	 {{PROFILE, "x"}, {NO_EC2, "true"}},
	 NULL,
	 "[profile x]\nregion = r\n[default]\n" FILE_KEYS("C"),
	 .state = CREDS_NONE},
	{"no such profile",
	 {{PROFILE, "nope"}, {NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F"),
	 .err = ERR_USAGE,
	 .says = "profile 'nope' (AWS_PROFILE) is neither"},
	{"no such profile, keys in the environment",
	 {{PROFILE, "nope"}, {AK, "E"}, {SK, "TOPSECRET"}},
	 .err = ERR_USAGE,
	 .says = "profile 'nope'"},
	{"a profile of the environment is not used up",
	 {{PROFILE, "x"}, {AK, "E"}, {SK, "TOPSECRET"}},
	 "[x]\n" FILE_KEYS("X"),
	 .state = CREDS_FOUND,
	 .access_key = "E",
	 .source = "environment"},
	{"half a pair in a file",
	 {{NO_EC2, "true"}},
	 "[default]\naws_access_key_id=F\n",
	 .err = ERR_USAGE,
	 .says = "profile 'default' in the shared credentials file has no aws_secret_access_key"},
	{"the other half",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\naws_secret_access_key=TOPSECRET\n",
	 .err = ERR_USAGE,
	 .says = "in the config file has no aws_access_key_id"},
	{"a broken file",
	 {{NO_EC2, "true"}},
	 "[default]\nTOPSECRET\n",
	 .err = ERR_CORRUPT,
	 .says = ".aws/credentials': line 2"},

	{"SSO",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\nsso_session = s\n",
	 .err = ERR_USAGE,
	 .says = "'default' uses SSO"},
	{"old SSO",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\nsso_start_url = u\n",
	 .err = ERR_USAGE,
	 .says = "uses SSO"},
	{"process",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\ncredential_process = /bin/TOPSECRET\n",
	 .err = ERR_USAGE,
	 .says = "uses credential_process"},
	{"keys before process",
	 {{NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F"),
	 "[default]\ncredential_process = x\n",
	 .state = CREDS_FOUND,
	 .access_key = "F",
	 .source = "profile 'default' in the shared credentials file"},
	{"assume role",
	 {{NO_EC2, "true"}},
	 "[default]\n" FILE_KEYS("F"),
	 "[default]\nrole_arn = a\nsource_profile = default\n",
	 .err = ERR_USAGE,
	 .says = "uses role_arn with source_profile"},
	{"assume role from the machine",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\nrole_arn = a\ncredential_source = Ec2InstanceMetadata\n",
	 .err = ERR_USAGE,
	 .says = "uses role_arn with credential_source"},
	{"a role and nothing else",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\nrole_arn = a\n",
	 .err = ERR_USAGE,
	 .says = "role_arn without web_identity_token_file"},

	{"web identity",
	 {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}, {"AWS_ROLE_ARN", "a"}},
	 .state = CREDS_NEEDS_NETWORK},
	{"web identity before files",
	 {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}, {"AWS_ROLE_ARN", "a"}},
	 "[default]\n" FILE_KEYS("F"),
	 .state = CREDS_NEEDS_NETWORK},
	{"web identity in a profile",
	 {{NO_EC2, "true"}},
	 NULL,
	 "[default]\nweb_identity_token_file = /t\nrole_arn = a\n",
	 .state = CREDS_NEEDS_NETWORK},
	{"web identity, half in each",
	 {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}},
	 NULL,
	 "[default]\nrole_arn = a\n",
	 .state = CREDS_NEEDS_NETWORK},
	{"web identity without a role",
	 {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}},
	 .err = ERR_USAGE,
	 .says = "AWS_ROLE_ARN is not"},
	{"a role in the environment alone is nothing",
	 {{"AWS_ROLE_ARN", "a"}, {NO_EC2, "true"}},
	 .state = CREDS_NONE},

	{"container",
	 {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}},
	 .state = CREDS_NEEDS_NETWORK},
	{"files before container",
	 {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x"}},
	 "[default]\n" FILE_KEYS("F"),
	 .state = CREDS_FOUND,
	 .access_key = "F",
	 .source = "profile 'default' in the shared credentials file"},
	{"relative to another host",
	 {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ".evil.example/"}},
	 .err = ERR_USAGE,
	 .says = "does not begin with '/'"},
	{"container over plain http",
	 {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/"}},
	 .err = ERR_USAGE,
	 .says = "has to be https"},
	{"EC2 endpoint named",
	 {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"}},
	 .state = CREDS_NEEDS_NETWORK},
	{"EC2 switched off",
	 {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"},
	  {"AWS_EC2_METADATA_DISABLED", "TRUE"}},
	 .state = CREDS_NONE},
};

static void check_found(const struct chain_case *c, const struct creds *got)
{
	if (!CHECK(got != NULL, "credentials are there"))
		return;
	CHECK_STR(got->access_key, c->access_key, "access key");
	CHECK_STR(got->secret_key, "TOPSECRET", "secret key");
	CHECK_STR(got->token, c->token, "token");
	CHECK_STR(got->source, c->source, "source");
	CHECK_INT(got->expires_s, 0, "static keys do not expire");
}

static void check_chain(void)
{
	for (size_t i = 0; i < ARRAY_LEN(chain_cases); i++) {
		const struct chain_case *c = &chain_cases[i];
		struct pair vars[MAX_VARS];
		struct creds_env env;
		struct creds *got = NULL;
		enum creds_static state = CREDS_NONE;
		struct error e = {0};

		memcpy(vars, c->vars, sizeof(vars));
		env = world(vars, c->credentials, c->config);
		CHECK_INT(creds_load_static(&env, &state, &got, &e), c->err, c->name);
		if (c->err)
			CHECK(strstr(e.msg, c->says) && !strstr(e.msg, "TOPSECRET"), e.msg);
		else
			CHECK_INT(state, c->state, "state");
		if (!c->err && c->state == CREDS_FOUND)
			check_found(c, got);
		else
			CHECK(got == NULL, "no credentials");
		creds_free(got);
	}
}

static const struct {
	const char *name;
	struct pair vars[MAX_VARS];
	const char *credentials;
	const char *is;
} identities[] = {
	{"nobody", {{NO_EC2, "true"}}, NULL, ""},
	{"a key", {{AK, "E"}, {SK, "TOPSECRET"}}, NULL, "key E"},
	{"a key in a file", {{NO_EC2, "true"}}, "[default]\n" FILE_KEYS("F"), "key F"},
	{"a session",
	 {{AK, "E"}, {SK, "TOPSECRET"}, {"AWS_SESSION_TOKEN", "TOPSECRET"}},
	 NULL,
	 "session, environment, profile '', role ''"},
	{"a session that tells more of itself",
	 {{AK, "E"}, {SK, "TOPSECRET"}, {"AWS_SESSION_TOKEN", "T"}, {"AWS_ROLE_ARN", "arn:r"}},
	 NULL,
	 "session, environment, profile '', role 'arn:r'"},
	{"a session in a profile",
	 {{PROFILE, "x"}, {NO_EC2, "true"}},
	 "[x]\n" FILE_KEYS("F") "aws_session_token=TOPSECRET\n",
	 "session, profile 'x' in the shared credentials file, profile 'x', role ''"},
	{"a web identity",
	 {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent"}, {"AWS_ROLE_ARN", "arn:r"}},
	 NULL,
	 "web identity, role arn:r"},
	{"a container",
	 {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/task-1"}},
	 NULL,
	 "container role"},
	{"an instance",
	 {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"}},
	 NULL,
	 "instance role"},
};

/* Who asks, without a secret and without what renewals change. */
static void check_identity(void)
{
	static char role[5000];
	struct pair vars[MAX_VARS];
	struct creds_env env;
	struct error e = {0};

	for (size_t i = 0; i < ARRAY_LEN(identities); i++) {
		struct buf who CLEANUP(buf_fini) = BUF_MAX(4096);

		memcpy(vars, identities[i].vars, sizeof(vars));
		env = world(vars, identities[i].credentials, NULL);
		CHECK_INT(creds_identity(&env, &who, &e), OK, identities[i].name);
		CHECK_STR(buf_str(&who), identities[i].is, "is told apart by this");
	}
	memset(role, 'r', sizeof(role) - 1);
	memset(vars, 0, sizeof(vars));
	vars[0] = (struct pair){"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"};
	vars[1] = (struct pair){"AWS_ROLE_ARN", role};
	env = world(vars, NULL, NULL);
	struct buf who CLEANUP(buf_fini) = BUF_MAX(4096);
	CHECK_INT(creds_identity(&env, &who, &e), ERR_USAGE, "a role beyond all names");
	vars[0] = (struct pair){AK, "E"};
	vars[1] = (struct pair){SK, ""};
	env = world(vars, NULL, NULL);
	CHECK_INT(creds_identity(&env, &who, &e), ERR_USAGE, "half a key");
}

/* Files that the environment names, and files that are there but cannot be read. */
static void check_paths(void)
{
	struct pair vars[MAX_VARS] = {{"AWS_SHARED_CREDENTIALS_FILE", "~/other"},
				      {"AWS_CONFIG_FILE", "conf"},
				      {NO_EC2, "true"}};
	struct creds_env env = world(vars, "[default]\n" FILE_KEYS("F"), NULL);
	struct creds *got = NULL;
	enum creds_static state;
	struct error e = {0};

	CHECK_INT(creds_load_static(&env, &state, &got, &e), OK, "named files that are not there");
	CHECK_INT(state, CREDS_NONE, "take the place of those at home");
	put("other", "[default]\n" FILE_KEYS("O"));
	CHECK_INT(creds_load_static(&env, &state, &got, &e), OK, "tilde");
	CHECK_STR(got ? got->access_key : NULL, "O", "is home");
	creds_free(TAKE(got));
	vars[0].value = ".";
	CHECK_INT(creds_load_static(&env, &state, &got, &e), ERR_IO, "a directory for a file");
	vars[0].value = "/dev/null";
	CHECK_INT(creds_load_static(&env, &state, &got, &e), OK, "/dev/null is an empty file");
	env.home = NULL;
	vars[0].value = "";
	vars[1].value = "";
	CHECK_INT(creds_load_static(&env, &state, &got, &e), OK, "without a home");
	CHECK_INT(state, CREDS_NONE, "there is nothing to find");
	CHECK(got == NULL, "and nothing is handed out");
}

static void check_dmi(void)
{
	static const struct {
		const char *name, *vendor, *tag;
		enum creds_static want;
	} cases[] = {
		{"no DMI at all", NULL, NULL, CREDS_NEEDS_NETWORK},
		{"Nitro", "Amazon EC2\n", "i-0123456789abcdef0\n", CREDS_NEEDS_NETWORK},
		{"Xen", "Xen\n", NULL, CREDS_NEEDS_NETWORK},
		{"vendor hidden, asset tag", "Other\n", "i-0123\n", CREDS_NEEDS_NETWORK},
		{"somebody else's", "QEMU\n", "\n", CREDS_NONE},
		{"says nothing", "", NULL, CREDS_NEEDS_NETWORK},
	};
	struct pair vars[MAX_VARS] = {{NULL}};
	struct creds_env env = world(vars, NULL, NULL);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct creds *got = NULL;
		enum creds_static state = CREDS_FOUND;
		struct error e = {0};

		put("dmi/sys_vendor", cases[i].vendor);
		put("dmi/board_asset_tag", cases[i].tag);
		CHECK_INT(creds_load_static(&env, &state, &got, &e), OK, cases[i].name);
		CHECK_INT(state, cases[i].want, cases[i].name);
	}
	put("dmi/sys_vendor", NULL);
	put("dmi/board_asset_tag", NULL);
}

static void check_region(void)
{
	static const struct {
		const char *name;
		struct pair vars[MAX_VARS];
		const char *config, *want;
		enum err err;
	} cases[] = {
		{"none", {{NULL}}, NULL, ""},
		{"AWS_REGION first",
		 {{"AWS_REGION", "a"}, {"AWS_DEFAULT_REGION", "b"}},
		 "[default]\nregion=c\n",
		 "a"},
		{"AWS_DEFAULT_REGION", {{"AWS_DEFAULT_REGION", "b"}}, "[default]\nregion=c\n", "b"},
		{"config file", {{"AWS_REGION", ""}}, "[default]\nregion=c\n", "c"},
		{"of the profile",
		 {{PROFILE, "x"}},
		 "[default]\nregion=c\n[profile x]\nregion=d\n",
		 "d"},
		{"no such profile", {{PROFILE, "y"}}, "[default]\nregion=c\n", "", ERR_USAGE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEANUP(buf_fini) = BUF_MAX(64);
		struct pair vars[MAX_VARS];
		struct creds_env env;
		struct error e = {0};

		memcpy(vars, cases[i].vars, sizeof(vars));
		env = world(vars, NULL, cases[i].config);
		CHECK_INT(creds_region(&env, &out, &e), cases[i].err, cases[i].name);
		CHECK_STR(buf_str(&out), cases[i].want, cases[i].name);
	}
}

#define SERVICES "[services l]\ns3 =\n  endpoint_url = http://s\nsts =\n  endpoint_url = http://t\n"

/* Where S3 is, as botocore finds it: what the AWS CLI reads is read, or the start is refused. */
static void check_s3_settings(void)
{
	static const struct {
		const char *name;
		struct pair vars[MAX_VARS];
		const char *credentials, *config, *want, *style;
		enum err err;
	} cases[] = {
		{"nothing", {{NULL}}, NULL, NULL, "", ""},
		{"both variables",
		 {{"AWS_ENDPOINT_URL_S3", "http://a"}, {"AWS_ENDPOINT_URL", "http://b"}},
		 NULL,
		 "[default]\nendpoint_url = http://c\n",
		 "http://a",
		 ""},
		{"the general variable goes before the profile",
		 {{"AWS_ENDPOINT_URL", "http://b"}},
		 NULL,
		 "[default]\nservices = l\n" SERVICES,
		 "http://b",
		 ""},
		{"the services section goes before the profile's own",
		 {{NULL}},
		 NULL,
		 "[default]\nservices = l\nendpoint_url = http://c\n" SERVICES,
		 "http://s",
		 ""},
		{"a services section without s3",
		 {{NULL}},
		 NULL,
		 "[default]\nservices = l\nendpoint_url = http://c\n[services l]\nsts =\n"
		 "  endpoint_url = http://t\n",
		 "http://c",
		 ""},
		{"a services section that is not there",
		 {{NULL}},
		 NULL,
		 "[default]\nservices = m\n" SERVICES,
		 "",
		 "",
		 ERR_USAGE},
		{"one that nobody names", {{NULL}}, NULL, "[default]\nk = v\n" SERVICES, "", ""},
		{"of the profile",
		 {{PROFILE, "x"}},
		 NULL,
		 "[default]\nendpoint_url = http://c\n[profile x]\nendpoint_url = http://d\n",
		 "http://d",
		 ""},
		{"of the other variable's profile",
		 {{"AWS_DEFAULT_PROFILE", "x"}},
		 NULL,
		 "[profile x]\nendpoint_url = http://d\n",
		 "http://d",
		 ""},
		{"in the credentials file",
		 {{NULL}},
		 "[default]\nendpoint_url = http://c\n",
		 NULL,
		 "http://c",
		 ""},
		{"ignored, says a variable",
		 {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"},
		  {"AWS_ENDPOINT_URL", "http://b"}},
		 NULL,
		 "[default]\nendpoint_url = http://c\n",
		 "",
		 ""},
		{"ignored, says the profile",
		 {{"AWS_ENDPOINT_URL", "http://b"}},
		 NULL,
		 "[default]\nignore_configured_endpoint_urls = true\n",
		 "",
		 ""},
		{"not ignored after all",
		 {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"}},
		 NULL,
		 "[default]\nignore_configured_endpoint_urls = true\nendpoint_url = http://c\n",
		 "http://c",
		 ""},
		{"style",
		 {{NULL}},
		 NULL,
		 "[default]\ns3 =\n  addressing_style = path\n",
		 "",
		 "path"},
		{"FIPS", {{"AWS_USE_FIPS_ENDPOINT", "true"}}, NULL, NULL, "", "", ERR_USAGE},
		{"no FIPS",
		 {{"AWS_USE_FIPS_ENDPOINT", "false"}},
		 NULL,
		 "[default]\nuse_fips_endpoint = true\n",
		 "",
		 ""},
		{"FIPS of the profile",
		 {{NULL}},
		 NULL,
		 "[default]\nuse_fips_endpoint = true\n",
		 "",
		 "",
		 ERR_USAGE},
		{"dual stack",
		 {{NULL}},
		 NULL,
		 "[default]\nuse_dualstack_endpoint=true\n",
		 "",
		 "",
		 ERR_USAGE},
		{"dual stack for S3",
		 {{NULL}},
		 NULL,
		 "[default]\ns3 =\n use_dualstack_endpoint = true\n",
		 "",
		 "",
		 ERR_USAGE},
		{"acceleration",
		 {{NULL}},
		 NULL,
		 "[default]\ns3 =\n use_accelerate_endpoint = true\n",
		 "",
		 "",
		 ERR_USAGE},
		{"FIPS by an endpoint that is set",
		 {{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_ENDPOINT_URL_S3", "http://a"}},
		 NULL,
		 NULL,
		 "http://a",
		 ""},
		{"no such profile", {{PROFILE, "y"}}, NULL, NULL, "", "", ERR_USAGE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf endpoint CLEANUP(buf_fini) = BUF_MAX(64),
				    style CLEANUP(buf_fini) = BUF_MAX(64);
		struct pair vars[MAX_VARS];
		struct creds_env env;
		struct error e = {0};

		memcpy(vars, cases[i].vars, sizeof(vars));
		env = world(vars, cases[i].credentials, cases[i].config);
		CHECK_INT(creds_s3_settings(&env, &endpoint, &style, &e), cases[i].err,
			  cases[i].name);
		CHECK_STR(buf_str(&endpoint), cases[i].want, cases[i].name);
		CHECK_STR(buf_str(&style), cases[i].style, cases[i].name);
	}
}

static void check_process(void)
{
	struct creds_env env;

	ASSERT(setenv("HOME", "/home/of/test", 1) == 0 && setenv("PEPTO_TEST", "v", 1) == 0);
	env = creds_env_process();
	CHECK_STR(env.home, "/home/of/test", "HOME");
	CHECK_STR(env.get(env.ctx, "PEPTO_TEST"), "v", "a variable of the process");
	CHECK(env.get(env.ctx, "PEPTO_TEST_UNSET") == NULL, "an unset one");
	unsetenv("HOME");
	env = creds_env_process();
	CHECK(!env.home || env.home[0], "without HOME, the password database or nothing");
}

static void check_new(void)
{
	static char text[CREDS_TOKEN_MAX + 1];
	struct creds_parts ok = {SLICE("A"), SLICE("S"), SLICE_NONE, 0, "x"}, p = ok;
	struct creds *c = NULL;
	struct error e;

	memset(text, 'x', sizeof(text));
	p.access_key = SLICE_NONE;
	CHECK_INT(creds_new(&p, &c, &e), ERR_CORRUPT, "no access key");
	p = ok;
	p.secret_key = (struct slice){text, CREDS_SECRET_MAX + 1};
	CHECK_INT(creds_new(&p, &c, &e), ERR_CORRUPT, "secret too long");
	p = ok;
	p.token = (struct slice){text, CREDS_TOKEN_MAX + 1};
	CHECK_INT(creds_new(&p, &c, &e), ERR_CORRUPT, "token too long");
	p.token = SLICE("a\r\nHost: evil");
	CHECK_INT(creds_new(&p, &c, &e), ERR_CORRUPT, "a header within the token");
	p.token = (struct slice){text, CREDS_TOKEN_MAX};
	CHECK_INT(creds_new(&p, &c, &e), OK, "the longest token");
	creds_free(c);
	creds_free(NULL);
}

/* ---- a server ---- */

struct canned {
	const char *line; /* how the request begins: "PUT /latest/api/token" */
	int status;
	const char *body;
};

struct server {
	int fd, port;
	pthread_t thread;
	const struct canned *canned; /* up to a line that is NULL */
	struct buf seen;             /* all requests; the thread's until server_stop() */
	char url[64];
};

/* Whole requests only: up to the blank line, and the body that Content-Length announces. */
static bool complete(struct slice s)
{
	const char *head = s.n ? memmem(s.p, s.n, "\r\n\r\n", 4) : NULL, *length;
	uint64_t n = 0;

	if (!head)
		return false;
	length = memmem(s.p, (size_t)(head - s.p) + 2, "Content-Length: ", 16);
	if (length) {
		struct slice v = {length + 16, (size_t)(head + 2 - length - 16)};

		ASSERT(parse_u64(slice_head(v, slice_find(v, '\r')), 1 << 20, &n));
	}
	return s.n - (size_t)(head + 4 - s.p) >= n;
}

static void answer(struct server *s, int fd)
{
	struct buf in CLEANUP(buf_fini) = BUF_MAX(1 << 20),
		      out CLEANUP(buf_fini) = BUF_MAX(1 << 20);
	const struct canned *c = s->canned;
	char chunk[4096];
	ssize_t n = 0;

	while (!complete(buf_slice(&in)) && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&in, (struct slice){chunk, (size_t)n});
	while (c->line && !slice_starts(buf_slice(&in), slice_of(c->line)))
		c++;
	buf_printf(&out,
		   "HTTP/1.1 %d X\r\nLocation: /elsewhere\r\nConnection: close\r\n"
		   "Content-Length: %zu\r\n\r\n%s",
		   c->line ? c->status : 404, c->line ? strlen(c->body) : 0,
		   c->line ? c->body : "");
	buf_add(&s->seen, buf_slice(&in));
	for (size_t at = 0; at < out.n; at += (size_t)n) {
		n = send(fd, out.p + at, out.n - at, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	shutdown(fd, SHUT_WR);
	while (read(fd, chunk, sizeof(chunk)) > 0)
		;
	close(fd);
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	int fd;

	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		answer(s, fd);
	return NULL;
}

/* Listens at once; without canned answers nobody ever accepts. */
static void server_start(struct server *s, const struct canned *canned)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);

	*s = (struct server){.canned = canned, .seen = BUF_MAX(1 << 20)};
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	ASSERT(listen(s->fd, 16) == 0 && getsockname(s->fd, (struct sockaddr *)&a, &n) == 0);
	s->port = ntohs(a.sin_port);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->port);
	if (canned)
		ASSERT(pthread_create(&s->thread, NULL, serve, s) == 0);
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	if (s->canned)
		pthread_join(s->thread, NULL);
	close(s->fd);
}

static bool seen(const struct server *s, const char *text)
{
	return strstr(buf_str(&s->seen), text) != NULL;
}

/* ---- EC2 ---- */

#define ROLES "GET /latest/meta-data/iam/security-credentials/"
#define TOKEN "PUT /latest/api/token ", 200, "IMDSTOKEN"
#define ROLE  ROLES " ", 200, "my+role\nsecond\n"

static const struct imds_case {
	const char *name;
	struct canned canned[4];
	enum err err;
	bool found;
	const char *says;
} imds_cases[] = {
	{"a role",
	 {{TOKEN}, {ROLE}, {ROLES "my+role ", 200, KEYS_JSON(",\"Code\":\"Success\"")}},
	 .found = true},
	{"no role", {{TOKEN}, {ROLES " ", 404, ""}}},
	{"an empty list", {{TOKEN}, {ROLES " ", 200, "\n"}}},
	{"another cloud", {{"GET ", 200, "x"}}},
	{"switched off", {{"PUT ", 403, ""}}},
	{"a redirect is not followed", {{"PUT ", 307, ""}}},
	{"token service broken",
	 {{"PUT ", 500, "TOPSECRET"}},
	 ERR_UPSTREAM,
	 .says = "answered 500"},
	{"token with a line feed",
	 {{"PUT ", 200, "a\nTOPSECRET: x"}},
	 ERR_CORRUPT,
	 .says = "invalid session token"},
	{"empty token", {{"PUT ", 200, ""}}, ERR_CORRUPT, .says = "invalid session token"},
	{"list refused", {{TOKEN}, {ROLES " ", 401, ""}}, ERR_DENIED, .says = "answered 401"},
	{"role gone", {{TOKEN}, {ROLE}}, ERR_DENIED, .says = "answered 404"},
	{"failure code",
	 {{TOKEN}, {ROLE}, {ROLES "my", 200, "{\"Code\":\"AssumeRoleDenied\"}"}},
	 ERR_UPSTREAM,
	 .says = "answered 'AssumeRoleDenied'"},
	{"garbage",
	 {{TOKEN}, {ROLE}, {ROLES "my", 200, "TOPSECRET"}},
	 ERR_CORRUPT,
	 .says = "not a JSON"},
	{"an array",
	 {{TOKEN}, {ROLE}, {ROLES "my", 200, "[1]"}},
	 ERR_CORRUPT,
	 .says = "not a JSON"},
	{"nothing", {{TOKEN}, {ROLE}, {ROLES "my", 200, ""}}, ERR_CORRUPT, .says = "not a JSON"},
	{"half",
	 {{TOKEN}, {ROLE}, {ROLES "my", 200, "{\"AccessKeyId\":\"AK\"}"}},
	 ERR_CORRUPT,
	 .says = "without an access key or its secret"},
	{"numbers for keys",
	 {{TOKEN}, {ROLE}, {ROLES "my", 200, "{\"AccessKeyId\":1}"}},
	 ERR_CORRUPT,
	 .says = "without an access key or its secret"},
	{"invalid expiration",
	 {{TOKEN}, {ROLE}, {ROLES "my", 200, "{\"Expiration\":\"soon\"}"}},
	 ERR_CORRUPT,
	 .says = "invalid expiration"},
};

static void check_temporary(const struct creds *c, const char *source)
{
	if (!CHECK(c != NULL, "credentials are there"))
		return;
	CHECK_STR(c->access_key, "AK", "access key");
	CHECK_STR(c->secret_key, "TOPSECRET", "secret key");
	CHECK_STR(c->token, "TOK", "token");
	CHECK_INT(c->expires_s, EXPIRY_S, "expiry");
	CHECK_STR(c->source, source, "source");
}

static void check_imds_case(const struct imds_case *c)
{
	struct server s;
	struct pair vars[MAX_VARS] = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", NULL}};
	struct creds_env env = world(vars, NULL, NULL);
	struct creds *got = NULL;
	struct error e = {0};
	char endpoint[80];

	server_start(&s, c->canned);
	snprintf(endpoint, sizeof(endpoint), "%s/", s.url);
	vars[0].value = endpoint;
	CHECK_INT(creds_load(&env, NULL, &got, &e), c->err, c->name);
	server_stop(&s);
	if (c->err)
		CHECK(strstr(e.msg, c->says) && !strstr(e.msg, "TOPSECRET"), e.msg);
	if (c->found) {
		check_temporary(got, "IMDSv2 role");
		CHECK(seen(&s, "PUT /latest/api/token HTTP/1.1\r\n"), "one slash");
		CHECK(seen(&s, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"), "lifetime");
		CHECK(seen(&s, "X-aws-ec2-metadata-token: IMDSTOKEN\r\n"), "session token");
	} else {
		CHECK(got == NULL, "no credentials");
	}
	creds_free(got);
	buf_fini(&s.seen);
}

/* Nobody there, and somebody who never answers: no credentials, within the second. */
static void check_imds_absent(void)
{
	struct server s;
	struct creds *got = NULL;
	struct error e = {0};
	int64_t began;

	server_start(&s, NULL);
	began = clock_mono_ns();
	CHECK_INT(creds_http_imds(s.url, &got, &e), OK, "no answer");
	CHECK(clock_mono_ns() - began < 5 * NS_PER_S, "one try of one second");
	CHECK(got == NULL, "is no credentials");
	server_stop(&s);
	CHECK_INT(creds_http_imds(s.url, &got, &e), OK, "connection refused");
	CHECK(got == NULL, "is no credentials");
	CHECK_INT(creds_http_imds("ftp://127.0.0.1", &got, &e), ERR_USAGE, "not http");
	CHECK_INT(creds_http_imds("http://[", &got, &e), ERR_USAGE, "not a URL");
}

/* ---- containers ---- */

static void check_container_urls(void)
{
	static const struct {
		const char *url;
		bool allowed;
	} cases[] = {
		{"https://anywhere.example/x", true},
		{"http://localhost:8080/x", true},
		{"http://LOCALHOST/x", true},
		{"http://127.0.0.1/x", true},
		{"http://127.9.9.9:1/x", true},
		{"http://[::1]:80/x", true},
		{"http://169.254.170.2/v2", true},
		{"http://169.254.170.23/v1/credentials", true},
		{"http://[fd00:ec2::23]/v1/credentials", true},
		{"http://169.254.170.24/", false},
		{"http://169.254.169.254/", false},
		{"http://10.0.0.1/", false},
		{"http://localhost.evil.example/", false},
		{"http://127.0.0.1@evil.example/", false},
		{"http://127.0.0.1.evil.example/", false},
		{"http://evil.example/#127.0.0.1", false},
		{"ftp://localhost/", false},
		{"file:///etc/passwd", false},
		{"localhost", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error e;

		CHECK_INT(creds_http_container_url(cases[i].url, &e),
			  cases[i].allowed ? OK : ERR_USAGE, cases[i].url);
	}
}

static void check_container(void)
{
	static const struct canned canned[] = {
		{"GET /v2/credentials/uuid ", 200, KEYS_JSON("")},
		{"GET /denied", 403, "{\"message\":\"TOPSECRET\"}"},
		{"GET /broken", 500, ""},
		{"GET /elsewhere ", 200, KEYS_JSON("")},
		{"GET /redirect", 302, ""},
		{NULL},
	};
	static const struct {
		const char *path;
		enum err err;
	} failures[] = {{"/denied", ERR_DENIED},
			{"/broken", ERR_UPSTREAM},
			{"/redirect", ERR_DENIED},
			{"/nowhere", ERR_DENIED}};
	struct server s;
	struct pair vars[MAX_VARS] = {
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/uuid"},
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc"},
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", NULL}};
	struct creds_env env = world(vars, NULL, NULL);
	struct creds *got = NULL;
	struct error e = {0};

	server_start(&s, canned);
	env.container_base = s.url;
	CHECK_INT(creds_load(&env, NULL, &got, &e), OK, "container");
	check_temporary(got, "container endpoint");
	creds_free(TAKE(got));
	vars[2].value = "token";
	put("token", "first\n");
	CHECK_INT(creds_load(&env, NULL, &got, &e), OK, "token file");
	creds_free(TAKE(got));
	put("token", "second");
	CHECK_INT(creds_load(&env, NULL, &got, &e), OK, "token file again");
	creds_free(TAKE(got));
	put("token", "x\nTOPSECRET");
	CHECK_INT(creds_load(&env, NULL, &got, &e), ERR_USAGE, "two lines in the token file");
	CHECK(!strstr(e.msg, "TOPSECRET"), e.msg);
	put("token", NULL);
	CHECK_INT(creds_load(&env, NULL, &got, &e), ERR_IO, "no token file");
	vars[2].value = NULL;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		vars[0].value = failures[i].path;
		CHECK_INT(creds_load(&env, NULL, &got, &e), failures[i].err, failures[i].path);
		CHECK(!strstr(e.msg, "TOPSECRET") && !got, e.msg);
	}
	server_stop(&s);
	CHECK(seen(&s, "Authorization: Basic abc\r\n"), "token from the environment");
	CHECK(seen(&s, "Authorization: first\r\n"), "token from the file");
	CHECK(seen(&s, "Authorization: second\r\n"), "which is read each time");
	CHECK(!seen(&s, "GET /elsewhere"), "redirects are not followed");
	CHECK_INT(creds_load(&env, NULL, &got, &e), ERR_NET, "nobody there is an error here");
	buf_fini(&s.seen);
}

static void check_oversize(void)
{
	char *huge CLEANUP(free_p) = xzalloc(70000);
	struct canned canned[] = {{"GET ", 200, huge}, {NULL}};
	struct server s;
	struct creds *got = NULL;
	struct error e = {0};

	memset(huge, ' ', 69999);
	server_start(&s, canned);
	CHECK_INT(creds_http_container(s.url, SLICE_NONE, &got, &e), ERR_LIMIT, "70000 bytes");
	server_stop(&s);
	CHECK(got == NULL, "are not looked at");
	buf_fini(&s.seen);
}

/* ---- STS ---- */

#define STS_BODY                                                                                   \
	"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"        \
	"<AccessKeyId>AK</AccessKeyId><SecretAccessKey>TOPSECRET</SecretAccessKey>"                \
	"<SessionToken>TOK</SessionToken><Expiration>" EXPIRY "</Expiration></Credentials>"        \
	"</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

static void check_sts(void)
{
	static const struct {
		const char *name;
		int status;
		const char *body;
		enum err err;
		const char *says;
	} cases[] = {
		{"STS", 200, STS_BODY, OK, ""},
		{"refused", 400,
		 "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>TOPSECRET</"
		 "Message>"
		 "</Error></ErrorResponse>",
		 ERR_DENIED, "STS answered 400 InvalidIdentityToken"},
		{"broken", 503, "oops TOPSECRET", ERR_UPSTREAM, "STS answered 503"},
		{"garbage", 200, "TOPSECRET", ERR_CORRUPT, "STS: XML line 1"},
		{"a document type", 200, "<!DOCTYPE x []><x/>", ERR_CORRUPT, "document type"},
		{"an error with 200", 200, "<ErrorResponse/>", ERR_CORRUPT, "complete credentials"},
	};

	put("identity", "ey.J/x+y=\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct canned canned[] = {{"POST / ", cases[i].status, cases[i].body}, {NULL}};
		struct server s;
		struct pair vars[MAX_VARS] = {
			{"AWS_WEB_IDENTITY_TOKEN_FILE", "identity"},
			{"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"},
			{"AWS_ENDPOINT_URL_STS", s.url},
			{"AWS_ENDPOINT_URL", "http://127.0.0.1:1"},
			{i == 0 ? "AWS_ROLE_SESSION_NAME" : "X", "me@here"},
		};
		struct creds_env env = world(vars, NULL, NULL);
		struct creds *got = NULL;
		struct error e = {0};

		server_start(&s, canned);
		CHECK_INT(creds_load(&env, "eu-west-1", &got, &e), cases[i].err, cases[i].name);
		server_stop(&s);
		if (cases[i].err)
			CHECK(strstr(e.msg, cases[i].says) && !strstr(e.msg, "TOPSECRET"), e.msg);
		else
			check_temporary(got, "web identity as 'arn:aws:iam::1:role/r'");
		CHECK(seen(&s, i == 0 ? "&RoleSessionName=me%40here&"
				      : "&RoleSessionName=pepto-symbol&"),
		      "session name");
		CHECK(seen(&s, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
			       "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&"),
		      "form");
		CHECK(seen(&s, "&WebIdentityToken=ey.J%2Fx%2By%3D"), "token, trimmed and escaped");
		creds_free(got);
		buf_fini(&s.seen);
	}
	put("identity", NULL);
}

int main(void)
{
	char root[] = "/tmp/pepto-creds-XXXXXX";

	curl_global_init(CURL_GLOBAL_DEFAULT);
	ASSERT(mkdtemp(root) && chdir(root) == 0);
	ASSERT(mkdir(".aws", 0700) == 0 && mkdir("dmi", 0700) == 0);
	check_chain();
	check_identity();
	check_paths();
	check_dmi();
	check_region();
	check_s3_settings();
	check_process();
	check_new();
	for (size_t i = 0; i < ARRAY_LEN(imds_cases); i++)
		check_imds_case(&imds_cases[i]);
	check_imds_absent();
	check_container_urls();
	check_container();
	check_oversize();
	check_sts();
	world(NULL, NULL, NULL);
	put("other", NULL);
	rmdir(".aws");
	rmdir("dmi");
	rmdir(root);
	curl_global_cleanup();
	return tap_done();
}
