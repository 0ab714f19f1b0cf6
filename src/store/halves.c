// SPDX-License-Identifier: MIT
/* See halves.h. */
#include "store/halves.h"

_Static_assert(HALF_SIZE >= 2 * HALF_ROOM, "a half has to take some before it pauses");

void halves_fini(struct halves *h)
{
	free(h->half[0]);
	free(h->half[1]);
}

bool halves_add(struct halves *h, struct slice bytes)
{
	char **half = &h->half[h->filling];
	size_t *n = &h->n[h->filling];

	if (*n + bytes.n > HALF_SIZE)
		return false;
	if (!*half)
		*half = xzalloc(HALF_SIZE);
	memcpy(*half + *n, bytes.p, bytes.n);
	*n += bytes.n;
	return true;
}

bool halves_have_room(const struct halves *h)
{
	return HALF_SIZE - h->n[h->filling] >= HALF_ROOM + TRANSFER_READ_MAX;
}

bool halves_turn(struct halves *h)
{
	if (h->writing || !h->n[h->filling])
		return false;
	h->filling = !h->filling;
	h->writing = true;
	return true;
}

struct slice halves_full(const struct halves *h)
{
	return (struct slice){h->half[!h->filling], h->n[!h->filling]};
}

void halves_written(struct halves *h)
{
	h->n[!h->filling] = 0;
	h->writing = false;
}
