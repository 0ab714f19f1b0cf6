// SPDX-License-Identifier: MIT
/*
 * See hot.h. A table of small sets, each with a lock of its own that is held for a comparison and
 * no system call. The entry of a file is reference counted: by the table, and by each answer that it is
 * being sent as. Of a path that is missing a hash of 128 bits is kept, as in the miss memory (negative.h), so
 * that to note one takes no memory. In a full set what has not been asked for the longest goes.
 */
#include "serve/hot.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "cache/disk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <xxhash.h>

#define SETS          ((size_t)256)
#define WAYS          4
#define MEMORY_EACH   ((int64_t)16 * 1024)
#define MEMORY_ALL    ((size_t)8 << 20)
#define LOOK_EVERY_NS (1 * NS_PER_S)
#define MISS_NS       (1 * NS_PER_S)
#define USED_EVERY_NS (600 * NS_PER_S)
#define IDLE_NS       (60 * NS_PER_S)

/* What was asked for, and by what kind of client: two that have the same are looked for alike. */
struct hot_key {
	struct slice path;
	bool decimal_ages, short_stamps, any_path;
	XXH128_hash_t hash;
};

struct hot_entry {
	atomic_uint refs;
	struct hot *hot;
	struct hot_key key; /* its path is owned */
	char *head;
	size_t head_n;
	char *body; /* NULL: in the file */
	struct store *store;
	bool symbol; /* a private store may serve it to anybody */
	int fd;
	int64_t base, length;
	int64_t changed_ns; /* of a local store; else 0 */
	int64_t fresh_until_ns;
	uint64_t version;
	atomic_int_least64_t look_ns, used_ns; /* next look at the file; its last touch */
	int64_t asked_ns;                      /* under the set's lock */
};

struct remembered {
	XXH128_hash_t hash;
	uint64_t version;
	unsigned arrivals;
	int64_t until_ns; /* it counts so long; 0: none */
	int64_t keep_until_ns, asked_ns;
	unsigned by;
};

struct hot_set {
	pthread_mutex_t mu;
	struct hot_entry *entry[WAYS];
	struct remembered missing[WAYS];
};

struct hot {
	struct hot_set set[SETS];
	uint64_t seed;
	atomic_size_t memory; /* bytes of bodies */
	atomic_size_t n;
	atomic_uint arrivals;
	size_t max;
};

struct hot *hot_new(void)
{
	struct hot *h = xnew(struct hot);
	struct rlimit files;

	for (size_t i = 0; i < SETS; i++)
		pthread_mutex_init(&h->set[i].mu, NULL);
	h->max = SETS * WAYS;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		h->max = MIN(h->max, (size_t)files.rlim_cur / HOT_FILES_SHARE);
	h->seed = random_u64();
	return h;
}

void hot_free(struct hot *h)
{
	if (!h)
		return;
	hot_clear(h);
	for (size_t i = 0; i < SETS; i++)
		pthread_mutex_destroy(&h->set[i].mu);
	free(h);
}

static struct hot_key key_of(const struct hot *h, const struct resolve_rules *rules)
{
	const struct client *c = rules->client;
	struct hot_key key = {
		.path = symbol_path_spellings(rules->path),
		.decimal_ages = c->decimal_ages,
		.short_stamps = c->short_stamps,
		.any_path = rules->any_path,
	};
	uint64_t kind = c->decimal_ages + 2U * c->short_stamps + 4U * rules->any_path;

	key.hash = XXH3_128bits_withSeed(key.path.p, key.path.n, h->seed + kind);
	return key;
}

static struct hot_set *set_of(struct hot *h, const struct hot_key *key)
{
	return &h->set[key->hash.low64 % SETS];
}

