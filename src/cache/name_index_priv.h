// SPDX-License-Identifier: MIT
/*
 * The parts of an index of names (name_index.h): its levels, and what they were listed to have. A level is a folder
 * whose names are listed: the root, and of a two-tier store the folders in it, each when a key below it was missing. It
 * has an edition, or none: what one listing told. An edition never changes, but for being refuted. Readers take it from
 * the level, and it is freed when none of them can have it any more (quiet.h); so they take no lock, and count nothing
 * but what the level is paid by.
 *
 * Threads: all is the loop's, but for what is atomic, which readers read (and `counted`, `seen`, `learnt` they write,
 * too), and the sorting of the names (a worker's), during which the level is left alone.
 */
#pragma once
#include "base/list.h"
#include "cache/arrivals.h"
#include "cache/name_index.h"
#include "store/names.h"

#define FOLDERS 4096  /* places; half of them are used at most */
#define LEARNT  65536 /* two names in one place mislead one another, at the cost of a read */

/*
 * What one listing told. generations: how often each name was purged, copied before it began; NULL in a folder's, which
 * any purge ends.
 */
struct edition {
	struct names *names;
	int64_t began_ns, believed_ns; /* for so long after it began */
	unsigned epoch;                /* the store's */
	uint64_t purges, *generations;
	atomic_bool refuted; /* a name was found that it lacks: nothing is absent by it */
	_Atomic(struct arrivals *)
		arrivals; /* names that have come since; NULL: none was told of */
};

enum level_state { RESTS, WAITS, LISTS, SORTS };

struct level {
	struct name_index *index;
	_Atomic(struct edition *) edition;
	atomic_uint counted;           /* reads of missing keys, each key once */
	atomic_int_least64_t again_ns; /* not listed before that */
	struct loop_task wanted;
	enum level_state state;
	atomic_bool given;         /* the next listing is free */
	unsigned failures;         /* in a row */
	atomic_uint pages;         /* of the last listing, or of what is known of it */
	struct edition *next;      /* LISTS, SORTS: what it is to be */
	STAILQ_ENTRY(level) place; /* WAITS */
	_Atomic uint64_t *seen;    /* keys counted since the last listing: of each a bit */
	size_t bits;
	char folder[]; /* "", "fo/" */
};

struct name_index {
	struct name_index_settings set;
	struct level *root;
	_Atomic(struct level *) folder[FOLDERS]; /* by a hash of the folder, then the next free */
	size_t folders;
	struct listing *listing;
	struct level *listed; /* the one that LISTS or SORTS */
	STAILQ_HEAD(levels, level) waiting;
	bool told_too_many, told_twins;
	_Atomic uint8_t learnt[LEARNT]; /* by a hash of the name as it is spelled */
	/* For the operator, who is no reader (quiet.h): */
	atomic_size_t names;
	atomic_int_least64_t began_ns, pages_listed, absent;
	atomic_uint pages;
};

/* ---- name_level.c ---- */

struct level *level_new(struct name_index *x, struct slice folder);
void level_free(struct level *l);
/* Any reader. NULL: it is none that was ever looked into. */
struct level *level_find(struct name_index *x, struct slice folder);
/* The same, made where there is none yet; NULL: there are too many. The loop's. */
struct level *level_of(struct name_index *x, struct slice folder);
/*
 * A read of a key that is missing in it pays for its next listing, once for each key: whoever asks for one again and
 * again pays for nothing. Was it one more? Any thread.
 */
bool level_count(struct level *l, struct slice key);
/* Any thread: it is to be listed, if that is paid, and not too early. */
void level_want(struct level *l, int64_t now_ns);
