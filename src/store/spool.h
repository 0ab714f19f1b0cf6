// SPDX-License-Identifier: MIT
/*
 * Receives the body of an answer that tells no length into a temporary file (base/file.h). A thread
 * of the pool writes one half of a buffer while the other half fills, since the disk may be slow;
 * the store is told to pause when both are full.
 *
 * Loop's thread. The struct lives until its job is back, also after spool_free().
 */
#pragma once
#include "base/loop.h"
#include "base/pool.h"
#include "base/slice.h"

struct spool;

/* Never called from inside the functions below; the spool may be freed in either. */
struct spool_events {
	void (*room)(void *ud); /* after a pause */
	/*
	 * Once, after spool_end(): all of it lies in the file. Or at any time: why it never will.
	 */
	void (*ended)(void *ud, const struct error *e);
};

/* ERR_IO when there is no place for a temporary file. */
MUST_CHECK enum err spool_new(struct loop *loop, struct pool *pool,
			      const struct spool_events *events, void *ud, struct spool **ret,
			      struct error *e);
/*
 * Takes all of it. *more false: pause until room(); bytes that had been received already
 * (transfer.h) may still be written. An error is the end, of which ended() is not called.
 */
MUST_CHECK enum err spool_write(struct spool *s, struct slice bytes, bool *more, struct error *e);
/* There are no more bytes. */
void spool_end(struct spool *s);
int64_t spool_length(const struct spool *s); /* bytes that it was given */
/* The file, once ended() has come without an error: the caller's from now on. */
int spool_take_file(struct spool *s);
/*
 * The count of the file (file_temporary_grow()): the caller's from now on. If it is not taken it
 * ends with the spool.
 */
int64_t spool_take_count(struct spool *s);
void spool_free(struct spool *s); /* accepts NULL */
