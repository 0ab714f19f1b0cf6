// SPDX-License-Identifier: MIT
/*
 * See exchange.h. The way of one request, as http.h calls for it:
 *
 *	request		the head is in: refuse a method, or take the body of a purge or an upload
 *	complete	so is the body: refuse what may not be asked, answer what needs no store, else start a
 *			lookup, which the connection waits for
 *	answered	on the loop's thread: keep the answer, wake the connection
 *	resume		respond
 *	done		log and let go
 */
#include "serve/exchange.h"
#include "base/log.h"
#include "metric/metric.h"
#include "serve/api.h"
#include "serve/pages.h"
#include "serve/purge.h"
#include "serve/respond.h"
#include "serve/web.h"

static struct slice header(const struct exchange *x, const char *name)
{
	return slice_of(exchange_header(x, name));
}

/* A worker has one request in its hands at a time: where none has to wait, one block does for all. */
static struct exchange *begin(struct http_conn *c)
{
	struct exchange **spare = (struct exchange **)http_spare(c);
	struct exchange *x = *spare ? TAKE(*spare) : xnew(struct exchange);

	memset(x, 0, sizeof(*x));
	x->server = http_server_ud(c);
	x->conn = c;
	x->started_ns = clock_mono_ns();
	x->outcome = "none";
	x->answer.head.fd = -1;
	x->body_fd = -1;
	http_set_ud(c, x);
	metric_inc(active_requests);
	return x;
}

/* ---- what needs no store ---- */

static void front_page(struct exchange *x)
{
	const struct conf *conf = x->server->parts.conf;
	struct buf url CLEANUP(buf_fini) = BUF_MAX(4096), top CLEANUP(buf_fini) = BUF_MAX(4096);
	struct front front = {
		.html = conf->page && pages_wants_html(header(x, "Accept")),
		.placeholder = x->auth == AUTH_BY_HEADER,
		.forgets = conf->admin_token[0] != '\0',
		.path = exchange_path(x),
	};
	struct page page = {
		.status = 200,
		.type = front.html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8",
		.text = BUF_MAX(PAGE_MAX),
	};

	pages_public_url(&url, slice_of(conf->public_url), header(x, "Host"), exchange_scheme(x),
			 slice_of(conf->base_path));
	if (x->server->parts.auth && x->auth != AUTH_BY_CERTIFICATE)
		buf_printf(&url, "/t/" SLICE_FMT,
			   SLICE_ARG(x->auth == AUTH_BY_PATH ? x->path.token : SLICE("TOKEN")));
	front.url = buf_slice(&url);
	if (x->server->door) {
		pages_public_url(
			&top,
			pages_server_url(slice_of(conf->public_url), slice_of(conf->base_path)),
			header(x, "Host"), exchange_scheme(x), SLICE_NONE);
		front.upload_url = buf_slice(&top);
	}
	pages_root(&page.text, &front);
	web_front(x, &page);
}

static void answer_empty(struct exchange *x, enum canned which)
{
	x->outcome = "page";
	metric_inc(requests_page);
	respond_canned(x, which);
}

static void answer_path(struct exchange *x)
{
	int64_t miss_ttl_ns = x->server->parts.conf->miss_ttl_ns;

	if (api_is(&x->path)) {
		api_answer(x);
		return;
	}
	if (web_is(&x->path)) {
		web_answer(x);
		return;
	}
	switch (x->path.kind) {
	case PATH_ROOT: front_page(x); return;
	case PATH_PINGME: answer_empty(x, CANNED_EMPTY); return;
	case PATH_INDEX2:
		if (health_two_tier(x->server->parts.health))
			answer_empty(x, CANNED_EMPTY);
		else
			respond_miss(x, miss_ttl_ns);
		return;
	case PATH_PART: respond_miss(x, miss_ttl_ns); return;
	case PATH_FILE:
	case PATH_BUILD_ID:
	case PATH_UNIFIED:
	case PATH_UUID:
	case PATH_OTHER: break;
	}
	exchange_find(x);
}

/* Paths of our own, told apart before the base path is: health checks know no base path. */
static bool admin_page(struct exchange *x)
{
	struct page page = {.text = BUF_MAX(PAGE_MAX)};

	if (x->server->admin || !admin_answer(x->server, exchange_path(x), &page))
		return false;
	respond_page(x, &page);
	return true;
}

static void refuse(struct exchange *x)
{
	x->outcome = "refused";
	metric_inc(refused_connections);
	metric_inc(requests_refused);
	respond_canned(x, CANNED_FAULT);
}

/*
 * A certificate has been judged by the handshake. Where nobody has a token, who comes without one is let
 * in by the plain port alone: that is closed, or of this machine (server.c).
 */
