// SPDX-License-Identifier: MIT
/*
 * The three ways in which a connection touches its socket, with TLS upon it or without; none blocks. All
 * say EAGAIN where only an event of the socket helps; with TLS that may be any event, since a record, or the
 * handshake, may have to go the other way first.
 */
#pragma once
#include "base/slice.h"
#include "http/tls.h"

#include <sys/types.h>
#include <sys/uio.h>

#define HTTP_IO_PIECES 3
#define HTTP_IO_RECORD ((size_t)16 * 1024)  /* the most that TLS puts into one record */
#define HTTP_IO_READ   (4 * HTTP_IO_RECORD) /* of a file, at a time */

struct http_io {
	int fd;
	struct ssl_st *tls; /* NULL: plain */
	char *record;       /* with TLS: HTTP_IO_READ bytes, for the call */
};

/* A part of a file. */
struct http_io_part {
	int file;
	int64_t offset;
	size_t n;
};

/* As recv(2): 0 at the end, -1 with errno. */
ssize_t http_io_recv(const struct http_io *io, char *to, size_t n);
/*
 * As writev(2). What follows, or NULL: with TLS as much of it goes with the pieces as has room in their record,
 * and counts as sent.
 */
ssize_t http_io_send(const struct http_io *io, struct iovec *pieces, size_t n,
		     const struct http_io_part *next);
/* As sendfile(2): 0 where the file ends. */
ssize_t http_io_send_file(const struct http_io *io, const struct http_io_part *part);
/* Can this byte of a file be read without waiting for a disk? Where nobody can tell: yes. */
bool http_io_is_in_memory(int file, int64_t offset);
/* After -1: has the connection failed? Or else the file that was to be sent. */
bool http_io_lost(int sys);
/* Is there nothing to be read, not even the end? */
bool http_io_is_dry(int fd);
/* Has the other side ended, with nothing of it unread? What has come after all stays to be read. */
bool http_io_ended(const struct http_io *io);
