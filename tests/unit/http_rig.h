// SPDX-License-Identifier: MIT
/*
 * An HTTP server with one worker, whose loop is turned by hand, and a client that is a socket: what it
 * sends is what the test says, and what it gets is compared byte by byte. The handler answers by the
 * target; what it is told is noted, one word each.
 *
 *	/ANYTHING	"hello", at once
 *	/late		when rig_answer() is called, or with what rig_wake() finds
 *	/file, /short	the file of the rig; 10 bytes more than it has
 *	/large		rig.length bytes of the file of the rig
 *	/source		what the test has put into rig.pieces, one pull after another
 *	/endless	bytes without an end
 *	/take		takes the body, up to 20 bytes, and says what it was
 *	/slow		takes the body, up to RIG_LONG, a piece at a time: then not for now, until it is woken
 *	/much		takes it, up to RIG_LONG, as it comes
 *	/ask		takes it, up to 20 bytes, but not for now; when it is woken, rig.refuses says whether at all
 *	/brief		takes it, up to RIG_LONG, within the time of a head
 *	/enough		405 when the first piece of the body is there
 *	/refuse		405 before the body is read
 *
 * A body of /slow is of rig_byte(), one after another.
 */
#pragma once
#include "manual_loop.h"

#include "http/server.c"

#include "tap.h"
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>

#define RIG_FILE   "0123456789abcdef"
#define RIG_HEADER (15 * NS_PER_S)
#define RIG_IDLE   (75 * NS_PER_S)
#define RIG_PIECES 8
#define RIG_LONG   ((size_t)4 << 20)
#define RIG_OK(n)  "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n"
#define RIG_HELLO  RIG_OK(5) "\r\nhello"

struct rig {
	struct http_server server;
	struct http_worker *w;
	int client; /* -1: closed */
	int file;
	struct http_conn *late; /* waits for its answer, or takes no body for now */
	struct http_piece pieces[RIG_PIECES];
	size_t piece;
	int64_t length; /* of what the pieces are */
	size_t unread;
	char said[512]; /* what the handler was told */
	char body[64];
	size_t body_n;
	size_t took; /* bytes of /slow, or /much */
	bool checks; /* that they are right */
	bool complete, refuses;
	int released;
	bool left; /* then a source that has nothing is cut */
	char got[1 << 16];
	size_t got_n;
};

PRINTF(2, 3) static void rig_say(struct rig *r, const char *fmt, ...)
{
	size_t n = strlen(r->said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->said + n, sizeof(r->said) - n, fmt, ap);
	va_end(ap);
}

static struct rig *rig_of(const struct http_conn *c)
{
	return http_server_ud(c);
}

/* ---- the handler ---- */

static void rig_release(void *ud)
{
	((struct rig *)ud)->released++;
}

static void rig_hello(struct http_conn *c)
{
	const struct http_answer a = {.head = SLICE(RIG_OK(5)),
				      .kind = HTTP_ANSWER_BYTES,
				      .bytes = SLICE("hello"),
				      .length = 5,
				      .release = rig_release,
				      .ud = rig_of(c)};

	http_respond(c, &a);
}

static void rig_pull(void *ud, struct http_block block, size_t n, struct http_piece *ret)
{
	struct rig *r = ud;

	*ret = (struct http_piece){.kind = r->left ? HTTP_PIECE_CUT : HTTP_PIECE_NONE};
	if (r->piece < RIG_PIECES && r->pieces[r->piece].kind != HTTP_PIECE_NONE)
		*ret = r->pieces[r->piece++];
	else if (!r->left)
		rig_say(r, "nothing ");
	if (ret->kind == HTTP_PIECE_BYTES) {
		memcpy(block.p, ret->bytes.p, ret->bytes.n);
		ret->bytes.p = block.p;
	}
}

static void rig_unread(void *ud, size_t n)
{
	((struct rig *)ud)->unread += n;
}

static void rig_pull_endless(void *ud, struct http_block block, size_t n, struct http_piece *ret)
{
	memset(block.p, 'x', block.n);
	*ret = (struct http_piece){.kind = HTTP_PIECE_BYTES, .bytes = {block.p, MIN(n, block.n)}};
}

