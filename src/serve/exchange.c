// SPDX-License-Identifier: MIT
/*
 * See exchange.h. The way of one request, straight through:
 *
 *	exchange_begin	the request line is in
 *	exchange_run	called when the headers are in, when the (ignored) body is in, and again after
 *			every resume: refuse what may not be asked, answer what needs no store, else
 *			start a lookup and suspend the connection
 *	answered	on the loop's thread: keep the answer, resume
 *	exchange_run	respond
 *	exchange_end	log and let go
 *
 * libmicrohttpd closes a connection whose response is queued before the request is read to its
 * end, so nothing is queued on the first call but the refusal of a method that may carry a body.
 */
#include "serve/exchange.h"
#include "base/log.h"
#include "metric/metric.h"
#include "serve/accept.h"
#include "serve/pages.h"
#include "serve/respond.h"

#include <stdio.h>

#define VIA_MAX       1024
#define LOG_PATH_MAX  1024 /* so that the rest of the line stays readable */
#define AUTHORITY_MAX 1024 /* of an absolute-form target */

const char *exchange_header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name);
}

static struct slice header(const struct exchange *x, const char *name)
{
	return slice_of(exchange_header(x, name));
}

void *exchange_begin(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct server *s = cls;
	struct exchange *x = xnew(struct exchange);
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	x->server = s;
	x->mhd = mhd;
	x->conn = info->socket_context;
	x->started_ns = clock_mono_ns();
	/* Longer than anything that is allowed tells that it was too long. */
	x->target_n = strnlen(target, REQUEST_TARGET_MAX + AUTHORITY_MAX);
	x->target = xstrndup(target, x->target_n);
	x->outcome = "none";
	x->answer.head.fd = -1;
	conn_phase_set(x->conn, CONN_HEADERS);
	atomic_fetch_add(&s->active, 1);
	metric_inc(active_requests);
	return x;
}

/* ---- the lookup ---- */

/* On the loop's thread. */
static void answered(void *ud, struct answer *answer)
{
	struct exchange *x = ud;

	x->answer = *answer;
	x->state = EXCHANGE_ANSWERED;
	MHD_resume_connection(x->mhd);
}

/* What is said of gzip by name counts more than what is said of "*". */
static bool accepts_gzip(struct slice accept)
{
	enum accepted said = accept_says(accept, SLICE("gzip"));

	if (said == ACCEPT_UNNAMED)
		said = accept_says(accept, SLICE("*"));
	return said == ACCEPT_YES;
}

/* Via may come on several lines; they are one list. */
static enum MHD_Result collect_via(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct buf *via = cls;

	if (value && slice_eq_nocase(slice_of(name), SLICE("Via"))) {
		buf_puts(via, via->n ? ", " : "");
		buf_puts(via, value);
	}
	return MHD_YES;
}

static bool came_from_us(const struct exchange *x, struct slice via)
{
	struct slice ours = slice_of(x->server->parts.via), one;

	while (slice_next(&via, ',', &one))
		if (slice_eq(slice_trim(one), ours))
			return true;
	return false;
}

static enum MHD_Result fault(struct exchange *x)
{
	x->outcome = "fault";
	metric_inc(requests_fault);
	return respond_canned(x, CANNED_FAULT);
}

/* The connection is suspended first: the answer may come before this returns. */
static enum MHD_Result look_up(struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;
	struct buf via CLEANUP(buf_fini) = BUF_MAX(VIA_MAX);
	struct lookup_request request = {
		.all = &x->server->lookups,
		.path = &x->path,
		.stores = p->stores,
		.loop = p->loop,
		.head = x->head,
		.if_range = exchange_header(x, "If-Range"),
		.accepts_gzip = accepts_gzip(header(x, "Accept-Encoding")),
		.any_path = p->auth || p->conf->serve_any_path,
		.budget_ns = p->conf->request_budget_ns,
		.ring_max = p->conf->stream_buffer,
	};

	if (atomic_load(&x->server->aborted))
		return fault(x);
	if (exchange_header(x, "Via"))
		MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, collect_via, &via);
	request.looped = came_from_us(x, buf_slice(&via));
	request.via = via.n ? buf_str(&via) : NULL;
	request.ranged = range_parse(header(x, "Range"), &request.range);
	x->state = EXCHANGE_LOOKING;
	MHD_suspend_connection(x->mhd);
	x->lookup = lookup_start(&request, answered, x);
	return MHD_YES;
}

