// SPDX-License-Identifier: MIT
/*
 * What stands at the root: how to point a debugger at this server, with the symbol path ready to be copied. HTML for
 * browsers, plain text for everything else. The HTML is src/web/page.html, filled in: it needs no script for that, and what
 * else it offers is made by the scripts of src/web/, which ask /-/api/. Pure: all output goes to a buf, whose own ceiling
 * is the limit.
 */
#pragma once
#include "base/buf.h"

struct front {
	bool html;
	/* The token in url is the word TOKEN, since the visitor showed another way than the path that it has one. */
	bool placeholder;
	bool forgets; /* ADMIN_TOKEN is set */
	/* For debuggers, as pages_public_url() made it, with a token behind it where one is required; escaped here. */
	struct slice url;
	struct slice upload_url; /* what /-/upload/ lies below; empty: nobody may upload */
	/* As on the request line: what the page loads is named relative to it, for proxies may cut off its beginning. */
	struct slice path;
};

void pages_root(struct buf *out, const struct front *front);
/*
 * The URL that users type, without a slash at the end: the configured one when there is one; else
 * scheme, Host header and base path. A Host that is not plainly a name or an address with an
 * optional port, since it comes from the client, becomes "localhost".
 */
void pages_public_url(struct buf *out, struct slice configured, struct slice host,
		      const char *scheme, struct slice base_path);
/*
 * The server's root in the configured URL, for what does not lie below BASE_PATH: without its slashes at the end and
 * the base path, where that stands at its end.
 */
MUST_CHECK struct slice pages_server_url(struct slice configured, struct slice base_path);
/* Browsers name text/html in Accept; debuggers send a star or nothing. */
MUST_CHECK bool pages_wants_html(struct slice accept);
