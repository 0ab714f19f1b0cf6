// SPDX-License-Identifier: MIT
/*
 * See conn.h and http.h. run() drives a connection from state to state until it has to wait for
 * something; each state is one function, which says whether to go on. settle() then sees to what has to
 * outlive the turn.
 */
#include "http/conn.h"
#include "http/io.h"
#include "http/reply.h"
#include "metric/metric.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define OWN_MIN       ((size_t)1024)
#define DROP_MAX      ((uint64_t)64 * 1024) /* of a body that nobody takes */
#define BODY_RATE_MIN 1024                  /* bytes per second of one that is taken */
#define REQUESTS_TURN 32                    /* then it is another connection's turn */
#define LEAVE_NS      (1 * NS_PER_S) /* who sends FIN and waits on may have closed one side only */
#define LINGER_NS     (2 * NS_PER_S)
#define LINGER_MAX    ((uint32_t)1 << 20)
#define NEVER         INT64_MAX

enum step { GO_ON, STOP, GONE };

/* ---- time ---- */

/* The timer is moved only if it would come too late; it looks at the deadline when it comes. */
static void set_deadline(struct http_conn *c, int64_t at)
{
	c->deadline = at;
	if (at != NEVER && (!c->timer.slot || c->timer.at_ns > at))
		loop_timer_set(c->worker->loop, &c->timer, at);
}

static void set_deadline_in(struct http_conn *c, int64_t ns)
{
	set_deadline(c, clock_coarse_ns() + ns);
}

/* ---- the socket ---- */

static struct http_io io_of(const struct http_conn *c)
{
	return (struct http_io){c->fd.fd, c->tls, c->worker->record};
}

/* It has been made, or never will be. */
static void end_handshake(struct http_conn *c, bool made)
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

/* ---- the end ---- */

void http_conn_drop(struct http_conn *c)
{
	struct http_server *s = c->worker->server;

	end_handshake(c, false);
	tls_end(c->tls);
	close_p(&c->fd.fd);
	if (s->set.counted)
		metric_dec(connections);
	atomic_fetch_sub(&c->worker->open, 1);
	free(c);
	atomic_fetch_sub(&s->open, 1);
}

static enum step destroy(struct http_conn *c)
{
	ASSERT(!c->owed && !c->posted && !c->active);
	loop_timer_stop(c->worker->loop, &c->timer);
	LIST_REMOVE(c, link);
	free(c->in.own);
	if (c->tls)
		tls_goodbye(c->tls);
	http_conn_drop(c);
	return GONE;
}

static int64_t taken(const struct http_conn *c)
{
	if (c->tls) /* what the client's kernel has taken of records says little of what is in them */
		return http_out_body_sent(&c->out);
	return MIN(http_pace_taken(c->fd.fd, c->before + c->out.head_n), c->out.a.length);
}

/* The present request, if there is one, has come to its end. */
static void finish(struct http_conn *c, enum http_why why)
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

static enum step finish_and_destroy(struct http_conn *c, enum http_why why)
{
	finish(c, why);
	return destroy(c);
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

static void note_limit(struct http_conn *c, enum http_limit limit)
{
	if (c->closed_by)
		return;
	c->closed_by = limit;
	count_closed(limit);
}

static void tell_left(struct http_conn *c)
{
	const struct http_handler *h = c->worker->server->set.handler;

	if (c->told || !c->active || !h->left)
		return;
	c->told = true;
	h->left(c);
}

void http_conn_close(struct http_conn *c, enum http_limit limit)
{
	note_limit(c, limit);
	if (c->owed || c->posted) {
		c->doomed = true;
		if (c->owed)
			tell_left(c);
		return;
	}
	finish_and_destroy(c, HTTP_CLOSED);
}

void http_conn_drain(struct http_conn *c)
{
	if (c->state == RESTING && !c->fresh && !c->posted)
		destroy(c);
}

/* ---- bytes that come ---- */

/* Move what is there into a buffer of the connection's own; false when memory is out. */
static bool own_bytes(struct http_conn *c, size_t room)
{
	char *own = malloc(room);

	if (!own)
		return false;
	memcpy(own, c->in.p, c->in.n);
	free(c->in.own);
	c->in = (struct http_in){.own = own, .p = own, .n = c->in.n, .room = room};
	return true;
}

/* Have the connection's own buffer hold what is there, and so much more. */
static bool make_room(struct http_conn *c, size_t more)
{
	struct http_in *in = &c->in;

	if (in->own && in->room >= in->n + more)
		return true;
	return own_bytes(c, MAX(in->n + more, MAX(2 * in->n, OWN_MIN)));
}

/* Where the next bytes of a head go. */
static bool place_for_head(struct http_conn *c)
{
	struct http_worker *w = c->worker;

	if (c->in.n == 0) {
		free(c->in.own);
		c->in = (struct http_in){.p = w->buf, .room = w->buf_n};
	}
	return c->in.n < c->in.room || make_room(c, 1);
}

/* Up to n bytes; GONE when there are no more ever and nothing is to be said to that. */
static enum step receive(struct http_conn *c, char *to, size_t n, size_t *ret_n)
{
	const struct http_io io = io_of(c);
	ssize_t got;

