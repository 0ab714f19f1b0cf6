// SPDX-License-Identifier: MIT
/*
 * See http.h: the workers of a server, and who gets which connection.
 *
 * All watch one listening socket, and the kernel wakes one of them for what comes (EPOLLEXCLUSIVE). It
 * tends to wake the same one while that has little to do; so a worker that has clearly more connections
 * than the one with the fewest hands a new one over.
 */
#include "http/conn.h"
#include "metric/metric.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ACCEPTS_TURN   16
#define HANDSHAKES_MIN 8 /* a client thinks its handshake made before we do */
#define BUFFER_MIN     ((size_t)32 * 1024)
#define BLOCK          ((size_t)32 * 1024)
#define AHEAD_THREADS  4
#define AHEAD_QUEUE    64
#define RELISTEN_NS    (100 * NS_PER_MS)
#define NO_FILE        "/dev/null" /* what is open so that there is a descriptor to refuse with */

/* ---- new connections ---- */

static struct http_worker *least_busy(struct http_server *s)
{
	struct http_worker *least = &s->worker[0];

	for (unsigned i = 1; i < s->set.workers; i++)
		if (atomic_load_explicit(&s->worker[i].open, memory_order_relaxed) <
		    atomic_load_explicit(&least->open, memory_order_relaxed))
			least = &s->worker[i];
	return least;
}

/* Itself, or the one with the fewest, if this one has over a quarter more than that. */
static struct http_worker *worker_for_new(struct http_worker *w)
{
	struct http_worker *least = least_busy(w->server);
	size_t few = atomic_load_explicit(&least->open, memory_order_relaxed);

	return atomic_load_explicit(&w->open, memory_order_relaxed) > few + few / 4 ? least : w;
}

