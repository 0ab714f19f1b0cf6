// SPDX-License-Identifier: MIT
/*
 * See negative.h. The table is an array of buckets, each one cache line: a lookup touches one line
 * and no more. One half of the hash chooses the bucket, the other half is the tag.
 *
 * Time is counted in ticks of 1/8 s since the table was made. A slot holds the low 31 bits of the
 * tick at which it expires; the high bits count eras of 8.5 years. An entry is alive while
 *
 *	the epoch of its bucket is that of the table  and  tick now < expiry
 *
 * where the epoch is the number of purges + the number of eras, which only ever rises. A purge
 * thus costs one increment: buckets of an older epoch count as empty, and are emptied when the
 * writer next comes by. The lowest bit of a slot tells that the miss is proven: then it goes on as
 * a proof for `longer` ticks, the same for all. A free slot is 0.
 *
 * Readers and the writer agree by order alone (atomics in plain C notation are sequentially
 * consistent, which costs a reader nothing on x86):
 *
 *	writer, another tag:	expiry = 0;  tag = t;  expiry = x
 *	writer, old epoch:	expiry = 0 in all slots;  epoch = e
 *	reader:			epoch?  tag?  expiry?  tag still?  expiry still?
 *
 * A reader that sees a tag sees the 0 before it or something later, never the expiry of the tag
 * that was there before; one that sees an expiry from after the tag changed finds so when it looks
 * again. Should the tag have gone and come back meanwhile, it brought an expiry of its own.
 */
#include "cache/negative.h"
#include "base/clock.h"
#include "base/random.h"

#include <sys/mman.h>
#include <xxhash.h>

#define SLOTS  5
#define TICK   (NS_PER_S / 8)
#define ERA    UINT32_C(0x80000000) /* ticks */
#define PROVEN UINT32_C(1)

struct bucket {
	_Atomic uint64_t tag[SLOTS];
	_Atomic uint32_t expiry[SLOTS]; /* tick within its era * 2 + PROVEN; 0: free */
	_Atomic uint32_t epoch;
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");

struct negative {
	struct bucket *buckets; /* mapped, zeroed by the kernel when first touched; NULL: none */
	size_t n_buckets;
	int64_t ttl_ns;
	uint64_t longer; /* ticks */
	int64_t born_ns;
	uint64_t salt;
	_Atomic uint32_t purges;
};

enum err negative_new(size_t max_entries, int64_t ttl_ns, int64_t proof_ns, struct negative **ret,
		      struct error *e)
{
	size_t n_buckets = max_entries / SLOTS + (max_entries % SLOTS > 0);
	void *buckets = NULL;
	struct negative *n;
	size_t bytes;

	if (ttl_ns <= 0 && proof_ns <= 0)
		n_buckets = 0;
	if (__builtin_mul_overflow(n_buckets, sizeof(struct bucket), &bytes))
		return err_set(e, ERR_LIMIT, "no table of %zu misses fits into memory",
			       max_entries);
	if (bytes > 0)
		buckets = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
	if (buckets == MAP_FAILED)
		return err_sys(e, ERR_NOMEM, "table of %zu misses", max_entries);
	n = xnew(struct negative);
	n->buckets = buckets;
	n->n_buckets = n_buckets;
	n->ttl_ns = MIN(MAX(ttl_ns, 0), INT64_MAX / 2); /* so that it can be added to any time */
	n->longer = (uint64_t)MAX(MIN(proof_ns, INT64_MAX / 4) - n->ttl_ns, 0) / (uint64_t)TICK;
	n->born_ns = clock_mono_ns();
	n->salt = random_u64();
	*ret = n;
	return OK;
}

void negative_free(struct negative *n)
{
	if (!n)
		return;
	if (n->buckets)
		munmap(n->buckets, n->n_buckets * sizeof(struct bucket));
	free(n);
}

uint64_t negative_seed(const struct negative *n, const uint8_t store_id[static 32])
{
	return XXH3_64bits_withSeed(store_id, 32, n->salt);
}

struct miss_id miss_id_make(uint64_t seed, struct slice key)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(key.p, key.n, seed);

	return (struct miss_id){h.high64, h.low64};
}

