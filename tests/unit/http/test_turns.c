// SPDX-License-Identifier: MIT
/*
 * What one connection may do before it is another one's turn: a client that sends faster than it is read, or
 * takes all that is sent to it, has the worker for its turn, and then the others are served. A file that
 * would be waited for is read by somebody else.
 */
#include "http_rig.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/sendfile.h>

static bool takes_long; /* what is sent of a file: it comes from a slow disk */
static int fast = -1;   /* the server's side of that client's socket */

/* What it has really sent, and then as much as there is room for. */
static ssize_t maybe_recv(int fd, void *to, size_t n, int flags)
{
	ssize_t got = recv(fd, to, n, flags);
	size_t real = got > 0 ? (size_t)got : 0;

	if (fd != fast)
		return got;
	memset((char *)to + real, 'x', n - real);
	return (ssize_t)n;
}

static ssize_t maybe_sendmsg(int fd, const struct msghdr *m, int flags)
{
	size_t n = 0;

	if (fd != fast)
		return sendmsg(fd, m, flags);
	for (size_t i = 0; i < m->msg_iovlen; i++)
		n += m->msg_iov[i].iov_len;
	return (ssize_t)n;
}

static ssize_t maybe_sendfile(int fd, int file, off_t *at, size_t n)
{
	if (takes_long)
		clock_freeze_mono_ns(clock_mono_ns() + 10 * NS_PER_MS);
	return fd == fast ? (ssize_t)n : sendfile(fd, file, at, n);
}

static bool on_disk; /* what is asked about has to be waited for */
static size_t asked;

static ssize_t maybe_preadv2(int file, const struct iovec *v, int n, off_t at, int flags)
{
	asked++;
	errno = EAGAIN;
	return on_disk ? -1 : preadv2(file, v, n, at, flags);
}

#define preadv2  maybe_preadv2
#define recv     maybe_recv
#define sendmsg  maybe_sendmsg
#define sendfile maybe_sendfile
#include "http/io.c"
#undef preadv2
#undef recv
#undef sendmsg
#undef sendfile

#define TURN HTTP_OUT_TURN_MAX
#define ENDS "Host: a\r\n\r\n"

/* One turn of the loop; what the connection has got on by in it. */
static size_t turn(struct rig *r, const struct http_conn *c)
{
	size_t before = r->took + c->out.sent;

	manual_turn(r->w->loop, 1000);
	return r->took + c->out.sent - before;
}

static void test_turns(void)
{
	static const struct {
		const char *what, *request;
	} rows[] = {
		{"a body that is taken", "POST /much HTTP/1.1\r\nContent-Length: 4194304\r\n" ENDS},
		{"an answer of bytes", "GET /endless HTTP/1.1\r\n" ENDS},
		{"an answer out of a file", "GET /source HTTP/1.1\r\n" ENDS},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct http_conn *c;
		struct rig r;
		int client;

		rig_init(&r);
		r.length = (int64_t)(RIG_PIECES * TURN);
		for (size_t k = 0; k < RIG_PIECES; k++)
			r.pieces[k] = (struct http_piece){
				.kind = HTTP_PIECE_FILE, .fd = r.file, .n = TURN};
		c = rig_connect(&r);
		client = r.client;
		fast = c->fd.fd;
		r.client = -1;
		rig_connect(&r);
		ASSERT(send(client, rows[i].request, strlen(rows[i].request), 0) > 0);
		/* Once when it is ready, and once more since it has more to do. */
		CHECK(turn(&r, c) <= 2 * (TURN + r.w->buf_n), rows[i].what);
		CHECK(c->posted, "another turn is to come");
		ASSERT(send(r.client, "GET /refuse HTTP/1.1\r\n" ENDS, 33, 0) == 33);
		CHECK(turn(&r, c) <= TURN + r.w->buf_n, rows[i].what);
		CHECK(c->posted && strstr(r.said, "GET:/refuse complete:0"),
		      "others are served first");
		fast = -1;
		r.left = true; /* the source has no more, and says so */
		close(client);
		CHECK(rig_fini(&r), "nothing is left");
	}
}

/* ---- files that are not in memory ---- */

/* A thread that reads for others, and is kept from it for now. */
struct busy {
	struct pool_job job;
	struct pool *pool;
	sem_t begun, end;
};

static void be_busy(struct pool_job *job)
{
	struct busy *b = CONTAINER_OF(job, struct busy, job);

	sem_post(&b->begun);
	sem_wait(&b->end);
}

