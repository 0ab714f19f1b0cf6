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

/*
 * *ret_by: what has told, "bytes", "identity", "metadata" or "length". A file that is stored packed and of which nobody
 * has written beside it what it is, is read to its end in any case.
 */
enum stored_finding stored_judge(const struct stored_how *how, const struct plan_file *file,
				 const char **ret_by, struct error *e);
