// SPDX-License-Identifier: MIT
/*
 * An HTTP/1.1 server: threads that accept connections, read requests and send answers; and a handler,
 * which says what the answers are. It knows nothing of symbols.
 *
 * A connection belongs to one thread, its worker. All functions of the handler are called on it, and
 * it may call everything here from within them. Of other threads http_wake() alone may be called.
 *
 * The way of a request:
 *
 *	request()	its head is in. The handler may answer at once, or take the body
 *			(http_take_body()). What it does not take is read and dropped, as far as it is short.
 *	body()		a piece of the body that it takes. It may answer then, too: the rest is not read
 *	complete()	the request is read to its end. The handler answers; or it returns without having
 *			done so, and then owes one http_wake()
 *	resume()	after that; again it answers, or owes another one
 *
 * A body is read as fast as it is taken: http_pause_body(), within request(), body() or resume(), says
 * "no more for now", and owes a wake as well. Until then nothing is read, so that the client's kernel has to
 * wait when ours is full; at most a worker's buffer (32 KiB, or MAX_HEADER_SIZE if that is more) is kept. The
 * wake leads to resume(), which may answer, or pause again; if it does neither, the body is read on.
 * complete() is not called during a pause.
 *
 *	done()		after each request() once, whatever became of the answer: let go of all
 *
 * Within an answer a source that has nothing yet owes a wake as well. A connection for which a wake is
 * owed stays, whatever its client does; that the client has left is told by left(), once at most for each
 * request, so that the wake can be hurried. After left() an answer may be given all the same.
 *
 * Requests on one connection are answered one after another. The head of the present one stays readable
 * until done(), but its bytes move when complete() or resume() return without an answer.
 */
#pragma once
#include "base/err.h"
#include "base/quiet.h"
#include "http/head.h"
#include "http/out.h"

struct http_conn;
struct http_server;

/* By what a connection was closed. */
enum http_limit {
	HTTP_NO_LIMIT,
	HTTP_HEADER_TIMEOUT,
	HTTP_IDLE_TIMEOUT,
	HTTP_MIN_SEND_RATE,
	HTTP_SHORT_FILE,
	HTTP_DRAIN_TIMEOUT, /* the process ends */
};

enum http_why {
	HTTP_COMPLETE,
	HTTP_CUT,        /* by its source */
	HTTP_LEFT,       /* the client has gone */
	HTTP_CLOSED,     /* by a limit */
	HTTP_UNREADABLE, /* the body was no HTTP: answered 400 */
};

struct http_end {
	enum http_why why;
	enum http_limit limit; /* CLOSED */
	bool answered;         /* the handler had given an answer */
	/*
	 * Bytes of the body: COMPLETE and CUT: handed over; LEFT and CLOSED: that have reached the
	 * client, as far as it can be told (over TLS: handed over).
	 */
	int64_t sent;
};

struct http_handler {
	void (*request)(struct http_conn *c);
	void (*body)(struct http_conn *c, struct slice bytes); /* NULL: none is ever taken */
	void (*complete)(struct http_conn *c);
	void (*resume)(struct http_conn *c); /* NULL: it always answers at once */
	void (*left)(struct http_conn *c);   /* NULL likewise */
	void (*done)(struct http_conn *c, const struct http_end *end);
	/* What came was answered with this status by the server itself; no request(). May be NULL. */
	void (*refused)(struct http_conn *c, int status);
};

#define HTTP_LISTENERS_MAX 16

struct http_listener {
	int fd;          /* taken over */
	struct tls *tls; /* borrowed; NULL: plain */
};

struct http_settings {
	const char *name; /* of the threads */
	const struct http_handler *handler;
	void *ud;
	struct http_listener listener[HTTP_LISTENERS_MAX]; /* taken over, also on failure */
	size_t listeners;
	unsigned workers;
	size_t max_head;
	size_t max_connections; /* those above are told to the handler (http_over_limit()) */
	size_t slack;           /* so many above are let in; more are closed at once */
	int64_t header_timeout_ns, idle_timeout_ns;
	uint64_t min_send_rate; /* bytes per second, also of bodies that are taken; 0: any */
	bool counted;           /* in pepto_connections */
	bool reads_ahead; /* large files that are not in memory, by threads that may wait for a disk */
	struct quiet *quiet; /* borrowed; the workers are readers of what it frees; or NULL */
};

/* ---- the server: main thread ---- */

MUST_CHECK enum err http_start(const struct http_settings *settings, struct http_server **ret,
			       struct error *e);
/* No new connections; those that rest are closed. Returns at once. */
void http_drain(struct http_server *s);
/*
 * Close all connections, and wait until they are: whoever owes a wake has to give it meanwhile. Then end
 * the threads and free. Accepts NULL.
 */
void http_stop(struct http_server *s);

/* ---- a connection: its worker ---- */

void *http_server_ud(const struct http_conn *c);
/* The handler's own, for the present request; NULL at its beginning. */
void http_set_ud(struct http_conn *c, void *ud);
void *http_ud(const struct http_conn *c);
/* The worker's: a block that one request leaves for the next one, freed at the end; or NULL. */
void **http_spare(struct http_conn *c);
bool http_over_limit(const struct http_conn *c);
bool http_is_tls(const struct http_conn *c);
/* Has the client shown a certificate? The handshake has found it right. */
bool http_is_certified(const struct http_conn *c);
/* Whom the client's certificate names; "" when it has shown none. */
void http_subject(const struct http_conn *c, char ret[static TLS_SUBJECT_MAX]);
/* The client's address for the log; "" when it has none. */
#define HTTP_PEER_MAX 48
void http_peer(const struct http_conn *c, char ret[static HTTP_PEER_MAX]);

/* Of the present request; in refused() they are empty if its line has not been understood. */
struct slice http_method(const struct http_conn *c);
struct slice http_target(const struct http_conn *c);
/* A header's first value, with a NUL behind it; NULL when there is none. */
const char *http_header(const struct http_conn *c, struct slice name);
bool http_next_header(const struct http_conn *c, size_t *at, struct http_field *ret);
bool http_has_body(const struct http_conn *c);

/*
 * In request(): the body is wanted, up to so many bytes. What says "Expect: 100-continue" is asked to come
 * once it is about to be read: after a pause, if there is one. A client that is slower than min_send_rate, and
 * has fallen back by more than a minute, is closed; the time of a pause does not count.
 */
void http_take_body(struct http_conn *c, uint64_t max);
/*
 * The same of a short body, while which a place is held that others may wait for: it has to come within
 * header_timeout_ns, together with the head. It is taken without a pause.
 */
void http_take_brief_body(struct http_conn *c, uint64_t max);
/* Of a body that is taken: see above. */
void http_pause_body(struct http_conn *c);
/* In complete(): it was longer than that, and has not been read to its end. */
bool http_body_beyond(const struct http_conn *c);
/* In request(), body(), complete() and resume(): once for each request. */
void http_respond(struct http_conn *c, const struct http_answer *answer);

/* ---- any thread ---- */

/* What was owed has come. */
void http_wake(struct http_conn *c);

/* As it is called in the log and in pepto_closed_total. */
const char *http_limit_name(enum http_limit limit);
