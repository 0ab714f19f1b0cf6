// SPDX-License-Identifier: MIT
/*
 * See permits.h. Each maker that wants a permit draws a number. It may work when fewer than n
 * makers with lower numbers still work. `given` counts the permits that came back, so the condition
 * is: number < given + n.
 */
#include "flight/permits.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

struct permits {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	unsigned n;
	uint64_t drawn, given; /* under mu */
};

struct permits *permits_new(unsigned n)
{
	struct permits *p = xnew(struct permits);

	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->n = n;
	return p;
}

void permits_free(struct permits *p)
{
	if (!p)
		return;
	ASSERT(p->drawn == p->given);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

/* Called under mu, as the next. */
static void draw_and_wait(struct permits *p)
{
	uint64_t number = p->drawn++;

	while (number >= p->given + p->n)
		pthread_cond_wait(&p->changed, &p->mu);
}

static void give_back(struct permits *p)
{
	p->given++;
	pthread_cond_broadcast(&p->changed);
}

void permits_take(struct permits *p)
{
	LOCK_SCOPE(&p->mu);

	draw_and_wait(p);
}

void permits_give(struct permits *p)
{
	LOCK_SCOPE(&p->mu);

	give_back(p);
}

void permits_pass(struct permits *p)
{
	bool others_wait;
	LOCK_SCOPE(&p->mu);

	others_wait = p->drawn > p->given + p->n;
	if (!others_wait)
		return;
	give_back(p);
	draw_and_wait(p);
}
