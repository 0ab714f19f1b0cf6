// SPDX-License-Identifier: MIT
/* The http(s):// store against a scripted server: what a status means, and what is sent. */
#include "store_rig.h"

#include "tap.h"

#define OPEN "http://127.0.0.1:%u/base"
#define SAYS(status)                                                                               \
	{                                                                                          \
		"HTTP/1.1 " status " No\r\nContent-Length: 0\r\n\r\n"                              \
	}
#define SYMBOL "foo.pdb/C9A61DDDD7E44353A668E39AC614A7EA1/foo.pdb"

static void test_request(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 206 Part\r\nContent-Length: 2\r\nContent-Range: bytes 3-4/9\r\nETag: "
		 "\"e\"\r\n\r\nab"}};
	struct rig r;
	struct asked a;

	rig_init(&r, script, 1);
	rig_open(&r, "http://127.0.0.1:%u/base/?sig=a%2Fb&optional=true");
	a = rig_ask(&r, (struct store_read){.key = SLICE("A b/K+#"),
					    .ranged = true,
					    .range = {3, 4},
					    .if_match = "\"e\"",
					    .via = "1.1 first"});
	CHECK(a.result == STORE_FOUND && a.head.first == 3 && a.head.total == 9 && a.bytes == 2,
	      "a part");
	CHECK(http_server_heard(&r.server, 0, "GET /base/A%20b/K%2B%23?sig=a%2Fb HTTP/1.1\r\n"),
	      "the key as it was asked, and what the server wants to see");
	CHECK(http_server_heard(&r.server, 0, "\r\nVia: 1.1 first, 1.1 pepto-test\r\n"),
	      "Via, ours last");
	CHECK(http_server_heard(&r.server, 0, "\r\nRange: bytes=3-4\r\n") &&
		      http_server_heard(&r.server, 0, "\r\nIf-Match: \"e\"\r\n"),
	      "range and version");
	CHECK(r.store->traits.loops && r.store->traits.optional, "it may lead back to us");
	CHECK(store_is_private(r.store), "a query may be a token: private");
	rig_fini(&r);
}

static void test_redirect_option(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}};
	struct rig r;

	rig_init(&r, script, 1);
	rig_open(&r, OPEN "?redirect=any&redirect=1");
	(void)rig_ask(&r, (struct store_read){.key = SLICE("k")});
	CHECK(r.store->traits.follows_anywhere, "redirect=any is an option of ours");
	CHECK(http_server_heard(&r.server, 0, "GET /base/k?redirect=1 HTTP/1.1\r\n"),
	      "another redirect= the server's");
	rig_fini(&r);
}

