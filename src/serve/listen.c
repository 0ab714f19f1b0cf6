// SPDX-License-Identifier: MIT
/* See listen.h. */
#include "serve/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 4096

static int try_listen(const struct addrinfo *ai, bool v6_only)
{
	int on = 1, off = v6_only;
	int fd CLEANUP(close_p) = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
		return -1;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
		return -1;
	return TAKE_FD(fd);
}

static enum err cannot(const char *address, uint16_t port, struct error *e)
{
	enum err code = errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT ? ERR_USAGE : ERR_IO;
	const char *hint = errno == EADDRINUSE
				   ? " (another program listens there: choose another port)"
			   : errno == EACCES        ? " (ports below 1024 need a privilege)"
			   : errno == EADDRNOTAVAIL ? " (not an address of this machine)"
						    : "";

	err_sys(e, code, "cannot listen on %s port %u", address[0] ? address : "all addresses",
		port);
	snprintf(e->msg + strlen(e->msg), sizeof(e->msg) - strlen(e->msg), "%s", hint);
	return code;
}

static int listen_everywhere(uint16_t port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct addrinfo ai = {.ai_family = AF_INET6,
			      .ai_addr = (struct sockaddr *)&six,
			      .ai_addrlen = sizeof(six)};
	int fd = try_listen(&ai, false);

	if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL && errno != ENOPROTOOPT))
		return fd;
	ai = (struct addrinfo){.ai_family = AF_INET,
			       .ai_addr = (struct sockaddr *)&four,
			       .ai_addrlen = sizeof(four)};
	return try_listen(&ai, false);
}

enum err listen_on(const char *address, uint16_t port, int *ret_fd, struct error *e)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list = NULL;
	char service[8];
	int fd = -1, rc;

	if (!address[0]) {
		fd = listen_everywhere(port);
	} else {
		snprintf(service, sizeof(service), "%u", port);
		rc = getaddrinfo(address, service, &hints, &list);
		if (rc)
			return err_set(e, ERR_USAGE, "'%s' is not an address: %s", address,
				       gai_strerror(rc));
		for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
			fd = try_listen(ai, true);
		freeaddrinfo(list);
	}
	if (fd < 0)
		return cannot(address, port, e);
	*ret_fd = fd;
	return OK;
}

/* ---- unix sockets ---- */

/* Is there a socket that nobody listens on? What else is there stays. */
static bool is_left_behind(const struct sockaddr_un *at)
{
	int fd CLEANUP(close_p) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	return lstat(at->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && fd >= 0 &&
	       connect(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 && errno == ECONNREFUSED;
}

static int bind_unix(const struct sockaddr_un *at)
{
	int fd CLEANUP(close_p) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0) {
		if (errno != EADDRINUSE || !is_left_behind(at) || unlink(at->sun_path) != 0 ||
		    bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0)
			return -1;
	}
	/* Nobody can connect before it listens. */
	if (chmod(at->sun_path, 0660) != 0 || listen(fd, BACKLOG) != 0)
		return -1;
	return TAKE_FD(fd);
}

enum err listen_unix(const char *path, int *ret_fd, struct error *e)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd;

	if (path[0] != '/' || strlen(path) >= sizeof(at.sun_path))
		return err_set(e, ERR_USAGE,
			       "'%s' is no path of a socket, which begins with / and has at "
			       "most %zu bytes",
			       path, sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path));
	fd = bind_unix(&at);
	if (fd < 0)
		return err_sys(e, errno == EADDRINUSE ? ERR_IO : ERR_USAGE,
			       "cannot listen on the socket '%s'", path);
	*ret_fd = fd;
	return OK;
}

/* ---- of a socket ---- */

bool listen_is_open(int fd)
{
	struct sockaddr_storage ss = {0};
	const struct sockaddr_in *four = (const struct sockaddr_in *)&ss;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&ss;
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0)
		return true;
	if (ss.ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
	return ss.ss_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) &&
	       !(IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) &&
		 six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

uint16_t listen_port(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0)
		return 0;
	switch (ss.ss_family) {
	case AF_INET: return ntohs(((struct sockaddr_in *)&ss)->sin_port);
	case AF_INET6: return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	default: return 0;
	}
}
