// SPDX-License-Identifier: MIT
/*
 * The S3 store against a scripted server: every way a call can take, the two kinds of buckets, and
 * the end in the middle of it. What a single answer means is test_s3_verdict.c's; here it is what
 * follows from it.
 */
#include "store_rig.h"

#include "metric/metric.h"
#include "tap.h"

#define URL  "s3://bucket/pre?region=us-east-1&endpoint=http://127.0.0.1:%u"
#define OPEN URL "&anonymous=true"

#define ERROR(status, headers, xml)                                                                \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nContent-Type: application/xml\r\n" headers                 \
		"Connection: close\r\n\r\n<Error>" xml "</Error>",                                 \
			.close = true                                                              \
	}
#define CODE(code)    "<Code>" code "</Code>"
#define NO_SUCH_KEY   ERROR("404 Not Found", "", CODE("NoSuchKey"))
#define ACCESS_DENIED ERROR("403 Forbidden", "", CODE("AccessDenied"))
#define FOUND5                                                                                     \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\r\nhello"                 \
	}
#define HEAD_403                                                                                   \
	{                                                                                          \
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"                              \
	}
#define TORN                                                                                       \
	{                                                                                          \
		"HTTP/1.1 404 Not Found\r\nContent-Length: 500\r\n\r\n<Error><Code>NoSuchBu",      \
			.close = true                                                              \
	}

/* ---- one request, one answer ---- */

static void test_request(void)
{
	static const struct http_reply script[] = {FOUND5};
	struct rig r;
	struct asked a;

	rig_open_with_keys(&r, URL, script, 1);
	CHECK(store_is_private(r.store), "with credentials it is private");
	a = rig_ask(&r, (struct store_read){.key = SLICE("a b/K+\xc3\xa4"),
					    .if_match = "\"e\"",
					    .ranged = true,
					    .range = {3, 9}});
	CHECK(a.result == STORE_FOUND && a.heads == 1 && a.bytes == 5, "found");
	CHECK(rig_heard(&r, 0, "GET /bucket/pre/a%20b/K%2B%C3%A4 HTTP/1.1\r\n"),
	      "bucket, prefix and key");
	CHECK(rig_heard(&r, 0, "Authorization: AWS4-HMAC-SHA256 Credential=AK1/") &&
		      rig_heard(&r, 0, "/us-east-1/s3/aws4_request"),
	      "signed");
	CHECK(rig_heard(&r, 0, "\r\nRange: bytes=3-9\r\n") &&
		      rig_heard(&r, 0, "\r\nIf-Match: \"e\"\r\n"),
	      "with its conditions");
	CHECK(!rig_heard(&r, 0, "TOPSECRET"), "and without the secret");
	CHECK(atomic_load(&r.store->answered_ns) == MANUAL_START_NS, "the store is alive");
	rig_fini(&r);

	rig_init(&r, script, 1);
	rig_open(&r, OPEN);
	a = rig_ask(&r, (struct store_read){.head = true});
	CHECK(rig_heard(&r, 0, "HEAD ") && !rig_heard(&r, 0, "uthorization") &&
		      !store_is_private(r.store),
	      "anonymous: unsigned, not private");
	CHECK(a.result == STORE_FOUND && a.heads == 1 && a.head.length == 5, "a head");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct store_read read;
	bool asked;
} checked[] = {
	{"the whole", {.head = false}, true},
	{"its head", {.head = true}, true},
	{"this version of it", {.if_match = "\"e\""}, true},
	{"a part", {.ranged = true, .range = {0, 4}}, false},
};

/* Of the whole the checksum is asked for, signed if anything is, and comes with the head. */
static void test_checksum(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n"
		 "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n"
		 "x-amz-checksum-crc32: NhCmhg==\r\n\r\nhello",
		 .close = true}};

	for (size_t i = 0; i < ARRAY_LEN(checked); i++) {
		for (int keys = 0; keys < 2; keys++) {
			struct rig r;
			struct asked a;

			rig_init(&r, script, 1);
			if (keys) {
				rig_var_set(&r, "AWS_ACCESS_KEY_ID", "AK1");
				rig_var_set(&r, "AWS_SECRET_ACCESS_KEY", "TOPSECRET");
			}
			rig_open(&r, keys ? URL : OPEN);
			a = rig_ask(&r, checked[i].read);
			CHECK(a.result == STORE_FOUND &&
				      rig_heard(&r, 0, "\r\nx-amz-checksum-mode: ENABLED\r\n") ==
					      checked[i].asked,
			      checked[i].name);
			CHECK(rig_heard(&r, 0, ";x-amz-checksum-mode;x-amz-content-sha256;") ==
				      (keys && checked[i].asked),
			      keys ? "signed" : "unsigned");
			CHECK_STR(a.head.sum_name, checked[i].asked ? "crc32" : "", "which");
			CHECK_STR(a.head.sum_base64, checked[i].asked ? "NhCmhg==" : "", "value");
			CHECK(a.head.etag_is_md5, "and the ETag is an MD5");
			rig_fini(&r);
		}
	}
}

