// SPDX-License-Identifier: MIT
/*
 * Keeps the cache within its bounds: a cap on what its objects take of the disk, and a floor of
 * free space in its file system. One thread, "pepto-evict", of low priority.
 *
 * The file system is the truth. A walk over objects/ adds up what is there and notes the least
 * recently used (st_atime, which disk.c keeps); then these go, oldest first, until the cache is at
 * 95 % of its cap and a little above its floor. What has been used since it was seen stays, and so
 * does every file that is no object: not named like one, no regular file, without our magic. An
 * open file stays readable when its name is gone, so no running answer is harmed.
 *
 * There is a walk at the start, when what was added passes the cap or space falls below the floor,
 * and every five minutes, since other processes may share the directory. Until the first one has
 * ended only the floor is in force. The thread also empties trash.* and calls tidy(), at each look.
 */
#pragma once
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct evict;

struct evict_limits {
	int64_t max_bytes; /* the cap. < 0: the smaller of 10 GiB and half of what is free and what
			      the cache holds together, as the first walk finds it */
	int64_t min_free;  /* the floor: bytes that are left free */
};

/*
 * root_fd is the cache's directory (disk_root()), borrowed until evict_stop(). tidy(ud), unless
 * NULL, is called by the thread at the start and about every five seconds.
 */
MUST_CHECK enum err evict_start(int root_fd, const struct evict_limits *limits,
				void (*tidy)(void *ud), void *ud, struct evict **ret,
				struct error *e);
/*
 * Ends soon, also in the middle of a walk, but not in a call that blocks: false when one does for
 * longer than timeout_ns, and then everything stays as it is. Accepts NULL.
 */
MUST_CHECK bool evict_stop(struct evict *v, int64_t timeout_ns);
void evict_free(struct evict *v); /* after evict_stop() said true; accepts NULL */

/* ---- any thread; no system call but, at times, the thread's wake-up ---- */

/* An object of so many bytes, its header included, has been kept; has been removed. */
void evict_added(struct evict *v, int64_t bytes);
void evict_removed(struct evict *v, int64_t bytes);
/* May an object with a body of so many bytes be cached? Not while no room can be made. */
bool evict_fits(const struct evict *v, int64_t bytes);
/*
 * A fill is about to promise a body of so many bytes. True, and then evict_promise_end() has to
 * follow with the same number when it is over, if the promises of all running fills fit the cap
 * together, and the part of them that has not come yet fits the space that is free above the floor
 * or can be freed by evicting.
 */
bool evict_promise(struct evict *v, int64_t bytes);
/* So many bytes of a promise have come. */
void evict_promise_kept(struct evict *v, int64_t bytes);
/* came: of evict_promise_kept(), in all. */
void evict_promise_end(struct evict *v, int64_t bytes, int64_t came);
/* A write has found no space: make some, and admit nothing before the next look. */
void evict_full(struct evict *v);
/*
 * So many bytes of a fill have come: make room. evict_arriving_end() with the same number follows
 * when it is over, well or not.
 */
void evict_arriving(struct evict *v, int64_t bytes);
void evict_arriving_end(struct evict *v, int64_t bytes);

struct evict_stats {
	int64_t bytes, objects; /* in the cache, as far as is known */
	int64_t max_bytes;      /* the cap; before the first walk what it will be at most */
	bool walked;            /* the first walk has ended */
	int64_t evicted_objects, evicted_bytes; /* since the start */
};

struct evict_stats evict_stats(const struct evict *v);
