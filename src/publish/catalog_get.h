// SPDX-License-Identifier: MIT
/*
 * The objects that transactions of a catalog consist of, read as a whole, some at a time. On a thread that waits (await.h).
 */
#pragma once
#include "publish/catalog.h"
#include "publish/markers.h"
#include "publish/plan.h"

/*
 * The text of one object of each of n transactions, which the catalog says are there: that one has
 * vanished is ERR_CORRUPT. take() on the caller's thread, in this order; it ends with the first failure,
 * be it take()'s.
 */
MUST_CHECK enum err catalog_get(const struct catalog_source *source,
				const struct catalog_entry *const *entry, size_t n,
				enum tx_object which,
				enum err (*take)(void *ud, const struct catalog_entry *t,
						 struct slice text, struct error *e),
				void *ud, struct error *e);
/* Of one: its plan; and, where the catalog says that it is there, what became of the plan's files. */
MUST_CHECK enum err catalog_get_plan(const struct catalog_source *source,
				     const struct catalog_entry *t, struct plan *ret,
				     struct error *e);
MUST_CHECK enum err catalog_get_done(const struct catalog_source *source,
				     const struct catalog_entry *t, size_t files, struct done *ret,
				     struct error *e);
