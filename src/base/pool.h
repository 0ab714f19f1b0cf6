// SPDX-License-Identifier: MIT
/*
 * A few worker threads for calls that block: the local file system and the credential services.
 * The queue is bounded; a full one refuses (ERR_BUSY), which the caller counts. Jobs are embedded
 * in their owner, which must keep them until they have run. Threads are started as they are needed,
 * and stay: a job waits only while all of them run one (or no more could be started). Thread safe.
 */
#pragma once
#include "base/err.h"
#include "base/list.h"
#include <stdbool.h>
#include <stdint.h>

struct pool;

struct pool_job {
	void (*run)(struct pool_job *job); /* on a worker thread */
	STAILQ_ENTRY(pool_job) place;      /* the pool's */
};

MUST_CHECK enum err pool_new(unsigned threads, size_t max_queued, const char *thread_name,
			     struct pool **ret, struct error *e);
/*
 * Run what is queued and end the threads; from now on jobs are refused. False when a job blocks
 * for longer than timeout_ns: then its thread goes on, and so must everything it uses. Accepts
 * NULL.
 */
MUST_CHECK bool pool_stop(struct pool *p, int64_t timeout_ns);
void pool_free(struct pool *p); /* after pool_stop() said true; accepts NULL */
MUST_CHECK enum err pool_submit(struct pool *p, struct pool_job *job);
