// SPDX-License-Identifier: MIT
/*
 * load.c: the clients that wrk cannot play. Each prints one line of name=value words.
 *
 *	load herd PORT PATH CLIENTS BYTES    all ask for one object of BYTES bytes at once
 *	load bulk PORT PATH CLIENTS BYTES MS ask for it again and again, for MS milliseconds
 *	load idle PORT PATH CLIENTS          ask once each, then hold the connections until stdin ends
 *	load paced PORT PATH CLIENTS BYTES   ask every other millisecond each, until stdin ends
 *	load replay PORT                     ask for "STATUS PATH" of each line of stdin, one by one
 *
 * One thread and one epoll set (paced: a thread each), and connections are made before the clock
 * starts: what is measured is the server. Bodies are counted and thrown away inside the kernel (MSG_TRUNC), which costs the
 * client next to nothing. An answer other than the expected one, or of the wrong length, ends the
 * run as a failure: a wrong answer has no speed.
 */
#include "base/clock.h"
#include "bench/args.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define HEAD_MAX    4096
#define DISCARD_MAX (1 << 20)
#define EVENTS      256
#define PACE_NS     (2 * NS_PER_MS)
#define PACED_MAX   100000 /* answers of one client */

struct client {
	int fd;
	int status;   /* 0 until the head is there */
	bool closing; /* the server will close after this answer */
	int64_t length, left;
	int64_t first_ns, last_ns; /* when the first and the last byte of the body came */
	size_t n;
	char head[HEAD_MAX + 1];
};

static in_port_t port;

