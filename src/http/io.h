// SPDX-License-Identifier: MIT
/*
 * The three ways in which a connection touches its socket; none blocks. What can be done over a socket
 * can be done over TLS by a second set of them.
 */
#pragma once
#include "base/slice.h"

#include <sys/types.h>
#include <sys/uio.h>

#define HTTP_IO_PIECES 3

/* As recv(2): 0 at the end, -1 with errno. */
ssize_t http_io_recv(int fd, char *to, size_t n);
/* As writev(2). `more` follows at once: what goes out may wait for it. */
ssize_t http_io_send(int fd, struct iovec *pieces, size_t n, bool more);
/* As sendfile(2): 0 where the file ends. */
ssize_t http_io_send_file(int fd, int file, int64_t offset, size_t n);
/* After -1: has the connection failed? Or else the file that was to be sent. */
bool http_io_lost(int sys);
/* Has the other side ended, with nothing of it unread? */
bool http_io_ended(int fd);