static enum auth_way let_in(const struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;

	if (http_is_certified(x->conn))
		return AUTH_BY_CERTIFICATE;
	if (p->auth)
		return auth_check(p->auth, header(x, "Authorization"), x->path.token);
	return p->conf->tls_client_ca[0] && http_is_tls(x->conn) ? AUTH_DENIED : AUTH_NOT_ASKED;
}

/* Which path is asked for, and who asks: x->path, x->auth. */
static enum request_verdict read_target(struct exchange *x)
{
	const struct server_parts *p = &x->server->parts;
	struct request_rules rules = {.base_path = slice_of(p->conf->base_path),
				      .path_token = p->auth != NULL};
	enum request_verdict verdict = request_clean(exchange_target(x), &rules, &x->path);

	x->cleaned = verdict == REQUEST_CLEAN;
	if (x->cleaned && exchange_mentions_secret(p, &x->path))
		verdict = REQUEST_BAD;
	x->auth = let_in(x);
	return verdict;
}

static void deny(struct exchange *x)
{
	x->outcome = "denied";
	metric_inc(requests_denied);
	respond_canned(x, CANNED_LOGIN);
}

static void answer_request(struct exchange *x)
{
	enum request_verdict verdict;

	if (!x->preflight && (admin_page(x) || exchange_upload_index(x)))
		return;
	if (http_over_limit(x->conn)) {
		refuse(x);
		return;
	}
	if (x->preflight) {
		answer_empty(x, CANNED_PREFLIGHT);
		return;
	}
	verdict = read_target(x);
	if (x->auth == AUTH_DENIED) {
		deny(x);
		return;
	}
	switch (verdict) {
	case REQUEST_CLEAN: answer_path(x); return;
	case REQUEST_NOMEM: respond_fault(x); return;
	case REQUEST_BAD:
	case REQUEST_OUTSIDE: break;
	}
	respond_bad_path(x);
}

/*
 * A browser asks before it lets a script of another origin send Authorization or Range, and without
 * the token that it will then send: no path is looked at.
 */
static bool is_preflight(struct exchange *x)
{
	x->preflight = x->server->parts.conf->cors &&
		       slice_eq(http_method(x->conn), SLICE("OPTIONS"));
	if (x->preflight)
		x->method = "OPTIONS";
	return x->preflight;
}

static bool is_read(struct exchange *x)
{
	struct slice method = http_method(x->conn);

	x->head = slice_eq(method, SLICE("HEAD"));
	x->method = x->head ? "HEAD" : "GET";
	return x->head || slice_eq(method, SLICE("GET"));
}

/* ---- purging ---- */

/* On the loop's thread. */
static void purged(void *ud)
{
	http_wake(((struct exchange *)ud)->conn);
}

/* False: it is something else. */
static bool begin_purge(struct exchange *x)
{
	enum purge_verdict verdict = purge_judge(x->server, exchange_path(x), http_method(x->conn),
						 exchange_header(x, "Authorization"));

	switch (verdict) {
	case PURGE_OTHER: return false;
	case PURGE_METHOD: respond_canned(x, CANNED_METHOD_POST); break;
	case PURGE_DENIED: respond_canned(x, CANNED_LOGIN_ADMIN); break;
	case PURGE_ALLOWED:
	case PURGE_NOTIFIED:
		x->purge = purge_new(x->server, verdict == PURGE_NOTIFIED, purged, x);
		http_take_body(x->conn,
			       verdict == PURGE_NOTIFIED ? NOTIFY_BODY_MAX : PURGE_BODY_MAX);
		break;
	}
	x->method = x->purge ? "POST" : "other";
	x->outcome = x->purge ? "purge" : "refused";
	if (!x->purge)
		metric_inc(requests_refused);
	return true;
}

static void answer_purge(struct exchange *x)
{
	struct page page = {.text = BUF_MAX(PAGE_MAX)};

	purge_answer(x->purge, &page);
	respond_page(x, &page);
	x->outcome = "purge";
}

static void run_purge(struct exchange *x)
{
	if (http_body_beyond(x->conn))
		purge_beyond(x->purge);
	if (!exchange_may_look(x))
		respond_fault(x);
	else if (!purge_start(x->purge))
		answer_purge(x);
}

/* ---- questions with a body ---- */

/* False: it is something else. */
static bool begin_question(struct exchange *x)
{
	if (!slice_eq(http_method(x->conn), SLICE("POST")) || http_over_limit(x->conn) ||
	    read_target(x) != REQUEST_CLEAN || !api_is(&x->path))
		return false;
	x->method = "POST";
	if (x->auth == AUTH_DENIED)
		deny(x);
	else
		api_begin(x);
	return true;
}

/* ---- the handler ---- */

