// SPDX-License-Identifier: MIT
#pragma once
#include "cache/cache.h"

/* Has this store said lately that it has no such key, asked for it as it is? */
__attribute__((unused)) static bool knows_missing(const struct cache *c, struct store *s,
						  struct slice key, const char *checksum)
{
	return cache_find_miss(c, s, key, FORM_STORED, checksum).answers_ns > 0;
}