static void begin_cold(struct rig *r, struct busy *b, int64_t length)
{
	static char block[1 << 20];

	rig_init(r);
	r->length = length;
	for (int64_t at = 0; at < length; at += (int64_t)sizeof(block))
		ASSERT(pwrite(r->file, block, sizeof(block), at) == sizeof(block));
	*b = (struct busy){.job.run = be_busy};
	sem_init(&b->begun, 0, 0);
	sem_init(&b->end, 0, 0);
	ASSERT(pool_new(1, 1, "test", &b->pool, NULL) == OK);
	ASSERT(pool_submit(b->pool, &b->job) == OK);
	sem_wait(&b->begun);
	r->server.ahead = b->pool;
	on_disk = true;
	asked = 0;
	rig_connect(r);
}

static void end_cold(struct rig *r, struct busy *b)
{
	on_disk = false;
	ASSERT(pool_stop(b->pool, 60 * NS_PER_S)); /* its last wake may not have returned yet */
	CHECK(rig_fini(r), "nothing is left");
	pool_free(b->pool);
	sem_destroy(&b->begun);
	sem_destroy(&b->end);
}

/* Until so many bytes have come, of a head and a body. */
static bool comes(struct rig *r, int client, size_t body)
{
	static char sink[1 << 16];
	size_t got = 0;

	for (int idle = 0; got < body && idle < 600;) {
		ssize_t n = recv(client, sink, sizeof(sink), MSG_DONTWAIT);

		idle = n > 0 || manual_turn(r->w->loop, 100) ? 0 : idle + 1;
		got += n > 0 ? (size_t)n : 0;
	}
	return got >= body;
}

#define LARGE ((size_t)4 << 20)

static void test_cold(void)
{
	struct http_conn *c;
	struct busy b;
	int first, second;
	struct rig r;

	begin_cold(&r, &b, (int64_t)LARGE);
	c = LIST_FIRST(&r.w->conns);
	rig_send(&r, "GET /large HTTP/1.1\r\n" ENDS);
	CHECK(c->owed, "a large file on the disk is waited for");
	first = r.client;
	r.client = -1;
	rig_connect(&r);
	rig_send(&r, "GET /refuse HTTP/1.1\r\n" ENDS);
	CHECK(strstr(rig_said(&r), "GET:/refuse complete:0"), "by nobody else");
	ASSERT(send(first, "G", 1, MSG_NOSIGNAL) == 1);
	rig_settle(&r);
	CHECK(c->owed && c->out.sent == c->out.head_n, "and whatever comes meanwhile");
	rig_send(&r, "GET /large HTTP/1.1\r\n" ENDS);
	CHECK(comes(&r, r.client, LARGE), "if nobody is free to read it, it is sent as it is");
	CHECK(c->owed, "while the other one waits");
	sem_post(&b.end);
	CHECK(comes(&r, first, LARGE), "until it has been read");
	second = r.client;
	r.client = first;
	asked = 0;
	r.length = (int64_t)HTTP_OUT_TURN_MAX;
	rig_send(&r, "ET /large HTTP/1.1\r\n" ENDS);
	CHECK(comes(&r, first, HTTP_OUT_TURN_MAX) && !asked, "a small one is not");
	close(second);
	end_cold(&r, &b);
}

static void test_how_often(void)
{
	static const struct {
		const char *what;
		bool slow;
		size_t least,
			most; /* where the socket takes less than a turn there are more of them */
	} rows[] = {
		{"what is in memory is asked about for a few turns", false, 8, 8},
		{"but on and on where one takes long", true, LARGE / HTTP_OUT_TURN_MAX, 64},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct busy b;
		struct rig r;

		begin_cold(&r, &b, (int64_t)LARGE);
		on_disk = false;
		takes_long = rows[i].slow;
		rig_send(&r, "GET /large HTTP/1.1\r\n" ENDS);
		CHECK(comes(&r, r.client, LARGE), "it comes");
		CHECK(asked >= rows[i].least && asked <= rows[i].most, rows[i].what);
		takes_long = false;
		sem_post(&b.end);
		end_cold(&r, &b);
	}
}

static void test_cold_and_left(void)
{
	const struct linger at_once = {.l_onoff = 1};
	struct http_conn *c;
	struct busy b;
	struct rig r;

	begin_cold(&r, &b, (int64_t)LARGE);
	c = LIST_FIRST(&r.w->conns);
	rig_send(&r, "GET /large HTTP/1.1\r\n" ENDS);
	setsockopt(r.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close_p(&r.client);
	CHECK(MANUAL_UNTIL(r.w->loop, c->gone) && rig_open(&r), "who has left is waited for, too");
	sem_post(&b.end);
	CHECK(MANUAL_UNTIL(r.w->loop, !atomic_load(&r.server.open)), "and then it is over");
	CHECK(strstr(rig_said(&r), "left "), "which is told");
	end_cold(&r, &b);
}

int main(void)
{
	test_turns();
	test_cold();
	test_how_often();
	test_cold_and_left();
	return tap_done();
}
