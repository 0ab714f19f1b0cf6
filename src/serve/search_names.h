// SPDX-License-Identifier: MIT
/*
 * The names that match a GLOB, of one store: so many of them as are told at once, the first in the order of their bytes
 * behind the one that was told last. Pure.
 */
#pragma once
#include "base/buf.h"

#define SEARCH_ROWS_MAX     1000
#define SEARCH_STEPS_A_LOOK 48 /* of matching that are in the price of a name */

struct search_names {
	struct buf glob;    /* in lower case; '+' and ' ' are one (name_list.h) */
	bool ascii;         /* it is nothing else; another one matches no name that is ASCII */
	size_t head, tail;  /* so many bytes before the first, behind the last '*' or '?' */
	size_t least;       /* bytes of a name that matches */
	struct slice piece; /* the longest text between two of them; of glob */
	struct slice after; /* borrowed; none: from the first */
	char **folder;      /* "fo/foo.pdb/", sorted; owned */
	size_t n, max;
	size_t steps; /* that matching has taken since search_names_looks() */
	bool more;    /* there are others behind them */
};

void search_names_init(struct search_names *m, struct slice glob, struct slice after, size_t max);
void search_names_fini(struct search_names *m);
bool search_names_match(struct search_names *m, struct slice name);
/*
 * How many names more the last one counts for, by the work that it was: a long one, and a GLOB that nearly matches at each
 * of its characters, are a quarter of a million steps.
 */
size_t search_names_looks(struct search_names *m);
/* One that matches. folder: "fo/" or none. */
void search_names_add(struct search_names *m, struct slice folder, struct slice name);
/*
 * False: the name may match, by how it begins. Else it does not, and nor do those behind it, in the order of their bytes,
 * before the text that is appended.
 */
bool search_names_pass(const struct search_names *m, struct slice name, struct buf *to);
/* May names that match lie in this folder of a two-tier store ("fo/")? */
bool search_names_may_lie_in(const struct search_names *m, struct slice folder);
