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
#include "serve/pages.h"
#include "serve/purge.h"
#include "serve/respond.h"

#include <stdio.h>

#define AUTHORITY_MAX 1024 /* of an absolute-form target */

static struct slice header(const struct exchange *x, const char *name)
{
	return slice_of(exchange_header(x, name));
}

/* A connection has one request at a time, so the block of the last one will do. */
static struct exchange *exchange_new(struct conn *c)
{
	struct exchange *x = TAKE(c->spare);

	if (!x)
		return xnew(struct exchange);
	memset(x, 0, sizeof(*x));
	return x;
}

static void keep_target(struct exchange *x, const char *target)
{
	/* Longer than anything that is allowed tells that it was too long. */
	x->target_n = strnlen(target, REQUEST_TARGET_MAX + AUTHORITY_MAX);
	if (x->target_n < sizeof(x->short_target))
		x->target = memcpy(x->short_target, target, x->target_n);
	else
		x->target = xstrndup(target, x->target_n);
}

void *exchange_begin(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct server *s = cls;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *x = exchange_new(info->socket_context);

	x->server = s;
	x->mhd = mhd;
	x->conn = info->socket_context;
	x->started_ns = clock_mono_ns();
	keep_target(x, target);
	x->outcome = "none";
	x->answer.head.fd = -1;
	if (s->parts.conf->access_log)
		conn_name_peer(x->conn); /* now: at the end it may have gone */
	conn_phase_set(x->conn, CONN_HEADERS);
	metric_inc(active_requests);
	return x;
}

/* The end of the process sets `aborted` before it waits for `looking`: one of us sees the other. */
bool exchange_may_look(struct exchange *x)
{
	x->looking = true;
	atomic_fetch_add(&x->server->looking, 1);
	return !atomic_load(&x->server->aborted);
}

/* ---- what needs no store ---- */

static enum MHD_Result front_page(struct exchange *x)
{
	const struct conf *conf = x->server->parts.conf;
	bool html = pages_wants_html(header(x, "Accept"));
	bool by_path = x->auth == AUTH_BY_PATH;
	struct buf url CLEANUP(buf_fini) = BUF_MAX(4096);
	struct page page CLEANUP(page_fini) = {
		.status = MHD_HTTP_OK,
		.type = html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8",
		.text = BUF_MAX(PAGE_MAX),
	};

	pages_public_url(&url, slice_of(conf->public_url), header(x, "Host"), "http",
			 slice_of(conf->base_path));
	if (x->server->parts.auth)
		buf_printf(&url, "/t/" SLICE_FMT,
			   SLICE_ARG(by_path ? x->path.token : SLICE("TOKEN")));
	pages_root(&page.text, html, buf_slice(&url), x->server->parts.auth && !by_path);
	return respond_page(x, &page);
}

static enum MHD_Result answer_path(struct exchange *x)
{
	switch (x->path.kind) {
	case PATH_ROOT: return front_page(x);
	case PATH_PINGME:
		x->outcome = "page";
		metric_inc(requests_page);
		return respond_canned(x, CANNED_EMPTY);
	case PATH_INDEX2:
		if (!health_two_tier(x->server->parts.health))
			return respond_miss(x, x->server->parts.conf->miss_ttl_ns);
		x->outcome = "page";
		metric_inc(requests_page);
		return respond_canned(x, CANNED_EMPTY);
	case PATH_PART: return respond_miss(x, x->server->parts.conf->miss_ttl_ns);
	case PATH_FILE:
	case PATH_BUILD_ID:
	case PATH_UNIFIED:
	case PATH_UUID:
	case PATH_OTHER: break;
	}
	return exchange_find(x);
}

/* Paths of our own, told apart before the base path is: health checks know no base path. */
static bool admin_page(struct exchange *x, enum MHD_Result *ret)
{
	struct page page CLEANUP(page_fini) = {.text = BUF_MAX(PAGE_MAX)};
	struct slice target = {x->target, x->target_n};

	if (x->server->admin ||
	    !admin_answer(x->server, slice_head(target, slice_find(target, '?')), &page))
		return false;
	*ret = respond_page(x, &page);
	return true;
}

