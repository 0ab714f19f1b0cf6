// SPDX-License-Identifier: MIT
/*
 * The page at the root: how to point a debugger at this server, with the symbol path ready to be
 * copied. HTML for browsers, plain text for everything else. It loads nothing and runs nothing,
 * so it works on a machine without a way out, and under the strictest policy that still allows
 * inline style. Pure: all output goes to a buf, whose own ceiling is the limit.
 */
#pragma once
#include "base/buf.h"

/*
 * public_url: the URL for debuggers, as pages_public_url() made it, with a token behind it where
 * one is required; escaped here. placeholder: that token is the word TOKEN, since the visitor
 * showed another way than the path that it has one.
 */
void pages_root(struct buf *out, bool html, struct slice public_url, bool placeholder);
/*
 * The URL that users type, without a slash at the end: the configured one when there is one; else
 * scheme, Host header and base path. A Host that is not plainly a name or an address with an
 * optional port, since it comes from the client, becomes "localhost".
 */
void pages_public_url(struct buf *out, struct slice configured, struct slice host,
		      const char *scheme, struct slice base_path);
/* Browsers name text/html in Accept; debuggers send a star or nothing. */
MUST_CHECK bool pages_wants_html(struct slice accept);