void hot_done(struct hot *h, struct hot_entry *e)
{
	if (atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	if (e->body)
		atomic_fetch_sub(&h->memory, (size_t)e->length);
	atomic_fetch_sub(&h->n, 1);
	close_p(&e->fd);
	free(e->body);
	free(e->head);
	free((char *)(uintptr_t)e->key.path.p);
	free(e);
}

void hot_clear(struct hot *h)
{
	for (size_t i = 0; i < SETS * WAYS; i++) {
		struct hot_set *set = &h->set[i / WAYS];
		struct hot_entry *e;

		pthread_mutex_lock(&set->mu);
		e = TAKE(set->entry[i % WAYS]);
		pthread_mutex_unlock(&set->mu);
		if (e)
			hot_done(h, e);
	}
}

void hot_note_arrivals(struct hot *h)
{
	atomic_fetch_add_explicit(&h->arrivals, 1, memory_order_relaxed);
}

unsigned hot_arrivals(const struct hot *h)
{
	return atomic_load_explicit(&h->arrivals, memory_order_relaxed);
}

/* ---- finding ---- */

static bool is_same(const struct hot_key *a, const struct hot_key *b)
{
	return XXH128_isEqual(a->hash, b->hash) && slice_eq(a->path, b->path) &&
	       a->decimal_ages == b->decimal_ages && a->short_stamps == b->short_stamps &&
	       a->any_path == b->any_path;
}

/* Called under the set's lock, as the next. */
static struct hot_entry **place_of(struct hot_set *set, const struct hot_key *key)
{
	for (size_t i = 0; i < WAYS; i++)
		if (set->entry[i] && is_same(&set->entry[i]->key, key))
			return &set->entry[i];
	return NULL;
}

static void find_miss(struct hot *h, struct hot_set *set, const struct hot_key *key,
		      uint64_t version, int64_t now, struct hot_miss *ret)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct remembered *m = &set->missing[i];

		if (now >= m->until_ns || m->version != version || m->arrivals != hot_arrivals(h) ||
		    !XXH128_isEqual(m->hash, key->hash))
			continue;
		m->asked_ns = now;
		*ret = (struct hot_miss){m->keep_until_ns - now, m->by};
		return;
	}
}

static void drop(struct hot *h, struct hot_set *set, struct hot_entry *e)
{
	bool was_in = false;

	pthread_mutex_lock(&set->mu);
	for (size_t i = 0; i < WAYS; i++) {
		if (set->entry[i] == e) {
			set->entry[i] = NULL;
			was_in = true;
		}
	}
	pthread_mutex_unlock(&set->mu);
	if (was_in)
		hot_done(h, e);
}

/* When a file is removed or replaced its links become fewer, which is a change, too. */
static bool is_unchanged(int fd, int64_t changed_ns)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (int64_t)st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec == changed_ns;
}

/* Is it still what would be found? Looks at a file of the cache when it is time to. */
static bool still_good(struct hot_entry *e, int64_t now)
{
	int64_t look = atomic_load_explicit(&e->look_ns, memory_order_relaxed);
	int64_t used = atomic_load_explicit(&e->used_ns, memory_order_relaxed);
	struct stat st;

	if (now >= e->fresh_until_ns)
		return false;
	if (e->changed_ns)
		return is_unchanged(e->fd, e->changed_ns);
	if (now < look || !atomic_compare_exchange_strong(&e->look_ns, &look, now + LOOK_EVERY_NS))
		return true;
	if (fstat(e->fd, &st) != 0 || st.st_nlink == 0)
		return false;
	if (now - used >= USED_EVERY_NS) {
		atomic_store_explicit(&e->used_ns, now, memory_order_relaxed);
		disk_touch_used(e->fd);
	}
	return true;
}

static bool may_serve(const struct resolve_rules *rules, const struct hot_entry *e)
{
	return (rules->any_path || e->symbol || !store_is_private(e->store)) &&
	       !(rules->looped && e->store->traits.loops);
}

struct hot_entry *hot_find(struct hot *h, const struct resolve_rules *rules, uint64_t version,
			   struct hot_miss *ret)
{
	const struct hot_key key = key_of(h, rules);
	struct hot_set *set = set_of(h, &key);
	struct hot_entry **place, *e = NULL;
	int64_t now = clock_coarse_ns();

	*ret = (struct hot_miss){0};
	pthread_mutex_lock(&set->mu);
	place = place_of(set, &key);
	if (place) {
		e = *place;
		e->asked_ns = now;
		atomic_fetch_add(&e->refs, 1);
	} else {
		find_miss(h, set, &key, version, now, ret);
	}
	pthread_mutex_unlock(&set->mu);
	if (!e)
		return NULL;
	if (e->version != version || !still_good(e, now)) {
		drop(h, set, e);
	} else if (may_serve(rules, e)) {
		return e;
	}
	hot_done(h, e);
	return NULL;
}

static void sent(void *ud)
{
	struct hot_entry *e = ud;

	hot_done(e->hot, e);
}

struct http_answer hot_answer(struct hot_entry *e)
{
	return (struct http_answer){
		.head = {e->head, e->head_n},
		.kind = e->body ? HTTP_ANSWER_BYTES : HTTP_ANSWER_FILE,
		.bytes = {e->body, (size_t)e->length},
		.fd = e->fd,
		.offset = e->base,
		.length = e->length,
		.release = sent,
		.ud = e,
	};
}

int64_t hot_length(const struct hot_entry *e)
{
	return e->length;
}

struct store *hot_store(const struct hot_entry *e)
{
	return e->store;
}