static void rig_give(struct http_conn *c)
{
	static const struct http_source source = {rig_pull, rig_unread};
	static const struct http_source endless = {rig_pull_endless, rig_unread};
	struct rig *r = rig_of(c);
	struct http_answer a = {.release = rig_release, .ud = r};

	if (slice_starts(http_target(c), SLICE("/source"))) {
		a.head = SLICE("HTTP/1.1 200 OK\r\n");
		a.kind = HTTP_ANSWER_SOURCE;
		a.source = &source;
		a.length = r->length;
	} else if (slice_eq(http_target(c), SLICE("/endless"))) {
		a.head = SLICE("HTTP/1.1 200 OK\r\n");
		a.kind = HTTP_ANSWER_SOURCE;
		a.source = &endless;
		a.length = INT64_MAX;
	} else if (slice_eq(http_target(c), SLICE("/large"))) {
		a.head = SLICE("HTTP/1.1 200 OK\r\n");
		a.kind = HTTP_ANSWER_FILE;
		a.fd = r->file;
		a.length = r->length;
	} else if (slice_eq(http_target(c), SLICE("/file"))) {
		a.head = SLICE(RIG_OK(10));
		a.kind = HTTP_ANSWER_FILE;
		a.fd = r->file;
		a.offset = 4;
		a.length = 10;
	} else if (slice_eq(http_target(c), SLICE("/short"))) {
		a.head = SLICE(RIG_OK(26));
		a.kind = HTTP_ANSWER_FILE;
		a.fd = r->file;
		a.length = 26;
	} else {
		rig_hello(c);
		return;
	}
	http_respond(c, &a);
}

static bool rig_is(const struct http_conn *c, const char *target)
{
	return slice_eq(http_target(c), slice_of(target));
}

static void rig_refuse(struct http_conn *c)
{
	const struct http_answer refused = {
		.head = SLICE("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n")};

	http_respond(c, &refused);
}

__attribute__((unused)) static char rig_byte(size_t i)
{
	return (char)(i * 31 >> 5);
}

static void rig_pause(struct http_conn *c)
{
	http_pause_body(c);
	rig_of(c)->late = c;
}

static void rig_request(struct http_conn *c)
{
	struct rig *r = rig_of(c);

	rig_say(r, SLICE_FMT ":" SLICE_FMT " ", SLICE_ARG(http_method(c)),
		SLICE_ARG(http_target(c)));
	http_set_ud(c, r);
	if (rig_is(c, "/refuse")) {
		rig_refuse(c);
		return;
	}
	r->body_n = r->took = 0;
	r->complete = false;
	if (rig_is(c, "/brief"))
		http_take_brief_body(c, RIG_LONG);
	if (rig_is(c, "/take") || rig_is(c, "/ask") || rig_is(c, "/enough"))
		http_take_body(c, 20);
	else if (rig_is(c, "/slow") || rig_is(c, "/much"))
		http_take_body(c, RIG_LONG);
	if (rig_is(c, "/ask"))
		rig_pause(c);
}

static void rig_body(struct http_conn *c, struct slice bytes)
{
	struct rig *r = rig_of(c);

	ASSERT(!r->complete);
	if (rig_is(c, "/slow") || rig_is(c, "/much")) {
		for (size_t i = 0; i < bytes.n && r->checks; i++)
			ASSERT(bytes.p[i] == rig_byte(r->took + i));
		r->took += bytes.n;
		if (rig_is(c, "/slow"))
			rig_pause(c);
		return;
	}
	if (rig_is(c, "/enough"))
		rig_refuse(c);
	ASSERT(r->body_n + bytes.n <= sizeof(r->body));
	memcpy(r->body + r->body_n, bytes.p, bytes.n);
	r->body_n += bytes.n;
}

static void rig_complete(struct http_conn *c)
{
	struct rig *r = rig_of(c);

	r->complete = true;
	if (rig_is(c, "/slow") || rig_is(c, "/ask"))
		rig_say(r, "%zu ", r->took + r->body_n);
	if (rig_is(c, "/take"))
		rig_say(r, "%s'%.*s' ", http_body_beyond(c) ? "beyond " : "", (int)r->body_n,
			r->body);
	if (slice_eq(http_target(c), SLICE("/late")))
		r->late = c;
	else
		rig_give(c);
}

static void rig_resume(struct http_conn *c)
{
	if (rig_of(c)->complete)
		rig_hello(c);
	else if (rig_of(c)->refuses)
		rig_refuse(c);
}

static void rig_left(struct http_conn *c)
{
	rig_of(c)->left = true;
	rig_say(rig_of(c), "left ");
}

static void rig_done(struct http_conn *c, const struct http_end *end)
{
	static const char *const why[] = {"complete", "cut", "left", "closed", "unreadable"};

	ASSERT(http_ud(c) == rig_of(c));
	rig_of(c)->late = NULL;
	rig_say(rig_of(c), "%s%s:%lld ", why[end->why], http_limit_name(end->limit),
		(long long)end->sent);
}

static void rig_refused(struct http_conn *c, int status)
{
	rig_say(rig_of(c), "%d ", status);
}

static const struct http_handler rig_handler = {.request = rig_request,
						.body = rig_body,
						.complete = rig_complete,
						.resume = rig_resume,
						.left = rig_left,
						.done = rig_done,
						.refused = rig_refused};

