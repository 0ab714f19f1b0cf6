// SPDX-License-Identifier: MIT
/* See budget.h. Cancelling is rare and need not be prompt, so it is looked for now and then. */
#include "flight/budget.h"
#include "base/macros.h"
#include "base/wait.h"

#include <time.h>

#define LOOK_NS 50000000

struct budget {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	int64_t all, left; /* left: under mu */
};

struct budget *budget_new(int64_t bytes)
{
	struct budget *b = xnew(struct budget);

	pthread_mutex_init(&b->mu, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->all = b->left = bytes;
	return b;
}

void budget_free(struct budget *b)
{
	if (!b)
		return;
	ASSERT(b->left == b->all);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->mu);
	free(b);
}

/* Called under mu. */
static void wait_a_moment(struct budget *b)
{
	const struct timespec end = wait_end(LOOK_NS);

	wait_change(&b->changed, &b->mu, &end);
}

int64_t budget_take(struct budget *b, int64_t bytes, const atomic_bool *cancelled)
{
	LOCK_SCOPE(&b->mu);

	bytes = MIN(bytes, b->all);
	while (b->left < bytes) {
		if (atomic_load(cancelled))
			return 0;
		wait_a_moment(b);
	}
	b->left -= bytes;
	return bytes;
}

void budget_give(struct budget *b, int64_t bytes)
{
	LOCK_SCOPE(&b->mu);

	b->left += bytes;
	pthread_cond_broadcast(&b->changed);
}
