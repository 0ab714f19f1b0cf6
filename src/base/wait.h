// SPDX-License-Identifier: MIT
/*
 * Waiting for other threads, for a time at most. By the monotonic clock as the system has it: a
 * wall clock that is set back delays nothing, and one that a test has frozen (clock.h) is none of
 * these waits' business. Thread safe.
 */
#pragma once
#include "base/clock.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

/* When a wait that begins now is over; for wait_change(), which may be woken for nothing. */
struct timespec wait_end(int64_t timeout_ns);
/* As pthread_cond_wait(), until then at most. False: the time is over. */
bool wait_change(pthread_cond_t *cond, pthread_mutex_t *mu, const struct timespec *end);
/* False: not posted within the time. Signals do not end the wait. */
bool wait_posted(sem_t *sem, int64_t timeout_ns);
/* False: the thread still runs, and can be waited for again. */
bool wait_ended(pthread_t thread, const struct timespec *end);
