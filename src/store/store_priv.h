// SPDX-License-Identifier: MIT
/*
 * Between the kinds of stores, store.c below them and store_open.c above them; no other file
 * includes it.
 */
#pragma once
#include "store/store.h"
#include "store/store_url.h"

/* One fact that tells stores apart; no password, for the id is written down. */
struct store_fact {
	const char *name;
	struct slice value;
};

/* Set s->id. The facts' order counts, and nothing in a value can look like another fact. */
void store_identify(struct store *s, const struct store_fact *facts, size_t n);

/*
 * Each makes a store from a parsed URL. They set ops, id, and their own defaults in traits
 * (key_case, any_case, wildcards, loops, local, miss_ttl_max_ns), and leave the rest of struct
 * store to store_open().
 */
MUST_CHECK enum err dir_open(const struct store_context *ctx, const struct store_url *url,
			     struct store **ret, struct error *e);
MUST_CHECK enum err http_open(const struct store_context *ctx, const struct store_url *url,
			      struct store **ret, struct error *e);
MUST_CHECK enum err s3_open(const struct store_context *ctx, const struct store_url *url,
			    struct store **ret, struct error *e);
