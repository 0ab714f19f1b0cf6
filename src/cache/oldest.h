// SPDX-License-Identifier: MIT
/*
 * The least recently used of any number of objects, in fixed memory: a heap whose root is the most
 * recently used one that it holds, so that an object older than the root takes its place. For
 * evict_pass.c. Not thread safe.
 */
#pragma once
#include "cache/object.h"

struct oldest_object {
	struct object_id id;
	int64_t used_ns; /* last use, since the epoch */
	int64_t bytes;   /* of the disk */
};

struct oldest {
	struct oldest_object *heap; /* n of them, allocated */
	size_t n, max;
	bool spilled; /* there were more than max */
};

/* Room for max > 0 objects. */
void oldest_init(struct oldest *o, size_t max);
void oldest_fini(struct oldest *o);
void oldest_add(struct oldest *o, const struct oldest_object *object);
/* Turn the heap into a list, the least recently used first. Nothing may be added any more. */
void oldest_sort(struct oldest *o);
