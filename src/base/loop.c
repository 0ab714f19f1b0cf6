// SPDX-License-Identifier: MIT
/*
 * See loop.h. One turn of the loop: wait for events or the next timer, run what is ready of
 * the descriptors, then the whole mailbox (taken under its lock, run without it), then the timers
 * that are due.
 *
 * The mailbox wakes the thread through an eventfd, and only when it was empty: a burst of posts
 * costs one write, and what the thread posts to itself costs none. It is watched for its edges, each write
 * being one, so that it need not be read. Timers are a binary heap of pointers; each timer knows its slot, so
 * that moving or stopping one is O(log n).
 */
#include "base/loop.h"
#include "base/clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define EVENTS_PER_TURN 128

struct loop {
	int epoll;
	struct loop_fd wake; /* an eventfd */
	pthread_t thread;
	bool started;
	bool stopping; /* the loop's thread only */
	bool again; /* likewise: it has posted to itself, and does not sleep before that has run */
	struct loop_task stop;

	struct loop_timer **heap;
	size_t n_timers, cap_timers;

	atomic_uint_least64_t turn;

	pthread_mutex_t mu;
	STAILQ_HEAD(mail, loop_task) mail; /* under mu: the mailbox */
};

static _Thread_local struct loop *mine; /* which this thread runs, if it runs one */

/* The mail is looked at in each turn. */
static void wake_came(struct loop_fd *fd, uint32_t events)
{
}

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->slot = i + 1;
}

static void heap_up(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	while (i > 0 && l->heap[(i - 1) / 2]->at_ns > t->at_ns) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->n_timers)
			break;
		if (child + 1 < l->n_timers && l->heap[child + 1]->at_ns < l->heap[child]->at_ns)
			child++;
		if (l->heap[child]->at_ns >= t->at_ns)
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

void loop_timer_stop(struct loop *l, struct loop_timer *timer)
{
	size_t i = timer->slot - 1;
	struct loop_timer *last;

	if (!timer->slot)
		return;
	timer->slot = 0;
	last = l->heap[--l->n_timers];
	if (last == timer)
		return;
	heap_put(l, i, last);
	heap_up(l, i);
	heap_down(l, last->slot - 1);
}

void loop_timer_set(struct loop *l, struct loop_timer *timer, int64_t at_ns)
{
	loop_timer_stop(l, timer);
	if (l->n_timers == l->cap_timers) {
		l->cap_timers = l->cap_timers ? 2 * l->cap_timers : 64;
		l->heap = realloc(l->heap, l->cap_timers * sizeof(struct loop_timer *));
		ASSERT(l->heap);
	}
	timer->at_ns = at_ns;
	heap_put(l, l->n_timers, timer);
	heap_up(l, l->n_timers++);
}

void loop_watch(struct loop *l, struct loop_fd *fd, uint32_t epoll_events)
{
	struct epoll_event ev = {.events = epoll_events, .data.ptr = fd};
	int op = !epoll_events ? EPOLL_CTL_DEL : fd->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (!epoll_events && !fd->added)
		return;
	/* A descriptor that was closed meanwhile has left the set by itself. */
	if (epoll_ctl(l->epoll, op, fd->fd, &ev) != 0 && op == EPOLL_CTL_MOD && errno == ENOENT)
		epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd->fd, &ev);
	fd->added = epoll_events != 0;
}

void loop_post(struct loop *l, struct loop_task *task)
{
	bool was_empty;
	uint64_t one = 1;

	if (atomic_exchange(&task->queued, true))
		return;
	pthread_mutex_lock(&l->mu);
	was_empty = STAILQ_EMPTY(&l->mail);
	STAILQ_INSERT_TAIL(&l->mail, task, place);
	pthread_mutex_unlock(&l->mu);
	if (mine == l) {
		l->again = true;
	} else if (was_empty) {
		ssize_t n = write(l->wake.fd, &one, sizeof(one));

		(void)n;
	}
}

