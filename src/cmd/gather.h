// SPDX-License-Identifier: MIT
/*
 * The files below some paths, and what they come to in a plan: walked through on the main thread, read and hashed on a
 * pool, some at a time, and added in the order in which the walk has met them.
 */
#pragma once
#include "base/pool.h"
#include "publish/scan.h"

#include <semaphore.h>

#define GATHER_AT_ONCE 32

struct gather;

struct gather_slot {
	struct gather *gather;
	char *path; /* NULL: free */
	int fd;
	int64_t size;
	bool is_named;
	struct pool_job job;
	sem_t ready;
	struct buf room; /* the job's, for one file after the other */
	struct scanned scanned;
	struct error error;
};

struct gather {
	struct scan_how how;
	struct scan_set set; /* and the plan */
	struct pool *pool;
	const char *const *
		exclude; /* globs: on the last component, or on the whole path where there is a '/' in it */
	size_t n_exclude;
	const atomic_bool *stop;
	/* A line for people about a file. */
	void (*tell)(void *ud, const char *path, const char *what);
	void *ud;

	size_t unknown;     /* of no known format, or without identity */
	size_t same;        /* a file that was met before, once more */
	size_t conflicts;   /* another file with the key of one that was met before */
	size_t failed;      /* damaged, or it cannot be read */
	struct error fatal; /* the plan takes no more */
	struct gather_slot slot[GATHER_AT_ONCE];
	size_t first, n; /* slots in use, in a ring */
};

void gather_init(struct gather *g);
/* A file, a directory; "@list": a file with a path in each line. */
void gather_path(struct gather *g, const char *path);
/* All that is on its way comes to the plan. */
void gather_finish(struct gather *g);
