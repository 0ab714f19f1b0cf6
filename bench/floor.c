// SPDX-License-Identifier: MIT
/*
 * floor.c: the least that an answer over HTTP can cost on this machine, to measure servers by.
 *
 *	floor PORT BYTES
 *
 * Every request, whatever it asks, gets the same bytes: an empty 404 when BYTES is 0, else a 200
 * with a body of that length. Two threads, each with a listening socket, an epoll set and
 * connections of its own: per request one epoll_wait, one recv, one send, and no more reading than
 * it takes to see whether the client wants the connection closed. A request must come in one
 * piece and without a body; this is no server for anything but the benchmark.
 */
#include "base/macros.h"
#include "bench/args.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define THREADS 2
#define EVENTS  64

/* Head and body, as sent to a client that stays and to one that wants to be closed. */
static struct answer {
	char *text;
	size_t n;
} staying, closing;

static in_port_t port;

static int listen_socket(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)) != 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4096) != 0)
		die_sys("listen");
	return fd;
}

static void watch(int set, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) != 0)
		die_sys("epoll_ctl");
}

static void accept_all(int set, int listener)
{
	int fd;

	/* Connections block, so that a long body needs no state; only recv() looks first. */
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		watch(set, fd);
	}
}

static void serve(int fd)
{
	static const char wish[] = "Connection: close";
	char request[4096];
	ssize_t n = recv(fd, request, sizeof(request), MSG_DONTWAIT);
	bool close_it = n <= 0 || memmem(request, (size_t)n, wish, sizeof(wish) - 1);
	const struct answer *a = close_it ? &closing : &staying;

	if (n > 0 && send(fd, a->text, a->n, MSG_NOSIGNAL) < 0)
		close_it = true;
	if (close_it)
		close(fd); /* which also takes it out of the epoll set */
}

static void *run(void *unused)
{
	struct epoll_event ready[EVENTS];
	int set = epoll_create1(EPOLL_CLOEXEC);
	int listener = listen_socket();

	if (set < 0)
		die_sys("epoll_create1");
	watch(set, listener);
	for (;;) {
		int n = epoll_wait(set, ready, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == listener)
				accept_all(set, listener);
			else
				serve(ready[i].data.fd);
		}
	}
	return NULL;
}

static struct answer make_answer(size_t body, const char *more)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\n"
			 "%sContent-Length: %zu\r\n\r\n",
			 body ? "200 OK" : "404 Not Found", more, body);
	struct answer a = {xzalloc((size_t)n + body), (size_t)n + body};

	memcpy(a.text, head, (size_t)n);
	return a;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	size_t body;

	if (argc != 3)
		die("usage: floor PORT BYTES");
	port = (in_port_t)arg_number(argv[1], UINT16_MAX);
	body = (size_t)arg_number(argv[2], INT64_C(1) << 30);
	staying = make_answer(body, "");
	closing = make_answer(body, "Connection: close\r\n");
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, run, NULL) != 0)
			die("no thread");
	run(NULL);
}