/* A client's Via goes on as it is, or not at all. */
static void test_via(void)
{
	static const struct {
		const char *via, *want;
	} rows[] = {
		{"1.1 first", "1.1 first, 1.1 pepto-test"},
		{"1.0 a, 1.1 b (\"c\")", "1.0 a, 1.1 b (\"c\"), 1.1 pepto-test"},
		{"1.1 a\rX-Injected: yes", "1.1 pepto-test"},
		{"1.1 a\nX-Injected: yes", "1.1 pepto-test"},
		{"1.1 a\x0bX-Injected: yes", "1.1 pepto-test"},
		{"1.1 a, 1.1 b\r", "1.1 pepto-test"},
		{"\x1b[31m", "1.1 pepto-test"},
		{"\xff\xfe", "1.1 pepto-test"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const struct http_reply script[] = {
			{"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}};
		char line[100], name[20];
		struct rig r;

		rig_init(&r, script, 1);
		rig_open(&r, OPEN);
		(void)rig_ask(&r, (struct store_read){.key = SLICE("k"), .via = rows[i].via});
		snprintf(line, sizeof(line), "\r\nVia: %s\r\n", rows[i].want);
		snprintf(name, sizeof(name), "Via %zu", i);
		CHECK(http_server_heard(&r.server, 0, line) &&
			      !http_server_heard(&r.server, 0, "Injected"),
		      name);
		rig_fini(&r);
	}
}

/* The same of a SymbolChecksum, and none is made up. */
static void test_checksum(void)
{
	static const struct {
		const char *checksum, *want;
	} rows[] = {
		{NULL, NULL},
		{"SHA256:ab;SHA1:cd", "\r\nSymbolChecksum: SHA256:ab;SHA1:cd\r\n"},
		{"SHA256:ab, SHA256:cd", "\r\nSymbolChecksum: SHA256:ab, SHA256:cd\r\n"},
		{"SHA256:ab\r\nX-Injected: yes", NULL},
		{"SHA256:ab\nX-Injected: yes", NULL},
		{"SHA256:\xff", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const struct http_reply script[] = {SAYS("404")};
		const char *want = rows[i].want ? rows[i].want : "\r\nVia: 1.1 pepto-test\r\n";
		char name[20];
		struct rig r;

		rig_init(&r, script, 1);
		rig_open(&r, OPEN);
		(void)rig_ask(&r,
			      (struct store_read){.key = SLICE("k"), .checksum = rows[i].checksum});
		snprintf(name, sizeof(name), "SymbolChecksum %zu", i);
		CHECK(http_server_heard(&r.server, 0, want) &&
			      http_server_heard(&r.server, 0, "SymbolChecksum") == !!rows[i].want &&
			      !http_server_heard(&r.server, 0, "Injected"),
		      name);
		CHECK(r.store->traits.checksums, "which may make a difference");
		rig_fini(&r);
	}
}

/* Who accepts MSFZ says so. 406 to that is no answer, and for a while nobody says so to that server. */
static void test_msfz(void)
{
	static const struct http_reply script[] = {SAYS("404"), SAYS("404"), SAYS("406"),
						   SAYS("404"), SAYS("406")};
	static const char accept[] = "\r\nAccept: application/msfz0\r\n";
	const struct store_read as_msfz = {.key = SLICE("k"), .msfz = true};
	struct rig r;

	rig_init(&r, script, ARRAY_LEN(script));
	rig_open(&r, OPEN);
	CHECK(r.store->traits.negotiates && store_negotiates(r.store), "it may have that");
	CHECK_INT(rig_ask(&r, as_msfz).result, STORE_MISS, "404 is one");
	CHECK(http_server_heard(&r.server, 0, accept), "asked so");
	CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("k")}).result, STORE_MISS, "404");
	CHECK(!http_server_heard(&r.server, 1, "msfz"), "and not so");
	CHECK_INT(rig_ask(&r, as_msfz).result, STORE_FAULT_RETRY, "406: once more, please");
	CHECK(!store_negotiates(r.store), "and otherwise");
	CHECK_INT(rig_ask(&r, as_msfz).result, STORE_MISS, "which has an answer");
	CHECK(!http_server_heard(&r.server, 3, "msfz"), "asked as it is");
	CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("k")}).result, STORE_FAULT,
		  "406 to who has not said so is any status");
	rig_fini(&r);
}

/*
 * What a server answers to a random name without a SymbolChecksum and with one, and what that makes of
 * a refusal of a request without and with one.
 */
