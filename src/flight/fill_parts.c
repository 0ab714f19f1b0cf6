// SPDX-License-Identifier: MIT
/*
 * The parts of a fill that is backed by a file: a sorted list, each growing from its first byte
 * (see fill.h). A byte that was reported stored does not change any more.
 */
#include "flight/fill_priv.h"

/* The last part that begins at or before offset; NULL when there is none. Called under mu. */
struct fill_part *fill_part_at(const struct fill *f, int64_t offset)
{
	size_t low = 0, high = f->n_parts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->parts[mid].first <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &f->parts[low - 1] : NULL;
}

/* Called under mu: does nobody bring what lies at offset? */
bool fill_in_gap(const struct fill *f, int64_t offset)
{
	const struct fill_part *p = fill_part_at(f, offset);

	return f->backing == FILE_PARTS && offset < f->length && (!p || offset >= p->end);
}

void fill_set_file(struct fill *f, int fd, int64_t base)
{
	LOCK_SCOPE(&f->mu);

	f->fd = fd;
	f->base = base;
}

void fill_add_part(struct fill *f, int64_t first, int64_t end)
{
	struct fill_part *before;
	size_t at;
	LOCK_SCOPE(&f->mu);

	if (f->n_parts == f->cap_parts) {
		f->cap_parts = f->cap_parts ? 2 * f->cap_parts : 16;
		f->parts = reallocarray(f->parts, f->cap_parts, sizeof(struct fill_part));
		ASSERT(f->parts);
	}
	before = fill_part_at(f, first);
	at = before ? (size_t)(before - f->parts) + 1 : 0;
	ASSERT(first < end && end <= f->length && (!before || before->end <= first));
	ASSERT(at == f->n_parts || end <= f->parts[at].first);
	memmove(&f->parts[at + 1], &f->parts[at], (f->n_parts - at) * sizeof(struct fill_part));
	f->parts[at] = (struct fill_part){first, first, end};
	f->n_parts++;
}

void fill_remove_part(struct fill *f, int64_t first)
{
	struct fill_part *p;
	size_t after;
	LOCK_SCOPE(&f->mu);

	p = fill_part_at(f, first);
	ASSERT(p && p->first == first && p->stored == first);
	after = f->n_parts - (size_t)(p - f->parts) - 1;
	memmove(p, p + 1, after * sizeof(*p));
	f->n_parts--;
}

void fill_stored(struct fill *f, int64_t first, int64_t up_to)
{
	struct fill_waiter *ready;
	struct fill_part *p;

	pthread_mutex_lock(&f->mu);
	p = fill_part_at(f, first);
	ASSERT(p && p->first == first && up_to >= p->stored && up_to <= p->end);
	p->stored = up_to;
	ready = fill_take_ready(f);
	pthread_mutex_unlock(&f->mu);
	fill_call_ready(ready);
}

int64_t fill_first_gap(struct fill *f, int64_t from, int64_t *ret_end)
{
	size_t i = 0;
	LOCK_SCOPE(&f->mu);

	while (i < f->n_parts && f->parts[i].first <= from) {
		from = MAX(from, f->parts[i].end);
		i++;
	}
	*ret_end = i < f->n_parts ? f->parts[i].first : f->length;
	return from;
}

int64_t fill_wanted(struct fill *f)
{
	LOCK_SCOPE(&f->mu);

	for (struct fill_waiter *w = f->waiters; w; w = w->next)
		if (fill_in_gap(f, w->offset))
			return w->offset;
	return -1;
}

int64_t fill_contiguous(struct fill *f)
{
	int64_t up_to = 0;
	LOCK_SCOPE(&f->mu);

	for (size_t i = 0; i < f->n_parts && f->parts[i].first == up_to; i++) {
		up_to = f->parts[i].stored;
		if (up_to < f->parts[i].end)
			break;
	}
	return up_to;
}
