// SPDX-License-Identifier: MIT
/*
 * See name_index_priv.h: when a level is listed, and what comes of it.
 *
 *	RESTS --paid, or the first--> WAITS --its turn--> LISTS --complete--> SORTS --> RESTS
 *	  ^                                                 \--failed: then a pause (again_ns)--/
 */
#include "base/clock.h"
#include "base/log.h"
#include "cache/name_index_priv.h"
#include "metric/metric.h"

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

struct sorting {
	struct pool_job job;
	struct loop_task done;
	struct level *level;
	struct listing_result of;
	struct names *names;
};

/* ---- what pays for a listing ---- */

/* How many reads of missing keys pay for a listing. */
static unsigned price_of(const struct level *l)
{
	size_t pages = atomic_load_explicit(&l->pages, memory_order_relaxed);

	/* No more than what can be told apart. */
	return (unsigned)MIN(MAX(pages, 1) * PAGE_PRICE_HALVES / 2, l->bits / 2);
}

bool level_count(struct level *l, struct slice key)
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
	return atomic_load_explicit(&l->given, memory_order_relaxed) ||
	       atomic_load_explicit(&l->counted, memory_order_relaxed) >= price_of(l);
}

void level_want(struct level *l, int64_t now_ns)
{
	if (is_paid(l) && now_ns >= atomic_load_explicit(&l->again_ns, memory_order_relaxed))
		loop_post(l->index->set.loop, &l->wanted);
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

	atomic_store(&l->pages, MAX(atomic_load(&l->pages), r->pages));
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

/* ---- levels ---- */

struct level *level_new(struct name_index *x, struct slice folder)
{
	struct level *l = xzalloc(sizeof(*l) + folder.n + 1);

	l->index = x;
	l->wanted.run = wanted;
	l->bits = folder.n ? FOLDER_COUNTED : ROOT_COUNTED;
	l->seen = xzalloc(l->bits / 8);
	memcpy(l->folder, folder.p, folder.n);
	return l;
}

void level_free(struct level *l)
{
	edition_free(atomic_load(&l->edition));
	edition_free(l->next);
	free(l->seen);
	free(l);
}

static size_t place_of(const struct name_index *x, struct slice folder)
{
	size_t at = XXH3_64bits(folder.p, folder.n) % FOLDERS;
	const struct level *l;

	while ((l = atomic_load_explicit(&x->folder[at], memory_order_acquire)) &&
	       !slice_eq(slice_of(l->folder), folder))
		at = (at + 1) % FOLDERS;
	return at;
}

struct level *level_find(struct name_index *x, struct slice folder)
{
	return atomic_load_explicit(&x->folder[place_of(x, folder)], memory_order_acquire);
}

struct level *level_of(struct name_index *x, struct slice folder)
{
	size_t at = place_of(x, folder);
	struct level *l = atomic_load_explicit(&x->folder[at], memory_order_acquire);

	if (l || x->folders >= FOLDERS / 2)
		return l;
	l = level_new(x, folder);
	x->folders++;
	atomic_store_explicit(&x->folder[at], l, memory_order_release);
	return l;
}
