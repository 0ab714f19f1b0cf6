// SPDX-License-Identifier: MIT
/*
 * See transfer.h. The loop tells libcurl what has happened (act(), called by transfer_loop.c), and
 * act() then collects the transfers that have ended.
 *
 * libcurl must not be re-entered from its own callbacks, so a transfer that is cancelled there is
 * only marked and leaves its callbacks with an error; act() buries it. `events` may therefore free
 * their own object as soon as they have cancelled.
 *
 * Easy handles are kept and used again: they hold the options that never change. A transfer that
 * waits its turn has none yet. Turns are given from a timer, so that ending one transfer never
 * calls the events of another.
 */
#include "store/transfer.h"
#include "base/clock.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/fair.h"
#include "store/redirects.h"
#include "store/transfer_due.h"
#include "store/transfer_error.h"
#include "store/transfer_head.h"
#include "store/transfer_loop.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define IDLE_HANDLES_MAX 64
#define REDIRECTS_MAX    5L
#define DNS_CACHE_S      60L
#define STALE_S          120

struct transfer {
	struct transfer_engine *engine;
	struct transfer_events events;
	void *ud;
	CURL *easy; /* NULL: it waits its turn */
	struct fair_item turn;
	struct curl_slist *headers;
	char *url, *user_password; /* while it waits, as the next */
	char method[8];            /* "": GET, or HEAD */
	bool sends;                /* a body, of which so much was given to libcurl */
	struct store_body body;
	int64_t sent;
	int unread; /* errno, where it could not be read */
	const int64_t *fresh_ns;
	struct transfer_due due; /* of the head */
	struct loop_timer head_timer;
	struct transfer_head head;
	bool head_only, follow, head_given, cancelled, paused;
	struct redirects redirects;
	SLIST_ENTRY(transfer) dead, unborn;
	LIST_ENTRY(transfer) place; /* among all that run or wait */
	int sys;                    /* why no socket could be made; 0: one could */
	char why[CURL_ERROR_SIZE];  /* libcurl's words for a failure */
};

struct transfer_engine {
	struct loop *loop;
	CURLM *multi;
	struct transfer_loop glue;
	struct transfer_limits limits;
	char *ca_bundle;
	bool proxied; /* by the environment, which does not change while there are threads */
	size_t active;
	LIST_HEAD(, transfer) all;
	struct fair_queue queue;
	struct loop_timer grant; /* one has ended while others wait */
	bool closing;
	bool in_curl; /* inside a call of libcurl that may call us back */
	/* Started and cancelled while in_curl, in whose callbacks no handle can come or go. */
	SLIST_HEAD(, transfer) unborn, dead;
	CURL *idle[IDLE_HANDLES_MAX];
	size_t n_idle;
};

/* ---- one transfer ---- */

static bool has_room(const struct transfer_engine *engine)
{
	return engine->active < engine->limits.max_transfers;
}

static void let_go_of_easy(struct transfer *t)
{
	struct transfer_engine *engine = t->engine;

	curl_multi_remove_handle(engine->multi, t->easy);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	if (engine->n_idle < IDLE_HANDLES_MAX)
		engine->idle[engine->n_idle++] = t->easy;
	else
		curl_easy_cleanup(t->easy);
	engine->active--;
	metric_dec(active_transfers);
}

static void transfer_free(struct transfer *t)
{
	struct transfer_engine *engine = t->engine;

	loop_timer_stop(engine->loop, &t->head_timer);
	if (t->easy)
		let_go_of_easy(t);
	else if (fair_waits(&t->turn))
		metric_dec(waiting_transfers);
	if (t->turn.asker)
		fair_leave(&engine->queue, &t->turn);
	if (engine->queue.waiting && has_room(engine))
		loop_timer_set(engine->loop, &engine->grant, 0);
	curl_slist_free_all(t->headers);
	free(t->url);
	free(t->user_password);
	LIST_REMOVE(t, place);
	free(t);
}

void transfer_cancel(struct transfer *t)
{
	if (t->cancelled)
		return;
	t->cancelled = true;
	if (t->engine->in_curl)
		SLIST_INSERT_HEAD(&t->engine->dead, t, dead);
	else
		transfer_free(t);
}

