// SPDX-License-Identifier: MIT
/*
 * The directory of the cache. The file system is its only truth: there is no index to load at the
 * start, none to repair after a crash, and several processes may use one directory at a time.
 *
 *	CACHEDIR.TAG          tells backup programs to leave it out
 *	generations           how processes hear of each other's purges (generation.h)
 *	objects/ab/<30 hex>   one file per object (object.h), whole and valid while it has a name
 *	tmp/<16 hex>          drafts, where the file system knows no files without a name; flocked
 *	trash.<16 hex>        what disk_empty() has put aside, for evict.c to delete
 *	missing, missing.new  what was asked for in vain (serve/missing_file.h)
 *	plans/STORE/          transactions that `rm` and `expire` have read (publish/catalog.h)
 *
 * Every access starts from the descriptor of the directory itself: objects/ may be renamed away
 * by another process at any time. What is missing below the directory is made when needed; when
 * the directory itself has been deleted, everything is a miss and a draft an error, until
 * disk_revive().
 *
 * A draft is a file that is being filled. It gets its name in one step, when it is complete and
 * on the disk; so a crash at any point leaves the older object or none, and space that the kernel
 * frees (files without a name) or disk_reclaim() does.
 *
 * A purge must not be undone by what was brought before it and gets its name after it. So
 * disk_keep() asks whether an object is still good once it has its name, and until then its file
 * has the sticky bit, which means that there is no object: either the purge comes after the name,
 * and removes the file, or it came before, and disk_keep() removes it.
 *
 * Any thread; everything blocks for as long as the disk takes.
 */
#pragma once
#include "cache/object.h"

#define DISK_OBJECTS "objects"
#define DISK_TMP     "tmp"
#define DISK_TRASH   "trash." /* and 16 hex digits */
#define DISK_MISSING "missing"
#define DISK_PLANS   "plans"

struct disk;
struct draft;

enum disk_found { DISK_HIT, DISK_NONE, DISK_ERROR };

#define DISK_BEGINNING 512 /* read with the header */

struct disk_object {
	int fd; /* of a hit, read-only, the caller's; else -1 */
	struct object_meta meta;
	char beginning[DISK_BEGINNING]; /* of the body, */
	size_t beginning_n;             /* so much of it: all, if it is shorter */
	int64_t checked_s;              /* its st_mtime: when the store has last confirmed it */
	int64_t used_s;                 /* its st_atime */
	bool damaged; /* NONE: the file that was there was no valid one, and has been removed */
};

/*
 * Makes the directory, and those above it, when missing. ERR_USAGE when it belongs to another
 * user, when other users may write to it, or when it holds files that no cache would: since it gets
 * mode 0700, a mistaken /var must not pass. ERR_IO when it cannot be made or opened.
 */
MUST_CHECK enum err disk_open(const char *dir, struct disk **ret, struct error *e);
void disk_free(struct disk *d); /* accepts NULL; after its drafts */
/* The directory's descriptor, for evict.c; the disk's. */
int disk_root(const struct disk *d);

enum disk_state { DISK_THERE, DISK_REVIVED, DISK_GONE };

/*
 * Has the directory been deleted? Then it is made anew by its path, and used from now on;
 * DISK_GONE: it cannot be, as disk_open(). One thread at a time; other calls may run meanwhile.
 */
MUST_CHECK enum disk_state disk_revive(struct disk *d, struct error *e);

/*
 * DISK_HIT: a valid object of this identity, *ret is complete. DISK_NONE: there is none, or it was
 * damaged (then e says how). DISK_ERROR: not to be known now, e says why. ret->fd and ret->damaged
 * are always set.
 */
MUST_CHECK enum disk_found disk_find(struct disk *d, const struct object_id *id,
				     struct disk_object *ret, struct error *e);

/*
 * A draft for a body of `length` bytes, whose space is reserved where the file system can do that:
 * ERR_IO with ENOSPC, EDQUOT or EFBIG in e->sys when there is none. The file's own size is 0 and
 * grows by what is written.
 */
MUST_CHECK enum err disk_draft(struct disk *d, int64_t length, struct draft **ret, struct error *e);
/*
 * A scratch file: a draft outside of any cache, which is never kept, in a temporary file
 * (base/file.h). For a body that cannot go into the cache but has to lie in a file while it is read
 * or decoded. length: as far as it is known, else 0; draft_grow() before more than that is written.
 * ERR_BUSY as file_temporary_grow(), and that is counted.
 */
MUST_CHECK enum err draft_scratch(int64_t length, struct draft **ret, struct error *e);
MUST_CHECK enum err draft_grow(struct draft *draft, int64_t length, struct error *e);
/* Space for so many bytes of the body from an offset on; as disk_draft(). Any thread. */
MUST_CHECK enum err draft_reserve(const struct draft *draft, int64_t offset, int64_t length,
				  struct error *e);
/* Open for reading and writing; byte n of the body lies at OBJECT_HEADER_SIZE + n. The draft's. */
int draft_fd(const struct draft *draft);
/*
 * Write the header, have everything on the disk, and only then give the file its name, replacing
 * an older object; used and checked now. One that yields replaces none of another key: ERR_CANCELED. ERR_CORRUPT when the body is not of meta->length bytes or
 * meta is such that disk_find() would not take it. ERR_CANCELED when it is not still_good(ud),
 * which is asked after anything that may take long, the last time when it has its name (NULL: it
 * is). The draft stays readable, and the caller's, in any case; it is kept once at most.
 */
MUST_CHECK enum err disk_keep(struct disk *d, struct draft *draft, const struct object_meta *meta,
			      bool yields, bool (*still_good)(void *ud), void *ud, struct error *e);
/* Closes the file; one that was not kept is gone. Accepts NULL. */
void draft_free(struct draft *draft);

/* OK also when there is none. Open descriptors stay readable. */
MUST_CHECK enum err disk_remove(struct disk *d, const struct object_id *id, struct error *e);
/* All objects, in one step and at once: objects/ becomes trash. Drafts are not touched. */
MUST_CHECK enum err disk_empty(struct disk *d, struct error *e);
/* Used now; checked now. The other time stays. A failure is ignored: the times are hints. */
void disk_touch_used(int fd);
void disk_touch_checked(int fd);
/* Remove the drafts in tmp/ that a dead process has left; never one that is being filled. */
void disk_reclaim(struct disk *d);
