// SPDX-License-Identifier: MIT
/* systemd's side of the notify protocol, played by a datagram socket. */
#include "base/notify.h"

#include "tap.h"
#include <sys/socket.h>
#include <sys/un.h>

static int hear_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, path, n);
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	ASSERT(bind(fd, (struct sockaddr *)&at,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) == 0);
	return fd;
}

static void check_heard(int fd, const char *want, const char *name)
{
	char text[64];
	ssize_t n = recv(fd, text, sizeof(text), 0);

	CHECK_SLICE(((struct slice){text, n > 0 ? (size_t)n : 0}), want, name);
}

static void test_file(void)
{
	char dir[] = "/tmp/test_notify.XXXXXX", path[64];
	int fd;

	ASSERT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	fd = hear_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	notify_systemd("READY=1");
	check_heard(fd, "READY=1", "a socket in the file system");
	notify_systemd("STOPPING=1");
	check_heard(fd, "STOPPING=1", "hears all");
	close(fd);
	notify_systemd("READY=1");
	CHECK(unlink(path) == 0 && rmdir(dir) == 0, "one that has gone does no harm");
	notify_systemd("READY=1");
}

static void test_abstract(void)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@test_notify_%ld", (long)getpid());
	fd = hear_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_systemd("READY=1");
	check_heard(fd, "READY=1", "an abstract socket");
	close(fd);
}

static void test_nowhere(void)
{
	static char longest[300];
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@test_notify_%ld", (long)getpid());
	fd = hear_at(name);
	memset(longest, 'x', sizeof(longest) - 1);
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_systemd("READY=1");
	setenv("NOTIFY_SOCKET", "@", 1);
	notify_systemd("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	notify_systemd("READY=1");
	unsetenv("NOTIFY_SOCKET");
	notify_systemd("READY=1");
	setenv("NOTIFY_SOCKET", name, 1);
	notify_systemd("STOPPING=1");
	check_heard(fd, "STOPPING=1", "no socket, or a name that is none: nothing, and no harm");
	close(fd);
}

int main(void)
{
	test_file();
	test_abstract();
	test_nowhere();
	return tap_done();
}
