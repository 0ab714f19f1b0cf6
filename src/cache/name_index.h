// SPDX-License-Identifier: MIT
/*
 * What a store does not have, known by the names that it has. A bucket holds millions of keys below few
 * names, and one request lists a thousand names; what is asked for most is modules whose names the bucket
 * has never had. The names are listed now and then (store/listing.h), and a key below a name that was not
 * there when a listing began counts as missing for a while from then on: the shortest of MISS_TTL, a minute
 * and 5 s for each page of the listing.
 *
 * What is believed so:
 *
 *  - the very bytes of a name ('+' and ' ' aside, names.h): another spelling is another name;
 *  - only by a listing that was complete, by the credentials of now, and of names that nobody has purged
 *    since it began;
 *  - of a two-tier store (fo/foo.pdb/...), that the folder is not there, or, once that has been listed, the
 *    name in it.
 *
 * A listing costs money as well. The first one is given, if it is short; another one is made when the keys
 * that were missing since would have cost as much (PAGE_PRICE_HALVES), and not before half of the time is
 * over for which the one before is believed: a server that nobody asks for anything lists nothing. One at
 * a time for each store; nobody waits for it. Where the names are too many, or listing is not allowed, there is no index
 * for long, and the store is asked as without it.
 */
#pragma once
#include "base/quiet.h"
#include "cache/generation.h"
#include "store/listing.h"

struct name_index;

/* All borrowed. */
struct name_index_settings {
	struct store *store;
	struct loop *loop; /* the owner of quiet */
	struct quiet *quiet;
	const struct generations *generations;
	size_t *names_left; /* how many more names all indexes together may keep; the loop's */
	int64_t max_ns;     /* nothing is believed for longer; > 0 */
	bool believed;      /* else it only tells how names are spelled */
};

struct name_index *name_index_new(const struct name_index_settings *settings);
/* After the loop has ended and nobody asks any more. Accepts NULL. */
void name_index_free(struct name_index *x);
/* Ask for the first listing; it begins with the loop. */
void name_index_start(struct name_index *x);

/*
 * On a reader's thread (quiet.h): for how long from now on it is believed that there is no such key.
 * <= 0: not at all. now_ns: of clock_mono_ns().
 */
int64_t name_index_absent_ns(struct name_index *x, struct slice key, int64_t now_ns);

/*
 * A name that is in the store as it was listed last, which may be long ago: name/KEY/..., or in a folder
 * of a two-tier store.
 */
#define NAMES_ALIKE_MAX 8

struct listed_name {
	struct slice folder; /* "fo/", or none */
	struct slice name;   /* "foo.pdb" */
	uint8_t learnt; /* how its files lie, as name_index_learn() was told last; 0: nothing */
};

/*
 * On a reader's thread: those that are the name in any case, at most NAMES_ALIKE_MAX, the one in lower case
 * first. Returns how many; they live for this turn of the thread (quiet.h).
 */
size_t name_index_alike(struct name_index *x, struct slice name,
			struct listed_name ret[static NAMES_ALIKE_MAX]);
/*
 * The names that are known, in the order of the text that they are stored by ("fo/foo.pdb/"). It lives on a reader's
 * thread, for a turn of that at most; whoever needs several turns goes on with a walk from where it was, which may be
 * one of other editions. The walk's own, but for:
 */
struct name_walk {
	bool whole; /* so far: of a two-tier store, each folder on the way has been listed */
	bool more;  /* name_walk_next() said false only since it had looked so often */
	struct name_index *x;
	const struct level *below; /* the folder that it is in; NULL: the root */
	const struct names *root, *names;
	size_t at, below_at, looks;
	bool two;
};

/* From the first that is not before `from`, with so many looks. False: no names are known. */
bool name_walk_begin(struct name_walk *w, struct name_index *x, struct slice from, size_t looks);
/* The next one; `learnt` is not told. False: that was all, or w->more. */
bool name_walk_next(struct name_walk *w, struct listed_name *ret);
/*
 * Passes over those before `name` in the folder that it is in; not in the root of a two-tier store, whose folders come
 * in their own order.
 */
void name_walk_pass(struct name_walk *w, struct slice name);
/* Appended: where the next walk begins that goes on. */
void name_walk_where(const struct name_walk *w, struct buf *from);

/* Any thread. How a file under this name has been found: a number that is not 0. */
void name_index_learn(struct name_index *x, const struct listed_name *name, uint8_t learnt);

/* For the operator. */
struct name_index_view {
	size_t names;     /* that are known, of all folders */
	int64_t began_ns; /* clock_mono_ns() when the root's listing began; 0: there is none now */
	unsigned pages;   /* that had */
	int64_t listed;   /* pages asked for since the start, those of listings that failed too */
	int64_t absent;   /* keys that were not asked for, each once for each listing */
};

/* Any thread. */
struct name_index_view name_index_look(const struct name_index *x);

/* The loop's thread, from here on: the store was asked for a key, and had none such; had it. */
void name_index_missed(struct name_index *x, struct slice key);
void name_index_found(struct name_index *x, struct slice key);
/* Who published tells that the key is there now. What is absent by other names stays so. */
void name_index_arrived(struct name_index *x, struct slice key);
