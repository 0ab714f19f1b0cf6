// SPDX-License-Identifier: MIT
/*
 * A fill is an object on its way: one writer (the loop's thread) brings bytes as the store sends
 * them, readers (the server's threads) follow by offset. What it is backed by decides how many may
 * read:
 *
 *	ring	a bounded piece of memory that passes by: one reader, whose pace the writer keeps
 *	memory	the whole of a small object: any number of readers
 *	file	a draft of the disk cache, which grows in several places at once (parts): any number
 *		of readers at any place, none of whom holds up the writer
 *
 * States, only ever forward:
 *
 *	NEW --fill_begin--> RUNNING --fill_commit--> COMMITTED
 *	 \____________________/ \-----fill_fail-----> FAILED
 *
 * The tail is held back: until fill_commit(), which comes after all checks, the last FILL_HELD_BACK
 * bytes are not readable, so that a torn or wrong object never arrives whole. A reader that passes
 * nothing on before the commit may read `ahead`.
 *
 * Flow control, both ways without polling: the writer of a ring that was told to pause is woken
 * through its `room` hook when the reader has made room; a reader that found nothing registers
 * itself with fill_wait() and is woken on the loop's thread. Hooks are called without the lock.
 *
 * A fill is reference counted (atomic); the writer and each reader hold one reference.
 */
#pragma once
#include "base/err.h"
#include "base/list.h"
#include "base/slice.h"
#include "cache/object.h"

#define FILL_HELD_BACK ((size_t)64 * 1024)
/*
 * The writer of a ring that is told to pause may still bring so many bytes, which it had received
 * by then.
 */
#define FILL_ROOM     ((size_t)64 * 1024)
#define FILL_RING_MIN (FILL_HELD_BACK + FILL_ROOM)

struct fill;

/* Hooks of the writer, called on a reader's thread. */
struct fill_writer {
	void (*room)(void *ud);   /* ring: write again */
	void (*wanted)(void *ud); /* file: a reader waits at an offset of no part; may be NULL */
	void *ud;
};

enum fill_read { FILL_DATA, FILL_WAIT, FILL_END, FILL_FAILED };

struct fill *fill_new(struct fill_writer writer);
struct fill *fill_ref(struct fill *f);
void fill_unref(struct fill *f); /* accepts NULL */

/* ---- writer ---- */

/*
 * Begin once the length in bytes is known; that length is promised to readers. ring_max: bytes of
 * memory it may use, FILL_RING_MIN or more.
 */
MUST_CHECK enum err fill_begin_ring(struct fill *f, int64_t length, size_t ring_max,
				    struct error *e);
/* length is 1 to OBJECT_SMALL. */
MUST_CHECK enum err fill_begin_memory(struct fill *f, int64_t length, struct error *e);
void fill_begin_file(struct fill *f, int64_t length);

/*
 * Ring and memory: takes all of data. From the write on that is answered false, itself
 * included, no more than FILL_ROOM until `room` is called.
 */
bool fill_write(struct fill *f, struct slice data);
/* Would n more bytes go into the ring? If not, the store has sent on after it was told to pause. */
bool fill_fits(struct fill *f, size_t n);
/*
 * To be asked when `room` has come to the writer's own thread: false when it has paused again in
 * between, on what it had received already; then `room` comes again.
 */
bool fill_may_write(struct fill *f);

/* File: where byte 0 lies. fd stays the caller's, and has to stay open while the fill lives. */
void fill_set_file(struct fill *f, int fd, int64_t base);
/* File: bytes [first, end) are on their way. Parts do not overlap. */
void fill_add_part(struct fill *f, int64_t first, int64_t end);
/* File: nothing of the part that begins at first has been stored, and nothing will be. */
void fill_remove_part(struct fill *f, int64_t first);
/* File: the part that begins at first lies in the file up to here. */
void fill_stored(struct fill *f, int64_t first, int64_t up_to);
/* File: the first offset (not below from) that no part has; the length when there is none. */
int64_t fill_first_gap(struct fill *f, int64_t from, int64_t *ret_end);
/* File: an offset some reader waits at that no part has; -1 when there is none. */
int64_t fill_wanted(struct fill *f);
/* File: everything before this is there. */
int64_t fill_contiguous(struct fill *f);

/* Memory, when all has been written: the body, readable by any thread until the last reference. */
struct slice fill_bytes(const struct fill *f);

void fill_fail(struct fill *f, const struct error *why); /* why is copied */
/* All bytes are there and have been checked. */
void fill_commit(struct fill *f);

/* ---- reader ---- */

/*
 * Up to n bytes from offset on. From a ring, offset must follow the bytes read before. FAILED also
 * when the file cannot be read: see fill_failed().
 */
enum fill_read fill_read(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n);
/* The same without a held-back tail; not from a ring. END only once it has been committed. */
enum fill_read fill_read_ahead(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n);
/*
 * As fill_read(), but says where the bytes lie: DATA with n bytes in a file, whose descriptor stays
 * open while the fill lives; or with fd -1 when they lie in no file.
 */
struct fill_place {
	int fd;
	int64_t offset;
	size_t n;
};
enum fill_read fill_locate(struct fill *f, int64_t offset, struct fill_place *ret);
/*
 * The whole body, when it has been committed, nothing of it has been read from a ring yet, and it
 * lies in one piece of memory: readable until the last reference goes. False otherwise.
 */
bool fill_whole(struct fill *f, struct slice *ret);
/* Committed, in a file: a descriptor of the caller's own, and where byte 0 lies. Else -1. */
int fill_file(struct fill *f, int64_t *ret_base);
int64_t fill_length(const struct fill *f);

struct fill_waiter {
	void (*ready)(struct fill_waiter *w); /* on the loop's thread, once */
	int64_t offset;
	bool ahead; /* for fill_read_ahead() */
	bool waits; /* the fill's, as the next; zeroed: it does not */
	LIST_ENTRY(fill_waiter) place;
};

/*
 * Ask for one call of ready() when fill_read() at w->offset would say something else than
 * FILL_WAIT. Returns false, and registers nothing, when it would do so already.
 */
bool fill_wait(struct fill *f, struct fill_waiter *w);
/*
 * Forget the wait; false when there was none, or it has been answered. On another thread than the
 * loop's, ready() may still be about to be called then.
 */
bool fill_unwait(struct fill *f, struct fill_waiter *w);
/* Has it FAILED, and why? */
bool fill_failed(struct fill *f, struct error *ret);