static void client_open(struct client *c)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die_sys("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void client_ask(struct client *c, const char *path)
{
	char text[2048];
	int n = snprintf(text, sizeof(text),
			 "GET /%s HTTP/1.1\r\nHost: localhost\r\n"
			 "User-Agent: Microsoft-Symbol-Server/10.0.22621.1\r\n\r\n",
			 path);

	if (n >= (int)sizeof(text))
		die("a path is too long");
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die_sys("send");
	c->status = 0;
	c->n = 0;
}

/* The value of a header, up to the end of the whole head; NULL when it is not there. */
static const char *header(const struct client *c, const char *name)
{
	const char *at = strcasestr(c->head, name);

	return at ? at + strlen(name) : NULL;
}

static void parse_head(struct client *c, int64_t now)
{
	char *end = strstr(c->head, "\r\n\r\n");
	size_t early; /* bytes of the body that came with the head */
	const char *length, *connection;

	if (!end && c->n == HEAD_MAX)
		die("the head of an answer is too long");
	if (!end)
		return;
	early = (size_t)(c->head + c->n - (end + 4));
	end[2] = '\0';
	length = header(c, "\r\nContent-Length: ");
	connection = header(c, "\r\nConnection: ");
	c->closing = connection && strncasecmp(connection, "close", 5) == 0;
	c->length = length ? number_at(length, INT64_MAX) : -1;
	if (strncmp(c->head, "HTTP/1.1 ", 9) != 0 || c->length < (int64_t)early)
		die("an answer is not HTTP/1.1 with a length");
	c->status = (int)number_at(c->head + 9, 999);
	c->left = c->length - (int64_t)early;
	c->first_ns = early || !c->length ? now : 0;
}

/* Take what is there; true when the answer is complete. */
static bool client_read(struct client *c, int flags)
{
	static char discarded[DISCARD_MAX];
	bool body = c->status != 0;
	size_t want = body ? (size_t)MIN(c->left, DISCARD_MAX) : HEAD_MAX - c->n;
	ssize_t n = recv(c->fd, body ? discarded : c->head + c->n, want,
			 flags | (body ? MSG_TRUNC : 0));
	int64_t now = clock_mono_ns();

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		die_sys("recv");
	if (n == 0)
		die("the server closed in the middle of an answer");
	if (body) {
		c->left -= n;
		if (!c->first_ns)
			c->first_ns = now;
	} else {
		c->n += (size_t)n;
		c->head[c->n] = '\0';
		parse_head(c, now);
	}
	c->last_ns = now;
	return c->status && c->left == 0;
}

static void expect(const struct client *c, int status, int64_t length)
{
	char why[128];

	if (c->status == status && (length < 0 || c->length == length))
		return;
	snprintf(why, sizeof(why), "status %d with %lld bytes where %d with %lld was expected",
		 c->status, (long long)c->length, status, (long long)length);
	die(why);
}

static struct client *clients_open(size_t n)
{
	struct client *c = xzalloc(n * sizeof(*c));
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (size_t i = 0; i < n; i++)
		client_open(&c[i]);
	return c;
}

/*
 * Read all answers as they come. A client whose answer is complete asks for the path again until
 * again_until_ns. Returns the number of complete answers.
 */
static int64_t read_all(struct client *c, size_t n, const char *path, int64_t bytes,
			int64_t again_until_ns)
{
	struct epoll_event ready[EVENTS];
	int set = epoll_create1(EPOLL_CLOEXEC);
	int64_t answers = 0;

	for (size_t i = 0; i < n; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &c[i]};
		if (epoll_ctl(set, EPOLL_CTL_ADD, c[i].fd, &ev) != 0)
			die_sys("epoll_ctl");
	}
	for (size_t left = n; left > 0;) {
		int got = epoll_wait(set, ready, EVENTS, -1);
		for (int i = 0; i < got; i++) {
			struct client *one = ready[i].data.ptr;
			if (!client_read(one, MSG_DONTWAIT))
				continue;
			expect(one, 200, bytes);
			answers++;
			if (one->last_ns < again_until_ns) {
				client_ask(one, path);
			} else {
				epoll_ctl(set, EPOLL_CTL_DEL, one->fd, NULL);
				left--;
			}
		}
	}
	close(set);
	return answers;
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static void print_times(const char *name, int64_t *ns, size_t n)
{
	qsort(ns, n, sizeof(*ns), compare);
	printf("%s_p50_ms=%.3f %s_p99_ms=%.3f %s_max_ms=%.3f ", name, ms(ns[n / 2]), name,
	       ms(ns[n - 1 - n / 100]), name, ms(ns[n - 1]));
}

static size_t clients_of(const char *arg)
{
	size_t n = (size_t)arg_number(arg, 1000000);

	if (n == 0)
		die("no clients");
	return n;
}

static void herd(char **args)
{
	const char *path = args[0];
	size_t n = clients_of(args[1]);
	int64_t bytes = arg_number(args[2], INT64_MAX);
	struct client *c = clients_open(n);
	int64_t *first = xzalloc(n * sizeof(*first)), *last = xzalloc(n * sizeof(*last));
	int64_t began = clock_mono_ns();

	for (size_t i = 0; i < n; i++)
		client_ask(&c[i], path);
	read_all(c, n, path, bytes, 0);
	for (size_t i = 0; i < n; i++) {
		first[i] = c[i].first_ns - began;
		last[i] = c[i].last_ns - began;
	}
	print_times("first", first, n);
	print_times("last", last, n);
	printf("bytes=%lld\n", (long long)bytes * (long long)n);
}

static void bulk(char **args)
{
	const char *path = args[0];
	size_t n = clients_of(args[1]);
	int64_t bytes = arg_number(args[2], INT64_MAX);
	struct client *c = clients_open(n);
	int64_t began = clock_mono_ns();
	int64_t until = began + arg_number(args[3], 3600000) * NS_PER_MS;

	for (size_t i = 0; i < n; i++)
		client_ask(&c[i], path);
	bytes *= read_all(c, n, path, bytes, until);
	printf("bytes=%lld ms=%.3f\n", (long long)bytes, ms(clock_mono_ns() - began));
}

static void idle(char **args)
{
	size_t n = clients_of(args[1]);
	struct client *c = clients_open(n);

	for (size_t i = 0; i < n; i++) {
		client_ask(&c[i], args[0]);
		while (!client_read(&c[i], 0))
			;
		expect(&c[i], 200, -1);
	}
	puts("ready=1");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

struct paced {
	struct client client;
	pthread_t thread;
	const char *path;
	int64_t bytes, began;
	size_t n;
	int64_t ns[PACED_MAX];
};

static atomic_bool paced_enough;

/*
 * Asks at its times, or as soon as the answer before is there, and counts from when it should have
 * asked: so what an answer kept waiting is counted, too. That the client itself woke late is not.
 */
static void *paced_run(void *arg)
{
	struct paced *p = arg;
	int64_t free_since = 0;

	for (; p->n < PACED_MAX && !atomic_load(&paced_enough); p->n++) {
		int64_t due = p->began + (int64_t)p->n * PACE_NS, from = due;
		struct timespec at = {due / NS_PER_S, due % NS_PER_S};
		if (free_since < due) {
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
			from = clock_mono_ns();
		}
		client_ask(&p->client, p->path);
		while (!client_read(&p->client, 0))
			;
		expect(&p->client, 200, p->bytes);
		free_since = p->client.last_ns;
		p->ns[p->n] = free_since - from;
	}
	return NULL;
}

static void paced(char **args)
{
	size_t n = clients_of(args[1]), answers = 0;
	struct paced *p = xzalloc(n * sizeof(*p));
	int64_t *all = xzalloc(n * sizeof(p->ns));
	int64_t began = clock_mono_ns();

	for (size_t i = 0; i < n; i++) {
		p[i].path = args[0];
		p[i].bytes = arg_number(args[2], INT64_MAX);
		p[i].began = began + (int64_t)i * PACE_NS / (int64_t)n;
		client_open(&p[i].client);
		if (pthread_create(&p[i].thread, NULL, paced_run, &p[i]) != 0)
			die("no thread");
	}
	while (getchar() != EOF)
		;
	atomic_store(&paced_enough, true);
	for (size_t i = 0; i < n; i++) {
		pthread_join(p[i].thread, NULL);
		memcpy(all + answers, p[i].ns, p[i].n * sizeof(*all));
		answers += p[i].n;
	}
	if (answers == 0)
		die("no answers");
	print_times("answer", all, answers);
	printf("answers=%zu\n", answers);
}

static void replay(char **args)
{
	struct client c;
	char line[2048];
	int64_t requests = 0, connections = 1, bytes = 0, began;

	client_open(&c);
	began = clock_mono_ns();
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (c.closing) {
			close(c.fd);
			client_open(&c);
			connections++;
		}
		client_ask(&c, line + strlen("200 "));
		while (!client_read(&c, 0))
			;
		expect(&c, (int)number_at(line, 999), -1);
		requests++;
		bytes += c.length;
	}
	printf("ms=%.3f requests=%lld connections=%lld bytes=%lld\n", ms(clock_mono_ns() - began),
	       (long long)requests, (long long)connections, (long long)bytes);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		void (*run)(char **args);
	} modes[] = {{"herd", 3, herd},
		     {"bulk", 4, bulk},
		     {"idle", 2, idle},
		     {"paced", 3, paced},
		     {"replay", 0, replay}};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (argc != 3 + modes[i].args || strcmp(argv[1], modes[i].name) != 0)
			continue;
		port = (in_port_t)arg_number(argv[2], UINT16_MAX);
		modes[i].run(argv + 3);
		return 0;
	}
	die("usage: load herd|bulk|idle|paced|replay PORT ...");
}