	if (!c->readable)
		return STOP;
	got = http_io_recv(&io, to, n);
	if (c->shaking && tls_is_ready(c->tls))
		end_handshake(c, true);
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
	return finish_and_destroy(c, HTTP_LEFT);
}

/* ---- answering ---- */

static enum step begin_writing(struct http_conn *c)
{
	c->state = WRITING;
	c->looked = false;
	c->deadline = NEVER;
	http_pace_begin(&c->pace);
	return GO_ON;
}

void http_respond(struct http_conn *c, const struct http_answer *answer)
{
	ASSERT(c->active && !c->answered);
	c->answered = true;
	http_out_begin(&c->out, answer);
}

/* What we say ourselves. */
static enum step refuse(struct http_conn *c, int status)
{
	static const struct {
		int status;
		struct slice head;
	} says[] = {
		{400, SLICE("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n")},
		{414, SLICE("HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n")},
		{431,
		 SLICE("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n")},
		{501, SLICE("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n")},
	};
	const struct http_handler *h = c->worker->server->set.handler;
	struct http_answer answer = {.close = true};

	for (size_t i = 0; i < ARRAY_LEN(says); i++)
		if (says[i].status == status)
			answer.head = says[i].head;
	c->keep = false;
	c->unread = true;
	c->fresh = false;
	if (!c->active && h->refused)
		h->refused(c, status);
	http_out_begin(&c->out, &answer);
	return begin_writing(c);
}

static enum step begin_waiting(struct http_conn *c)
{
	ASSERT(c->worker->server->set.handler->resume);
	c->state = WAITING;
	c->owed = true;
	c->deadline = NEVER;
	if (c->ended)
		set_deadline_in(c, LEAVE_NS);
	return STOP;
}

/* The request has been read to its end, or as far as it is going to be. */
static enum step complete(struct http_conn *c)
{
	c->worker->server->set.handler->complete(c);
	return c->answered ? begin_writing(c) : begin_waiting(c);
}

static void send_continue(struct http_conn *c)
{
	struct slice text = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
	struct iovec v = {(char *)(uintptr_t)text.p, text.n};
	const struct http_io io = io_of(c);

	/* It is short, and the first thing that goes out: the socket has room for it. */
	if (http_io_send(&io, &v, 1, false) == (ssize_t)text.n)
		c->before += text.n;
}

static enum step begin_body(struct http_conn *c)
{
	bool waits = c->head.expects_continue && c->in.n == c->used;

	if (!c->takes && (waits || c->head.length > DROP_MAX)) {
		c->unread = true;
		return complete(c);
	}
	if (waits && c->head.length <= c->body.room)
		send_continue(c);
	if (!c->takes)
		c->body = http_body_of(&c->head, DROP_MAX);
	c->state = BODY;
	c->received = 0;
	c->body_began = clock_coarse_ns();
	return GO_ON;
}

static enum step begin_request(struct http_conn *c)
{
	c->used = c->head.size;
	c->fresh = false;
	c->keep = http_head_keeps(&c->head);
	c->takes = c->beyond = c->unread = c->unreadable = c->told = false;
	c->active = true;
	c->ud = NULL;
	c->worker->server->set.handler->request(c);
	if (c->answered) {
		c->unread = http_head_has_body(&c->head);
		return begin_writing(c);
	}
	return http_head_has_body(&c->head) ? begin_body(c) : complete(c);
}

/* ---- the states ---- */

static enum step read_head(struct http_conn *c)
{
	size_t got = 0;

