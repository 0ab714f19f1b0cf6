// SPDX-License-Identifier: MIT
/* See stored_by.h: of those that have one place the last is kept. */
#include "serve/stored_by.h"

#include <xxhash.h>

struct stored_by {
	struct {
		uint64_t object; /* 0: none */
		struct tx_id id;
	} kept[STORED_BY_KEPT];
};

struct stored_by *stored_by_new(void)
{
	return xnew(struct stored_by);
}

void stored_by_free(struct stored_by *s)
{
	free(s);
}

uint64_t stored_by_object(size_t place, struct slice key, int64_t size, int64_t modified_s,
			  struct slice etag)
{
	const uint64_t told[] = {place, (uint64_t)size, (uint64_t)modified_s,
				 XXH3_64bits(etag.p, etag.n)};

	return XXH3_64bits_withSeed(key.p, key.n, XXH3_64bits(told, sizeof(told))) | 1;
}

bool stored_by_find(const struct stored_by *s, uint64_t object, struct tx_id *ret)
{
	if (s->kept[object / 2 % STORED_BY_KEPT].object != object)
		return false;
	*ret = s->kept[object / 2 % STORED_BY_KEPT].id;
	return true;
}

void stored_by_keep(struct stored_by *s, uint64_t object, const struct tx_id *id)
{
	s->kept[object / 2 % STORED_BY_KEPT].object = object;
	s->kept[object / 2 % STORED_BY_KEPT].id = *id;
}
