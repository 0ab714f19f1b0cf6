// SPDX-License-Identifier: MIT
/*
 * HTTP out, over real sockets to a scripted server; the loop is turned by hand and its clock
 * stands still but where a deadline is meant to pass.
 */
#include "store/transfer.h"

#include "base/file.h"
#include "manual_loop.h"
#include "metric/metric.h"

#include "http_server.h"
#include "tap.h"
#include <curl/curl.h>
#include <fcntl.h>
#include <sys/resource.h>

#define EMPTY_404 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
#define HELLO     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static struct loop *loop;
static struct transfer_engine *engine;
static struct http_server server;

enum when { NEVER, IN_HEAD, IN_DATA, IN_DONE };

struct client {
	struct transfer *transfer;
	enum when cancel, cancel_other, start_other;
	struct client *other;
	bool pause;
	int heads, dones;
	bool paused, over, head_in;
	size_t bytes, since_resume;
	struct transfer_head head;
	struct error error;
};

static void cancel(struct client *c)
{
	transfer_cancel(TAKE(c->transfer));
	c->over = true;
}

static void begin_other(struct client *c);

static void act_when(struct client *c, enum when now)
{
	if (c->start_other == now)
		begin_other(c);
	if (c->cancel_other == now && c->other->transfer)
		cancel(c->other);
	if (c->cancel == now)
		cancel(c);
}

static void on_client_head(void *ud, const struct transfer_head *head)
{
	struct client *c = ud;

	ASSERT(!c->over);
	c->heads++;
	c->head = *head;
	c->head_in = true;
	act_when(c, IN_HEAD);
}

static bool on_client_data(void *ud, struct slice bytes)
{
	struct client *c = ud;

	ASSERT(!c->over && c->heads == 1);
	c->bytes += bytes.n;
	c->since_resume += bytes.n;
	c->paused = c->pause;
	act_when(c, IN_DATA);
	return !c->pause;
}

static void on_client_done(void *ud, const struct error *e)
{
	struct client *c = ud;

	ASSERT(!c->over);
	c->dones++;
	c->error = *e;
	act_when(c, IN_DONE);
	c->transfer = NULL;
	c->over = true;
}

static void engine_start(size_t max_transfers)
{
	const struct transfer_limits limits = {
		.connect_timeout_ns = 5 * NS_PER_S,
		.stall_timeout_ns = 5 * NS_PER_S,
		.max_transfers = max_transfers,
	};

	loop = manual_loop();
	ASSERT(transfer_engine_new(loop, &limits, &engine, NULL) == OK);
}

static void engine_stop(void)
{
	transfer_engine_free(engine);
	loop_free(loop);
}

static enum err ask(struct client *c, struct transfer_request r, const char *path, struct error *e)
{
	static const struct transfer_events events = {on_client_head, on_client_data,
						      on_client_done};
	char url[300];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	r.url = url;
	if (!r.head_deadline_ns)
		r.head_deadline_ns = clock_mono_ns() + 5 * NS_PER_S;
	return transfer_start(engine, &r, &events, c, &c->transfer, e);
}

static void begin_other(struct client *c)
{
	c->start_other = NEVER; /* once, though data comes in pieces */
	ASSERT(ask(c->other, (struct transfer_request){0}, "/", NULL) == OK);
}

/* One request with one scripted answer, to its end. */
static struct client one(struct http_reply reply, struct transfer_request r)
{
	struct client c = {0};

	engine_start(4);
	http_server_start(&server, &reply, 1);
	ASSERT(ask(&c, r, "/a/b", NULL) == OK);
	ASSERT(manual_until(loop, &c.over));
	engine_stop();
	http_server_stop(&server);
	return c;
}

/* ---- heads ---- */