/* Starts and cancels from inside a call of libcurl take effect once that is over. */
static void leave_curl(struct transfer_engine *engine)
{
	struct transfer *t;

	engine->in_curl = false;
	while ((t = SLIST_FIRST(&engine->unborn))) {
		SLIST_REMOVE_HEAD(&engine->unborn, unborn);
		if (!t->cancelled)
			curl_multi_add_handle(engine->multi, t->easy);
	}
	while ((t = SLIST_FIRST(&engine->dead))) {
		SLIST_REMOVE_HEAD(&engine->dead, dead);
		transfer_free(t);
	}
}

static void finish(struct transfer *t, const struct error *e)
{
	struct transfer_events events = t->events;
	void *ud = t->ud;

	t->cancelled = true; /* a cancel from inside done() finds nothing left to do */
	events.done(ud, e);
	transfer_free(t);
}

static bool is_final(const struct transfer *t)
{
	int s = t->head.status;

	if (s < 200)
		return false;
	return !(t->follow && (s == 301 || s == 302 || s == 303 || s == 307 || s == 308));
}

/* libcurl is content with a head that is cut short, and with a redirect that names no place. */
static void check_head(const struct transfer *t, struct error *e)
{
	if (e->code || t->head_given)
		return;
	if (is_final(t) || t->head.status < 200)
		err_set(e, ERR_NET, "the answer ended in its head");
	else
		err_set(e, ERR_UPSTREAM, "answered %d, which leads nowhere", t->head.status);
}

/* Has an answer begun whose head has not ended? */
static bool is_in_head(const struct transfer *t)
{
	curl_off_t first_byte_us = 0;

	curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us);
	return first_byte_us > 0 && !t->head_given;
}

static void collect_finished(struct transfer_engine *engine)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(engine->multi, &left))) {
		struct transfer *t;
		CURLcode code = msg->data.result;
		struct error e = {OK, 0, ""};

		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		if (t->cancelled)
			continue;
		if (code != CURLE_OK && t->unread) {
			errno = t->unread;
			err_sys(&e, ERR_IO, "cannot read what is to be sent");
		} else if (code != CURLE_OK && t->redirects.astray)
			err_set(&e, ERR_DENIED,
				"redirected to an address of this machine or its network");
		else if (code != CURLE_OK)
			transfer_error_set(&e, code, is_in_head(t), t->sys, t->why);
		check_head(t, &e);
		finish(t, &e);
	}
}

static void act(struct transfer_loop *glue, curl_socket_t fd, int curl_events)
{
	struct transfer_engine *engine = CONTAINER_OF(glue, struct transfer_engine, glue);
	int running;

	engine->in_curl = true;
	curl_multi_socket_action(engine->multi, fd, curl_events, &running);
	leave_curl(engine);
	collect_finished(engine);
}

/* The server is too slow to answer: libcurl has no time limit for just the head. */
static void head_overdue(struct loop_timer *timer)
{
	struct transfer *t = CONTAINER_OF(timer, struct transfer, head_timer);
	struct error e;

	if (!t->easy)
		metric_inc(refused_transfers);
	err_set(&e, t->due.overdue, "%s",
		!t->easy                     ? "no transfer was free in time"
		: t->due.overdue == ERR_BUSY ? "no answer in the time that was left of waiting"
					     : "no answer in time");
	finish(t, &e);
}

/* ---- callbacks of libcurl ---- */

/* libcurl is about to connect; refused, it tries the next address of the name, if there is one. */
static curl_socket_t open_socket(void *ud, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct transfer *t = ud;
	int fd;

	if (!redirects_may_connect(&t->redirects, &a->addr))
		return CURL_SOCKET_BAD;
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		t->sys = errno;
	return fd;
}

static bool may_follow(struct transfer *t, struct slice location)
{
	if (!t->follow || is_final(t))
		return true;
	if (!redirects_unsafe(&t->redirects, location))
		return redirects_follow(&t->redirects, t->easy, location);
	snprintf(t->why, sizeof(t->why), "redirected from https to http");
	return false;
}

