// SPDX-License-Identifier: MIT
/*
 * The open client connections: counted, and watched, since libmicrohttpd's own timeout cannot
 * tell a client that rests from one that is served slowly. conns_sweep(), called once a second,
 * shuts down a connection
 *
 *  - that has rested for IDLE_TIMEOUT since its last answer;
 *  - that has not completed a request head HEADER_TIMEOUT after its request line, or has not sent
 *    a request line so long after it was opened;
 *  - whose client has taken less than MIN_SEND_RATE for fifteen minutes (CONN_RATE_WINDOW) while
 *    bytes waited for it in the kernel. So long, because a pause is usual: a proxy that buffers to
 *    disk stops reading until its own client has caught up, a laptop sleeps. While more than three
 *    quarters of the connections are in use, a minute or two of it are enough (CONN_BUSY_WINDOW),
 *    and the slowest go first, until no more than that are in use. A connection whose bytes have
 *    all been taken waits for us and is left alone,
 *  - unless its body is a file, of which there is always more to send: then the file has become
 *    shorter than it was promised, and libmicrohttpd would wait for bytes that do not come.
 *
 * A shutdown makes libmicrohttpd close the connection in its own thread. Any thread.
 */
#pragma once
#include "base/clock.h"
#include <stdatomic.h>

#define CONN_RATE_WINDOW_NS (15 * 60 * NS_PER_S)
#define CONN_BUSY_WINDOW_NS (60 * NS_PER_S)
#define CONN_STUCK_NS       (10 * NS_PER_S)
#define CONN_PEER_MAX       56

struct conns;

enum conn_phase {
	CONN_OPENED,  /* nothing has come yet */
	CONN_IDLE,    /* between two requests */
	CONN_HEADERS, /* the request line is in, the headers are not */
	CONN_ACTIVE,  /* a request is being answered */
};

/* By what a connection was shut down. */
enum conn_limit {
	CONN_NO_LIMIT,
	CONN_HEADER_TIMEOUT,
	CONN_IDLE_TIMEOUT,
	CONN_MIN_SEND_RATE,
	CONN_SHORT_FILE,
	CONN_DRAIN_TIMEOUT, /* the process ends */
};

/* What the client had taken at a time; ns == 0: not measured. */
struct conn_mark {
	int64_t ns;
	uint64_t acked;
};

struct conn {
	int fd;
	char peer[CONN_PEER_MAX]; /* the client's address for the log; "" until it is wanted */
	void *spare;           /* a block that the last request leaves for the next one, or NULL */
	bool over_limit;       /* one too many: to be answered 503 and closed */
	atomic_bool file_body; /* the answer is sent from a file */
	_Atomic enum conn_phase phase;
	atomic_int_least64_t since_ns; /* when the phase began */
	uint64_t written;              /* bytes of all answers before this one; its own thread's */
	_Atomic enum conn_limit closed_by;
	struct conn *next, **at;    /* under the table's lock, as all below */
	atomic_bool *left;          /* set when the client goes away; NULL: nobody asks */
	struct conn_mark window;    /* start of the present rate window */
	struct conn_mark minute[2]; /* the last two minutes of it, each with its beginning */
	bool window_empty;          /* nothing waited for the client in the kernel */
	uint64_t rate; /* bytes per second since minute[0]; UINT64_MAX: enough, or unknown */
};

struct conn_limits {
	size_t max_connections;
	int64_t header_timeout_ns, idle_timeout_ns;
	uint64_t min_send_rate; /* bytes per second; 0 = any */
};

struct conns *conns_new(const struct conn_limits *limits);
void conns_free(struct conns *t);
struct conn *conn_open(struct conns *t, int fd);
/* Before the descriptor is closed. */
void conn_close(struct conns *t, struct conn *c);
/* Find out the client's address, once. Its own thread. */
void conn_name_peer(struct conn *c);
void conn_phase_set(struct conn *c, enum conn_phase phase);
size_t conns_count(struct conns *t);
/*
 * From now on the sweep sets *left when the client has closed its side: a suspended connection does
 * not notice. NULL: no more.
 */
void conn_watch(struct conns *t, struct conn *c, atomic_bool *left);
/*
 * Bytes of the present answer, of whose head this is the size, that have reached the client. Its
 * own thread; a system call.
 */
int64_t conn_taken(const struct conn *c, size_t head_size);
/* As it is called in the log and in pepto_closed_total. */
const char *conn_limit_name(enum conn_limit limit);
/* True when one that is watched has been found to be left. */
bool conns_sweep(struct conns *t);
void conns_shutdown_all(struct conns *t);
