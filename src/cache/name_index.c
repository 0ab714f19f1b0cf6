// SPDX-License-Identifier: MIT
/*
 * See name_index.h. A level is a folder whose names are listed: the root, and of a two-tier store the
 * folders in it, each when a key below it was missing. Of a level:
 *
 *	RESTS --paid, or the first--> WAITS --its turn--> LISTS --complete--> SORTS --> RESTS
 *	  ^                                                 \--failed: then a pause (again_ns)--/
 *
 * It has an edition, or none: what one listing told. An edition never changes, but for being
 * refuted. Readers take it from the level, and it is freed when none of them can have it any more (quiet.h);
 * so they take no lock, and count nothing but what the level is paid by.
 *
 * Threads: all is the loop's, but for the edition (any reader), what is counted, and the sorting of the
 * names (a worker's), during which the level is left alone.
 */
#include "cache/name_index.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/arrivals.h"
#include "metric/metric.h"
#include "store/names.h"

#include <stdio.h>
#include <xxhash.h>

#define BELIEVED_NS      (60 * NS_PER_S)
#define BELIEVED_PAGE_NS (5 * NS_PER_S)
/* A page costs as much as 12.5 reads of a missing key: AWS takes 0.005 $ for 1,000 listings, 0.0004 for reads. */
#define PAGE_PRICE_HALVES 25
#define FREE_PAGES        20 /* at the start */
#define PAUSE_NS          (60 * NS_PER_S)
#define DENIED_NS         (3600 * NS_PER_S)
#define TOO_MANY_NS       (86400 * NS_PER_S)
#define ROOT_COUNTED      65536 /* keys that a level is paid by are told apart by so many bits */
#define FOLDER_COUNTED    1024
#define FOLDERS           4096 /* places; half of them are used at most */
#define NAME_ALIKE_BYTES  512
#define LEARNT            65536 /* two names in one place mislead one another, at the cost of a read */

/* generations: those of the names, of before the listing; a folder has none, for which any purge counts. */
struct edition {
	struct names *names;
	int64_t began_ns, believed_ns; /* for so long after it began */
	unsigned epoch;                /* the store's */
	uint64_t purges, *generations;
	atomic_bool refuted; /* a name was found that it lacks: nothing is absent by it */
	_Atomic(struct arrivals *)
		arrivals; /* names that have come since; NULL: none was told of */
};

enum state { RESTS, WAITS, LISTS, SORTS };

struct level {
	struct name_index *index;
	_Atomic(struct edition *) edition;
	atomic_uint counted;           /* reads of missing keys, each key once */
	atomic_int_least64_t again_ns; /* not listed before that */
	struct loop_task wanted;
	enum state state;
	bool given;                /* the next listing is free */
	unsigned failures;         /* in a row */
	unsigned pages;            /* of the last listing, or of what is known of it */
	struct edition *next;      /* LISTS, SORTS: what it is to be */
	STAILQ_ENTRY(level) place; /* WAITS */
	_Atomic uint64_t *seen;    /* keys counted since the last listing: of each a bit */
	size_t bits;
	char folder[]; /* "", "fo/" */
};

struct sorting {
	struct pool_job job;
	struct loop_task done;
	struct level *level;
	struct listing_result of;
	struct names *names;
};

struct name_index {
	struct name_index_settings set;
	struct level *root;
	_Atomic(struct level *) folder[FOLDERS]; /* by a hash of the folder, then the next free */
	size_t folders;
	struct listing *listing;
	struct level *listed; /* the one that LISTS or SORTS */
	STAILQ_HEAD(levels, level) waiting;
	bool told_too_many, told_twins;
	_Atomic uint8_t learnt[LEARNT]; /* by a hash of the name as it is spelled */
	/* For the operator, who is no reader (quiet.h): */
	atomic_size_t names;
	atomic_int_least64_t began_ns, pages_listed, absent;
	atomic_uint pages;
};

/* ---- keys ---- */

/*
 * Is it a name that no listing proves to be missing? index2.txt tells how a store is laid out. What is no
 * ASCII may be listed otherwise than it is asked for: to R2 all forms of a letter with an accent are one.
 */
static bool is_exempt(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] >= 0x80 || name.p[i] == STORE_ANY_NAME[0])
			return true;
	return name_is_reserved(name) || slice_eq(name, SLICE("index2.txt"));
}