static size_t on_header(char *p, size_t size, size_t n, void *ud)
{
	struct transfer *t = ud;
	struct slice line = slice_trim((struct slice){p, size * n});
	size_t colon = slice_find(line, ':');

	if (t->cancelled)
		return 0;
	if (slice_starts(line, SLICE("HTTP/"))) {
		transfer_head_begin(&t->head, line);
	} else if (line.n == 0 && is_final(t) && !t->head_given) {
		if (!redirects_may_stay(&t->redirects, t->easy))
			return 0;
		t->head_given = true;
		loop_timer_stop(t->engine->loop, &t->head_timer);
		if (t->sends && t->sent < t->body.length) /* it has heard enough */
			transfer_due_sent(&t->due, clock_mono_ns());
		t->events.head(t->ud, &t->head);
	} else if (colon < line.n) {
		struct slice value = slice_trim(slice_from(line, colon + 1));

		if (slice_eq_nocase(slice_head(line, colon), SLICE("location")) &&
		    !may_follow(t, value))
			return 0;
		transfer_head_add(&t->head, slice_head(line, colon), value);
	}
	return t->cancelled ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ud)
{
	struct transfer *t = ud;

	if (t->cancelled || !t->head_given)
		return t->cancelled ? 0 : size * n;
	metric_add(store_bytes, (int64_t)(size * n));
	if (!t->events.data(t->ud, (struct slice){p, size * n}) && !t->cancelled && !t->paused) {
		t->paused = true;
		curl_easy_pause(t->easy, CURLPAUSE_RECV);
	}
	return t->cancelled ? 0 : size * n;
}

static void start_head_timer(struct transfer *t)
{
	loop_timer_set(t->engine->loop, &t->head_timer, t->due.at_ns);
}

/* libcurl wants bytes to send. With the last of them the time of the answer begins. */
static size_t on_read(char *to, size_t size, size_t n, void *ud)
{
	struct transfer *t = ud;
	ssize_t got = t->cancelled ? -1 : store_body_read(&t->body, t->sent, to, size * n);

	if (got < 0) {
		t->unread = t->cancelled ? ECANCELED : errno;
		return CURL_READFUNC_ABORT;
	}
	t->sent += got;
	if (got && t->sent == t->body.length && !t->head_given) {
		transfer_due_sent(&t->due, clock_mono_ns());
		start_head_timer(t);
	}
	return (size_t)got;
}

/* The connection was a dead one, and another is tried: from the beginning. */
static int on_seek(void *ud, curl_off_t offset, int origin)
{
	struct transfer *t = ud;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	loop_timer_stop(t->engine->loop, &t->head_timer);
	t->sent = offset;
	return CURL_SEEKFUNC_OK;
}

void transfer_resume(struct transfer *t)
{
	struct transfer_engine *engine = t->engine;
	bool outer = !engine->in_curl;

	if (!t->paused || t->cancelled)
		return;
	t->paused = false;
	engine->in_curl = true;
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
	if (outer)
		leave_curl(engine);
}

static CURL *new_easy(struct transfer_engine *engine)
{
	CURL *easy;

	if (engine->n_idle)
		return engine->idle[--engine->n_idle];
	easy = curl_easy_init();
	if (!easy)
		return NULL;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "pepto-symbol/" PEPTO_VERSION);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)TRANSFER_READ_MAX);
	transfer_loop_adopt(&engine->glue, easy);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(engine->limits.connect_timeout_ns / NS_PER_MS));
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	if (engine->ca_bundle)
		curl_easy_setopt(easy, CURLOPT_CAINFO, engine->ca_bundle);
	if (!engine->proxied) /* or it looks through the environment for each transfer */
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	return easy;
}

/* A control byte would end the line that it stands in, for some server if not for all. */
static bool is_clean(const char *line)
{
	for (; *line; line++)
		if (((unsigned char)*line < ' ' && *line != '\t') || *line == 0x7f)
			return false;
	return true;
}

/* Callers clean what goes into a request; this stops one that has forgotten to. */
static bool may_be_sent(const struct transfer_request *r)
{
	for (size_t i = 0; r->headers && r->headers[i]; i++)
		if (!is_clean(r->headers[i]))
			return false;
	return is_clean(r->url);
}

/*
 * After an outage connections of before may lead nowhere, and the name to another address. libcurl
 * knows the age of a connection in seconds; one that has rested for two minutes is not used anyway.
 */