static void note_address(struct http_conn *c, const struct sockaddr_storage *from)
{
	c->family = from->ss_family;
	if (from->ss_family == AF_INET)
		memcpy(c->address, &((const struct sockaddr_in *)from)->sin_addr, 4);
	else if (from->ss_family == AF_INET6)
		memcpy(c->address, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
}

static void begin_conn(struct http_listening *l, int fd, const struct sockaddr_storage *from)
{
	struct http_worker *w = l->worker, *to;
	struct http_server *s = w->server;
	size_t n = atomic_fetch_add(&s->open, 1);
	struct http_conn *c;
	bool crowded;

	crowded = l->tls && atomic_fetch_add(&s->shaking, 1) >=
				    MAX(s->set.max_connections / 4, HANDSHAKES_MIN);
	if (crowded || n >= s->set.max_connections + s->set.slack) {
		if (l->tls)
			atomic_fetch_sub(&s->shaking, 1);
		atomic_fetch_sub(&s->open, 1);
		if (crowded)
			metric_inc(refused_handshakes);
		else
			metric_inc(refused_connections);
		close(fd);
		return;
	}
	to = worker_for_new(w);
	atomic_fetch_add(&to->open, 1);
	c = http_conn_new(to, fd, n >= s->set.max_connections);
	note_address(c, from);
	if (l->tls && !http_conn_use_tls(c, l->tls))
		http_conn_drop(c);
	else
		http_conn_begin(c, to == w);
}

static void watch_listeners(struct http_worker *w, uint32_t events)
{
	for (size_t i = 0; i < w->server->set.listeners; i++)
		loop_watch(w->loop, &w->listener[i].fd, events);
}

static void relisten(struct loop_timer *timer)
{
	struct http_worker *w = CONTAINER_OF(timer, struct http_worker, relisten);

	if (w->reserve < 0)
		w->reserve = open(NO_FILE, O_RDONLY | O_CLOEXEC);
	if (w->listening)
		watch_listeners(w, EPOLLIN | (uint32_t)EPOLLEXCLUSIVE);
}

/*
 * No descriptors: what waits at the front is told so, by the one that is kept for this, and the others wait
 * for a moment. A socket that is watched and cannot be emptied would keep the worker busy with that alone.
 */
static void out_of_files(struct http_listening *l)
{
	struct http_worker *w = l->worker;
	int fd;

	watch_listeners(w, 0);
	loop_timer_set(w->loop, &w->relisten, clock_mono_ns() + RELISTEN_NS);
	if (w->reserve < 0)
		return;
	close(w->reserve);
	fd = accept4(l->fd.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		metric_inc(refused_connections);
		close(fd);
	}
	w->reserve = open(NO_FILE, O_RDONLY | O_CLOEXEC);
}

static void accept_some(struct loop_fd *fd_, uint32_t events)
{
	struct http_listening *l = CONTAINER_OF(fd_, struct http_listening, fd);
	struct http_worker *w = l->worker;

	for (int i = 0; i < ACCEPTS_TURN && w->listening; i++) {
		struct sockaddr_storage from = {0};
		socklen_t n = sizeof(from);
		int fd = accept4(l->fd.fd, (struct sockaddr *)&from, &n,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			begin_conn(l, fd, &from);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			out_of_files(l);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

/* ---- all connections of a worker ---- */

static void close_listeners(const struct http_settings *set)
{
	for (size_t i = 0; i < set->listeners; i++)
		close(set->listener[i].fd);
}

static void stop_listening(struct http_worker *w)
{
	if (!w->listening)
		return;
	w->listening = false;
	watch_listeners(w, 0);
	/* Nobody may use the numbers any more when they are closed. */
	if (atomic_fetch_sub(&w->server->listening, 1) == 1)
		close_listeners(&w->server->set);
}

static void drain(struct loop_task *task)
{
	struct http_worker *w = CONTAINER_OF(task, struct http_worker, drain);
	struct http_conn *next;

	w->draining = true;
	stop_listening(w);
	for (struct http_conn *c = LIST_FIRST(&w->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		http_conn_drain(c);
	}
}

static void cut(struct loop_task *task)
{
	struct http_worker *w = CONTAINER_OF(task, struct http_worker, cut);
	struct http_conn *next;

	w->draining = true;
	stop_listening(w);
	for (struct http_conn *c = LIST_FIRST(&w->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		http_conn_close(c, HTTP_DRAIN_TIMEOUT);
	}
}

/* The slowest are told apart to a factor of two: which of two like ones goes does not matter. */
enum { RATES = 65 };

static unsigned magnitude(uint64_t rate)
{
	return rate ? 64 - (unsigned)__builtin_clzll(rate) : 0;
}

static void close_slowest(struct http_worker *w, size_t excess)
{
	uint64_t min_rate = w->server->set.min_send_rate;
	size_t slow[RATES] = {0};
	struct http_conn *c, *next;

	LIST_FOREACH (c, &w->conns, link)
		if (http_conn_is_slow(c, min_rate))
			slow[magnitude(c->pace.rate)]++;
	for (unsigned i = 0; i < RATES; i++) {
		slow[i] = MIN(excess, slow[i]);
		excess -= slow[i];
	}
	for (c = LIST_FIRST(&w->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		if (!http_conn_is_slow(c, min_rate) || !slow[magnitude(c->pace.rate)])
			continue;
		slow[magnitude(c->pace.rate)]--;
		http_conn_close(c, HTTP_MIN_SEND_RATE);
	}
}

/*
 * One that has been slow for a minute was seen. While more than three quarters of the connections are in
 * use, the slowest of each worker go, its part at a time, until no more than that are in use.
 */
static void crowd(struct loop_task *task)
{
	struct http_worker *w = CONTAINER_OF(task, struct http_worker, crowd);
	const struct http_server *s = w->server;
	size_t many = s->set.max_connections * 3 / 4, open = atomic_load(&s->open);

	if (open > many)
		close_slowest(w, (open - many + s->set.workers - 1) / s->set.workers);
}

/* ---- the server ---- */

static enum err init_worker(struct http_server *s, struct http_worker *w, struct error *e)
{
	w->server = s;
	for (size_t i = 0; i < s->set.listeners; i++) {
		const struct http_listener *l = &s->set.listener[i];

		w->listener[i] =
			(struct http_listening){{.ready = accept_some, .fd = l->fd}, w, l->tls};
		if (l->tls && !w->record)
			w->record = malloc(HTTP_IO_READ);
		if (l->tls && !w->record)
			return err_set(e, ERR_NOMEM,
				       "no memory for the buffers of a network thread");
	}
	w->relisten.due = relisten;
	w->drain.run = drain;
	w->cut.run = cut;
	w->crowd.run = crowd;
	w->reserve = open(NO_FILE, O_RDONLY | O_CLOEXEC);
	w->buf_n = MAX(s->set.max_head, BUFFER_MIN);
	w->buf = malloc(w->buf_n);
	w->block = (struct http_block){malloc(BLOCK), BLOCK};
	if (!w->buf || !w->block.p)
		return err_set(e, ERR_NOMEM, "no memory for the buffers of a network thread");
	if (loop_new(&w->loop, e) != OK)
		return e->code;
	if (s->set.quiet)
		quiet_add(s->set.quiet, w->loop);
	return OK;
}

static void listen_here(struct http_worker *w)
{
	w->listening = true;
	atomic_fetch_add(&w->server->listening, 1);
	watch_listeners(w, EPOLLIN | (uint32_t)EPOLLEXCLUSIVE);
}

static void free_server(struct http_server *s)
{
	/* Nothing is queued, for a connection stays until it is woken; but a wake may not have returned. */
	if (pool_stop(s->ahead, NS_PER_S))
		pool_free(s->ahead);
	for (unsigned i = 0; i < s->set.workers; i++) {
		struct http_worker *w = &s->worker[i];

		while (atomic_load(&w->waking))
			usleep(100);
		loop_stop(w->loop);
		ASSERT(LIST_EMPTY(&w->conns));
		if (s->set.quiet)
			quiet_remove(s->set.quiet, w->loop);
		loop_free(w->loop);
		if (w->reserve >= 0)
			close(w->reserve);
		free(w->record);
		free(w->buf);
		free(w->block.p);
		free(w->spare);
	}
	free(s->worker);
	free(s);
}

enum err http_start(const struct http_settings *settings, struct http_server **ret, struct error *e)
{
	struct http_server *s = xnew(struct http_server);
	int on = 1;

	s->set = *settings;
	s->worker = xzalloc(s->set.workers * sizeof(struct http_worker));
	for (unsigned i = 0; i < s->set.workers; i++)
		s->worker[i].reserve = -1;
	/* What is accepted inherits it: what we send is sent as a whole, and waits for nothing. */
	for (size_t i = 0; i < s->set.listeners; i++)
		setsockopt(s->set.listener[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (s->set.reads_ahead &&
	    pool_new(AHEAD_THREADS, AHEAD_QUEUE, "pepto-ahead", &s->ahead, e) != OK) {
		close_listeners(&s->set);
		free_server(s);
		return e->code;
	}
	for (unsigned i = 0; i < s->set.workers; i++)
		if (init_worker(s, &s->worker[i], e) != OK) {
			close_listeners(&s->set);
			free_server(s);
			return e->code;
		}
	for (unsigned i = 0; i < s->set.workers; i++)
		listen_here(&s->worker[i]);
	for (unsigned i = 0; i < s->set.workers; i++)
		if (loop_start(s->worker[i].loop, s->set.name, e) != OK) {
			for (unsigned k = i; k < s->set.workers; k++)
				stop_listening(&s->worker[k]);
			http_stop(s);
			return e->code;
		}
	*ret = s;
	return OK;
}

void http_drain(struct http_server *s)
{
	for (unsigned i = 0; i < s->set.workers; i++)
		loop_post(s->worker[i].loop, &s->worker[i].drain);
}

void http_stop(struct http_server *s)
{
	if (!s)
		return;
	do {
		for (unsigned i = 0; i < s->set.workers; i++)
			loop_post(s->worker[i].loop, &s->worker[i].cut);
		usleep(2000);
	} while (atomic_load(&s->open) || atomic_load(&s->listening));
	free_server(s);
}
