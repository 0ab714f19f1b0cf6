// SPDX-License-Identifier: MIT
/*
 * All that is on its way (flight.h), and the door to the cache for threads that must not wait for
 * its disk: objects are handed out, and stale ones are confirmed behind the client's back; purging
 * goes through both. The threads that work for flights are here, too.
 *
 * The loop's thread, where nothing else is said.
 */
#pragma once
#include "cache/cache.h"
#include "flight/confirm.h"

struct flights;

struct flights_settings {
	unsigned fetch_parallel; /* connections for one large object */
	int64_t fetch_block;     /* bytes that one of them fetches at a time */
	size_t max_fills;        /* objects on their way at once */
	size_t max_fill_waiters; /* requests that may wait for one of them */
	unsigned decode_max;     /* files worked on at once to make another form of them */
	int64_t max_object;      /* bytes, at most, that are made of one */
	bool verify;             /* an object has to be the file that its key names */
};

/* The cache is borrowed, the settings are copied. */
MUST_CHECK enum err flights_new(struct loop *loop, struct cache *c,
				const struct flights_settings *settings, struct flights **ret,
				struct error *e);
/* At the end of the process: break off all flights; from now on no seat is given. */
void flights_abort(struct flights *all);
/*
 * Any thread: wait until the workers have done their jobs; then the loop must run once more, for
 * they post to it. False when one of them blocks for longer than timeout_ns. Accepts NULL.
 */
MUST_CHECK bool flights_stop(struct flights *all, int64_t timeout_ns);
void flights_free(struct flights *all); /* after the loop has stopped; accepts NULL */

/* ---- any thread ---- */

struct cache *flights_cache(const struct flights *all);

/* As cache_find(); a stale object is confirmed in the background. */
bool flights_find(struct flights *all, const struct confirm_request *r, struct cache_object *ret);
/* Ask in the background whether a key is still missing, and remember that; bounded. */
void flights_ask_again(struct flights *all, struct store *s, struct slice key,
		       const char *checksum);

struct flights_purge {
	struct slice *keys; /* as stores are asked, for all forms; NULL: everything */
	size_t n;
	struct store *store;                   /* whose keys; NULL with keys == NULL */
	void (*done)(struct flights_purge *p); /* on the loop's thread */
	struct error failure;                  /* once done: the disk's, if it failed */
	struct flights *all;                   /* the flights', as all below */
	struct loop_task task;
	struct pool_job job;
};

/*
 * Forget objects and misses, in all processes that share the directory. Flights that exist when it
 * is called are neither kept nor joined any more, and no request after done() is answered with an
 * object or a miss from before.
 */
void flights_purge(struct flights *all, struct flights_purge *p);
