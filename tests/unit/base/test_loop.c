// SPDX-License-Identifier: MIT
/*
 * The loop on its own thread: tasks from many threads, timers in their order, descriptors, and
 * the end. What a test looks at is written by the loop's thread and read after loop_stop().
 */
#include "base/loop.h"

#include "base/clock.h"
#include "tap.h"
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define TIMERS 200

static struct loop *started(void)
{
	struct loop *l;

	ASSERT(loop_new(&l, NULL) == OK && loop_start(l, "test", NULL) == OK);
	return l;
}

static void finish(struct loop *l)
{
	loop_stop(l);
	loop_free(l);
}

/* Wait until the loop has said that it is done. */
struct gate {
	pthread_mutex_t mu;
	pthread_cond_t opened;
	bool open;
};

#define GATE ((struct gate){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false})

static void gate_open(struct gate *g)
{
	LOCK_SCOPE(&g->mu);

	g->open = true;
	pthread_cond_signal(&g->opened);
}

static void gate_pass(struct gate *g)
{
	LOCK_SCOPE(&g->mu);

	while (!g->open)
		pthread_cond_wait(&g->opened, &g->mu);
}

/* ---- tasks ---- */

static int order[64];
static size_t n_order;

struct numbered {
	struct loop_task task;
	int number;
};

static void note_number(struct loop_task *task)
{
	if (n_order < ARRAY_LEN(order))
		order[n_order++] = ((struct numbered *)task)->number;
}

static void test_order(void)
{
	struct numbered t[ARRAY_LEN(order)];
	struct loop *l = started();
	bool good = true;

	n_order = 0;
	for (int i = 0; i < (int)ARRAY_LEN(t); i++) {
		t[i] = (struct numbered){.task.run = note_number, .number = i};
		loop_post(l, &t[i].task);
	}
	finish(l);
	for (int i = 0; i < (int)ARRAY_LEN(order); i++)
		good = good && order[i] == i;
	CHECK(good && n_order == ARRAY_LEN(order), "tasks run in the order of posting");
}

/* Before the loop is started nothing runs, so that all of this happens in one turn. */
struct again {
	struct loop_task task, other;
	struct loop *loop;
	int runs, others;
	struct gate done;
};

static void run_again(struct loop_task *task)
{
	struct again *a = (struct again *)task;

	if (++a->runs < 5)
		loop_post(a->loop, &a->task);
}

static void run_other(struct loop_task *task)
{
	((struct again *)((char *)task - offsetof(struct again, other)))->others++;
}

static void test_posting_again(void)
{
	struct again a = {.task.run = run_again, .other.run = run_other};

	ASSERT(loop_new(&a.loop, NULL) == OK);
	loop_post(a.loop, &a.other);
	loop_post(a.loop, &a.other);
	loop_post(a.loop, &a.task);
	loop_post(a.loop, &a.other);
	ASSERT(loop_start(a.loop, "test", NULL) == OK);
	finish(a.loop);
	CHECK_INT(a.others, 1, "posted three times while queued: it runs once");
	CHECK_INT(a.runs, 5, "a task may post itself, also while the loop ends");
}

static void run_again_to_the_end(struct loop_task *task)
{
	struct again *a = (struct again *)task;

	run_again(task);
	if (a->runs == 5)
		gate_open(&a->done);
}

/* Nothing else keeps it awake meanwhile; and it sleeps, and is woken, as ever after that. */
static void test_posting_to_itself(void)
{
	struct again a = {.task.run = run_again_to_the_end, .loop = started()};

	for (int i = 0; i < 20; i++) {
		a.runs = 0;
		a.done = GATE;
		loop_post(a.loop, &a.task);
		gate_pass(&a.done);
	}
	finish(a.loop);
	CHECK_INT(a.runs, 5, "what a loop posts to itself runs without anybody else's doing");
}

static void free_itself(struct loop_task *task)
{
	free(task);
}

struct poster {
	pthread_t thread;
	struct loop *loop;
	struct loop_task task;
	int runs;
};

static void count_run(struct loop_task *task)
{
	((struct poster *)((char *)task - offsetof(struct poster, task)))->runs++;
}

static void *post_much(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < 2000; i++) {
		struct loop_task *own = xnew(struct loop_task);

		own->run = free_itself;
		loop_post(p->loop, own);
		loop_post(p->loop, &p->task);
	}
	return NULL;
}

