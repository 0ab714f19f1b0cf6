// SPDX-License-Identifier: MIT
/*
 * Putting in parts, against a scripted server. Parts are sent at the same time, so that what a
 * script says to one of them it says to whichever comes first.
 */
#include "base/file.h"
#include "store/s3_multipart.h"
#include "store_rig.h"
#include "tap.h"

#define URL "s3://bucket/pre?region=us-east-1&endpoint=http://127.0.0.1:%u"
/* Of "hello, world!", which goes in three parts. */
#define BODY "hello, world!"
#define SUM  "68e656b251e67e8358bef8483ab0d51c6619f3e7a1a9f0e75838d41ff368f728"

#define XML(status, text)                                                                          \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" text, .close = true             \
	}
#define ERROR(status, code) XML(status, "<Error><Code>" code "</Code></Error>")
#define NOT_HERE                                                                                   \
	{                                                                                          \
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"                              \
	}
#define HERE(etag)                                                                                 \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nETag: \"" etag "\"\r\n\r\n"              \
	}
#define BEGUN                                                                                      \
	XML("200 OK", "<InitiateMultipartUploadResult><UploadId>id/1</UploadId>"                   \
		      "</InitiateMultipartUploadResult>")
#define PART                                                                                       \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nETag: "                                                        \
		"\"5d41402abc4b2a76b9719d911017c592\"\r\nContent-Length: 0\r\n\r\n"                \
	}
#define DONE XML("200 OK", "<CompleteMultipartUploadResult/>")
#define TOLD                                                                                       \
	XML("200 OK\r\nDate: Mon, 30 Nov 2026 10:00:07 GMT",                                       \
	    "<CompleteMultipartUploadResult><ETag>&quot;e-3&quot;</ETag>"                          \
	    "</CompleteMultipartUploadResult>")
#define ABORTED XML("204 No Content", "")
#define SLOW    ERROR("503 No", "SlowDown")
#define DENIED  ERROR("403 No", "AccessDenied")

static int make_file(void)
{
	int fd = file_temporary();

	ASSERT(fd >= 0 && file_write_at(fd, SLICE(BODY), 0));
	return fd;
}

static void open_with_keys(struct rig *r, const struct http_reply *script, size_t n)
{
	struct s3_store *s3;

	rig_open_with_keys(r, URL, script, n);
	s3 = (struct s3_store *)r->store;
	s3->multipart_from = 10;
	s3->part_size = 5;
}

static struct store_put put_of(int fd)
{
	return (struct store_put){.key = SLICE("k"),
				  .body = {.fd = fd, .length = sizeof(BODY) - 1},
				  .sha256 = SUM,
				  .encoding = "zstd",
				  .only_new = true,
				  .answer_ns = 30 * NS_PER_S};
}

static struct rig_put put(struct rig *r, const char *sum)
{
	int fd = make_file();
	struct store_put p = put_of(fd);
	struct rig_put result = {0};

	p.sha256 = sum ? sum : SUM;
	(void)store_put(r->store, &p, rig_stored, &result);
	rig_until(r, &result.done);
	close(fd);
	return result;
}

/* Does any of the requests hold it? */
static bool heard_any(struct rig *r, const char *text)
{
	for (size_t i = 0; i < http_server_asked(&r->server); i++)
		if (rig_heard(r, i, text))
			return true;
	return false;
}