/* ---- adding ---- */

/* A small body, if it can be read now; else it is sent from the file. */
static char *read_body(struct hot *h, const struct hot_offer *o)
{
	size_t n = (size_t)o->length;
	char *body;

	if (o->length > MEMORY_EACH || atomic_load(&h->memory) + n > MEMORY_ALL)
		return NULL;
	body = malloc(n);
	if (body && file_read_at(o->fd, body, n, o->base) == o->length) {
		atomic_fetch_add(&h->memory, n);
		return body;
	}
	free(body);
	return NULL;
}

static struct hot_entry *entry_new(struct hot *h, const struct hot_offer *o,
				   const struct hot_key *key)
{
	int64_t now = clock_mono_ns();
	struct hot_entry *e = xnew(struct hot_entry);

	atomic_init(&e->refs, 1);
	e->key = *key;
	e->key.path.p = xstrndup(key->path.p, key->path.n);
	e->head = xstrndup(o->head.p, o->head.n);
	e->head_n = o->head.n;
	e->hot = h;
	e->store = o->store;
	e->symbol = o->rules->path->symbol;
	e->base = o->base;
	e->length = o->length;
	e->changed_ns = o->changed_ns;
	e->body = read_body(h, o);
	e->fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
	e->fresh_until_ns = now + o->fresh_ns;
	e->version = o->version;
	e->asked_ns = now;
	atomic_init(&e->look_ns, now + LOOK_EVERY_NS);
	atomic_init(&e->used_ns, now);
	return e;
}

/* A free place, or the one that was asked for the longest ago. Called under the set's lock. */
static struct hot_entry **worst_place(struct hot_set *set)
{
	struct hot_entry **worst = &set->entry[0];

	for (size_t i = 0; i < WAYS && *worst; i++)
		if (!set->entry[i] || set->entry[i]->asked_ns < (*worst)->asked_ns)
			worst = &set->entry[i];
	return worst;
}

void hot_add(struct hot *h, const struct hot_offer *o)
{
	const struct hot_key key = key_of(h, o->rules);
	struct hot_set *set = set_of(h, &key);
	struct hot_entry *e, **place, *old;

	if (atomic_load(&h->n) >= h->max)
		return;
	e = entry_new(h, o, &key);
	atomic_fetch_add(&h->n, 1);
	/* A body was read after its head was made. */
	if (e->fd < 0 || (e->changed_ns && !is_unchanged(e->fd, e->changed_ns))) {
		hot_done(h, e);
		return;
	}
	pthread_mutex_lock(&set->mu);
	place = place_of(set, &key);
	if (!place)
		place = worst_place(set);
	old = *place;
	*place = e;
	pthread_mutex_unlock(&set->mu);
	if (old)
		hot_done(h, old);
}

/* The place of this path, or the one that was asked for the longest ago. Called under the set's lock. */
static struct remembered *missing_place(struct hot_set *set, const struct hot_key *key)
{
	struct remembered *oldest = &set->missing[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (XXH128_isEqual(set->missing[i].hash, key->hash))
			return &set->missing[i];
		if (set->missing[i].asked_ns < oldest->asked_ns)
			oldest = &set->missing[i];
	}
	return oldest;
}

void hot_add_miss(struct hot *h, const struct resolve_rules *rules, uint64_t version,
		  unsigned arrivals, const struct hot_miss *miss)
{
	const struct hot_key key = key_of(h, rules);
	struct hot_set *set = set_of(h, &key);
	int64_t now = clock_coarse_ns();

	pthread_mutex_lock(&set->mu);
	*missing_place(set, &key) = (struct remembered){
		.hash = key.hash,
		.version = version,
		.arrivals = arrivals,
		.until_ns = now + MIN(miss->keep_ns, MISS_NS),
		.keep_until_ns = now + MIN(miss->keep_ns, INT64_MAX / 2),
		.asked_ns = now,
		.by = miss->by,
	};
	pthread_mutex_unlock(&set->mu);
}

/* ---- giving back ---- */

void hot_tidy(struct hot *h, uint64_t version)
{
	int64_t now = clock_coarse_ns();

	for (size_t i = 0; i < SETS * WAYS; i++) {
		struct hot_set *set = &h->set[i / WAYS];
		struct hot_entry **place = &set->entry[i % WAYS], *e;

		pthread_mutex_lock(&set->mu);
		e = *place;
		if (e && (e->version != version || now >= e->fresh_until_ns ||
			  now - e->asked_ns >= IDLE_NS))
			*place = NULL;
		else
			e = NULL;
		pthread_mutex_unlock(&set->mu);
		if (e)
			hot_done(h, e);
	}
}
