// SPDX-License-Identifier: MIT
/*
 * See transfer_loop.h. A descriptor is watched from the first time that libcurl names it until it
 * lets go of it or closes it; the struct behind it outlives that by one turn of the loop.
 */
#include "store/transfer_loop.h"
#include "base/clock.h"

#include <sys/epoll.h>

struct socket {
	struct loop_fd fd; /* fd.fd == -1: gone */
	struct transfer_loop *glue;
	struct socket *next_gone;
};

static void socket_ready(struct loop_fd *fd, uint32_t events)
{
	struct socket *s = (struct socket *)fd;
	int curl_events = 0;

	if (fd->fd < 0)
		return;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
		curl_events |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		curl_events |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		curl_events |= CURL_CSELECT_ERR;
	s->glue->act(s->glue, fd->fd, curl_events);
}

/*
 * libcurl lets go of a descriptor while the loop may still hold an event for it in this turn: the
 * struct stays until the turn's tasks run.
 */
static void socket_gone(struct transfer_loop *g, struct socket *s)
{
	if (s->fd.fd < 0)
		return;
	g->by_fd[s->fd.fd] = NULL;
	loop_watch(g->loop, &s->fd, 0);
	s->fd.fd = -1;
	s->next_gone = g->gone;
	g->gone = s;
	if (!g->closing)
		loop_post(g->loop, &g->reap);
}

static void reap_sockets(struct loop_task *task)
{
	struct transfer_loop *g = CONTAINER_OF(task, struct transfer_loop, reap);

	while (g->gone) {
		struct socket *s = g->gone;

		g->gone = s->next_gone;
		free(s);
	}
}

static void remember(struct transfer_loop *g, struct socket *s)
{
	size_t fd = (size_t)s->fd.fd, n = MAX(2 * g->n_by_fd, fd + 64);

	if (fd >= g->n_by_fd) {
		g->by_fd = realloc(g->by_fd, n * sizeof(struct socket *));
		ASSERT(g->by_fd);
		memset(g->by_fd + g->n_by_fd, 0, (n - g->n_by_fd) * sizeof(struct socket *));
		g->n_by_fd = n;
	}
	g->by_fd[fd] = s;
}

/*
 * Called by libcurl in place of close(): the loop must let go of a descriptor before it is closed,
 * since its number may be another thread's a moment later.
 */
static int close_socket(void *ud, curl_socket_t fd)
{
	struct transfer_loop *g = ud;

	if ((size_t)fd < g->n_by_fd && g->by_fd[fd])
		socket_gone(g, g->by_fd[fd]);
	return close(fd);
}

static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *ud, void *socket_ud)
{
	struct transfer_loop *g = ud;
	struct socket *s = socket_ud;

	if (what == CURL_POLL_REMOVE) {
		if (s)
			socket_gone(g, s);
		return 0;
	}
	if (!s) {
		s = xnew(struct socket);
		s->fd = (struct loop_fd){.ready = socket_ready, .fd = fd};
		s->glue = g;
		remember(g, s);
		curl_multi_assign(g->multi, fd, s);
	}
	loop_watch(g->loop, &s->fd,
		   (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0));
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
				    .reap.run = reap_sockets};
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
	reap_sockets(&g->reap);
	free(g->by_fd);
}
