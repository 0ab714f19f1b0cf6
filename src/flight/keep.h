// SPDX-License-Identifier: MIT
/*
 * Where a flight puts what it brings, and how that becomes a file of the cache. The draft of a
 * large object is made when its head is in, and what readers read is that draft; a small one's is
 * made at the end. Then a worker makes the file durable and visible (disk_keep()); no client waits
 * for that.
 *
 * The room is promised before a flight begins, and made as bytes come. It tells the flight by
 * flight_events: drafted, kept, disk_failed. Loop's thread, but for keep_file().
 */
#pragma once
#include "base/loop.h"
#include "base/pool.h"
#include "flight/proof.h"

struct draft;
struct flight;

struct keep {
	bool unkept;         /* it passes by: no file of the cache becomes of it */
	bool scratch;        /* it lies in a temporary file, and is unkept */
	struct draft *draft; /* made by a worker; the loop's once `drafted` */
	bool drafted;
	/*
	 * -1; or the file of a body that was complete before it could be told (an answer without a
	 * length, or made without knowing the length), and where the body begins in it;
	 * spool_draft: that file, if a maker has made it
	 */
	int spool;
	int64_t spool_base;
	int64_t spool_counted; /* of file_temporary_grow(), while a reader may live */
	struct draft *spool_draft;
	int64_t step;     /* bytes that a part has space reserved for at a time; 0: none */
	int64_t promised; /* by evict_promise(), which ends with the flight */
	int64_t arriving; /* bytes that evict_arriving() was told of */
	struct loop_task drafted_task, kept_task;
	struct pool_job draft_job, keep_job;
	struct error draft_failure, keep_failure;
};

void keep_init(struct flight *f);
void keep_fini(struct flight *f);

/* May a body of so many bytes come into the cache? Counted until keep_promise_end(). */
MUST_CHECK bool keep_promise(struct flight *f, int64_t bytes);
void keep_promise_end(struct flight *f);

/* The body goes into a temporary file, and is not kept. */
void keep_nothing(struct flight *f);
/* Have a draft made. */
MUST_CHECK enum err keep_draft(struct flight *f, struct error *e);
/*
 * The body lies whole in this file, which is the keep's from now on, and so is its count
 * (file_temporary_grow()).
 */
void keep_spool(struct flight *f, int fd, int64_t counted, int64_t length);
/*
 * A maker writes this draft, a temporary file if `scratch`, and has so many bytes promised. One
 * that is complete already is copied into the cache, if that takes it. The draft is the keep's from
 * now on.
 */
void keep_made(struct flight *f, struct draft *draft, bool scratch, int64_t promised,
	       bool complete);

/*
 * So many more bytes are on the disk: room is made for bytes that have come, not for those that a
 * head promises.
 */
void keep_arrived(struct flight *f, int64_t bytes);
/* Where bytes of a flight that is not small lie. Any thread that holds the flight. */
struct file_source keep_file(const struct flight *f);

/* All is there and is right: make it a file of the cache, if it is to be one. kept() comes once. */
void keep_start(struct flight *f);
