// SPDX-License-Identifier: MIT
/*
 * See missing.h. A file belongs to one of a few parts, by its hash, so that threads seldom meet in one; a part has
 * MISSING_MAX places of its own, for all that is counted might fall into one part. In a part the places are found by
 * a chained table of hashes, and the one with the least count is the root of a heap.
 *
 * Nothing is allocated under a lock: texts lie within the places, or, the long ones, in a block that is made before
 * the lock is taken and whose predecessor is freed after it has been let go.
 */
#include "serve/missing.h"

#include "base/buf.h"
#include "base/macros.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <xxhash.h>

#define PARTS   4
#define CHAINS  ((size_t)2 * MISSING_MAX)
#define TEXT_IN 112 /* nearly all names and keys are shorter */
#define NONE    UINT16_MAX

static_assert(MISSING_MAX < NONE, "places are counted in 16 bits");

struct place {
	uint64_t hash, count, over;
	int64_t first_s, last_s;
	char *longer; /* the text, where it is no longer than TEXT_IN: NULL */
	uint16_t name_n, key_n;
	uint16_t next;    /* in its chain */
	uint16_t in_heap; /* where it stands in the heap */
	char client[MISSING_CLIENT_MAX];
	char text[TEXT_IN]; /* name and key, one behind the other */
};

struct part {
	pthread_mutex_t mu; /* all below */
	size_t n;
	uint16_t chain[CHAINS], heap[MISSING_MAX];
	struct place place[MISSING_MAX];
};

struct missing {
	struct part part[PARTS]; /* pages that were never touched take no memory */
};

/* A file on its way into a part. */
struct entry {
	struct missing_file file;
	uint64_t hash;
	char *longer; /* for its text; afterwards what is to be freed */
};

struct missing *missing_new(void)
{
	struct missing *m = xnew(struct missing);

	for (size_t i = 0; i < PARTS; i++) {
		pthread_mutex_init(&m->part[i].mu, NULL);
		memset(m->part[i].chain, 0xff, sizeof(m->part[i].chain));
	}
	return m;
}

void missing_free(struct missing *m)
{
	for (size_t i = 0; m && i < PARTS; i++) {
		struct part *p = &m->part[i];

		for (size_t k = 0; k < p->n; k++)
			free(p->place[k].longer);
		pthread_mutex_destroy(&p->mu);
	}
	free(m);
}

/* ---- a place and its text ---- */

static const char *text_of(const struct place *p)
{
	return p->longer ? p->longer : p->text;
}

static struct slice name_of(const struct place *p)
{
	return (struct slice){text_of(p), p->name_n};
}

static struct slice key_of(const struct place *p)
{
	return (struct slice){text_of(p) + p->name_n, p->key_n};
}

/* Of the text in lower case. */
static uint64_t hash_text(struct slice text, uint64_t seed)
{
	char lower[MISSING_TEXT_MAX];
	struct buf longer CLEANUP(buf_fini) = {0};
	struct slice s = fold_within(text, lower, sizeof(lower), &longer);

	return XXH3_64bits_withSeed(s.p, s.n, seed);
}

/* Where the name ends counts, too. */
static uint64_t hash_of(struct slice name, struct slice key)
{
	return hash_text(key, hash_text(name, 0));
}

static struct part *part_of(struct missing *m, uint64_t hash)
{
	return &m->part[hash >> 62];
}

static_assert(PARTS == 4, "the upper two bits of a hash tell its part");

/* ---- the heap: the least count is its root ---- */

static uint64_t count_at(const struct part *p, size_t at)
{
	return p->place[p->heap[at]].count;
}

static void put_at(struct part *p, size_t at, uint16_t which)
{
	p->heap[at] = which;
	p->place[which].in_heap = (uint16_t)at;
}

/* The count of the place at `at` has grown. */
static void sink(struct part *p, size_t at)
{
	uint16_t which = p->heap[at];
	uint64_t count = p->place[which].count;
	size_t child;

	for (; (child = 2 * at + 1) < p->n; at = child) {
		if (child + 1 < p->n && count_at(p, child + 1) < count_at(p, child))
			child++;
		if (count_at(p, child) >= count)
			break;
		put_at(p, at, p->heap[child]);
	}
	put_at(p, at, which);
}

/* The place at `at` is new there, or its count has shrunk. */
static void rise(struct part *p, size_t at)
{
	uint16_t which = p->heap[at];
	uint64_t count = p->place[which].count;

	for (; at && count_at(p, (at - 1) / 2) > count; at = (at - 1) / 2)
		put_at(p, at, p->heap[(at - 1) / 2]);
	put_at(p, at, which);
}

/* ---- the table ---- */

static uint16_t *chain_of(struct part *p, uint64_t hash)
{
	return &p->chain[hash % CHAINS];
}

static struct place *find(struct part *p, const struct entry *e)
{
	for (uint16_t i = *chain_of(p, e->hash); i != NONE; i = p->place[i].next) {
		struct place *place = &p->place[i];

		if (place->hash == e->hash && fold_equal(name_of(place), e->file.name) &&
		    fold_equal(key_of(place), e->file.key))
			return place;
	}
	return NULL;
}

static void unchain(struct part *p, struct place *place)
{
	uint16_t which = (uint16_t)(place - p->place), *at = chain_of(p, place->hash);

	while (*at != which)
		at = &p->place[*at].next;
	*at = place->next;
}

static void chain(struct part *p, struct place *place)
{
	uint16_t *first = chain_of(p, place->hash);

	place->next = *first;
	*first = (uint16_t)(place - p->place);
}

/* ---- counting ---- */