static void test_wanted_checksum(void)
{
	static const struct {
		const char *name;
		struct http_reply probe, again, answer;
		const char *checksum;
		enum store_result result;
		enum err probed;
	} cases[] = {
		{"NuGet's, to who sends none", SAYS("403"), SAYS("404"), SAYS("403"), NULL,
		 STORE_MISS_DENIED, OK},
		{"to who sends one", SAYS("403"), SAYS("404"), SAYS("403"), "SHA256:ab",
		 STORE_FAULT, OK},
		{"that does not have it", SAYS("403"), SAYS("404"), SAYS("404"), "SHA256:ab",
		 STORE_MISS, OK},
		{"GitLab's, to who sends none", SAYS("400"), SAYS("404"), SAYS("400"), NULL,
		 STORE_MISS_REFUSED, OK},
		{"one that denies all the same", SAYS("403"), SAYS("403"), SAYS("403"), NULL,
		 STORE_MISS_DENIED, OK},
		{"to who sends one", SAYS("403"), SAYS("403"), SAYS("403"), "SHA256:ab",
		 STORE_MISS_DENIED, OK},
		{"one that denies, and takes no such header", SAYS("403"), SAYS("400"), SAYS("403"),
		 NULL, STORE_MISS_DENIED, OK},
		{"one that refuses everything", SAYS("400"), SAYS("400"), SAYS("403"), NULL,
		 STORE_FAULT, ERR_UPSTREAM},
		{"one that fails when it is asked again", SAYS("403"), SAYS("503"), SAYS("403"),
		 NULL, STORE_FAULT, ERR_UPSTREAM},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_reply script[] = {cases[i].probe, cases[i].again,
						    cases[i].answer};
		struct rig r;

		rig_init(&r, script, ARRAY_LEN(script));
		rig_open(&r, OPEN);
		CHECK_INT(rig_probe(&r).code, cases[i].probed, cases[i].name);
		CHECK(!http_server_heard(&r.server, 0, "SymbolChecksum") &&
			      http_server_heard(&r.server, 1,
						"\r\nSymbolChecksum: SHA256:00000000"),
		      "probed without and with one");
		CHECK_INT(rig_ask(&r, (struct store_read){.checksum = cases[i].checksum}).result,
			  cases[i].result, cases[i].name);
		rig_fini(&r);
	}
}