/* A bucket whose requester pays denies who does not say so, and what is said has to be signed. */
static void test_requester_pays(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
		 .close = true}};

	for (int pays = 0; pays < 2; pays++) {
		struct rig r;

		rig_init(&r, script, 1);
		rig_var_set(&r, "AWS_ACCESS_KEY_ID", "AK1");
		rig_var_set(&r, "AWS_SECRET_ACCESS_KEY", "TOPSECRET");
		rig_open(&r, pays ? URL "&requester-pays=true" : URL);
		CHECK_INT(rig_ask(&r, (struct store_read){.ranged = true, .range = {0, 4}}).result,
			  STORE_FOUND, "found");
		CHECK(rig_heard(&r, 0, "\r\nx-amz-request-payer: requester\r\n") == pays, "said");
		CHECK(rig_heard(&r, 0, ";x-amz-request-payer,") == pays, "and signed");
		rig_fini(&r);
	}
}

static void test_key_too_long(void)
{
	static char key[1100];
	struct rig r;
	struct asked a;

	memset(key, 'k', sizeof(key));
	rig_init(&r, NULL, 0);
	rig_open(&r, OPEN);
	a = rig_ask(&r, (struct store_read){.key = {key, 1021}});
	CHECK(a.result == STORE_MISS_REFUSED && http_server_asked(&r.server) == 0,
	      "a key that no object can have is missing without a question");
	a = rig_ask(&r, (struct store_read){.key = SLICE("Gr\xfcn.pdb")});
	CHECK(a.result == STORE_MISS_REFUSED && http_server_asked(&r.server) == 0,
	      "as is one that is no UTF-8");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply reply;
	enum store_result result;
	enum err code;
} answers[] = {
	{"NoSuchKey", NO_SUCH_KEY, STORE_MISS, OK},
	{"InvalidObjectState", ERROR("403 Forbidden", "", CODE("InvalidObjectState")),
	 STORE_MISS_DENIED, OK},
	{"a name that it refuses", ERROR("400 Bad", "", CODE("InvalidObjectName")),
	 STORE_MISS_REFUSED, OK},
	{"two codes", ERROR("404 Not Found", "", CODE("NoSuchBucket") CODE("NoSuchKey")),
	 STORE_FAULT, ERR_UPSTREAM},
	{"404 and nothing else",
	 {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"},
	 STORE_FAULT,
	 ERR_UPSTREAM},
	{"NoSuchBucket", ERROR("404 Not Found", "", CODE("NoSuchBucket")), STORE_FAULT,
	 ERR_UPSTREAM},
	{"SignatureDoesNotMatch", ERROR("403 Forbidden", "", CODE("SignatureDoesNotMatch")),
	 STORE_FAULT, ERR_DENIED},
	{"412", ERROR("412 Precondition Failed", "", CODE("PreconditionFailed")), STORE_CHANGED,
	 OK},
	{"501, to one of our headers", ERROR("501 No", "", CODE("NotImplemented")), STORE_FAULT,
	 ERR_DENIED},
	{"304", {"HTTP/1.1 304 Not Modified\r\n\r\n"}, STORE_FAULT, ERR_UPSTREAM},
	{"503", ERROR("503 Slow Down", "", CODE("SlowDown")), STORE_FAULT_RETRY, ERR_UPSTREAM},
	{"429", ERROR("429 Too Many", "", ""), STORE_FAULT_RETRY, ERR_UPSTREAM},
	{"no answer", {NULL}, STORE_FAULT_RETRY, ERR_NET},
	{"a torn error", TORN, STORE_FAULT_RETRY, ERR_NET},
	{"a torn body",
	 {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true},
	 STORE_FAULT_RETRY,
	 ERR_NET},
	{"a length that is none",
	 {"HTTP/1.1 206 OK\r\nContent-Length: 9\r\n\r\nabcdefghi"},
	 STORE_FAULT,
	 ERR_CORRUPT},
	{"416 without a range", ERROR("416 Range", "", CODE("InvalidRange")), STORE_FAULT,
	 ERR_CORRUPT},
};

static void test_answers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct rig r;
		struct asked a;

		rig_init(&r, &answers[i].reply, 1);
		rig_open(&r, OPEN);
		a = rig_ask(&r, (struct store_read){0});
		if (!CHECK(a.result == answers[i].result && a.error.code == answers[i].code,
			   answers[i].name))
			printf("# result %d: %s '%s'\n", a.result, err_name(a.error.code),
			       a.error.msg);
		rig_fini(&r);
	}
}

