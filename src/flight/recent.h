// SPDX-License-Identifier: MIT
/*
 * A note about single objects that lasts for a while: the set of the last RECENT_MAX identities
 * that were noted. One more forgets the oldest. Zeroed: empty. Not thread-safe; nothing is
 * allocated.
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

/* An identity that is noted already lasts until the new end. */
void recent_note(struct recent *r, const struct object_id *id, int64_t until_ns);
void recent_forget(struct recent *r, const struct object_id *id);
bool recent_has(const struct recent *r, const struct object_id *id, int64_t now_ns);