static void test_head_fields(void)
{
	struct client c = one(
		(struct http_reply){
			"HTTP/1.1 206 Partial Content\r\n"
			"content-length: 3\r\nETAG:  \"abc\" \r\nLast-Modified: Sun, 06 Nov 1994 "
			"08:49:37 GMT\r\n"
			"Content-Range: bytes 0-2/10\r\nContent-Encoding: gzip\r\nContent-Type: "
			"text/plain\r\n"
			"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\nx-amz-bucket-region: eu-west-1\r\n"
			"x-amz-request-id: R1\r\nx-amz-checksum-sha256: S\r\n"
			"x-amz-checksum-crc64nvme: N\r\nx-amz-checksum-crc32c: C\r\n"
			"x-amz-checksum-crc32: P\r\nx-amz-checksum-type: FULL_OBJECT\r\n"
			"x-amz-server-side-encryption: aws:kms\r\n"
			"x-amz-server-side-encryption-customer-algorithm: AES256\r\n\r\nabc"},
		(struct transfer_request){0});

	CHECK(c.heads == 1 && c.dones == 1 && c.error.code == OK, "head once, done once");
	CHECK_INT(c.head.status, 206, "status");
	CHECK_INT(c.head.length, 3, "length, in any case of its name");
	CHECK_STR(c.head.etag, "\"abc\"", "a value without the blanks around it");
	CHECK_STR(c.head.last_modified, "Sun, 06 Nov 1994 08:49:37 GMT", "Last-Modified");
	CHECK_STR(c.head.content_range, "bytes 0-2/10", "Content-Range");
	CHECK_STR(c.head.content_encoding, "gzip", "Content-Encoding, and the body as it is");
	CHECK_INT(c.bytes, 3, "three bytes of it");
	CHECK_STR(c.head.content_type, "text/plain", "Content-Type");
	CHECK_STR(c.head.date, "Sun, 06 Nov 1994 08:49:38 GMT", "Date");
	CHECK_STR(c.head.bucket_region, "eu-west-1", "x-amz-bucket-region");
	CHECK_STR(c.head.request_id, "R1", "x-amz-request-id");
	CHECK_STR(c.head.sum_sha256, "S", "x-amz-checksum-sha256");
	CHECK_STR(c.head.sum_crc64nvme, "N", "x-amz-checksum-crc64nvme");
	CHECK_STR(c.head.sum_crc32c, "C", "x-amz-checksum-crc32c");
	CHECK_STR(c.head.sum_crc32, "P", "x-amz-checksum-crc32");
	CHECK_STR(c.head.sum_type, "FULL_OBJECT", "x-amz-checksum-type");
	CHECK_STR(c.head.encryption, "aws:kms", "x-amz-server-side-encryption");
	CHECK_STR(c.head.customer, "AES256", "and its customer's algorithm");
}

static void test_head_limits(void)
{
	char text[400];
	struct client c;

	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nETag: \"%0200d\"\r\nContent-Length: 0\r\n\r\n", 0);
	c = one((struct http_reply){text}, (struct transfer_request){0});
	CHECK_INT(strlen(c.head.etag), sizeof(c.head.etag) - 1, "a long value is cut");
	c = one(
		(struct http_reply){
			"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
			.close = true},
		(struct transfer_request){0});
	CHECK(c.dones == 1 && c.bytes == 0, "a length beyond all numbers ends somehow");
	c = one((struct http_reply){"HTTP/1.1 200 OK\r\n\r\nabc", .close = true},
		(struct transfer_request){0});
	CHECK(c.head.length == -1 && c.bytes == 3 && c.error.code == OK,
	      "no length: until the end");
	c = one((struct http_reply){"HTTP/1.1 100 Continue\r\nETag: \"no\"\r\n\r\n" HELLO},
		(struct transfer_request){0});
	CHECK(c.heads == 1 && c.head.status == 200 && !c.head.etag[0], "a 100 is not the head");
}

