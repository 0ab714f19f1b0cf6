// SPDX-License-Identifier: MIT
/*
 * Which transactions have had their time: those that are older than a rule says, and not among the
 * last of their product. Their age is that of their plan, by the store's clock.
 */
#pragma once
#include "publish/catalog.h"

/* An open transaction may be an upload that runs, until it is so old. */
#define EXPIRY_ABANDONED_S (INT64_C(7) * 24 * 3600)

struct expiry_rule {
	const char *product; /* of this one alone; NULL: of each, by itself */
	int64_t keep_last;   /* of each product so many stay; 0: no matter */
	int64_t older_s;     /* what is not older stays; 0: no matter */
	int64_t now_s;
};

struct expiry_entry {
	struct tx_id id;
	char *product; /* owned; "" not told */
	int64_t at_s, keep_until_s;
	bool open, chosen;
};

struct expiry {
	struct expiry_entry *v;
	size_t n;
};

/* All that are neither gone nor going. On a thread that waits (await.h). */
MUST_CHECK enum err expiry_read(const struct catalog_source *from, const struct catalog *catalog,
				struct expiry *ret, struct error *e);
void expiry_fini(struct expiry *x);
/*
 * Pure. Sorted by product, the newest first. What is to be kept until a day stays until then, and counts
 * among the last; an open one that is not abandoned stays, too. One that is abandoned does not count
 * among the last, and goes by its age alone.
 */
void expiry_choose(const struct expiry_rule *rule, struct expiry *x);
/* "90d": a number and s, m, h, d or w. */
MUST_CHECK bool expiry_parse_age(struct slice s, int64_t *ret_s);
