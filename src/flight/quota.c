// SPDX-License-Identifier: MIT
/* See quota.h. Cancelling is rare and need not be prompt, so it is looked for now and then. */
#include "flight/quota.h"
#include "base/macros.h"
#include "base/wait.h"

#include <time.h>

#define LOOK_NS 50000000

struct quota {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	int64_t all, left; /* left: under mu */
};

struct quota *quota_new(int64_t bytes)
{
	struct quota *b = xnew(struct quota);

	pthread_mutex_init(&b->mu, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->all = b->left = bytes;
	return b;
}

void quota_free(struct quota *b)
{
	if (!b)
		return;
	ASSERT(b->left == b->all);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->mu);
	free(b);
}

/* Called under mu. */
static void wait_a_moment(struct quota *b)
{
	const struct timespec end = wait_end(LOOK_NS);

	wait_change(&b->changed, &b->mu, &end);
}

int64_t quota_take(struct quota *b, int64_t bytes, const atomic_bool *cancelled)
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

void quota_give(struct quota *b, int64_t bytes)
{
	LOCK_SCOPE(&b->mu);

	b->left += bytes;
	pthread_cond_broadcast(&b->changed);
}
