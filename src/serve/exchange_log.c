// SPDX-License-Identifier: MIT
/* The log line of a request, which tells what was asked and never a secret. See exchange.h. */
#include "base/log.h"
#include "serve/delivery.h"
#include "serve/exchange.h"

#include <stdio.h>

#define LOG_PATH_MAX 1024 /* so that the rest of the line stays readable */

/* "http://user:password@host/path": what stands before the path is nobody's business. */
static struct slice without_authority(struct slice target)
{
	size_t colon = slice_find(target, ':');

	if (target.n == 0 || target.p[0] == '/' ||
	    !slice_starts(slice_from(target, colon), SLICE("://")))
		return target;
	target = slice_from(target, colon + 3);
	return slice_from(target, slice_find(target, '/'));
}

/* Of a text that a client has sent. */
static bool tells_secret(const struct exchange *x, struct slice text)
{
	const struct server_parts *p = &x->server->parts;

	return (p->auth && auth_mentions(p->auth, text, 0)) ||
	       (p->upload_tokens && upload_tokens_mention(p->upload_tokens, text)) ||
	       auth_has_secret(text, slice_of(p->conf->admin_token)) ||
	       auth_has_secret(text, slice_of(p->conf->notify_token));
}

/*
 * A cleaned path has lost its token; one that is not, or that was refused, might show it at
 * another place, and any path may repeat it. Never the query. What is escaped may be anything.
 */
static void log_path(const struct exchange *x, struct log_line *l)
{
	const struct server_parts *p = &x->server->parts;
	struct slice target = exchange_target(x);
	bool escaped = (p->conf->admin_token[0] || p->conf->notify_token[0]) &&
		       slice_find(target, '%') < target.n;
	bool hidden = x->cleaned ? p->auth && x->status == 401 : p->auth || escaped;
	char path[SYMBOL_PATH_MAX + 2];

	if (hidden || tells_secret(x, x->cleaned ? x->path.spelling[0].path : target)) {
		log_add(l, "path", SLICE("(not shown)"));
	} else if (x->cleaned) {
		snprintf(path, sizeof(path), "/" SLICE_FMT,
			 SLICE_ARG(x->path.segments ? x->path.spelling[0].path : SLICE_NONE));
		log_add(l, "path", slice_of(path));
	} else {
		target = without_authority(exchange_path(x));
		log_add(l, "path", slice_head(target, LOG_PATH_MAX));
	}
}

/* Whose it was, and what came of it. */
static void log_upload(const struct delivery *d, struct log_line *l)
{
	log_add(l, "label", slice_of(upload_token_label(d->request.token)));
	if (d->published)
		log_add(l, "transaction", slice_of(d->plan.id.s));
	log_add_i64(l, "received", d->files.end[UPLOAD_CAME]);
	log_add_i64(l, "files", (int64_t)d->rows.n);
	log_add_i64(l, "stored", (int64_t)delivery_rows_count(&d->rows, DELIVERY_STORED));
	if (d->failure.code)
		log_add(l, "error", slice_of(d->failure.msg));
}

void exchange_log(const struct exchange *x, int64_t took_ns)
{
	struct slice agent = slice_of(exchange_header(x, "User-Agent"));
	char peer[PEER_NAME_MAX], subject[TLS_SUBJECT_MAX];
	struct log_line l;

	exchange_peer(x, peer);
	http_subject(x->conn, subject);
	log_begin(&l, LOG_INFO, "request");
	log_add(&l, "method", slice_of(x->method ? x->method : "none"));
	log_path(x, &l);
	log_add_i64(&l, "status", x->status);
	log_add(&l, "outcome", slice_of(x->outcome));
	if (x->limit)
		log_add(&l, "limit", slice_of(x->limit));
	if (x->delivery)
		log_upload(x->delivery, &l);
	if (x->answer.from)
		log_add(&l, "store", slice_of(x->answer.from->traits.name));
	if (x->cache)
		log_add(&l, "cache", slice_of(x->cache));
	log_add_i64(&l, "bytes", x->sent);
	log_add_ms(&l, "dur_ms", took_ns);
	log_add(&l, "client", slice_of(peer));
	if (subject[0])
		log_add(&l, "subject", slice_of(subject));
	if (agent.p)
		log_add(&l, "agent", tells_secret(x, agent) ? SLICE("(not shown)") : agent);
	log_end(&l);
}