static enum MHD_Result refuse(struct exchange *x)
{
	x->outcome = "refused";
	metric_inc(refused_connections);
	metric_inc(requests_refused);
	return respond_canned(x, CANNED_FAULT);
}

static enum MHD_Result answer_preflight(struct exchange *x)
{
	x->outcome = "page";
	metric_inc(requests_page);
	return respond_canned(x, CANNED_PREFLIGHT);
}

static enum MHD_Result answer_request(struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;
	struct request_rules rules = {.base_path = slice_of(p->conf->base_path),
				      .path_token = p->auth != NULL};
	enum request_verdict verdict;
	enum MHD_Result result;

	conn_phase_set(x->conn, CONN_ACTIVE);
	if (!x->preflight && admin_page(x, &result))
		return result;
	if (x->conn->over_limit)
		return refuse(x);
	if (x->preflight)
		return answer_preflight(x);
	verdict = request_clean((struct slice){x->target, x->target_n}, &rules, &x->path);
	x->cleaned = verdict == REQUEST_CLEAN;
	/* The admin token, sent as a path by mistake: no store is to hear of it. */
	if (x->cleaned && strlen(p->conf->admin_token) >= AUTH_SECRET_MIN &&
	    auth_has_secret(x->path.spelling[0].path, slice_of(p->conf->admin_token)))
		verdict = REQUEST_BAD;
	if (p->auth)
		x->auth = auth_check(p->auth, header(x, "Authorization"), x->path.token);
	if (p->auth && x->auth == AUTH_DENIED) {
		x->outcome = "denied";
		metric_inc(requests_denied);
		return respond_canned(x, CANNED_LOGIN);
	}
	switch (verdict) {
	case REQUEST_CLEAN: return answer_path(x);
	case REQUEST_NOMEM: return respond_fault(x);
	case REQUEST_BAD:
	case REQUEST_OUTSIDE: break;
	}
	return respond_bad_path(x);
}

/*
 * A browser asks before it lets a script of another origin send Authorization or Range, and without
 * the token that it will then send: no path is looked at.
 */
static bool is_preflight(struct exchange *x, const char *method)
{
	x->preflight = x->server->parts.conf->cors && strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0;
	if (x->preflight)
		x->method = "OPTIONS";
	return x->preflight;
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

/* ---- purging ---- */

/* On the loop's thread. */
static void purged(void *ud)
{
	struct exchange *x = ud;

	x->state = EXCHANGE_ANSWERED;
	MHD_resume_connection(x->mhd);
}

/* False: it is something else. */
static bool first_call_of_purge(struct exchange *x, const char *method, enum MHD_Result *ret)
{
	struct slice target = {x->target, x->target_n};

	switch (purge_judge(x->server, slice_head(target, slice_find(target, '?')), method,
			    exchange_header(x, "Authorization"))) {
	case PURGE_OTHER: return false;
	case PURGE_METHOD: *ret = respond_canned(x, CANNED_METHOD_PURGE); break;
	case PURGE_DENIED: *ret = respond_canned(x, CANNED_LOGIN_ADMIN); break;
	case PURGE_ALLOWED:
		x->purge = purge_new(x->server, purged, x);
		*ret = MHD_YES;
		break;
	}
	x->method = x->purge ? "POST" : "other";
	x->outcome = x->purge ? "purge" : "refused";
	if (!x->purge)
		metric_inc(requests_refused);
	return true;
}

static enum MHD_Result answer_purge(struct exchange *x)
{
	struct page page CLEANUP(page_fini) = {.text = BUF_MAX(PAGE_MAX)};
	enum MHD_Result result;

	purge_answer(x->purge, &page);
	result = respond_page(x, &page);
	x->outcome = "purge";
	return result;
}

static enum MHD_Result run_purge(struct exchange *x)
{
	conn_phase_set(x->conn, CONN_ACTIVE);
	if (!exchange_may_look(x))
		return respond_fault(x);
	x->state = EXCHANGE_LOOKING;
	MHD_suspend_connection(x->mhd);
	if (purge_start(x->purge))
		return MHD_YES;
	x->state = EXCHANGE_ANSWERED;
	MHD_resume_connection(x->mhd);
	return MHD_YES;
}

static enum MHD_Result first_call(struct exchange *x, const char *method)
{
	enum MHD_Result result = MHD_NO;

	x->state = EXCHANGE_READ;
	x->close = atomic_load(&x->server->draining) || x->conn->over_limit || has_body(x);
	if (first_call_of_purge(x, method, &result))
		return result;
	if (is_preflight(x, method) || is_read(x, method))
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
			if (x->purge)
				purge_body(x->purge, (struct slice){upload, *upload_n});
			*upload_n = 0; /* else a body that no client has reason to send */
			return MHD_YES;
		}
		return x->purge ? run_purge(x) : answer_request(x);
	case EXCHANGE_ANSWERED: return x->purge ? answer_purge(x) : respond_answer(x);
	case EXCHANGE_LOOKING:
	case EXCHANGE_RESPONDING: break;
	}
	return MHD_YES;
}