static void set_freshness(CURL *easy, int64_t fresh_ns)
{
	int64_t age_s = fresh_ns ? (clock_mono_ns() - fresh_ns) / NS_PER_S : STALE_S;
	bool now = age_s == 0;

	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, now ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, now ? 0L : DNS_CACHE_S);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, age_s < STALE_S ? (long)age_s : 0L);
}

/*
 * The handle may have done anything else before. While the answer to a body is waited for, no byte
 * moves, which is no stall.
 */
static void set_method(struct transfer *t)
{
	int64_t stall_ns = t->engine->limits.stall_timeout_ns;

	curl_easy_setopt(t->easy, CURLOPT_UPLOAD, t->sends ? 1L : 0L);
	if (!t->sends)
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, t->head_only ? 1L : 0L);
	if (!t->sends && !t->head_only)
		curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, t->method[0] ? t->method : NULL);
	curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE,
			 (curl_off_t)(t->sends ? t->body.length : -1));
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	if (t->sends)
		stall_ns = MAX(stall_ns, t->due.within_ns);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long)MAX(stall_ns / NS_PER_S, 1));
}

static void set_request(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	set_freshness(t->easy, t->fresh_ns ? *t->fresh_ns : 0);
	set_method(t);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(t->easy, CURLOPT_USERPWD, t->user_password);
	curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, t->follow ? 1L : 0L);
	curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR,
			 t->redirects.secure ? "https" : "http,https");
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, (char *)t);
}

bool transfer_engine_crowded(const struct transfer_engine *engine)
{
	return engine && engine->active >= engine->limits.max_transfers / 4 * 3;
}

bool transfer_engine_short(const struct transfer_engine *engine)
{
	return engine && engine->active + engine->queue.waiting > engine->limits.max_transfers;
}

int64_t transfer_deadline_ns(const struct transfer *t)
{
	return t->due.at_ns;
}

enum err transfer_overdue(const struct transfer *t)
{
	return t->due.overdue;
}

/* The time of an answer to a body begins when all of that has left. */
static void begin_head_time(struct transfer *t)
{
	loop_timer_stop(t->engine->loop, &t->head_timer);
	if (t->sends && t->body.length)
		return;
	if (t->sends)
		transfer_due_sent(&t->due, clock_mono_ns());
	start_head_timer(t);
}

/* False: there is no memory for it. */
static bool begin_transfer(struct transfer *t, int64_t now_ns)
{
	struct transfer_engine *engine = t->engine;

	transfer_due_begin(&t->due, now_ns);
	t->easy = new_easy(engine);
	if (!t->easy)
		return false;
	set_request(t);
	engine->active++;
	metric_inc(active_transfers);
	metric_inc(store_requests);
	begin_head_time(t);
	if (engine->in_curl)
		SLIST_INSERT_HEAD(&engine->unborn, t, unborn);
	else
		curl_multi_add_handle(engine->multi, t->easy);
	return true;
}

static void grant(struct loop_timer *timer)
{
	struct transfer_engine *engine = CONTAINER_OF(timer, struct transfer_engine, grant);
	struct fair_item *turn;
	struct error e;

	while (has_room(engine) && (turn = fair_next(&engine->queue))) {
		struct transfer *t = CONTAINER_OF(turn, struct transfer, turn);

		metric_dec(waiting_transfers);
		if (begin_transfer(t, clock_mono_ns()))
			continue;
		err_set(&e, ERR_NOMEM, "no memory for a transfer");
		finish(t, &e);
	}
}

static void wait(struct transfer *t, uint64_t asker)
{
	metric_inc(waiting_transfers);
	if (t->due.put_off_ns) {
		fair_wait_to_go_on(&t->engine->queue, &t->turn, asker);
		return;
	}
	fair_wait(&t->engine->queue, &t->turn, asker);
	transfer_due_wait(&t->due);
	start_head_timer(t);
}

/*
 * Its place goes to another transfer. It ends in a moment and not here, where the other one is
 * being started.
 */
static void displace(struct transfer *t)
{
	fair_leave(&t->engine->queue, &t->turn);
	metric_dec(waiting_transfers);
	loop_timer_set(t->engine->loop, &t->head_timer, 0);
}

/*
 * A place for one more of this asker to wait in: one that is left, or the last of the asker with
 * most.
 */
