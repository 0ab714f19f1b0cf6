// SPDX-License-Identifier: MIT
/*
 * From the request target, as it stood on the request line, to a path of clean segments, and to what
 * that means (symbol_path.h).
 *
 * Debuggers send what their users and their build paths gave them: doubled slashes, backslashes,
 * whole Windows paths in place of a name, raw spaces and raw UTF-8, '+' for a space and the
 * reverse, absolute-form targets, query strings, any case. All of that is settled here, once;
 * nobody behind this module looks at a raw target again.
 *
 *  1. The authority of an absolute-form target and the query are dropped.
 *  2. Percent-escapes are decoded once (so "%2F" is a slash). An invalid escape or a control byte
 *     is BAD. Bytes that are not UTF-8 stay what they are.
 *  3. The path is cut at slashes; runs of them count as one. If that leaves a single segment with
 *     backslashes in it (before or after step 4), the backslashes are the separators.
 *  4. The base path, and an access token "t/<hex>" before or behind it, are taken off the front.
 *  5. A segment with a backslash is a Windows path: its last component stays, without a drive
 *     prefix. Without a backslash "c:" is part of the name.
 *  6. An empty (by 5), "." or ".." segment is BAD, and so is ".pepto" in any case, below which a store
 *     keeps who has published what from where, and a path beyond the limits below.
 *
 * Every other key whose segments are non-empty, not "." or "..", and free of backslashes and control
 * bytes can be reached by percent-encoding it. Pure: no I/O, no globals.
 */
#pragma once
#include "serve/symbol_path.h"

#define REQUEST_TARGET_MAX 8192 /* bytes of the target without its query */

enum request_verdict {
	REQUEST_CLEAN,
	REQUEST_BAD,     /* nothing can have this name: 404 */
	REQUEST_OUTSIDE, /* not below the base path: 404, or something of the server's own */
	REQUEST_NOMEM,   /* out of memory: 503, for 404 would mean absent */
};

struct request_rules {
	struct slice base_path; /* plain text, no escapes; slashes around and doubled ignored */
	bool path_token;        /* "t/<hex>" is a token, not a name */
};

/*
 * *ret needs no preparation and is always safe to give to symbol_path_fini(). It holds a path
 * when the verdict is CLEAN, and the whole path, nothing taken off, when it is OUTSIDE.
 */
MUST_CHECK enum request_verdict
request_clean(struct slice target, const struct request_rules *rules, struct symbol_path *ret);
