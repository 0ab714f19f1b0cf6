// SPDX-License-Identifier: MIT
/*
 * An event loop on a thread of its own: epoll, timers, and a mailbox. Everything that belongs to
 * a loop (timers, descriptors, the objects behind them) is touched on its thread only, which is
 * why none of it needs a lock; other threads reach it by loop_post() and nothing else.
 *
 * Tasks, timers and descriptors are embedded in their owner's struct: nothing here allocates per
 * event. The owner must outlive what it has posted or set.
 */
#pragma once
#include "base/err.h"
#include "base/list.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_task {
	void (*run)(struct loop_task *task);
	STAILQ_ENTRY(loop_task) place; /* the loop's */
	atomic_bool queued;            /* the loop's: posting a queued task does nothing */
};

struct loop_timer {
	void (*due)(struct loop_timer *timer);
	int64_t at_ns; /* the loop's */
	size_t slot;   /* the loop's: place in the heap + 1, 0 = not set */
};

struct loop_fd {
	void (*ready)(struct loop_fd *fd, uint32_t epoll_events);
	int fd;
	bool added; /* the loop's */
};

MUST_CHECK enum err loop_new(struct loop **ret, struct error *e);
MUST_CHECK enum err loop_start(struct loop *l, const char *thread_name, struct error *e);
/* Ask the thread to end once no task is queued, and wait for it; timers are not waited for. */
void loop_stop(struct loop *l);
void loop_free(struct loop *l); /* after loop_stop(); accepts NULL */

/* Any thread: run the task soon on the loop's thread. Tasks run in the order of posting. */
void loop_post(struct loop *l, struct loop_task *task);
/*
 * Any thread: which turn the loop is in; even while it sleeps, or does not run. Whoever takes a shared
 * pointer away, by a sequentially consistent store, and sees an even number after that, or sees the number
 * change, knows that nothing on the loop's thread uses what it led to any more: see quiet.h.
 */
uint64_t loop_turn(const struct loop *l);

/* The loop's thread only, from here on. A timer that is set again moves. */
void loop_timer_set(struct loop *l, struct loop_timer *timer, int64_t at_ns);
void loop_timer_stop(struct loop *l, struct loop_timer *timer);
/* Watch fd->fd for epoll events (0: stop watching). */
void loop_watch(struct loop *l, struct loop_fd *fd, uint32_t epoll_events);
