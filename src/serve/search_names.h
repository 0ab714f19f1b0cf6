// SPDX-License-Identifier: MIT
/*
 * The names that match a GLOB, of one store: so many of them as are told at once, the first in the order of their bytes
 * behind the one that was told last. Pure.
 */
#pragma once
#include "base/buf.h"

#define SEARCH_ROWS_MAX 1000

struct search_names {
	struct buf glob;    /* '+' and ' ' are one (name_list.h) */
	bool ascii;         /* it is nothing else, and in lower case */
	struct slice after; /* borrowed; none: from the first */
	char **folder;      /* "fo/foo.pdb/", sorted; owned */
	size_t n, max;
	bool more; /* there are others behind them */
};

void search_names_init(struct search_names *m, struct slice glob, struct slice after, size_t max);
void search_names_fini(struct search_names *m);
/* folder: "fo/" or none. */
void search_names_take(struct search_names *m, struct slice folder, struct slice name);
/* May names that match lie in this folder of a two-tier store ("fo/")? */
bool search_names_may_lie_in(const struct search_names *m, struct slice folder);
