// SPDX-License-Identifier: MIT
/*
 * Who is too slow: clients over real sockets, that read as the test says, while the clock stands still
 * but for what the test lets pass.
 */
#include "http_rig.h"

#include "http/conn.c"
#include "metric/metric.h"

#define START    (1000 * NS_PER_S)
#define MIN_RATE 1000

struct pair {
	int fd[2]; /* ours, the client's */
	struct http_pace pace;
};

static void pair_open(struct pair *p)
{
	clock_freeze_mono_ns(START);
	rig_pair(p->fd);
	http_pace_begin(&p->pace);
}

static void pair_close(struct pair *p)
{
	close(p->fd[0]);
	close(p->fd[1]);
}

/* Fill the socket until it takes no more. */
static void stuff(int fd)
{
	static const char block[65536];

	while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

/* The client reads so much, while more is sent. */
static void take(struct pair *p, size_t n)
{
	static char sink[1 << 16];

	for (ssize_t got; n; n -= (size_t)got) {
		stuff(p->fd[0]);
		got = recv(p->fd[1], sink, MIN(sizeof(sink), n), 0);
		ASSERT(got > 0);
	}
	stuff(p->fd[0]);
}

static bool slow_at(struct pair *p, int64_t at)
{
	clock_freeze_mono_ns(START + at);
	return http_pace_look(&p->pace, p->fd[0], MIN_RATE);
}

/* Fifteen minutes of bytes that wait, with too few of them taken; not a second less. */
static void test_slow_client(void)
{
	int64_t began = 101 * NS_PER_S;
	bool slow = false;
	struct pair p;

	pair_open(&p);
	slow = slow_at(&p, 0) || slow_at(&p, HTTP_PACE_WINDOW_NS);
	CHECK(!slow, "nothing waits for the client: it waits for us");
	began += HTTP_PACE_WINDOW_NS;
	stuff(p.fd[0]);
	for (int64_t s = 0; s < 15 * 60; s++)
		slow = slow || slow_at(&p, began + s * NS_PER_S);
	CHECK(!slow && !slow_at(&p, began + HTTP_PACE_WINDOW_NS - 1),
	      "bytes wait, but not for so long");
	CHECK(slow_at(&p, began + HTTP_PACE_WINDOW_NS), "now they do, and too little was taken");
	pair_close(&p);
}

/* A proxy with its buffers full reads nothing for as long as its own client takes. */
static void test_pauses(void)
{
	bool slow = false;
	struct pair p;

	pair_open(&p);
	stuff(p.fd[0]);
	for (int pause = 0; pause < 3; pause++) {
		for (int s = 0; s < 14 * 60; s += 60)
			slow = slow || slow_at(&p, (pause * 14 * 60 + s) * NS_PER_S);
		take(&p, (size_t)16 << 20);
	}
	CHECK(!slow, "three pauses of fourteen minutes");
	pair_close(&p);
}

static void test_enough(void)
{
	bool slow = false;
	struct pair p;

	pair_open(&p);
	stuff(p.fd[0]);
	for (int minute = 0; minute < 20; minute++) {
		slow = slow || slow_at(&p, minute * 60 * NS_PER_S);
		take(&p, (size_t)1 << 20);
	}
	CHECK(!slow, "a client that takes enough");
	pair_close(&p);
}

static void test_minute(void)
{
	struct pair p;

	pair_open(&p);
	stuff(p.fd[0]);
	slow_at(&p, 0);
	slow_at(&p, HTTP_PACE_MINUTE_NS - 1);
	CHECK(p.pace.rate == HTTP_PACE_UNKNOWN, "no minute yet");
	take(&p, (size_t)6 << 20);
	for (int tries = 0; tries < 1000 && http_pace_taken(p.fd[0], 0) < 6 << 20; tries++)
		usleep(1000);
	slow_at(&p, HTTP_PACE_MINUTE_NS);
	CHECK(p.pace.rate >= (6 << 20) / 60 && p.pace.rate < (64 << 20) / 60,
	      "what it has taken in it");
	slow_at(&p, 2 * HTTP_PACE_MINUTE_NS);
	slow_at(&p, 3 * HTTP_PACE_MINUTE_NS);
	CHECK_INT(p.pace.rate, 0, "two minutes later nothing");
	pair_close(&p);
}

/* What has reached the client of the present answer. */
static void test_taken(void)
{
	struct pair p;

	pair_open(&p);
	CHECK_INT(http_pace_taken(p.fd[0], 100), 0, "nothing");
	ASSERT(send(p.fd[0], "0123456789", 10, 0) == 10);
	for (int i = 0; i < 1000 && !http_pace_taken(p.fd[0], 0); i++)
		usleep(1000);
	CHECK_INT(http_pace_taken(p.fd[0], 0), 10, "all of it");
	CHECK_INT(http_pace_taken(p.fd[0], 4), 6, "but for what went before");
	pair_close(&p);
}

/* ---- many ---- */

enum { CROWD = 4 };

/* Bytes that each takes in a minute: nothing, a little, more, enough. */
static const size_t crowd_takes[CROWD] = {0, 1 << 17, 1 << 20, 8 << 20};

static void crowd_take(struct rig *r, int client, size_t n)
{
	static char sink[1 << 20];

	for (ssize_t got; n; n -= (size_t)got) {
		struct pollfd p = {.fd = client, .events = POLLIN};

		rig_settle(r);
		got = poll(&p, 1, 10) == 1 ? recv(client, sink, MIN(sizeof(sink), n), 0) : 0;
		if (p.revents && got <= 0)
			return;
	}
	rig_settle(r);
}

static bool is_open(const struct rig *r, const struct http_conn *c)
{
	const struct http_conn *open = LIST_FIRST(&r->w->conns);

	while (open && open != c)
		open = LIST_NEXT(open, link);
	return open;
}

/* So many clients of at most max, all in mid-body. Which are closed after the minutes, as bits? */
static unsigned crowd_closed(size_t max, int minutes, uint64_t rate)
{
	struct http_conn *conn[CROWD];
	int client[CROWD];
	unsigned closed = 0;
	struct rig r;

	rig_init(&r);
	r.server.set.max_connections = max;
	r.server.set.slack = CROWD;
	r.server.set.min_send_rate = rate;
	for (int i = 0; i < CROWD; i++) {
		conn[i] = rig_connect(&r);
		rig_send(&r, "GET /endless HTTP/1.1\r\n\r\n");
		client[i] = r.client;
		r.client = -1;
	}
	manual_advance(r.w->loop, 2 * HTTP_PACE_LOOK_NS); /* all are looked at */
	for (int m = 0; m <= minutes; m++) {
		for (unsigned i = 0; i < CROWD && m < minutes; i++)
			if (!(closed & 1U << i))
				crowd_take(&r, client[i], crowd_takes[i]);
		if (m < minutes)
			manual_advance(r.w->loop, 61 * NS_PER_S);
		rig_settle(&r);
		for (unsigned i = 0; i < CROWD; i++)
			closed |= (unsigned)!is_open(&r, conn[i]) << i;
	}
	for (int i = 0; i < CROWD; i++)
		close(client[i]);
	CHECK(rig_fini(&r), "nothing is left");
	return closed;
}

static void test_crowd(void)
{
	static const struct {
		const char *name;
		size_t max;
		int minutes;
		uint64_t rate;
		unsigned closed;
	} t[] = {
		{"not more than three quarters", 6, 3, 100000, 0x0},
		{"more than three quarters, but no minute yet", 5, 0, 100000, 0x0},
		{"one more than three quarters", 5, 2, 100000, 0x1},
		{"one too many: the slowest", 4, 2, 100000, 0x1},
		{"and no other after it", 4, 3, 100000, 0x1},
		{"two too many: the two slowest", 3, 2, 100000, 0x3},
		{"more than are slow: who takes enough stays", 1, 3, 100000, 0x7},
		{"any rate will do", 1, 20, 0, 0x0},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int64_t before = metric_get(closed_slow);

		CHECK_INT(crowd_closed(t[i].max, t[i].minutes, t[i].rate), t[i].closed, t[i].name);
		CHECK_INT(metric_get(closed_slow) - before, __builtin_popcount(t[i].closed),
			  "and each is counted");
	}
}

int main(void)
{
	test_slow_client();
	test_pauses();
	test_enough();
	test_minute();
	test_taken();
	test_crowd();
	return tap_done();
}
