// SPDX-License-Identifier: MIT
/*
 * The hottest files, as finished answers: a request for one of them is answered without a path being
 * resolved, a file opened or a header written. Small bodies lie in memory, large ones are open files;
 * both are bounded in number, memory in bytes too.
 *
 * They are neither encoded nor MSFZ, so everybody may have them; but an entry is only for clients
 * that write their keys like the one it was found for (struct client: decimal_ages, short_stamps).
 * For others the same path may be the key of another file.
 *
 * An entry counts as long as its file is fresh and still in the directory, which is looked at once
 * a second at most, and nobody has purged anything since it was looked for: cache_purges() tells
 * that of all processes on the directory. Any thread.
 */
#pragma once
#include "http/out.h"
#include "serve/resolve.h"

/* So large a part of the descriptors that the process may have is used at most: one in so many. */
#define HOT_FILES_SHARE 8

struct hot;
struct hot_entry;

struct hot *hot_new(void);
void hot_free(struct hot *h); /* accepts NULL */

/* An object of the cache that was just found. */
struct hot_offer {
	const struct symbol_path *path;
	const struct client *client; /* whom it was found for */
	struct store *store;
	struct slice head; /* of a 200 with the whole body; copied */
	int fd;            /* of the file, where the body begins at base; duplicated */
	int64_t base, length;
	uint64_t purges;  /* cache_purges() from before it was looked for */
	int64_t fresh_ns; /* from now on */
};

/* Where there is room. */
void hot_add(struct hot *h, const struct hot_offer *offer);
/*
 * The entry for a path, if these rules let it be served and purges (cache_purges() of now) is what
 * it was; to be given back with hot_done(). NULL when there is none.
 */
struct hot_entry *hot_find(struct hot *h, const struct resolve_rules *rules, uint64_t purges);
void hot_done(struct hot *h, struct hot_entry *entry);
/* In place of hot_done(): the answer gives it back when it has been sent. */
struct http_answer hot_answer(struct hot_entry *entry);
int64_t hot_length(const struct hot_entry *entry);
struct store *hot_store(const struct hot_entry *entry);
/* Give back what it holds: files that a purge has removed. */
void hot_clear(struct hot *h);