static void test_password(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}};
	char url[100];
	struct rig r;

	rig_init(&r, script, 1);
	snprintf(url, sizeof(url), "http://me:p%%40w@127.0.0.1:%u/", r.server.port);
	ASSERT(store_open(&r.ctx, slice_of(url), &r.store, NULL) == OK);
	CHECK(rig_ask(&r, (struct store_read){0}).result == STORE_MISS, "asked");
	CHECK(http_server_heard(&r.server, 0, "\r\nAuthorization: Basic bWU6cEB3\r\n"),
	      "with the password");
	CHECK(store_is_private(r.store), "which makes it private");
	CHECK(!strstr(r.store->traits.name, "me") && !strstr(r.store->traits.name, "w@"),
	      "and is not in its name");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply reply;
	enum store_result result;
	enum err code;
} answers[] = {
	{"200", {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}, STORE_FOUND, OK},
	{"404", {"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnope"}, STORE_MISS, OK},
	{"410", {"HTTP/1.1 410 No\r\nContent-Length: 0\r\n\r\n"}, STORE_MISS, OK},
	{"412", {"HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n"}, STORE_CHANGED, OK},
	{"401", {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"}, STORE_FAULT, ERR_DENIED},
	{"403", {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"}, STORE_FAULT, ERR_DENIED},
	{"400", {"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"}, STORE_FAULT, ERR_DENIED},
	{"204", {"HTTP/1.1 204 No\r\n\r\n"}, STORE_FAULT, ERR_UPSTREAM},
	{"429", {"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"}, STORE_FAULT_RETRY, ERR_UPSTREAM},
	{"500", {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"}, STORE_FAULT_RETRY, ERR_UPSTREAM},
	{"a text called a page",
	 {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx"},
	 STORE_FAULT,
	 ERR_CORRUPT},
	{"a file called a page",
	 {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nMZ\x90\x01"},
	 STORE_FOUND,
	 OK},
	{"a Breakpad file called a page",
	 {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\nMODULE wi"},
	 STORE_FOUND,
	 OK},
	{"a page called nothing",
	 {"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<!doctype html>"},
	 STORE_FAULT,
	 ERR_CORRUPT},
	{"a text", {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}, STORE_FOUND, OK},
	{"a text without a length",
	 {"HTTP/1.1 200 OK\r\n\r\nhello", .close = true},
	 STORE_FOUND,
	 OK},
	{"416 with a size",
	 {"HTTP/1.1 416 No\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n"},
	 STORE_UNSATISFIABLE,
	 OK},
	{"416 without", {"HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n"}, STORE_FAULT, ERR_CORRUPT},
	{"206 without a place",
	 {"HTTP/1.1 206 Ok\r\nContent-Length: 1\r\n\r\nx"},
	 STORE_FAULT,
	 ERR_CORRUPT},
	{"nothing", {NULL}, STORE_FAULT_RETRY, ERR_NET},
	{"half a head", {"HTTP/1.1 404 No\r\nCont", .close = true}, STORE_FAULT_RETRY, ERR_NET},
	{"half a body",
	 {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true},
	 STORE_FAULT_RETRY,
	 ERR_NET},
	{"a redirect to nowhere",
	 {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"},
	 STORE_FAULT,
	 ERR_UPSTREAM},
};

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct rig r;
		struct asked a;

		rig_init(&r, &answers[i].reply, 1);
		rig_open(&r, OPEN);
		a = rig_ask(&r, (struct store_read){
					.key = SLICE(SYMBOL), .ranged = true, .range = {0, 9}});
		if (!CHECK(a.result == answers[i].result && a.error.code == answers[i].code,
			   answers[i].name))
			printf("# result %d: %s '%s'\n", a.result, err_name(a.error.code),
			       a.error.msg);
		rig_fini(&r);
	}
}

/* After such an answer to a probe it is asked once more, with a SymbolChecksum. */
static bool is_refusal(struct http_reply r)
{
	return slice_starts(slice_of(r.text), SLICE("HTTP/1.1 403")) ||
	       slice_starts(slice_of(r.text), SLICE("HTTP/1.1 400"));
}

/* A server that has given a page for a random name says so that it does not have one. */
static void test_pages(void)
{
#define PAGE                                                                                       \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<!doctype html>"                     \
	}
	static const struct {
		const char *name;
		struct http_reply probe, answer;
		const char *key;
		bool head;
		enum store_result result;
	} cases[] = {
		{"a page", PAGE, PAGE, SYMBOL, false, STORE_MISS_DENIED},
		{"for a HEAD", PAGE, PAGE, SYMBOL, true, STORE_MISS_DENIED},
		{"of one that says 404", SAYS("404"), PAGE, SYMBOL, false, STORE_FAULT},
		{"of one that says 403", SAYS("403"), PAGE, SYMBOL, false, STORE_FAULT},
		{"that was asked for", PAGE, PAGE, "docs/index.html", false, STORE_FOUND},
		{"a 404 of one that gives pages", PAGE, SAYS("404"), SYMBOL, false, STORE_MISS},
		{"a file",
		 PAGE,
		 {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nMZ"},
		 SYMBOL,
		 false,
		 STORE_FOUND},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_reply script[] = {cases[i].probe, cases[i].probe,
						    cases[i].answer};
		size_t once = !is_refusal(cases[i].probe);
		struct rig r;

		rig_init(&r, script + once, ARRAY_LEN(script) - once);
		rig_open(&r, OPEN);
		CHECK_INT(rig_probe(&r).code, OK, "answers");
		CHECK_INT(rig_ask(&r, (struct store_read){.key = slice_of(cases[i].key),
							  .head = cases[i].head})
				  .result,
			  cases[i].result, cases[i].name);
		rig_fini(&r);
	}
}

/* A name is refused by a server that knows how to say that it does not have one. */
static void test_refused_names(void)
{
	static const struct {
		const char *name;
		struct http_reply probe, answer;
		enum store_result result;
	} cases[] = {
		{"400", SAYS("404"), SAYS("400"), STORE_MISS_REFUSED},
		{"414", SAYS("404"), SAYS("414"), STORE_MISS_REFUSED},
		{"413", SAYS("404"), SAYS("413"), STORE_FAULT},
		{"431", SAYS("404"), SAYS("431"), STORE_FAULT},
		{"400 of a server that denies", SAYS("403"), SAYS("400"), STORE_FAULT},
		{"400 of one that says so to all", SAYS("400"), SAYS("400"), STORE_FAULT},
		{"414 of one that fails", SAYS("503"), SAYS("414"), STORE_FAULT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_reply script[] = {cases[i].probe, cases[i].probe,
						    cases[i].answer};
		size_t once = !is_refusal(cases[i].probe);
		struct rig r;

		rig_init(&r, script + once, ARRAY_LEN(script) - once);
		rig_open(&r, OPEN);
		rig_probe(&r);
		CHECK_INT(rig_ask(&r, (struct store_read){0}).result, cases[i].result,
			  cases[i].name);
		rig_fini(&r);
	}
}

#define GIVES                                                                                      \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"                                    \
	}
#define BUILD_ID "buildid/99a3901ffd67a5abb2aed30aa2308bd2e1675ed2/debuginfo"

static struct error probe_kind(struct rig *r, enum question q)
{
	struct rig_probe p = {0};

	store_probe(r->store, q, rig_probed, &p);
	ASSERT(manual_until(r->ctx.loop, &p.done));
	return p.error;
}

static void wait_asked(struct rig *r, size_t n)
{
	for (int i = 0; i < 1000 && http_server_asked(&r->server) < n; i++)
		manual_turn(r->ctx.loop, 10);
	for (int i = 0; i < 20; i++)
		manual_turn(r->ctx.loop, 5);
	CHECK_INT(http_server_asked(&r->server), n, "asked so often");
}

/* A server that knows one kind of question: elfutils' debuginfod says 503 to all others. */
static void test_unspoken(void)
{
	static const char *const odd[] = {"503", "400", "405", "406"};

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct buf text CLEANUP(buf_fini) = BUF_MAX(500);
		char says[80];
		/* asked twice, each time */
		size_t more = strcmp(odd[i], "400") == 0;
		const struct http_reply once[] = {{says}, SAYS("404"), GIVES,
						  {says}, SAYS("404"), GIVES};
		const struct http_reply twice[] = {{says}, {says}, SAYS("404"), GIVES,
						   {says}, {says}, SAYS("404"), GIVES};
		struct rig r;
		unsigned epoch;

		snprintf(says, sizeof(says), "HTTP/1.1 %s No\r\nContent-Length: 0\r\n\r\n", odd[i]);
		rig_init(&r, more ? twice : once, ARRAY_LEN(once) + 2 * more);
		rig_open(&r, OPEN "?layout=debuginfod");
		CHECK(probe_kind(&r, QUESTION_SYMBOL).code == ERR_UPSTREAM, odd[i]);
		CHECK(probe_kind(&r, QUESTION_BUILD_ID).code == OK, "to symbol paths, not to both");
		r.store->ops->describe(r.store, &text);
		CHECK(strstr(buf_str(&text), "symbol paths: not spoken here; build-ids: exact"),
		      "it says so");
		CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a.pdb/1/a.pdb")}).result,
			  STORE_MISS_REFUSED, "a miss, for the moment");
		CHECK(!store_speaks(r.store, SLICE("a.pdb/1/a.pdb")) &&
			      store_speaks(r.store, SLICE(BUILD_ID)),
		      "as anybody may know");
		CHECK_INT(http_server_asked(&r.server), 2 + more, "without a request");
		CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE(BUILD_ID)}).result,
			  STORE_FOUND, "the other kind is asked");
		epoch = atomic_load(&r.store->epoch);
		manual_advance(r.ctx.loop, NS_PER_S);
		wait_asked(&r, 4 + 2 * more);
		CHECK(http_server_heard(&r.server, 3 + more, "GET /base/pepto-probe-"),
		      "looked at again a second later, and the next");
		CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a.pdb/1/a.pdb")}).result,
			  STORE_MISS_REFUSED, "as before: nobody is to keep it");
		manual_advance(r.ctx.loop, NS_PER_S);
		wait_asked(&r, 5 + 2 * more);
		CHECK(atomic_load(&r.store->epoch) != epoch, "spoken by now: its misses are void");
		CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a.pdb/1/a.pdb")}).result,
			  STORE_FOUND, "and it is asked");
		CHECK(store_speaks(r.store, SLICE("a.pdb/1/a.pdb")), "as anybody may know");
		rig_fini(&r);
	}
}

/* A server that fails for one kind of question says nothing of what it knows. */
static void test_failing_for_one_kind(void)
{
	static const struct {
		const char *name;
		enum question fails;
		struct http_reply reply;
	} cases[] = {
		{"500 to symbol paths", QUESTION_SYMBOL, SAYS("500")},
		{"502", QUESTION_SYMBOL, SAYS("502")},
		{"504", QUESTION_SYMBOL, SAYS("504")},
		{"429", QUESTION_SYMBOL, SAYS("429")},
		{"503, come again", QUESTION_SYMBOL, SAYS("503 No\r\nRetry-After: 1\r\nX: ")},
		{"500 to build-ids", QUESTION_BUILD_ID, SAYS("500")},
		{"502", QUESTION_BUILD_ID, SAYS("502")},
		{"503", QUESTION_BUILD_ID, SAYS("503")},
		{"429", QUESTION_BUILD_ID, SAYS("429")},
	};
	static const char *const keys[QUESTIONS] = {
		[QUESTION_SYMBOL] = "a.pdb/1/a.pdb", [QUESTION_BUILD_ID] = BUILD_ID};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_reply script[] = {cases[i].reply, SAYS("404"), cases[i].reply,
						    cases[i].reply, GIVES};
		struct slice key = slice_of(keys[cases[i].fails]);
		struct rig r;

		rig_init(&r, script, ARRAY_LEN(script));
		rig_open(&r, OPEN);
		probe_kind(&r, cases[i].fails);
		probe_kind(&r, (enum question) !cases[i].fails);
		for (int n = 0; n < 2; n++) {
			CHECK_INT(rig_ask(&r, (struct store_read){.key = key}).result,
				  STORE_FAULT_RETRY, cases[i].name);
			CHECK_INT(http_server_asked(&r.server), 3 + n, "asked");
		}
		CHECK(store_speaks(r.store, key), "no tongue that it does not know");
		CHECK_INT(rig_ask(&r, (struct store_read){.key = key}).result, STORE_FOUND,
			  "well again");
		rig_fini(&r);
	}
}