/* ---- ways back ---- */

static void test_region(void)
{
	static const struct http_reply moved[] = {
		ERROR("301 Moved", "x-amz-bucket-region: eu-west-1\r\n", CODE("PermanentRedirect")),
		FOUND5, FOUND5};
	static const struct http_reply malformed[] = {
		ERROR("400 Bad", "",
		      CODE("AuthorizationHeaderMalformed") "<Region>eu-west-2</Region>"),
		FOUND5};
	static const struct http_reply around[] = {
		ERROR("301 Moved", "x-amz-bucket-region: eu-west-1\r\n", CODE("PermanentRedirect")),
		ERROR("301 Moved", "x-amz-bucket-region: eu-west-2\r\n",
		      CODE("PermanentRedirect"))};
	int64_t before = metric_get(store_resigned);
	struct rig r;

	rig_open_with_keys(&r, URL, moved, ARRAY_LEN(moved));
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FOUND, "301: asked again");
	CHECK(rig_heard(&r, 1, "/eu-west-1/s3/aws4_request"), "signed for the region it names");
	CHECK_INT(metric_get(store_resigned) - before, 1, "which is counted");
	rig_ask(&r, (struct store_read){0});
	CHECK(rig_heard(&r, 2, "/eu-west-1/s3/aws4_request"), "and remembered");
	rig_fini(&r);

	rig_open_with_keys(&r, URL, malformed, ARRAY_LEN(malformed));
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FOUND, "400: likewise");
	CHECK(rig_heard(&r, 1, "/eu-west-2/s3/aws4_request"), "by the region in its body");
	rig_fini(&r);

	rig_open_with_keys(&r, URL, around, ARRAY_LEN(around));
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT, "but once only");
	CHECK_INT(http_server_asked(&r.server), 2, "in two requests");
	rig_fini(&r);
}

static void test_head_error(void)
{
	static const struct http_reply missing[] = {HEAD_403, NO_SUCH_KEY};
	static const struct http_reply there[] = {
		{"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", .body = 5000000}};
	struct rig r;
	struct asked a;

	rig_init(&r, missing, 2);
	rig_open(&r, OPEN);
	a = rig_ask(&r, (struct store_read){.head = true});
	CHECK(a.result == STORE_MISS && rig_heard(&r, 0, "HEAD ") && rig_heard(&r, 1, "GET "),
	      "an error to HEAD has no code: asked again by GET");
	rig_fini(&r);

	rig_init(&r, there, 2);
	rig_open(&r, OPEN);
	a = rig_ask(&r, (struct store_read){.head = true});
	CHECK(a.result == STORE_FOUND && a.heads == 1 && a.head.length == 5000000 && a.bytes == 0,
	      "if that finds it, the body is not wanted");
	rig_fini(&r);
}

static void test_clock(void)
{
	static const struct http_reply script[] = {ERROR("403 Forbidden",
							 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
							 CODE("RequestTimeTooSkewed")),
						   FOUND5};
	static const struct http_reply twice[] = {
		ERROR("403 Forbidden", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
		      CODE("RequestTimeTooSkewed")),
		ERROR("403 Forbidden", "Date: Sun, 06 Nov 1994 09:49:37 GMT\r\n",
		      CODE("RequestTimeTooSkewed"))};
	static const struct http_reply dateless[] = {
		ERROR("403 Forbidden", "", CODE("RequestTimeTooSkewed"))};
	struct rig r;

	clock_freeze_wall_s(784111777 + 86400);
	rig_open_with_keys(&r, URL, script, 2);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FOUND,
		  "our clock is off: again");
	CHECK(rig_heard(&r, 0, "x-amz-date: 19941107T084937Z") &&
		      rig_heard(&r, 1, "x-amz-date: 19941106T084937Z"),
	      "by the server's clock");
	rig_fini(&r);
	rig_open_with_keys(&r, URL, twice, 2);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT, "once only");
	rig_fini(&r);
	rig_open_with_keys(&r, URL, dateless, 1);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT, "and only if it tells");
	rig_fini(&r);
	clock_freeze_wall_s(0);
}

static void test_expired(void)
{
	/* Other keys make the store probe anew, beside the read: both get the same answer. */
	static const struct http_reply once[] = {ERROR("400 Bad", "", CODE("ExpiredToken")), FOUND5,
						 FOUND5};
	static const struct http_reply twice[] = {ERROR("400 Bad", "", CODE("ExpiredToken")),
						  ERROR("400 Bad", "", CODE("ExpiredToken"))};
	struct rig r;

	rig_open_with_keys(&r, URL, once, 3);
	rig_var_set(&r, "AWS_ACCESS_KEY_ID", "AK2");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FOUND, "expired: asked again");
	CHECK(rig_heard(&r, 0, "Credential=AK1/") && rig_heard(&r, 1, "Credential=AK2/"),
	      "with new credentials");
	rig_fini(&r);

	rig_open_with_keys(&r, URL, twice, 2);
	CHECK(rig_ask(&r, (struct store_read){0}).result == STORE_FAULT &&
		      http_server_asked(&r.server) == 2,
	      "once only");
	rig_fini(&r);
}

