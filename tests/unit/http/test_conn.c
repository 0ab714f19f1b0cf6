// SPDX-License-Identifier: MIT
/*
 * One connection through its states: what the client sees, byte by byte, and what the handler is told.
 * The loop is turned by hand and the clock stands still.
 */
#include "http_rig.h"

#include "http/conn.c"

#include "metric/metric.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"
#define CLOSE       "Connection: close\r\n\r\n"
#define EMPTY(what) "HTTP/1.1 " what "\r\nContent-Length: 0\r\n"
#define HELLO_CLOSE RIG_OK(5) CLOSE "hello"

/* What is sent on a new connection, what comes back, what the handler was told, and whether it stays. */
static const struct {
	const char *name, *sent, *got, *said;
	bool stays;
} rows[] = {
	{"a request", GET("/a"), RIG_HELLO, "GET:/a complete:5 ", true},
	{"two, one behind the other", GET("/a") GET("/b"), RIG_HELLO RIG_HELLO,
	 "GET:/a complete:5 GET:/b complete:5 ", true},
	{"one and the beginning of another", GET("/a") "GET /b HTTP/1.1\r\nHo", RIG_HELLO,
	 "GET:/a complete:5 ", true},
	{"an empty line before", "\r\n" GET("/a"), RIG_HELLO, "GET:/a complete:5 ", true},
	{"that is to be the last", "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", HELLO_CLOSE,
	 "GET:/a complete:5 ", false},
	{"HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", HELLO_CLOSE, "GET:/a complete:5 ", false},
	{"HTTP/1.0, kept", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	 RIG_OK(5) "Connection: keep-alive\r\n\r\nhello", "GET:/a complete:5 ", true},
	{"a file", GET("/file"), RIG_OK(10) "\r\n456789abcd", "GET:/file complete:10 ", true},
	{"a file that is too short", GET("/short"), RIG_OK(26) "\r\n" RIG_FILE,
	 "GET:/short closedshort_file:16 ", false},
	{"no HTTP", "nonsense\r\n\r\n", EMPTY("400 Bad Request") CLOSE, "400 ", false},
	{"behind a request", GET("/a") "nonsense\r\n\r\n", RIG_HELLO EMPTY("400 Bad Request") CLOSE,
	 "GET:/a complete:5 400 ", false},
	{"two lengths, and a request hidden behind",
	 "GET /a HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n" GET("/b"),
	 EMPTY("400 Bad Request") CLOSE, "400 ", false},
	{"a length and chunks",
	 "POST /take HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n0\r\n\r\n" GET("/b"),
	 EMPTY("400 Bad Request") CLOSE, "400 ", false},
	{"a coding that nobody knows", "POST /take HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
	 EMPTY("501 Not Implemented") CLOSE, "501 ", false},
	{"a body that is taken", "POST /take HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" GET("/b"),
	 RIG_HELLO RIG_HELLO, "POST:/take 'abc' complete:5 GET:/b complete:5 ", true},
	{"in chunks",
	 "POST /take HTTP/1.1\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" GET("/b"),
	 RIG_HELLO RIG_HELLO, "POST:/take 'abc' complete:5 GET:/b complete:5 ", true},
	{"none where one might be", "POST /take HTTP/1.1\r\n\r\n" GET("/b"), RIG_HELLO RIG_HELLO,
	 "POST:/take '' complete:5 GET:/b complete:5 ", true},
	{"longer than is taken", "POST /take HTTP/1.1\r\nContent-Length: 21\r\n\r\nabc",
	 HELLO_CLOSE, "POST:/take beyond '' complete:5 ", false},
	{"chunks that are",
	 "POST /take HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n15\r\nc", HELLO_CLOSE,
	 "POST:/take beyond 'ab' complete:5 ", false},
	{"chunks that are none",
	 "POST /take HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
	 EMPTY("400 Bad Request") CLOSE, "POST:/take unreadable:0 ", false},
	{"a body that nobody wants", "GET /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" GET("/b"),
	 RIG_HELLO RIG_HELLO, "GET:/a complete:5 GET:/b complete:5 ", true},
	{"a long one", "GET /a HTTP/1.1\r\nContent-Length: 100000\r\n\r\nabc", HELLO_CLOSE,
	 "GET:/a complete:5 ", false},
	{"an answer before the body",
	 "POST /refuse HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" GET("/b"),
	 EMPTY("405 Method Not Allowed") CLOSE, "POST:/refuse complete:0 ", false},
	{"a body that is to be asked for",
	 "POST /take HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
	 "HTTP/1.1 100 Continue\r\n\r\n", "POST:/take ", true},
	{"one that is too long is not asked for",
	 "POST /take HTTP/1.1\r\nContent-Length: 21\r\nExpect: 100-continue\r\n\r\n", HELLO_CLOSE,
	 "POST:/take beyond '' complete:5 ", false},
	{"nor one that nobody wants",
	 "GET /a HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", HELLO_CLOSE,
	 "GET:/a complete:5 ", false},
	{"what is there already is not",
	 "POST /take HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\na", "",
	 "POST:/take ", true},
};