/* What is wrong with both kinds is an outage, and what asks for a password is no unknown tongue. */
static void test_spoken(void)
{
	static const struct {
		const char *name;
		struct http_reply symbol, build_id, answer;
		enum store_result result;
	} cases[] = {
		{"both fail", SAYS("503"), SAYS("503"), SAYS("503"), STORE_FAULT_RETRY},
		{"each denies", SAYS("403"), SAYS("404"), SAYS("403"), STORE_MISS_DENIED},
		{"nothing is heard", {NULL}, SAYS("404"), SAYS("404"), STORE_MISS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct http_reply script[] = {cases[i].symbol, cases[i].symbol,
						    cases[i].build_id, cases[i].answer,
						    SAYS("404")};
		size_t once = !cases[i].symbol.text || !is_refusal(cases[i].symbol);
		struct rig r;

		rig_init(&r, script + once, ARRAY_LEN(script) - once);
		rig_open(&r, OPEN);
		probe_kind(&r, QUESTION_SYMBOL);
		probe_kind(&r, QUESTION_BUILD_ID);
		CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a.pdb/1/a.pdb")}).result,
			  cases[i].result, cases[i].name);
		CHECK(http_server_asked(&r.server) >= 3, "asked");
		rig_fini(&r);
	}
}

/* An exact server that refuses everything of a sudden: no misses. */
static void test_denying(void)
{
	/* The random key is asked for twice, then the one that was given. */
	static const struct http_reply script[] = {
		SAYS("404"), GIVES,       SAYS("403"), SAYS("403"), SAYS("403"),
		SAYS("403"), SAYS("403"), SAYS("403"), GIVES,       SAYS("403")};
	struct rig r;

	rig_init(&r, script, ARRAY_LEN(script));
	rig_open(&r, OPEN);
	rig_probe(&r);
	CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a/b/c")}).result, STORE_FOUND,
		  "a key is given");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT,
		  "all is refused: a fault");
	CHECK(http_server_heard(&r.server, 5, "GET /base/a/b/c "), "that key, too");
	CHECK_INT(rig_warnings, 1, "one warning");
	manual_advance(r.ctx.loop, NS_PER_S);
	wait_asked(&r, 9);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "it gives that key again, and refuses a random one: opaque");
	rig_fini(&r);
}

