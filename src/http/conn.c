// SPDX-License-Identifier: MIT
/*
 * See conn.h and http.h. run() drives a connection from state to state until it has to wait for
 * something; each state is one function, which says whether to go on. settle() then sees to what has to
 * outlive the turn.
 */
#include "base/file.h"
#include "http/conn_step.h"
#include "metric/metric.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define REQUESTS_TURN 32                /* then it is another connection's turn */
#define READ_AHEAD    ((size_t)2 << 20) /* of a file that is not in memory */
#define LINGER_NS     (2 * NS_PER_S)
#define LINGER_MAX    ((uint32_t)1 << 20)

/* ---- the states ---- */

static enum step begin_request(struct http_conn *c)
{
	c->in.used = c->head.size;
	c->fresh = false;
	c->keep = http_head_keeps(&c->head);
	c->takes = c->brief = c->beyond = c->unread = c->unreadable = c->told = false;
	c->active = true;
	c->ud = NULL;
	c->worker->server->set.handler->request(c);
	if (c->answered) {
		c->unread = http_head_has_body(&c->head);
		return http_step_write(c);
	}
	return http_head_has_body(&c->head) || c->owed ? http_conn_begin_body(c)
						       : http_step_complete(c);
}

static enum step read_head(struct http_conn *c)
{
	size_t got = 0;

	if (c->in.n == c->head.scanned) {
		enum step step;

		if (!http_in_extend(&c->in, c->worker->buf, c->worker->buf_n))
			return http_step_destroy(c);
		step = http_step_receive(c, c->in.p + c->in.n, c->in.room - c->in.n, &got);
		if (step != GO_ON)
			return step;
		c->in.n += got;
	}
	c->state = READING;
	switch (http_head_read(&c->head, c->in.p, c->in.n, c->worker->server->set.max_head)) {
	case HTTP_HEAD_MORE: return GO_ON;
	case HTTP_HEAD_BAD: return http_step_refuse(c, c->head.status);
	case HTTP_HEAD_DONE: break;
	}
	return begin_request(c);
}

static enum step begin_lingering(struct http_conn *c)
{
	if (c->tls && c->readable) /* it may have been all the same */
		c->readable = !http_io_is_dry(c->fd.fd);
	if (!c->unread && !c->readable && c->in.n == c->in.used)
		return http_step_destroy(c);
	if (c->tls)
		tls_goodbye(c->tls);
	shutdown(c->fd.fd, SHUT_WR);
	http_in_drop(&c->in);
	c->state = LINGERING;
	http_conn_set_deadline_in(c, LINGER_NS);
	return GO_ON;
}

static enum step next_request(struct http_conn *c)
{
	http_in_next(&c->in);
	c->head = (struct http_head){0};
	c->state = RESTING;
	c->timed = false;
	c->readable |= c->ended;
	http_conn_set_deadline_in(c, c->worker->server->set.idle_timeout_ns);
	if (c->in.n == 0 && c->worker->draining)
		return http_step_destroy(c);
	return GO_ON;
}

static enum step lost(struct http_conn *c)
{
	c->gone = true;
	if (!c->owed)
		return http_step_end(c, HTTP_LEFT);
	http_conn_tell_left(c);
	return STOP;
}

static enum step pause_writing(struct http_conn *c)
{
	if (!c->looked)
		http_conn_set_deadline_in(c, HTTP_PACE_LOOK_NS);
	c->looked = true;
	return STOP;
}

static void read_ahead(struct pool_job *job)
{
	struct http_conn *c = CONTAINER_OF(job, struct http_conn, ahead);
	int64_t began = clock_mono_ns();
	char byte;

	/* Begun for more than is waited for: the disk has something to do while that is sent. */
	(void)readahead(c->cold.file, c->cold.offset, READ_AHEAD);
	(void)file_read_at(c->cold.file, &byte, 1, c->cold.offset + (int64_t)c->cold.n - 1);
	c->cold_ns = clock_mono_ns() - began;
	http_wake(c);
}