/* The tick of a time. */
static uint64_t tick_at(const struct negative *n, int64_t ns)
{
	return (uint64_t)MAX(ns - n->born_ns, 0) / (uint64_t)TICK;
}

static uint32_t epoch_at(const struct negative *n, uint64_t tick)
{
	return n->purges + (uint32_t)(tick / ERA);
}

/* Evenly over any number of buckets, by a multiplication in place of a division. */
static struct bucket *bucket_of(const struct negative *n, struct miss_id id)
{
	return &n->buckets[(size_t)((unsigned __int128)id.hi * n->n_buckets >> 64)];
}

/* The slot, if it is of this tag; 0 else. */
static uint32_t read_slot(const struct bucket *b, size_t i, uint64_t tag)
{
	uint32_t expiry;

	if (b->tag[i] != tag)
		return 0;
	expiry = b->expiry[i];
	return b->tag[i] == tag && b->expiry[i] == expiry ? expiry : 0;
}

/* The miss of a slot, as it counts at a time: both of its ends may have passed. */
static struct miss describe(const struct negative *n, uint32_t slot, uint64_t tick, int64_t now_ns)
{
	int64_t end = (int64_t)(tick / ERA * ERA + slot / 2) * TICK;
	int64_t left = end - MAX(now_ns - n->born_ns, 0);
	bool refused = !(slot & PROVEN);

	return (struct miss){
		.answers_ns = left,
		.proves_ns = left + (refused ? 0 : (int64_t)n->longer * TICK),
		.refused = refused,
	};
}

struct miss negative_find(const struct negative *n, struct miss_id id, int64_t now_ns)
{
	uint64_t tick = tick_at(n, now_ns);
	const struct bucket *b;
	uint32_t slot = 0;

	if (!n->buckets)
		return (struct miss){0};
	b = bucket_of(n, id);
	if (b->epoch != epoch_at(n, tick))
		return (struct miss){0};
	for (size_t i = 0; i < SLOTS && !slot; i++)
		slot = read_slot(b, i, id.lo);
	return slot ? describe(n, slot, tick, now_ns) : (struct miss){0};
}

size_t negative_count(const struct negative *n, int64_t now_ns)
{
	uint64_t tick = tick_at(n, now_ns);
	uint32_t epoch = epoch_at(n, tick);
	size_t count = 0;

	for (size_t k = 0; k < n->n_buckets; k++)
		for (size_t i = 0; i < SLOTS && n->buckets[k].epoch == epoch; i++)
			count += tick % ERA < n->buckets[k].expiry[i] / 2;
	return count;
}

/* A bucket from before the last purge is emptied before the writer does anything with it. */
static void bring_up(struct bucket *b, uint32_t epoch)
{
	if (b->epoch == epoch)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		b->expiry[i] = 0;
	b->epoch = epoch;
}

/* Where the tag is; else a free slot, or the one that expires first. */
static size_t slot_for(const struct bucket *b, uint64_t tag)
{
	size_t found = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		if (b->tag[i] == tag)
			return i;
		if (b->expiry[i] < b->expiry[found])
			found = i;
	}
	return found;
}

void negative_add(struct negative *n, struct miss_id id, int64_t ttl_ns, bool refused)
{
	int64_t now = clock_mono_ns();
	uint64_t tick = tick_at(n, now), until = tick_at(n, now + MIN(MAX(ttl_ns, 0), n->ttl_ns));
	bool proves = !refused && n->longer;
	struct bucket *b;
	size_t i;

	if (!n->buckets || (until <= tick && !proves))
		return;
	until = MIN(until, tick | (ERA - 1)) % ERA;
	b = bucket_of(n, id);
	bring_up(b, epoch_at(n, tick));
	i = slot_for(b, id.lo);
	if (b->tag[i] != id.lo) {
		b->expiry[i] = 0;
		b->tag[i] = id.lo;
	}
	b->expiry[i] = (uint32_t)until * 2 + (refused ? 0 : PROVEN);
}

void negative_remove(struct negative *n, struct miss_id id)
{
	struct bucket *b;
	size_t i;

	if (!n->buckets)
		return;
	b = bucket_of(n, id);
	i = slot_for(b, id.lo);
	if (b->tag[i] == id.lo)
		b->expiry[i] = 0;
}

void negative_purge(struct negative *n)
{
	n->purges++;
}
