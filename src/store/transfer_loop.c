// SPDX-License-Identifier: MIT
/*
 * See transfer_loop.h. A descriptor's number is libcurl's, and may be another thread's file once it
 * has been closed. So it is used only where it is known to be open:
 *
 *	socket_changed	libcurl asks to be told of it
 *	close_socket	libcurl has it closed by us
 *	stop_watching	it has an event, in a later turn than that in which libcurl let go of it
 *
 * Not when libcurl lets go of it (CURL_POLL_REMOVE): a socket that was still connecting has then
 * been closed by libcurl itself, without close_socket (7.88). Nothing has to be done about that,
 * for a closed descriptor leaves the epoll set by itself. A socket that goes back to libcurl's pool
 * stays in the set until it is used again, or has an event there, which means that its server has
 * closed it or sent something.
 */
#include "store/transfer_loop.h"
#include "base/clock.h"

#include <sys/epoll.h>

struct socket {
	struct loop_fd fd; /* fd.fd == -1: gone */
	struct transfer_loop *glue;
	uint32_t wanted; /* epoll events; 0: libcurl has let go of it */
	uint64_t let_go; /* in which turn, the last time */
	struct socket *next_gone;
};

static void stop_watching(struct socket *s)
{
	loop_watch(s->glue->loop, &s->fd, 0);
}

static void socket_ready(struct loop_fd *fd, uint32_t events)
{
	struct socket *s = (struct socket *)fd;
	int curl_events = 0;

	/* An event of this turn may be of the time before libcurl let go of the socket. */
	if (fd->fd < 0 || s->let_go == s->glue->turn)
		return;
	if (!s->wanted) {
		stop_watching(s);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
		curl_events |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		curl_events |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		curl_events |= CURL_CSELECT_ERR;
	s->glue->act(s->glue, fd->fd, curl_events);
}

static void let_go(struct socket *s)
{
	struct transfer_loop *g = s->glue;

	s->let_go = g->turn;
	if (!g->closing)
		loop_post(g->loop, &g->turn_over);
}

static void end_turn(struct loop_task *task)
{
	struct transfer_loop *g = CONTAINER_OF(task, struct transfer_loop, turn_over);

	g->turn++;
	while (g->gone) {
		struct socket *s = g->gone;

		g->gone = s->next_gone;
		free(s);
	}
}

static struct socket *remembered(const struct transfer_loop *g, curl_socket_t fd)
{
	return (size_t)fd < g->n_by_fd ? g->by_fd[fd] : NULL;
}

static struct socket *remember(struct transfer_loop *g, curl_socket_t fd)
{
	size_t at = (size_t)fd, n = MAX(2 * g->n_by_fd, at + 64);
	struct socket *s = xnew(struct socket);

	if (at >= g->n_by_fd) {
		g->by_fd = realloc(g->by_fd, n * sizeof(struct socket *));
		ASSERT(g->by_fd);
		memset(g->by_fd + g->n_by_fd, 0, (n - g->n_by_fd) * sizeof(struct socket *));
		g->n_by_fd = n;
	}
	s->fd = (struct loop_fd){.ready = socket_ready, .fd = fd};
	s->glue = g;
	g->by_fd[at] = s;
	return s;
}

/* Called by libcurl in place of close(), for sockets that have been connected. */
static int close_socket(void *ud, curl_socket_t fd)
{
	struct transfer_loop *g = ud;
	struct socket *s = remembered(g, fd);

	if (s) {
		loop_watch(g->loop, &s->fd, 0);
		g->by_fd[fd] = NULL;
		s->fd.fd = -1;
		s->next_gone = g->gone;
		g->gone = s;
		let_go(s);
	}
	return close(fd);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *ud, void *socket_ud)
{
	struct transfer_loop *g = ud;
	struct socket *s = remembered(g, fd);

	if (what == CURL_POLL_REMOVE && s) {
		s->wanted = 0;
		let_go(s);
	}
	if (what == CURL_POLL_REMOVE)
		return 0;
	if (!s)
		s = remember(g, fd);
	s->wanted = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	loop_watch(g->loop, &s->fd, s->wanted);
	return 0;
}

static int timer_changed(CURLM *multi, long timeout_ms, void *ud)
{
	struct transfer_loop *g = ud;

	if (timeout_ms < 0)
		loop_timer_stop(g->loop, &g->timer);
	else
		loop_timer_set(g->loop, &g->timer, clock_mono_ns() + timeout_ms * NS_PER_MS);
	return 0;
}

static void timer_due(struct loop_timer *timer)
{
	struct transfer_loop *g = CONTAINER_OF(timer, struct transfer_loop, timer);

	g->act(g, CURL_SOCKET_TIMEOUT, 0);
}

void transfer_loop_init(struct transfer_loop *g, struct loop *loop, CURLM *multi,
			void (*act)(struct transfer_loop *g, curl_socket_t fd, int curl_events))
{
	*g = (struct transfer_loop){.loop = loop,
				    .multi = multi,
				    .act = act,
				    .timer.due = timer_due,
				    .turn = 1,
				    .turn_over.run = end_turn};
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, g);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, g);
}

void transfer_loop_adopt(struct transfer_loop *g, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, g);
}

void transfer_loop_fini(struct transfer_loop *g)
{
	end_turn(&g->turn_over);
	for (size_t i = 0; i < g->n_by_fd; i++)
		free(g->by_fd[i]);
	free(g->by_fd);
}
