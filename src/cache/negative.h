// SPDX-License-Identifier: MIT
/*
 * Misses, remembered for a while, so that a hundred debuggers asking for what is not there cost a
 * store one request. Of a key only a hash of 128 bits is kept: a table of fixed size, flat in
 * memory, that forgets what expires first when it is full.
 *
 * A miss has two ages. For its life it is an answer. If the store has proven it, it is for longer
 * than that (proof_ns) good enough to pass over the key for another one that lies in the cache; the
 * store may be asked again meanwhile.
 *
 * Threads: one writer (the loop's thread); readers on any thread, without lock and without
 * waiting. A reader may miss what is being written at the moment; it never believes an entry for
 * longer than its writer meant.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

struct negative;

/*
 * What is missing: a key in a store. Two keys are taken for one another with a chance of 2^-64
 * per entry of a bucket; the seed is random for each table, so that none can be prepared.
 */
struct miss_id {
	uint64_t hi, lo;
};

/* The state of a key's miss. All zero: none is remembered. */
struct miss {
	int64_t answers_ns; /* for so long from now it may be answered; <= 0: no longer */
	int64_t proves_ns;  /* for so long it may be passed over; not less than that */
	bool refused;       /* the store refuses this name: no client is to keep that */
	bool by_name; /* it is not remembered: a name that is not there tells it (name_index.h) */
};

/*
 * A table for max_entries (rounded up to a multiple of five; 13 bytes each, touched when first
 * needed) that answers nothing for longer than ttl_ns, and takes nothing for proven for longer than
 * proof_ns. When the first is 0, or both of the others, it knows nothing ever.
 * ERR_LIMIT or ERR_NOMEM when there is no room for it.
 */
MUST_CHECK enum err negative_new(size_t max_entries, int64_t ttl_ns, int64_t proof_ns,
				 struct negative **ret, struct error *e);
void negative_free(struct negative *n); /* accepts NULL */

/* Any thread. The seed of a store, to be kept beside it: the same for the life of the table. */
uint64_t negative_seed(const struct negative *n, const uint8_t store_id[static 32]);
struct miss_id miss_id_make(uint64_t seed, struct slice key);
/* Any thread. now_ns: of clock_mono_ns(). */
struct miss negative_find(const struct negative *n, struct miss_id id, int64_t now_ns);
/*
 * Any thread: entries that answer. Reads the whole table, about a millisecond per million: for
 * gauges.
 */
size_t negative_count(const struct negative *n, int64_t now_ns);

/*
 * The writer only, from here on. Remember a miss from now (clock_mono_ns()) for ttl_ns, or for as
 * long as the table allows, in steps of 1/8 s, rounded down; refused: then it proves no longer than
 * it answers.
 */
void negative_add(struct negative *n, struct miss_id id, int64_t ttl_ns, bool refused);
void negative_remove(struct negative *n, struct miss_id id);
/* Forget everything, at once, in constant time. */
void negative_purge(struct negative *n);
