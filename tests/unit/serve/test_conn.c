// SPDX-License-Identifier: MIT
/*
 * What the sweep closes and what it leaves alone: connections over real sockets, phases and times
 * as the test says (the clock stands still).
 */
#include "serve/conn.h"

#include "metric/metric.h"
#include "tap.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define START   (1000 * NS_PER_S)
#define HEADERS (30 * NS_PER_S)
#define IDLE    (60 * NS_PER_S)

static const struct conn_limits limits = {.max_connections = 2,
					  .header_timeout_ns = HEADERS,
					  .idle_timeout_ns = IDLE,
					  .min_send_rate = 1000};

/* fd[0] is the server's side. */
static void connect_pair(int family, int fd[static 2])
{
	struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
	socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET)
		((struct sockaddr_in *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT(bind(listener, (struct sockaddr *)&at, n) == 0 && listen(listener, 1) == 0);
	ASSERT(getsockname(listener, (struct sockaddr *)&at, &n) == 0);
	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (family == AF_INET6) {
		struct sockaddr_in four = {.sin_family = AF_INET,
					   .sin_port = ((struct sockaddr_in6 *)&at)->sin6_port,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

		ASSERT(connect(fd[1], (struct sockaddr *)&four, sizeof(four)) == 0);
	} else {
		ASSERT(connect(fd[1], (struct sockaddr *)&at, n) == 0);
	}
	fd[0] = accept(listener, NULL, NULL);
	ASSERT(fd[0] >= 0);
	close(listener);
}

static void close_pair(int fd[static 2])
{
	close(fd[0]);
	close(fd[1]);
}

/* Has the server's side been shut down? What was sent before comes first. */
static bool is_shut(int fd[static 2])
{
	struct pollfd p = {.fd = fd[0], .events = POLLRDHUP | POLLIN};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP));
}

static void test_counting(void)
{
	struct conns *t = conns_new(&limits);
	struct conn *c[3];
	int64_t before = metric_get(connections);
	int fd[2];

	connect_pair(AF_INET, fd);
	for (int i = 0; i < 3; i++)
		c[i] = conn_open(t, fd[0]);
	CHECK(!c[0]->over_limit && !c[1]->over_limit && c[2]->over_limit,
	      "the third of two is too many");
	CHECK(conns_count(t) == 3 && metric_get(connections) - before == 3, "all are counted");
	conn_name_peer(c[0]);
	CHECK_STR(c[0]->peer, "127.0.0.1", "the peer's address");
	conn_close(t, c[1]);
	conn_close(t, c[0]);
	conn_close(t, c[2]);
	CHECK(conns_count(t) == 0 && metric_get(connections) == before, "closed in any order");
	conns_free(t);
	conns_free(NULL);
	close_pair(fd);
}

static void test_mapped_peer(void)
{
	struct conns *t = conns_new(&limits);
	struct conn *c;
	int fd[2];

	int six CLEANUP(close_p) = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (six < 0) {
		conns_free(t);
		return;
	}
	connect_pair(AF_INET6, fd);
	c = conn_open(t, fd[0]);
	conn_name_peer(c);
	CHECK_STR(c->peer, "127.0.0.1", "IPv4 over an IPv6 socket looks like IPv4");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

static const struct {
	const char *name;
	enum conn_phase phase;
	int64_t age;
	bool shut;
} phases[] = {
	{"opened, in time", CONN_OPENED, HEADERS, false},
	{"opened, and no word", CONN_OPENED, HEADERS + 1, true},
	{"headers, in time", CONN_HEADERS, HEADERS, false},
	{"headers, too slow", CONN_HEADERS, HEADERS + 1, true},
	{"idle, in time", CONN_IDLE, IDLE, false},
	{"idle, too long", CONN_IDLE, IDLE + 1, true},
	{"active, as long as it takes", CONN_ACTIVE, 1000 * HEADERS, false},
};

/* After a reset the kernel does not know the address any more, and the log wants it most then. */
static void test_peer_after_a_reset(void)
{
	const struct linger at_once = {.l_onoff = 1};
	struct conns *t = conns_new(&limits);
	struct pollfd gone;
	struct conn *c;
	int fd[2];

	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_name_peer(c);
	ASSERT(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
	close(fd[1]);
	gone = (struct pollfd){.fd = fd[0]};
	ASSERT(poll(&gone, 1, 10000) == 1);
	conn_name_peer(c);
	CHECK_STR(c->peer, "127.0.0.1", "the address is known after a reset");
	conn_close(t, c);
	close(fd[0]);
	conns_free(t);
}

static void test_phases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
		struct conns *t = conns_new(&limits);
		int64_t before = metric_get(closed_headers) + metric_get(closed_idle);
		struct conn *c;
		int fd[2];

		clock_freeze_mono_ns(START);
		connect_pair(AF_INET, fd);
		c = conn_open(t, fd[0]);
		conn_phase_set(c, phases[i].phase);
		clock_freeze_mono_ns(START + phases[i].age);
		conns_sweep(t);
		CHECK(is_shut(fd) == phases[i].shut, phases[i].name);
		CHECK((metric_get(closed_headers) + metric_get(closed_idle) > before) ==
			      phases[i].shut,
		      "counted");
		conn_close(t, c);
		conns_free(t);
		close_pair(fd);
	}
}

