// SPDX-License-Identifier: MIT
/* See removal_keys.h. */
#include "publish/removal_keys.h"

#include "base/text.h"
#include "publish/place.h"

#define KEYS_MAX ((size_t)4 << 20)

static void key_fini(struct removal_key *key)
{
	if (key->folded != key->key)
		free(key->folded);
	free(key->key);
	free(key->why);
}

void removal_keys_fini(struct removal_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		key_fini(&k->v[i]);
	free(k->v);
	*k = (struct removal_keys){0};
}

/* Owned by the caller. */
static char *fold(struct slice key)
{
	struct buf folded CLEANUP(buf_fini) = BUF_MAX((size_t)16 * PLACE_KEY_MAX);

	fold_lower(key, &folded);
	return xstrdup(buf_str(&folded));
}

enum err removal_keys_add(struct removal_keys *k, const struct plan *plan, int64_t planned_s,
			  struct error *e)
{
	if (plan->files > KEYS_MAX - k->n)
		return err_set(e, ERR_LIMIT, "more than %zu files to remove at a time", KEYS_MAX);
	if (k->n + plan->files > k->room) {
		size_t more = k->n + plan->files + k->room / 2;
		void *v = reallocarray(k->v, more, sizeof(*k->v));

		if (!v)
			return err_set(e, ERR_NOMEM, "no memory for the keys to remove");
		k->v = v;
		k->room = more;
	}
	for (size_t i = 0; i < plan->files; i++) {
		struct slice key = plan->file[i].key;
		struct removal_key *to = &k->v[k->n++];

		*to = (struct removal_key){.key = xstrndup(key.p, key.n), .planned_s = planned_s};
		to->folded = k->folds ? fold(key) : to->key;
	}
	return OK;
}

static int by_folded(const void *a, const void *b)
{
	return strcmp(((const struct removal_key *)a)->folded,
		      ((const struct removal_key *)b)->folded);
}

void removal_keys_sort(struct removal_keys *k)
{
	size_t n = 0;

	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), by_folded);
	for (size_t i = 0; i < k->n; i++) {
		if (n == 0 || by_folded(&k->v[n - 1], &k->v[i]) != 0) {
			k->v[n++] = k->v[i];
			continue;
		}
		k->v[n - 1].planned_s = MIN(k->v[n - 1].planned_s, k->v[i].planned_s);
		key_fini(&k->v[i]);
	}
	k->n = n;
}

static int compare(const void *folded, const void *key)
{
	return strcmp(folded, ((const struct removal_key *)key)->folded);
}

struct removal_key *removal_keys_find(const struct removal_keys *k, struct slice key)
{
	char *folded CLEANUP(free_p) = k->folds ? fold(key) : xstrndup(key.p, key.n);

	return k->n ? bsearch(folded, k->v, k->n, sizeof(*k->v), compare) : NULL;
}

void removal_keys_name(struct removal_keys *k, const struct plan *plan, bool names)
{
	for (size_t i = 0; i < plan->files; i++) {
		struct removal_key *key = removal_keys_find(k, plan->file[i].key);

		if (key && names)
			key->named++;
		else if (key)
			key->named--;
	}
}

void removal_keys_stored(struct removal_keys *k, const struct plan *plan, const struct done *done,
			 int64_t gone_s)
{
	for (size_t i = 0; i < plan->files; i++) {
		struct removal_key *key = removal_keys_find(k, plan->file[i].key);

		if (!key || gone_s < key->planned_s)
			continue;
		if (!done) {
			key->asks = true;
		} else if (done->outcome[i] == OUTCOME_STORED) {
			struct slice as = plan->file[i].key;

			key->stored = true;
			if (!slice_eq(slice_of(key->key), as)) { /* in another case, which folds */
				free(key->key);
				key->key = xstrndup(as.p, as.n);
			}
		}
	}
}

void removal_keys_stored_since(struct removal_keys *k, const struct plan *plan)
{
	for (size_t i = 0; i < plan->files; i++) {
		struct removal_key *key = removal_keys_find(k, plan->file[i].key);

		if (key)
			key->asks_again = true;
	}
}

bool removal_key_may_go(const struct removal_key *key)
{
	return key->fate == FATE_UNDECIDED && key->named == 0 &&
	       (key->stored || key->asks || key->asks_again);
}