/* "fo/foo.pdb/...": the folder that a two-tier store keeps the name in. */
static bool is_tiered(struct slice folder, struct slice name)
{
	return folder.n == 3 && name.n > 2 &&
	       fold_equal(slice_head(folder, 2), slice_head(name, 2));
}

/* ---- levels ---- */

static size_t place_of(const struct name_index *x, struct slice folder)
{
	size_t at = XXH3_64bits(folder.p, folder.n) % FOLDERS;
	const struct level *l;

	while ((l = atomic_load_explicit(&x->folder[at], memory_order_acquire)) &&
	       !slice_eq(slice_of(l->folder), folder))
		at = (at + 1) % FOLDERS;
	return at;
}

static struct level *level_new(struct name_index *x, struct slice folder, size_t bits);

/* NULL: there are too many. */
static struct level *level_of(struct name_index *x, struct slice folder)
{
	size_t at = place_of(x, folder);
	struct level *l = atomic_load_explicit(&x->folder[at], memory_order_acquire);

	if (l || x->folders >= FOLDERS / 2)
		return l;
	l = level_new(x, folder, FOLDER_COUNTED);
	x->folders++;
	atomic_store_explicit(&x->folder[at], l, memory_order_release);
	return l;
}

/* How many reads of missing keys pay for a listing. */
static unsigned price_of(const struct level *l)
{
	/* No more than what can be told apart. */
	return (unsigned)MIN(MAX(l->pages, 1) * (size_t)PAGE_PRICE_HALVES / 2, l->bits / 2);
}

/* Once for each key: whoever asks for one again and again pays for no listing. Was it one more? Any thread. */
static bool count(struct level *l, struct slice key)
{
	uint64_t bit = XXH3_64bits(key.p, key.n) % l->bits;
	uint64_t mask = UINT64_C(1) << bit % 64;

	if (atomic_load_explicit(&l->seen[bit / 64], memory_order_relaxed) & mask ||
	    atomic_fetch_or_explicit(&l->seen[bit / 64], mask, memory_order_relaxed) & mask)
		return false;
	atomic_fetch_add_explicit(&l->counted, 1, memory_order_relaxed);
	return true;
}

static bool is_paid(const struct level *l)
{
	return l->given || atomic_load_explicit(&l->counted, memory_order_relaxed) >= price_of(l);
}

/* Any thread. */
static void want(struct level *l, int64_t now_ns)
{
	if (is_paid(l) && now_ns >= atomic_load_explicit(&l->again_ns, memory_order_relaxed))
		loop_post(l->index->set.loop, &l->wanted);
}

/* ---- what is not there ---- */

/* Is it still true of this name, if it was when the listing began? */
static bool holds(const struct name_index *x, const struct edition *e, struct slice name)
{
	const struct generations *g = x->set.generations;

	if (atomic_load_explicit(&e->refuted, memory_order_relaxed) ||
	    e->epoch != atomic_load_explicit(&x->set.store->epoch, memory_order_relaxed))
		return false;
	if (atomic_load_explicit(&e->arrivals, memory_order_acquire) &&
	    arrivals_has(atomic_load_explicit(&e->arrivals, memory_order_relaxed), name))
		return false;
	return generation_of_all(g) == e->purges ||
	       (e->generations &&
		!generation_changed(g, e->generations, generation_hash(x->set.store->id, name)));
}

static int64_t absent_ns(struct level *l, struct slice name, struct slice key, int64_t now_ns)
{
	const struct edition *e = atomic_load(&l->edition);
	int64_t left;

	if (!e || !l->index->set.believed || is_exempt(name))
		return 0;
	left = e->began_ns + e->believed_ns - now_ns;
	if (left <= 0 || names_has(e->names, name) || !holds(l->index, e, name))
		return 0;
	if (count(l, key)) {
		metric_inc(index_absent);
		atomic_fetch_add_explicit(&l->index->absent, 1, memory_order_relaxed);
	}
	if (left < e->believed_ns / 2)
		want(l, now_ns);
	return left;
}