/* The probe at the start met no network. */
static void test_unknown_at_first(void)
{
	static const struct http_reply script[] = {{NULL},      SAYS("403"), SAYS("403"),
						   SAYS("403"), SAYS("403"), SAYS("403")};
	struct rig r;

	rig_init(&r, script, ARRAY_LEN(script));
	rig_open(&r, OPEN);
	CHECK_INT(rig_probe(&r).code, ERR_NET, "nobody there");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "a read that is denied waits for the next probe");
	rig_fini(&r);
}

static void test_probe(void)
{
	static const struct http_reply denies[] = {
		{"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"}};
	static const struct http_reply gives[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}};
	static const struct http_reply quiet[QUESTIONS] = {{""}, {""}};
	struct rig_probe p = {0};
	struct rig r;

	rig_init(&r, denies, ARRAY_LEN(denies));
	rig_open(&r, OPEN);
	CHECK(rig_probe(&r).code == OK, "403 to a random name");
	CHECK(http_server_heard(&r.server, 0, "GET /base/pepto-probe-"), "which was asked for");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "then 403 means missing");
	rig_fini(&r);

	rig_init(&r, gives, 1);
	rig_open(&r, OPEN);
	CHECK(rig_probe(&r).code == ERR_UPSTREAM && atomic_load(&r.store->answered_ns) == 0,
	      "a server that gives everything is none");
	rig_fini(&r);

	rig_init(&r, quiet, QUESTIONS);
	rig_open(&r, OPEN);
	store_probe(r.store, QUESTION_ANY, rig_probed, &p);
	for (int i = 0; i < 6000 && http_server_asked(&r.server) < QUESTIONS; i++)
		manual_turn(r.ctx.loop, 10);
	manual_advance(r.ctx.loop, 3 * NS_PER_S);
	CHECK(p.done && p.error.code == ERR_TIMEOUT, "a probe has a deadline");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply reply;
	enum store_result result;
	int64_t total;
	bool ranged;
} firsts[] = {
	{"of less",
	 {"HTTP/1.1 206 Part\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/5\r\n\r\nhello"},
	 STORE_FOUND,
	 5,
	 true},
	{"ignored", {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}, STORE_FOUND, 5, false},
	{"of nothing, ignored",
	 {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	 STORE_FOUND,
	 0,
	 false},
	{"of nothing, granted",
	 {"HTTP/1.1 206 Part\r\nContent-Length: 0\r\nContent-Range: bytes 0-0/0\r\n\r\n"},
	 STORE_FOUND,
	 0,
	 false},
	{"of nothing, refused",
	 {"HTTP/1.1 416 No\r\nContent-Range: bytes */0\r\nContent-Length: 0\r\n\r\n"},
	 STORE_UNSATISFIABLE,
	 0,
	 false},
};

/* The first 16 MiB, which is how an object of unknown size is begun. */
static void test_range_first(void)
{
	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		struct rig r;
		struct asked a;

		rig_init(&r, &firsts[i].reply, 1);
		rig_open(&r, OPEN);
		a = rig_ask(&r, (struct store_read){.ranged = true, .range = {0, 16777215}});
		CHECK_INT(a.result, firsts[i].result, firsts[i].name);
		CHECK(http_server_heard(&r.server, 0, "\r\nRange: bytes=0-16777215\r\n"),
		      "asked for the first part");
		CHECK(a.head.total == firsts[i].total && a.head.ranged == firsts[i].ranged &&
			      a.head.first == 0,
		      "the size");
		CHECK((int64_t)a.bytes == firsts[i].total && !a.head.sum_name[0] &&
			      !a.head.etag_is_md5,
		      "and what comes");
		rig_fini(&r);
	}
}

