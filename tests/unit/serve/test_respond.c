// SPDX-License-Identifier: MIT
/*
 * The headers of found answers, by what the answer says of itself. respond.c is included: describe()
 * writes them without there being a connection.
 */
#include "serve/respond.c"

#include "tap.h"

#define ETAG "\"abc\""

struct rig {
	struct conf conf;
	struct server server;
	struct exchange x;
	struct store_list stores; /* none */
};

static void rig_init(struct rig *r)
{
	*r = (struct rig){
		.x = {
			.client.max_size = INT64_MAX,
			.answer =
				{.kind = ANSWER_FOUND,
				 .head = {.total = 1000, .length = 1000, .mtime = 0, .etag = ETAG}},
		}};
	r->conf.tls_client_ca = (char *)(uintptr_t) "";
	r->server.parts.conf = &r->conf;
	r->server.cache_control = (char *)(uintptr_t) "public";
	r->server.parts.stores = &r->stores;
	r->x.server = &r->server;
	r->x.path.spellings = 1;
}

/* In a head as it goes over the wire; "-" when it is not there, once. */
static struct slice header_of(struct slice head, const char *name)
{
	struct slice line, value = SLICE("-");

	while (slice_next(&head, '\n', &line)) {
		size_t colon = slice_find(line, ':');

		if (!slice_eq(slice_head(line, colon), slice_of(name)))
			continue;
		ASSERT(slice_ends(line, SLICE("\r")) && slice_eq(value, SLICE("-")));
		value = slice_trim(slice_from(line, colon + 1));
	}
	return value;
}

/* What the answer of the rig says in this header, or "-"; lives until the next call. */
static const char *says(struct rig *r, const char *header)
{
	static char text[128];
	struct buf head CLEANUP(buf_fini) = BUF_MAX(4096);
	struct slice value;

	describe(&r->x, &head);
	value = header_of(buf_slice(&head), header);
	snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(value));
	return text;
}

static void test_plain(void)
{
	struct rig r;

	rig_init(&r);
	CHECK_STR(says(&r, "Content-Type"), OCTET_STREAM, "a file");
	CHECK_STR(says(&r, "Accept-Ranges"), "bytes", "of which parts may be asked for");
	CHECK_STR(says(&r, "ETag"), ETAG, "with its name");
	CHECK_STR(says(&r, "Last-Modified"), "Thu, 01 Jan 1970 00:00:00 GMT", "and its date");
	CHECK_STR(says(&r, "Cache-Control"), "public", "that may be kept");
	CHECK_STR(says(&r, "Vary"), "-", "the same for everybody");
	CHECK_STR(says(&r, "Content-Encoding"), "-", "not encoded");
	CHECK_STR(says(&r, "x-ms-symbol-format"), "-", "not MSFZ");
	CHECK_STR(says(&r, "X-DEBUGINFOD-SIZE"), "-", "not debuginfod's");
}

static void test_vary(void)
{
	static const struct {
		const char *encoding;
		bool by_encoding, by_accept;
		const char *want;
		bool twin;
	} t[] = {
		{"", false, false, "User-Agent", true},
		{"", true, true, "Accept-Encoding, Accept, User-Agent", true},
		{"", false, false, "-"},
		{"", true, false, "Accept-Encoding"},
		{"", false, true, "Accept"},
		{"", true, true, "Accept-Encoding, Accept"},
		{"gzip", false, false, "Accept-Encoding"},
		{"gzip", false, true, "Accept-Encoding, Accept"},
	};

	struct store some = {0};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig r;

		rig_init(&r);
		r.x.path.spelling[0].last_is = t[i].twin ? LAST_TWIN : LAST_PLAIN;
		r.x.answer.from = &some;
		r.x.answer.vary_encoding = t[i].by_encoding;
		r.x.answer.vary_accept = t[i].by_accept;
		snprintf(r.x.answer.head.encoding, sizeof(r.x.answer.head.encoding), "%s",
			 t[i].encoding);
		CHECK_STR(says(&r, "Vary"), t[i].want, "one header for all");
		CHECK_STR(says(&r, "Accept-Ranges"), t[i].encoding[0] ? "-" : "bytes",
			  "no parts of what is encoded");
	}
}

static void test_msfz(void)
{
	struct rig r;

	rig_init(&r);
	r.x.answer.msfz = true;
	CHECK_STR(says(&r, "x-ms-symbol-format"), "application/msfz0", "MSFZ says so");
	CHECK_STR(says(&r, "Content-Type"), OCTET_STREAM, "PerfView takes nothing else");
}

static void test_debuginfod(void)
{
	struct rig r;

	rig_init(&r);
	r.x.path.debuginfod = true;
	CHECK_STR(says(&r, "X-DEBUGINFOD-SIZE"), "1000", "the whole");
	r.x.answer.head.ranged = true;
	r.x.answer.head.first = 10;
	r.x.answer.head.length = 5;
	CHECK_STR(says(&r, "X-DEBUGINFOD-SIZE"), "1000", "of a part, too");
	CHECK_STR(says(&r, "Content-Range"), "bytes 10-14/1000", "which is this");
	r.x.answer.head.total = -1;
	CHECK_STR(says(&r, "X-DEBUGINFOD-SIZE"), "-", "unknown");
	CHECK_STR(says(&r, "Content-Range"), "bytes 10-14/*", "there as well");
}