/* ---- the server ---- */

static void rig_init_tls(struct rig *r, struct tls *tls)
{
	FILE *file = tmpfile();

	signal(SIGPIPE, SIG_IGN);
	*r = (struct rig){.client = -1};
	clock_freeze_mono_ns(MANUAL_START_NS);
	clock_freeze_wall_s(1);
	ASSERT(file);
	r->file = dup(fileno(file));
	fclose(file);
	ASSERT(pwrite(r->file, RIG_FILE, sizeof(RIG_FILE) - 1, 0) == sizeof(RIG_FILE) - 1);
	r->server.set = (struct http_settings){.name = "test",
					       .handler = &rig_handler,
					       .ud = r,
					       .listener = {{.fd = -1, .tls = tls}},
					       .listeners = 1,
					       .workers = 1,
					       .max_head = 2048,
					       .max_connections = 100,
					       .header_timeout_ns = RIG_HEADER,
					       .idle_timeout_ns = RIG_IDLE,
					       .min_send_rate = 1000,
					       .counted = true};
	r->server.worker = xnew(struct http_worker);
	r->w = r->server.worker;
	ASSERT(init_worker(&r->server, r->w, NULL) == OK);
}

__attribute__((unused)) static void rig_init(struct rig *r)
{
	rig_init_tls(r, NULL);
}

static void rig_settle(struct rig *r)
{
	manual_settle(r->w->loop);
}

/* A connected pair; fd[0] is the server's side. */
static void rig_pair(int fd[static 2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	socklen_t n = sizeof(at);

	ASSERT(bind(listener, (struct sockaddr *)&at, n) == 0 && listen(listener, 1) == 0);
	ASSERT(getsockname(listener, (struct sockaddr *)&at, &n) == 0);
	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(connect(fd[1], (struct sockaddr *)&at, n) == 0);
	fd[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ASSERT(fd[0] >= 0);
	setsockopt(fd[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(listener);
}

__attribute__((unused)) static struct http_conn *rig_connect(struct rig *r)
{
	struct sockaddr_storage from = {.ss_family = AF_INET};
	int fd[2];

	rig_pair(fd);
	close_p(&r->client);
	r->client = fd[1];
	r->got_n = 0;
	begin_conn(&r->w->listener[0], fd[0], &from);
	return LIST_FIRST(&r->w->conns);
}

__attribute__((unused)) static bool rig_open(struct rig *r)
{
	rig_settle(r);
	return atomic_load(&r->server.open) > 0;
}

/* Everything is closed and given back. */
static bool rig_fini(struct rig *r)
{
	bool open;

	close_p(&r->client);
	close(r->file);
	loop_post(r->w->loop, &r->w->cut);
	open = rig_open(r);
	if (!open) {
		loop_free(TAKE(r->w->loop));
		close(r->w->reserve);
		free(r->w->record);
		free(r->w->buf);
		free(r->w->block.p);
		free(r->server.worker);
	}
	clock_freeze_mono_ns(0);
	clock_freeze_wall_s(0);
	return !open;
}

/* ---- the client ---- */

__attribute__((unused)) static void rig_send(struct rig *r, const char *text)
{
	size_t n = strlen(text);

	ASSERT(send(r->client, text, n, MSG_NOSIGNAL) == (ssize_t)n);
	rig_settle(r);
}

/* All that has come, without the dates. Lives until the next call. */
__attribute__((unused)) static const char *rig_got(struct rig *r)
{
	static const char date[] = "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n";
	ssize_t n;
	char *at;

	rig_settle(r);
	while ((n = recv(r->client, r->got + r->got_n, sizeof(r->got) - 1 - r->got_n,
			 MSG_DONTWAIT)) > 0)
		r->got_n += (size_t)n;
	r->got[r->got_n] = '\0';
	while ((at = strstr(r->got, date))) {
		memmove(at, at + sizeof(date) - 1, strlen(at + sizeof(date) - 1) + 1);
		r->got_n -= sizeof(date) - 1;
	}
	r->got_n = 0;
	return r->got;
}

/* Has the server closed its side? What it has sent has been read. */
__attribute__((unused)) static bool rig_ended(struct rig *r)
{
	char byte;

	rig_settle(r);
	return recv(r->client, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* What the handler was told since the last time. */
__attribute__((unused)) static const char *rig_said(struct rig *r)
{
	static char said[sizeof(r->said)];

	rig_settle(r);
	memcpy(said, r->said, sizeof(said));
	r->said[0] = '\0';
	return said;
}

__attribute__((unused)) static void rig_wake(struct rig *r, struct http_conn *c)
{
	http_wake(c);
	rig_settle(r);
}