/* An ETag of a web server is no MD5, however much it looks like one. */
static void test_etag(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-amz-checksum-crc32: NhCmhg==\r\n"
		 "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n\r\nhello"}};
	struct rig r;
	struct asked a;

	rig_init(&r, script, 1);
	rig_open(&r, OPEN);
	a = rig_ask(&r, (struct store_read){0});
	CHECK(a.result == STORE_FOUND && a.head.etag[0] && !a.head.etag_is_md5 &&
		      !a.head.sum_name[0],
	      "what looks like an MD5 is not taken for one");
	CHECK(!http_server_heard(&r.server, 0, "x-amz-"), "nor is a checksum asked for");
	rig_fini(&r);
}

/* The head is told with the first bytes, so they have to come within the time for a head. */
static void test_stall_behind_the_head(void)
{
	static const struct http_reply stalls[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"}};
	struct asked a = {0};
	struct rig r;

	rig_init(&r, stalls, 1);
	rig_open(&r, OPEN);
	rig_start(&r, &a, (struct store_read){.key = SLICE(SYMBOL)});
	for (int i = 0; i < 50; i++)
		manual_turn(r.ctx.loop, 5);
	CHECK(!a.done, "it waits");
	manual_advance(r.ctx.loop, 10 * NS_PER_S);
	CHECK(manual_until(r.ctx.loop, &a.done) && a.result == STORE_FAULT_RETRY &&
		      a.error.code == ERR_TIMEOUT,
	      "not for ever, and another try may help");
	rig_fini(&r);
}

static void test_patience(void)
{
	static const struct http_reply quiet[] = {{""}};

	for (int patient = 0; patient < 2; patient++) {
		struct asked a = {0};
		struct rig r;

		rig_init(&r, quiet, 1);
		rig_open(&r, OPEN);
		rig_start(&r, &a, (struct store_read){.patient = patient});
		for (int i = 0; i < 100 && !http_server_asked(&r.server); i++)
			manual_turn(r.ctx.loop, 10);
		manual_advance(r.ctx.loop, 3 * NS_PER_S);
		CHECK_INT(a.done, !patient, patient ? "patient" : "not patient");
		manual_advance(r.ctx.loop, 5 * NS_PER_S);
		CHECK(a.done && a.result == STORE_FAULT_RETRY && a.error.code == ERR_TIMEOUT,
		      "the deadline ends both");
		rig_fini(&r);
	}
}

static void test_cancel(void)
{
	static const struct http_reply found[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}};
	struct asked a = {.cancel_in_head = true};
	struct rig r;

	rig_init(&r, found, 1);
	rig_open(&r, OPEN);
	rig_start(&r, &a, (struct store_read){0});
	ASSERT(manual_until(r.ctx.loop, &a.done));
	manual_settle(r.ctx.loop);
	CHECK(a.heads == 1 && a.bytes == 0, "cancelled from inside its head");
	rig_fini(&r);
}

