// SPDX-License-Identifier: MIT
/* See write.h. */
#include "store/write.h"

bool store_can_write(const struct store *s)
{
	return s->ops->put;
}

enum err store_writable(struct store *const *stores, size_t n, struct store **ret, struct error *e)
{
	*ret = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!store_can_write(stores[i]))
			continue;
		if (*ret)
			return err_set(e, ERR_USAGE, "several stores can be written, '%s' and '%s'",
				       (*ret)->traits.name, stores[i]->traits.name);
		*ret = stores[i];
	}
	return *ret ? OK
		    : err_set(e, ERR_USAGE,
			      "there is no store that can be written (s3:// or file://)");
}

struct store_write *store_put(struct store *s, const struct store_put *put, store_put_done *done,
			      void *ud)
{
	ASSERT(put->n_meta <= STORE_META_MAX && strlen(put->sha256) == 64);
	return s->ops->put(s, put, done, ud);
}

struct store_write *store_remove(struct store *s, const struct store_remove *remove,
				 const struct store_remove_events *events, void *ud)
{
	ASSERT(remove->n > 0 && remove->n <= STORE_REMOVE_MAX);
	return s->ops->remove(s, remove, events, ud);
}

void store_write_cancel(struct store_write *w)
{
	w->cancel(w);
}

bool store_is_settling(struct store *s)
{
	return s->ops->is_settling && s->ops->is_settling(s);
}

bool store_key_is_clean(struct slice key)
{
	struct slice segment;

	if (key.n == 0 || memchr(key.p, '\0', key.n))
		return false;
	while (slice_next(&key, '/', &segment))
		if (segment.n == 0 || slice_eq(segment, SLICE(".")) ||
		    slice_eq(segment, SLICE("..")))
			return false;
	return true;
}
