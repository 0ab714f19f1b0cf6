// SPDX-License-Identifier: MIT
/*
 * The event loop turned by hand, in the test's own thread and on a frozen clock: nothing sleeps,
 * and a pause of ten seconds takes none. The loop is the program's own, included so that its steps
 * can be called; its symbols come from here and not from the library.
 *
 *	struct loop *l = manual_loop();		the clock stands still from now on
 *	manual_settle(l);			run all that can run at this time
 *	manual_advance(l, NS_PER_S);		a second passes: all timers in it, in their order
 */
#pragma once
#include "base/clock.h"
#include "base/loop.c"
#include <stdlib.h>

#define MANUAL_START_NS (1000 * NS_PER_S)

__attribute__((unused)) static struct loop *manual_loop(void)
{
	struct loop *l;

	clock_freeze_mono_ns(MANUAL_START_NS);
	ASSERT(loop_new(&l, NULL) == OK);
	return l;
}

/* One turn; false when nothing was there to do. Waits wait_ms at most for descriptors. */
static bool manual_turn(struct loop *l, int wait_ms)
{
	struct epoll_event events[EVENTS_PER_TURN];
	bool due = l->n_timers && l->heap[0]->at_ns <= clock_mono_ns();
	int n = epoll_wait(l->epoll, events, EVENTS_PER_TURN, due ? 0 : wait_ms);

	for (int i = 0; i < n; i++) {
		struct loop_fd *fd = events[i].data.ptr;

		fd->ready(fd, events[i].events);
	}
	if (run_tasks(l))
		due = true;
	run_timers(l);
	return n > 0 || due;
}

static void manual_settle(struct loop *l)
{
	while (manual_turn(l, 0))
		;
}

/* Let time pass; the clock stops at each timer on the way. */
__attribute__((unused)) static void manual_advance(struct loop *l, int64_t ns)
{
	int64_t end = clock_mono_ns() + ns;

	manual_settle(l);
	while (l->n_timers && l->heap[0]->at_ns <= end) {
		clock_freeze_mono_ns(MAX(l->heap[0]->at_ns, clock_mono_ns()));
		manual_settle(l);
	}
	clock_freeze_mono_ns(end);
}

/* Turn until *flag, with time standing still; false when it does not come within ten seconds. */
__attribute__((unused)) static bool manual_until(struct loop *l, const bool *flag)
{
	for (int i = 0; i < 100 && !*flag; i++)
		while (manual_turn(l, *flag ? 0 : 100) && !*flag)
			;
	return *flag;
}

/* Turn until cond holds, with time standing still; false when nothing has come for five seconds. */
#define MANUAL_UNTIL(l, cond)                                                                      \
	__extension__({                                                                            \
		for (int idle_ = 0; !(cond) && idle_ < 50;)                                        \
			idle_ = manual_turn((l), 100) ? 0 : idle_ + 1;                             \
		(cond);                                                                            \
	})