/* False: nobody does, so it is sent as it is. */
static bool begin_reading_ahead(struct http_conn *c)
{
	struct pool *p = c->worker->server->ahead;

	c->cold = http_out_cold(&c->out);
	c->ahead.run = read_ahead;
	c->owed = p && pool_submit(p, &c->ahead) == OK;
	c->out.waits = c->owed;
	if (!c->owed)
		c->cold.n = 0;
	return c->owed;
}

static enum step write_answer(struct http_conn *c)
{
	const struct http_io io = http_conn_io(c);
	struct slice tail = SLICE_NONE;
	enum http_out_state state;

	c->keep = c->keep && !c->out.a.close && !c->unread;
	if (!c->out.begun)
		tail = http_tail(&c->worker->tails, !c->keep           ? HTTP_TAIL_CLOSES
						    : c->head.http_1_0 ? HTTP_TAIL_SAYS_KEPT
								       : HTTP_TAIL_KEPT);
	if (c->cold.n && !c->out.waits) {
		http_out_has_read(&c->out, c->cold_ns);
		c->cold.n = 0;
	}
	do {
		state = http_out_run(&c->out, &io, tail, c->worker->block);
		c->owed = c->out.waits;
	} while (state == HTTP_OUT_COLD && !begin_reading_ahead(c));
	switch (state) {
	case HTTP_OUT_BLOCKED:
	case HTTP_OUT_COLD:
	case HTTP_OUT_NOTHING: return pause_writing(c);
	case HTTP_OUT_TURN: ASSERT(!c->owed); return http_step_turn(c);
	case HTTP_OUT_LOST: return lost(c);
	case HTTP_OUT_CUT: return http_step_end(c, c->gone ? HTTP_LEFT : HTTP_CUT);
	case HTTP_OUT_SHORT:
		http_conn_note_limit(c, HTTP_SHORT_FILE);
		return http_step_end(c, HTTP_CLOSED);
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
		return c->gone ? http_step_destroy(c) : STOP;
	step = http_step_receive(c, c->worker->buf, c->worker->buf_n, &got);
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
		http_conn_set_deadline_in(c, LEAVE_NS);
	} else if (c->state == BODY && c->takes && !c->brief) {
		http_conn_set_deadline(c, c->owed ? NEVER
						  : http_pace_deadline(c->deadline, c->received,
								       set->min_send_rate));
	} else if ((c->state == READING || c->state == BODY) && !c->timed) {
		c->timed = true;
		http_conn_set_deadline_in(c, set->header_timeout_ns);
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
				step = http_step_turn(c);
				break;
			}
			step = read_head(c);
			break;
		case READING: step = read_head(c); break;
		case BODY: step = http_conn_read_body(c); break;
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
		http_conn_set_deadline_in(c, LEAVE_NS);
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
		http_step_wait(c);
	else if (c->state == WAITING)
		http_step_write(c);
	else if (c->answered)
		http_conn_leave_body(c);
}

static void adopt(struct http_conn *c)
{
	struct http_worker *w = c->worker;

	LIST_INSERT_HEAD(&w->conns, c, link);
	http_conn_set_deadline_in(c, w->server->set.header_timeout_ns);
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
		http_step_end(c, HTTP_CLOSED);
	else if (c->gone && c->state != WAITING)
		http_step_end(c, HTTP_LEFT);
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
	http_conn_set_deadline_in(c, HTTP_PACE_LOOK_NS);
}

/* Has it ended its side, with nothing of it unread? */
static void find_left(struct http_conn *c)
{
	const struct http_io io = http_conn_io(c);

	c->deadline = NEVER;
	if (c->in.n == c->in.used && http_io_ended(&io))
		http_conn_tell_left(c);
}

static void due(struct loop_timer *timer)
{
	struct http_conn *c = CONTAINER_OF(timer, struct http_conn, timer);

	if (c->deadline > clock_mono_ns()) {
		http_conn_set_deadline(c, c->deadline);
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
			http_conn_close(c, c->takes && !c->brief ? HTTP_MIN_SEND_RATE
								 : HTTP_HEADER_TIMEOUT);
		return;
	case WAITING: find_left(c); return;
	case WRITING: look(c); return;
	case LINGERING: http_step_destroy(c);
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