static const struct {
	const char *name;
	size_t replies;
	struct http_reply reply[2];
	enum store_result result;
	int64_t total;
} outside[] = {
	{"by its header",
	 1,
	 {ERROR("416 Range", "Content-Range: bytes */7\r\n", CODE("InvalidRange"))},
	 STORE_UNSATISFIABLE,
	 7},
	{"by its body",
	 1,
	 {ERROR("416 Range", "", CODE("InvalidRange") "<ActualObjectSize>8</ActualObjectSize>")},
	 STORE_UNSATISFIABLE,
	 8},
	{"by a look at the whole",
	 2,
	 {ERROR("416 Range", "", CODE("InvalidRange")),
	  {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789"}},
	 STORE_UNSATISFIABLE,
	 9},
	{"not at all",
	 2,
	 {ERROR("416 Range", "", CODE("InvalidRange")),
	  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"}},
	 STORE_FAULT,
	 0},
	{"it has gone meanwhile",
	 2,
	 {ERROR("416 Range", "", CODE("InvalidRange")), NO_SUCH_KEY},
	 STORE_MISS,
	 0},
	{"it does not know what it wants",
	 2,
	 {ERROR("416 Range", "", CODE("InvalidRange")),
	  ERROR("416 Range", "", CODE("InvalidRange"))},
	 STORE_FAULT,
	 0},
};

static void test_range_outside(void)
{
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		struct rig r;
		struct asked a;

		rig_init(&r, outside[i].reply, outside[i].replies);
		rig_open(&r, OPEN);
		a = rig_ask(&r, (struct store_read){.ranged = true, .range = {100, 200}});
		CHECK(a.result == outside[i].result && a.heads == 0 &&
			      (a.result != STORE_UNSATISFIABLE || a.head.total == outside[i].total),
		      outside[i].name);
		CHECK(http_server_asked(&r.server) == outside[i].replies &&
			      rig_heard(&r, 0, "Range: ") && !rig_heard(&r, 1, "Range: "),
		      "a range outside: the size is told");
		rig_fini(&r);
	}
}

static const struct {
	const char *name;
	size_t replies;
	struct http_reply reply[2];
	enum store_result result;
	int64_t total, length;
	bool ranged;
} firsts[] = {
	{"of less",
	 1,
	 {{"HTTP/1.1 206 Part\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/5\r\n\r\nhello"}},
	 STORE_FOUND,
	 5,
	 5,
	 true},
	{"ignored",
	 1,
	 {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}},
	 STORE_FOUND,
	 5,
	 5,
	 false},
	{"of nothing, ignored",
	 1,
	 {{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
	 STORE_FOUND,
	 0,
	 0,
	 false},
	{"of nothing, granted",
	 1,
	 {{"HTTP/1.1 206 Part\r\nContent-Length: 0\r\nContent-Range: bytes 0--1/0\r\n\r\n"}},
	 STORE_FOUND,
	 0,
	 0,
	 false},
	{"of nothing, refused",
	 1,
	 {ERROR("416 Range", "Content-Range: bytes */0\r\n", CODE("InvalidRange"))},
	 STORE_UNSATISFIABLE,
	 0,
	 0,
	 false},
	{"of nothing, refused without the size",
	 2,
	 {ERROR("416 Range", "", CODE("InvalidRange")),
	  {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
	 STORE_UNSATISFIABLE,
	 0,
	 0,
	 false},
};

/* The first 16 MiB, which is how an object of unknown size is begun. */
static void test_range_first(void)
{
	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		struct rig r;
		struct asked a;

		rig_init(&r, firsts[i].reply, firsts[i].replies);
		rig_open(&r, OPEN);
		a = rig_ask(&r, (struct store_read){.ranged = true, .range = {0, 16777215}});
		CHECK_INT(a.result, firsts[i].result, firsts[i].name);
		CHECK(rig_heard(&r, 0, "\r\nRange: bytes=0-16777215\r\n"),
		      "asked for the first part");
		CHECK(a.head.total == firsts[i].total && a.head.first == 0, "the size");
		if (a.result == STORE_FOUND)
			CHECK(a.head.length == firsts[i].length &&
				      (int64_t)a.bytes == firsts[i].length &&
				      a.head.ranged == firsts[i].ranged,
			      "and what comes");
		rig_fini(&r);
	}
}

/* A try has its time, unless the read is patient: then the deadline is all that ends it. */
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

/* ---- exact and opaque ---- */

static bool probed_at(struct rig *r, size_t i)
{
	return rig_heard(r, i, "GET /bucket/pre/pepto-probe-");
}

static void test_opaque(void)
{
	static const struct http_reply script[] = {ACCESS_DENIED, ACCESS_DENIED, ACCESS_DENIED,
						   NO_SUCH_KEY,   NO_SUCH_KEY,   ACCESS_DENIED,
						   ACCESS_DENIED};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(500);
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "denied, as any key: missing");
	CHECK(!probed_at(&r, 0) && probed_at(&r, 1), "which a random key has told");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "denied again: missing");
	CHECK_INT(http_server_asked(&r.server), 3, "without another probe");
	r.store->ops->describe(r.store, &text);
	CHECK(strstr(buf_str(&text), "region us-east-1; opaque") &&
		      !strstr(buf_str(&text), "TOPSECRET"),
	      "it says so");

	/* NoSuchKey from such a store: the permission was given, which another probe confirms. */
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS, "not found: missing");
	for (int i = 0; i < 100 && http_server_asked(&r.server) < 5; i++)
		manual_turn(r.ctx.loop, 100);
	CHECK(probed_at(&r, 4), "and a probe in the background");
	for (int i = 0; i < 20; i++)
		manual_turn(r.ctx.loop, 5);
	manual_advance(r.ctx.loop, 11 * NS_PER_S);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT,
		  "denied once more: probed, and no miss");
	CHECK(probed_at(&r, 6), "for it was exact in between");
	rig_fini(&r);
}

