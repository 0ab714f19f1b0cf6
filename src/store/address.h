// SPDX-License-Identifier: MIT
/*
 * What kind of network an IP address lies in, and whether a redirect may lead there. A symbol
 * server of strangers must not be able to make this one send requests to places that strangers
 * cannot reach: this machine, its link, a cloud's metadata service, the private network behind us.
 * Sources: the registries of special-purpose addresses (RFC 6890), RFC 1918, 4193, 6598, 6052.
 * Pure.
 */
#pragma once
#include "base/slice.h"

struct sockaddr;

enum address_kind {
	ADDRESS_PUBLIC,
	ADDRESS_PRIVATE,  /* RFC 1918, ULA, CGNAT */
	ADDRESS_LOOPBACK, /* and the unspecified ones, which lead there */
	ADDRESS_LINK,     /* link-local, metadata services, multicast, reserved */
};

/* An IPv4 address within an IPv6 one (mapped, NAT64, 6to4) counts as itself. */
enum address_kind address_kind_of(const struct sockaddr *address);
/* An IP address in text, "[...]" around it or not, or localhost; anything else is PUBLIC. */
enum address_kind address_kind_of_text(struct slice host);
/* own: where the server lies that redirects; https: the target's scheme. */
bool address_may_follow(enum address_kind own, enum address_kind target, bool https);
