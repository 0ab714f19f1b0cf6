// SPDX-License-Identifier: MIT
/*
 * See recent.h. It is looked at once for each flight, so that a walk over all of it is no matter.
 */
#include "flight/recent.h"

static size_t place_of(const struct recent *r, const struct object_id *id)
{
	size_t i = 0;

	while (i < RECENT_MAX &&
	       (!r->entry[i].until_ns || memcmp(r->entry[i].id.b, id->b, sizeof(id->b)) != 0))
		i++;
	return i;
}

void recent_note(struct recent *r, const struct object_id *id, int64_t until_ns)
{
	size_t i = place_of(r, id);

	if (i == RECENT_MAX)
		i = r->next++ % RECENT_MAX;
	r->entry[i].id = *id;
	r->entry[i].until_ns = until_ns;
}

void recent_forget(struct recent *r, const struct object_id *id)
{
	size_t i = place_of(r, id);

	if (i < RECENT_MAX)
		r->entry[i].until_ns = 0;
}

bool recent_has(const struct recent *r, const struct object_id *id, int64_t now_ns)
{
	size_t i = place_of(r, id);

	return i < RECENT_MAX && now_ns < r->entry[i].until_ns;
}
