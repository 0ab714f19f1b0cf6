// SPDX-License-Identifier: MIT
/*
 * See conn_step.h, http.h and body.h: the body of a request as it comes, handed on as the handler takes it, or
 * dropped; and what is kept of it while the handler takes none.
 */
#include "http/conn_step.h"

#define DROP_MAX  ((uint64_t)64 * 1024) /* of a body that nobody takes */
#define BODY_TURN (256 * 1024)          /* bytes, then it is another connection's turn */

/* False: the connection is of no use. */
static bool send_continue(struct http_conn *c)
{
	struct slice text = http_continue();
	struct iovec v = {(char *)(uintptr_t)text.p, text.n};
	const struct http_io io = http_conn_io(c);

	/*
	 * It is short. Where there is no room even for that, the client has not read what it was
	 * sent before; and what TLS has begun to send has to be offered again, which nobody would.
	 */
	if (http_io_send(&io, &v, 1, NULL) != (ssize_t)text.n)
		return false;
	c->before += text.n;
	return true;
}

/* Whoever owes a wake gives it first. */
static enum step out_of_memory(struct http_conn *c)
{
	http_conn_close(c, HTTP_NO_LIMIT);
	return GONE;
}

enum step http_conn_begin_body(struct http_conn *c)
{
	c->asks = c->head.expects_continue && c->in.n == c->in.used;
	if (!c->takes && (c->asks || c->head.length > DROP_MAX)) {
		c->unread = true;
		return http_step_complete(c);
	}
	if (!c->takes)
		c->body = http_body_of(&c->head, DROP_MAX);
	c->state = BODY;
	c->received = 0;
	if (c->takes && !c->brief)
		c->deadline = NEVER; /* that of the head counts no longer */
	return GO_ON;
}

/* Hand on, or drop, what is there of the body, as far as it is taken now; the rest stays in *in. */
static enum http_body_state take_body(struct http_conn *c, struct slice *in)
{
	enum http_body_state state = HTTP_BODY_DATA;
	struct slice piece;

	while (!c->owed && !c->answered &&
	       (state = http_body_take(&c->body, in, &piece)) == HTTP_BODY_DATA) {
		if (c->takes)
			c->worker->server->set.handler->body(c, piece);
	}
	return state;
}

enum step http_conn_leave_body(struct http_conn *c)
{
	c->unread = true;
	return http_step_write(c);
}

static enum step end_body(struct http_conn *c, enum http_body_state state)
{
	if (c->answered)
		return http_conn_leave_body(c);
	switch (state) {
	case HTTP_BODY_BAD: c->unreadable = true; return http_step_refuse(c, 400);
	case HTTP_BODY_BEYOND:
		c->unread = true;
		c->beyond = c->takes;
		return http_step_complete(c);
	case HTTP_BODY_END: return http_step_complete(c);
	case HTTP_BODY_MORE:
	case HTTP_BODY_DATA: break;
	}
	if (c->owed)
		return STOP;
	return c->received < BODY_TURN ? GO_ON : http_step_turn(c);
}

/* What has come with the head, or was kept during a pause. */
static enum http_body_state take_kept(struct http_conn *c)
{
	struct slice rest = http_in_rest(&c->in);
	enum http_body_state state = take_body(c, &rest);

	http_in_forget(&c->in, c->head.size, rest.n);
	return state;
}

enum step http_conn_read_body(struct http_conn *c)
{
	enum http_body_state state;
	struct slice in;
	enum step step;
	size_t got = 0;

	if (c->owed)
		return STOP;
	state = take_kept(c);
	if (c->owed || state != HTTP_BODY_MORE)
		return end_body(c, state);
	if (!http_in_stay(&c->in))
		return out_of_memory(c);
	if (c->asks && !send_continue(c))
		return http_step_end(c, HTTP_CLOSED);
	c->asks = false;
	step = http_step_receive(c, c->worker->buf, c->worker->buf_n, &got);
	if (step != GO_ON)
		return step;
	c->received += (uint32_t)got;
	in = (struct slice){c->worker->buf, got};
	state = take_body(c, &in);
	if (!http_in_add(&c->in, in))
		return out_of_memory(c);
	return end_body(c, state);
}
