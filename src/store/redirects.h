// SPDX-License-Identifier: MIT
/*
 * Where the redirects of one transfer may lead: never from https back to http, and to the addresses
 * only that address.h allows for a redirect. A name may have any address, and a connection may be
 * one that was made for another transfer, so what is asked is not only the text of a Location, but
 * also each address that is connected to, and the connection on which an answer comes. Loop's
 * thread.
 */
#pragma once
#include "store/address.h"

#include <curl/curl.h>

struct redirects {
	bool anywhere;         /* they may lead to any address */
	bool proxied;          /* a proxy may connect, whose address says nothing */
	bool secure;           /* it has been https: libcurl only knows where it began */
	bool redirected;       /* it is not the server any more that was named */
	bool astray;           /* it has been refused for an address */
	enum address_kind own; /* of the server that was named, once redirected */
};

/* Does this Location lead from https to http? Notes when one leads to https. */
bool redirects_unsafe(struct redirects *r, struct slice location);
/* May this Location be followed, from where the transfer is now? */
bool redirects_follow(struct redirects *r, CURL *easy, struct slice location);
bool redirects_may_connect(struct redirects *r, const struct sockaddr *address);
/* May the answer come from where the transfer is? */
bool redirects_may_stay(struct redirects *r, CURL *easy);
/* By the environment, as libcurl reads it. */
bool redirects_proxied(void);