int64_t name_index_absent_ns(struct name_index *x, struct slice key, int64_t now_ns)
{
	struct slice name = name_of_key(key), rest = slice_from(key, name.n);
	struct level *folder;
	int64_t left;

	left = absent_ns(x->root, name, key, now_ns);
	if (left > 0 || !is_tiered(name, rest))
		return left;
	folder = atomic_load_explicit(&x->folder[place_of(x, name)], memory_order_acquire);
	return folder ? absent_ns(folder, name_of_key(rest), key, now_ns) : 0;
}

/* ---- what is there ---- */

static _Atomic uint8_t *learnt_of(struct name_index *x, struct slice folder, struct slice name)
{
	return &x->learnt[XXH3_64bits_withSeed(name.p, name.n, folder.n) % LEARNT];
}

static size_t alike_in(struct name_index *x, const struct level *l, struct slice name,
		       struct listed_name *ret, size_t max)
{
	const struct edition *e = l ? atomic_load(&l->edition) : NULL;
	struct slice found[NAMES_ALIKE_MAX];
	size_t n = e ? names_alike(e->names, name, found, MIN(max, NAMES_ALIKE_MAX)) : 0;

	for (size_t i = 0; i < n; i++) {
		ret[i].folder = slice_of(l->folder);
		ret[i].name = slice_head(found[i], found[i].n - 1);
		ret[i].learnt = atomic_load_explicit(learnt_of(x, ret[i].folder, ret[i].name),
						     memory_order_relaxed);
	}
	return n;
}

/* "foo.pdb" as "fo/" and "foo.pdb/", the names of folders. */
size_t name_index_alike(struct name_index *x, struct slice name,
			struct listed_name ret[static NAMES_ALIKE_MAX])
{
	const struct edition *root = atomic_load(&x->root->edition);
	struct slice folder[NAMES_ALIKE_MAX];
	char text[NAME_ALIKE_BYTES + 1], two[3];
	size_t n, folders;

	if (!root || name.n < 3 || name.n > NAME_ALIKE_BYTES)
		return 0;
	memcpy(text, name.p, name.n);
	text[name.n] = '/';
	name = (struct slice){text, name.n + 1};
	n = alike_in(x, x->root, name, ret, NAMES_ALIKE_MAX);
	memcpy(two, text, 2);
	two[2] = '/';
	folders = names_alike(root->names, (struct slice){two, 3}, folder, NAMES_ALIKE_MAX);
	for (size_t i = 0; i < folders; i++)
		n += alike_in(x,
			      atomic_load_explicit(&x->folder[place_of(x, folder[i])],
						   memory_order_acquire),
			      name, ret + n, NAMES_ALIKE_MAX - n);
	return n;
}

/* "foo.pdb/"; a folder of two letters holds names, if it is one of a two-tier store. */
static void each_in(struct name_index *x, const struct level *l,
		    void (*take)(void *ud, struct slice folder, struct slice name), void *ud,
		    bool *whole)
{
	const struct edition *e = l ? atomic_load(&l->edition) : NULL;
	size_t n = e ? names_count(e->names) : 0;
	bool two = atomic_load(&x->set.store->tier) == TIER_TWO;

	*whole = *whole && e;
	for (size_t i = 0; i < n; i++) {
		struct slice name = names_at(e->names, i);
		struct level *below = l == x->root && name.n == 3 && name.p[2] == '/'
					      ? atomic_load_explicit(&x->folder[place_of(x, name)],
								     memory_order_acquire)
					      : NULL;

		if (below || (two && l == x->root && name.n == 3))
			each_in(x, below, take, ud, whole);
		else if (slice_ends(name, SLICE("/")))
			take(ud, slice_of(l->folder), slice_head(name, name.n - 1));
	}
}

bool name_index_each(struct name_index *x,
		     void (*take)(void *ud, struct slice folder, struct slice name), void *ud,
		     bool *whole)
{
	*whole = true;
	each_in(x, x->root, take, ud, whole);
	return atomic_load(&x->root->edition);
}

void name_index_learn(struct name_index *x, const struct listed_name *name, uint8_t learnt)
{
	atomic_store_explicit(learnt_of(x, name->folder, name->name), learnt, memory_order_relaxed);
}

/* ---- editions ---- */

static void edition_free(void *e_)
{
	struct edition *e = e_;

	if (!e)
		return;
	names_free(e->names);
	arrivals_free(atomic_load(&e->arrivals));
	free(e->generations);
	free(e);
}