static void test_too_large(void)
{
	static const struct {
		bool debuginfod;
		int64_t total, max;
		bool want;
	} t[] = {
		{true, 1000, INT64_MAX, false}, {true, 1000, 1000, false},
		{true, 1000, 999, true},        {true, 1000, 1, true},
		{true, -1, 1, false},           {false, 1000, 999, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig r;

		rig_init(&r);
		r.x.path.debuginfod = t[i].debuginfod;
		r.x.client.max_size = t[i].max;
		CHECK_INT(is_too_large(&r.x, t[i].total), t[i].want, "more than is wanted");
	}
}

/* The Cache-Control of a 404 that may be kept so many seconds, by a server with this MISS_TTL. */
static const struct {
	int64_t ttl, keep;
	bool tokens;
	const char *want;
} misses[] = {
	{60, 0, false, "no-store"},
	{60, -5, false, "no-store"},
	{60, 1, false, "public, max-age=1"},
	{60, 42, false, "public, max-age=42"},
	{60, 42, true, "private, max-age=42"},
	{60, 0, true, "no-store"},
	{60, 60, false, "public, max-age=60"},
	{60, 61, false, "public, max-age=60"},
	{60, INT64_MAX / NS_PER_S, false, "public, max-age=60"},
	{0, 60, false, "no-store"},
	{86400, 60, false, "public, max-age=60"},
	{86400, 119, false, "public, max-age=60"},
	{86400, 120, false, "public, max-age=120"},
	{86400, 3599, false, "public, max-age=3540"},
	{86400, 3600, false, "public, max-age=3600"},
	{86400, 7199, false, "public, max-age=3600"},
	{86400, 86399, false, "public, max-age=82800"},
	{86400, 86400, false, "public, max-age=86400"},
	{86400, 90000, false, "public, max-age=86400"},
};

static void test_misses(void)
{
	static const struct store_list none;

	for (size_t i = 0; i < ARRAY_LEN(misses); i++) {
		struct slice kept;
		struct rig r;
		struct error e;

		rig_init(&r);
		r.conf.cache_control = (char *)(uintptr_t) "";
		r.conf.miss_ttl_ns = misses[i].ttl * NS_PER_S;
		r.server.parts.stores = &none;
		r.server.parts.auth = misses[i].tokens ? (struct auth *)&r : NULL;
		ASSERT(respond_init(&r.server, &e) == OK);
		kept = miss_head(&r.server, 0, misses[i].keep * NS_PER_S);
		CHECK_SLICE(header_of(kept, "Cache-Control"), misses[i].want, "a 404");
		CHECK_SLICE(header_of(kept, "Content-Length"), "0", "without a body");
		respond_fini(&r.server);
	}
}

/* A 404 that may be kept tells by which headers it is one; of another it does not matter. */
static void test_vary_of_misses(void)
{
	struct store store = {.traits = {.aliases = ALIASES_AUTO, .checksums = true}};
	struct store *list[] = {&store};
	const struct store_list one = {list, 1};
	static const struct {
		unsigned by;
		int64_t keep;
		const char *want;
	} t[] = {
		{0, 30, "-"},
		{BY_AGENT, 30, "User-Agent"},
		{BY_AGENT | BY_ACCEPT, 30, "Accept, User-Agent"},
		{BY_AGENT | BY_CHECKSUM, 30, "User-Agent, SymbolChecksum"},
		{BY_AGENT | BY_CHECKSUM, 0, "-"},
	};
	struct rig r;
	struct error e;

	rig_init(&r);
	r.conf.cache_control = (char *)(uintptr_t) "";
	r.conf.miss_ttl_ns = 60 * NS_PER_S;
	r.server.parts.stores = &one;
	ASSERT(respond_init(&r.server, &e) == OK);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct slice miss = miss_head(&r.server, t[i].by, t[i].keep * NS_PER_S);

		CHECK_SLICE(header_of(miss, "Vary"), t[i].want, "what a 404 tells");
	}
	respond_fini(&r.server);
}

/* Each time has a response, which says no more than that. */
static void test_miss_steps(void)
{
	bool good = true;

	for (int64_t s = 0; s <= 90000; s++) {
		size_t step = miss_step(s);
		int64_t told = miss_seconds(step);

		good &= step < MISS_STEPS && told <= s && (s > 86400 || told >= s - s / 2);
	}
	CHECK(good, "for each time one that is not longer, and not much shorter");
}

int main(void)
{
	test_plain();
	test_vary();
	test_msfz();
	test_debuginfod();
	test_too_large();
	test_misses();
	test_vary_of_misses();
	test_miss_steps();
	return tap_done();
}
