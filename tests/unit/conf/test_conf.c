// SPDX-License-Identifier: MIT
/* Defaults, flags, ranges, every message, precedence, and the two ways to name stores. */
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/dotenv.h"
#include "tap.h"

#include <fcntl.h>

#define ARGS_MAX 80

/* Load with a clean environment of "NAME=value" strings, then flags; both end in NULL. */
static enum err load(struct conf *c, const char *const *env, const char *const *flags,
		     struct error *e)
{
	static char args[ARGS_MAX][128];
	char *argv[ARGS_MAX + 1] = {NULL};
	int argc = 0;

	clearenv();
	for (; env && *env; env++) {
		struct slice name = slice_head(slice_of(*env), slice_find(slice_of(*env), '='));
		char *copy CLEANUP(free_p) = xstrndup(name.p, name.n);

		setenv(copy, name.p + name.n + 1, 1);
	}
	for (; flags && *flags && argc < ARGS_MAX; flags++, argc++) {
		snprintf(args[argc], sizeof(args[argc]), "%s", *flags);
		argv[argc] = args[argc];
	}
	*e = (struct error){.msg = ""};
	return conf_load(c, argc, argv, e);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void)
{
	struct conf c CLEANUP(conf_fini);
	struct error e;

	CHECK(chdir("/tmp") == 0, "test directory");
	CHECK_INT(load(&c, NULL, NULL, &e), OK, "nothing set");
	CHECK_STR(c.listen_address, "", "all addresses");
	CHECK_INT((long long)c.port, 5000, "port");
	CHECK_INT((long long)c.n_stores, 1, "one store");
	CHECK_STR(c.stores[0], "file:///tmp/symbols", "the embedded default");
	CHECK_STR(c.stores_from, "default", "and where it is from");
	CHECK(!c.stores[1], "the list ends");
	CHECK_INT(c.request_budget_ns, 8 * NS_PER_S, "request budget");
	CHECK_INT(c.try_timeout_ns, 3 * NS_PER_S, "try timeout");
	CHECK_INT(c.drain_timeout_ns, 25 * NS_PER_S, "drain timeout");
	CHECK_INT((long long)c.max_header_size, 44 << 10, "header size");
	CHECK_INT((long long)c.stream_buffer, 128 << 10, "stream buffer");
	CHECK_STR(c.cache_dir, "", "the user's cache directory");
	CHECK_INT((long long)c.cache_size, 0, "cache size, chosen later");
	CHECK_INT((long long)c.cache_min_free, 1 << 30, "space left free");
	CHECK_INT(c.cache_fresh_ns, 24 * 3600 * NS_PER_S, "fresh for a day");
	CHECK_INT(c.miss_ttl_ns, 60 * NS_PER_S, "a miss for a minute");
	CHECK_INT((long long)c.fetch_block, 16 << 20, "block");
	CHECK_STR(c.admin_token, "", "no purging");
	CHECK_INT((long long)c.decode_max, 0, "decoders, counted later");
	CHECK_INT((long long)c.max_object_size, INT64_C(16) << 30, "longest decoded file");
	CHECK(c.verify_keys && !c.serve_cab, "files are verified, no cabinets made");
	CHECK_INT(c.outage, OUTAGE_503, "outage");
	CHECK_INT(c.log_level, LOG_INFO, "log level");
	CHECK_INT(c.log_format, LOG_LOGFMT, "log format");
	CHECK(c.access_log && !c.cors && !c.serve_any_path && !c.slow_fetch, "booleans");
	CHECK(!c.check && !c.help && !c.version, "switches");
}

static void test_root_default(void)
{
	struct conf c CLEANUP(conf_fini);
	struct error e;

	CHECK(chdir("/") == 0 && !load(&c, NULL, NULL, &e), "in the root directory");
	CHECK_STR(c.stores[0], "file:///symbols", "no double slash");
}

