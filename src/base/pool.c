// SPDX-License-Identifier: MIT
/*
 * See pool.h: one mutex, one condition, a linked queue. One thread more is ready than there are
 * jobs: a worker that takes a job while no other is ready starts another thread before it runs the
 * job.
 */
#include "base/pool.h"
#include "base/clock.h"
#include "base/wait.h"

#include <errno.h>
#include <stdbool.h>

struct worker {
	struct pool *pool;
	pthread_t thread;
	bool started;
};

struct pool {
	pthread_mutex_t mu;
	pthread_cond_t more;
	const char *thread_name;
	STAILQ_HEAD(, pool_job) jobs;    /* under mu */
	size_t queued, max_queued;       /* queued under mu */
	unsigned ready;                  /* workers that wait for a job, or will; under mu */
	bool ending;                     /* under mu */
	unsigned max_workers, n_workers; /* n_workers under mu */
	unsigned n_joined;               /* pool_stop()'s */
	struct worker workers[];
};

/* A worker to be started, when none is ready; NULL when none is needed. Under p->mu. */
static struct worker *next_worker(struct pool *p)
{
	struct worker *w = &p->workers[p->n_workers];

	if (p->ready || p->ending || p->n_workers == p->max_workers)
		return NULL;
	p->n_workers++;
	p->ready++;
	w->pool = p;
	return w;
}

/* The next job in *ret, and the worker that is to be started before it is run. False at the end. */
static bool next_job(struct pool *p, struct pool_job **ret, struct worker **ret_next)
{
	struct pool_job *job;
	LOCK_SCOPE(&p->mu);

	while (STAILQ_EMPTY(&p->jobs) && !p->ending)
		pthread_cond_wait(&p->more, &p->mu);
	p->ready--;
	job = STAILQ_FIRST(&p->jobs);
	if (!job)
		return false;
	STAILQ_REMOVE_HEAD(&p->jobs, place);
	p->queued--;
	*ret = job;
	*ret_next = next_worker(p);
	return true;
}

static void be_ready(struct pool *p)
{
	LOCK_SCOPE(&p->mu);

	p->ready++;
}

static int start(struct worker *w);

static void *work(void *arg)
{
	struct pool *p = ((struct worker *)arg)->pool;
	struct pool_job *job;
	struct worker *next;

	pthread_setname_np(pthread_self(), p->thread_name);
	for (; next_job(p, &job, &next); be_ready(p)) {
		if (next)
			(void)start(next); /* else there are fewer */
		job->run(job);
	}
	return NULL;
}

static int start(struct worker *w)
{
	struct pool *p = w->pool;
	int rc = pthread_create(&w->thread, NULL, work, w);

	w->started = rc == 0;
	if (rc) {
		LOCK_SCOPE(&p->mu);

		p->ready--;
		if (w == &p->workers[p->n_workers - 1])
			p->n_workers--;
	}
	return rc;
}

enum err pool_new(unsigned threads, size_t max_queued, const char *thread_name, struct pool **ret,
		  struct error *e)
{
	struct pool *p = xzalloc(sizeof(*p) + threads * sizeof(p->workers[0]));
	int rc;

	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->more, NULL);
	p->thread_name = thread_name;
	STAILQ_INIT(&p->jobs);
	p->max_queued = max_queued;
	p->max_workers = threads;
	rc = start(next_worker(p));
	if (rc) {
		pool_free(p);
		errno = rc;
		return err_sys(e, ERR_IO, "cannot start thread '%s'", thread_name);
	}
	*ret = p;
	return OK;
}

/*
 * The next worker to join. A worker is started by one before it in the array, so that all is known
 * of it when those before it have been joined.
 */
static struct worker *next_to_join(struct pool *p)
{
	LOCK_SCOPE(&p->mu);

	return p->n_joined < p->n_workers ? &p->workers[p->n_joined] : NULL;
}

bool pool_stop(struct pool *p, int64_t timeout_ns)
{
	const struct timespec end = wait_end(timeout_ns);
	struct worker *w;

	if (!p)
		return true;
	pthread_mutex_lock(&p->mu);
	p->ending = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->mu);
	for (; (w = next_to_join(p)); p->n_joined++)
		if (w->started && !wait_ended(w->thread, &end))
			return false;
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
	STAILQ_INSERT_TAIL(&p->jobs, job, place);
	p->queued++;
	pthread_cond_signal(&p->more);
	return OK;
}
