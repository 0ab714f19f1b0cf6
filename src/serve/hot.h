// SPDX-License-Identifier: MIT
/*
 * What is asked for most, as finished answers: a request for one of them is answered without keys being
 * made of its path, a file opened or a header written. Each holds its file open, small bodies lie in
 * memory, too; both are bounded, in number and in bytes. And paths that every store is known to miss.
 *
 * They are neither encoded nor MSFZ, so everybody may have them; but an entry is only for clients
 * that write their keys like the one it was found for (struct client: decimal_ages, short_stamps), and may ask
 * the same stores (any_path). For others the same path may be the key of another file.
 *
 * A file of the cache counts as long as it is fresh and still in the directory, which is looked at once
 * a second at most. A file of a local store counts for a second after it was looked for, which then happens
 * anew, so that whatever has changed by then is seen: folders that were moved, names that come before its own,
 * stores before its store. Each time it is asked for the time of its last change (fstat), so that it does not
 * outlive being removed, replaced or written to, and never goes out with the head of before. A miss counts for a
 * second at most, too.
 *
 * None of them counts once version is another number (known_version()): when anything has been purged, by
 * any process on the directory, or the misses of a store no longer count. Any thread.
 */
#pragma once
#include "http/out.h"
#include "serve/resolve.h"

/* Of the descriptors that the process may have (RLIMIT_NOFILE), one in so many is held open at most. */
#define HOT_FILES_SHARE 8

struct hot;
struct hot_entry;

struct hot *hot_new(void);
void hot_free(struct hot *h); /* accepts NULL */

/* A file that was just found. */
struct hot_offer {
	const struct resolve_rules *rules; /* for which it was found */
	struct store *store;
	struct slice head; /* of a 200 with the whole body; copied */
	int fd;            /* of the file, where the body begins at base; duplicated */
	int64_t base, length;
	uint64_t version;   /* known_version() from before it was looked for */
	int64_t fresh_ns;   /* from now on */
	int64_t changed_ns; /* of a local store: as its head says (struct object_head); else 0 */
};

/* A path that is missing everywhere. */
struct hot_miss {
	int64_t keep_ns; /* whoever is told may keep it for so long from now on; > 0 */
	unsigned by;     /* the request headers that decided it (BY_...) */
};

/* Where there is room. */
void hot_add(struct hot *h, const struct hot_offer *offer);
/* version: known_version(), arrivals: hot_arrivals() from before that was looked for. */
void hot_add_miss(struct hot *h, const struct resolve_rules *rules, uint64_t version,
		  unsigned arrivals, const struct hot_miss *miss);
/* Files have come: all that is missing by now is looked for anew. And how often that has happened. */
void hot_note_arrivals(struct hot *h);
unsigned hot_arrivals(const struct hot *h);
/*
 * The entry for a path, if these rules let it be served and version (that of now) is what it was; to be given
 * back with hot_done(). NULL when there is none; then *ret tells whether the path is missing: with keep_ns > 0.
 */
struct hot_entry *hot_find(struct hot *h, const struct resolve_rules *rules, uint64_t version,
			   struct hot_miss *ret);
void hot_done(struct hot *h, struct hot_entry *entry);
/* In place of hot_done(): the answer gives it back when it has been sent. */
struct http_answer hot_answer(struct hot_entry *entry);
int64_t hot_length(const struct hot_entry *entry);
struct store *hot_store(const struct hot_entry *entry);
/* Give back what it holds: files that a purge has removed. */
void hot_clear(struct hot *h);
/*
 * Give back what does not count any more, or has not been asked for lately: a file that is open takes room on
 * its disk, removed or not. To be called every few seconds.
 */
void hot_tidy(struct hot *h, uint64_t version);
