// SPDX-License-Identifier: MIT
/*
 * What one connection may do before it is another one's turn: a client that sends faster than it is read, or
 * takes all that is sent to it, has the worker for its turn, and then the others are served.
 */
#include "http_rig.h"

#include <sys/sendfile.h>

static int fast = -1; /* the server's side of that client's socket */

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
	return fd == fast ? (ssize_t)n : sendfile(fd, file, at, n);
}

#define recv     maybe_recv
#define sendmsg  maybe_sendmsg
#define sendfile maybe_sendfile
#include "http/io.c"
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

int main(void)
{
	test_turns();
	return tap_done();
}