static void test_rows(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig r;

		rig_init(&r);
		rig_connect(&r);
		rig_send(&r, rows[i].sent);
		CHECK_STR(rig_got(&r), rows[i].got, rows[i].name);
		CHECK_STR(rig_said(&r), rows[i].said, "what the handler was told");
		CHECK(rig_ended(&r) != rows[i].stays, "whether it stays");
		CHECK(rig_fini(&r), "nothing is left");
	}
}

/* The same, a byte at a time: also what is sent behind an answer. */
static void test_bytewise(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig r;

		rig_init(&r);
		rig_connect(&r);
		for (const char *p = rows[i].sent; *p; p++)
			if (send(r.client, p, 1, MSG_NOSIGNAL) == 1)
				rig_settle(&r);
		if (!strstr(rows[i].sent, "Expect"))
			CHECK_STR(rig_got(&r), rows[i].got, rows[i].name);
		CHECK(rig_fini(&r), "nothing is left");
	}
}

static void test_pipelined(void)
{
	static char all[50000];
	size_t n = 0, answers = 0;
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, GET("/%d"), i);
	for (size_t at = 0; at < n;) {
		ssize_t sent = send(r.client, all + at, n - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		at += sent > 0 ? (size_t)sent : 0;
		for (const char *p = rig_got(&r); (p = strstr(p, "hello")); p++)
			answers++;
	}
	for (const char *p = rig_got(&r); (p = strstr(p, "hello")); p++)
		answers++;
	CHECK_INT(answers, 1000, "a thousand requests at once are answered");
	CHECK(!LIST_FIRST(&r.w->conns)->in.own, "and then it has no buffer");
	CHECK(rig_fini(&r), "nothing is left");
}

/* ---- later answers ---- */

static void test_later(void)
{
	struct http_conn *c;
	struct rig r;

	rig_init(&r);
	c = rig_connect(&r);
	rig_send(&r, GET("/late") GET("/b"));
	CHECK_STR(rig_got(&r), "", "it waits, and so does what is behind it");
	memset(r.w->buf, 'x', r.w->buf_n); /* as another connection would */
	CHECK_SLICE(http_target(c), "/late", "its head stays readable");
	CHECK_STR(http_header(c, SLICE("HOST")), "x", "with its headers");
	rig_wake(&r, r.late);
	CHECK_STR(rig_got(&r), RIG_HELLO RIG_HELLO, "then both are answered");
	CHECK_STR(rig_said(&r), "GET:/late complete:5 GET:/b complete:5 ", "in their order");
	CHECK(!c->in.own, "nothing is kept of them");
	CHECK(rig_fini(&r), "nothing is left");
}

