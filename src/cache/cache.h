// SPDX-License-Identifier: MIT
/*
 * The cache at rest: what lies on disk (disk.h), and what is known to be missing (negative.h). It
 * knows nothing of flights (flight.h). With CACHE_DIR=off, or while the disk fails, it has no
 * objects; misses are remembered all the same.
 *
 * An object is known by its store, its form, and its key there. Where it is not known whether the
 * store minds the case of keys, and the file can be held against its key, that is the key in lower
 * case. A miss is known by the key exactly as it was asked for.
 *
 * Any thread, where nothing else is said.
 */
#pragma once
#include "cache/disk.h"
#include "cache/evict.h"
#include "cache/form.h"
#include "cache/name_index.h"
#include "cache/negative.h"
#include "store/fetch.h"

struct cache;

struct cache_settings {
	const char *dir;     /* borrowed; NULL: nothing on disk */
	int64_t max_bytes;   /* < 0: choose (evict.h) */
	int64_t min_free;    /* bytes of the file system to be left free */
	int64_t fresh_ns;    /* an object is taken as confirmed by its store for so long */
	int64_t miss_ttl_ns; /* 0: misses are not remembered */
	size_t miss_entries;
	size_t index_names; /* that all indexes of names may hold together */
};

/* A directory that cannot be used is logged and done without. The settings are copied. */
MUST_CHECK enum err cache_new(const struct cache_settings *settings, struct cache **ret,
			      struct error *e);
/* False when its thread blocks for longer than timeout_ns. Accepts NULL. */
MUST_CHECK bool cache_stop(struct cache *c, int64_t timeout_ns);
void cache_free(struct cache *c); /* accepts NULL */

/* ---- which object is it, and has it been purged? ---- */

/* named: the path whose key the object has to be true to; NULL: that of its own key. */
struct object_id cache_id(const struct cache *c, const struct store *s, struct slice key,
			  enum form form, const char *named);
/*
 * The generation of a key, and of the path that it has to be true to: another number than before
 * means that one of the two was purged in between.
 */
uint64_t cache_generation(const struct cache *c, const struct store *s, struct slice key,
			  const char *named);
/* Take note of the purges of other processes now; without this it happens within seconds. */
void cache_see_purges(struct cache *c);
/*
 * Another number after each purge, be it by another process on the same directory. An answer that
 * is remembered is good as long as this number is the one from before it was looked for.
 */
uint64_t cache_purges(const struct cache *c);

/* ---- the disk ---- */

/* Is it to be used, or has it failed a moment ago? */
bool cache_disk_usable(struct cache *c);
/* Count a failure of it, and log it once in a while. */
void cache_disk_failed(struct cache *c, const struct error *e);
struct disk *cache_disk(const struct cache *c);   /* NULL: no objects */
struct evict *cache_evict(const struct cache *c); /* NULL with it */

/* ---- misses ---- */

/*
 * Before the loop begins, once for a store that has one (traits.indexed): the names that it has tell what is
 * missing, too. The stores, the loop, and what frees names later (quiet.h) outlive the cache.
 */
void cache_index_names(struct cache *c, struct store *s, struct loop *loop, struct quiet *quiet);
/* How long an object, or the proof of a miss, counts as confirmed. */
int64_t cache_fresh_ns(const struct cache *c);
/* How long a miss is remembered at most. */
int64_t cache_miss_ttl_ns(const struct cache *c);
/* Is there anything that it could know? */
bool cache_may_know(const struct cache *c);
/* Are misses remembered at all? */
bool cache_remembers(const struct cache *c);
/*
 * What is remembered of a miss of this key in this store. Where the store minds SymbolChecksum, a
 * miss counts only for requests with the same one (NULL: none). The form matters for FORM_MSFZ
 * only, which is asked for by the same URL: that is missing if the key was missing to a request
 * that accepts MSFZ, or to one that does not. A key of a kind that means nothing to the store
 * (store_speaks()) is missing without being remembered; and so is one below a name that the store's index
 * of names does not have. On a thread that the index has for a reader (quiet.h).
 */