static void test_head_request(void)
{
	struct client c = one((struct http_reply){"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
			      (struct transfer_request){.head = true});

	CHECK(http_server_asked(&server) == 1 &&
		      http_server_heard(&server, 0, "HEAD /a/b HTTP/1.1"),
	      "HEAD");
	CHECK(c.error.code == OK && c.head.length == 5 && c.bytes == 0, "has a length and no body");
}

static void test_request(void)
{
	static const char *const headers[] = {"If-Match: \"v\"", "Range: bytes=1-2", NULL};
	struct client c =
		one((struct http_reply){HELLO},
		    (struct transfer_request){.headers = headers, .user_password = "u:p"});

	CHECK(c.error.code == OK && http_server_heard(&server, 0, "GET /a/b HTTP/1.1"), "GET");
	CHECK(http_server_heard(&server, 0, "\r\nIf-Match: \"v\"\r\nRange: bytes=1-2\r\n"),
	      "with the headers given");
	CHECK(http_server_heard(&server, 0, "\r\nAuthorization: Basic dTpw\r\n"),
	      "and the password");
	CHECK(!http_server_heard(&server, 0, "Accept-Encoding"), "no coding is asked for");
}

/* ---- how it ends ---- */

static const struct {
	const char *name;
	struct http_reply reply;
	enum err code;
	int heads;
	size_t bytes;
} ends[] = {
	{"complete", {HELLO}, OK, 1, 5},
	{"an error status is an end like others", {EMPTY_404}, OK, 1, 0},
	{"closed without a word", {NULL}, ERR_NET, 0, 0},
	{"closed in the head", {"HTTP/1.1 200 OK\r\nContent-Le", .close = true}, ERR_NET, 0, 0},
	{"closed in the head of an error",
	 {"HTTP/1.1 404 No\r\nContent-Le", .close = true},
	 ERR_NET,
	 0,
	 0},
	{"closed in the body",
	 {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", .close = true},
	 ERR_NET,
	 1,
	 3},
	{"chunked",
	 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nETag: "
	  "\"x\"\r\n\r\n"},
	 OK,
	 1,
	 3},
	{"chunked and cut",
	 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .close = true},
	 ERR_NET,
	 1,
	 3},
	{"not HTTP",
	 {"220 ftp.example.org FTP server ready\r\n", .close = true},
	 ERR_UPSTREAM,
	 0,
	 0},
	{"a redirect that is not followed",
	 {"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
	 OK,
	 1,
	 0},
};

static void test_ends(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct client c = one(ends[i].reply, (struct transfer_request){0});

		if (!CHECK(c.dones == 1 && c.error.code == ends[i].code &&
				   c.heads == ends[i].heads && c.bytes == ends[i].bytes,
			   ends[i].name))
			printf("# %s '%s', %d heads, %zu bytes\n", err_name(c.error.code),
			       c.error.msg, c.heads, c.bytes);
	}
}

static void test_refused(void)
{
	struct client c = {0};

	engine_start(4);
	http_server_start(&server, NULL, 0);
	http_server_stop(&server);
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(manual_until(loop, &c.over));
	CHECK(c.error.code == ERR_NET && c.heads == 0, "nobody listens");
	engine_stop();
}

static void test_control_bytes(void)
{
	static const char *const lines[] = {"A: b\rX: y", "A: b\nX: y", "A: \x01", "A: b\x7f"};

	engine_start(4);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const char *const headers[] = {"B: c", lines[i], NULL};
		struct client c = {0};

		CHECK_INT(ask(&c, (struct transfer_request){.headers = headers}, "/", NULL),
			  ERR_DENIED, "a header that is more than one line, or none");
	}
	CHECK_INT(ask(&(struct client){0}, (struct transfer_request){0}, "/a\r\nX: y", NULL),
		  ERR_DENIED, "a URL that is");
	CHECK_INT(metric_get(active_transfers), 0, "none of them was begun");
	engine_stop();
}

static void test_redirects(void)
{
	static const struct http_reply there[] = {{"HTTP/1.1 302 Found\r\nLocation: /b\r\nETag: "
						   "\"no\"\r\nContent-Length: 3\r\n\r\nxxx"},
						  {HELLO}};
	static const struct http_reply around[] = {
		{"HTTP/1.1 301 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 303 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 308 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 302 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.1 302 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"}};
	const struct transfer_request follow = {.follow = true};
	struct client c = {0};

	engine_start(4);
	http_server_start(&server, there, ARRAY_LEN(there));
	ASSERT(ask(&c, follow, "/a", NULL) == OK && manual_until(loop, &c.over));
	CHECK(c.heads == 1 && c.head.status == 200 && !c.head.etag[0] && c.bytes == 5,
	      "a redirect is followed, and nothing of it is seen");
	CHECK(http_server_heard(&server, 1, "GET /b "), "to where it leads");
	engine_stop();
	http_server_stop(&server);

	c = (struct client){0};
	engine_start(4);
	http_server_start(&server, around, ARRAY_LEN(around));
	ASSERT(ask(&c, follow, "/a", NULL) == OK && manual_until(loop, &c.over));
	CHECK(c.heads == 0 && c.error.code == ERR_UPSTREAM && http_server_asked(&server) == 6,
	      "but not more than five");
	engine_stop();
	http_server_stop(&server);

	c = one((struct http_reply){"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"}, follow);
	CHECK(c.heads == 0 && c.error.code == ERR_UPSTREAM, "one that leads nowhere is a failure");
	c = one((struct http_reply){"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
				    "Content-Length: 0\r\n\r\n"},
		follow);
	CHECK(c.heads == 0 && c.error.code == ERR_UPSTREAM, "as is one that leads out of HTTP");
}

