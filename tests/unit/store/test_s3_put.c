// SPDX-License-Identifier: MIT
/* Putting into the S3 store, against a scripted server: each way, and what goes over the wire. */
#include "base/file.h"
#include "store/retry.h"
#include "store/write.h"
#include "store_rig.h"
#include "tap.h"

#define URL "s3://bucket/pre?region=us-east-1&endpoint=http://127.0.0.1:%u"
/* Of "hello". */
#define SUM "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

#define ERROR(status, headers, code)                                                               \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nContent-Type: application/xml\r\n" headers                 \
		"Connection: close\r\n\r\n<Error><Code>" code "</Code></Error>",                   \
			.close = true                                                              \
	}
#define EMPTY(status)                                                                              \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"                                 \
	}
#define HERE     EMPTY("200 OK")
#define NOT_HERE EMPTY("404 Not Found")
#define DENIED   EMPTY("403 Forbidden")
#define PART                                                                                       \
	{                                                                                          \
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/5\r\n"                   \
		"Content-Length: 1\r\n\r\nh"                                                       \
	}
#define SLOW_HEAD EMPTY("503 Slow Down")
#define SLOW      ERROR("503 Slow Down", "", "SlowDown")
#define STORED    EMPTY("200 OK")
#define TOLD      EMPTY("200 OK\r\nDate: Mon, 30 Nov 2026 10:00:07 GMT\r\nETag: \"e1\"")

static struct rig_put put(struct rig *r, struct store_put p)
{
	struct rig_put result = {0};

	p.key = p.key.p ? p.key : SLICE("a b/K/a b");
	p.sha256 = SUM;
	p.answer_ns = 30 * NS_PER_S;
	if (!p.body.length)
		p.body = store_body_of(SLICE("hello"));
	(void)store_put(r->store, &p, rig_stored, &result);
	ASSERT(!result.done);
	rig_until(r, &result.done);
	return result;
}

static void test_request(void)
{
	static const struct http_reply script[] = {NOT_HERE, TOLD};
	static const struct store_meta meta[] = {{"pepto-tx", "20261130-1"}, {"pepto-size", "5"}};
	struct rig_put p;
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	CHECK(store_can_write(r.store), "it can be written");
	p = put(&r, (struct store_put){
			    .encoding = "zstd", .meta = meta, .n_meta = 2, .only_new = true});
	CHECK_INT(p.result, STORE_PUT_STORED, "stored");
	CHECK_STR(p.answer.etag, "\"e1\"", "what it is there");
	CHECK(p.answer.date_s == 1796032807, "and when, by the store's clock");
	CHECK(rig_heard(&r, 0, "HEAD /bucket/pre/a%20b/K/a%20b HTTP/1.1\r\n"), "it looks first");
	CHECK(rig_heard(&r, 1, "PUT /bucket/pre/a%20b/K/a%20b HTTP/1.1\r\n"), "then it puts");
	CHECK(rig_heard(&r, 1, "\r\nx-amz-content-sha256: " SUM "\r\n"), "the hash of the body");
	CHECK(rig_heard(&r, 1, "\r\ncontent-encoding: zstd\r\n") &&
		      rig_heard(&r, 1, "\r\nx-amz-meta-pepto-tx: 20261130-1\r\n") &&
		      rig_heard(&r, 1, "\r\nx-amz-meta-pepto-size: 5\r\n") &&
		      rig_heard(&r, 1, "\r\nif-none-match: *\r\n"),
	      "what it is, and on which condition");
	CHECK(rig_heard(&r, 1,
			"SignedHeaders=content-encoding;content-type;host;if-none-match;"
			"x-amz-content-sha256;x-amz-date;x-amz-meta-pepto-size;"
			"x-amz-meta-pepto-tx,"),
	      "all of it signed");
	CHECK(rig_heard(&r, 1, "\r\n\r\nhello"), "and the body");
	CHECK(!rig_heard(&r, 1, "x-amz-checksum"), "no checksum, which some refuse");
	CHECK_INT(http_server_asked(&r.server), 2, "in two requests");
	rig_fini(&r);
}

static void test_looked(void)
{
	static const struct http_reply script[] = {STORED}, there[] = {TOLD};
	struct rig_put p;
	struct rig r;

	rig_open_with_keys(&r, URL, script, 1);
	p = put(&r, (struct store_put){.only_new = true, .looked = true});
	CHECK_INT(p.result, STORE_PUT_STORED, "stored");
	CHECK(p.answer.date_s == -1 && !p.answer.etag[0], "that told nothing");
	CHECK_INT(http_server_asked(&r.server), 1, "whoever has looked is not made to look again");
	CHECK(rig_heard(&r, 0, "PUT /") && rig_heard(&r, 0, "\r\nif-none-match: *\r\n"),
	      "but the store still is told the condition");
	rig_fini(&r);

	rig_open_with_keys(&r, URL, there, 1);
	p = put(&r, (struct store_put){.only_new = true});
	CHECK_INT(p.result, STORE_PUT_PRESENT, "present");
	CHECK_STR(p.answer.etag, "\"e1\"", "as what");
	rig_fini(&r);
}

static const struct {
	const char *name;
	bool only_new;
	struct http_reply script[8];
	size_t asked;
	enum store_put_result result;
	enum err code;
} ways[] = {
	{"replaced", false, {HERE, STORED}, 2, STORE_PUT_STORED, OK},
	{"there already", true, {HERE}, 1, STORE_PUT_PRESENT, OK},
	{"another was first",
	 true,
	 {NOT_HERE, ERROR("412 No", "", "PreconditionFailed")},
	 2,
	 STORE_PUT_PRESENT,
	 OK},
	{"412 to no condition",
	 false,
	 {NOT_HERE, ERROR("412 No", "", "PreconditionFailed")},
	 2,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"looking is denied, to replace", false, {DENIED, STORED}, 2, STORE_PUT_STORED, OK},
	{"looking is denied, with a reason",
	 true,
	 {DENIED, ERROR("403 No", "", "AccessDenied"), STORED},
	 2,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"looking is denied, as is nothing else",
	 true,
	 {DENIED, ERROR("404 No", "", "NoSuchBucket"), STORED},
	 2,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
	{"denied, but not there",
	 true,
	 {DENIED, ERROR("404 No", "", "NoSuchKey"), STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
	{"denied, but there", true, {DENIED, PART}, 2, STORE_PUT_PRESENT, OK},
	{"denied by a wrong clock, and there",
	 true,
	 {DENIED,
	  ERROR("403 No", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "RequestTimeTooSkewed"), PART},
	 3,
	 STORE_PUT_PRESENT,
	 OK},
	{"putting is denied",
	 true,
	 {NOT_HERE, ERROR("403 No", "", "AccessDenied")},
	 2,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"no bucket",
	 true,
	 {NOT_HERE, ERROR("404 No", "", "NoSuchBucket")},
	 2,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
	{"a wrong hash",
	 true,
	 {NOT_HERE, ERROR("400 No", "", "XAmzContentSHA256Mismatch")},
	 2,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"looking is slow",
	 true,
	 {SLOW_HEAD, SLOW_HEAD, NOT_HERE, STORED},
	 4,
	 STORE_PUT_STORED,
	 OK},
	{"looking is slow for good",
	 true,
	 {SLOW_HEAD, SLOW_HEAD, SLOW_HEAD, SLOW_HEAD, SLOW_HEAD, STORED},
	 5,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
	{"putting is slow",
	 true,
	 {NOT_HERE, SLOW, SLOW, SLOW, SLOW, STORED},
	 6,
	 STORE_PUT_STORED,
	 OK},
	{"putting is slow for good",
	 true,
	 {NOT_HERE, SLOW, SLOW, SLOW, SLOW, SLOW, STORED},
	 6,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
	{"500",
	 true,
	 {NOT_HERE, ERROR("500 No", "", "InternalError"), STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
	{"two at once",
	 true,
	 {NOT_HERE, ERROR("409 No", "", "ConditionalRequestConflict"),
	  ERROR("412 No", "", "PreconditionFailed")},
	 3,
	 STORE_PUT_PRESENT,
	 OK},
	{"a body that came too slowly",
	 true,
	 {NOT_HERE, ERROR("400 No", "", "RequestTimeout"), STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
	{"no answer", true, {NOT_HERE, {NULL}, STORED}, 3, STORE_PUT_STORED, OK},
	{"no answer, but it was stored",
	 true,
	 {NOT_HERE, {NULL}, ERROR("412 No", "", "PreconditionFailed")},
	 3,
	 STORE_PUT_PRESENT,
	 OK},
	{"conditions are not known",
	 true,
	 {NOT_HERE, ERROR("501 No", "", "NotImplemented"), STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
	{"501 to no condition",
	 false,
	 {NOT_HERE, ERROR("501 No", "", "NotImplemented")},
	 2,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"another region",
	 true,
	 {NOT_HERE, ERROR("301 No", "x-amz-bucket-region: eu-west-1\r\n", "PermanentRedirect"),
	  STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
	{"another region, for a look",
	 true,
	 {{"HTTP/1.1 301 No\r\nContent-Length: 0\r\nx-amz-bucket-region: eu-west-1\r\n\r\n"},
	  NOT_HERE,
	  STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
	{"a wrong clock",
	 true,
	 {NOT_HERE,
	  ERROR("403 No", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "RequestTimeTooSkewed"),
	  STORED},
	 3,
	 STORE_PUT_STORED,
	 OK},
};

static void test_ways(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct rig_put p;
		struct rig r;

		rig_open_with_keys(&r, URL, ways[i].script, ARRAY_LEN(ways[i].script));
		p = put(&r, (struct store_put){.only_new = ways[i].only_new});
		CHECK_INT(p.result, ways[i].result, ways[i].name);
		CHECK_INT(p.error.code, ways[i].code, ways[i].name);
		CHECK_INT(http_server_asked(&r.server), ways[i].asked, ways[i].name);
		rig_fini(&r);
	}
}

/* What a service has once refused is not sent to it any more. */
static void test_no_conditions(void)
{
	static const struct http_reply script[] = {
		NOT_HERE, ERROR("501 No", "", "NotImplemented"), STORED, NOT_HERE, STORED, HERE};
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	CHECK_INT(put(&r, (struct store_put){.only_new = true}).result, STORE_PUT_STORED,
		  "refused");
	CHECK(rig_heard(&r, 1, "if-none-match") && !rig_heard(&r, 2, "if-none-match"), "once");
	CHECK_INT(put(&r, (struct store_put){.only_new = true}).result, STORE_PUT_STORED, "known");
	CHECK(!rig_heard(&r, 4, "if-none-match"), "not again");
	CHECK_INT(put(&r, (struct store_put){.only_new = true}).result, STORE_PUT_PRESENT,
		  "the look alone tells that it is there");
	rig_fini(&r);
}

static void test_refused(void)
{
	static const struct store_meta broken = {"a", "x\r\ny: z"}, odd = {"a", "gr\xc3\xbcn"};
	static const struct {
		const char *name;
		struct store_put put;
	} rows[] = {
		{"a key that climbs", {.key = {"a/../b", 6}}},
		{"a key with a control byte", {.key = {"a\1b", 3}}},
		{"a key that is no UTF-8", {.key = {"Gr\xfcn.pdb", 8}}},
		{"a line break", {.meta = &broken, .n_meta = 1}},
		{"metadata that is no ASCII", {.meta = &odd, .n_meta = 1}},
		{"an encoding that is none", {.encoding = "zstd\r\n"}},
	};
	struct rig r;

	rig_open_with_keys(&r, URL, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig_put p = put(&r, rows[i].put);

		CHECK(p.result == STORE_PUT_FAILED && p.error.code == ERR_USAGE, rows[i].name);
	}
	CHECK_INT(http_server_asked(&r.server), 0, "nothing is asked");
	rig_fini(&r);
}

static void test_file_that_shrinks(void)
{
	static const struct http_reply script[] = {NOT_HERE, STORED, STORED};
	int fd CLEANUP(close_p) = file_temporary();
	struct rig_put p;
	struct rig r;

	ASSERT(fd >= 0 && file_write_at(fd, SLICE("hello"), 0));
	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	p = put(&r, (struct store_put){.body = {.fd = fd, .length = 6}});
	CHECK(p.result == STORE_PUT_FAILED && p.error.code == ERR_IO, "a fault of ours");
	CHECK(http_server_asked(&r.server) <= 2, "is not tried again");
	rig_fini(&r);
}

static void test_cancelled(void)
{
	static const struct http_reply script[] = {NOT_HERE, {""}};
	const struct store_put p = {.key = SLICE("k"),
				    .sha256 = SUM,
				    .body = store_body_of(SLICE("hello")),
				    .answer_ns = NS_PER_S};
	struct rig_put result = {0};
	struct store_write *w;
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	store_write_cancel(store_put(r.store, &p, rig_stored, &result));
	manual_settle(r.ctx.loop);
	CHECK(!result.done && http_server_asked(&r.server) == 0, "before anything");
	w = store_put(r.store, &p, rig_stored, &result);
	while (http_server_asked(&r.server) < 2)
		manual_turn(r.ctx.loop, 10);
	store_write_cancel(w);
	manual_advance(r.ctx.loop, 60 * NS_PER_S);
	CHECK(!result.done, "while the answer is waited for");
	rig_fini(&r);
}

int main(void)
{
	test_request();
	test_looked();
	test_ways();
	test_no_conditions();
	test_refused();
	test_file_that_shrinks();
	test_cancelled();
	return tap_done();
}