static void test_many_threads(void)
{
	struct poster p[4] = {{0}};
	struct loop *l = started();
	bool good = true;

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		p[i].loop = l;
		p[i].task.run = count_run;
		ASSERT(pthread_create(&p[i].thread, NULL, post_much, &p[i]) == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		pthread_join(p[i].thread, NULL);
	finish(l);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		good = good && p[i].runs >= 1 && p[i].runs <= 2000;
	CHECK(good, "posts of many threads, and tasks that free themselves");
}

/* ---- timers ---- */

struct timers {
	struct loop *loop;
	struct loop_task start;
	struct gate done;
	struct loop_timer t[TIMERS];
	int64_t last_at;
	int due, late;
	bool in_order;
};

static struct timers timers;

static void timer_due(struct loop_timer *t)
{
	timers.due++;
	timers.in_order = timers.in_order && t->at_ns >= timers.last_at && t->slot == 0;
	timers.last_at = t->at_ns;
	timers.late += t->at_ns > clock_mono_ns();
	if (t - timers.t == TIMERS - 1)
		gate_open(&timers.done);
}

/* Set in disorder, moved, stopped; the last is the latest. */
static void set_timers(struct loop_task *task)
{
	int64_t now = clock_mono_ns();

	for (int i = 0; i < TIMERS; i++) {
		timers.t[i].due = timer_due;
		loop_timer_set(timers.loop, &timers.t[i], now + i * 7919 % TIMERS * 10000);
	}
	for (int i = 0; i < TIMERS; i += 3)
		loop_timer_set(timers.loop, &timers.t[i], now + i * 104729 % TIMERS * 10000);
	for (int i = 0; i < TIMERS; i += 5)
		loop_timer_stop(timers.loop, &timers.t[i]);
	loop_timer_stop(timers.loop, &timers.t[0]);
	loop_timer_set(timers.loop, &timers.t[TIMERS - 1], now + TIMERS * 10000);
}

static void test_timers(void)
{
	struct loop *l = started();

	timers =
		(struct timers){.loop = l, .start.run = set_timers, .done = GATE, .in_order = true};
	loop_post(l, &timers.start);
	gate_pass(&timers.done);
	finish(l);
	CHECK_INT(timers.due, TIMERS - TIMERS / 5, "those that were not stopped, each once");
	CHECK(timers.in_order, "in the order of their times");
	CHECK_INT(timers.late, 0, "and none too early");
}

struct chain {
	struct loop *loop;
	struct loop_task start;
	struct loop_timer timer, never;
	struct gate done;
	int n;
};

static void chain_due(struct loop_timer *t)
{
	struct chain *c = (struct chain *)((char *)t - offsetof(struct chain, timer));

	if (++c->n == 100)
		gate_open(&c->done);
	else
		loop_timer_set(c->loop, t, clock_mono_ns());
}

static void never_due(struct loop_timer *t)
{
	((struct chain *)((char *)t - offsetof(struct chain, never)))->n = -1000;
}

static void chain_start(struct loop_task *task)
{
	struct chain *c = (struct chain *)((char *)task - offsetof(struct chain, start));

	loop_timer_set(c->loop, &c->timer, 0);
	loop_timer_set(c->loop, &c->never, clock_mono_ns() + 3600 * NS_PER_S);
}

static void test_timer_sets_itself(void)
{
	struct chain c = {.start.run = chain_start,
			  .timer.due = chain_due,
			  .never.due = never_due,
			  .done = GATE};

	c.loop = started();
	loop_post(c.loop, &c.start);
	gate_pass(&c.done);
	finish(c.loop);
	CHECK_INT(c.n, 100, "a timer may set itself; one far away does not hold up the end");
}

/* ---- descriptors ---- */

struct echo {
	struct loop_fd fd;
	struct loop *loop;
	struct loop_task start;
	struct gate done;
	uint32_t seen;
	int reads;
};

static void echo_ready(struct loop_fd *fd, uint32_t events)
{
	struct echo *x = (struct echo *)fd;
	char byte;

	x->seen |= events;
	if (recv(fd->fd, &byte, 1, 0) == 1) {
		x->reads++;
		return;
	}
	loop_watch(x->loop, fd, 0);
	loop_watch(x->loop, fd, 0);
	gate_open(&x->done);
}

static void echo_start(struct loop_task *task)
{
	struct echo *x = (struct echo *)((char *)task - offsetof(struct echo, start));

	loop_watch(x->loop, &x->fd, EPOLLOUT);
	loop_watch(x->loop, &x->fd, EPOLLIN);
}

static void test_descriptors(void)
{
	struct echo x = {.fd.ready = echo_ready, .start.run = echo_start, .done = GATE};
	int pair[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	x.loop = started();
	x.fd.fd = pair[0];
	ASSERT(send(pair[1], "ab", 2, 0) == 2);
	loop_post(x.loop, &x.start);
	ASSERT(send(pair[1], "c", 1, 0) == 1);
	close(pair[1]);
	gate_pass(&x.done);
	finish(x.loop);
	close(pair[0]);
	CHECK_INT(x.reads, 3, "what comes is told until it is taken");
	CHECK(!(x.seen & EPOLLOUT) && !x.fd.added,
	      "only what is watched for, and nothing afterwards");
}

/* A number that was closed and is in use again is watched anew. */
static void test_descriptor_used_again(void)
{
	struct echo x = {.fd.ready = echo_ready, .done = GATE};
	int pair[2], number;

	ASSERT(loop_new(&x.loop, NULL) == OK);
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	number = x.fd.fd = pair[0];
	loop_watch(x.loop, &x.fd, EPOLLIN);
	close(pair[0]);
	close(pair[1]);
	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0 && pair[0] == number);
	loop_watch(x.loop, &x.fd, EPOLLIN);
	close(pair[1]);
	ASSERT(loop_start(x.loop, "test", NULL) == OK);
	gate_pass(&x.done);
	finish(x.loop);
	close(pair[0]);
	CHECK(x.seen & EPOLLIN, "a descriptor that was closed and opened again is seen");
}

static int ends;

static void count(struct loop_task *task)
{
	ends++;
}

static void test_ends(void)
{
	struct loop_task last = {.run = count};
	struct loop *l;

	loop_free(NULL);
	loop_stop(NULL);
	ASSERT(loop_new(&l, NULL) == OK);
	loop_stop(l);
	loop_free(l);
	l = started();
	loop_post(l, &last);
	loop_stop(l);
	loop_stop(l);
	loop_free(l);
	CHECK_INT(ends, 1, "what was posted before the end runs once, however often that comes");
}

int main(void)
{
	test_order();
	test_posting_again();
	test_posting_to_itself();
	test_many_threads();
	test_timers();
	test_timer_sets_itself();
	test_descriptors();
	test_descriptor_used_again();
	test_ends();
	return tap_done();
}