/* The place gets the text of the entry; what it had of its own is the entry's. */
static void set_text(struct place *place, struct entry *e)
{
	char *to = e->longer ? e->longer : place->text;

	memcpy(to, e->file.name.p, e->file.name.n);
	memcpy(to + e->file.name.n, e->file.key.p, e->file.key.n);
	place->name_n = (uint16_t)e->file.name.n;
	place->key_n = (uint16_t)e->file.key.n;
	to = place->longer;
	place->longer = e->longer;
	e->longer = to;
}

static struct place *take_place(struct part *p, struct entry *e)
{
	struct place *place;
	bool is_new = p->n < MISSING_MAX;

	if (is_new) {
		place = &p->place[p->n];
		*place = (struct place){.first_s = e->file.first_s};
		put_at(p, p->n, (uint16_t)p->n);
		p->n++;
	} else {
		place = &p->place[p->heap[0]];
		unchain(p, place);
		place->over = place->count;
		place->first_s = e->file.first_s;
	}
	place->hash = e->hash;
	set_text(place, e);
	chain(p, place);
	if (is_new)
		rise(p, place->in_heap);
	return place;
}

static void add(struct part *p, struct entry *e)
{
	LOCK_SCOPE(&p->mu);
	struct place *place = find(p, e);

	if (!place)
		place = take_place(p, e);
	place->count += e->file.count;
	place->over += e->file.over;
	place->first_s = MIN(place->first_s, e->file.first_s);
	place->last_s = MAX(place->last_s, e->file.last_s);
	(void)snprintf(place->client, sizeof(place->client), "%s", e->file.client);
	sink(p, place->in_heap);
}

void missing_restore(struct missing *m, const struct missing_file *file)
{
	struct entry e = {.file = *file};
	size_t n = file->name.n + file->key.n;

	if (n > MISSING_TEXT_MAX || !file->count)
		return;
	e.hash = hash_of(file->name, file->key);
	if (n > TEXT_IN)
		e.longer = xzalloc(n);
	add(part_of(m, e.hash), &e);
	free(e.longer);
}

void missing_count(struct missing *m, struct slice name, struct slice key, const char *client,
		   int64_t now_s)
{
	missing_restore(m, &(struct missing_file){.name = name,
						  .key = key,
						  .count = 1,
						  .first_s = now_s,
						  .last_s = now_s,
						  .client = client});
}

/* ---- forgetting ---- */

/* The last place moves to where there is none any more. */
static void fill_hole(struct part *p, struct place *hole)
{
	struct place *last = &p->place[p->n];

	if (hole == last)
		return;
	unchain(p, last);
	*hole = *last;
	chain(p, hole);
	p->heap[hole->in_heap] = (uint16_t)(hole - p->place);
}

static char *take_out(struct part *p, const struct entry *e)
{
	LOCK_SCOPE(&p->mu);
	struct place *place = find(p, e);
	char *longer;
	size_t at;

	if (!place)
		return NULL;
	longer = place->longer;
	at = place->in_heap;
	unchain(p, place);
	p->n--;
	if (at < p->n) {
		put_at(p, at, p->heap[p->n]);
		rise(p, at);
		sink(p, p->place[p->heap[at]].in_heap);
	}
	fill_hole(p, place);
	return longer;
}

void missing_forget(struct missing *m, struct slice name, struct slice key)
{
	struct entry e = {.file = {.name = name, .key = key}};

	if (name.n + key.n > MISSING_TEXT_MAX)
		return;
	e.hash = hash_of(name, key);
	free(take_out(part_of(m, e.hash), &e));
}

/* ---- telling ---- */

struct snapshot {
	struct place *place; /* of all parts; their longer texts lie in longer */
	char *longer;
	size_t n, long_n, long_max;
};

static size_t count_longer(struct part *p)
{
	LOCK_SCOPE(&p->mu);
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->place[i].longer != NULL;
	return n;
}

/* One with a long text that is new since they were counted finds no room, and is left out. */
static void copy_part(struct part *p, struct snapshot *s)
{
	LOCK_SCOPE(&p->mu);

	for (size_t i = 0; i < p->n; i++) {
		struct place *to = &s->place[s->n];

		*to = p->place[i];
		if (to->longer && s->long_n == s->long_max)
			continue;
		if (to->longer) {
			to->longer = s->longer + MISSING_TEXT_MAX * s->long_n++;
			memcpy(to->longer, p->place[i].longer, (size_t)to->name_n + to->key_n);
		}
		s->n++;
	}
}

/* Of those with one count, those that were asked for last come first. */
static int more_frequent(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->last_s == y->last_s ? 0 : x->last_s < y->last_s ? 1 : -1;
}

void missing_each(struct missing *m, void (*tell)(void *ud, const struct missing_file *file),
		  void *ud)
{
	struct snapshot s = {.place = xzalloc(sizeof(struct place) * PARTS * MISSING_MAX)};

	for (size_t i = 0; i < PARTS; i++)
		s.long_max += count_longer(&m->part[i]);
	s.longer = xzalloc(MISSING_TEXT_MAX * s.long_max + 1);
	for (size_t i = 0; i < PARTS; i++)
		copy_part(&m->part[i], &s);
	qsort(s.place, s.n, sizeof(struct place), more_frequent);
	for (size_t i = 0; i < MIN(s.n, (size_t)MISSING_MAX); i++) {
		const struct place *p = &s.place[i];

		tell(ud, &(struct missing_file){.name = name_of(p),
						.key = key_of(p),
						.count = p->count,
						.over = p->over,
						.first_s = p->first_s,
						.last_s = p->last_s,
						.client = p->client});
	}
	free(s.longer);
	free(s.place);
}
