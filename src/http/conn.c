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

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define DROP_MAX      ((uint64_t)64 * 1024) /* of a body that nobody takes */
#define REQUESTS_TURN 32                    /* then it is another connection's turn */
#define BODY_TURN     ((uint32_t)1 << 20)   /* bytes, likewise */
#define LEAVE_NS      (1 * NS_PER_S) /* who sends FIN and waits on may have closed one side only */
#define LINGER_NS     (2 * NS_PER_S)
#define LINGER_MAX    ((uint32_t)1 << 20)
#define NEVER         HTTP_PACE_NEVER

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

/* ---- ends ---- */

static enum step destroy(struct http_conn *c)
{
	http_conn_destroy(c);
	return GONE;
}

static enum step finish_and_destroy(struct http_conn *c, enum http_why why)
{
	http_conn_finish(c, why);
	return destroy(c);
}

/* Let others have theirs, and go on. */
static enum step give_turn(struct http_conn *c)
{
	c->posted = true;
	loop_post(c->worker->loop, &c->task);
	return STOP;
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
	begin_writing(c);
	return give_turn(c);
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
	return finish_and_destroy(c, HTTP_LEFT);
}

/* What we say ourselves. */
static enum step refuse(struct http_conn *c, int status)
{
	const struct http_handler *h = c->worker->server->set.handler;
	const struct http_answer answer = {.close = true, .head = http_refusal(status)};

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

/* False: the connection is of no use. */
static bool send_continue(struct http_conn *c)
{
	struct slice text = http_continue();
	struct iovec v = {(char *)(uintptr_t)text.p, text.n};
	const struct http_io io = io_of(c);

	/*
	 * It is short. Where there is no room even for that, the client has not read what it was
	 * sent before; and what TLS has begun to send has to be offered again, which nobody would.
	 */
	if (http_io_send(&io, &v, 1) != (ssize_t)text.n)
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

static enum step begin_body(struct http_conn *c)
{
	c->asks = c->head.expects_continue && c->in.n == c->in.used;
	if (!c->takes && (c->asks || c->head.length > DROP_MAX)) {
		c->unread = true;
		return complete(c);
	}
	if (!c->takes)
		c->body = http_body_of(&c->head, DROP_MAX);
	c->state = BODY;
	c->received = 0;
	if (c->takes)
		c->deadline = NEVER; /* that of the head counts no longer */
	return GO_ON;
}

static enum step begin_request(struct http_conn *c)
{
	c->in.used = c->head.size;
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
	return http_head_has_body(&c->head) || c->owed ? begin_body(c) : complete(c);
}

/* ---- the states ---- */

static enum step read_head(struct http_conn *c)
{
	size_t got = 0;

	if (c->in.n == c->head.scanned) {
		enum step step;

		if (!http_in_extend(&c->in, c->worker->buf, c->worker->buf_n))
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

static enum step end_body(struct http_conn *c, enum http_body_state state)
{
	if (c->answered) {
		c->unread = true;
		return begin_writing(c);
	}
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
	if (c->owed)
		return STOP;
	return c->received < BODY_TURN ? GO_ON : give_turn(c);
}

/* What has come with the head, or was kept during a pause. */
static enum http_body_state take_kept(struct http_conn *c)
{
	struct slice rest = http_in_rest(&c->in);
	enum http_body_state state = take_body(c, &rest);

	http_in_forget(&c->in, c->head.size, rest.n);
	return state;
}

static enum step read_body(struct http_conn *c)
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
		return finish_and_destroy(c, HTTP_CLOSED);
	c->asks = false;
	step = receive(c, c->worker->buf, c->worker->buf_n, &got);
	if (step != GO_ON)
		return step;
	c->received += (uint32_t)got;
	in = (struct slice){c->worker->buf, got};
	state = take_body(c, &in);
	if (!http_in_add(&c->in, in))
		return out_of_memory(c);
	return end_body(c, state);
}

static enum step begin_lingering(struct http_conn *c)
{
	if (c->tls && c->readable) /* it may have been all the same */
		c->readable = !http_io_is_dry(c->fd.fd);
	if (!c->unread && !c->readable && c->in.n == c->in.used)
		return destroy(c);
	if (c->tls)
		tls_goodbye(c->tls);
	shutdown(c->fd.fd, SHUT_WR);
	http_in_drop(&c->in);
	c->state = LINGERING;
	set_deadline_in(c, LINGER_NS);
	return GO_ON;
}

static enum step next_request(struct http_conn *c)
{
	http_in_next(&c->in);
	c->head = (struct http_head){0};
	c->state = RESTING;
	c->timed = false;
	c->readable |= c->ended;
	set_deadline_in(c, c->worker->server->set.idle_timeout_ns);
	if (c->in.n == 0 && c->worker->draining)
		return destroy(c);
	return GO_ON;
}

static enum step lost(struct http_conn *c)
{
	c->gone = true;
	if (!c->owed)
		return finish_and_destroy(c, HTTP_LEFT);
	http_conn_tell_left(c);
	return STOP;
}

static enum step pause_writing(struct http_conn *c)
{
	if (!c->looked)
		set_deadline_in(c, HTTP_PACE_LOOK_NS);
	c->looked = true;
	return STOP;
}

static enum step write_answer(struct http_conn *c)
{
	const struct http_io io = io_of(c);
	struct slice tail = SLICE_NONE;
	enum http_out_state state;

	c->keep = c->keep && !c->out.a.close && !c->unread;
	if (!c->out.begun)
		tail = http_tail(&c->worker->tails, !c->keep           ? HTTP_TAIL_CLOSES
						    : c->head.http_1_0 ? HTTP_TAIL_SAYS_KEPT
								       : HTTP_TAIL_KEPT);
	state = http_out_run(&c->out, &io, tail, c->worker->block);
	c->owed = c->out.waits;
	switch (state) {
	case HTTP_OUT_BLOCKED:
	case HTTP_OUT_NOTHING: return pause_writing(c);
	case HTTP_OUT_TURN: ASSERT(!c->owed); return give_turn(c);
	case HTTP_OUT_LOST: return lost(c);
	case HTTP_OUT_CUT: return finish_and_destroy(c, c->gone ? HTTP_LEFT : HTTP_CUT);
	case HTTP_OUT_SHORT:
		http_conn_note_limit(c, HTTP_SHORT_FILE);
		return finish_and_destroy(c, HTTP_CLOSED);
	case HTTP_OUT_DONE: break;
	}
	http_conn_finish(c, HTTP_COMPLETE);
	return c->keep ? next_request(c) : begin_lingering(c);
}

static enum step linger(struct http_conn *c)
{
	size_t got = 0;
	enum step step;

	/* Its kernel waits then, as ours is full, and it has until the deadline to look at the answer. */
	if (c->drained > LINGER_MAX)
		return c->gone ? destroy(c) : STOP;
	step = receive(c, c->worker->buf, c->worker->buf_n, &got);
	if (step == GO_ON)
		c->drained += (uint32_t)got;
	return step;
}

/* ---- turns ---- */

/* By when what it waits for from its client has to have come. */
static void time_request(struct http_conn *c)
{
	const struct http_settings *set = &c->worker->server->set;

	if (c->state == BODY && c->owed && c->ended) {
		set_deadline_in(c, LEAVE_NS);
	} else if (c->state == BODY && c->takes) {
		set_deadline(c, c->owed ? NEVER
					: http_pace_deadline(c->deadline, c->received,
							     set->min_send_rate));
	} else if ((c->state == READING || c->state == BODY) && !c->timed) {
		c->timed = true;
		set_deadline_in(c, set->header_timeout_ns);
	}
	c->received = 0;
}

/* What stays, stays in a buffer of its own; what does not rest without one. */
static void settle(struct http_conn *c)
{
	time_request(c);
	if (!http_in_stay(&c->in)) {
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

/* Nothing is read, but the handler is to know when its client has gone. */
static void look_for_leaving(struct http_conn *c)
{
	if (c->gone)
		http_conn_tell_left(c);
	else if (c->ended && c->deadline == NEVER)
		set_deadline_in(c, LEAVE_NS);
}

static void ready(struct loop_fd *fd, uint32_t events)
{
	struct http_conn *c = CONTAINER_OF(fd, struct http_conn, fd);

	/* A handshake may have waited to send. */
	c->readable |= c->tls || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	c->ended |= (events & EPOLLRDHUP) != 0;
	c->gone |= (events & (EPOLLHUP | EPOLLERR)) != 0;
	if (c->posted || c->doomed)
		return;
	if (c->state == WRITING && c->gone)
		lost(c);
	else if (c->owed && c->state != WRITING)
		look_for_leaving(c);
	else
		run(c);
}

static void resume(struct http_conn *c)
{
	c->worker->server->set.handler->resume(c);
	if (c->state == WAITING && !c->answered)
		begin_waiting(c);
	else if (c->state == WAITING)
		begin_writing(c);
	else if (c->answered)
		end_body(c, HTTP_BODY_DATA);
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
	else if (c->gone && c->state != WAITING)
		finish_and_destroy(c, HTTP_LEFT);
	else {
		if (owed && c->state != WRITING)
			resume(c);
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

/* Has it ended its side, with nothing of it unread? */
static void find_left(struct http_conn *c)
{
	const struct http_io io = io_of(c);

	c->deadline = NEVER;
	if (c->in.n == c->in.used && http_io_ended(&io))
		http_conn_tell_left(c);
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
	case READING: http_conn_close(c, HTTP_HEADER_TIMEOUT); return;
	case BODY:
		if (c->owed)
			find_left(c);
		else
			http_conn_close(c, c->takes ? HTTP_MIN_SEND_RATE : HTTP_HEADER_TIMEOUT);
		return;
	case WAITING: find_left(c); return;
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