/* This server lies at 127.0.0.1: it may lead there, but not to its link or network. */
static void test_astray(void)
{
	static const char *const places[] = {
		"http://169.254.169.254/latest",
		"http://[::ffff:169.254.169.254]/",
		"http://[fd00:ec2::254]/",
		"https://169.254.169.254/",
		"http://10.0.0.1/",
		"http://0xa9fea9fe/",
		"//2852039166/latest",
		"http://[64:ff9b::a00:1]/",
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char answer[200];
		struct client c;

		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
			 places[i]);
		c = one((struct http_reply){answer}, (struct transfer_request){.follow = true});
		if (!CHECK(c.heads == 0 && c.error.code == ERR_DENIED, places[i]))
			printf("# %s: %s\n", err_name(c.error.code), c.error.msg);
	}
	/* There is no such address without a zone: to try it fails at once. */
	CHECK(one((struct http_reply){"HTTP/1.1 302 Found\r\nLocation: http://[fe80::1]:9/\r\n"
				      "Content-Length: 0\r\n\r\n"},
		  (struct transfer_request){.follow = true, .follow_anywhere = true})
			      .error.code == ERR_NET,
	      "who may be led anywhere tries");
}

/* ---- deadlines and limits ---- */

static void test_head_deadline(void)
{
	static const struct http_reply quiet[] = {{""}};
	struct client c = {0};

	engine_start(4);
	http_server_start(&server, quiet, 1);
	ASSERT(ask(&c, (struct transfer_request){.head_deadline_ns = clock_mono_ns() + NS_PER_S},
		   "/", NULL) == OK);
	for (int i = 0; i < 200 && http_server_asked(&server) == 0; i++)
		manual_turn(loop, 10);
	manual_advance(loop, NS_PER_S - 1);
	CHECK(!c.over, "the deadline of the head has not come");
	manual_advance(loop, 1);
	CHECK(c.dones == 1 && c.error.code == ERR_TIMEOUT, "now it has");
	engine_stop();
	http_server_stop(&server);
}

/* A body may take longer than the head. */
static void test_body_after_deadline(void)
{
	static const struct http_reply half[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}};
	struct client c = {0};

	engine_start(4);
	http_server_start(&server, half, 1);
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK &&
	       manual_until(loop, &c.head_in));
	manual_advance(loop, 3600 * NS_PER_S);
	CHECK(!c.over, "the deadline ends with the head");
	engine_stop();
	CHECK(c.dones == 1 && c.error.code == ERR_CANCELED, "an engine that goes ends what runs");
	http_server_stop(&server);
}

