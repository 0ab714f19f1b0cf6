// SPDX-License-Identifier: MIT
/*
 * One search (api_search.c), for the files that it consists of. The loop's while it is work; what it tells is read on
 * the connection's thread after that.
 */
#pragma once
#include "serve/api.h"
#include "serve/search.h"
#include "serve/search_names.h"
#include "serve/stored_by.h"
#include "store/listing.h"

/* What is listed. */
struct target {
	size_t place;  /* of its store */
	char *folder;  /* owned */
	bool names;    /* names are looked for in it; else keys, whatever folders they lie in */
	bool fallback; /* only where the targets of this store before it had nothing */
};

struct found {
	size_t place;
	char *stored; /* owned */
	int64_t size, modified_s;
	uint64_t object; /* as stored_by.h has it; 0: it tells no transaction */
	struct tx_id by; /* "": not told */
};

/* What was found in a store, and why not all. */
struct part {
	bool any;
	const char *lacks; /* or NULL */
	struct error error;
	struct search_names names; /* SEARCH_NAMES */
	bool walks;                /* those of its index are not all looked at yet */
};

#define SEARCH_HEADS_AT_ONCE 16

/* An object whose head is asked for. */
struct head_ask {
	struct api_search *all;
	size_t row;
	struct fetch *fetch; /* NULL: it is free */
};

struct api_search {
	struct api_work work;
	const struct store_list *stores;
	struct search search;
	struct search_cursor from;
	size_t wanted;
	struct part *part; /* of each store */
	struct target *target;
	size_t targets, at;
	struct buf token; /* of the page of target[at] that is next; none: the first */
	struct listing *listing;
	struct found *row;
	size_t rows, room;
	struct head_ask head[SEARCH_HEADS_AT_ONCE];
	size_t heads, next_head; /* under way; the first row that was not looked at */

	/* SEARCH_NAMES: */
	const struct cache *cache;
	struct loop_task turn; /* while names are looked at */
	size_t walked;         /* the store of which the names are looked at */
	struct buf walk_at;    /* where that goes on */
};

/* "fo/foo.pdb" of "fo/foo.pdb/" */
static inline struct slice search_bare(struct slice folder)
{
	return slice_head(folder, folder.n - slice_ends(folder, SLICE("/")));
}

/* ---- api_search_names.c: by the indexes of names ---- */

/* The store is one of those whose names are looked for; true: in its root, which is to be listed. */
bool search_names_of(struct api_search *a, size_t place);
/* A name of the store. False: it matches, but the store is not asked for what lies below it. */
bool search_take_name(struct api_search *a, size_t place, struct slice folder, struct slice name);
/* Loop's thread: looks through the indexes, so far as one turn goes. False: that was all. */
bool search_walk(struct api_search *a);
/* Time is over: says so of the stores that have not been looked through. */
void search_names_late(struct api_search *a);
/* The names that were found; the cursor is the last that is told. */
void search_tell_names(const struct api_search *a, struct search_cursor *next, bool *more,
		       struct buf *out);

/* ---- api_search_stored.c: by which transaction ---- */

/* Loop's thread: sorts the rows, asks of which transaction the first of them are, and is done then. */
void search_stored(struct api_search *a);
/*
 * Instead of search_stored(), or while that runs: the rows are sorted, and no store is asked any more; api_done() is the
 * caller's.
 */
void search_stored_stop(struct api_search *a);

/* ---- api_search_tell.c ---- */

/* The member of a row that is asked as it is told, whatever bytes are in it. */
void search_tell_href(struct slice path, struct buf *out);
void search_tell(struct api_search *a, struct page *ret);
