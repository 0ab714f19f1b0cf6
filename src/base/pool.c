// SPDX-License-Identifier: MIT
/* See pool.h: one mutex, one condition, a linked queue. */
#include "base/pool.h"
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>

struct pool {
	pthread_mutex_t mu;
	pthread_cond_t more;
	struct pool_job *first, **last; /* under mu */
	size_t queued, max_queued;      /* queued under mu */
	bool ending;                    /* under mu */
	unsigned n_threads;
	pthread_t threads[];
};

static struct pool_job *next_job(struct pool *p)
{
	struct pool_job *job;
	LOCK_SCOPE(&p->mu);

	while (!p->first && !p->ending)
		pthread_cond_wait(&p->more, &p->mu);
	job = p->first;
	if (!job)
		return NULL;
	p->first = job->next;
	if (!p->first)
		p->last = &p->first;
	p->queued--;
	return job;
}

static void *worker(void *arg)
{
	struct pool_job *job;

	while ((job = next_job(arg)))
		job->run(job);
	return NULL;
}

enum err pool_new(unsigned threads, size_t max_queued, const char *thread_name, struct pool **ret,
		  struct error *e)
{
	struct pool *p = xzalloc(sizeof(*p) + threads * sizeof(p->threads[0]));

	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->more, NULL);
	p->last = &p->first;
	p->max_queued = max_queued;
	for (unsigned i = 0; i < threads; i++) {
		int rc = pthread_create(&p->threads[i], NULL, worker, p);

		if (rc) {
			(void)!pool_stop(p, NS_PER_S); /* they have nothing to do */
			pool_free(p);
			errno = rc;
			return err_sys(e, ERR_IO, "cannot start thread '%s'", thread_name);
		}
		p->n_threads++;
		pthread_setname_np(p->threads[i], thread_name);
	}
	*ret = p;
	return OK;
}

bool pool_stop(struct pool *p, int64_t timeout_ns)
{
	struct timespec until;

	if (!p)
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	timeout_ns += until.tv_nsec;
	until.tv_sec += timeout_ns / NS_PER_S;
	until.tv_nsec = timeout_ns % NS_PER_S;
	pthread_mutex_lock(&p->mu);
	p->ending = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->mu);
	while (p->n_threads) {
		if (pthread_timedjoin_np(p->threads[p->n_threads - 1], NULL, &until) != 0)
			return false;
		p->n_threads--;
	}
	return true;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

enum err pool_submit(struct pool *p, struct pool_job *job)
{
	LOCK_SCOPE(&p->mu);

	if (p->queued >= p->max_queued || p->ending)
		return ERR_BUSY;
	job->next = NULL;
	*p->last = job;
	p->last = &job->next;
	p->queued++;
	pthread_cond_signal(&p->more);
	return OK;
}
