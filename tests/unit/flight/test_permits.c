// SPDX-License-Identifier: MIT
/*
 * Permits: never more at work than there are, in the order of asking, and who passes his on is back
 * behind those who waited and before those who come later. The implementation is included, to see
 * who has asked already; its symbols come from here.
 */
#include "flight/permits.c"

#include "tap.h"
#include <sched.h>
#include <stdatomic.h>

#define THREADS 8

static uint64_t drawn(struct permits *p)
{
	LOCK_SCOPE(&p->mu);

	return p->drawn;
}

static void until_drawn(struct permits *p, uint64_t n)
{
	while (drawn(p) < n)
		sched_yield();
}

/* ---- order ---- */

/* Who was at work, one after the other: written with the only permit. */
static char order[16];
static size_t n_order;

struct worker {
	struct permits *permits;
	char name;
	pthread_t thread;
	struct worker *later; /* started while this one works, and waited for until it has asked */
};

static void *work(void *arg);

static void start(struct worker *w, uint64_t asked)
{
	ASSERT(pthread_create(&w->thread, NULL, work, w) == 0);
	until_drawn(w->permits, asked);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	permits_take(w->permits);
	order[n_order++] = w->name;
	if (w->later)
		start(w->later, drawn(w->permits) + 1);
	permits_give(w->permits);
	return NULL;
}

static void test_order(void)
{
	struct permits *p = permits_new(1);
	struct worker workers[THREADS];

	n_order = 0;
	permits_take(p);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.permits = p, .name = (char)('a' + i)};
		start(&workers[i], (uint64_t)i + 2);
	}
	CHECK_INT((long long)n_order, 0, "one permit, which is taken: all wait");
	permits_give(p);
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	CHECK_SLICE(((struct slice){order, n_order}), "abcdefgh",
		    "it goes round in the order of asking");
	permits_free(p);
}

static void test_pass(void)
{
	struct permits *p = permits_new(1);
	struct worker later = {.permits = p, .name = 'l'};
	struct worker first = {.permits = p, .name = 'f', .later = &later};

	n_order = 0;
	permits_take(p);
	permits_pass(p);
	CHECK(p->drawn == 1 && p->given == 0, "nobody waits: it is kept");
	start(&first, 2);
	permits_pass(p);
	order[n_order++] = 'm';
	permits_give(p);
	pthread_join(first.thread, NULL);
	pthread_join(later.thread, NULL);
	CHECK_SLICE(((struct slice){order, n_order}), "fml",
		    "passed on to who waits, and back before who comes later");
	permits_free(p);
}

/* ---- many ---- */

#define ROUNDS  2000
#define AT_ONCE 3

static atomic_int inside, most;

static void enter(void)
{
	int now = atomic_fetch_add(&inside, 1) + 1, before = atomic_load(&most);

	while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
		;
}

static void *labour(void *arg)
{
	struct permits *p = arg;

	for (int i = 0; i < ROUNDS; i++) {
		permits_take(p);
		enter();
		if (i % 4 == 0) {
			atomic_fetch_sub(&inside, 1);
			permits_pass(p);
			enter();
		}
		atomic_fetch_sub(&inside, 1);
		permits_give(p);
	}
	return NULL;
}

static void test_many(void)
{
	struct permits *p = permits_new(AT_ONCE);
	pthread_t threads[THREADS];

	permits_take(p);
	permits_take(p);
	permits_take(p);
	CHECK(p->drawn == 3, "as many at once as there are, without waiting");
	for (int i = 0; i < THREADS; i++)
		ASSERT(pthread_create(&threads[i], NULL, labour, p) == 0);
	until_drawn(p, AT_ONCE + THREADS);
	CHECK_INT(atomic_load(&inside), 0, "and nobody else");
	for (int i = 0; i < AT_ONCE; i++)
		permits_give(p);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&most) <= AT_ONCE && atomic_load(&most) > 0, "never more than that");
	CHECK(p->drawn == p->given, "all came back");
	permits_free(p);
}

int main(void)
{
	test_order();
	test_pass();
	test_many();
	permits_free(NULL);
	return tap_done();
}
