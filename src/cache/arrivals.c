// SPDX-License-Identifier: MIT
/* See arrivals.h. A table with open addressing, half of it used at most, in which 0 is no hash. */
#include "cache/arrivals.h"

#include "base/macros.h"
#include "base/text.h"

#include <stdatomic.h>
#include <xxhash.h>

#define SLOTS ((size_t)2 * ARRIVALS_MAX)

struct arrivals {
	size_t n; /* the writer's */
	_Atomic uint64_t slot[SLOTS];
};

struct arrivals *arrivals_new(void)
{
	return xnew(struct arrivals);
}

void arrivals_free(struct arrivals *a)
{
	free(a);
}

static uint64_t hash_of(struct slice name)
{
	struct buf longer CLEANUP(buf_fini) = {0};
	char space[256];
	uint64_t hash;

	name = fold_within(name, space, sizeof(space), &longer);
	hash = XXH3_64bits(name.p, name.n);
	return hash ? hash : 1;
}

/* Where the hash stands, or would. */
static size_t place_of(const struct arrivals *a, uint64_t hash)
{
	size_t at = hash % SLOTS;
	uint64_t there;

	while ((there = atomic_load_explicit(&a->slot[at], memory_order_relaxed)) && there != hash)
		at = (at + 1) % SLOTS;
	return at;
}

bool arrivals_add(struct arrivals *a, struct slice name)
{
	uint64_t hash = hash_of(name);
	size_t at = place_of(a, hash);

	if (atomic_load_explicit(&a->slot[at], memory_order_relaxed))
		return true;
	if (a->n == ARRIVALS_MAX)
		return false;
	a->n++;
	atomic_store_explicit(&a->slot[at], hash, memory_order_relaxed);
	return true;
}

bool arrivals_has(const struct arrivals *a, struct slice name)
{
	return atomic_load_explicit(&a->slot[place_of(a, hash_of(name))], memory_order_relaxed);
}