static void test_flags(void)
{
	struct conf c CLEANUP(conf_fini);
	struct error e;

	CHECK_INT(load(&c, LIST("PORT=1", "OUTAGE=503", "LOG_LEVEL=", "LISTEN_ADDRESS=::"),
		       LIST("--port", "2", "--outage=404", "--cors", "--access-log", "off",
			    "--serve-any-path=yes", "--check", "--log-format", "JSON",
			    "--listen-address=", "--idle-timeout", "1m"),
		       &e),
		  OK, "flags of every form");
	CHECK_INT((long long)c.port, 2, "a flag wins");
	CHECK_INT(c.outage, OUTAGE_404, "with =");
	CHECK_INT(c.log_level, LOG_INFO, "an empty variable is not set");
	CHECK_STR(c.listen_address, "", "an empty flag is");
	CHECK(c.cors && c.serve_any_path && !c.access_log && c.check, "booleans and switches");
	CHECK_INT(c.log_format, LOG_JSON, "choices in any case");
	CHECK_INT(c.idle_timeout_ns, 60 * NS_PER_S, "minutes");
}

/* Each range: the edges are in, one step beyond is out. */
static void test_ranges(void)
{
	static const struct {
		const char *flag;
		enum err want;
	} t[] = {
		{"--port=0", OK},
		{"--port=65535", OK},
		{"--port=65536", ERR_USAGE},
		{"--port=-1", ERR_USAGE},
		{"--port=", ERR_USAGE},
		{"--port=5000 ", ERR_USAGE},
		{"--port=99999999999999999999", ERR_USAGE},
		{"--threads=64", OK},
		{"--threads=65", ERR_USAGE},
		{"--max-transfers=2", OK},
		{"--max-transfers=1", ERR_USAGE},
		{"--max-transfers=65536", OK},
		{"--max-transfers=65537", ERR_USAGE},
		{"--max-header-size=4KiB", OK},
		{"--max-header-size=4095", ERR_USAGE},
		{"--max-header-size=1m", OK},
		{"--max-header-size=1048577", ERR_USAGE},
		{"--stream-buffer=128k", OK},
		{"--stream-buffer=127k", ERR_USAGE},
		{"--stream-buffer=16MiB", OK},
		{"--stream-buffer=17MiB", ERR_USAGE},
		{"--min-send-rate=0", OK},
		{"--cache-size=0", OK},
		{"--cache-size=1024TiB", OK},
		{"--cache-size=1025TiB", ERR_USAGE},
		{"--cache-size=", ERR_USAGE},
		{"--cache-fresh=0s", OK},
		{"--cache-fresh=87600h", OK},
		{"--cache-fresh=87601h", ERR_USAGE},
		{"--miss-ttl=0", OK},
		{"--miss-ttl=24h", OK},
		{"--miss-ttl=86401s", ERR_USAGE},
		{"--miss-entries=0", OK},
		{"--miss-entries=100000001", ERR_USAGE},
		{"--fetch-parallel=0", ERR_USAGE},
		{"--fetch-parallel=16", OK},
		{"--fetch-parallel=17", ERR_USAGE},
		{"--fetch-block=1MiB", OK},
		{"--fetch-block=1023KiB", ERR_USAGE},
		{"--max-fills=0", ERR_USAGE},
		{"--max-fill-waiters=0", ERR_USAGE},
		{"--decode-max=0", OK},
		{"--decode-max=256", OK},
		{"--decode-max=257", ERR_USAGE},
		{"--max-object-size=1MiB", OK},
		{"--max-object-size=1048575", ERR_USAGE},
		{"--max-object-size=1024TiB", OK},
		{"--max-object-size=1025TiB", ERR_USAGE},
		{"--request-budget=1s", OK},
		{"--request-budget=999ms", ERR_USAGE},
		{"--request-budget=25", OK},
		{"--request-budget=25001ms", ERR_USAGE},
		{"--drain-timeout=0", OK},
		{"--cors=maybe", ERR_USAGE},
		{"--outage=500", ERR_USAGE},
		{"--admin-address=127.0.0.1:0", OK},
		{"--admin-address=127.0.0.1", ERR_USAGE},
		{"--admin-address=", OK},
		{"--public-url=https://symbols.example.com", OK},
		{"--public-url=symbols.example.com", ERR_USAGE},
		{"--cache-control=no-store", OK},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct conf c CLEANUP(conf_fini);
		struct error e;

		CHECK_INT(load(&c, NULL, LIST(t[i].flag), &e), t[i].want, t[i].flag);
		CHECK(!e.msg[0] == (t[i].want == OK) && !strpbrk(e.msg, "\r\n"), "one line");
	}
}

