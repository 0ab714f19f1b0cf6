// SPDX-License-Identifier: MIT
/*
 * Generations: how a purge reaches what is on its way. A flight that brings an object into the
 * cache, and a request that remembers a miss, take the generation of the key before they ask a
 * store, and compare it when they are done: another one means that a purge of that key came in
 * between, and what they have may be from before that. A purge raises those of its keys and then
 * removes files, and does so twice: after the first time nothing is left that was asked for before
 * it, after the second nothing that was made of such a file before it was removed.
 *
 * Our own purges are counted in memory. Those of other processes on the same cache directory are
 * read from a file there that all of them map, and in which a purge writes new random numbers.
 * It is written by pwrite(), so that a failing disk is an error and no signal.
 *
 * A key has one of GENERATION_SLOTS counters, by a hash of it. Two that share one cost at most a
 * fetch that is not kept, or a question that is asked again.
 *
 * Any thread, but for the making and generations_share(), which come first.
 */
#pragma once
#include "base/err.h"

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define GENERATION_FILE "generations"
#define GENERATION_SLOTS                                                                           \
	(UINT32_C(16) * 1024 - 16) /* with the common ones, 64 KiB of 32 bits each */

struct generations;

struct generations *generations_new(void);
void generations_free(struct generations *g); /* accepts NULL */
/*
 * Share them with other processes on this directory; root: its descriptor, which outlives g. On an
 * error only our own purges count, and generations_check() tries again.
 */
MUST_CHECK enum err generations_share(struct generations *g, int root, struct error *e);
/* Has the file lost its name, because the directory was emptied? Then make it anew. */
void generations_check(struct generations *g);
/*
 * 0 while generations are shared with the other processes on the directory. Else a number that only
 * this process has, and only for this time: objects that are kept now must not be found by other
 * processes, nor after a later start, since this process cannot be told of a purge in between.
 */
uint64_t generations_mark(const struct generations *g);

/* Has nothing ever been purged? Until then all generations are 0. */
bool generations_untouched(const struct generations *g);
/* Of a key of this store, or of a name there, in any case: a purge reaches all spellings. */
uint64_t generation_hash(const uint8_t store_id[static 32], struct slice key);
/* Of a key, by its hash. */
uint64_t generation_of(const struct generations *g, uint64_t hash);
/* Those of all keys at one time; and has that of a key changed since? */
void generations_copy(const struct generations *g, uint64_t ret[static GENERATION_SLOTS]);
bool generation_changed(const struct generations *g, const uint64_t then[static GENERATION_SLOTS],
			uint64_t hash);
/* Changes with every purge. */
uint64_t generation_of_all(const struct generations *g);
/* That which is shared with other processes: the same in all of them, and after a restart. */
uint64_t generation_on_disk(const struct generations *g, uint64_t hash);

/* ERR_IO: it counts here, but other processes, or this program after a restart, may not see it. */
MUST_CHECK enum err generation_raise(struct generations *g, uint64_t hash, struct error *e);
MUST_CHECK enum err generation_raise_all(struct generations *g, struct error *e);
