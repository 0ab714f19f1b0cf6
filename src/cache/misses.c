// SPDX-License-Identifier: MIT
/*
 * See cache.h: what is missing in which store. Misses that were told are remembered (negative.h); what lies
 * below a name that the store does not have is missing without having been asked for (name_index.h).
 */
#include "base/clock.h"
#include "cache/cache_priv.h"

#include <xxhash.h>

void cache_index_names(struct cache *c, struct store *s, struct loop *loop, struct quiet *quiet)
{
	int64_t max_ns = MIN(c->settings.miss_ttl_ns, s->traits.miss_ttl_max_ns);
	const struct name_index_settings settings = {
		.store = s,
		.loop = loop,
		.quiet = quiet,
		.generations = c->generations,
		.names_left = &c->names_left,
		.max_ns = MAX(max_ns, 1),
		.believed = s->traits.listed_believed && max_ns > 0,
	};

	/* Where nothing is to be believed, and keys are not searched for in any case, it is of no use. */
	if (!s->traits.indexed || !store_can_list(s) || !c->names_left ||
	    (max_ns <= 0 && s->traits.key_case != CASE_BOTH))
		return;
	c->index = realloc(c->index, (c->indexes + 1) * sizeof(struct name_index *));
	ASSERT(c->index);
	c->index[c->indexes] = name_index_new(&settings);
	name_index_start(c->index[c->indexes]);
	s->index = ++c->indexes;
}

/* How often it was told that the key has arrived; keys that share a place count for one another. */
static uint64_t arrivals_of(const struct cache *c, const struct store *s, struct slice key)
{
	if (!atomic_load_explicit(&c->any_arrived, memory_order_relaxed))
		return 0;
	return atomic_load_explicit(&c->arrived[generation_hash(s->id, key) % ARRIVED_SLOTS],
				    memory_order_relaxed);
}

/*
 * What a miss of the key is remembered by. A store that finds keys in any case by itself may have been asked in any,
 * so that what has arrived there counts for all spellings.
 */