static void test_messages(void)
{
	static const struct {
		const char *env;
		const char *flags[4];
		const char *msg;
	} t[] = {
		{"PORT=http", {NULL}, "PORT: 'http' is not a port from 0 to 65535, or off"},
		{"MAX_HEADER_SIZE=1",
		 {NULL},
		 "MAX_HEADER_SIZE: '1' is not a size from 4KiB to 1MiB"},
		{"X=",
		 {"--request-budget", "1m"},
		 "--request-budget: '1m' is not a time from 1s to 25s"},
		{"LOG_LEVEL=all", {NULL}, "LOG_LEVEL: 'all' is not one of debug|info|warn|error"},
		{"CORS=*", {NULL}, "CORS: '*' is not on or off"},
		{"ADMIN_ADDRESS=9000",
		 {NULL},
		 "ADMIN_ADDRESS: '9000' is not an address as host:port"},
		{"PUBLIC_URL=a", {NULL}, "PUBLIC_URL: 'a' is not an http:// or https:// URL"},
		{"BASE_PATH=/a\nb", {NULL}, "BASE_PATH: '/a?b' is not one line of text"},
		{"X=",
		 {"--cache-control=a\r\nB: c"},
		 "--cache-control: 'a??B: c' is not one line of text"},
		{"X=", {"--prot=1"}, "--prot: no such flag; did you mean --port?"},
		{"X=", {"--stores", "file:///a"}, "--stores: no such flag; did you mean --store?"},
		{"X=", {"--qwertyuiop"}, "--qwertyuiop: no such flag; --help lists them"},
		{"X=", {"--"}, "--: no such flag; --help lists them"},
		{"X=", {"--port", "1", "--port=2"}, "--port: given twice"},
		{"X=", {"--cors", "--cors"}, "--cors: given twice"},
		{"X=", {"--port"}, "--port: needs a value"},
		{"X=", {"--port", "--cors"}, "--port: needs a value"},
		{"X=", {"--check=1"}, "--check: takes no value"},
		{"X=", {"8080"}, "'8080' is neither a flag nor its value"},
		{"X=", {"-p", "8080"}, "'-p' is neither a flag nor its value"},
		{"X=", {"--check", "on"}, "'on' is neither a flag nor its value"},
		{"PATH_PREFIX=a", {NULL}, "PATH_PREFIX is set, but S3_BUCKET is not"},
		{"S3_BUCKET=abc",
		 {"--store", "file:///a"},
		 "S3_BUCKET and STORES (--store) are both set: choose one"},
		{"STORES=file:///a",
		 {"--s3-bucket", "abc"},
		 "S3_BUCKET and STORES (--store) are both set: choose one"},
		{"S3_BUCKET=a b",
		 {NULL},
		 "S3_BUCKET: 'a b' is not a bucket name: 1 to 255 characters, without blanks and "
		 "slashes"},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct conf c;
		struct error e;

		CHECK_INT(load(&c, LIST(t[i].env), t[i].flags, &e), ERR_USAGE, "refused");
		CHECK_STR(e.msg, t[i].msg, "and says why");
		CHECK(!c.stores && !c.base_path, "left empty");
	}
}

