// SPDX-License-Identifier: MIT
/*
 * The cache of the process: what lies on disk (disk.h), what is known to be missing (negative.h),
 * and what is on its way (flight.h), behind one door. With CACHE_DIR=off, or while the disk fails,
 * it has no objects and everything is passed through; misses are remembered all the same.
 *
 * An object is known by its store, its key there (candidates.h makes lower-case keys of whatever
 * case is asked; the key in lower case where nobody knows whether the store minds the case, and the
 * key holds the file) and its form. A miss
 * is known by the very key that was asked.
 */
#pragma once
#include "cache/form.h"
#include "cache/negative.h"
#include "store/fetch.h"

struct cache;

struct cache_settings {
	const char *dir;     /* borrowed; NULL: nothing on disk */
	int64_t max_bytes;   /* < 0: choose (evict.h) */
	int64_t min_free;    /* bytes of the file system to be left free */
	int64_t fresh_ns;    /* an object is taken as confirmed by its store for so long */
	int64_t miss_ttl_ns; /* 0: misses are not remembered */
	size_t miss_entries;
	unsigned fetch_parallel; /* connections for one large object */
	int64_t fetch_block;     /* bytes that one of them fetches at a time */
	size_t max_fills;        /* objects on their way at once */
	size_t max_fill_waiters; /* requests that may wait for one of them */
	unsigned decode_max;     /* files worked on at once to make another form of them */
	int64_t max_object;      /* bytes, at most, that are made of one */
	bool verify;             /* what arrives has to be the file that its key names */
};

/* A directory that cannot be used is logged and done without. The settings are copied. */
MUST_CHECK enum err cache_new(struct loop *loop, const struct cache_settings *settings,
			      struct cache **ret, struct error *e);
/* Loop's thread, at the end of the process: break off what runs; what is asked for now fails. */
void cache_abort(struct cache *c);
/*
 * Finish what the workers have; then the loop must run once more, for they post to it. False when
 * one of them blocks for longer than timeout_ns. Accepts NULL.
 */
MUST_CHECK bool cache_stop(struct cache *c, int64_t timeout_ns);
void cache_free(struct cache *c); /* after the loop has stopped; accepts NULL */

/* ---- any thread ---- */

/* How long an object, or the proof of a miss, counts as confirmed. */
int64_t cache_fresh_ns(const struct cache *c);
/* Is there anything that it could know? */
bool cache_may_know(const struct cache *c);
/* Are misses remembered at all? */
bool cache_remembers(const struct cache *c);
/* What is remembered of the key's being missing in this store. */
struct miss cache_find_miss(const struct cache *c, struct store *s, struct slice key,
			    const char *checksum);
/* Has this store said lately that it has no such key? */
bool cache_knows_missing(const struct cache *c, struct store *s, struct slice key,
			 const char *checksum);
/* Ask in the background whether a key is still missing, and remember that; bounded. */
void cache_ask_again(struct cache *c, struct store *s, struct slice key, const char *checksum);

struct cache_object {
	struct object_head head; /* of the whole; fd is the receiver's */
	int64_t fresh_ns;        /* for so long from now on; 0: stale, being confirmed */
};

/*
 * Opens a file, so it may take a moment. What is stale is confirmed in the background. expect: the
 * path whose key it has to be true to, in place of its own; NULL else.
 */
bool cache_find(struct cache *c, struct store *s, struct slice key, enum form form,
		const char *expect, const char *checksum, struct cache_object *ret);

/* ---- purging: any thread ---- */

/*
 * Another number after each purge, also those of other processes on the same directory. What was
 * looked for, and is remembered, is good as long as the number of before is that of now.
 */
uint64_t cache_purges(const struct cache *c);

struct cache_purge {
	struct slice *keys; /* as stores are asked, for all forms; NULL: everything */
	size_t n;
	struct store *store;                 /* whose keys; NULL with keys == NULL */
	void (*done)(struct cache_purge *p); /* on the loop's thread */
	struct error failure;                /* once done: the disk's, if it failed */
	struct cache *cache;                 /* the cache's, as all below */
	struct loop_task task;
	struct pool_job job;
};

/*
 * Forget objects and misses, in all processes that share the directory. What is on its way when it
 * is called is neither kept nor joined any more, and nobody who asks after done() is answered out of
 * what was there before.
 */
void cache_purge(struct cache *c, struct cache_purge *p);
