// SPDX-License-Identifier: MIT
/* See name_index.h; what it consists of is told in name_index_priv.h. */
#include "base/clock.h"
#include "base/text.h"
#include "cache/name_index_priv.h"
#include "metric/metric.h"

#include <xxhash.h>

#define NAME_ALIKE_BYTES 512

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
	if (level_count(l, key)) {
		metric_inc(index_absent);
		atomic_fetch_add_explicit(&l->index->absent, 1, memory_order_relaxed);
	}
	if (left < e->believed_ns / 2)
		level_want(l, now_ns);
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
	folder = level_find(x, name);
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
		n += alike_in(x, level_find(x, folder[i]), name, ret + n, NAMES_ALIKE_MAX - n);
	return n;
}

void name_index_learn(struct name_index *x, const struct listed_name *name, uint8_t learnt)
{
	atomic_store_explicit(learnt_of(x, name->folder, name->name), learnt, memory_order_relaxed);
}

/* ---- what the store has answered ---- */

/* Keys below a name that it has would be missing with any index. */
static void missed_in(struct level *l, struct slice name, struct slice key)
{
	const struct edition *e = atomic_load(&l->edition);

	if (e && names_has(e->names, name))
		return;
	(void)level_count(l, key);
	level_want(l, clock_mono_ns());
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
		found_in(level_find(x, name), name_of_key(behind));
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
		arrived_in(level_find(x, name), name_of_key(behind));
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

struct name_index *name_index_new(const struct name_index_settings *settings)
{
	struct name_index *x = xnew(struct name_index);

	x->set = *settings;
	STAILQ_INIT(&x->waiting);
	x->root = level_new(x, SLICE(""));
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