	if (c->in.n == c->head.scanned) {
		enum step step;

		if (!place_for_head(c))
			return destroy(c);
		step = receive(c, c->in.p + c->in.n, c->in.room - c->in.n, &got);
		if (step != GO_ON)
			return step;
		c->in.n += got;
	}
	c->state = READING;
	switch (http_head_read(&c->head, c->in.p, c->in.n, c->worker->server->set.max_head)) {
	case HTTP_HEAD_MORE: return GO_ON;
	case HTTP_HEAD_BAD: return refuse(c, c->head.status);
	case HTTP_HEAD_DONE: break;
	}
	return begin_request(c);
}

/* Hand on, or drop, what is there of the body; what is behind it stays in *in. */
static enum http_body_state take_body(struct http_conn *c, struct slice *in)
{
	enum http_body_state state;
	struct slice piece;

	while ((state = http_body_take(&c->body, in, &piece)) == HTTP_BODY_DATA) {
		c->received += piece.n;
		if (c->takes)
			c->worker->server->set.handler->body(c, piece);
	}
	return state;
}

static enum step end_body(struct http_conn *c, enum http_body_state state)
{
	switch (state) {
	case HTTP_BODY_BAD: c->unreadable = true; return refuse(c, 400);
	case HTTP_BODY_BEYOND:
		c->unread = true;
		c->beyond = c->takes;
		return complete(c);
	case HTTP_BODY_END: return complete(c);
	case HTTP_BODY_MORE:
	case HTTP_BODY_DATA: break;
	}
	return GO_ON;
}

static enum step read_body(struct http_conn *c)
{
	struct slice in = {c->in.p + c->used, c->in.n - c->used};
	enum http_body_state state;
	enum step step;
	size_t got = 0;

	state = take_body(c, &in);
	c->used = c->in.n - in.n;
	if (state != HTTP_BODY_MORE)
		return end_body(c, state);
	if (!make_room(c, 0))
		return finish_and_destroy(c, HTTP_LEFT);
	step = receive(c, c->worker->buf, c->worker->buf_n, &got);
	if (step != GO_ON)
		return step;
	in = (struct slice){c->worker->buf, got};
	state = take_body(c, &in);
	if (in.n && !make_room(c, in.n))
		return finish_and_destroy(c, HTTP_LEFT);
	if (in.n)
		memcpy(c->in.p + c->in.n, in.p, in.n);
	c->in.n += in.n;
	return end_body(c, state);
}

static enum step begin_lingering(struct http_conn *c)
{
	if (c->tls && c->readable) /* it may have been all the same */
		c->readable = !http_io_is_dry(c->fd.fd);
	if (!c->unread && !c->readable && c->in.n == c->used)
		return destroy(c);
	if (c->tls)
		tls_goodbye(c->tls);
	shutdown(c->fd.fd, SHUT_WR);
	free(TAKE(c->in.own));
	c->in = (struct http_in){0};
	c->used = 0;
	c->state = LINGERING;
	set_deadline_in(c, LINGER_NS);
	return GO_ON;
}

static enum step next_request(struct http_conn *c)
{
	c->in.p += c->used;
	c->in.n -= c->used;
	c->in.room -= c->used;
	c->used = 0;
	c->head = (struct http_head){0};
	c->state = RESTING;
	c->timed = false;
	c->readable |= c->ended;
	set_deadline_in(c, c->worker->server->set.idle_timeout_ns);
	if (c->in.n == 0 && c->worker->draining)
		return destroy(c);
	return GO_ON;
}

static struct slice tail_for(const struct http_conn *c)
{
	struct http_worker *w = c->worker;
	int which = !c->keep ? 2 : c->head.http_1_0;
	int64_t now = clock_wall_s();

