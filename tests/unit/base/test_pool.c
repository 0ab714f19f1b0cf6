// SPDX-License-Identifier: MIT
/* Worker threads: every accepted job runs once, and no more are accepted than there is room for. */
#include "base/clock.h"
#include "base/pool.h"

#include "tap.h"
#include <stdatomic.h>

#define JOBS 500

struct job {
	struct pool_job job;
	atomic_int *ran, *open;
};

static void run(struct pool_job *job)
{
	struct job *j = (struct job *)job;

	atomic_fetch_add(j->ran, 1);
}

/* Occupies its worker until the test opens the gate. */
static void run_blocked(struct pool_job *job)
{
	struct job *j = (struct job *)job;

	atomic_fetch_add(j->ran, 1);
	while (!atomic_load(j->open))
		usleep(100);
}

static void test_all_run(void)
{
	static struct job jobs[JOBS];
	atomic_int ran = 0;
	struct pool *p;
	int accepted = 0;

	ASSERT(pool_new(4, JOBS, "test", &p, NULL) == OK);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){.job.run = run, .ran = &ran};
		accepted += pool_submit(p, &jobs[i].job) == OK;
	}
	ASSERT(pool_stop(p, 60 * NS_PER_S));
	CHECK_INT(accepted, JOBS, "as many as fit are accepted");
	CHECK_INT(atomic_load(&ran), JOBS, "and all run before the end");
	CHECK_INT(pool_submit(p, &jobs[0].job), ERR_BUSY, "after it none is accepted");
	pool_free(p);
}

static void test_full(void)
{
	struct job jobs[4];
	atomic_int ran = 0, open = 0;
	struct pool *p;

	ASSERT(pool_new(1, 2, "test", &p, NULL) == OK);
	for (int i = 0; i < 4; i++)
		jobs[i] = (struct job){.job.run = run_blocked, .ran = &ran, .open = &open};
	CHECK_INT(pool_submit(p, &jobs[0].job), OK, "one for the worker");
	while (!atomic_load(&ran))
		usleep(100);
	CHECK(pool_submit(p, &jobs[1].job) == OK && pool_submit(p, &jobs[2].job) == OK,
	      "two for the queue");
	CHECK_INT(pool_submit(p, &jobs[3].job), ERR_BUSY, "and no more");
	CHECK(!pool_stop(p, NS_PER_MS), "one that blocks is not waited for");
	atomic_store(&open, 1);
	ASSERT(pool_stop(p, 60 * NS_PER_S));
	CHECK_INT(atomic_load(&ran), 3, "those in the queue run at the end");
	pool_free(p);
}

/* Jobs that wait for each other all run, as long as there are threads; none waits for another. */
static void test_as_many_threads_as_jobs(void)
{
	enum { THREADS = 20, ROUNDS = 50 };

	for (int round = 0; round < ROUNDS; round++) {
		struct job jobs[THREADS];
		atomic_int ran = 0, open = 0;
		struct pool *p;

		ASSERT(pool_new(THREADS, THREADS, "test", &p, NULL) == OK);
		for (int i = 0; i < THREADS; i++) {
			jobs[i] = (struct job){.job.run = run_blocked, .ran = &ran, .open = &open};
			ASSERT(pool_submit(p, &jobs[i].job) == OK);
		}
		for (int ms = 0; atomic_load(&ran) < THREADS && ms < 60000; ms++)
			usleep(1000);
		if (round == 0)
			CHECK_INT(atomic_load(&ran), THREADS, "all run at the same time");
		ASSERT(atomic_load(&ran) == THREADS);
		atomic_store(&open, 1);
		ASSERT(pool_stop(p, 60 * NS_PER_S));
		pool_free(p);
	}
}

static void test_ends(void)
{
	struct pool *p;

	CHECK(pool_stop(NULL, 0), "none is stopped");
	pool_free(NULL);
	ASSERT(pool_new(3, 1, "test", &p, NULL) == OK);
	CHECK(pool_stop(p, 60 * NS_PER_S), "ends without any work");
	pool_free(p);
}

int main(void)
{
	test_all_run();
	test_full();
	test_as_many_threads_as_jobs();
	test_ends();
	return tap_done();
}
