// SPDX-License-Identifier: MIT
/*
 * What leads a connection from one state to the next, for all that drive it (conn.c, conn_body.c): each
 * step says whether to go on. Its worker only, within a turn of the connection.
 */
#pragma once
#include "http/conn.h"
#include "http/io.h"

enum step {
	GO_ON, /* with the state that it is in now */
	STOP,  /* until something comes, or its turn */
	GONE,  /* freed */
};

#define LEAVE_NS (1 * NS_PER_S) /* who sends FIN and waits on may have closed one side only */
#define NEVER    HTTP_PACE_NEVER

static inline struct http_io http_conn_io(const struct http_conn *c)
{
	return (struct http_io){c->fd.fd, c->tls, c->worker->record};
}

/* The timer is moved only if it would come too late; it looks at the deadline when it comes. */
void http_conn_set_deadline(struct http_conn *c, int64_t at);
void http_conn_set_deadline_in(struct http_conn *c, int64_t ns);

/* Up to n bytes; GONE when there are no more ever and nothing is to be said to that. */
enum step http_step_receive(struct http_conn *c, char *to, size_t n, size_t *ret_n);
/* The request has been read to its end, or as far as it is going to be. */
enum step http_step_complete(struct http_conn *c);
/* For the handler's answer. */
enum step http_step_wait(struct http_conn *c);
/* The answer is there. */
enum step http_step_write(struct http_conn *c);
/* With what we say ourselves. */
enum step http_step_refuse(struct http_conn *c, int status);
/* Let others have their turn, and go on. */
enum step http_step_turn(struct http_conn *c);
/* The request, and with it the connection. */
enum step http_step_end(struct http_conn *c, enum http_why why);
/* When no request is active. */
enum step http_step_destroy(struct http_conn *c);

/* ---- a request's body (conn_body.c) ---- */

/* The head is in, and the body is to be taken, or dropped. */
enum step http_conn_begin_body(struct http_conn *c);
enum step http_conn_read_body(struct http_conn *c);
/* The handler has answered before its end. */
enum step http_conn_leave_body(struct http_conn *c);