	if (w->tail_s != now) {
		static const char *const says[] = {"", "Connection: keep-alive\r\n",
						   "Connection: close\r\n"};
		char date[HTTP_DATE_LEN];

		http_date_format(now, date);
		w->tail_s = now;
		for (int i = 0; i < 3; i++)
			w->tail_n[i] = (size_t)snprintf(w->tail[i], HTTP_TAIL_MAX,
							"Date: %s\r\n%s\r\n", date, says[i]);
	}
	return (struct slice){w->tail[which], w->tail_n[which]};
}

static enum step lost(struct http_conn *c)
{
	c->gone = true;
	if (!c->owed)
		return finish_and_destroy(c, HTTP_LEFT);
	tell_left(c);
	return STOP;
}

static enum step pause_writing(struct http_conn *c)
{
	if (!c->looked)
		set_deadline_in(c, HTTP_PACE_LOOK_NS);
	c->looked = true;
	return STOP;
}

static enum step give_turn(struct http_conn *c)
{
	c->posted = true;
	loop_post(c->worker->loop, &c->task);
	return STOP;
}

static enum step write_answer(struct http_conn *c)
{
	const struct http_io io = io_of(c);
	struct slice tail = SLICE_NONE;
	enum http_out_state state;

	c->keep = c->keep && !c->out.a.close && !c->unread;
	if (!c->out.begun)
		tail = tail_for(c);
	state = http_out_run(&c->out, &io, tail, c->worker->block);
	c->owed = c->out.waits;
	switch (state) {
	case HTTP_OUT_BLOCKED:
	case HTTP_OUT_NOTHING: return pause_writing(c);
	case HTTP_OUT_TURN: ASSERT(!c->owed); return give_turn(c);
	case HTTP_OUT_LOST: return lost(c);
	case HTTP_OUT_CUT: return finish_and_destroy(c, c->gone ? HTTP_LEFT : HTTP_CUT);
	case HTTP_OUT_SHORT:
		note_limit(c, HTTP_SHORT_FILE);
		return finish_and_destroy(c, HTTP_CLOSED);
	case HTTP_OUT_DONE: break;
	}
	finish(c, HTTP_COMPLETE);
	return c->keep ? next_request(c) : begin_lingering(c);
}

static enum step linger(struct http_conn *c)
{
	size_t got = 0;
	enum step step = receive(c, c->worker->buf, c->worker->buf_n, &got);

	if (step != GO_ON)
		return step;
	c->drained += (uint32_t)got;
	return c->drained > LINGER_MAX ? destroy(c) : GO_ON;
}

/* ---- turns ---- */

/* By when what it waits for from its client has to have come. */
static void time_request(struct http_conn *c)
{
	int64_t timeout = c->worker->server->set.header_timeout_ns;

	if (c->state == BODY && c->takes) {
		int64_t earned = (int64_t)MIN(c->received, UINT32_MAX) * (NS_PER_S / BODY_RATE_MIN);

		set_deadline(c, c->body_began + timeout + earned);
	} else if ((c->state == READING || c->state == BODY) && !c->timed) {
		c->timed = true;
		set_deadline_in(c, timeout);
	}
}

/* What stays, stays in a buffer of its own; what does not rest without one. */
static void settle(struct http_conn *c)
{
	time_request(c);
	if (!c->in.n) {
		free(TAKE(c->in.own));
		c->in = (struct http_in){0};
	} else if (!c->in.own && !own_bytes(c, MAX(c->in.n, OWN_MIN))) {
		http_conn_close(c, HTTP_NO_LIMIT); /* out of memory */
		return;
	}
	if (!c->watched)
		loop_watch(c->worker->loop, &c->fd,
			   EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t)EPOLLET);
	c->watched = true;
}

static void run(struct http_conn *c)
{
	enum step step = GO_ON;

	for (int requests = 0; step == GO_ON;) {
		switch (c->state) {
		case RESTING:
			if (++requests > REQUESTS_TURN) {
				step = give_turn(c);
				break;
			}
			step = read_head(c);
			break;
		case READING: step = read_head(c); break;
		case BODY: step = read_body(c); break;
		case WAITING: step = STOP; break;
		case WRITING: step = write_answer(c); break;
		case LINGERING: step = linger(c); break;
		}
	}
	if (step == STOP)
		settle(c);
}

