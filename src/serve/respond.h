// SPDX-License-Identifier: MIT
/*
 * From an answer to HTTP: statuses, headers, bodies. The one place where outcomes become statuses:
 * found 200, 206 or 304; missing 404; range 416; no answer 503 (or 404 with OUTAGE=404); not
 * allowed 401; another method 405; longer than a debuginfod client wants 406. Every body but that
 * of a 200 or 206 is empty. (Of uploads: delivery_answer.h.)
 *
 * All functions run on the connection's thread and give exactly one answer (http_respond()).
 */
#pragma once
#include "serve/exchange.h"

void respond_canned(struct exchange *x, enum canned which);
/*
 * The same for all clients. Whoever is told may keep it for keep_ns, in whole seconds; less than one:
 * not at all.
 */
void respond_miss(struct exchange *x, int64_t keep_ns);
/* A path that no store could have. */
void respond_bad_path(struct exchange *x);
/* No answer can be given now. */
void respond_fault(struct exchange *x);
/* x->answer, whose descriptor passes to the response. */
void respond_answer(struct exchange *x);
/* One of the hottest files, if it is one. False: no answer was given. */
bool respond_hot(struct exchange *x, const struct resolve_rules *rules);
/* The page's text is taken. */
void respond_page(struct exchange *x, struct page *page);
/* The same as a page, of an upload. */
void respond_upload(struct exchange *x, struct page *page);

/* ---- for web.c ---- */

/* Begins x->out, as every answer does. */
struct buf *respond_begin(struct exchange *x, int status);
/* With what x->out says, and no body. */
void respond_head(struct exchange *x, int status);
/* With *a, whose head is that. */
void respond_with(struct exchange *x, int status, struct http_answer *a);
/* With what x->out says, as far as it was begun by respond_page_head(), and the page's text, which is taken. */
void respond_page_text(struct exchange *x, struct page *page);
/* Are there clients that are not let in? What the others get is then nobody else's. */
bool respond_is_guarded(const struct server *s);
