// SPDX-License-Identifier: MIT
/*
 * See names.h. The names lie sorted by a hash of what they are in lower case, then by their bytes, so that
 * the spellings of one name are neighbours. A table of twice their number at least leads from the hash to
 * the first of them. Two names of one hash that are no spellings of one another are neighbours too: each is
 * compared by its bytes. Their text lies in the order of the list, so that all of it is read from end to end.
 */
#include "store/names.h"
#include "base/random.h"
#include "base/text.h"

#include <xxhash.h>

#define SHORT 512 /* bytes of a name that are folded on the stack */

struct name {
	uint64_t hash; /* in lower case */
	uint32_t at, n;
};

struct names {
	size_t n, mask, twins;
	uint64_t seed;
	uint32_t *slot; /* number of the first name of a hash, plus one; 0: free */
	uint32_t *end;  /* of the list: name i is text[end[i-1] .. end[i]) */
	char *text;
	size_t text_n;
	struct name name[];
};

static char unplus(char c)
{
	return c == '+' ? ' ' : c;
}

static uint64_t hash_of(uint64_t seed, struct slice name)
{
	struct buf longer CLEANUP(buf_fini) = {0};
	char space[SHORT];
	struct slice folded = fold_within(name, space, sizeof(space), &longer);
	char *p = folded.p == space ? space : longer.p;

	for (size_t i = 0; i < folded.n; i++)
		p[i] = unplus(p[i]);
	return XXH3_64bits_withSeed(folded.p, folded.n, seed);
}

static struct slice text_of(const struct names *n, const struct name *name)
{
	return (struct slice){n->text + name->at, name->n};
}

static bool same(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (unplus(a.p[i]) != unplus(b.p[i]))
			return false;
	return true;
}

/* ---- making ---- */

static int by_hash(const void *a_, const void *b_, void *ud)
{
	const struct name *a = a_, *b = b_;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return slice_compare(text_of(ud, a), text_of(ud, b));
}

static size_t place_of(const struct names *n, uint64_t hash)
{
	size_t at = hash & n->mask;

	while (n->slot[at] && n->name[n->slot[at] - 1].hash != hash)
		at = (at + 1) & n->mask;
	return at;
}

static void fill_slots(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (i == 0 || n->name[i].hash != n->name[i - 1].hash)
			n->slot[place_of(n, n->name[i].hash)] = (uint32_t)i + 1;
}

static struct names *allocate(const struct name_list *list)
{
	struct names *n = calloc(1, sizeof(*n) + list->n * sizeof(n->name[0]));
	size_t slots = 16;

	if (!n)
		return NULL;
	while (slots < 2 * list->n)
		slots *= 2;
	n->n = list->n;
	n->mask = slots - 1;
	n->text_n = list->text.n;
	n->slot = calloc(slots, sizeof(n->slot[0]));
	n->text = malloc(n->text_n + 1);
	n->end = malloc((list->n + 1) * sizeof(n->end[0]));
	if (n->slot && n->text && n->end)
		return n;
	names_free(n);
	return NULL;
}

struct names *names_make(const struct name_list *list)
{
	struct names *n = allocate(list);

	if (!n)
		return NULL;
	n->seed = random_u64();
	if (n->text_n)
		memcpy(n->text, list->text.p, n->text_n);
	if (n->n)
		memcpy(n->end, list->end, n->n * sizeof(n->end[0]));
	for (size_t i = 0; i < n->n; i++) {
		struct slice name = name_list_at(list, i);

		n->name[i] = (struct name){hash_of(n->seed, name),
					   (uint32_t)(name.p - list->text.p), (uint32_t)name.n};
	}
	qsort_r(n->name, n->n, sizeof(n->name[0]), by_hash, n);
	fill_slots(n);
	for (size_t i = 1; i < n->n; i++)
		n->twins += n->name[i].hash == n->name[i - 1].hash;
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	free(n->slot);
	free(n->end);
	free(n->text);
	free(n);
}

/* ---- looking ---- */

size_t names_count(const struct names *n)
{
	return n->n;
}

struct slice names_at(const struct names *n, size_t i)
{
	size_t at = i ? n->end[i - 1] : 0;

	return (struct slice){n->text + at, n->end[i] - at};
}

size_t names_from(const struct names *n, struct slice text)
{
	size_t low = 0, high = n->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_compare(names_at(n, middle), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t names_twins(const struct names *n)
{
	return n->twins;
}

size_t names_size(const struct names *n)
{
	return sizeof(*n) + n->n * (sizeof(n->name[0]) + sizeof(n->end[0])) +
	       (n->mask + 1) * sizeof(n->slot[0]) + n->text_n;
}

/* The first whose hash that is; *end: behind the last. */
static size_t find(const struct names *n, uint64_t hash, size_t *end)
{
	uint32_t slot = n->slot[place_of(n, hash)];
	size_t first = slot ? slot - 1 : n->n;

	*end = first;
	while (*end < n->n && n->name[*end].hash == hash)
		(*end)++;
	return first;
}

/* In any case; the hash says so already, as far as one can. */
static bool alike(struct slice a, struct slice b)
{
	struct buf x CLEANUP(buf_fini) = BUF_MAX(4 * a.n + 4);
	struct buf y CLEANUP(buf_fini) = BUF_MAX(4 * b.n + 4);

	if (same(a, b))
		return true;
	fold_lower(a, &x);
	fold_lower(b, &y);
	return !buf_failed(&x) && !buf_failed(&y) && same(buf_slice(&x), buf_slice(&y));
}

static bool is_lower(struct slice name)
{
	struct buf longer CLEANUP(buf_fini) = {0};
	char space[SHORT];

	return slice_eq(fold_within(name, space, sizeof(space), &longer), name);
}

/* Those that are never left out: 0 for lower case, 1 for what is spelled as the name is; else 2. */
static int rank_of(struct slice text, struct slice name)
{
	return is_lower(text) ? 0 : same(text, name) ? 1 : 2;
}

size_t names_alike(const struct names *n, struct slice name, struct slice *ret, size_t max)
{
	size_t end, first = find(n, hash_of(n->seed, name), &end), count = 0, kept = 0;

	for (size_t i = first; i < end; i++) {
		struct slice text = text_of(n, &n->name[i]);

		if (!alike(text, name) || rank_of(text, name) == 2)
			continue;
		kept++;
		if (rank_of(text, name) == 0 && count < max)
			ret[count++] = text;
	}
	for (size_t i = first, others = max - MIN(max, kept); i < end; i++) {
		struct slice text = text_of(n, &n->name[i]);
		int rank = rank_of(text, name);

		if (rank == 0 || count == max || (rank == 2 && !others) || !alike(text, name))
			continue;
		ret[count++] = text;
		others -= rank == 2;
	}
	return count;
}

bool names_has(const struct names *n, struct slice name)
{
	size_t end, i = find(n, hash_of(n->seed, name), &end);

	for (; i < end; i++)
		if (same(text_of(n, &n->name[i]), name))
			return true;
	return false;
}