static void ready(struct loop_fd *fd, uint32_t events)
{
	struct http_conn *c = CONTAINER_OF(fd, struct http_conn, fd);

	/* A handshake may have waited to send. */
	c->readable |= c->tls || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	c->ended |= (events & EPOLLRDHUP) != 0;
	if (c->posted || c->doomed)
		return;
	switch (c->state) {
	case WAITING:
		c->gone |= (events & (EPOLLHUP | EPOLLERR)) != 0;
		if (c->gone)
			tell_left(c);
		else if (c->ended && c->deadline == NEVER)
			set_deadline_in(c, LEAVE_NS);
		return;
	case WRITING:
		if (!(events & (EPOLLHUP | EPOLLERR)))
			run(c);
		else
			lost(c);
		return;
	case RESTING:
	case READING:
	case BODY:
	case LINGERING: run(c);
	}
}

static void resume(struct http_conn *c)
{
	c->worker->server->set.handler->resume(c);
	if (c->answered)
		begin_writing(c);
	else
		begin_waiting(c);
}

static void adopt(struct http_conn *c)
{
	struct http_worker *w = c->worker;

	LIST_INSERT_HEAD(&w->conns, c, link);
	set_deadline_in(c, w->server->set.header_timeout_ns);
	run(c);
}

static void woken(struct loop_task *task)
{
	struct http_conn *c = CONTAINER_OF(task, struct http_conn, task);
	bool owed = c->owed && !c->posted && !c->handed;

	if (c->handed) {
		c->handed = false;
		adopt(c);
		return;
	}
	c->posted = false;
	if (owed) {
		c->owed = false;
		http_out_woken(&c->out);
	}
	if (c->doomed)
		finish_and_destroy(c, HTTP_CLOSED);
	else if (c->gone && c->state == WRITING)
		finish_and_destroy(c, HTTP_LEFT);
	else if (c->state == WAITING) {
		resume(c);
		run(c);
	} else {
		run(c);
	}
}

static void look(struct http_conn *c)
{
	const struct http_settings *set = &c->worker->server->set;

	if (http_pace_look(&c->pace, c->fd.fd, set->min_send_rate)) {
		http_conn_close(c, HTTP_MIN_SEND_RATE);
		return;
	}
	if (http_conn_is_slow(c, set->min_send_rate))
		loop_post(c->worker->loop, &c->worker->crowd);
	set_deadline_in(c, HTTP_PACE_LOOK_NS);
}

static void due(struct loop_timer *timer)
{
	struct http_conn *c = CONTAINER_OF(timer, struct http_conn, timer);

	if (c->deadline > clock_mono_ns()) {
		set_deadline(c, c->deadline);
		return;
	}
	switch (c->state) {
	case RESTING:
		http_conn_close(c, c->fresh ? HTTP_HEADER_TIMEOUT : HTTP_IDLE_TIMEOUT);
		return;
	case READING:
	case BODY: http_conn_close(c, HTTP_HEADER_TIMEOUT); return;
	case WAITING:
		c->deadline = NEVER;
		if (c->in.n == c->used && http_io_ended(c->fd.fd))
			tell_left(c);
		return;
	case WRITING: look(c); return;
	case LINGERING: destroy(c);
	}
}

struct http_conn *http_conn_new(struct http_worker *w, int fd, bool over_limit)
{
	struct http_conn *c = xnew(struct http_conn);

	c->fd.fd = fd;
	c->fd.ready = ready;
	c->timer.due = due;
	c->task.run = woken;
	c->worker = w;
	c->over_limit = over_limit;
	c->fresh = c->timed = true;
	c->readable = true;
	if (w->server->set.counted)
		metric_inc(connections);
	return c;
}

bool http_conn_use_tls(struct http_conn *c, struct tls *tls)
{
	c->shaking = true;
	c->tls = tls_accept(tls, c->fd.fd);
	return c->tls != NULL;
}

void http_conn_begin(struct http_conn *c, bool here)
{
	if (here) {
		adopt(c);
		return;
	}
	c->handed = true;
	loop_post(c->worker->loop, &c->task);
}

/* ---- for the handler ---- */

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

void http_take_body(struct http_conn *c, uint64_t max)
{
	c->takes = true;
	c->body = http_body_of(&c->head, max);
}

bool http_body_beyond(const struct http_conn *c)
{
	return c->beyond;
}

void http_wake(struct http_conn *c)
{
	loop_post(c->worker->loop, &c->task);
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