/* ---- the end ---- */

/*
 * Of a body that broke off, what has reached the client: of a file nobody else counts it, and of
 * another what was handed over may still lie in the kernel.
 */
static void count_taken(struct exchange *x)
{
	int64_t body = x->head ? 0 : x->promised;

	x->sent = MIN(conn_taken(x->conn, x->head_size), body);
}

/* Was it we who broke it off, for a reason that has nothing to do with the store? */
static enum conn_limit closed_by(const struct exchange *x)
{
	if (x->cut && atomic_load(&x->server->aborted))
		return CONN_DRAIN_TIMEOUT;
	return x->cut ? CONN_NO_LIMIT : atomic_load(&x->conn->closed_by);
}

static void judge_closed(struct exchange *x, enum conn_limit limit)
{
	x->outcome = "closed";
	x->limit = conn_limit_name(limit);
	if (x->state != EXCHANGE_RESPONDING)
		return;
	metric_inc(requests_closed);
	count_taken(x);
}

/* What came of a body: all of it, or cut by a limit, by the store or by the client. */
static void judge_end(struct exchange *x, enum MHD_RequestTerminationCode why)
{
	enum conn_limit limit = closed_by(x);

	if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
		x->sent = x->head ? 0 : x->promised;
		x->conn->written += x->head_size + (size_t)x->sent;
	} else if (limit) {
		judge_closed(x, limit);
	} else if (x->cut) {
		x->outcome = "cut";
		metric_inc(requests_cut);
	} else if (x->state == EXCHANGE_RESPONDING) {
		x->outcome = "left";
		metric_inc(requests_left);
		count_taken(x);
	} else if (x->state == EXCHANGE_NEW && why != MHD_REQUEST_TERMINATED_CLIENT_ABORT &&
		   why != MHD_REQUEST_TERMINATED_READ_ERROR) {
		metric_inc(refused_headers); /* libmicrohttpd has said 431, 414 or 400 */
		x->outcome = "unreadable";
	}
	metric_add(client_bytes, x->sent);
}

static void empty(struct exchange *x)
{
	answer_drop(&x->answer);
	purge_free(x->purge);
	symbol_path_fini(&x->path);
	if (x->target != x->short_target)
		free(x->target);
	metric_dec(active_requests);
	if (x->looking)
		atomic_fetch_sub(&x->server->looking, 1);
}

/* On the loop's thread. */
static void exchange_free(void *ud)
{
	empty(ud);
	free(ud);
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
		exchange_log(x, took);
	conn_phase_set(x->conn, CONN_IDLE);
	if (x->lookup) {
		conn_watch(x->server->conns, x->conn, NULL);
		lookup_release(x->lookup, exchange_free);
		return;
	}
	empty(x);
	x->conn->spare = x;
}
