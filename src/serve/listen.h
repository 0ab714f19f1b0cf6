// SPDX-License-Identifier: MIT
/* Listening sockets. */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/*
 * Listen on address:port. address is an IP address, a host name, or "" for all addresses: IPv6
 * with IPv4 where the machine has it, else IPv4 alone. Port 0 takes a free one. ERR_USAGE when the
 * address is none of this machine, ERR_IO when the port cannot be had; the message says what to
 * do about it.
 */
MUST_CHECK enum err listen_on(const char *address, uint16_t port, int *ret_fd, struct error *e);
/*
 * Listen on a unix socket, of mode 0660. One that is there already, and that nobody listens on any more,
 * is replaced; it is left behind at the end. ERR_USAGE for a path that is too long or is something else.
 */
MUST_CHECK enum err listen_unix(const char *path, int *ret_fd, struct error *e);
/* Is it reached from other machines? */
bool listen_is_open(int fd);
/* 0 for a unix socket. The port that a listening socket got. */
uint16_t listen_port(int fd);
