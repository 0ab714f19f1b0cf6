// SPDX-License-Identifier: MIT
/*
 * What was learnt of single objects, for a while: a set of the identities of the last RECENT_MAX of
 * them. One more forgets the oldest. Zeroed: empty. Not thread-safe; nothing is allocated.
 */
#pragma once
#include "cache/object.h"

#define RECENT_MAX 512

struct recent {
	struct {
		struct object_id id;
		int64_t until_ns; /* of clock_mono_ns(); 0: nothing */
	} entry[RECENT_MAX];
	size_t next;
};

/* Moves the end of what is there already. */
void recent_note(struct recent *r, const struct object_id *id, int64_t until_ns);
void recent_forget(struct recent *r, const struct object_id *id);
bool recent_has(const struct recent *r, const struct object_id *id, int64_t now_ns);
