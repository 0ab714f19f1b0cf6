// SPDX-License-Identifier: MIT
/* See http.h: what a handler may ask of a connection and say to it. What becomes of that is in conn.c. */
#include "http/http.h"
#include "http/conn.h"

#include <arpa/inet.h>

void *http_server_ud(const struct http_conn *c)
{
	return c->worker->server->set.ud;
}

void http_set_ud(struct http_conn *c, void *ud)
{
	c->ud = ud;
}

void *http_ud(const struct http_conn *c)
{
	return c->ud;
}

void **http_spare(struct http_conn *c)
{
	return &c->worker->spare;
}

bool http_over_limit(const struct http_conn *c)
{
	return c->over_limit;
}

bool http_is_tls(const struct http_conn *c)
{
	return c->tls != NULL;
}

bool http_is_certified(const struct http_conn *c)
{
	return c->tls && tls_is_certified(c->tls);
}

void http_subject(const struct http_conn *c, char ret[static TLS_SUBJECT_MAX])
{
	ret[0] = '\0';
	if (c->tls)
		tls_subject(c->tls, ret);
}

void http_peer(const struct http_conn *c, char ret[static HTTP_PEER_MAX])
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	ret[0] = '\0';
	if (c->family == AF_INET6 && memcmp(c->address, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, c->address + sizeof(mapped), ret, HTTP_PEER_MAX);
	else if (c->family == AF_INET || c->family == AF_INET6)
		inet_ntop(c->family, c->address, ret, HTTP_PEER_MAX);
}

struct slice http_method(const struct http_conn *c)
{
	return (struct slice){c->in.p + c->head.method, c->head.method_n};
}

struct slice http_target(const struct http_conn *c)
{
	return (struct slice){c->in.p + c->head.target, c->head.target_n};
}

bool http_next_header(const struct http_conn *c, size_t *at, struct http_field *ret)
{
	return http_head_next(&c->head, c->in.p, at, ret);
}

const char *http_header(const struct http_conn *c, struct slice name)
{
	struct http_field f;

	for (size_t at = 0; http_next_header(c, &at, &f);)
		if (slice_eq_nocase(f.name, name))
			return f.value.p;
	return NULL;
}

bool http_has_body(const struct http_conn *c)
{
	return http_head_has_body(&c->head);
}

void http_respond(struct http_conn *c, const struct http_answer *answer)
{
	ASSERT(c->active && !c->answered);
	c->answered = true;
	http_out_begin(&c->out, answer);
}

void http_take_body(struct http_conn *c, uint64_t max)
{
	c->takes = true;
	c->body = http_body_of(&c->head, max);
}

void http_take_brief_body(struct http_conn *c, uint64_t max)
{
	http_take_body(c, max);
	c->brief = true;
}

void http_pause_body(struct http_conn *c)
{
	ASSERT(c->active && c->takes && !c->brief && !c->answered && !c->owed &&
	       c->worker->server->set.handler->resume);
	c->owed = true;
}

bool http_body_beyond(const struct http_conn *c)
{
	return c->beyond;
}

void http_wake(struct http_conn *c)
{
	struct http_worker *w = c->worker; /* the connection may be gone before this returns */

	atomic_fetch_add(&w->waking, 1);
	loop_post(w->loop, &c->task);
	atomic_fetch_sub(&w->waking, 1);
}

const char *http_limit_name(enum http_limit limit)
{
	static const char *const names[] = {
		[HTTP_NO_LIMIT] = "",
		[HTTP_HEADER_TIMEOUT] = "header_timeout",
		[HTTP_IDLE_TIMEOUT] = "idle_timeout",
		[HTTP_MIN_SEND_RATE] = "min_send_rate",
		[HTTP_SHORT_FILE] = "short_file",
		[HTTP_DRAIN_TIMEOUT] = "drain_timeout",
	};

	return names[limit];
}
