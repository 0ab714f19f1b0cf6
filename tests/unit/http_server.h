// SPDX-License-Identifier: MIT
/*
 * A scripted HTTP server on 127.0.0.1, in a thread of its own. It gives the replies of its script
 * one after another, one per request, whatever the connection it comes on, and keeps what was
 * asked. Replies are bytes as they go over the wire, so that wrong ones can be written too.
 *
 *	struct http_server s;
 *	http_server_start(&s, (struct http_reply[]){{"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"}}, 1);
 *	... http://127.0.0.1:PORT/, PORT being s.port ...
 *	http_server_stop(&s);
 */
#pragma once
#include "base/slice.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define HTTP_SERVER_CONNS    16
#define HTTP_SERVER_REQUESTS 32
#define HTTP_SERVER_HEAD_MAX 8192

struct http_reply {
	const char *text; /* NULL: close without an answer; "": keep it waiting */
	size_t body;      /* so many bytes of '.' behind it */
	bool close;       /* and then close */
};

struct http_server {
	uint16_t port;
	int listener, stop[2];
	const struct http_reply *script;
	size_t n_script;
	pthread_t thread;
	pthread_mutex_t mu;
	size_t n_asked; /* under mu, as all below */
	size_t n_accepted;
	char asked[HTTP_SERVER_REQUESTS][HTTP_SERVER_HEAD_MAX];
};

struct http_server_conn {
	int fd;
	size_t n;
	size_t skipped; /* bytes of a body that have come, but find no place in head */
	char head[HTTP_SERVER_HEAD_MAX];
};

static bool http_server_send(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool http_server_reply(int fd, const struct http_reply *r)
{
	char dots[1024];

	memset(dots, '.', sizeof(dots));
	if (!r->text || !http_server_send(fd, r->text, strlen(r->text)))
		return false;
	for (size_t left = r->body; left; left -= MIN(left, sizeof(dots)))
		if (!http_server_send(fd, dots, MIN(left, sizeof(dots))))
			return false;
	return !r->close;
}

/* Keep the request, and give the next reply; false: close. */
static bool http_server_answer(struct http_server *s, struct http_server_conn *c)
{
	size_t i;

	pthread_mutex_lock(&s->mu);
	i = s->n_asked;
	if (i < HTTP_SERVER_REQUESTS) {
		memcpy(s->asked[i], c->head, c->n + 1);
		s->n_asked++;
	}
	pthread_mutex_unlock(&s->mu);
	c->n = c->skipped = 0;
	return i < s->n_script && http_server_reply(c->fd, &s->script[i]);
}

/* Is the request all there, with its body? That is kept behind the head, as far as it fits. */
static bool http_server_complete(const struct http_server_conn *c)
{
	const char *end = strstr(c->head, "\r\n\r\n"), *length;

	if (!end)
		return false;
	length = strcasestr(c->head, "\r\ncontent-length: ");
	if (!length || length > end)
		return true;
	return c->n + c->skipped - (size_t)(end + 4 - c->head) >=
	       strtoull(length + strlen("\r\ncontent-length: "), NULL, 10);
}

static bool http_server_read(struct http_server *s, struct http_server_conn *c)
{
	char beyond[65536];
	size_t room = sizeof(c->head) - 1 - c->n;
	ssize_t n = recv(c->fd, room ? c->head + c->n : beyond, room ? room : sizeof(beyond), 0);

	if (n <= 0)
		return false;
	if (room)
		c->n += (size_t)n;
	else
		c->skipped += (size_t)n;
	c->head[c->n] = '\0';
	return !http_server_complete(c) || http_server_answer(s, c);
}

static void *http_server_main(void *arg)
{
	struct http_server *s = arg;
	struct http_server_conn *conn = xzalloc(HTTP_SERVER_CONNS * sizeof(*conn));
	size_t n = 0;

	for (;;) {
		struct pollfd fds[HTTP_SERVER_CONNS + 2];

		fds[0] = (struct pollfd){.fd = s->stop[0], .events = POLLIN};
		fds[1] = (struct pollfd){.fd = n < HTTP_SERVER_CONNS ? s->listener : -1,
					 .events = POLLIN};
		for (size_t i = 0; i < n; i++)
			fds[2 + i] = (struct pollfd){.fd = conn[i].fd, .events = POLLIN};
		if (poll(fds, 2 + n, -1) < 0 || fds[0].revents)
			break;
		for (size_t i = n; i-- > 0;) {
			if (!fds[2 + i].revents || http_server_read(s, &conn[i]))
				continue;
			close(conn[i].fd);
			conn[i] = conn[--n];
		}
		if (!fds[1].revents)
			continue;
		conn[n++] = (struct http_server_conn){.fd = accept(s->listener, NULL, NULL)};
		pthread_mutex_lock(&s->mu);
		s->n_accepted++;
		pthread_mutex_unlock(&s->mu);
	}
	while (n)
		close(conn[--n].fd);
	free(conn);
	return NULL;
}

/* The script stays the caller's, and has to outlive the server. */
__attribute__((unused)) static void http_server_start(struct http_server *s,
						      const struct http_reply *script, size_t n)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	memset(s, 0, sizeof(*s));
	s->script = script;
	s->n_script = n;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(bind(s->listener, (struct sockaddr *)&at, sizeof(at)) == 0);
	ASSERT(listen(s->listener, 16) == 0 && pipe(s->stop) == 0);
	ASSERT(getsockname(s->listener, (struct sockaddr *)&at, &size) == 0);
	s->port = ntohs(at.sin_port);
	s->mu = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	ASSERT(pthread_create(&s->thread, NULL, http_server_main, s) == 0);
}

/*
 * Its clients have to be gone: one that takes no bytes would hold it up. What was asked can still
 * be looked at.
 */
__attribute__((unused)) static void http_server_stop(struct http_server *s)
{
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->listener);
}

__attribute__((unused)) static size_t http_server_asked(struct http_server *s)
{
	LOCK_SCOPE(&s->mu);

	return s->n_asked;
}

/* How many connections it has got. */
__attribute__((unused)) static size_t http_server_connections(struct http_server *s)
{
	LOCK_SCOPE(&s->mu);

	return s->n_accepted;
}

/* The head of request i (from 0) holds this text; ASCII case counts. */
__attribute__((unused)) static bool http_server_heard(struct http_server *s, size_t i,
						      const char *text)
{
	LOCK_SCOPE(&s->mu);

	return i < s->n_asked && strstr(s->asked[i], text);
}