static void take_mail(struct loop *l, struct mail *ret)
{
	LOCK_SCOPE(&l->mu);

	STAILQ_CONCAT(ret, &l->mail);
}

/* A task may free itself or be posted again while it runs: it is taken out first. */
static bool run_tasks(struct loop *l)
{
	struct mail mail = STAILQ_HEAD_INITIALIZER(mail);
	struct loop_task *task;
	bool any = false;

	l->again = false;
	take_mail(l, &mail);
	while ((task = STAILQ_FIRST(&mail))) {
		STAILQ_REMOVE_HEAD(&mail, place);
		any = true;
		atomic_store(&task->queued, false);
		task->run(task);
	}
	return any;
}

static void run_timers(struct loop *l)
{
	int64_t now = clock_mono_ns();

	while (l->n_timers && l->heap[0]->at_ns <= now) {
		struct loop_timer *t = l->heap[0];

		loop_timer_stop(l, t);
		t->due(t);
	}
}

static int timeout_ms(const struct loop *l)
{
	int64_t left;

	if (l->again)
		return 0;
	if (!l->n_timers)
		return -1;
	left = l->heap[0]->at_ns - clock_mono_ns();
	return left <= 0 ? 0 : (int)MIN((left + NS_PER_MS - 1) / NS_PER_MS, 60000);
}

uint64_t loop_turn(const struct loop *l)
{
	return atomic_load(&l->turn);
}

/* What is read in the turn is read after its number can be seen, and no more once the next one can be. */
static void begin_turn(struct loop *l)
{
	atomic_store(&l->turn, atomic_load_explicit(&l->turn, memory_order_relaxed) + 1);
}

static void end_turn(struct loop *l)
{
	uint64_t turn = atomic_load_explicit(&l->turn, memory_order_relaxed);

	atomic_store_explicit(&l->turn, turn + 1, memory_order_release);
}

static void *loop_main(void *arg)
{
	struct loop *l = arg;
	struct epoll_event events[EVENTS_PER_TURN];

	mine = l;
	while (!l->stopping) {
		int n = epoll_wait(l->epoll, events, EVENTS_PER_TURN, timeout_ms(l));

		begin_turn(l);
		for (int i = 0; i < n; i++) {
			struct loop_fd *fd = events[i].data.ptr;

			fd->ready(fd, events[i].events);
		}
		run_tasks(l);
		run_timers(l);
		end_turn(l);
	}
	begin_turn(l);
	while (run_tasks(l))
		;
	end_turn(l);
	return NULL;
}

enum err loop_new(struct loop **ret, struct error *e)
{
	struct loop *l = xnew(struct loop);

	pthread_mutex_init(&l->mu, NULL);
	STAILQ_INIT(&l->mail);
	l->wake = (struct loop_fd){.ready = wake_came,
				   .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0 || l->wake.fd < 0) {
		err_sys(e, ERR_IO, "cannot make an event loop");
		loop_free(l);
		return ERR_IO;
	}
	loop_watch(l, &l->wake, EPOLLIN | (uint32_t)EPOLLET);
	*ret = l;
	return OK;
}

enum err loop_start(struct loop *l, const char *thread_name, struct error *e)
{
	int rc = pthread_create(&l->thread, NULL, loop_main, l);

	if (rc) {
		errno = rc;
		return err_sys(e, ERR_IO, "cannot start thread '%s'", thread_name);
	}
	l->started = true;
	pthread_setname_np(l->thread, thread_name);
	return OK;
}

static void stop(struct loop_task *task)
{
	CONTAINER_OF(task, struct loop, stop)->stopping = true;
}

void loop_stop(struct loop *l)
{
	if (!l || !l->started)
		return;
	l->stop.run = stop;
	loop_post(l, &l->stop);
	pthread_join(l->thread, NULL);
	l->started = false;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	close_p(&l->wake.fd);
	close_p(&l->epoll);
	free(l->heap);
	pthread_mutex_destroy(&l->mu);
	free(l);
}