static void reset(struct rig *r)
{
	const struct linger at_once = {.l_onoff = 1};

	ASSERT(setsockopt(r->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
	close_p(&r->client);
	r->client = -1;
	rig_settle(r);
}

static void test_half_closed(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	ASSERT(send(r.client, GET("/a"), sizeof(GET("/a")) - 1, 0) > 0);
	shutdown(r.client, SHUT_WR);
	CHECK_STR(rig_got(&r), RIG_HELLO, "who ends its side at once is answered");
	CHECK(rig_ended(&r), "and then it is over");
	rig_connect(&r);
	rig_send(&r, GET("/late"));
	shutdown(r.client, SHUT_WR);
	rig_said(&r);
	manual_advance(r.w->loop, LEAVE_NS - 1);
	CHECK_STR(rig_said(&r), "", "it may have closed one side only");
	manual_advance(r.w->loop, 1);
	CHECK_STR(rig_said(&r), "left ", "who waits no longer has left");
	rig_wake(&r, r.late);
	CHECK_STR(rig_got(&r), RIG_HELLO, "but is answered all the same");
	CHECK_STR(rig_said(&r), "complete:5 ", "as if nothing were");
	CHECK(rig_ended(&r), "for the last time");
	CHECK(rig_fini(&r), "nothing is left");
}

static void test_half_closed_behind_another(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	rig_send(&r, GET("/late"));
	rig_send(&r, GET("/b"));
	shutdown(r.client, SHUT_WR);
	manual_advance(r.w->loop, 10 * LEAVE_NS);
	CHECK_STR(rig_said(&r), "GET:/late ",
		  "a FIN behind a request counts when that has been read");
	rig_wake(&r, r.late);
	CHECK_STR(rig_got(&r), RIG_HELLO RIG_HELLO, "both are answered");
	CHECK(rig_ended(&r) && rig_fini(&r), "nothing is left");
}

static void test_reset(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	rig_send(&r, GET("/late"));
	reset(&r);
	CHECK_STR(rig_said(&r), "GET:/late left ", "it is known at once");
	CHECK(rig_open(&r), "and waits for what is owed");
	rig_wake(&r, r.late);
	CHECK_STR(rig_said(&r), "left:0 ", "which nobody gets");
	CHECK(!rig_open(&r), "then it is over");
	rig_connect(&r);
	rig_send(&r, GET("/a"));
	reset(&r);
	CHECK(!rig_open(&r), "while it rests");
	rig_connect(&r);
	rig_send(&r, "GET /");
	reset(&r);
	CHECK(!rig_open(&r), "in a head");
	rig_connect(&r);
	rig_said(&r);
	rig_send(&r, "POST /take HTTP/1.1\r\nContent-Length: 5\r\n\r\nab");
	reset(&r);
	CHECK(!rig_open(&r), "in a body");
	CHECK_STR(rig_said(&r), "POST:/take left:0 ", "the handler hears of it");
	CHECK(rig_fini(&r), "nothing is left");
}

/* ---- sources ---- */

#define BYTES(text)                                                                                \
	(struct http_piece)                                                                        \
	{                                                                                          \
		.kind = HTTP_PIECE_BYTES, .bytes = SLICE(text)                                     \
	}
#define FILE_PIECE(r, at, size)                                                                    \
	(struct http_piece)                                                                        \
	{                                                                                          \
		.kind = HTTP_PIECE_FILE, .fd = (r)->file, .offset = (at), .n = (size)              \
	}

static void test_source(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	r.length = 12;
	rig_send(&r, GET("/source"));
	CHECK_STR(rig_got(&r), "HTTP/1.1 200 OK\r\n\r\n", "a head goes out without its body");
	r.pieces[0] = BYTES("abc");
	r.pieces[1] = FILE_PIECE(&r, 3, 5);
	rig_wake(&r, LIST_FIRST(&r.w->conns));
	CHECK_STR(rig_got(&r), "abc34567", "bytes, and a part of a file");
	r.pieces[2] = BYTES("wxyz");
	rig_wake(&r, LIST_FIRST(&r.w->conns));
	CHECK_STR(rig_got(&r), "wxyz", "and the rest");
	CHECK_STR(rig_said(&r), "GET:/source nothing nothing complete:12 ",
		  "pulled as it was woken");
	CHECK_INT(r.released, 1, "and let go of");
	rig_send(&r, GET("/b"));
	CHECK_STR(rig_got(&r), RIG_HELLO, "the connection stays");
	CHECK(rig_fini(&r), "nothing is left");
}

static void test_source_ends_early(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	r.length = 10;
	r.pieces[0] = BYTES("abc");
	r.pieces[1] = FILE_PIECE(&r, 14, 5); /* there are two */
	r.pieces[2] = BYTES("de");
	r.pieces[3].kind = HTTP_PIECE_CUT;
	rig_send(&r, GET("/source"));
	CHECK_STR(rig_got(&r), "HTTP/1.1 200 OK\r\n\r\nabcefde", "as far as it comes");
	CHECK_INT(r.unread, 3, "what is not in the file is asked for again");
	CHECK_STR(rig_said(&r), "GET:/source cut:7 ", "cut by its source");
	CHECK(rig_ended(&r), "and so the client sees it");
	CHECK(rig_fini(&r), "nothing is left");
}

static void test_client_leaves_a_source(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	r.length = 12;
	rig_send(&r, GET("/source"));
	CHECK_STR(rig_said(&r), "GET:/source nothing ", "it waits");
	reset(&r);
	CHECK_STR(rig_said(&r), "left ", "and is told");
	CHECK(rig_open(&r), "until it is woken");
	rig_wake(&r, LIST_FIRST(&r.w->conns));
	CHECK_STR(rig_said(&r), "left:0 ", "by nobody's fault");
	CHECK_INT(r.released, 1, "and let go of");
	CHECK(!rig_open(&r) && rig_fini(&r), "nothing is left");
}

/* More than the socket takes, of a file and of bytes; the client reads it bit by bit. */
static void test_slow_reader(void)
{
	static char big[3 << 20], sink[64 << 10];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31 >> 3);
	for (int of_bytes = 0; of_bytes < 2; of_bytes++) {
		size_t each = of_bytes ? BLOCK : 1 << 19, got = 0, head = 0;
		bool same = true;
		struct rig r;

		rig_init(&r);
		ASSERT(pwrite(r.file, big, sizeof(big), 0) == sizeof(big));
		r.length = (int64_t)(6 * each);
		for (size_t i = 0; i < 6; i++)
			r.pieces[i] = of_bytes
					      ? (struct http_piece){.kind = HTTP_PIECE_BYTES,
								    .bytes = {big + i * each, each}}
					      : FILE_PIECE(&r, (int64_t)(i * each), each);
		rig_connect(&r);
		setsockopt(LIST_FIRST(&r.w->conns)->fd.fd, SOL_SOCKET, SO_SNDBUF, &(int){4096},
			   sizeof(int));
		rig_send(&r, GET("/source"));
		while (got < 6 * each && same) {
			struct pollfd p = {.fd = r.client, .events = POLLIN};
			ssize_t n;

			rig_settle(&r);
			if (poll(&p, 1, 10) == 0)
				continue;
			n = recv(r.client, sink, head == 5 ? sizeof(sink) : 1, 0);
			ASSERT(n > 0);
			if (head < 5) { /* the empty line is where the body begins */
				head = sink[0] == "\r\n\r\n"[head] ? head + 1 : sink[0] == '\r';
				if (head < 4)
					continue;
				head = 5;
				continue;
			}
			same = memcmp(sink, big + got, (size_t)n) == 0;
			got += (size_t)n;
		}
		CHECK(same, "all of it comes as it was");
		CHECK_STR(rig_said(&r),
			  of_bytes ? "GET:/source complete:196608 "
				   : "GET:/source complete:3145728 ",
			  "and is counted");
		CHECK(rig_fini(&r), "nothing is left");
	}
}

/* ---- time ---- */

static void test_timeouts(void)
{
	static const struct {
		const char *name, *sent, *limit;
		int64_t ns;
	} t[] = {
		{"nothing at all", "", "", RIG_HEADER},
		{"half a head", "GET /", "", RIG_HEADER},
		{"between requests", GET("/a"), "", RIG_IDLE},
		{"half a second head", GET("/a") "GET /", "", RIG_HEADER},
		{"a body that nobody wants", "GET /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nx", "",
		 RIG_HEADER},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int64_t before = metric_get(closed_headers), idle = metric_get(closed_idle);
		bool is_idle = t[i].ns == RIG_IDLE;
		struct rig r;

		rig_init(&r);
		rig_connect(&r);
		rig_send(&r, t[i].sent);
		rig_got(&r);
		manual_advance(r.w->loop, t[i].ns - 1);
		CHECK(rig_open(&r), t[i].name);
		manual_advance(r.w->loop, 1);
		CHECK(!rig_open(&r) && rig_ended(&r), "then it is closed");
		CHECK(metric_get(closed_headers) - before == !is_idle &&
			      metric_get(closed_idle) - idle == is_idle,
		      "and counted");
		CHECK(rig_fini(&r), "nothing is left");
	}
}

static void test_one_byte_at_a_time(void)
{
	struct rig r;
	int n = 0;

	rig_init(&r);
	rig_connect(&r);
	for (; n < 100 && rig_open(&r); n++) {
		if (send(r.client, "G", 1, MSG_NOSIGNAL) < 0)
			break;
		manual_advance(r.w->loop, NS_PER_S);
	}
	CHECK_INT(n, 15, "a byte a second is not enough for a head");
	CHECK(rig_fini(&r), "nothing is left");
}

static void test_lingering(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	rig_send(&r, "POST /refuse HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
	rig_got(&r);
	CHECK(rig_ended(&r) && rig_open(&r), "our side is closed, and the other one still read");
	rig_send(&r, "defg");
	manual_advance(r.w->loop, LINGER_NS - 1);
	CHECK(rig_open(&r), "for a while");
	manual_advance(r.w->loop, 1);
	CHECK(!rig_open(&r), "and no longer");
	CHECK(rig_fini(&r), "nothing is left");
}

static void test_drain(void)
{
	struct rig r;
	int resting;

	rig_init(&r);
	rig_connect(&r);
	rig_send(&r, GET("/a"));
	resting = r.client;
	r.client = -1;
	rig_connect(&r);
	rig_send(&r, GET("/late"));
	loop_post(r.w->loop, &r.w->drain);
	rig_settle(&r);
	CHECK_INT((long long)atomic_load(&r.server.open), 1, "who rests is closed");
	rig_wake(&r, r.late);
	CHECK_STR(rig_got(&r), RIG_HELLO, "who waits is answered");
	CHECK(rig_ended(&r), "and then closed");
	close(resting);
	CHECK(rig_fini(&r), "nothing is left");
}

static void test_end(void)
{
	struct rig r;

	rig_init(&r);
	rig_connect(&r);
	r.length = 100;
	rig_send(&r, GET("/source"));
	loop_post(r.w->loop, &r.w->cut);
	CHECK_STR(rig_said(&r), "GET:/source nothing left ", "what is owed is waited for");
	CHECK(rig_open(&r), "as long as it takes");
	rig_wake(&r, LIST_FIRST(&r.w->conns));
	CHECK_STR(rig_said(&r), "closeddrain_timeout:0 ", "and no longer");
	CHECK(!rig_open(&r) && rig_fini(&r), "nothing is left");
}

static void test_memory(void)
{
	CHECK(sizeof(struct http_conn) <= 1024, "a connection that rests is 1 KiB at most");
}

int main(void)
{
	test_rows();
	test_bytewise();
	test_pipelined();
	test_later();
	test_half_closed();
	test_half_closed_behind_another();
	test_reset();
	test_source();
	test_source_ends_early();
	test_client_leaves_a_source();
	test_slow_reader();
	test_timeouts();
	test_one_byte_at_a_time();
	test_lingering();
	test_drain();
	test_end();
	test_memory();
	return tap_done();
}