static void test_exact(void)
{
	static const struct http_reply script[] = {NO_SUCH_KEY,   ACCESS_DENIED, NO_SUCH_KEY,
						   ACCESS_DENIED, ACCESS_DENIED, NO_SUCH_KEY};
	struct rig r;
	struct asked a;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	CHECK(rig_probe(&r).code == OK && probed_at(&r, 0), "the probe at the start: exact");
	a = rig_ask(&r, (struct store_read){0});
	CHECK(a.result == STORE_FAULT && a.error.code == ERR_DENIED,
	      "denied by an exact store: a fault");
	CHECK(probed_at(&r, 2), "but asked before that is believed");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT, "again");
	CHECK_INT(http_server_asked(&r.server), 4, "without a probe, for ten seconds");
	manual_advance(r.ctx.loop, 10 * NS_PER_S);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT, "after them");
	CHECK(probed_at(&r, 5), "with one");
	rig_fini(&r);
}

static void wait_asked(struct rig *r, size_t n)
{
	for (int i = 0; i < 1000 && http_server_asked(&r->server) < n; i++)
		manual_turn(r->ctx.loop, 10);
	for (int i = 0; i < 20; i++)
		manual_turn(r->ctx.loop, 5);
	CHECK_INT(http_server_asked(&r->server), n, "asked so often");
}

/*
 * An exact store that denies everything of a sudden is not taken for an opaque one, whose denials
 * are misses: only when a key that it gave is given again is it clear what was taken away.
 */
static void test_denying(void)
{
	static const struct http_reply script[] = {
		NO_SUCH_KEY,                                 /* the probe at the start */
		FOUND5,                                      /* a key */
		ACCESS_DENIED, ACCESS_DENIED, ACCESS_DENIED, /* a read; a random key, that key */
		ACCESS_DENIED,                               /* a read */
		ACCESS_DENIED, ACCESS_DENIED,                /* a second later, the same two */
		ACCESS_DENIED, FOUND5,                       /* another second later */
		ACCESS_DENIED,                               /* a read */
	};
	struct buf text CLEANUP(buf_fini) = BUF_MAX(500);
	struct rig r;
	struct asked a;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	rig_probe(&r);
	CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a/k")}).result, STORE_FOUND,
		  "a key is given");
	a = rig_ask(&r, (struct store_read){0});
	CHECK(a.result == STORE_FAULT && a.error.code == ERR_DENIED,
	      "denied, as are random keys and that one: a fault");
	CHECK(probed_at(&r, 3) && rig_heard(&r, 4, "GET /bucket/pre/a/k "), "both were asked for");
	CHECK_INT(rig_warnings, 1, "one warning");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT, "denied again: a fault");
	CHECK_INT(http_server_asked(&r.server), 6, "at once");
	r.store->ops->describe(r.store, &text);
	CHECK(strstr(buf_str(&text), "denying"), "it says so");
	manual_advance(r.ctx.loop, NS_PER_S);
	wait_asked(&r, 8);
	CHECK(probed_at(&r, 6) && rig_warnings == 1, "probed each second, without more warnings");
	manual_advance(r.ctx.loop, NS_PER_S);
	wait_asked(&r, 10);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "the key is given again, a random one is not: opaque");
	CHECK_INT(rig_warnings, 2, "which is told, too");
	rig_fini(&r);
}

