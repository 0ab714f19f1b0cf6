// SPDX-License-Identifier: MIT
/* What a client accepts (RFC 9110, 12.5): the headers Accept and Accept-Encoding. Pure. */
#pragma once
#include "base/slice.h"

enum accepted {
	ACCEPT_UNNAMED, /* the list does not name it */
	ACCEPT_YES,
	ACCEPT_NO, /* named with q=0 */
};

/* What the list says of name itself; what it says of a wildcard is asked for by that name. */
enum accepted accept_says(struct slice list, struct slice name);