static void test_requests(void)
{
	static const struct http_reply script[] = {NOT_HERE, BEGUN,    PART, PART,
						   PART,     NOT_HERE, TOLD};
	struct rig_put p;
	struct rig r;

	open_with_keys(&r, script, ARRAY_LEN(script));
	p = put(&r, NULL);
	CHECK_INT(p.result, STORE_PUT_STORED, "stored");
	CHECK_STR(p.answer.etag, "\"e-3\"", "as what");
	CHECK_INT(p.answer.date_s, 1796032807, "and when");
	CHECK(rig_heard(&r, 0, "HEAD /bucket/pre/k ") &&
		      rig_heard(&r, 1, "POST /bucket/pre/k?uploads= HTTP/1.1\r\n"),
	      "it looks, and begins");
	CHECK(rig_heard(&r, 1, "\r\ncontent-encoding: zstd\r\n") && rig_heard(&r, 1, SIGV4_EMPTY),
	      "what the object is, is said at the beginning");
	CHECK(heard_any(&r, "PUT /bucket/pre/k?partNumber=1&uploadId=id%2F1 ") &&
		      heard_any(&r, "\r\n\r\nhello"),
	      "the first part");
	CHECK(heard_any(&r, "?partNumber=2&uploadId=id%2F1 ") && heard_any(&r, "\r\n\r\n, wor"),
	      "the second");
	CHECK(heard_any(&r, "?partNumber=3&uploadId=id%2F1 ") && heard_any(&r, "\r\n\r\nld!"),
	      "the last, which is shorter");
	CHECK(heard_any(&r, "x-amz-content-sha256: "
			    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
	      "each with its own hash");
	CHECK(rig_heard(&r, 5, "HEAD /bucket/pre/k ") &&
		      rig_heard(&r, 6, "POST /bucket/pre/k?uploadId=id%2F1 ") &&
		      rig_heard(&r, 6,
				"<Part><PartNumber>3</"
				"PartNumber><ETag>\"5d41402abc4b2a76b9719d911017c592\"</ETag></"
				"Part>") &&
		      rig_heard(&r, 6, "\r\nif-none-match: *\r\n"),
	      "then it is completed, if nothing is there");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply script[16];
	size_t asked;
	enum store_put_result result;
	enum err code;
} ways[] = {
	{"a part is slow",
	 {NOT_HERE, BEGUN, SLOW, PART, PART, PART, NOT_HERE, DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"beginning is slow",
	 {NOT_HERE, SLOW, BEGUN, PART, PART, PART, NOT_HERE, DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"beginning is denied", {NOT_HERE, DENIED}, 2, STORE_PUT_FAILED, ERR_DENIED},
	{"begun without an id",
	 {NOT_HERE, XML("200 OK", "<a/>")},
	 2,
	 STORE_PUT_FAILED,
	 ERR_CORRUPT},
	{"completing is slow",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, SLOW, DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"200, and then an error",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, ERROR("200 OK", "InternalError"), DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"200, and then for good",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, ERROR("200 OK", "InvalidPart"), ABORTED},
	 8,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
	{"completing is denied",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, DENIED, ABORTED},
	 8,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"another was first",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, ERROR("412 No", "PreconditionFailed"),
	  ABORTED},
	 8,
	 STORE_PUT_PRESENT,
	 OK},
	{"another came while the parts were sent",
	 {NOT_HERE, BEGUN, PART, PART, PART, HERE("5d41402abc4b2a76b9719d911017c592"), ABORTED},
	 7,
	 STORE_PUT_PRESENT,
	 OK},
	{"the second look is slow",
	 {NOT_HERE, BEGUN, PART, PART, PART, SLOW, NOT_HERE, DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"the second look is refused",
	 {NOT_HERE, BEGUN, PART, PART, PART, ERROR("400 No", "InvalidRequest"), DONE},
	 7,
	 STORE_PUT_STORED,
	 OK},
	{"the second look is denied",
	 {NOT_HERE, BEGUN, PART, PART, PART, DENIED, DENIED, ABORTED},
	 8,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"the second look is denied, and nothing is there",
	 {NOT_HERE, BEGUN, PART, PART, PART, DENIED, ERROR("404 No", "NoSuchKey"), DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"the second look is denied, and it is there",
	 {NOT_HERE, BEGUN, PART, PART, PART, DENIED, PART, ABORTED},
	 8,
	 STORE_PUT_PRESENT,
	 OK},
	{"aborting is slow",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, ERROR("412 No", "PreconditionFailed"), SLOW,
	  ABORTED},
	 9,
	 STORE_PUT_PRESENT,
	 OK},
	{"conditions are not known",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, ERROR("501 No", "NotImplemented"), DONE},
	 8,
	 STORE_PUT_STORED,
	 OK},
	{"two at once: all anew",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE,
	  ERROR("409 No", "ConditionalRequestConflict"), ABORTED, BEGUN, PART, PART, PART, NOT_HERE,
	  DONE},
	 14,
	 STORE_PUT_STORED,
	 OK},
	{"two at once, twice",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE,
	  ERROR("409 No", "ConditionalRequestConflict"), ABORTED, BEGUN, PART, PART, PART, NOT_HERE,
	  ERROR("409 No", "ConditionalRequestConflict"), ABORTED},
	 15,
	 STORE_PUT_FAILED,
	 ERR_DENIED},
	{"the answer got lost, it was completed",
	 {NOT_HERE,
	  BEGUN,
	  PART,
	  PART,
	  PART,
	  NOT_HERE,
	  {NULL},
	  ERROR("404 No", "NoSuchUpload"),
	  HERE("2532438675b60f99f296e27e9ecf0c50-3")},
	 9,
	 STORE_PUT_STORED,
	 OK},
	{"the answer got lost, and another is there",
	 {NOT_HERE,
	  BEGUN,
	  PART,
	  PART,
	  PART,
	  NOT_HERE,
	  {NULL},
	  ERROR("404 No", "NoSuchUpload"),
	  HERE("5d41402abc4b2a76b9719d911017c592-3")},
	 9,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
	{"somebody has aborted it",
	 {NOT_HERE, BEGUN, PART, PART, PART, NOT_HERE, ERROR("404 No", "NoSuchUpload"), ABORTED},
	 8,
	 STORE_PUT_FAILED,
	 ERR_UPSTREAM},
};