/* ---- what needs no store ---- */

static enum MHD_Result front_page(struct exchange *x)
{
	const struct conf *conf = x->server->parts.conf;
	bool html = pages_wants_html(header(x, "Accept"));
	struct buf url CLEANUP(buf_fini) = BUF_MAX(4096);
	struct buf page CLEANUP(buf_fini) = BUF_MAX(65536);

	pages_public_url(&url, slice_of(conf->public_url), header(x, "Host"), "http",
			 slice_of(conf->base_path));
	pages_root(&page, html, buf_slice(&url));
	x->outcome = "page";
	metric_inc(requests_page);
	return respond_page(x,
			    respond_text(buf_slice(&page), html ? "text/html; charset=utf-8"
								: "text/plain; charset=utf-8"),
			    MHD_HTTP_OK);
}

static enum MHD_Result miss(struct exchange *x, const char *outcome)
{
	x->outcome = outcome;
	metric_inc(requests_miss);
	return respond_canned(x, CANNED_MISS);
}

static enum MHD_Result answer_path(struct exchange *x)
{
	switch (x->path.kind) {
	case REQ_ROOT: return front_page(x);
	case REQ_PINGME:
		x->outcome = "page";
		metric_inc(requests_page);
		return respond_canned(x, CANNED_EMPTY);
	case REQ_INDEX2:
		if (!health_two_tier(x->server->parts.health))
			return miss(x, "miss");
		x->outcome = "page";
		metric_inc(requests_page);
		return respond_canned(x, CANNED_EMPTY);
	case REQ_SYMBOL: break;
	}
	return look_up(x);
}

/* Paths of our own, told apart before the base path is: health checks know no base path. */
static bool admin_page(struct exchange *x, enum MHD_Result *ret)
{
	struct slice target = {x->target, x->target_n};
	struct MHD_Response *page;
	int status;

	if (x->server->admin ||
	    !admin_answer(x->server, slice_head(target, slice_find(target, '?')), &page, &status))
		return false;
	x->outcome = "page";
	metric_inc(requests_page);
	*ret = respond_page(x, page, status);
	return true;
}

static enum MHD_Result refuse(struct exchange *x)
{
	x->outcome = "refused";
	metric_inc(refused_connections);
	metric_inc(requests_refused);
	return respond_canned(x, CANNED_FAULT);
}

static enum MHD_Result answer_request(struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;
	struct request_rules rules = {.base_path = slice_of(p->conf->base_path),
				      .path_token = p->auth != NULL};
	enum request_verdict verdict;
	enum MHD_Result result;

	conn_phase_set(x->conn, CONN_ACTIVE);
	if (admin_page(x, &result))
		return result;
	if (x->conn->over_limit)
		return refuse(x);
	verdict = request_clean((struct slice){x->target, x->target_n}, &rules, &x->path);
	x->cleaned = verdict == REQUEST_CLEAN;
	if (p->auth && !auth_check(p->auth, header(x, "Authorization"), x->path.token)) {
		x->outcome = "denied";
		metric_inc(requests_denied);
		return respond_canned(x, CANNED_LOGIN);
	}
	switch (verdict) {
	case REQUEST_CLEAN: return answer_path(x);
	case REQUEST_NOMEM: return fault(x);
	case REQUEST_BAD:
	case REQUEST_OUTSIDE: break;
	}
	return miss(x, "bad_path");
}

static bool is_read(struct exchange *x, const char *method)
{
	x->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	x->method = x->head ? "HEAD" : "GET";
	return x->head || strcmp(method, MHD_HTTP_METHOD_GET) == 0;
}

static enum MHD_Result find_body(void *cls, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	bool *found = cls;
	struct slice s = slice_of(name);

	*found |= slice_eq_nocase(s, SLICE("Transfer-Encoding")) ||
		  (slice_eq_nocase(s, SLICE("Content-Length")) && strcmp(value, "0") != 0);
	return MHD_YES;
}

/*
 * No symbol client sends a body with GET. Where headers say so, and above all where two of them
 * disagree, what follows may be meant as something else by a proxy before us: the connection ends
 * after the answer, so that nothing of it is taken for a request.
 */
static bool has_body(const struct exchange *x)
{
	bool found = false;

	MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, find_body, &found);
	return found;
}

