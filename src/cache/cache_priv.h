// SPDX-License-Identifier: MIT
/* The struct of a cache, for cache.c and its tests. */
#pragma once
#include "cache/cache.h"
#include "cache/generation.h"

#define ARRIVED_SLOTS 4096

struct cache {
	struct cache_settings settings;
	struct disk *disk;   /* NULL: no objects */
	struct evict *evict; /* NULL with disk */
	struct generations *generations;
	bool apart;         /* it was told that they are not shared; pepto-evict's, as the next */
	int64_t reclaim_ns; /* when disk_reclaim() is due */
	struct negative *negative;
	struct name_index **index; /* of the stores that have one, each at store->index - 1 */
	unsigned indexes;
	atomic_bool any_arrived;             /* a key was told to have arrived: */
	atomic_uint arrived[ARRIVED_SLOTS];  /* how often, by its hash; any thread reads */
	size_t names_left;                   /* the loop's: name_index.h */
	atomic_int_least64_t disk_failed_ns; /* when it last did; 0: never */
	atomic_int_least64_t disk_logged_ns;
};
