// SPDX-License-Identifier: MIT
/* See wait.h. */
#include "base/wait.h"

#include <errno.h>

struct timespec wait_end(int64_t timeout_ns)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	timeout_ns += end.tv_nsec;
	end.tv_sec += timeout_ns / NS_PER_S;
	end.tv_nsec = timeout_ns % NS_PER_S;
	return end;
}

bool wait_change(pthread_cond_t *cond, pthread_mutex_t *mu, const struct timespec *end)
{
	return pthread_cond_clockwait(cond, mu, CLOCK_MONOTONIC, end) == 0;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/*
 * The thread sanitizer of clang 14 does not know the two functions that follow, and would report a
 * race with the thread that was waited for. The functions that it knows go by the wall clock.
 */
static struct timespec on_the_wall(const struct timespec *end)
{
	struct timespec mono, wall;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &wall);
	ns = (end->tv_sec - mono.tv_sec) * NS_PER_S + end->tv_nsec - mono.tv_nsec;
	ns = MAX(ns, 0) + wall.tv_nsec;
	return (struct timespec){.tv_sec = wall.tv_sec + ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

static int timed_join(pthread_t thread, const struct timespec *end)
{
	const struct timespec wall = on_the_wall(end);

	return pthread_timedjoin_np(thread, NULL, &wall);
}

static int timed_sem(sem_t *sem, const struct timespec *end)
{
	const struct timespec wall = on_the_wall(end);

	return sem_timedwait(sem, &wall);
}

#define pthread_clockjoin_np(thread, ret, clock, end) timed_join(thread, end)
#define sem_clockwait(sem, clock, end)                timed_sem(sem, end)
#endif
#endif

bool wait_posted(sem_t *sem, int64_t timeout_ns)
{
	const struct timespec end = wait_end(timeout_ns);
	int rc;

	do
		rc = sem_clockwait(sem, CLOCK_MONOTONIC, &end);
	while (rc != 0 && errno == EINTR);
	return rc == 0;
}

bool wait_ended(pthread_t thread, const struct timespec *end)
{
	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, end) == 0;
}