static enum MHD_Result first_call(struct exchange *x, const char *method)
{
	x->state = EXCHANGE_READ;
	x->close = atomic_load(&x->server->draining) || x->conn->over_limit || has_body(x);
	if (is_read(x, method))
		return MHD_YES;
	x->method = "other";
	x->outcome = "method";
	metric_inc(requests_method);
	return respond_canned(x, CANNED_METHOD);
}

// NOLINTNEXTLINE(readability-function-size): the signature is libmicrohttpd's
enum MHD_Result exchange_run(void *cls, struct MHD_Connection *mhd, const char *url,
			     const char *method, const char *version, const char *upload,
			     size_t *upload_n, void **exchange)
{
	struct exchange *x = *exchange;

	switch (x->state) {
	case EXCHANGE_NEW: return first_call(x, method);
	case EXCHANGE_READ:
		if (*upload_n) {
			*upload_n = 0; /* a body that no client has reason to send */
			return MHD_YES;
		}
		return answer_request(x);
	case EXCHANGE_ANSWERED: return respond_answer(x);
	case EXCHANGE_LOOKING:
	case EXCHANGE_RESPONDING: break;
	}
	return MHD_YES;
}

/* ---- the end ---- */

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

/*
 * A cleaned path has lost its token; one that is not, or that was refused, might show it at
 * another place, and any path may repeat it. Never the query.
 */
static void log_path(const struct exchange *x, struct log_line *l)
{
	const struct auth *auth = x->server->parts.auth;
	struct slice target = {x->target, x->target_n};
	char path[REQUEST_KEY_MAX + 2];

	if (auth && (!x->cleaned || x->status == MHD_HTTP_UNAUTHORIZED ||
		     auth_mentions(auth, x->path.spelling[0]))) {
		log_add(l, "path", SLICE("(not shown)"));
	} else if (x->cleaned) {
		snprintf(path, sizeof(path), "/" SLICE_FMT,
			 SLICE_ARG(x->path.segments ? x->path.spelling[0] : SLICE_NONE));
		log_add(l, "path", slice_of(path));
	} else {
		target = without_authority(slice_head(target, slice_find(target, '?')));
		log_add(l, "path", slice_head(target, LOG_PATH_MAX));
	}
}

static void log_line(const struct exchange *x, int64_t took_ns)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "request");
	log_add(&l, "method", slice_of(x->method ? x->method : "none"));
	log_path(x, &l);
	log_add_i64(&l, "status", x->status);
	log_add(&l, "outcome", slice_of(x->outcome));
	if (x->answer.store)
		log_add(&l, "store", slice_of(x->answer.store));
	log_add_i64(&l, "bytes", x->sent);
	log_add_ms(&l, "dur_ms", took_ns);
	log_add(&l, "client", slice_of(x->conn->peer));
	if (exchange_header(x, "User-Agent"))
		log_add(&l, "agent", header(x, "User-Agent"));
	log_end(&l);
}

/* What came of a body: all of it, or cut by the store or by the client. */
static void judge_end(struct exchange *x, enum MHD_RequestTerminationCode why)
{
	if (x->cut) {
		x->outcome = "cut";
		metric_inc(requests_cut);
	} else if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK && x->state == EXCHANGE_RESPONDING) {
		x->outcome = "left";
		metric_inc(requests_left);
	} else if (x->state == EXCHANGE_NEW && why != MHD_REQUEST_TERMINATED_CLIENT_ABORT &&
		   why != MHD_REQUEST_TERMINATED_READ_ERROR) {
		metric_inc(refused_headers); /* libmicrohttpd has said 431, 414 or 400 */
		x->outcome = "unreadable";
	} else if (x->promised) {
		x->sent = x->promised;
	}
	metric_add(client_bytes, x->sent);
}

static void exchange_free(void *ud)
{
	struct exchange *x = ud;

	fill_unref(x->answer.fill);
	close_p(&x->answer.head.fd);
	symbol_path_fini(&x->path);
	free(x->target);
	atomic_fetch_sub(&x->server->active, 1);
	metric_dec(active_requests);
	free(x);
}

void exchange_end(void *cls, struct MHD_Connection *mhd, void **exchange,
		  enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *exchange;
	int64_t took = clock_mono_ns() - x->started_ns;

	*exchange = NULL;
	judge_end(x, why);
	metric_observe_request(took);
	if (x->server->parts.conf->access_log && log_enabled(LOG_INFO))
		log_line(x, took);
	conn_phase_set(x->conn, CONN_IDLE);
	if (x->lookup)
		lookup_release(x->lookup, exchange_free);
	else
		exchange_free(x);
}
