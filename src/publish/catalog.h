// SPDX-License-Identifier: MIT
/*
 * All transactions of a store, as one listing of .pepto/tx/ tells them. The folder is always listed whole: the time in
 * an id is that of some client's clock. The listing is the loop's, the rest pure but for what waits for it (await.h).
 */
#pragma once
#include "publish/await.h"
#include "publish/transaction.h"

#define CATALOG_MAX 1000000 /* transactions */

struct catalog_object {
	int64_t size, modified_s; /* by the store's clock; 0: not told */
	uint64_t etag[2];         /* a hash of it; 0, 0: not told */
};

struct catalog_entry {
	struct tx_id id;
	unsigned has;  /* a bit for each enum tx_object */
	unsigned mark; /* whoever reads the catalog may set it; 0 at first */
	struct catalog_object object[TX_GONE + 1];
};

/* By id; no two have the same. {0} is an empty one. */
struct catalog {
	struct catalog_entry *entry;
	size_t n, room;
	int64_t date_s; /* when it was listed, by the store's clock; -1 not told */
	unsigned pages; /* that it took */
	bool cut;       /* older ones were left out */
};

void catalog_fini(struct catalog *c);
/* NULL: there is none. */
struct catalog_entry *catalog_find(const struct catalog *c, const struct tx_id *id);
/* How many of them are older than id; all, where id is NULL. */
size_t catalog_before(const struct catalog *c, const struct tx_id *id);
/* Another one when one of its objects is another, or has come or gone. */
uint64_t catalog_version(const struct catalog_entry *t);
static inline bool catalog_has(const struct catalog_entry *t, enum tx_object which)
{
	return tx_has(t->has, which);
}

/* ---- the listing ---- */

struct catalog_listing;

/*
 * newest: of more than twice so many the older ones are left out; 0: more than CATALOG_MAX are ERR_LIMIT. *c may be taken;
 * of one that failed it has pages alone. Exactly one done(), never from inside catalog_list().
 */
struct catalog_listing *
catalog_list(struct store *s, size_t newest,
	     void (*done)(void *ud, struct catalog *c, const struct error *e), void *ud);
void catalog_list_cancel(struct catalog_listing *l); /* accepts NULL */

/* All of them, for who waits. */
MUST_CHECK enum err catalog_read(struct store *s, struct catalog *ret, struct error *e);

/* Where its objects are got from (catalog_get.h), and kept from one run to the next (kept.h). */
struct catalog_source {
	struct store *store;
	const char *cache_dir;   /* NULL: nothing is kept, as of a store that is a directory */
	const atomic_bool *stop; /* or NULL */
};