/* The right to list alone was taken away: its keys are given, and from then on 403 is a miss. */
static void test_opaque_from_now_on(void)
{
	static const struct http_reply script[] = {
		NO_SUCH_KEY,   FOUND5,      /* the probe at the start; a key */
		ACCESS_DENIED,              /* a read */
		ACCESS_DENIED, FOUND5,      /* a random key, that key */
		ACCESS_DENIED,              /* another read */
		NO_SUCH_KEY,   NO_SUCH_KEY, /* it may list again: a read and the probe */
	};
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	rig_probe(&r);
	CHECK_INT(rig_ask(&r, (struct store_read){.key = SLICE("a/k")}).result, STORE_FOUND,
		  "a key is given");
	CHECK_INT(rig_warnings, 0, "all is well");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "denied, and its keys are not");
	CHECK_INT(rig_warnings, 1, "one warning");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED, "again");
	CHECK_INT(rig_warnings, 1, "no other");
	manual_advance(r.ctx.loop, 10 * NS_PER_S);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS, "a miss by 404");
	wait_asked(&r, 8);
	CHECK_INT(rig_warnings, 1, "which is what it has always been called");
	rig_fini(&r);
}

static void test_denying_for_a_while(void)
{
	static const struct http_reply script[] = {NO_SUCH_KEY, ACCESS_DENIED, ACCESS_DENIED,
						   NO_SUCH_KEY, NO_SUCH_KEY};
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	rig_probe(&r);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FAULT,
		  "denied, and it never gave a key: a fault");
	manual_advance(r.ctx.loop, NS_PER_S);
	wait_asked(&r, 4);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS, "exact again");
	manual_advance(r.ctx.loop, 5 * NS_PER_S);
	CHECK_INT(http_server_asked(&r.server), 5, "and left in peace");
	rig_fini(&r);
}

/* The network came up after the probe at the start: what is denied then is not taken for a fault. */
static void test_unknown_at_first(void)
{
	static const struct http_reply script[] = {{NULL}, ACCESS_DENIED, ACCESS_DENIED};
	static const struct http_reply given[] = {{NULL}, FOUND5, NO_SUCH_KEY};
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	CHECK_INT(rig_probe(&r).code, ERR_NET, "nobody there at the start");
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_MISS_DENIED,
		  "then denied: the read waits for another probe");
	CHECK(probed_at(&r, 2), "which is sent at once");
	rig_fini(&r);

	rig_open_with_keys(&r, URL, given, ARRAY_LEN(given));
	rig_probe(&r);
	CHECK_INT(rig_ask(&r, (struct store_read){0}).result, STORE_FOUND, "then given");
	wait_asked(&r, 3);
	CHECK(probed_at(&r, 2), "it is probed behind that");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply reply;
	enum err code;
} probes[] = {
	{"exact", NO_SUCH_KEY, OK},
	{"opaque", ACCESS_DENIED, OK},
	{"silent", {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}, OK},
	{"a page", {"HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\n<html>"}, ERR_UPSTREAM},
	{"wrong key", ERROR("403 Forbidden", "", CODE("SignatureDoesNotMatch")), ERR_DENIED},
	{"no bucket", ERROR("404 Not Found", "", CODE("NoSuchBucket")), ERR_UPSTREAM},
	{"outage", ERROR("503 Oh", "", CODE("InternalError")), ERR_UPSTREAM},
	{"nobody there", {NULL}, ERR_NET},
	{"a page for everything", FOUND5, ERR_UPSTREAM},
	{"416 to a probe", ERROR("416 Range", "Content-Range: bytes */7\r\n", CODE("InvalidRange")),
	 ERR_CORRUPT},
	{"412 to a probe", ERROR("412 No", "", CODE("PreconditionFailed")), ERR_DENIED},
	{"torn", TORN, ERR_NET},
};

static void test_probes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		struct rig r;
		struct error e;

		rig_init(&r, &probes[i].reply, 1);
		rig_open(&r, OPEN);
		e = rig_probe(&r);
		if (!CHECK(e.code == probes[i].code, probes[i].name))
			printf("# %s '%s'\n", err_name(e.code), e.msg);
		CHECK(probes[i].code != OK || atomic_load(&r.store->answered_ns) == MANUAL_START_NS,
		      "a verdict is a sign of life");
		rig_fini(&r);
	}
}

#define SILENT                                                                                     \
	{                                                                                          \
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"                                     \
	}
#define PAGE                                                                                       \
	{                                                                                          \
		"HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\n<html>"                               \
	}
#define FOUND_UNTAGGED                                                                             \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"                                \
	}
#define TWO ERROR("404 Not Found", "", CODE("A") CODE("NoSuchKey"))

