// SPDX-License-Identifier: MIT
/*
 * tls.c: clients that speak TLS. Each prints one line of name=value words.
 *
 *	tls handshakes PORT PATH CLIENTS BYTES MS  a new connection for each request, for MS milliseconds
 *	tls idle PORT PATH CLIENTS BYTES           ask once each, then hold the connections until stdin ends
 *
 * A session is never resumed, and the certificate is not looked at. A client is a thread that waits
 * for its server; those that only hold a connection share one. An answer other than 200 with BYTES
 * bytes ends the run as a failure.
 */
#include "base/clock.h"
#include "bench/args.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

static in_port_t port;
static SSL_CTX *context;

/* One of the clients of handshakes(). */
struct client {
	pthread_t thread;
	const char *path;
	int64_t bytes, until_ns, connections;
};

static SSL *session_open(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *s = SSL_new(context);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die_sys("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (!s || SSL_set_fd(s, fd) != 1 || SSL_connect(s) != 1)
		die("no handshake");
	if (SSL_session_reused(s))
		die("a session was resumed");
	return s;
}

static void session_close(SSL *s)
{
	int fd = SSL_get_fd(s);

	SSL_free(s);
	close(fd);
}

/* Ask, and read the answer to its last byte. */
static void session_ask(SSL *s, const char *path, bool closing, int64_t bytes)
{
	char text[16384];
	const char *body = NULL;
	int got = 0, n = snprintf(text, sizeof(text),
				  "GET /%s HTTP/1.1\r\nHost: localhost\r\n"
				  "User-Agent: Microsoft-Symbol-Server/10.0.22621.1\r\n%s\r\n",
				  path, closing ? "Connection: close\r\n" : "");

	if (n >= (int)sizeof(text))
		die("a path is too long");
	if (SSL_write(s, text, n) != n)
		die("cannot ask");
	for (n = 0; !body; n += got) {
		got = SSL_read(s, text + n, (int)sizeof(text) - n);
		if (got <= 0)
			die("the server closed in the middle of a head");
		body = memmem(text, (size_t)(n + got), "\r\n\r\n", 4);
	}
	if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
		die("an answer is not 200");
	for (bytes -= text + n - (body + 4); bytes > 0; bytes -= got)
		if ((got = SSL_read(s, text, sizeof(text))) <= 0)
			die("the server closed in the middle of a body");
	if (bytes < 0)
		die("a body is too long");
	if (closing && SSL_read(s, text, sizeof(text)) > 0)
		die("the server did not close");
}

static void *client_run(void *arg)
{
	struct client *c = arg;

	for (; clock_mono_ns() < c->until_ns; c->connections++) {
		SSL *s = session_open();
		session_ask(s, c->path, true, c->bytes);
		session_close(s);
	}
	return NULL;
}

static void handshakes(const char *path, size_t n, int64_t bytes, int64_t ms)
{
	struct client *clients = xzalloc(n * sizeof(*clients));
	int64_t began = clock_mono_ns(), connections = 0;

	for (size_t i = 0; i < n; i++) {
		clients[i] = (struct client){
			.path = path, .bytes = bytes, .until_ns = began + ms * NS_PER_MS};
		if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
			die("no thread");
	}
	for (size_t i = 0; i < n; i++) {
		pthread_join(clients[i].thread, NULL);
		connections += clients[i].connections;
	}
	printf("connections=%lld ms=%.3f\n", (long long)connections,
	       (double)(clock_mono_ns() - began) / NS_PER_MS);
}

static void idle(const char *path, size_t n, int64_t bytes)
{
	for (size_t i = 0; i < n; i++)
		session_ask(session_open(), path, false, bytes);
	puts("ready=1");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

int main(int argc, char **argv)
{
	bool again = argc == 7 && strcmp(argv[1], "handshakes") == 0;

	if (!again && !(argc == 6 && strcmp(argv[1], "idle") == 0))
		die("usage: tls handshakes PORT PATH CLIENTS BYTES MS | idle PORT PATH CLIENTS "
		    "BYTES");
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		die("no TLS");
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	port = (in_port_t)arg_number(argv[2], UINT16_MAX);
	if (again)
		handshakes(argv[3], (size_t)arg_number(argv[4], 10000),
			   arg_number(argv[5], INT64_MAX), arg_number(argv[6], 3600000));
	else
		idle(argv[3], (size_t)arg_number(argv[4], 1000000), arg_number(argv[5], INT64_MAX));
	return 0;
}
