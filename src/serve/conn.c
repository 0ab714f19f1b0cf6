// SPDX-License-Identifier: MIT
/*
 * See conn.h. One lock guards the list; phases are atomics, so that the request path never takes
 * it. The sweep holds the lock through its system calls (getsockopt, shutdown: none blocks), which
 * keeps every descriptor in the list open meanwhile; only opening and closing a connection wait
 * for it.
 */
#include "serve/conn.h"
#include "metric/metric.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

struct conns {
	struct conn_limits limits;
	atomic_size_t count;
	pthread_mutex_t mu;
	struct conn *first; /* under mu */
};

struct conns *conns_new(const struct conn_limits *limits)
{
	struct conns *t = xnew(struct conns);

	t->limits = *limits;
	pthread_mutex_init(&t->mu, NULL);
	return t;
}

void conns_free(struct conns *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->mu);
	free(t);
}

void conn_name_peer(struct conn *c)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);
	char text[INET6_ADDRSTRLEN] = "";

	if (c->peer[0] || getpeername(c->fd, (struct sockaddr *)&ss, &n) != 0)
		return;
	if (ss.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, text, sizeof(text));
	else if (ss.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&ss)->sin6_addr, text, sizeof(text));
	snprintf(c->peer, CONN_PEER_MAX, "%s", strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text);
}

struct conn *conn_open(struct conns *t, int fd)
{
	struct conn *c = xnew(struct conn);

	c->fd = fd;
	conn_phase_set(c, CONN_OPENED);
	c->over_limit = atomic_fetch_add(&t->count, 1) >= t->limits.max_connections;
	metric_inc(connections);
	LOCK_SCOPE(&t->mu);
	c->next = t->first;
	c->at = &t->first;
	if (c->next)
		c->next->at = &c->next;
	t->first = c;
	return c;
}

void conn_close(struct conns *t, struct conn *c)
{
	pthread_mutex_lock(&t->mu);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	pthread_mutex_unlock(&t->mu);
	atomic_fetch_sub(&t->count, 1);
	metric_dec(connections);
	free(c->spare);
	free(c);
}

void conn_phase_set(struct conn *c, enum conn_phase phase)
{
	atomic_store_explicit(&c->since_ns, clock_coarse_ns(), memory_order_relaxed);
	atomic_store_explicit(&c->file_body, false, memory_order_relaxed);
	atomic_store_explicit(&c->phase, phase, memory_order_release);
}

size_t conns_count(struct conns *t)
{
	return atomic_load(&t->count);
}

static bool overdue(const struct conns *t, struct conn *c, int64_t now)
{
	/* The phase first: a phase that has just begun is then never taken with an older time. */
	enum conn_phase phase = atomic_load_explicit(&c->phase, memory_order_acquire);
	int64_t age = now - atomic_load(&c->since_ns);

	switch (phase) {
	case CONN_OPENED:
	case CONN_HEADERS: return age > t->limits.header_timeout_ns;
	case CONN_IDLE: return age > t->limits.idle_timeout_ns;
	case CONN_ACTIVE: break;
	}
	return false;
}

enum pace { PACE_FINE, PACE_SLOW, PACE_STUCK };

/* Start a new window of measurement at now. */
static enum pace restart(struct conn *c, bool empty, uint64_t acked, int64_t now)
{
	c->window_ns = now;
	c->window_acked = acked;
	c->window_empty = empty;
	return PACE_FINE;
}

/*
 * Called under mu. A verdict needs a whole window in which bytes waited for the client all the
 * time (too slow), or in which none did though a file was being sent (stuck).
 */
static enum pace pace(const struct conns *t, struct conn *c, int64_t now)
{
	struct tcp_info info;
	socklen_t n = sizeof(info);
	bool empty;
	int64_t age;

	if (atomic_load(&c->phase) != CONN_ACTIVE ||
	    getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0) {
		c->window_ns = 0;
		return PACE_FINE;
	}
	empty = info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
	if (!c->window_ns || empty != c->window_empty)
		return restart(c, empty, info.tcpi_bytes_acked, now);
	age = now - c->window_ns;
	if (empty && (!atomic_load(&c->file_body) || info.tcpi_bytes_acked != c->window_acked))
		return restart(c, empty, info.tcpi_bytes_acked, now);
	if (empty)
		return age >= CONN_STUCK_NS ? PACE_STUCK : PACE_FINE;
	if (age < CONN_RATE_WINDOW_NS)
		return PACE_FINE;
	if (info.tcpi_bytes_acked - c->window_acked <
	    t->limits.min_send_rate * (uint64_t)(age / NS_PER_S))
		return PACE_SLOW;
	return restart(c, empty, info.tcpi_bytes_acked, now);
}

/* Called under mu: is this connection to be closed? Counts why. */
static bool condemned(const struct conns *t, struct conn *c, int64_t now)
{
	if (overdue(t, c, now)) {
		if (atomic_load(&c->phase) == CONN_IDLE)
			metric_inc(closed_idle);
		else
			metric_inc(closed_headers);
		return true;
	}
	switch (pace(t, c, now)) {
	case PACE_FINE: return false;
	case PACE_SLOW: metric_inc(closed_slow); break;
	case PACE_STUCK: metric_inc(closed_stuck); break;
	}
	return true;
}

void conn_watch(struct conns *t, struct conn *c, atomic_bool *left)
{
	LOCK_SCOPE(&t->mu);

	c->left = left;
}

/*
 * Called under mu. Who sends FIN might still want to read, but no HTTP client does so: what is
 * closed on the other side has been given up.
 */
static bool has_left(struct conn *c)
{
	enum {
		STATE_CLOSE = 7,
		STATE_CLOSE_WAIT = 8
	}; /* TCP_CLOSE, TCP_CLOSE_WAIT of netinet/tcp.h */
	struct tcp_info info;
	socklen_t n = sizeof(info);

	if (!c->left || atomic_load(c->left) ||
	    getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 ||
	    (info.tcpi_state != STATE_CLOSE && info.tcpi_state != STATE_CLOSE_WAIT))
		return false;
	atomic_store(c->left, true);
	return true;
}

bool conns_sweep(struct conns *t)
{
	int64_t now = clock_mono_ns();
	bool left = false;
	LOCK_SCOPE(&t->mu);

	for (struct conn *c = t->first; c; c = c->next) {
		left |= has_left(c);
		if (condemned(t, c, now))
			shutdown(c->fd, SHUT_RDWR);
	}
	return left;
}

void conns_shutdown_all(struct conns *t)
{
	LOCK_SCOPE(&t->mu);

	for (struct conn *c = t->first; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
}