static const struct {
	const char *name, *options;
	struct http_reply before, answer;
	enum store_result result;
} bare[] = {
	{"before any object", "", NO_SUCH_KEY, SILENT, STORE_FAULT},
	{"after an object", "", FOUND5, SILENT, STORE_MISS_DENIED},
	{"after one without an ETag", "", FOUND_UNTAGGED, SILENT, STORE_FAULT},
	{"a page, after an object", "", FOUND5, PAGE, STORE_FAULT},
	{"two codes, after an object", "", FOUND5, TWO, STORE_FAULT},
	{"as it is set", "&misses=bare", NO_SUCH_KEY, SILENT, STORE_MISS_DENIED},
	{"a page, as it is set", "&misses=bare", NO_SUCH_KEY, PAGE, STORE_MISS_DENIED},
	{"two codes, as it is set", "&misses=bare", NO_SUCH_KEY, TWO, STORE_FAULT},
};

/* A 404 that gives no reason may come from something before the store. */
static void test_bare(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bare); i++) {
		const struct http_reply script[] = {bare[i].before, bare[i].answer};
		char url[200];
		struct rig r;

		rig_init(&r, script, ARRAY_LEN(script));
		snprintf(url, sizeof(url), "%s%s", OPEN, bare[i].options);
		rig_open(&r, url);
		rig_ask(&r, (struct store_read){0});
		CHECK_INT(rig_ask(&r, (struct store_read){0}).result, bare[i].result, bare[i].name);
		rig_fini(&r);
	}
}

static void test_warning(void)
{
	static struct http_reply script[30];
	static const struct http_reply denied = ACCESS_DENIED, found = FOUND5;
	struct rig r;

	for (size_t i = 0; i < ARRAY_LEN(script); i++)
		script[i] = denied;
	rig_init(&r, script, ARRAY_LEN(script));
	rig_open(&r, OPEN);
	for (int i = 0; i < 19; i++)
		rig_ask(&r, (struct store_read){0});
	CHECK_INT(rig_warnings, 0, "nineteen denials");
	rig_ask(&r, (struct store_read){0});
	rig_ask(&r, (struct store_read){0});
	CHECK_INT(rig_warnings, 1, "twenty and nothing found: one warning");
	rig_fini(&r);

	script[0] = found;
	rig_init(&r, script, ARRAY_LEN(script));
	rig_open(&r, OPEN);
	for (int i = 0; i < 25; i++)
		rig_ask(&r, (struct store_read){0});
	CHECK_INT(rig_warnings, 0, "none when something was found");
	rig_fini(&r);
}

/* ---- the survey ---- */

struct surveyed {
	bool done;
	char text[200];
};

static void on_survey(void *ud, const char *layout)
{
	struct surveyed *s = ud;

	s->done = true;
	snprintf(s->text, sizeof(s->text), "%s", layout);
}

#define LIST(keys)                                                                                 \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ListBucketResult>"                   \
		"<IsTruncated>false</IsTruncated>" keys "</ListBucketResult>",                     \
			.close = true                                                              \
	}
#define KEY(k) "<Contents><Key>" k "</Key><Size>1</Size></Contents>"