static void request(struct http_conn *c)
{
	struct exchange *x = begin(c);

	/*
	 * No symbol client sends a body with GET. What follows one may be meant as something else by a
	 * proxy before us: the connection ends after the answer, so that nothing of it is taken for a
	 * request.
	 */
	x->close = atomic_load(&x->server->draining) || http_over_limit(c) || http_has_body(c);
	if (begin_purge(x) || (x->server->door && exchange_upload_begin(x)) || is_preflight(x) ||
	    is_read(x) || begin_question(x))
		return;
	x->method = "other";
	x->outcome = "method";
	metric_inc(requests_method);
	respond_canned(x, CANNED_METHOD);
}

static void body(struct http_conn *c, struct slice bytes)
{
	struct exchange *x = http_ud(c);

	if (x->delivery)
		exchange_upload_body(x, bytes);
	else if (x->api)
		api_body(x, bytes);
	else
		purge_body(x->purge, bytes);
}

static void complete(struct http_conn *c)
{
	struct exchange *x = http_ud(c);

	if (x->delivery)
		exchange_upload_complete(x);
	else if (x->api)
		api_complete(x);
	else if (x->purge)
		run_purge(x);
	else
		answer_request(x);
}

static void resume(struct http_conn *c)
{
	struct exchange *x = http_ud(c);

	if (x->delivery)
		exchange_upload_resume(x);
	else if (x->api)
		api_resume(x);
	else if (x->purge)
		answer_purge(x);
	else
		respond_answer(x);
}

static void left(struct http_conn *c)
{
	struct exchange *x = http_ud(c);

	atomic_store(&x->left, true);
	if (x->lookup || x->api)
		loop_post(x->server->parts.loop, &x->server->sweep);
}

/* ---- the end ---- */

/* Was it we who broke it off, for a reason that has nothing to do with the store? */
static enum http_limit closed_by(const struct exchange *x, const struct http_end *end)
{
	if (x->cut && atomic_load(&x->server->aborted))
		return HTTP_DRAIN_TIMEOUT;
	return end->why == HTTP_CLOSED ? end->limit : HTTP_NO_LIMIT;
}

/* What came of a body: all of it, or cut by a limit, by the store or by the client. */
static void judge_end(struct exchange *x, const struct http_end *end)
{
	enum http_limit limit = closed_by(x, end);

	x->sent = end->sent;
	if (end->why == HTTP_COMPLETE) {
		;
	} else if (end->why == HTTP_UNREADABLE) {
		metric_inc(refused_headers);
		x->outcome = "unreadable";
		x->status = 400;
	} else if (limit) {
		x->outcome = "closed";
		x->limit = http_limit_name(limit);
		if (end->answered)
			metric_inc(requests_closed);
	} else if (x->cut) {
		x->outcome = "cut";
		metric_inc(requests_cut);
	} else if (end->answered) {
		x->outcome = "left";
		metric_inc(requests_left);
	}
	metric_add(client_bytes, x->sent);
}

static void empty(struct exchange *x)
{
	answer_drop(&x->answer);
	purge_free(x->purge);
	exchange_upload_free(x);
	api_free(x->api);
	symbol_path_fini(&x->path);
	buf_fini(&x->out);
	buf_fini(&x->text);
	free(x->checksum);
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

/*
 * A debugger asks for a file by several paths in turn: the one of its plain name counts. What was missing once and has
 * come since is found by a lookup first.
 */
static void note_missing(struct exchange *x)
{
	const struct spelling *s = &x->path.spelling[0];
	char peer[PEER_NAME_MAX];

	if (!x->cleaned || !x->path.symbol || x->path.kind != PATH_FILE ||
	    s->last_is != LAST_PLAIN || s->msfz)
		return;
	if (x->missed) {
		exchange_peer(x, peer);
		missing_count(x->server->missing, s->name, s->key.text, peer, clock_wall_s());
	} else if (x->lookup && x->answer.kind == ANSWER_FOUND) {
		missing_forget(x->server->missing, s->name, s->key.text);
	}
}

static void end(struct exchange *x)
{
	void **spare = http_spare(x->conn);
	int64_t took = clock_mono_ns() - x->started_ns;

	metric_observe_request(took);
	if (x->server->parts.conf->access_log && log_enabled(LOG_INFO))
		exchange_log(x, took);
	note_missing(x);
	if (x->lookup) {
		lookup_release(x->lookup, exchange_free);
		return;
	}
	empty(x);
	if (*spare)
		free(x);
	else
		*spare = x;
}

static void done(struct http_conn *c, const struct http_end *how)
{
	struct exchange *x = http_ud(c);

	judge_end(x, how);
	end(x);
}

/* It has been answered; what is no HTTP at all is not worth a line. */
static void refused(struct http_conn *c, int status)
{
	struct exchange *x;

	if (!http_method(c).n && status == 400)
		return;
	x = begin(c);
	metric_inc(refused_headers);
	x->outcome = "unreadable";
	x->status = status;
	end(x);
}

const struct http_handler exchange_handler = {.request = request,
					      .body = body,
					      .complete = complete,
					      .resume = resume,
					      .left = left,
					      .done = done,
					      .refused = refused};