/* The engine takes no more: that is said later, not from inside the start. */
static void test_refused(void)
{
	static const struct http_reply quiet[9] = {{""}, {""}, {""}, {""}, {""},
						   {""}, {""}, {""}, {""}};
	struct asked a[9] = {{0}};
	struct rig r;

	rig_init(&r, quiet, 9);
	rig_open(&r, OPEN);
	for (int i = 0; i < 9; i++)
		rig_start(&r, &a[i], (struct store_read){0});
	CHECK(!a[8].done, "not from inside");
	manual_turn(r.ctx.loop, 0);
	CHECK(a[8].done && a[8].result == STORE_FAULT_RETRY && a[8].error.code == ERR_BUSY,
	      "refused, for now");
	for (int i = 0; i < 8; i++)
		store_call_cancel(r.store, a[i].call);
	rig_start(&r, &a[0], (struct store_read){.key = SLICE("x")});
	store_call_cancel(r.store, a[0].call);
	rig_fini(&r);
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_request();
	test_redirect_option();
	test_via();
	test_checksum();
	test_wanted_checksum();
	test_msfz();
	test_password();
	test_answers();
	test_pages();
	test_refused_names();
	test_unspoken();
	test_failing_for_one_kind();
	test_stall_behind_the_head();
	test_spoken();
	test_denying();
	test_unknown_at_first();
	test_probe();
	test_range_first();
	test_etag();
	test_patience();
	test_cancel();
	test_refused();
	curl_global_cleanup();
	return tap_done();
}
