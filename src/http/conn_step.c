// SPDX-License-Identifier: MIT
/* See conn_step.h. */
#include "http/conn_step.h"
#include "http/reply.h"

#include <errno.h>

/* ---- time ---- */

void http_conn_set_deadline(struct http_conn *c, int64_t at)
{
	c->deadline = at;
	if (at != NEVER && (!c->timer.slot || c->timer.at_ns > at))
		loop_timer_set(c->worker->loop, &c->timer, at);
}

void http_conn_set_deadline_in(struct http_conn *c, int64_t ns)
{
	http_conn_set_deadline(c, clock_coarse_ns() + ns);
}

/* ---- ends ---- */

enum step http_step_destroy(struct http_conn *c)
{
	http_conn_destroy(c);
	return GONE;
}

enum step http_step_end(struct http_conn *c, enum http_why why)
{
	http_conn_finish(c, why);
	return http_step_destroy(c);
}

enum step http_step_turn(struct http_conn *c)
{
	c->posted = true;
	loop_post(c->worker->loop, &c->task);
	return STOP;
}

/* ---- answers ---- */

enum step http_step_write(struct http_conn *c)
{
	c->state = WRITING;
	c->looked = false;
	c->deadline = NEVER;
	http_pace_begin(&c->pace);
	return GO_ON;
}

enum step http_step_refuse(struct http_conn *c, int status)
{
	const struct http_handler *h = c->worker->server->set.handler;
	const struct http_answer answer = {.close = true, .head = http_refusal(status)};

	c->keep = false;
	c->unread = true;
	c->fresh = false;
	if (!c->active && h->refused)
		h->refused(c, status);
	http_out_begin(&c->out, &answer);
	return http_step_write(c);
}

enum step http_step_wait(struct http_conn *c)
{
	ASSERT(c->worker->server->set.handler->resume);
	c->state = WAITING;
	c->owed = true;
	c->deadline = NEVER;
	if (c->ended)
		http_conn_set_deadline_in(c, LEAVE_NS);
	return STOP;
}

enum step http_step_complete(struct http_conn *c)
{
	c->worker->server->set.handler->complete(c);
	return c->answered ? http_step_write(c) : http_step_wait(c);
}

/* ---- what comes ---- */

/* It is said in plain HTTP, too, so that a browser can show it. */
static enum step refuse_plain(struct http_conn *c)
{
	struct http_answer answer = {.close = true, .kind = HTTP_ANSWER_BYTES};

	answer.head = http_wants_tls(&answer.bytes);
	answer.length = (int64_t)answer.bytes.n;
	http_conn_shaken(c, false);
	tls_end(TAKE(c->tls));
	c->keep = false;
	c->unread = true;
	http_out_begin(&c->out, &answer);
	http_step_write(c);
	return http_step_turn(c);
}

enum step http_step_receive(struct http_conn *c, char *to, size_t n, size_t *ret_n)
{
	const struct http_io io = http_conn_io(c);
	ssize_t got;

	if (!c->readable)
		return STOP;
	got = http_io_recv(&io, to, n);
	if (c->shaking && tls_is_ready(c->tls))
		http_conn_shaken(c, true);
	if (got > 0) {
		/*
		 * Less than was asked for: that was all, unless it was a record and others are there.
		 * But the end is still to be read.
		 */
		c->readable = (size_t)got == n || c->ended || c->tls;
		*ret_n = (size_t)got;
		return GO_ON;
	}
	if (got < 0 && errno == EAGAIN) {
		c->readable = false;
		return STOP;
	}
	if (got < 0 && errno == EPROTOTYPE)
		return refuse_plain(c);
	return http_step_end(c, HTTP_LEFT);
}
