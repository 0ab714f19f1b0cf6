// SPDX-License-Identifier: MIT
/*
 * The candidates while they become more; only candidates.c needs it. A key is put together in `key`
 * as it was asked for, and goes from there into the list in the cases that the store may have.
 */
#pragma once
#include "serve/candidates.h"

struct candidate_list {
	const struct candidate_options *o;
	struct buf key;
	struct candidates *to;
	bool late;                  /* those that are added now are */
	size_t seen;                /* candidates so far, also those that are left out */
	size_t end[CANDIDATES_MAX]; /* of each key, in to->text */
};

void candidate_list_begin(struct candidate_list *l, const struct candidate_options *o,
			  struct candidates *ret);
/*
 * The text in `key` is taken out and becomes a candidate of this kind, one for each case, unless it
 * is one already or there are too many.
 */
void candidate_list_add(struct candidate_list *l, const struct candidate *as);
/* False when memory is out; then there are none. */
MUST_CHECK bool candidate_list_end(struct candidate_list *l);
