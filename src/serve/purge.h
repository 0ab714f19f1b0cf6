// SPDX-License-Identifier: MIT
/*
 * POST /-/purge: forget cached objects and remembered misses, after something has been published or
 * withdrawn. The body names paths as debuggers ask for them, one per line, or is a single `*` for
 * everything. The twin names (foo.pd_, file.ptr) go along. A line in any case reaches objects under
 * lower-case keys; an object under another key is reached by a line in exactly that case.
 *
 * Asked with "Authorization: Bearer ADMIN_TOKEN"; without such a token in the settings the path
 * does not exist. It counts for all processes on the same directory (generation.h).
 *
 * POST /-/notify, with NOTIFY_TOKEN: the files at these paths, NOTIFY_PATHS_MAX at most, have been published. Their
 * misses are forgotten, by this process, and nothing else is: neither other misses nor what the cache holds.
 *
 * A purge belongs to the thread of its connection, and while the connection waits for it to the
 * loop's, which reads its lines, too.
 */
#pragma once
#include "serve/server_priv.h"

struct purge;

enum purge_verdict {
	PURGE_OTHER,  /* the path is not this one */
	PURGE_METHOD, /* not a POST */
	PURGE_DENIED, /* the token is wrong or missing */
	PURGE_ALLOWED,
	PURGE_NOTIFIED, /* allowed: it is /-/notify */
};

/* path: of the target, without query. */
enum purge_verdict purge_judge(const struct server *s, struct slice path, struct slice method,
			       const char *authorization);
/* resume(ud) is called on the loop's thread, once purge_start() has done its work. */
struct purge *purge_new(struct server *s, bool notify, void (*resume)(void *ud), void *ud);
void purge_free(struct purge *p); /* accepts NULL; not while it runs */
#define PURGE_BODY_MAX   ((size_t)1 << 20)
#define NOTIFY_BODY_MAX  ((size_t)4 << 20)
#define NOTIFY_PATHS_MAX 10000
void purge_body(struct purge *p, struct slice bytes);
/* It is longer than that. */
void purge_beyond(struct purge *p);
/* The body is in. False: there is nothing to do, the answer is ready. */
bool purge_start(struct purge *p);
/* The outcome. */
void purge_answer(const struct purge *p, struct page *ret);
