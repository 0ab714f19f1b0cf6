// SPDX-License-Identifier: MIT
/* Removing from the S3 store, against a scripted server. */
#include "store/sigv4.h"
#include "store/write.h"
#include "store_rig.h"
#include "tap.h"

#define URL "s3://bucket/pre?region=us-east-1&endpoint=http://127.0.0.1:%u"

#define ERROR(status, code)                                                                        \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nConnection: close\r\n\r\n<Error><Code>" code               \
		"</Code></Error>",                                                                 \
			.close = true                                                              \
	}
#define RESULT(inner)                                                                              \
	{                                                                                          \
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<?xml version=\"1.0\"?>"              \
		"<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" inner           \
		"</DeleteResult>",                                                                 \
			.close = true                                                              \
	}
#define FAILED(key, code) "<Error><Key>" key "</Key><Code>" code "</Code></Error>"
#define GONE                                                                                       \
	{                                                                                          \
		"HTTP/1.1 204 No Content\r\n\r\n"                                                  \
	}

struct removing {
	bool done;
	struct error error;
	size_t failed[8], n_failed;
	char why[128];
};

static void failed(void *ud, size_t which, const struct error *e)
{
	struct removing *r = ud;

	ASSERT(!r->done && e->code && r->n_failed < ARRAY_LEN(r->failed));
	r->failed[r->n_failed++] = which;
	(void)snprintf(r->why, sizeof(r->why), "%.100s", e->msg);
}

static void removed(void *ud, const struct error *e)
{
	struct removing *r = ud;

	ASSERT(!r->done);
	r->done = true;
	if (e)
		r->error = *e;
}

static const struct slice keys[] = {{"a/1", 3}, {"b/<&>\xc3\xbc", 7}, {"c/3", 3}};

static struct removing take_away(struct rig *rig, const struct slice *which, size_t n)
{
	static const struct store_remove_events events = {failed, removed};
	const struct store_remove remove = {.keys = which, .n = n, .answer_ns = 30 * NS_PER_S};
	struct removing r = {0};

	(void)store_remove(rig->store, &remove, &events, &r);
	ASSERT(!r.done);
	rig_until(rig, &r.done);
	return r;
}

static void test_request(void)
{
	static const struct http_reply script[] = {RESULT("")};
	struct removing w;
	struct rig r;

	rig_open_with_keys(&r, URL, script, 1);
	w = take_away(&r, keys, 3);
	CHECK(w.error.code == OK && w.n_failed == 0, "all removed");
	CHECK_INT(http_server_asked(&r.server), 1, "in one request");
	CHECK(rig_heard(&r, 0, "POST /bucket/?delete= HTTP/1.1\r\n"), "DeleteObjects");
	CHECK(rig_heard(&r, 0,
			"<Object><Key>pre/a/1</Key></Object>"
			"<Object><Key>pre/b/&lt;&amp;&gt;\xc3\xbc</Key></Object>"
			"<Object><Key>pre/c/3</Key></Object></Delete>"),
	      "the keys, with the prefix");
	CHECK(rig_heard(&r, 0, "\r\ncontent-md5: ") &&
		      rig_heard(&r, 0, "SignedHeaders=content-md5;"),
	      "with its MD5, which is signed");
	CHECK(!rig_heard(&r, 0, SIGV4_EMPTY), "as is the hash of the body");
	rig_fini(&r);
}

