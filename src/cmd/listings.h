// SPDX-License-Identifier: MIT
/*
 * Listings of many folders of a store, some at a time, whose pages come to the main thread: it takes its time with
 * each, and so much is asked for and no more. What is held in memory is one page for each that runs.
 */
#pragma once
#include "store/listing.h"

#define LISTINGS_PARALLEL 8

struct listings_how {
	bool deep;    /* all keys below each folder; else what stands directly in it */
	bool ordered; /* the pages of one folder after the other, in their order; else as they come */
};

/* folder: as the keys of the page begin, in the spelling that the store answered to. */
typedef enum err listings_page(void *ud, struct slice folder, const struct name_page *page,
			       struct error *e);

/* The one folder that is the root. */
const struct name_list *listings_root(void);
/*
 * On the main thread; the store's loop runs. OK: all of all folders came. Else it ended with the first failure, be
 * it of page().
 */
MUST_CHECK enum err listings_run(struct store *s, const struct name_list *folders,
				 const struct listings_how *how, listings_page *page, void *ud,
				 struct error *e);
