// SPDX-License-Identifier: MIT
/* Shared by evict.c (the accounts and the thread) and evict_pass.c (one pass over the files). */
#pragma once
#include "cache/evict.h"

#include "base/macros.h"
#include <stdatomic.h>

#define EVICT_CANDIDATES ((size_t)1 << 14) /* that one walk can name: 512 KiB */

/*
 * A number that any thread changes while a walk counts it anew: it is counted + changed, and the
 * walk's result becomes `counted` less what `changed` was at its start. So no change is lost; one
 * that the walk has seen as well counts twice until the next walk.
 */
struct evict_tally {
	atomic_int_least64_t counted; /* written by the pass alone */
	atomic_int_least64_t changed;
};

struct evict {
	int root;
	int64_t min_free;
	bool choose; /* the cap, once the first walk has ended */
	void (*tidy)(void *ud);
	void *ud;
	size_t candidates; /* EVICT_CANDIDATES; fewer in tests */
	int64_t pause_ns;  /* rests of a walk that is in no hurry */
	bool hurry;        /* of the pass alone */

	atomic_int_least64_t cap;
	atomic_bool walked;
	struct evict_tally bytes, objects;
	atomic_int_least64_t arriving;
	atomic_int_least64_t promised, owed; /* by fills that run; what of that has not come */
	atomic_int_least64_t free_seen;      /* free bytes at the last look */
	atomic_bool full;                    /* a write has found no space since the last pass */
	atomic_int_least64_t unchecked;      /* bytes since the last look at the floor */
	atomic_int_least64_t evicted_objects, evicted_bytes;

	pthread_t thread;
	pthread_mutex_t mu; /* for the waiting alone */
	pthread_cond_t changed;
	atomic_bool stopping, woken;
	atomic_bool beyond; /* the last pass could not make enough room */
};

/* The whole without its thread, for tests. */
struct evict *evict_new(int root_fd, const struct evict_limits *limits);

/* evict.c */

int64_t evict_total(const struct evict_tally *t);
/* Bytes that have to go, 0 when the cache is within its bounds. */
int64_t evict_need(const struct evict *v);
/* Bytes of the file system that are free; INT64_MAX when it does not say. */
int64_t evict_free_space(const struct evict *v);
/* Wait, until the end is near or, if wakeable, something happens. */
void evict_rest(struct evict *v, int64_t timeout_ns, bool wakeable);
/* Let the pass that runs come to its end. */
void evict_end(struct evict *v);

/* evict_pass.c */

/*
 * Walk, and remove what has to go; once more as long as that was not enough and helped. False when
 * nothing more can be done and the cache is out of its bounds.
 */
bool evict_pass(struct evict *v);
/* Delete trash.*; was there any? */
bool evict_empty_trash(struct evict *v);