struct miss cache_find_miss(const struct cache *c, struct store *s, struct slice key,
			    enum form form, const char *checksum);
/* Is the key below a name that the store is known not to have, by its index of names? */
bool cache_lacks_name(const struct cache *c, const struct store *s, struct slice key);
/* How the store spells the name, and how files lie there, as its index of names knows it (name_index.h). */
size_t cache_names_alike(const struct cache *c, const struct store *s, struct slice name,
			 struct listed_name ret[static NAMES_ALIKE_MAX]);
/* As name_walk_begin(); false: none are known. */
bool cache_walk_names(const struct cache *c, const struct store *s, struct slice from, size_t looks,
		      struct name_walk *w);
void cache_learn_name(const struct cache *c, const struct store *s, const struct listed_name *name,
		      uint8_t learnt);
/* For the operator. False: the store has no index of names. */
bool cache_look_at_names(const struct cache *c, const struct store *s, struct name_index_view *ret);
/* To be taken before a store is asked for the key: a miss counts if nothing has happened since. */
uint64_t cache_miss_ticket(const struct cache *c, struct store *s, struct slice key);
/* How a store was asked for a key. */
struct miss_asked {
	struct slice key;
	enum form form;  /* FORM_MSFZ: accepting that; all others: for the key as it is */
	const char *via; /* in the name of a server before us; may be NULL, as the next */
	const char *checksum;
	uint64_t ticket; /* cache_miss_ticket() of before */
};

/*
 * Loop's thread. Remember that s has no such key, as it has said so (fetch_is_miss()). Not when it
 * was asked in the name of a server before us, which it may have passed over for that reason. A
 * miss of a question that accepts MSFZ counts for such questions alone.
 */
void cache_note_miss(struct cache *c, struct store *s, const struct miss_asked *asked,
		     enum fetch_result how);
/*
 * Loop's thread. What was missing by its name is remembered as a miss, for as long: what lies in the cache
 * behind it is good for longer than the names are believed, as behind any proven miss.
 */
void cache_note_absent(struct cache *c, struct store *s, struct slice key, const struct miss *miss);
/*
 * Loop's thread. The key has been found: a miss from before is no proof any more. Misses that were
 * remembered for other SymbolChecksums are not looked for, since clients may send any number of
 * them; they expire by themselves.
 */
void cache_note_found(struct cache *c, struct store *s, struct slice key, const char *checksum);
/*
 * Loop's thread. Who published tells that the key is there now: its miss is forgotten, and what was asked before
 * proves none. Misses of other keys stay, and so does what the cache holds.
 */
void cache_note_arrived(struct cache *c, struct store *s, struct slice key);

/* Loop's thread. The same, but it says nothing of the name: the file was found in another case. */
void cache_forget_miss(struct cache *c, struct store *s, struct slice key, const char *checksum);

/* ---- objects ---- */

struct cache_object {
	struct object_head head;  /* of the whole; fd is the receiver's */
	int64_t fresh_ns;         /* for so long from now on; 0: stale, to be confirmed */
	bool spelled;             /* it is known how the store spells the key: */
	char key[OBJECT_KEY_MAX]; /* told of stale objects */
};

/*
 * Opens a file, so it may take a moment. named: the path whose key it has to be true to, in place
 * of its own; NULL else.
 */
bool cache_find(struct cache *c, struct store *s, struct slice key, enum form form,
		const char *named, struct cache_object *ret);

/* ---- forgetting ---- */

/*
 * On a worker: removes the objects of these keys, in all forms, and makes out of date the flights
 * and misses of these keys, in all processes that share the directory. keys == NULL: everything.
 */
void cache_forget(struct cache *c, struct store *s, const struct slice *keys, size_t n,
		  struct error *failure);
/*
 * The same for all keys, but the files are not removed: they stay on the disk and are not found any
 * more.
 */
void cache_outdate_all(struct cache *c, struct error *failure);
/*
 * Loop's thread, after cache_forget() of everything: no misses are found any more, so they need no
 * room.
 */
void cache_forget_misses(struct cache *c);
