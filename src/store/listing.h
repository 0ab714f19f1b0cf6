// SPDX-License-Identifier: MIT
/*
 * A listing: all names that stand directly below a folder of a store, asked for page after page.
 * It is complete, or it has failed: what is not in a complete one was not there while it ran.
 *
 * It goes on by the store's continuation tokens only, sent back as they were received, and takes
 * one transfer at a time, behind those of clients; while most of the transfers are in use, it
 * waits (for a minute: ERR_BUSY). A store that is left alone (gate.h) is not asked: ERR_BUSY. A
 * page that failed in a way that passes is asked for again (retry.h). ERR_DENIED: the store does
 * not let us list. That a listing fails counts nothing against the store: its objects may be had
 * all the same.
 *
 * One with page() keeps no names: each page is handed on as it came, and the next one is asked for when its
 * receiver has said so. Of these alone deep is for.
 *
 * Loop's thread; pages are read on the pool for file lookups. Whoever has started one cancels it
 * before the store is freed, unless it has ended.
 */
#pragma once
#include "store/name_list.h"
#include "store/store.h"

struct listing;

struct listing_request {
	struct store *store; /* that can list */
	struct slice folder; /* "" or "fo/", below the store's prefix; copied */
	size_t max_names;    /* more: ERR_LIMIT */
	unsigned max_pages;  /* more: ERR_LIMIT; 0: no limit but NAME_PAGES_MAX */
	bool deep;           /* all keys that begin with folder, whatever folders they lie in */
	struct slice token;  /* of an earlier listing's page (its next), to go on there; copied */
	/* The page may be taken. listing_go_on() is owed, also after the last one. */
	void (*page)(void *ud, struct name_page *page);
};

struct listing_result {
	struct name_list names; /* the receiver's to free */
	/* clock_mono_ns() when the first page was asked for, less the greatest Age that was told. */
	int64_t began_ns;
	int64_t date_s; /* of the first page: the store's clock as it answered; -1 unknown */
	unsigned pages;
	unsigned epoch; /* the store's, from before the first page */
};

/*
 * e == NULL: complete. Else nothing is known of what is not there, and *r tells only pages.
 * Exactly one done(), never from inside listing_start().
 */
struct listing *
listing_start(const struct listing_request *r,
	      void (*done)(void *ud, struct listing_result *r, const struct error *e), void *ud);
/* Not from within page(). */
void listing_go_on(struct listing *l);
/* Nothing is called any more. Allowed in page(). */
void listing_cancel(struct listing *l);
bool store_can_list(const struct store *s);