/* Before the listing begins, so that whatever is purged from now on counts. */
static struct edition *edition_new(const struct level *l)
{
	const struct generations *g = l->index->set.generations;
	struct edition *e = xnew(struct edition);

	e->purges = generation_of_all(g);
	if (l->folder[0])
		return e;
	e->generations = xzalloc(GENERATION_SLOTS * sizeof(e->generations[0]));
	generations_copy(g, e->generations);
	return e;
}

static size_t names_in(const struct edition *e)
{
	return e ? names_count(e->names) : 0;
}

static int64_t size_in(const struct edition *e)
{
	return e ? (int64_t)names_size(e->names) : 0;
}

static void publish(struct level *l, struct edition *e)
{
	struct name_index *x = l->index;
	struct edition *old = atomic_exchange(&l->edition, e);
	int64_t more = (int64_t)names_in(e) - (int64_t)names_in(old);

	*x->set.names_left -= (size_t)more;
	atomic_fetch_add(&x->names, (size_t)more);
	if (l == x->root) {
		atomic_store(&x->pages, e ? l->pages : 0);
		atomic_store(&x->began_ns, e ? e->began_ns : 0);
	}
	metric_add(index_names, more);
	metric_add(index_bytes, size_in(e) - size_in(old));
	quiet_free_later(x->set.quiet, old, edition_free);
}

/* ---- listing ---- */

static void list_next(struct name_index *x);

static void rest(struct level *l, int64_t pause_ns)
{
	struct name_index *x = l->index;

	edition_free(TAKE(l->next));
	atomic_store(&l->again_ns, clock_mono_ns() + pause_ns);
	l->state = RESTS;
	x->listed = NULL;
	list_next(x);
}

static void tell_too_many(struct name_index *x, const struct error *e)
{
	if (x->told_too_many)
		return;
	x->told_too_many = true;
	log_event(LOG_WARN, "no index of names for a day: misses are asked of the store", "store",
		  x->set.store->traits.name, "error", e->msg, NULL);
}

/* Longer each time: what is given costs money, too. */
static int64_t pause_after(unsigned failures)
{
	return MIN(PAUSE_NS << MIN(failures, 10), DENIED_NS);
}

/*
 * The first listing is given until it is done, or found to be a long one, which has to be paid: the store may
 * have been down.
 */
static void failed(struct level *l, const struct listing_result *r, const struct error *e)
{
	int64_t pause_ns = pause_after(l->failures++);

	l->pages = MAX(l->pages, r->pages);
	metric_inc(index_listings_failed);
	if (e->code == ERR_DENIED) {
		pause_ns = DENIED_NS;
	} else if (e->code == ERR_LIMIT && l->given && r->pages >= FREE_PAGES) {
		l->given = false;
		pause_ns = 0;
	} else if (e->code == ERR_CANCELED) {
		pause_ns = NS_PER_S;
	} else if (e->code == ERR_LIMIT) {
		pause_ns = TOO_MANY_NS;
		tell_too_many(l->index, e);
	}
	log_event(LOG_DEBUG, "names not listed", "store", l->index->set.store->traits.name, "error",
		  e->msg, NULL);
	rest(l, pause_ns);
}

/* Why what has been listed is of no use after all. Other indexes have taken names meanwhile. */
static enum err check_sorted(const struct level *l, const struct sorting *s, struct error *e)
{
	const struct name_index *x = l->index;
	size_t room = *x->set.names_left + names_in(atomic_load(&l->edition));

	if (!s->names)
		return err_set(e, ERR_NOMEM, "no memory for the names");
	if (names_count(s->names) > room)
		return err_set(e, ERR_LIMIT, "more than %zu names", room);
	/* As at the start, where a service gives the credentials. */
	if (s->of.epoch != atomic_load(&x->set.store->epoch))
		return err_set(e, ERR_CANCELED, "other credentials have come meanwhile");
	return OK;
}

static void tell_twins(struct name_index *x, const struct names *n)
{
	char text[24];

	if (x->told_twins || !names_twins(n))
		return;
	x->told_twins = true;
	snprintf(text, sizeof(text), "%zu", names_twins(n));
	log_event(LOG_INFO, "names that differ in case only: the one in lower case goes first",
		  "store", x->set.store->traits.name, "names", text, NULL);
}