static void test_ways(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct rig_put p;
		struct rig r;

		open_with_keys(&r, ways[i].script, ARRAY_LEN(ways[i].script));
		p = put(&r, NULL);
		CHECK_INT(p.result, ways[i].result, ways[i].name);
		CHECK_INT(p.error.code, ways[i].code, ways[i].name);
		CHECK_INT(http_server_asked(&r.server), ways[i].asked, ways[i].name);
		rig_fini(&r);
	}
}

/* How many requests there are by then depends on which part hears it. */
static void test_part_denied(void)
{
	static const struct http_reply script[] = {NOT_HERE, BEGUN, DENIED, DENIED, DENIED, DENIED};
	struct rig_put p;
	struct rig r;

	open_with_keys(&r, script, ARRAY_LEN(script));
	p = put(&r, NULL);
	CHECK(p.result == STORE_PUT_FAILED && p.error.code == ERR_DENIED, "it fails");
	CHECK(heard_any(&r, "DELETE /bucket/pre/k?uploadId=id%2F1 "), "and is aborted");
	CHECK(!heard_any(&r, "CompleteMultipartUpload"), "never completed");
	rig_fini(&r);
}

static void test_changed(void)
{
	static const struct http_reply script[] = {NOT_HERE, BEGUN, PART, PART, PART, ABORTED};
	struct rig_put p;
	struct rig r;

	open_with_keys(&r, script, ARRAY_LEN(script));
	p = put(&r, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	CHECK(p.result == STORE_PUT_FAILED && p.error.code == ERR_CORRUPT, "another file by now");
	CHECK(rig_heard(&r, 5, "DELETE "), "is not completed");
	rig_fini(&r);
}

/* After the n-th request has come, the owner leaves: it is aborted all the same. */
static void test_cancelled(void)
{
	static const struct http_reply script[] = {NOT_HERE, BEGUN, {""}, {""}, {""}, ABORTED};

	for (size_t n = 0; n <= 5; n++) {
		int fd = make_file();
		struct store_put p = put_of(fd);
		struct rig_put result = {0};
		struct store_write *w;
		struct rig r;

		open_with_keys(&r, script, ARRAY_LEN(script));
		w = store_put(r.store, &p, rig_stored, &result);
		while (http_server_asked(&r.server) < n)
			manual_turn(r.ctx.loop, 10);
		store_write_cancel(w);
		close(fd);
		while (n == 5 && http_server_asked(&r.server) < 6)
			manual_turn(r.ctx.loop, 10);
		manual_settle(r.ctx.loop);
		CHECK(!result.done, "nothing is told");
		CHECK(n < 5 || rig_heard(&r, 5, "DELETE "), "what has been begun is aborted");
		rig_fini(&r);
	}
}

/* While it is being begun the owner leaves: what has been begun is aborted, and nothing goes on. */
static void test_cancelled_beginning(void)
{
	static const struct {
		const char *name;
		struct http_reply script[8];
		bool aborted;
	} rows[] = {
		{"begun", {NOT_HERE, BEGUN, ABORTED, ABORTED, ABORTED, ABORTED, ABORTED}, true},
		{"slow", {NOT_HERE, SLOW}, false},
		{"denied", {NOT_HERE, DENIED}, false},
		{"without an id", {NOT_HERE, XML("200 OK", "<a/>")}, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = make_file();
		struct store_put p = put_of(fd);
		struct rig_put result = {0};
		struct store_write *w;
		struct rig r;

		open_with_keys(&r, rows[i].script, ARRAY_LEN(rows[i].script));
		w = store_put(r.store, &p, rig_stored, &result);
		while (http_server_asked(&r.server) < 2)
			manual_turn(r.ctx.loop, 0);
		if (!result.done)
			store_write_cancel(w);
		close(fd);
		while (!LIST_EMPTY(&((struct s3_store *)r.store)->aborting))
			manual_turn(r.ctx.loop, 10);
		CHECK_INT(heard_any(&r, "DELETE /bucket/pre/k?uploadId=id%2F1 "), rows[i].aborted,
			  rows[i].name);
		rig_fini(&r);
	}
}

int main(void)
{
	test_requests();
	test_ways();
	test_part_denied();
	test_changed();
	test_cancelled();
	test_cancelled_beginning();
	return tap_done();
}