static void test_too_many(void)
{
	static const struct http_reply quiet[] = {{""}, {""}};
	int64_t refused = metric_get(refused_transfers), active = metric_get(active_transfers);
	struct client c[3] = {{0}};
	struct error e = {OK, 0, ""};

	engine_start(2);
	http_server_start(&server, quiet, 2);
	CHECK(!transfer_engine_crowded(NULL) && transfer_engine_crowded(engine),
	      "where two are allowed, none is left for a luxury");
	ASSERT(ask(&c[0], (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(ask(&c[1], (struct transfer_request){0}, "/", NULL) == OK);
	CHECK_INT(ask(&c[2], (struct transfer_request){0}, "/", &e), ERR_BUSY,
		  "no more than allowed");
	CHECK_INT(metric_get(refused_transfers) - refused, 1, "which is counted");
	CHECK_INT(metric_get(active_transfers) - active, 2, "as are those that run");
	cancel(&c[0]);
	CHECK_INT(ask(&c[2], (struct transfer_request){0}, "/", &e), OK,
		  "one that ends makes room");
	engine_stop();
	CHECK_INT(metric_get(active_transfers) - active, 0, "none is left");
	http_server_stop(&server);
}

/* ---- starting from inside ---- */

/* No handle can come into libcurl from its own callbacks: such a transfer lay there for good. */
static void test_start_from_inside(void)
{
	static const char *const names[] = {"", "from a head", "from data", "from an end"};
	static const struct http_reply script[] = {{HELLO}, {HELLO}};

	for (int when = IN_HEAD; when <= IN_DONE; when++) {
		struct client c[2] = {{.start_other = (enum when)when, .other = &c[1]}};

		engine_start(4);
		http_server_start(&server, script, 2);
		ASSERT(ask(&c[0], (struct transfer_request){0}, "/", NULL) == OK);
		CHECK(manual_until(loop, &c[0].over) && manual_until(loop, &c[1].over) &&
			      c[1].error.code == OK && c[1].bytes == 5,
		      names[when]);
		engine_stop();
		http_server_stop(&server);
	}
}

/* Both in one call of libcurl: it neither runs nor stays. */
static void test_start_and_cancel_from_inside(void)
{
	static const struct http_reply script[] = {{HELLO}, {HELLO}};
	int64_t active = metric_get(active_transfers);
	struct client c[2] = {{.start_other = IN_HEAD, .cancel_other = IN_HEAD, .other = &c[1]}};

	engine_start(4);
	http_server_start(&server, script, 2);
	ASSERT(ask(&c[0], (struct transfer_request){0}, "/", NULL) == OK);
	CHECK(manual_until(loop, &c[0].over) && c[0].bytes == 5, "the one that runs goes on");
	manual_settle(loop);
	CHECK(c[1].dones == 0 && metric_get(active_transfers) == active &&
		      http_server_asked(&server) == 1,
	      "the one that was cancelled is gone");
	engine_stop();
	http_server_stop(&server);
}

/* ---- cancelling from inside ---- */

static void test_cancel_itself(void)
{
	static const char *const names[] = {"", "from its head", "from its data", "from its end"};

	for (int when = IN_HEAD; when <= IN_DONE; when++) {
		static const struct http_reply script[] = {{HELLO}, {HELLO}};
		struct client c = {.cancel = (enum when)when}, after = {0};

		engine_start(4);
		http_server_start(&server, script, 2);
		ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
		ASSERT(manual_until(loop, &c.over));
		manual_settle(loop);
		CHECK(c.dones == (when == IN_DONE) && c.heads == 1, names[when]);
		ASSERT(ask(&after, (struct transfer_request){0}, "/", NULL) == OK);
		ASSERT(manual_until(loop, &after.over));
		CHECK(after.error.code == OK && after.bytes == 5, "and its handle serves the next");
		engine_stop();
		http_server_stop(&server);
	}
}

static void test_cancel_another(void)
{
	static const char *const names[] = {"", "another from a head", "another from data",
					    "another from an end"};

	for (int when = IN_HEAD; when <= IN_DONE; when++) {
		static const struct http_reply script[] = {{HELLO}, {HELLO}};
		struct client c[2] = {{.cancel_other = (enum when)when},
				      {.cancel_other = (enum when)when}};

		c[0].other = &c[1];
		c[1].other = &c[0];
		engine_start(4);
		http_server_start(&server, script, 2);
		ASSERT(ask(&c[0], (struct transfer_request){0}, "/", NULL) == OK);
		ASSERT(ask(&c[1], (struct transfer_request){0}, "/", NULL) == OK);
		ASSERT(manual_until(loop, &c[0].over) && manual_until(loop, &c[1].over));
		manual_settle(loop);
		CHECK_INT(c[0].dones + c[1].dones, 1, names[when]);
		engine_stop();
		http_server_stop(&server);
	}
}

/* ---- pausing ---- */

static size_t pause_through(struct http_reply reply, size_t *ret_bytes)
{
	struct client c = {.pause = true};
	size_t most = 0;

	engine_start(4);
	http_server_start(&server, &reply, 1);
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
	while (!c.over) {
		for (int i = 0; i < 100 && !c.paused && !c.over; i++)
			manual_turn(loop, 100);
		ASSERT(c.paused || c.over);
		manual_turn(loop, 0);
		manual_turn(loop, 0);
		most = MAX(most, c.since_resume);
		c.paused = false;
		c.since_resume = 0;
		if (c.transfer)
			transfer_resume(c.transfer);
	}
	ASSERT(c.error.code == OK);
	*ret_bytes = c.bytes;
	engine_stop();
	http_server_stop(&server);
	return most;
}

static void test_pause(void)
{
	struct buf chunks CLEANUP(buf_fini) = BUF_MAX(1 << 20);
	size_t bytes;

	CHECK(pause_through(
		      (struct http_reply){"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n",
					  .body = 2000000},
		      &bytes) <= 2 * TRANSFER_READ_MAX,
	      "a pause lets no more through than had been received");
	CHECK_INT(bytes, 2000000, "and all of it comes in the end");
	buf_puts(&chunks, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 3000; i++)
		buf_printf(&chunks, "64\r\n%0100d\r\n", i);
	buf_puts(&chunks, "0\r\n\r\n");
	CHECK(pause_through((struct http_reply){buf_str(&chunks)}, &bytes) <= 2 * TRANSFER_READ_MAX,
	      "nor in many small chunks");
	CHECK_INT(bytes, 300000, "all of which come");
}

static void test_cancel_paused(void)
{
	static const struct http_reply script[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", .body = 2000000}, {HELLO}};
	struct client c = {.pause = true}, after = {0};

	engine_start(4);
	http_server_start(&server, script, 2);
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK &&
	       manual_until(loop, &c.paused));
	cancel(&c);
	ASSERT(ask(&after, (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(manual_until(loop, &after.over));
	CHECK(after.bytes == 5 && after.error.code == OK,
	      "cancelled while paused: the next is not");
	engine_stop();
	http_server_stop(&server);
}

/* What we lack is not the other side's fault: the breaker counts the one and not the other. */
static void test_no_descriptors(void)
{
	static const struct http_reply reply = {HELLO};
	struct rlimit was, none;
	struct client c = {0};
	int next;

	engine_start(4);
	http_server_start(&server, &reply, 1);
	next = open("/", O_PATH | O_CLOEXEC);
	ASSERT(next >= 0 && getrlimit(RLIMIT_NOFILE, &was) == 0);
	close(next);
	none = (struct rlimit){(rlim_t)next, was.rlim_max};
	ASSERT(setrlimit(RLIMIT_NOFILE, &none) == 0);
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(manual_until(loop, &c.over));
	ASSERT(setrlimit(RLIMIT_NOFILE, &was) == 0);
	CHECK_INT(c.error.code, ERR_BUSY, "no socket could be made");
	c = (struct client){0};
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(manual_until(loop, &c.over));
	CHECK_INT(c.error.code, OK, "and then it could");
	engine_stop();
	http_server_stop(&server);
	c = (struct client){0};
	engine_start(4);
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(manual_until(loop, &c.over));
	CHECK_INT(c.error.code, ERR_NET, "nobody listens: that is the other side's");
	engine_stop();
}

/* ---- bodies ---- */

static bool heard(size_t i, const char *text)
{
	return http_server_heard(&server, i, text);
}

/* One handle does all of it, one after the other, and each request is as if it were the first. */
static void test_methods(void)
{
	static const struct http_reply script[] = {{HELLO},     {HELLO}, {EMPTY_404}, {HELLO},
						   {EMPTY_404}, {HELLO}, {HELLO}};
	static const struct {
		const char *name, *method;
		bool head, sends;
		const char *body;
		const char *line, *length; /* of what goes over the wire */
	} rows[] = {
		{"GET", NULL, false, false, NULL, "GET /", NULL},
		{"PUT", "PUT", false, true, "abc", "PUT /", "\r\nContent-Length: 3\r\n"},
		{"HEAD", NULL, true, false, NULL, "HEAD /", NULL},
		{"POST of nothing", "POST", false, true, "", "POST /", "\r\nContent-Length: 0\r\n"},
		{"DELETE", "DELETE", false, false, NULL, "DELETE /", NULL},
		{"POST", "POST", false, true, "<x/>", "POST /", "\r\nContent-Length: 4\r\n"},
		{"GET", NULL, false, false, NULL, "GET /", NULL},
	};

	engine_start(1);
	http_server_start(&server, script, ARRAY_LEN(script));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_body body = store_body_of(slice_of(rows[i].body));
		struct client c = {0};

		ASSERT(ask(&c,
			   (struct transfer_request){.method = rows[i].method,
						     .head = rows[i].head,
						     .head_within_ns = NS_PER_S,
						     .body = rows[i].sends ? &body : NULL},
			   "/", NULL) == OK);
		ASSERT(manual_until(loop, &c.over));
		CHECK(c.heads == 1 && c.error.code == OK, rows[i].name);
		CHECK(heard(i, rows[i].line), rows[i].name);
		CHECK(heard(i, "Content-Length") == (rows[i].length != NULL),
		      "a length with a body");
		CHECK(!rows[i].length || (heard(i, rows[i].length) && heard(i, rows[i].body)),
		      "and the body itself");
		CHECK(!heard(i, "Expect") && !heard(i, "Transfer-Encoding") &&
			      !heard(i, "Content-Type"),
		      "nothing of libcurl's own");
	}
	CHECK_INT(http_server_connections(&server), 1, "on one connection");
	engine_stop();
	http_server_stop(&server);
}

static int make_file(size_t n)
{
	int fd = file_temporary();
	char *bytes CLEANUP(free_p) = xzalloc(n);

	memset(bytes, 'x', n);
	ASSERT(fd >= 0 && file_write_at(fd, (struct slice){bytes, n}, 0));
	return fd;
}

static void test_body_of_a_file(void)
{
	static const struct http_reply reply = {HELLO};
	int fd CLEANUP(close_p) = make_file(500000);
	struct store_body body = {.fd = fd, .offset = 1000, .length = 400000};
	struct client c = one(reply, (struct transfer_request){.method = "PUT",
							       .body = &body,
							       .head_within_ns = NS_PER_S});

	CHECK(c.heads == 1 && c.error.code == OK && c.bytes == 5, "much of a file is sent");
	body.length = 600000;
	c = one(reply, (struct transfer_request){.method = "PUT", .body = &body});
	CHECK(c.heads == 0 && c.dones == 1, "a file that is shorter");
	CHECK_INT(c.error.code, ERR_IO, "is a fault of ours");
}

/* The time of an answer begins with the last byte of the body. */
static void test_time_of_a_body(void)
{
	static const struct http_reply script[] = {{""}};
	struct store_body body = store_body_of(SLICE("abc"));
	struct client c = {0};

	engine_start(1);
	http_server_start(&server, script, 1);
	ASSERT(ask(&c,
		   (struct transfer_request){.method = "PUT",
					     .body = &body,
					     .head_deadline_ns = clock_mono_ns() + 1,
					     .head_within_ns = 60 * NS_PER_S},
		   "/", NULL) == OK);
	while (http_server_asked(&server) == 0)
		manual_turn(loop, 10);
	manual_advance(loop, NS_PER_S);
	CHECK(!c.over, "it has begun, so that its turn's deadline does not count");
	CHECK_INT(transfer_deadline_ns(c.transfer), clock_mono_ns() + 59 * NS_PER_S,
		  "from when the body had left");
	manual_advance(loop, 59 * NS_PER_S - 1);
	CHECK(!c.over, "as long as it may take");
	manual_advance(loop, 1);
	CHECK_INT(c.error.code, ERR_TIMEOUT, "no longer");
	engine_stop();
	http_server_stop(&server);
}

/* A kept connection that the server has closed meanwhile: the body is sent again, all of it. */
static void test_body_again(void)
{
	static const struct http_reply script[] = {{HELLO}, {NULL}, {HELLO}};
	int fd CLEANUP(close_p) = make_file(200000);
	struct store_body body = {.fd = fd, .length = 200000};
	struct client c = {0}, d = {0};

	engine_start(1);
	http_server_start(&server, script, ARRAY_LEN(script));
	ASSERT(ask(&c, (struct transfer_request){0}, "/", NULL) == OK);
	ASSERT(manual_until(loop, &c.over));
	ASSERT(ask(&d,
		   (struct transfer_request){
			   .method = "PUT", .body = &body, .head_within_ns = NS_PER_S},
		   "/", NULL) == OK);
	ASSERT(manual_until(loop, &d.over));
	CHECK(d.error.code == OK && d.heads == 1, "the second connection gave the answer");
	CHECK_INT(http_server_connections(&server), 2, "there were two");
	engine_stop();
	http_server_stop(&server);
}

int main(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	test_head_fields();
	test_head_limits();
	test_head_request();
	test_request();
	test_ends();
	test_refused();
	test_control_bytes();
	test_no_descriptors();
	test_redirects();
	test_astray();
	test_head_deadline();
	test_body_after_deadline();
	test_too_many();
	test_start_from_inside();
	test_start_and_cancel_from_inside();
	test_cancel_itself();
	test_cancel_another();
	test_pause();
	test_cancel_paused();
	curl_global_cleanup();
	test_methods();
	test_body_of_a_file();
	test_time_of_a_body();
	test_body_again();
	return tap_done();
}
