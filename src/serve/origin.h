// SPDX-License-Identifier: MIT
/*
 * Does a page of another origin ask? A browser says whose it is; what it has been made to ask for a stranger's page
 * changes nothing here and costs nothing. Pure.
 */
#pragma once
#include "base/slice.h"

struct origin_asked {
	struct slice origin, host, fetch_site; /* headers; n == 0: absent */
	struct slice public_url;               /* of this server, as it is set; or n == 0 */
	const char *scheme;                    /* by which the request has come */
};

/*
 * Programs send no Origin. Of a page it has to be that of this server, by the address that the request has
 * come to or the one that is set. ("null" is nobody's.)
 */
bool origin_is_foreign(const struct origin_asked *asked);
