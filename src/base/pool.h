// SPDX-License-Identifier: MIT
/*
 * A few worker threads for calls that block: the local file system and the credential services.
 * The queue is bounded; a full one refuses (ERR_BUSY), which the caller counts. Jobs are embedded
 * in their owner, which must keep them until they have run. Thread safe.
 */
#pragma once
#include "base/err.h"

struct pool;

struct pool_job {
	void (*run)(struct pool_job *job);	/* on a worker thread */
	struct pool_job *next;			/* the pool's */
};

MUST_CHECK enum err pool_new(unsigned threads, size_t max_queued, const char *thread_name,
			     struct pool **ret, struct error *e);
/* Run what is queued and end the threads; from now on jobs are refused. Accepts NULL. */
void pool_stop(struct pool *p);
void pool_free(struct pool *p);		/* after pool_stop(); accepts NULL */
MUST_CHECK enum err pool_submit(struct pool *p, struct pool_job *job);
