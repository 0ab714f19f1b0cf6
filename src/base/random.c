// SPDX-License-Identifier: MIT
/* See random.h. */
#include "base/random.h"
#include "base/macros.h"

#include <sys/random.h>

uint64_t random_u64(void)
{
	uint64_t v = 0;
	ssize_t n = getrandom(&v, sizeof(v), 0);

	ASSERT(n == sizeof(v));
	return v;
}

uint64_t random_below(uint64_t n)
{
	return random_u64() % n;
}
