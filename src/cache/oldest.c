// SPDX-License-Identifier: MIT
/* See oldest.h: a binary heap, and the sorting that comes with it. */
#include "cache/oldest.h"

void oldest_init(struct oldest *o, size_t max)
{
	*o = (struct oldest){.heap = xzalloc(max * sizeof(o->heap[0])), .max = max};
}

void oldest_fini(struct oldest *o)
{
	free(o->heap);
}

static void swap(struct oldest_object *a, struct oldest_object *b)
{
	struct oldest_object kept = *a;

	*a = *b;
	*b = kept;
}

static void sift_up(struct oldest_object *heap, size_t at)
{
	for (size_t parent; at > 0 && heap[parent = (at - 1) / 2].used_ns < heap[at].used_ns;
	     at = parent)
		swap(&heap[parent], &heap[at]);
}

static void sift_down(struct oldest_object *heap, size_t n)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < n) {
		if (child + 1 < n && heap[child + 1].used_ns > heap[child].used_ns)
			child++;
		if (heap[at].used_ns >= heap[child].used_ns)
			return;
		swap(&heap[at], &heap[child]);
		at = child;
	}
}

void oldest_add(struct oldest *o, const struct oldest_object *object)
{
	if (o->n < o->max) {
		o->heap[o->n] = *object;
		sift_up(o->heap, o->n++);
		return;
	}
	o->spilled = true;
	if (object->used_ns >= o->heap[0].used_ns)
		return;
	o->heap[0] = *object;
	sift_down(o->heap, o->n);
}

void oldest_sort(struct oldest *o)
{
	for (size_t n = o->n; n > 1;) {
		swap(&o->heap[0], &o->heap[--n]);
		sift_down(o->heap, n);
	}
}