static void sorted(struct loop_task *task)
{
	struct sorting *s = CONTAINER_OF(task, struct sorting, done);
	struct level *l = s->level;
	struct error e;

	if (check_sorted(l, s, &e) != OK) {
		names_free(s->names);
		failed(l, &s->of, &e);
		free(s);
		return;
	}
	tell_twins(l->index, s->names);
	l->next->names = s->names;
	l->next->began_ns = s->of.began_ns;
	l->next->believed_ns = MIN(MIN(l->index->set.max_ns, BELIEVED_NS),
				   (int64_t)MAX(s->of.pages, 1) * BELIEVED_PAGE_NS);
	l->next->epoch = s->of.epoch;
	l->given = false;
	l->failures = 0;
	l->pages = s->of.pages;
	free(s);
	metric_inc(index_listings);
	publish(l, TAKE(l->next));
	rest(l, 0);
}

/* On a worker. */
static void sort(struct pool_job *job)
{
	struct sorting *s = CONTAINER_OF(job, struct sorting, job);

	s->names = names_make(&s->of.names);
	name_list_fini(&s->of.names);
	loop_post(s->level->index->set.loop, &s->done);
}

static void listed(void *ud, struct listing_result *r, const struct error *e)
{
	struct name_index *x = ud;
	struct level *l = x->listed;
	struct sorting *s;
	struct error busy;

	x->listing = NULL;
	metric_add(index_pages, r->pages);
	atomic_fetch_add(&x->pages_listed, r->pages);
	if (e) {
		failed(l, r, e);
		return;
	}
	s = xnew(struct sorting);
	*s = (struct sorting){.job.run = sort, .done.run = sorted, .level = l, .of = *r};
	l->state = SORTS;
	if (pool_submit(x->set.store->ctx->disk, &s->job) == OK)
		return;
	metric_inc(refused_disk_jobs);
	name_list_fini(&s->of.names);
	free(s);
	err_set(&busy, ERR_BUSY, "too many file lookups are waiting");
	failed(l, r, &busy);
}

static void list_now(struct level *l)
{
	struct name_index *x = l->index;
	const struct edition *now = atomic_load(&l->edition);
	const struct listing_request request = {
		.store = x->set.store,
		.folder = slice_of(l->folder),
		.max_names = *x->set.names_left + names_in(now),
		.max_pages = l->given ? FREE_PAGES : 0,
	};

	l->state = LISTS;
	x->listed = l;
	l->next = edition_new(l);
	for (size_t i = 0; i < l->bits / 64; i++)
		atomic_store_explicit(&l->seen[i], 0, memory_order_relaxed);
	atomic_store_explicit(&l->counted, 0, memory_order_relaxed);
	x->listing = listing_start(&request, listed, x);
}

static void list_next(struct name_index *x)
{
	struct level *l = STAILQ_FIRST(&x->waiting);

	if (!l || x->listed)
		return;
	STAILQ_REMOVE_HEAD(&x->waiting, place);
	list_now(l);
}

static void wanted(struct loop_task *task)
{
	struct level *l = CONTAINER_OF(task, struct level, wanted);

	if (l->state != RESTS || clock_mono_ns() < atomic_load(&l->again_ns))
		return;
	l->state = WAITS;
	atomic_store(&l->again_ns, INT64_MAX);
	if (l == l->index->root) /* which tells most */
		STAILQ_INSERT_HEAD(&l->index->waiting, l, place);
	else
		STAILQ_INSERT_TAIL(&l->index->waiting, l, place);
	list_next(l->index);
}

/* ---- what the store has answered ---- */

/* Keys below a name that it has would be missing with any index. */
static void missed_in(struct level *l, struct slice name, struct slice key)
{
	const struct edition *e = atomic_load(&l->edition);

	if (e && names_has(e->names, name))
		return;
	(void)count(l, key);
	want(l, clock_mono_ns());
}

void name_index_missed(struct name_index *x, struct slice key)
{
	struct slice name = name_of_key(key), behind = slice_from(key, name.n);
	const struct edition *e = atomic_load(&x->root->edition);
	struct level *folder;

	if (is_exempt(name))
		return;
	missed_in(x->root, name, key);
	if (!e || !is_tiered(name, behind) || !names_has(e->names, name))
		return;
	folder = level_of(x, name);
	if (folder)
		missed_in(folder, name_of_key(behind), key);
}

