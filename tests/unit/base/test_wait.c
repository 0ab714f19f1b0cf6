// SPDX-License-Identifier: MIT
/* Waits end by what they wait for or by their time, whatever the other clocks say. */
#include "base/wait.h"

#include "tap.h"

struct room {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	sem_t posted, may_end;
	bool ready;
};

static void *change(void *arg)
{
	struct room *r = arg;

	pthread_mutex_lock(&r->mu);
	r->ready = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->mu);
	sem_post(&r->posted);
	while (sem_wait(&r->may_end) != 0)
		;
	return NULL;
}

static void test_what_comes(void)
{
	struct room r = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct timespec late = wait_end(60 * NS_PER_S), at_once = wait_end(0);
	pthread_t thread;

	sem_init(&r.posted, 0, 0);
	sem_init(&r.may_end, 0, 0);
	pthread_mutex_lock(&r.mu);
	pthread_create(&thread, NULL, change, &r);
	while (!r.ready)
		if (!wait_change(&r.changed, &r.mu, &late))
			break;
	CHECK(r.ready, "what is changed wakes");
	pthread_mutex_unlock(&r.mu);
	CHECK(wait_posted(&r.posted, 60 * NS_PER_S), "what is posted is had");
	CHECK(!wait_ended(thread, &at_once), "a thread that runs still does");
	sem_post(&r.may_end);
	CHECK(wait_ended(thread, &late), "a thread that ended is had");
	sem_destroy(&r.posted);
	sem_destroy(&r.may_end);
}

/* A frozen clock would never reach the end of a wait that went by it. */
static void test_what_does_not(void)
{
	struct room r = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct timespec end;

	sem_init(&r.posted, 0, 0);
	clock_freeze_mono_ns(1);
	clock_freeze_wall_s(1);
	end = wait_end(NS_PER_MS);
	pthread_mutex_lock(&r.mu);
	while (wait_change(&r.changed, &r.mu, &end)) /* woken for nothing, for all it knows */
		;
	pthread_mutex_unlock(&r.mu);
	CHECK(!r.ready, "nothing was changed");
	CHECK(!wait_posted(&r.posted, NS_PER_MS), "nothing was posted");
	clock_freeze_mono_ns(0);
	clock_freeze_wall_s(0);
	sem_destroy(&r.posted);
}

static void test_when_it_ends(void)
{
	struct timespec now, end = wait_end(NS_PER_S * 3 / 2);
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (end.tv_sec - now.tv_sec) * NS_PER_S + end.tv_nsec - now.tv_nsec;
	CHECK(end.tv_nsec >= 0 && end.tv_nsec < NS_PER_S, "nanoseconds below a second");
	CHECK(ns > 0 && ns <= NS_PER_S * 3 / 2, "not before the time");
}

int main(void)
{
	test_what_comes();
	test_what_does_not();
	test_when_it_ends();
	return tap_done();
}
