// SPDX-License-Identifier: MIT
/* A server that starts, or cannot for want of descriptors: then nothing of it is left, and of others all is. */
#include "http/http.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS    2
#define PER_WORKER 3 /* a spare one, and its loop's */
#define LOOKED_AT  1024

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Let so many more be opened. */
static void leave_room(int n)
{
	struct rlimit limit;
	rlim_t fd = 0;

	for (; n; fd++)
		n -= !is_open((int)fd);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = fd;
	ASSERT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void no_request(struct http_conn *c)
{
}

static void test_too_few_descriptors(void)
{
	static const struct http_handler handler = {.request = no_request};
	struct rlimit normal;

	getrlimit(RLIMIT_NOFILE, &normal);
	for (int room = 0; room <= WORKERS * PER_WORKER; room++) {
		struct http_settings set = {.name = "test",
					    .handler = &handler,
					    .listeners = 1,
					    .workers = WORKERS,
					    .max_head = 2048,
					    .max_connections = 1};
		bool before[LOOKED_AT], started, same = true;
		struct http_server *s = NULL;
		struct error e = {OK, 0, ""};

		for (int i = 0; i < LOOKED_AT; i++)
			before[i] = is_open(i);
		set.listener[0].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT(listen(set.listener[0].fd, 1) == 0);
		leave_room(room);
		started = http_start(&set, &s, &e) == OK;
		ASSERT(setrlimit(RLIMIT_NOFILE, &normal) == 0);
		CHECK_INT(started, room == WORKERS * PER_WORKER, "it starts if it has all");
		CHECK(started || e.code == ERR_IO, "or tells why not");
		http_stop(s);
		for (int i = 0; i < LOOKED_AT; i++)
			same &= is_open(i) == before[i];
		CHECK(same, "what was open is, and nothing else");
	}
}

int main(void)
{
	/* The first numbers are somebody's. */
	while (open("/dev/null", O_RDWR) <= STDERR_FILENO)
		;
	test_too_few_descriptors();
	return tap_done();
}