static const struct {
	struct http_reply reply;
	const char *says;
} surveys[] = {
	{LIST(KEY("pre/a.pdb/1/a.pdb") KEY("pre/000Admin/x")), "lower-case keys (1 looked at)"},
	{LIST(KEY("pre/A.pdb/1/A.pdb") KEY("pre/b/1/b")), "1 of 2 keys are not lower-case"},
	{LIST(""), "empty"},
	{ACCESS_DENIED, "may not list"},
	{{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"}, "may not list"},
	{{NULL}, "may not list"},
};

static void test_survey(void)
{
	for (size_t i = 0; i < ARRAY_LEN(surveys); i++) {
		struct surveyed s = {0};
		struct rig r;

		rig_open_with_keys(&r, URL, &surveys[i].reply, 1);
		r.store->ops->survey(r.store, on_survey, &s);
		ASSERT(manual_until(r.ctx.loop, &s.done));
		if (!CHECK(strstr(s.text, surveys[i].says), surveys[i].says))
			printf("# %s\n", s.text);
		CHECK(rig_heard(&r, 0,
				"GET /bucket/?list-type=2&max-keys=1000&prefix=pre%2F HTTP/1.1"),
		      "asks for a page of keys");
		rig_fini(&r);
	}
}

/* ---- ends ---- */

static void test_cancel(void)
{
	static const struct http_reply quiet[] = {{""}};
	static const struct http_reply found[] = {FOUND5};
	static const struct http_reply denied[] = {ACCESS_DENIED, {""}};
	static const struct http_reply late[] = {HEAD_403, FOUND5};
	struct asked a = {0};
	struct rig r;

	rig_init(&r, quiet, 1);
	rig_open(&r, OPEN);
	rig_start(&r, &a, (struct store_read){0});
	store_call_cancel(r.store, a.call);
	manual_settle(r.ctx.loop);
	CHECK(!a.done && http_server_asked(&r.server) == 0, "cancelled before it begins");
	rig_start(&r, &a, (struct store_read){0});
	for (int i = 0; i < 100 && !http_server_asked(&r.server); i++)
		manual_turn(r.ctx.loop, 10);
	store_call_cancel(r.store, a.call);
	manual_settle(r.ctx.loop);
	CHECK(!a.done, "cancelled while the server thinks");
	rig_fini(&r);

	rig_init(&r, denied, 2);
	rig_open(&r, OPEN);
	rig_start(&r, &a, (struct store_read){0});
	for (int i = 0; i < 100 && http_server_asked(&r.server) < 2; i++)
		manual_turn(r.ctx.loop, 10);
	store_call_cancel(r.store, a.call);
	manual_settle(r.ctx.loop);
	CHECK(!a.done, "cancelled while it waits for a probe");
	rig_fini(&r);

	for (int head = 0; head < 2; head++) {
		rig_init(&r, head ? late : found, head ? 2 : 1);
		rig_open(&r, OPEN);
		a = (struct asked){.cancel_in_head = true};
		rig_start(&r, &a, (struct store_read){.head = head});
		ASSERT(manual_until(r.ctx.loop, &a.done));
		manual_advance(r.ctx.loop, NS_PER_S);
		CHECK(a.heads == 1 && a.bytes == 0, "cancelled from inside its head");
		rig_fini(&r);
	}
}

/* The probe does not come back: those who wait for it have a deadline of their own. */
static void test_waiting_ends(void)
{
	static const struct http_reply denied[] = {ACCESS_DENIED, {""}};
	struct asked a = {0};
	struct rig r;

	rig_init(&r, denied, 2);
	rig_open(&r, OPEN);
	rig_start(&r, &a, (struct store_read){.deadline_ns = clock_mono_ns() + 2 * NS_PER_S});
	for (int i = 0; i < 100 && http_server_asked(&r.server) < 2; i++)
		manual_turn(r.ctx.loop, 10);
	manual_advance(r.ctx.loop, 2 * NS_PER_S - 1);
	CHECK(!a.done, "it waits for the probe");
	manual_advance(r.ctx.loop, 1);
	CHECK(a.done && a.result == STORE_FAULT && a.error.code == ERR_TIMEOUT,
	      "until its deadline");
	rig_fini(&r);
}

/* The program ends while calls are on their way: each hears of it, none of it later than that. */
static void test_end_in_the_middle(void)
{
	static const struct http_reply denied[] = {ACCESS_DENIED, {""}};
	static const struct http_reply quiet[] = {{""}};
	struct rig_probe p = {0};
	struct asked a = {0};
	struct rig r;

	rig_init(&r, denied, 2);
	rig_open(&r, OPEN);
	rig_start(&r, &a, (struct store_read){0});
	for (int i = 0; i < 100 && http_server_asked(&r.server) < 2; i++)
		manual_turn(r.ctx.loop, 10);
	rig_fini(&r);
	CHECK(a.done && (a.result == STORE_FAULT || a.result == STORE_FAULT_RETRY),
	      "the end while a read waits for a probe");

	rig_init(&r, quiet, 1);
	rig_open(&r, OPEN);
	store_probe(r.store, QUESTION_ANY, rig_probed, &p);
	for (int i = 0; i < 100 && http_server_asked(&r.server) < 1; i++)
		manual_turn(r.ctx.loop, 10);
	rig_fini(&r);
	CHECK(p.done && p.error.code == ERR_CANCELED, "the end in the middle of a probe");

	p = (struct rig_probe){0};
	rig_init(&r, quiet, 1);
	rig_open(&r, OPEN);
	store_probe(r.store, QUESTION_ANY, rig_probed, &p);
	transfer_engine_free(r.ctx.engine);
	store_free(r.store);
	CHECK(p.done && p.error.code == ERR_CANCELED, "the end before a probe has begun");
	ASSERT(pool_stop(r.ctx.disk, 10 * NS_PER_S));
	pool_free(r.ctx.disk);
	http_server_stop(&r.server);
	loop_free(r.ctx.loop);
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_request();
	test_checksum();
	test_requester_pays();
	test_key_too_long();
	test_answers();
	test_region();
	test_head_error();
	test_clock();
	test_expired();
	test_range_outside();
	test_range_first();
	test_patience();
	test_opaque();
	test_exact();
	test_denying();
	test_opaque_from_now_on();
	test_denying_for_a_while();
	test_unknown_at_first();
	test_probes();
	test_bare();
	test_warning();
	test_survey();
	test_cancel();
	test_waiting_ends();
	test_end_in_the_middle();
	curl_global_cleanup();
	return tap_done();
}