/* Fill the socket until it takes no more: the client does not read. */
static void stuff(int fd)
{
	static const char block[65536];

	while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static bool swept_after(struct conns *t, int fd[static 2], int64_t at)
{
	clock_freeze_mono_ns(START + at);
	conns_sweep(t);
	return is_shut(fd);
}

/* Fifteen minutes of bytes that wait, with too few of them taken; not a second less. */
static void test_slow_client(void)
{
	struct conns *t = conns_new(&limits);
	int64_t before = metric_get(closed_slow), began = 101 * NS_PER_S;
	struct conn *c;
	int fd[2];

	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_phase_set(c, CONN_ACTIVE);
	CHECK(!swept_after(t, fd, 100 * NS_PER_S), "nothing waits for the client: it waits for us");
	stuff(fd[0]);
	CHECK(!swept_after(t, fd, began), "bytes wait: the window begins");
	for (int64_t s = 1; s < 15 * 60; s++)
		if (swept_after(t, fd, began + s * NS_PER_S))
			CHECK_INT(s, 15 * 60, "closed before its time");
	CHECK(!swept_after(t, fd, began + CONN_RATE_WINDOW_NS - 1), "it is not over");
	CHECK(swept_after(t, fd, began + CONN_RATE_WINDOW_NS),
	      "now it is, and too little was taken");
	CHECK_STR(conn_limit_name(atomic_load(&c->closed_by)), "min_send_rate", "by this limit");
	swept_after(t, fd, began + 2 * CONN_RATE_WINDOW_NS);
	CHECK_INT(metric_get(closed_slow) - before, 1,
		  "counted once, whenever the thread closes it");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

/* Read so much on the client's side, while more is sent. */
static void take(int fd[static 2], size_t n)
{
	static char sink[1 << 16];

	for (ssize_t got; n; n -= (size_t)got) {
		stuff(fd[0]);
		got = recv(fd[1], sink, MIN(sizeof(sink), n), 0);
		ASSERT(got > 0);
	}
	stuff(fd[0]);
}

/* A proxy with its buffers full reads nothing for as long as its own client takes. */
static void test_pause_of_a_reader(void)
{
	struct conns *t = conns_new(&limits);
	bool shut = false;
	struct conn *c;
	int fd[2];

	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_phase_set(c, CONN_ACTIVE);
	stuff(fd[0]);
	for (int pause = 0; pause < 3; pause++) {
		for (int s = 0; s < 14 * 60; s += 60)
			shut = shut || swept_after(t, fd, (pause * 14 * 60 + s) * NS_PER_S);
		take(fd, (size_t)16 << 20);
	}
	CHECK(!shut, "three pauses of fourteen minutes");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

enum { CROWD = 4 };

struct crowd {
	struct conns *t;
	struct conn *c[CROWD];
	int fd[CROWD][2];
};

/* So many clients of at most max, all in mid-body; the first takes nothing, each other one more. */
static void crowd_open(struct crowd *w, size_t max)
{
	struct conn_limits crowded = limits;

	crowded.max_connections = max;
	crowded.min_send_rate = 1 << 20;
	w->t = conns_new(&crowded);
	clock_freeze_mono_ns(START);
	for (int i = 0; i < CROWD; i++) {
		connect_pair(AF_INET, w->fd[i]);
		w->c[i] = conn_open(w->t, w->fd[i][0]);
		conn_phase_set(w->c[i], CONN_ACTIVE);
		stuff(w->fd[i][0]);
	}
}

/* Bytes that each takes in a minute: nothing, a little, more, enough. */
static const size_t crowd_takes[CROWD] = {0, 1 << 20, 8 << 20, 80 << 20};

/* Which are closed after the minutes, as a bit for each. */
static unsigned crowd_closed(struct crowd *w, int minutes)
{
	unsigned closed = 0;

	for (int m = 0; m <= minutes; m++) {
		clock_freeze_mono_ns(START + m * 60 * NS_PER_S);
		conns_sweep(w->t);
		for (int i = 0; i < CROWD && m < minutes; i++)
			if (!is_shut(w->fd[i]))
				take(w->fd[i], crowd_takes[i]);
	}
	for (unsigned i = 0; i < CROWD; i++)
		closed |= (unsigned)is_shut(w->fd[i]) << i;
	return closed;
}

static void crowd_close(struct crowd *w)
{
	for (int i = 0; i < CROWD; i++) {
		conn_close(w->t, w->c[i]);
		close_pair(w->fd[i]);
	}
	conns_free(w->t);
}

static void test_slow_clients_in_a_crowd(void)
{
	static const struct {
		const char *name;
		size_t max;
		int minutes;
		unsigned closed;
	} t[] = {
		{"not more than three quarters", 6, 3, 0x0},
		{"more than three quarters, but no minute yet", 5, 0, 0x0},
		{"one more than three quarters", 5, 1, 0x1},
		{"one too many: the slowest", 4, 1, 0x1},
		{"and no other after it", 4, 3, 0x1},
		{"two too many: the two slowest", 3, 1, 0x3},
		{"more than are slow: who takes enough stays", 1, 3, 0x7},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct crowd w;

		crowd_open(&w, t[i].max);
		CHECK_INT(crowd_closed(&w, t[i].minutes), t[i].closed, t[i].name);
		crowd_close(&w);
	}
}

/* What has reached the client of the present answer. */
static void test_taken(void)
{
	struct conns *t = conns_new(&limits);
	struct conn *c;
	int fd[2];

	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	CHECK_INT(conn_taken(c, 100), 0, "nothing");
	ASSERT(send(fd[0], "0123456789", 10, 0) == 10);
	for (int i = 0; i < 1000 && !conn_taken(c, 0); i++)
		usleep(1000);
	CHECK_INT(conn_taken(c, 0), 10, "all of it");
	CHECK_INT(conn_taken(c, 4), 6, "but for the head");
	c->written = 3;
	CHECK_INT(conn_taken(c, 4), 3, "and what went before");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

static void test_client_that_reads(void)
{
	struct conns *t = conns_new(&limits);
	struct conn *c;
	int fd[2];
	bool shut = false;

	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_phase_set(c, CONN_ACTIVE);
	stuff(fd[0]);
	for (int minute = 0; minute < 20; minute++) {
		shut = shut || swept_after(t, fd, minute * 60 * NS_PER_S);
		take(fd, (size_t)1 << 20);
	}
	CHECK(!shut, "a client that takes enough is left alone");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

static void test_no_rate(void)
{
	struct conn_limits any = limits;
	struct conns *t;
	struct conn *c;
	int fd[2];

	any.min_send_rate = 0;
	t = conns_new(&any);
	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_phase_set(c, CONN_ACTIVE);
	stuff(fd[0]);
	swept_after(t, fd, 1 * NS_PER_S);
	CHECK(!swept_after(t, fd, 1000 * NS_PER_S), "no rate is demanded");
	conns_shutdown_all(t);
	CHECK(is_shut(fd), "but all can be shut down");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

/* A2: that the answer before was a file says nothing of the one that now keeps us waiting. */
static void test_slow_answer_behind_a_file(void)
{
	struct conns *t = conns_new(&limits);
	struct conn *c;
	int fd[2];

	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_phase_set(c, CONN_ACTIVE);
	atomic_store(&c->file_body, true);
	CHECK(!swept_after(t, fd, 1 * NS_PER_S), "a file, all taken: the window begins");
	conn_phase_set(c, CONN_IDLE);
	conn_phase_set(c, CONN_HEADERS);
	conn_phase_set(c, CONN_ACTIVE);
	CHECK(!swept_after(t, fd, 2 * NS_PER_S) && !swept_after(t, fd, 20 * NS_PER_S) &&
		      !swept_after(t, fd, 40 * NS_PER_S),
	      "the next answer may take its time");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

/* P11: between two reads of a slow client all that was sent has been taken; that is no rest. */
static void test_pause_in_mid_body(void)
{
	struct conn_limits any = limits;
	struct conns *t;
	struct conn *c;
	int fd[2];

	any.min_send_rate = 0;
	t = conns_new(&any);
	clock_freeze_mono_ns(START);
	connect_pair(AF_INET, fd);
	c = conn_open(t, fd[0]);
	conn_phase_set(c, CONN_ACTIVE);
	atomic_store(&c->file_body, true);
	stuff(fd[0]);
	CHECK(!swept_after(t, fd, 1 * NS_PER_S) && !swept_after(t, fd, 100 * IDLE),
	      "IDLE_TIMEOUT is for between requests");
	conn_close(t, c);
	conns_free(t);
	close_pair(fd);
}

int main(void)
{
	test_counting();
	test_mapped_peer();
	test_peer_after_a_reset();
	test_phases();
	test_slow_client();
	test_pause_of_a_reader();
	test_slow_clients_in_a_crowd();
	test_taken();
	test_client_that_reads();
	test_no_rate();
	test_slow_answer_behind_a_file();
	test_pause_in_mid_body();
	return tap_done();
}