static uint64_t ticket_of(const struct cache *c, struct store *s, struct slice key)
{
	/*
	 * A denial from before the store had credentials, or before it was known how it says
	 * missing, counts for nothing now.
	 */
	uint64_t epoch = atomic_load_explicit(&s->epoch, memory_order_relaxed);

	if (s->traits.any_case)
		epoch += arrivals_of(c, s, key) << 32;
	return epoch + cache_generation(c, s, key, NULL) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Whoever was asked before the key arrived may not have seen it: such a miss is not remembered. */
uint64_t cache_miss_ticket(const struct cache *c, struct store *s, struct slice key)
{
	return ticket_of(c, s, key) + arrivals_of(c, s, key) * UINT64_C(0xc2b2ae3d27d4eb4f);
}

/*
 * The ticket makes a miss from before a purge one of another key than is looked for after it. A
 * miss of requests with one SymbolChecksum is none of requests with another, or without; nor is a
 * miss of requests that accept MSFZ one of those that do not.
 */
static struct miss_id miss_of(const struct cache *c, struct store *s, struct slice key,
			      enum form form, const char *checksum, uint64_t ticket)
{
	uint64_t seed = negative_seed(c->negative, s->id) + ticket;

	if (form == FORM_MSFZ)
		seed ^= UINT64_C(0xa5a5a5a5a5a5a5a5);
	if (checksum && s->traits.checksums)
		seed = XXH3_64bits_withSeed(checksum, strlen(checksum), seed);
	return miss_id_make(seed, key);
}

bool cache_remembers(const struct cache *c)
{
	return c->settings.miss_ttl_ns > 0 && c->settings.miss_entries > 0;
}

int64_t cache_miss_ttl_ns(const struct cache *c)
{
	return c->settings.miss_ttl_ns;
}

int64_t cache_fresh_ns(const struct cache *c)
{
	return c->settings.fresh_ns;
}

bool cache_may_know(const struct cache *c)
{
	return c->disk || cache_remembers(c);
}

static struct name_index *index_of(const struct cache *c, const struct store *s)
{
	return s->index ? c->index[s->index - 1] : NULL;
}

/* If nothing else is known: by its name. */
static struct miss find_by_name(const struct cache *c, const struct store *s, struct slice key,
				struct miss miss, int64_t now_ns)
{
	struct name_index *x = index_of(c, s);
	int64_t absent_ns = x && miss.answers_ns <= 0 ? name_index_absent_ns(x, key, now_ns) : 0;

	if (absent_ns > 0)
		miss = (struct miss){.answers_ns = absent_ns,
				     .proves_ns = MAX(absent_ns, miss.proves_ns),
				     .by_name = true};
	return miss;
}

struct miss cache_find_miss(const struct cache *c, struct store *s, struct slice key,
			    enum form form, const char *checksum)
{
	static const struct miss unspoken = {FETCH_REFUSED_NS, FETCH_REFUSED_NS, true, false};
	uint64_t ticket = ticket_of(c, s, key);
	int64_t now = clock_coarse_ns();
	struct miss as_msfz,
		miss = negative_find(c->negative, miss_of(c, s, key, FORM_STORED, checksum, ticket),
				     now);

	if (!store_speaks(s, key))
		return unspoken;
	miss = find_by_name(c, s, key, miss, now);
	if (form != FORM_MSFZ || miss.answers_ns > 0)
		return miss;
	as_msfz = negative_find(c->negative, miss_of(c, s, key, form, checksum, ticket), now);
	return as_msfz.answers_ns > 0 || miss.proves_ns <= 0 ? as_msfz : miss;
}

bool cache_lacks_name(const struct cache *c, const struct store *s, struct slice key)
{
	struct name_index *x = index_of(c, s);

	return x && name_index_absent_ns(x, key, clock_coarse_ns()) > 0;
}

size_t cache_names_alike(const struct cache *c, const struct store *s, struct slice name,
			 struct listed_name ret[static NAMES_ALIKE_MAX])
{
	return s->index ? name_index_alike(index_of(c, s), name, ret) : 0;
}

bool cache_walk_names(const struct cache *c, const struct store *s, struct slice from, size_t looks,
		      struct name_walk *w)
{
	return s->index && name_walk_begin(w, index_of(c, s), from, looks);
}

void cache_learn_name(const struct cache *c, const struct store *s, const struct listed_name *name,
		      uint8_t learnt)
{
	if (s->index)
		name_index_learn(index_of(c, s), name, learnt);
}

bool cache_look_at_names(const struct cache *c, const struct store *s, struct name_index_view *ret)
{
	if (!s->index)
		return false;
	*ret = name_index_look(index_of(c, s));
	return true;
}

void cache_note_miss(struct cache *c, struct store *s, const struct miss_asked *asked,
		     enum fetch_result how)
{
	bool refused = how == FETCH_REFUSED;
	int64_t ttl_ns = MIN(c->settings.miss_ttl_ns, store_miss_ttl_max(s, asked->key));
	struct miss_id id = miss_of(c, s, asked->key, asked->form, asked->checksum,
				    ticket_of(c, s, asked->key));

	if (fetch_is_miss(how) && index_of(c, s))
		name_index_missed(index_of(c, s), asked->key);
	if (fetch_is_miss(how) && asked->ticket == cache_miss_ticket(c, s, asked->key) &&
	    !(asked->via && s->traits.loops))
		negative_add(c->negative, id, refused ? MIN(ttl_ns, FETCH_REFUSED_NS) : ttl_ns,
			     refused);
}

void cache_note_absent(struct cache *c, struct store *s, struct slice key, const struct miss *miss)
{
	uint64_t ticket = ticket_of(c, s, key);

	if (miss->by_name)
		negative_add(c->negative, miss_of(c, s, key, FORM_STORED, NULL, ticket),
			     miss->answers_ns, false);
}

static void forget_miss(struct cache *c, struct store *s, struct slice key, const char *checksum)
{
	uint64_t ticket = ticket_of(c, s, key);

	negative_remove(c->negative, miss_of(c, s, key, FORM_STORED, checksum, ticket));
	if (s->traits.negotiates)
		negative_remove(c->negative, miss_of(c, s, key, FORM_MSFZ, checksum, ticket));
}

void cache_forget_miss(struct cache *c, struct store *s, struct slice key, const char *checksum)
{
	forget_miss(c, s, key, NULL);
	if (checksum && s->traits.checksums)
		forget_miss(c, s, key, checksum);
}

void cache_note_found(struct cache *c, struct store *s, struct slice key, const char *checksum)
{
	if (index_of(c, s))
		name_index_found(index_of(c, s), key);
	cache_forget_miss(c, s, key, checksum);
}

void cache_note_arrived(struct cache *c, struct store *s, struct slice key)
{
	atomic_fetch_add_explicit(&c->arrived[generation_hash(s->id, key) % ARRIVED_SLOTS], 1,
				  memory_order_relaxed);
	atomic_store_explicit(&c->any_arrived, true, memory_order_relaxed);
	if (index_of(c, s))
		name_index_arrived(index_of(c, s), key);
	cache_forget_miss(c, s, key, NULL);
}
