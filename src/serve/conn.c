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

/* TCP_FIN_WAIT2 and so on of netinet/tcp.h, which linux/tcp.h excludes. */
enum { STATE_FIN_WAIT2 = 5, STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8 };

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

const char *conn_limit_name(enum conn_limit limit)
{
	static const char *const names[] = {
		[CONN_NO_LIMIT] = "",
		[CONN_HEADER_TIMEOUT] = "header_timeout",
		[CONN_IDLE_TIMEOUT] = "idle_timeout",
		[CONN_MIN_SEND_RATE] = "min_send_rate",
		[CONN_SHORT_FILE] = "short_file",
		[CONN_DRAIN_TIMEOUT] = "drain_timeout",
	};

	return names[limit];
}

static bool ask_kernel(const struct conn *c, struct tcp_info *ret)
{
	socklen_t n = sizeof(*ret);

	return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, ret, &n) == 0;
}

int64_t conn_taken(const struct conn *c, size_t head_size)
{
	uint64_t before = c->written + head_size;
	struct tcp_info info;

	if (!ask_kernel(c, &info))
		return 0;
	/* Our FIN, once it has been acknowledged, counts as a byte. */
	before += info.tcpi_state == STATE_FIN_WAIT2;
	if (info.tcpi_bytes_acked <= before)
		return 0;
	return (int64_t)(info.tcpi_bytes_acked - before);
}

static enum conn_limit overdue(const struct conns *t, struct conn *c, int64_t now)
{
	/* The phase first: a phase that has just begun is then never taken with an older time. */
	enum conn_phase phase = atomic_load_explicit(&c->phase, memory_order_acquire);
	int64_t age = now - atomic_load(&c->since_ns);

	switch (phase) {
	case CONN_OPENED:
	case CONN_HEADERS:
		return age > t->limits.header_timeout_ns ? CONN_HEADER_TIMEOUT : CONN_NO_LIMIT;
	case CONN_IDLE: return age > t->limits.idle_timeout_ns ? CONN_IDLE_TIMEOUT : CONN_NO_LIMIT;
	case CONN_ACTIVE: break;
	}
	return CONN_NO_LIMIT;
}

/* Start a new window of measurement. */
static enum conn_limit restart(struct conn *c, bool empty, struct conn_mark here)
{
	c->window = c->minute[1] = here;
	c->minute[0].ns = 0;
	c->window_empty = empty;
	c->rate = UINT64_MAX;
	return CONN_NO_LIMIT;
}

static uint64_t rate_since(struct conn_mark then, struct conn_mark now)
{
	return (now.acked - then.acked) / (uint64_t)((now.ns - then.ns) / NS_PER_S);
}

/* Called under mu: how fast has it been for a minute at least, and for two at most? */
static void measure_minute(struct conn *c, struct conn_mark here)
{
	if (here.ns - c->minute[1].ns >= CONN_BUSY_WINDOW_NS) {
		c->minute[0] = c->minute[1];
		c->minute[1] = here;
	}
	if (c->minute[0].ns)
		c->rate = rate_since(c->minute[0], here);
}

/*
 * Called under mu. A verdict needs a whole window in which bytes waited for the client all the
 * time (too slow), or in which none did though a file was being sent (short).
 */
static enum conn_limit pace(const struct conns *t, struct conn *c, int64_t now)
{
	struct conn_mark here = {.ns = now};
	struct tcp_info info;
	int64_t age;
	bool empty;

	if (atomic_load(&c->phase) != CONN_ACTIVE || !ask_kernel(c, &info)) {
		c->window.ns = 0;
		c->rate = UINT64_MAX;
		return CONN_NO_LIMIT;
	}
	here.acked = info.tcpi_bytes_acked;
	empty = info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
	if (!c->window.ns || empty != c->window_empty)
		return restart(c, empty, here);
	age = now - c->window.ns;
	if (empty && (!atomic_load(&c->file_body) || here.acked != c->window.acked))
		return restart(c, empty, here);
	if (empty)
		return age >= CONN_STUCK_NS ? CONN_SHORT_FILE : CONN_NO_LIMIT;
	measure_minute(c, here);
	if (age < CONN_RATE_WINDOW_NS)
		return CONN_NO_LIMIT;
	if (rate_since(c->window, here) < t->limits.min_send_rate)
		return CONN_MIN_SEND_RATE;
	c->window = here;
	return CONN_NO_LIMIT;
}

static void count_closed(enum conn_limit limit)
{
	switch (limit) {
	case CONN_HEADER_TIMEOUT: metric_inc(closed_headers); break;
	case CONN_IDLE_TIMEOUT: metric_inc(closed_idle); break;
	case CONN_MIN_SEND_RATE: metric_inc(closed_slow); break;
	case CONN_SHORT_FILE: metric_inc(closed_stuck); break;
	case CONN_NO_LIMIT:
	case CONN_DRAIN_TIMEOUT: break;
	}
}

/* Called under mu. The reason first: whoever notices the shutdown asks for it. */
static void close_by(struct conn *c, enum conn_limit limit)
{
	if (atomic_load(&c->closed_by) == CONN_NO_LIMIT) {
		atomic_store(&c->closed_by, limit);
		count_closed(limit);
	}
	shutdown(c->fd, SHUT_RDWR);
}

/* The slowest are told apart to a factor of two: which of two like ones goes does not matter. */
enum { PACES = 65 };

static unsigned pace_of(uint64_t rate)
{
	return rate ? 64 - (unsigned)__builtin_clzll(rate) : 0;
}

static bool is_slow(const struct conns *t, const struct conn *c)
{
	return atomic_load(&c->closed_by) == CONN_NO_LIMIT && c->rate < t->limits.min_send_rate;
}

/* Called under mu: close so many of those that have been slow for a minute, the slowest first. */
static void close_slowest(struct conns *t, size_t excess)
{
	size_t slow[PACES] = {0}, quota[PACES];

	for (struct conn *c = t->first; c; c = c->next)
		if (is_slow(t, c))
			slow[pace_of(c->rate)]++;
	for (unsigned i = 0; i < PACES; i++) {
		quota[i] = MIN(excess, slow[i]);
		excess -= quota[i];
	}
	for (struct conn *c = t->first; c; c = c->next) {
		if (!is_slow(t, c) || !quota[pace_of(c->rate)])
			continue;
		quota[pace_of(c->rate)]--;
		close_by(c, CONN_MIN_SEND_RATE);
	}
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
	struct tcp_info info;

	if (!c->left || atomic_load(c->left) || !ask_kernel(c, &info) ||
	    (info.tcpi_state != STATE_CLOSE && info.tcpi_state != STATE_CLOSE_WAIT))
		return false;
	atomic_store(c->left, true);
	return true;
}

bool conns_sweep(struct conns *t)
{
	size_t many = t->limits.max_connections * 3 / 4;
	int64_t now = clock_mono_ns();
	size_t in_use = 0;
	bool left = false;
	LOCK_SCOPE(&t->mu);

	for (struct conn *c = t->first; c; c = c->next) {
		enum conn_limit limit = overdue(t, c, now);

		left |= has_left(c);
		if (!limit)
			limit = pace(t, c, now);
		if (limit)
			close_by(c, limit);
		in_use += atomic_load(&c->closed_by) == CONN_NO_LIMIT;
	}
	if (in_use > many)
		close_slowest(t, in_use - many);
	return left;
}

void conns_shutdown_all(struct conns *t)
{
	LOCK_SCOPE(&t->mu);

	for (struct conn *c = t->first; c; c = c->next)
		close_by(c, CONN_DRAIN_TIMEOUT);
}
