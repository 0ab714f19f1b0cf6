// SPDX-License-Identifier: MIT
/* See io.h. */
#include "http/io.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- TLS ---- */

/*
 * One record of what lies in pieces: as many would be as many packets. What is offered again after EAGAIN
 * is put together of the same bytes, as tls_send() wants it.
 */
static ssize_t send_record(const struct http_io *io, const struct iovec *pieces, size_t n)
{
	size_t all = 0;

	if (n == 1)
		return tls_send(io->tls, (struct slice){pieces[0].iov_base, pieces[0].iov_len});
	for (size_t i = 0; i < n && all < HTTP_IO_RECORD; i++) {
		size_t part = MIN(pieces[i].iov_len, HTTP_IO_RECORD - all);

		memcpy(io->record + all, pieces[i].iov_base, part);
		all += part;
	}
	return tls_send(io->tls, (struct slice){io->record, all});
}

static ssize_t send_file_record(const struct http_io *io, int file, int64_t offset, size_t n)
{
	ssize_t got;

	do
		got = pread(file, io->record, MIN(n, HTTP_IO_RECORD), offset);
	while (got < 0 && errno == EINTR);
	return got <= 0 ? got : tls_send(io->tls, (struct slice){io->record, (size_t)got});
}

/* ---- both ---- */

ssize_t http_io_recv(const struct http_io *io, char *to, size_t n)
{
	ssize_t got;

	if (io->tls)
		return tls_recv(io->tls, to, n);
	do
		got = recv(io->fd, to, n, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

ssize_t http_io_send(const struct http_io *io, struct iovec *pieces, size_t n)
{
	struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = n};
	ssize_t sent;

	if (io->tls)
		return send_record(io, pieces, n);
	/*
	 * Without MSG_MORE, also before a file: the client wakes while sendfile() goes on, and takes what
	 * comes in its own time. Held back, the head costs a third more per answer of 78 KB.
	 */
	do
		sent = sendmsg(io->fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

ssize_t http_io_send_file(const struct http_io *io, int file, int64_t offset, size_t n)
{
	ssize_t sent;

	if (io->tls)
		return send_file_record(io, file, offset, n);
	do
		sent = sendfile(io->fd, file, &(off_t){offset}, n);
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

bool http_io_ended(const struct http_io *io)
{
	char byte;

	return io->tls ? tls_has_ended(io->tls) : recv(io->fd, &byte, 1, MSG_PEEK) == 0;
}

bool http_io_is_dry(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}
