// SPDX-License-Identifier: MIT
/*
 * The candidates while they become more; only candidates.c needs it. A key is put together in `key`
 * as it was asked for, and goes from there into the list in the cases that the store may have.
 */
#pragma once
#include "serve/candidates.h"

/* Names of the store, and whatever it is not known to have, within one spelling of the path. */
#define CANDIDATE_RANKS (NAMES_ALIKE_MAX + 1)

struct candidate_list {
	const struct candidate_options *o;
	struct buf key;
	struct candidates *to;
	bool late;                              /* those that are added now are */
	uint8_t rank;                           /* of their spelling */
	bool listed;                            /* some are of names that the store has */
	size_t start_end[CANDIDATE_STARTS_MAX]; /* of each start, behind the keys */
	size_t seen;  /* candidates so far, also those that are left out */
	size_t added; /* of the store's names alone */
	size_t end[CANDIDATES_MAX + CANDIDATES_ADDED_MAX]; /* of each key, in to->text */
};

void candidate_list_begin(struct candidate_list *l, const struct candidate_options *o,
			  struct candidates *ret);
/*
 * The text in `key` is taken out and becomes a candidate of this kind, one for each case, unless it
 * is one already or there are too many.
 */
void candidate_list_add(struct candidate_list *l, const struct candidate *as);
/* The same for one under a name that the store has (as->name): of the text in `key`, as it is. */
void candidate_list_add_listed(struct candidate_list *l, const struct candidate *as);
/* The text in `key` is taken out and becomes a start; after all candidates. */
void candidate_list_add_start(struct candidate_list *l);
/* Has the name capitals? */
bool candidate_list_is_mixed(struct slice name);
/* False when memory is out; then there are none. */
MUST_CHECK bool candidate_list_end(struct candidate_list *l);
