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
/* The port that a listening socket got. */
uint16_t listen_port(int fd);
