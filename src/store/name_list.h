// SPDX-License-Identifier: MIT
/*
 * The names that stand directly below a folder of a store, and how the pages of a listing become
 * one list of them. A page that does not fit those before it makes the whole listing worthless:
 * who takes a name to be missing because it is not in the list must be able to rely on each page.
 * Pure and bounded; all of it may be used on any thread, by one at a time.
 *
 * Names are bytes. A space in one may be a '+' in the store: with encoding-type=url AWS writes a
 * space as '+' and RGW as "%20", and some services leave a '+' as it is, which comes as a space
 * then. Who looks a name up takes the two for one byte. (Where "a+" stands behind "a!" such a
 * listing looks out of order, and fails.)
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define NAME_TEXT_MAX  ((size_t)64 << 20) /* bytes of all names of a list */
#define NAME_PAGES_MAX 100000             /* of one listing: so many tokens are remembered */

/*
 * The name that a key stands for in the folder that it lies in: its first segment, with the '/' behind it;
 * without one, all of it.
 */
struct slice name_of_key(struct slice key);
/*
 * Is a segment of a key one of ours, in any case: `.pepto`, where we keep books, or a draft (`.pepto-...`)? Nobody is
 * told of what lies there or is called so, nor given it.
 */
bool segment_is_ours(struct slice segment);
/* Is it none that a listing tells of: symstore's own folder, what is ours, or nothing at all? */
bool name_is_reserved(struct slice name);

/* The names, sorted by their bytes, no two the same: a folder's with a '/' at its end, a key's without. */
struct name_list {
	struct buf text;
	uint32_t *end; /* name i is text[end[i-1] .. end[i]) */
	size_t n;
};

void name_list_fini(struct name_list *l);
struct slice name_list_at(const struct name_list *l, size_t i);
/* Behind the others. The text's ceiling is the limit (ERR_LIMIT); *room: of l->end, 0 at first. */
MUST_CHECK enum err name_list_add(struct name_list *l, size_t *room, struct slice name,
				  struct error *e);

struct name_fact {
	int64_t size, modified_s; /* bytes; seconds since the epoch, 0: not told */
	struct slice etag;        /* with its quotes, as in an answer's head; none: not told */
};

/* A page as its store's reader has understood it; slices point into text. Fill with {0} first. */
struct name_page {
	struct slice *keys, *folders; /* below the folder that was asked for; as they came */
	struct name_fact *facts;      /* of each key; NULL: none are told */
	size_t n_keys, n_folders;
	struct slice next; /* continuation token, as received; none: it says to be the last page */
	int64_t date_s;    /* from its receiver: the store's clock as it answered; -1 unknown */
	struct buf text;
};

void name_page_fini(struct name_page *p);

/* All pages of one listing, taken one after the other. */
struct name_pages {
	struct name_list names;
	size_t room; /* of names.end */
	bool any;    /* there were entries; the greatest is: */
	struct buf last;
	uint64_t *tokens; /* hashes of those that have been told */
	size_t n_tokens, token_room;
	size_t max_names;
};

void name_pages_init(struct name_pages *p, size_t max_names);
void name_pages_fini(struct name_pages *p);
/*
 * The next page. ERR_CORRUPT: an entry that does not stand directly below the folder; keys, or
 * folders, out of order; an entry that is not behind all of the pages before; a token that was
 * told before. ERR_LIMIT: too many names, bytes of them, or pages. Empty segments are passed over
 * ("//", and the marker object of a prefix, that is), and so is what is no name: ".pepto...",
 * "000Admin".
 */
MUST_CHECK enum err name_pages_add(struct name_pages *p, const struct name_page *page,
				   struct error *e);
/* The same for a page of which nothing is kept: whatever stands in it, it is only held to its order. */
MUST_CHECK enum err name_pages_pass(struct name_pages *p, const struct name_page *page,
				    struct error *e);
