// SPDX-License-Identifier: MIT
/*
 * All transactions of a store, as one listing of .pepto/tx/ tells them, and the objects that they
 * consist of. The folder is always listed whole: the time in an id is that of some client's clock.
 *
 * On a thread that waits (await.h).
 */
#pragma once
#include "publish/await.h"
#include "publish/transaction.h"

#define CATALOG_MAX 1000000 /* transactions */

struct catalog_object {
	int64_t size, modified_s; /* by the store's clock; 0: not told */
	char etag[72];            /* "" not told, or longer */
};

struct catalog_entry {
	struct tx_id id;
	unsigned has;  /* a bit for each enum tx_object */
	unsigned mark; /* whoever reads the catalog may set it; 0 at first */
	struct catalog_object object[TX_GONE + 1];
};

/* By id; no two have the same. */
struct catalog {
	struct catalog_entry *entry;
	size_t n, room;
	int64_t date_s; /* when it was listed, by the store's clock; -1 not told */
};

MUST_CHECK enum err catalog_read(struct store *s, struct catalog *ret, struct error *e);
void catalog_fini(struct catalog *c);
/* NULL: there is none. */
struct catalog_entry *catalog_find(const struct catalog *c, const struct tx_id *id);
static inline bool catalog_has(const struct catalog_entry *t, enum tx_object which)
{
	return t->has & (1U << which);
}

/*
 * Where objects are kept from one run to the next: below cache_dir (DISK_PLANS), by the store that
 * they are of, and by their ETags. What cannot be kept there is got again.
 */
struct catalog_source {
	struct store *store;
	const char *cache_dir;   /* NULL: nothing is kept, as of a store that is a directory */
	const atomic_bool *stop; /* or NULL */
};

/*
 * Removes what is kept of this store that the catalog does not have, or not with this ETag; and all of stores of which
 * nothing was wanted for 90 days.
 */
void catalog_prune(const struct catalog_source *source, const struct catalog *c);

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