static const struct {
	const char *name;
	struct http_reply script[8];
	size_t asked, n_failed, failed;
	enum err code;
	const char *why;
} ways[] = {
	{"one is refused",
	 {RESULT(FAILED("pre/c/3", "AccessDenied"))},
	 1,
	 1,
	 2,
	 OK,
	 "answered AccessDenied"},
	{"an escaped one",
	 {RESULT(FAILED("pre/b/&lt;&amp;&gt;\xc3\xbc", "AccessDenied"))},
	 1,
	 1,
	 1,
	 OK,
	 "answered AccessDenied"},
	{"one that was not asked for",
	 {RESULT(FAILED("pre/x", "AccessDenied"))},
	 1,
	 3,
	 0,
	 OK,
	 "answered AccessDenied"},
	{"one that was not asked for passes",
	 {RESULT(FAILED("pre/x", "SlowDown")), RESULT("")},
	 2,
	 0,
	 0,
	 OK,
	 ""},
	{"one passes", {RESULT(FAILED("pre/a/1", "InternalError")), RESULT("")}, 2, 0, 0, OK, ""},
	{"one passes, and is refused then",
	 {RESULT(FAILED("pre/a/1", "SlowDown")), RESULT(FAILED("pre/a/1", "AccessDenied"))},
	 2,
	 1,
	 0,
	 OK,
	 "answered AccessDenied"},
	{"one does not pass in time",
	 {RESULT(FAILED("pre/a/1", "SlowDown")), RESULT(FAILED("pre/a/1", "SlowDown")),
	  RESULT(FAILED("pre/a/1", "SlowDown")), RESULT(FAILED("pre/a/1", "SlowDown")),
	  RESULT(FAILED("pre/a/1", "SlowDown")), RESULT("")},
	 5,
	 1,
	 0,
	 OK,
	 "answered SlowDown"},
	{"slow", {ERROR("503 No", "SlowDown"), {NULL}, RESULT("")}, 3, 0, 0, OK, ""},
	{"200, and then an error", {ERROR("200 OK", "InternalError"), RESULT("")}, 2, 0, 0, OK, ""},
	{"200, and then for good", {ERROR("200 OK", "AccessDenied")}, 1, 0, 0, ERR_UPSTREAM, ""},
	{"200 of something else",
	 {{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>"}},
	 1,
	 0,
	 0,
	 ERR_CORRUPT,
	 ""},
	{"200 of nothing",
	 {{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
	 1,
	 0,
	 0,
	 ERR_CORRUPT,
	 ""},
	{"an error without a key",
	 {RESULT("<Error><Code>X</Code></Error>")},
	 1,
	 0,
	 0,
	 ERR_CORRUPT,
	 ""},
	{"denied as a whole", {ERROR("403 No", "AccessDenied")}, 1, 0, 0, ERR_DENIED, ""},
	{"no bucket", {ERROR("404 No", "NoSuchBucket")}, 1, 0, 0, ERR_UPSTREAM, ""},
	{"not known", {ERROR("501 No", "NotImplemented"), GONE, GONE, GONE}, 4, 0, 0, OK, ""},
	{"not allowed",
	 {ERROR("405 No", "MethodNotAllowed"), GONE, ERROR("404 No", "NoSuchKey"), GONE},
	 4,
	 0,
	 0,
	 OK,
	 ""},
	{"one by one, and one is refused",
	 {ERROR("400 No", "InvalidRequest"), GONE, ERROR("403 No", "AccessDenied"), GONE},
	 4,
	 1,
	 1,
	 OK,
	 "answered 403 AccessDenied"},
	{"one by one, and slowly",
	 {ERROR("501 No", "NotImplemented"), GONE, ERROR("503 No", "SlowDown"), GONE, GONE},
	 5,
	 0,
	 0,
	 OK,
	 ""},
};

static void test_ways(void)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct removing w;
		struct rig r;

		rig_open_with_keys(&r, URL, ways[i].script, ARRAY_LEN(ways[i].script));
		w = take_away(&r, keys, 3);
		CHECK_INT(w.error.code, ways[i].code, ways[i].name);
		CHECK_INT(w.n_failed, ways[i].n_failed, ways[i].name);
		CHECK_INT(w.failed[0], ways[i].failed, ways[i].name);
		CHECK_STR(w.why, ways[i].why, ways[i].name);
		CHECK_INT(http_server_asked(&r.server), ways[i].asked, ways[i].name);
		rig_fini(&r);
	}
}

/* What has been removed, or has failed, is not asked for again. */
static void test_what_is_left(void)
{
	static const struct http_reply script[] = {
		RESULT(FAILED("pre/a/1", "SlowDown") FAILED("pre/c/3", "AccessDenied")),
		RESULT("")};
	struct removing w;
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	w = take_away(&r, keys, 3);
	CHECK(w.error.code == OK && w.n_failed == 1 && w.failed[0] == 2, "one has failed");
	CHECK(rig_heard(&r, 1, "pre/a/1") && !rig_heard(&r, 1, "pre/b") &&
		      !rig_heard(&r, 1, "pre/c"),
	      "one is asked for again");
	rig_fini(&r);
}

static void test_impossible(void)
{
	static const struct http_reply script[] = {RESULT("")};
	const struct slice odd[] = {{"a/../b", 6}, {"a//b", 4}, {"good", 4}, {"Gr\xfcn", 4}};
	struct removing w;
	struct rig r;

	rig_open_with_keys(&r, URL, script, 1);
	w = take_away(&r, odd, 4);
	CHECK(w.error.code == OK && w.n_failed == 3 && w.failed[2] == 3, "keys that none can have");
	CHECK(rig_heard(&r, 0, "<Key>pre/good</Key>"), "do not keep the others from going");
	w = take_away(&r, odd, 2);
	CHECK(w.error.code == OK && w.n_failed == 2 && http_server_asked(&r.server) == 1,
	      "nothing is asked for nothing");
	rig_fini(&r);
}

/* XML has no place for control characters: keys that have them go by requests of their own. */
static const struct {
	const char *name;
	struct http_reply script[5];
	size_t n, asked, n_failed;
	enum err code;
	const char *heard[3];
} alone[] = {
	{"after the others",
	 {RESULT(""), GONE, GONE},
	 3,
	 3,
	 0,
	 OK,
	 {"<Quiet>true</Quiet><Object><Key>pre/good</Key></Object></Delete>",
	  "DELETE /bucket/pre/a%01b HTTP/1.1", "DELETE /bucket/pre/a/b%7F%0A HTTP/1.1"}},
	{"after others that failed",
	 {RESULT(FAILED("pre/good", "AccessDenied")), GONE, ERROR("403 No", "AccessDenied")},
	 3,
	 3,
	 2,
	 OK,
	 {"pre/good", "DELETE ", "DELETE "}},
	{"without others", {GONE, GONE}, 2, 2, 0, OK, {"DELETE ", "DELETE ", NULL}},
	{"not where the others fail as a whole",
	 {ERROR("403 No", "AccessDenied")},
	 3,
	 1,
	 0,
	 ERR_DENIED,
	 {"POST ", NULL, NULL}},
};

static void test_control_characters(void)
{
	const struct slice odd[] = {{"a\1b", 3}, {"a/b\x7f\n", 5}, {"good", 4}};

	for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
		struct removing w;
		struct rig r;

		rig_open_with_keys(&r, URL, alone[i].script, ARRAY_LEN(alone[i].script));
		w = take_away(&r, odd, alone[i].n);
		CHECK_INT(w.error.code, alone[i].code, alone[i].name);
		CHECK_INT(w.n_failed, alone[i].n_failed, alone[i].name);
		CHECK_INT(http_server_asked(&r.server), alone[i].asked, alone[i].name);
		for (size_t k = 0; k < 3 && alone[i].heard[k]; k++)
			CHECK(rig_heard(&r, k, alone[i].heard[k]), alone[i].heard[k]);
		rig_fini(&r);
	}
}

/* By then the store does not take them any more; their other tries and ways back neither. */
static void test_valid_until(void)
{
	static const struct http_reply script[] = {ERROR("503 No", "SlowDown"), RESULT(""), GONE};
	static const struct http_reply silent[] = {{NULL}, RESULT(""), GONE};
	static const struct store_remove_events events = {failed, removed};
	const struct slice odd[] = {{"good", 4}, {"a\1b", 3}};
	bool unanswered = false;
	const struct store_remove remove = {.keys = odd,
					    .n = 2,
					    .answer_ns = 30 * NS_PER_S,
					    .signed_s = 1369353600,
					    .valid_s = 60,
					    .unanswered = &unanswered};
	struct removing w = {0};
	struct rig r;

	rig_open_with_keys(&r, URL, script, ARRAY_LEN(script));
	(void)store_remove(r.store, &remove, &events, &w);
	rig_until(&r, &w.done);
	CHECK(w.error.code == OK && w.n_failed == 0, "all removed");
	for (size_t i = 0; i < 3; i++)
		CHECK(rig_heard(&r, i, "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=60&") &&
			      !rig_heard(&r, i, "Authorization: "),
		      "signed as of then, by the query");
	CHECK(!unanswered, "each try was answered");
	CHECK(rig_heard(&r, 1, "POST /bucket/?X-Amz-Algorithm=") &&
		      rig_heard(&r, 1, "&X-Amz-SignedHeaders=content-md5%3Bcontent-type%3Bhost&") &&
		      rig_heard(&r, 1, "&delete=&X-Amz-Signature=") &&
		      rig_heard(&r, 1, "\r\ncontent-md5: "),
	      "its keys are told by their MD5");
	CHECK(rig_heard(&r, 2, "DELETE /bucket/pre/a%01b?X-Amz-Algorithm="), "one by one, too");
	rig_fini(&r);

	rig_open_with_keys(&r, URL, silent, ARRAY_LEN(silent));
	w = (struct removing){0};
	(void)store_remove(r.store, &remove, &events, &w);
	rig_until(&r, &w.done);
	CHECK(w.error.code == OK && unanswered, "one was not: it may be carried out yet");
	rig_fini(&r);

	rig_init(&r, script, 1);
	rig_open(&r, URL "&anonymous=true");
	w = (struct removing){0};
	(void)store_remove(r.store, &remove, &events, &w);
	rig_until(&r, &w.done);
	CHECK(w.error.code == ERR_USAGE && http_server_asked(&r.server) == 0, "not without keys");
	rig_fini(&r);
}

static void test_cancelled(void)
{
	static const struct store_remove_events events = {failed, removed};
	static const struct http_reply script[] = {{""}};
	const struct store_remove remove = {.keys = keys, .n = 3, .answer_ns = NS_PER_S};
	struct removing w = {0};
	struct store_write *write;
	struct rig r;

	rig_open_with_keys(&r, URL, script, 1);
	store_write_cancel(store_remove(r.store, &remove, &events, &w));
	write = store_remove(r.store, &remove, &events, &w);
	while (http_server_asked(&r.server) < 1)
		manual_turn(r.ctx.loop, 10);
	store_write_cancel(write);
	manual_advance(r.ctx.loop, 60 * NS_PER_S);
	CHECK(!w.done && w.n_failed == 0, "nothing is told");
	rig_fini(&r);
}

int main(void)
{
	test_request();
	test_ways();
	test_what_is_left();
	test_impossible();
	test_control_characters();
	test_valid_until();
	test_cancelled();
	return tap_done();
}
