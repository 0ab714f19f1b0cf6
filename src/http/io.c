// SPDX-License-Identifier: MIT
/* See io.h. */
#include "http/io.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

ssize_t http_io_recv(int fd, char *to, size_t n)
{
	ssize_t got;

	do
		got = recv(fd, to, n, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

ssize_t http_io_send(int fd, struct iovec *pieces, size_t n, bool more)
{
	struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = n};
	ssize_t sent;

	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	while (sent < 0 && errno == EINTR);
	return sent;
}

ssize_t http_io_send_file(int fd, int file, int64_t offset, size_t n)
{
	ssize_t sent;

	do
		sent = sendfile(fd, file, &(off_t){offset}, n);
	while (sent < 0 && errno == EINTR);
	return sent;
}

bool http_io_lost(int sys)
{
	switch (sys) {
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
	case ENOTCONN:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case ENETRESET:
	case ENOPROTOOPT:
	case EPROTO: return true;
	default: return false;
	}
}

bool http_io_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) == 0;
}
