// SPDX-License-Identifier: MIT
/* See io.h. */
#include "http/io.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- TLS ---- */

static ssize_t read_part(const struct http_io_part *part, char *to, size_t most)
{
	ssize_t got;

	do
		got = pread(part->file, to, MIN(part->n, most), part->offset);
	while (got < 0 && errno == EINTR);
	return got;
}

/*
 * One record of what lies in pieces, and of what follows them: as many would be as many packets. What is offered
 * again after EAGAIN is put together of the same bytes, as tls_send() wants it.
 */
static ssize_t send_record(const struct http_io *io, const struct iovec *pieces, size_t n,
			   const struct http_io_part *next)
{
	size_t all = 0;

	if (n == 1 && !next)
		return tls_send(io->tls, (struct slice){pieces[0].iov_base, pieces[0].iov_len});
	for (size_t i = 0; i < n && all < HTTP_IO_RECORD; i++) {
		size_t part = MIN(pieces[i].iov_len, HTTP_IO_RECORD - all);

		memcpy(io->record + all, pieces[i].iov_base, part);
		all += part;
	}
	if (next && all < HTTP_IO_RECORD) {
		ssize_t got = read_part(next, io->record + all, HTTP_IO_RECORD - all);

		all += got > 0 ? (size_t)got
			       : 0; /* what cannot be read shows when it alone is sent */
	}
	return tls_send(io->tls, (struct slice){io->record, all});
}

static ssize_t send_part_records(const struct http_io *io, const struct http_io_part *part)
{
	ssize_t got = read_part(part, io->record, HTTP_IO_READ);
	size_t sent = 0;

	while (got > 0 && sent < (size_t)got) {
		const struct slice rest = {io->record + sent, (size_t)got - sent};
		ssize_t n = tls_send(io->tls, slice_head(rest, HTTP_IO_RECORD));

		if (n <= 0)
			return sent ? (ssize_t)sent : n;
		sent += (size_t)n;
	}
	return got;
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

ssize_t http_io_send(const struct http_io *io, struct iovec *pieces, size_t n,
		     const struct http_io_part *next)
{
	struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = n};
	ssize_t sent;

	if (io->tls)
		return send_record(io, pieces, n, next);
	/*
	 * Without MSG_MORE, also before a file: the client wakes while sendfile() goes on, and takes what
	 * comes in its own time. Held back, the head costs a third more per answer of 78 KB.
	 */
	do
		sent = sendmsg(io->fd, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

ssize_t http_io_send_file(const struct http_io *io, const struct http_io_part *part)
{
	ssize_t sent;

	if (io->tls)
		return send_part_records(io, part);
	do
		sent = sendfile(io->fd, part->file, &(off_t){part->offset}, part->n);
	while (sent < 0 && errno == EINTR);
	return sent;
}

bool http_io_is_in_memory(int file, int64_t offset)
{
	char byte;

	return preadv2(file, &(struct iovec){&byte, 1}, 1, offset, RWF_NOWAIT) >= 0 ||
	       errno != EAGAIN;
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
