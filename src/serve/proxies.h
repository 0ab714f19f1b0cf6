// SPDX-License-Identifier: MIT
/*
 * TRUSTED_PROXIES: from whom X-Forwarded-For and X-Forwarded-Proto are believed. A proxy appends the
 * address of its own client, so the values are read from the right: the first address that is no
 * trusted proxy's is the client's, and what stands before it anybody may have made up.
 *
 * An address is kept as that of IPv6, IPv4 in the mapped form (::ffff:1.2.3.4), so that both ways of
 * writing one are the same. Constant after proxies_parse(), hence thread safe.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define PROXIES_MAX   64
#define PEER_NAME_MAX 56 /* an address and its zero byte */

struct peer {
	unsigned char b[16];
	bool local; /* of a unix socket: it has no address */
};

struct proxies {
	struct {
		struct peer peer;
		unsigned bits; /* that count */
	} range[PROXIES_MAX];
	size_t n;
};

/*
 * Addresses and CIDR ranges, and the word "unix:" for clients of unix sockets, separated by spaces or
 * commas. ERR_USAGE names the first that is none. An empty list trusts nobody.
 */
MUST_CHECK enum err proxies_parse(struct slice list, struct proxies *ret, struct error *e);

/* An address, with or without brackets and port, as X-Forwarded-For has them. False: it is none. */
bool peer_parse(struct slice s, struct peer *ret);
/* "192.0.2.1", "2001:db8::1" or "unix:". */
void peer_name(const struct peer *p, char ret[static PEER_NAME_MAX]);

bool proxies_trust(const struct proxies *t, const struct peer *p);
/*
 * Whom a request comes from, that came by a connection of `peer` with n headers X-Forwarded-For, in the
 * order in which they stood. What is no address ends the search: the last proxy known is the answer.
 */
struct peer proxies_client(const struct proxies *t, const struct peer *peer,
			   const struct slice *forwarded, size_t n);
