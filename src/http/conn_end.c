// SPDX-License-Identifier: MIT
/*
 * See conn.h: how a request ends, and a connection; who is told of it, and what it is counted as. Whoever
 * ends a connection here touches it no more.
 */
#include "http/conn.h"
#include "http/tls.h"
#include "metric/metric.h"

void http_conn_shaken(struct http_conn *c, bool made)
{
	if (!c->shaking)
		return;
	c->shaking = false;
	atomic_fetch_sub(&c->worker->server->shaking, 1);
	if (made)
		metric_inc(tls_made);
	else
		metric_inc(tls_failed);
}

void http_conn_drop(struct http_conn *c)
{
	struct http_server *s = c->worker->server;

	http_conn_shaken(c, false);
	tls_end(c->tls);
	close_p(&c->fd.fd);
	if (s->set.counted)
		metric_dec(connections);
	atomic_fetch_sub(&c->worker->open, 1);
	free(c);
	atomic_fetch_sub(&s->open, 1);
}

void http_conn_destroy(struct http_conn *c)
{
	ASSERT(!c->owed && !c->posted && !c->active);
	loop_timer_stop(c->worker->loop, &c->timer);
	LIST_REMOVE(c, link);
	http_in_drop(&c->in);
	if (c->tls)
		tls_goodbye(c->tls);
	http_conn_drop(c);
}

static int64_t taken(const struct http_conn *c)
{
	if (c->tls) /* what the client's kernel has taken of records says little of what is in them */
		return http_out_body_sent(&c->out);
	return MIN(http_pace_taken(c->fd.fd, c->before + c->out.head_n), c->out.a.length);
}

void http_conn_finish(struct http_conn *c, enum http_why why)
{
	struct http_end end = {.why = c->unreadable ? HTTP_UNREADABLE : why,
			       .limit = c->closed_by,
			       .answered = c->answered};

	if (c->answered || c->state == WRITING) {
		end.sent = why == HTTP_LEFT || why == HTTP_CLOSED ? taken(c)
								  : http_out_body_sent(&c->out);
		if (c->closed_by == HTTP_SHORT_FILE) /* the client goes on taking that */
			end.sent = http_out_body_sent(&c->out);
		c->before += c->out.sent;
		http_out_end(&c->out);
	}
	c->answered = false;
	if (!c->active)
		return;
	c->worker->server->set.handler->done(c, &end);
	c->active = false;
}

static void count_closed(enum http_limit limit)
{
	switch (limit) {
	case HTTP_HEADER_TIMEOUT: metric_inc(closed_headers); break;
	case HTTP_IDLE_TIMEOUT: metric_inc(closed_idle); break;
	case HTTP_MIN_SEND_RATE: metric_inc(closed_slow); break;
	case HTTP_SHORT_FILE: metric_inc(closed_stuck); break;
	case HTTP_NO_LIMIT:
	case HTTP_DRAIN_TIMEOUT: break;
	}
}

void http_conn_note_limit(struct http_conn *c, enum http_limit limit)
{
	if (c->closed_by)
		return;
	c->closed_by = limit;
	count_closed(limit);
}

void http_conn_tell_left(struct http_conn *c)
{
	const struct http_handler *h = c->worker->server->set.handler;

	if (c->told || !c->active || !h->left)
		return;
	c->told = true;
	h->left(c);
}

void http_conn_close(struct http_conn *c, enum http_limit limit)
{
	http_conn_note_limit(c, limit);
	if (c->owed || c->posted) {
		c->doomed = true;
		if (c->owed)
			http_conn_tell_left(c);
		return;
	}
	http_conn_finish(c, HTTP_CLOSED);
	http_conn_destroy(c);
}

void http_conn_drain(struct http_conn *c)
{
	if (c->state == RESTING && !c->fresh && !c->posted)
		http_conn_destroy(c);
}