static void test_long_value(void)
{
	char value[4096] = "PORT=";
	struct conf c;
	struct error e;

	memset(value + 5, '9', sizeof(value) - 6);
	value[sizeof(value) - 1] = '\0';
	CHECK_INT(load(&c, LIST(value), NULL, &e), ERR_USAGE, "a long value");
	CHECK(slice_ends(slice_of(e.msg), SLICE("...' is not a port from 0 to 65535, or off")),
	      "is cut");
	CHECK(strlen(e.msg) < 120, "to a line");
}

/* Every way to get a secret wrong; none may show up in the message. */
static void test_secrets(void)
{
	static const struct {
		const char *env;
		const char *flags[4];
	} t[] = {
		{"AUTH_TOKENS=hunter2\nx", {NULL}},
		{"X=", {"--auth-tokens=hunter2\n"}},
		{"X=", {"--auth-tokens", "hunter2", "--auth-tokens=hunter2"}},
		{"X=", {"--auth-tokens", "a", "hunter2"}},
		{"X=", {"--auth-tokens=a", "--check", "hunter2"}},
		{"X=", {"--store", "https://a:b@c", "https://a:hunter2@c"}},
		{"X=", {"--auth-token=hunter2"}},
		{"X=", {"--auth-token", "hunter2"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct conf c;
		struct error e;

		CHECK_INT(load(&c, LIST(t[i].env), t[i].flags, &e), ERR_USAGE, "refused");
		CHECK(*e.msg && !strstr(e.msg, "hunter2"), "without the secret");
	}
}

static void test_stores(void)
{
	struct conf c CLEANUP(conf_fini);
	struct error e;

	CHECK_INT(load(&c, LIST("STORES= s3://a/b?region=x  file:///c\n\thttps://d/e "), NULL, &e),
		  OK, "a list in the environment");
	CHECK_INT((long long)c.n_stores, 3, "its length");
	CHECK_STR(c.stores[0], "s3://a/b?region=x", "first");
	CHECK_STR(c.stores[1], "file:///c", "second");
	CHECK_STR(c.stores[2], "https://d/e", "third");
	CHECK_STR(c.stores_from, "STORES", "from the list");
	conf_fini(&c);
	CHECK_INT(load(&c, LIST("STORES=s3://a"), LIST("--store", "file:///b", "--store=file:///c"),
		       &e),
		  OK, "flags, repeated");
	CHECK_INT((long long)c.n_stores, 2, "replace the environment");
	CHECK_STR(c.stores[1], "file:///c", "in order");
	conf_fini(&c);
	CHECK_INT(load(&c, LIST("STORES=  "), NULL, &e), OK, "a blank list");
	CHECK_STR(c.stores_from, "default", "is no list");
	conf_fini(&c);
	CHECK_INT(load(&c, LIST("STORES= ", "S3_BUCKET=abc"), NULL, &e), OK, "beside a bucket");
	CHECK_STR(c.stores_from, "S3_BUCKET", "neither");
}

static void test_store_limit(void)
{
	char value[8 + 2 * (CONF_LIST_MAX + 1)] = "STORES=";
	struct conf c CLEANUP(conf_fini);
	struct error e;

	for (int i = 0; i < CONF_LIST_MAX; i++)
		memcpy(value + 7 + 2 * i, "x ", 3);
	CHECK_INT(load(&c, LIST(value), NULL, &e), OK, "as many stores as may be");
	CHECK_INT((long long)c.n_stores, CONF_LIST_MAX, "are all there");
	conf_fini(&c);
	memcpy(value + 7 + 2 * CONF_LIST_MAX, "x", 2);
	CHECK_INT(load(&c, LIST(value), NULL, &e), ERR_USAGE, "one more");
	CHECK_STR(e.msg, "STORES: not a list of at most 64", "says the limit");
}

static void test_bucket(void)
{
	static const struct {
		const char *bucket;
		const char *prefix;
		const char *url; /* NULL: refused */
	} t[] = {
		{"abc", "", "s3://abc"},
		{"my.symbols-1", "pdb", "s3://my.symbols-1/pdb"},
		{"Old_Bucket", "", "s3://Old_Bucket"},
		{"abc", "/", "s3://abc"},
		{"abc", "//a/b//", "s3://abc/a/b"},
		{"abc", "/a//b/", "s3://abc/a//b"},
		{"abc", "a b+c%d#e?f", "s3://abc/a%20b%2Bc%25d%23e%3Ff"},
		{"abc", "\xc3\xa4", "s3://abc/%C3%A4"},
		{"ab", "", "s3://ab"},
		{"tenant:abc", "", "s3://tenant%3Aabc"},
		{"abc?x", "", "s3://abc%3Fx"},
		{"user@abc", "", "s3://user%40abc"},
		{".abc", "", "s3://.abc"},
		{"\xc3\xa4\xc3\xa4", "", "s3://%C3%A4%C3%A4"},
		{"a/b", "", NULL},
		{"a\\b", "", NULL},
		{"s3://abc", "", NULL},
		{"a\x01", "", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char bucket[64], prefix[64];
		struct conf c CLEANUP(conf_fini);
		struct error e;

		snprintf(bucket, sizeof(bucket), "S3_BUCKET=%s", t[i].bucket);
		snprintf(prefix, sizeof(prefix), "PATH_PREFIX=%s", t[i].prefix);
		CHECK_INT(load(&c, LIST(bucket, prefix), NULL, &e), t[i].url ? OK : ERR_USAGE,
			  t[i].bucket);
		CHECK_STR(c.stores ? c.stores[0] : NULL, t[i].url, "the store's URL");
		CHECK(c.n_stores == (t[i].url ? 1 : 0), "one store or none");
	}
}

static void test_switches(void)
{
	struct conf c CLEANUP(conf_fini);
	struct error e;

	CHECK_INT(load(&c, LIST("PORT=bad"), LIST("--help"), &e), OK, "--help forgives the rest");
	CHECK(c.help && !c.version, "and is told");
	CHECK_INT(load(&c, LIST("PORT=bad"), LIST("--version"), &e), OK, "so does --version");
	CHECK(c.version && !c.check, "and is told too");
	CHECK_INT(load(&c, LIST("PORT=bad"), LIST("--check"), &e), ERR_USAGE, "--check does not");
}

/* default < .env < environment < flag */
static void test_precedence(void)
{
	char dir[] = "/tmp/conf-XXXXXX";
	static const char text[] = "MAX_TRANSFERS=2\nTHREADS=2\nPORT=2\n";
	char *const flags[] = {(char[]){"--port=4"}, NULL};
	struct conf c CLEANUP(conf_fini) = {.n_stores = 0};
	struct error e;
	int fd;

	CHECK(mkdtemp(dir) && chdir(dir) == 0, "test directory");
	fd = open(".env", O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) > 0 && close(fd) == 0, "test file");
	clearenv();
	setenv("THREADS", "3", 1);
	setenv("PORT", "3", 1);
	CHECK_INT(dotenv_load_file(".env", NULL, &e), OK, "the file");
	CHECK_INT(conf_load(&c, 1, flags, &e), OK, "and the rest");
	CHECK_INT((long long)c.max_connections, 10000, "default");
	CHECK_INT((long long)c.max_transfers, 2, ".env over default");
	CHECK_INT((long long)c.threads, 3, "environment over .env");
	CHECK_INT((long long)c.port, 4, "flag over environment");
	CHECK(unlink(".env") == 0 && chdir("/") == 0 && rmdir(dir) == 0, "cleaned up");
}

int main(void)
{
	test_defaults();
	test_root_default();
	test_flags();
	test_ranges();
	test_messages();
	test_long_value();
	test_secrets();
	test_stores();
	test_store_limit();
	test_bucket();
	test_switches();
	test_precedence();
	return tap_done();
}