/* It was found while the level is listed, which may have passed the name already: as if it had been purged. */
static void note_found(struct level *l, struct slice name)
{
	struct edition *e = l->next;
	uint64_t hash = generation_hash(l->index->set.store->id, name);

	e->purges--;
	if (e->generations)
		e->generations[hash % GENERATION_SLOTS]--;
}

static void found_in(struct level *l, struct slice name)
{
	struct edition *e = l ? atomic_load(&l->edition) : NULL;

	if (l && l->next)
		note_found(l, name);
	if (e && !names_has(e->names, name) && holds(l->index, e, name) &&
	    clock_mono_ns() - e->began_ns < e->believed_ns)
		atomic_store_explicit(&e->refuted, true, memory_order_relaxed);
}

/*
 * What is there although it was not listed is younger than the listing; or that was wrong. How the names that it
 * told are spelled is as true as before.
 */
void name_index_found(struct name_index *x, struct slice key)
{
	struct slice name = name_of_key(key), behind = slice_from(key, name.n);

	if (is_exempt(name))
		return;
	found_in(x->root, name);
	if (is_tiered(name, behind))
		found_in(atomic_load(&x->folder[place_of(x, name)]), name_of_key(behind));
}

/* Where there is no room, none of what the edition lacks is taken for absent any more. */
static void note_arrival(struct edition *e, struct slice name)
{
	if (!e)
		return;
	if (!atomic_load_explicit(&e->arrivals, memory_order_relaxed))
		atomic_store_explicit(&e->arrivals, arrivals_new(), memory_order_release);
	if (!arrivals_add(atomic_load_explicit(&e->arrivals, memory_order_relaxed), name))
		atomic_store_explicit(&e->refuted, true, memory_order_relaxed);
}

static void arrived_in(struct level *l, struct slice name)
{
	struct edition *e = l ? atomic_load(&l->edition) : NULL;

	if (l && l->next) /* the listing that runs may have passed the name already */
		note_arrival(l->next, name);
	if (e && !names_has(e->names, name))
		note_arrival(e, name);
}

void name_index_arrived(struct name_index *x, struct slice key)
{
	struct slice name = name_of_key(key), behind = slice_from(key, name.n);

	if (is_exempt(name))
		return;
	arrived_in(x->root, name);
	if (is_tiered(name, behind))
		arrived_in(atomic_load(&x->folder[place_of(x, name)]), name_of_key(behind));
}

/* ---- for the operator ---- */

struct name_index_view name_index_look(const struct name_index *x)
{
	return (struct name_index_view){
		.names = atomic_load(&x->names),
		.began_ns = atomic_load(&x->began_ns),
		.pages = atomic_load(&x->pages),
		.listed = atomic_load(&x->pages_listed),
		.absent = atomic_load(&x->absent),
	};
}

/* ---- making ---- */

static struct level *level_new(struct name_index *x, struct slice folder, size_t bits)
{
	struct level *l = xzalloc(sizeof(*l) + folder.n + 1);

	l->index = x;
	l->wanted.run = wanted;
	l->bits = bits;
	l->seen = xzalloc(bits / 8);
	memcpy(l->folder, folder.p, folder.n);
	return l;
}

static void level_free(struct level *l)
{
	edition_free(atomic_load(&l->edition));
	edition_free(l->next);
	free(l->seen);
	free(l);
}

struct name_index *name_index_new(const struct name_index_settings *settings)
{
	struct name_index *x = xnew(struct name_index);

	x->set = *settings;
	STAILQ_INIT(&x->waiting);
	x->root = level_new(x, SLICE(""), ROOT_COUNTED);
	x->root->given = true;
	return x;
}

void name_index_start(struct name_index *x)
{
	loop_post(x->set.loop, &x->root->wanted);
}

void name_index_free(struct name_index *x)
{
	if (!x)
		return;
	if (x->listing)
		listing_cancel(x->listing);
	for (size_t i = 0; i < FOLDERS; i++)
		if (x->folder[i])
			level_free(x->folder[i]);
	level_free(x->root);
	free(x);
}
