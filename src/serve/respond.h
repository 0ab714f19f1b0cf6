// SPDX-License-Identifier: MIT
/*
 * From an answer to HTTP: statuses, headers, bodies. The one place where outcomes become statuses:
 * found 200, 206 or 304; missing 404; range 416; no answer 503 (or 404 with OUTAGE=404); not
 * allowed 401; another method 405; longer than a debuginfod client wants 406. Every body but that
 * of a 200 or 206 is empty.
 *
 * All functions run on the connection's thread of libmicrohttpd and queue exactly one response.
 */
#pragma once
#include "serve/exchange.h"

enum MHD_Result respond_canned(struct exchange *x, enum canned which);
/*
 * The same for all clients. Whoever is told may keep it for keep_ns, in whole seconds; less than one:
 * not at all.
 */
enum MHD_Result respond_miss(struct exchange *x, int64_t keep_ns);
/* A path that no store could have. */
enum MHD_Result respond_bad_path(struct exchange *x);
/* No answer can be given now. */
enum MHD_Result respond_fault(struct exchange *x);
/* x->answer, whose fill and descriptor pass to the response. */
enum MHD_Result respond_answer(struct exchange *x);
/* One of the hottest files, if it is one. False: nothing was queued. */
bool respond_hot(struct exchange *x, const struct resolve_rules *rules, enum MHD_Result *ret);
enum MHD_Result respond_page(struct exchange *x, const struct page *page);