static bool make_place(struct transfer_engine *engine, uint64_t asker)
{
	struct fair_item *last;

	if (engine->queue.waiting < engine->limits.max_waiting)
		return true;
	last = fair_last_of_most(&engine->queue, asker);
	if (last)
		displace(CONTAINER_OF(last, struct transfer, turn));
	return last;
}

static struct transfer *transfer_new(struct transfer_engine *engine,
				     const struct transfer_request *r)
{
	struct transfer *t = xnew(struct transfer);

	*t = (struct transfer){
		.engine = engine,
		.url = xstrdup(r->url),
		.user_password = r->user_password ? xstrdup(r->user_password) : NULL,
		.fresh_ns = r->fresh_ns,
		.head_only = r->head,
		.sends = r->body,
		.follow = r->follow,
		.redirects = {.anywhere = r->follow_anywhere,
			      .proxied = engine->proxied,
			      .secure = slice_starts_nocase(slice_of(r->url), SLICE("https:"))},
		.due = transfer_due_of(r, clock_mono_ns()),
		.head_timer.due = head_overdue,
	};
	if (r->body) {
		t->body = *r->body;
		t->headers = curl_slist_append(t->headers, "Expect:"); /* "100-continue": none */
	}
	if (r->method)
		(void)snprintf(t->method, sizeof(t->method), "%s", r->method);
	for (size_t i = 0; r->headers && r->headers[i]; i++)
		t->headers = curl_slist_append(t->headers, r->headers[i]);
	LIST_INSERT_HEAD(&engine->all, t, place);
	return t;
}

enum err transfer_start(struct transfer_engine *engine, const struct transfer_request *request,
			const struct transfer_events *events, void *ud, struct transfer **ret,
			struct error *e)
{
	/* Transfers that wait, and whose turn comes in a moment, are not overtaken. */
	bool waits = (!has_room(engine) || engine->queue.waiting) && !request->at_once;
	struct transfer *t;

	if (engine->closing)
		return err_set(e, ERR_CANCELED, "shutting down");
	if (!may_be_sent(request))
		return err_set(e, ERR_DENIED, "a request with a control byte in a line");
	if (waits && !request->put_off_ns && !make_place(engine, request->asker)) {
		metric_inc(refused_transfers);
		return err_set(e, ERR_BUSY, "%zu transfers in flight already", engine->active);
	}
	t = transfer_new(engine, request);
	t->events = *events;
	t->ud = ud;
	if (waits) {
		wait(t, request->asker);
	} else {
		fair_hold(&engine->queue, &t->turn, request->asker);
		if (!begin_transfer(t, t->due.asked_ns)) {
			transfer_free(t);
			return err_set(e, ERR_NOMEM, "no memory for a transfer");
		}
	}
	*ret = t;
	return OK;
}

/* ---- the engine ---- */

enum err transfer_engine_new(struct loop *loop, const struct transfer_limits *limits,
			     struct transfer_engine **ret, struct error *e)
{
	struct transfer_engine *engine = xnew(struct transfer_engine);

	engine->loop = loop;
	engine->limits = *limits;
	engine->grant.due = grant;
	engine->proxied = redirects_proxied();
	engine->ca_bundle = limits->ca_bundle ? xstrdup(limits->ca_bundle) : NULL;
	engine->multi = curl_multi_init();
	if (!engine->multi) {
		transfer_engine_free(engine);
		return err_set(e, ERR_NOMEM, "cannot start libcurl");
	}
	transfer_loop_init(&engine->glue, loop, engine->multi, act);
	curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, 256L);
	curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret = engine;
	return OK;
}

void transfer_engine_free(struct transfer_engine *engine)
{
	static const struct error closing = {ERR_CANCELED, 0, "shutting down"};

	if (!engine)
		return;
	engine->closing = true;
	engine->glue.closing = true;
	while (!LIST_EMPTY(&engine->all))
		finish(LIST_FIRST(&engine->all), &closing);
	loop_timer_stop(engine->loop, &engine->grant);
	while (engine->n_idle)
		curl_easy_cleanup(engine->idle[--engine->n_idle]);
	if (engine->multi)
		curl_multi_cleanup(engine->multi);
	transfer_loop_fini(&engine->glue);
	free(engine->ca_bundle);
	free(engine);
}
