// SPDX-License-Identifier: MIT
/*
 * Is what lies in a store under a key the file that a plan tells? By a few ranges of it, or by every byte. Any thread but the
 * loop's; it waits.
 */
#pragma once
#include "publish/plan.h"
#include "store/store.h"

#include <stdatomic.h>

enum stored_finding {
	STORED_GOOD,
	STORED_MISSING,
	STORED_WRONG, /* damaged, or another file: e says in which way */
	STORED_FAULT, /* the store gave no answer */
};

struct stored_how {
	struct store *store;
	bool full;           /* every byte, and its SHA-256 */
	atomic_llong *bytes; /* counts what was read; or NULL */
};

/* Of what is good. */
struct stored_told {
	const char *by; /* what has told: "bytes", "identity", "metadata" or "length" */
	const char
		*form; /* of an image that is signed in another way than it was planned; or NULL */
};

/*
 * A file that is stored packed and of which nobody has written beside it what it is, is read to its end in any case; and
 * so is an image that is not the planned one, since of two that differ by their signature one is kept. `existed`: the
 * transaction found it there, and held the two against each other then.
 */
enum stored_finding stored_judge(const struct stored_how *how, const struct plan_file *file,
				 bool existed, struct stored_told *ret, struct error *e);
