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
