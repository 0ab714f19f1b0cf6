// SPDX-License-Identifier: MIT
/*
 * One connection of an HTTP server, as its states, and what it is to its worker. For those who use the
 * server: http.h.
 *
 *	RESTING		between two requests, or nothing has come yet; has no buffer
 *	READING		a part of a head is there
 *	BODY		the head is; the body comes, and is handed on or dropped, or (with `owed`) the handler
 *			takes no more of it for now
 *	WAITING		for the handler's answer
 *	WRITING		the answer goes out, as the socket takes it and its source gives it
 *	LINGERING	the last answer is out and our side closed; what still comes is read for a moment, since a
 *			close with bytes unread would be a reset, which may overtake the answer
 *
 * The socket is watched once, edge-triggered, for everything: `readable` says that a recv() may give
 * something. Nothing is read while an answer is looked for or sent, or a body is not taken for now.
 *
 * A connection is freed when nobody is going to wake it: not while `owed` (http.h) or `posted` (by itself,
 * for its next turn).
 */
#pragma once
#include "base/list.h"
#include "base/loop.h"
#include "base/pool.h"
#include "http/body.h"
#include "http/http.h"
#include "http/in.h"
#include "http/pace.h"
#include "http/reply.h"

#include <stdatomic.h>

/* A socket that is listened on, to one worker. */
struct http_listening {
	struct loop_fd fd;
	struct http_worker *worker;
	struct tls *tls; /* NULL: plain */
};

struct http_worker {
	struct http_server *server;
	struct loop *loop;
	struct http_listening listener[HTTP_LISTENERS_MAX]; /* the server's */
	struct loop_timer relisten;                         /* after descriptors had run out */
	struct loop_task drain, cut, crowd;
	bool draining, listening;
	int reserve; /* a descriptor to refuse with when there is no other */
	LIST_HEAD(http_conns, http_conn) conns;
	atomic_size_t open;   /* connections that are its own, or on their way to it */
	atomic_size_t waking; /* threads that are within http_wake() */
	char *record;         /* http_io.record; NULL where no socket has TLS */
	char *buf;            /* buf_n bytes: what one connection receives in its turn */
	size_t buf_n;
	struct http_block block; /* what one source gives in its turn */
	void *spare;             /* the handler's */
	struct http_tails tails;
};

struct http_server {
	struct http_settings set;
	struct http_worker *worker; /* owned array */
	struct pool *ahead;         /* owned: reads files before they are sent; NULL: nobody does */
	atomic_size_t open;         /* connections of all of them */
	atomic_uint listening;      /* workers */
	atomic_size_t shaking;      /* connections whose TLS handshake has not been made */
};

enum http_conn_state { RESTING, READING, BODY, WAITING, WRITING, LINGERING };

struct http_conn {
	struct loop_fd fd;
	struct loop_timer timer; /* not later than `deadline` */
	struct loop_task task;
	struct pool_job ahead;    /* reads `cold` into memory; then a wake is owed */
	struct http_io_part cold; /* n == 0: nothing is */
	int64_t cold_ns;          /* how long that has taken */
	struct http_worker *worker;
	LIST_ENTRY(http_conn) link; /* the worker's */
	struct ssl_st *tls;         /* NULL: plain */
	void *ud;
	struct http_in in;
	struct http_head head;
	struct http_body body;
	struct http_out out;
	struct http_pace pace;
	int64_t deadline;
	uint64_t before;   /* bytes sent before the present answer */
	uint32_t received; /* in this turn, of a body and its frame */
	uint32_t drained;  /* while it lingers */
	uint16_t family;
	unsigned char address[16];
	enum http_conn_state state;
	enum http_limit closed_by;
	bool over_limit;
	bool shaking;                        /* counted in http_server.shaking */
	bool watched, readable, ended, gone; /* ended: FIN has come; gone: RST, or the like */
	bool fresh;                          /* no request has come on it yet */
	bool timed;                          /* the time for the present head runs */
	bool active;                         /* between request() and done() */
	bool answered;
	bool keep, takes, beyond, asks, /* the body is to be asked for (100) before it is read */
		unread;                 /* unread: something of the present request never will be */
	bool unreadable, told, looked;  /* told: left(); looked: http_pace_look() has its turns */
	bool owed, posted, handed;      /* see above; handed: on its way to its worker */
	bool brief;                     /* the body that it takes counts as one more header */
	bool doomed;                    /* to be closed when it is woken */
};

/* Any worker: one that has been accepted, for worker w. */
struct http_conn *http_conn_new(struct http_worker *w, int fd, bool over_limit);
/* Before it begins: with TLS. It has been counted in http_server.shaking. False: memory is out. */
bool http_conn_use_tls(struct http_conn *c, struct tls *tls);
/* Give back all that a connection holds, and free it; also one that has not begun. */
void http_conn_drop(struct http_conn *c);
/* Its worker, or another one, which then hands it over. */
void http_conn_begin(struct http_conn *c, bool here);

/* ---- the end (conn_end.c): its worker ---- */

/* The handshake has been made, or never will be. */
void http_conn_shaken(struct http_conn *c, bool made);
/* The present request, if there is one, has come to its end. */
void http_conn_finish(struct http_conn *c, enum http_why why);
/* When no request is active, and nobody is going to wake it. */
void http_conn_destroy(struct http_conn *c);
/* By what it is closed: the first one counts. */
void http_conn_note_limit(struct http_conn *c, enum http_limit limit);
/* The client has gone: the handler hears of it, once for each request. */
void http_conn_tell_left(struct http_conn *c);
/* As soon as nobody is going to wake it; not from within a turn of the connection. */
void http_conn_close(struct http_conn *c, enum http_limit limit);
/* The same, if it rests. */
void http_conn_drain(struct http_conn *c);
static inline bool http_conn_is_slow(const struct http_conn *c, uint64_t min_rate)
{
	return c->state == WRITING && !c->doomed && c->pace.rate < min_rate;
}
