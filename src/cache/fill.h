// SPDX-License-Identifier: MIT
/*
 * A fill is an object on its way: one writer (the loop's thread) appends bytes as the store sends
 * them, readers (the server's threads) follow by offset. Today a fill is backed by a bounded ring
 * and has one reader; a disk cache will back it by a file and have many, behind this interface.
 *
 * States, only ever forward:
 *
 *	NEW --fill_begin--> RUNNING --fill_commit--> COMMITTED
 *	 \____________________/ \-----fill_fail-----> FAILED
 *
 * The tail is held back: until fill_commit() has checked the length and has asked the verify
 * hook, the last FILL_HELD_BACK bytes are not readable, so that a torn or wrong object never
 * arrives whole.
 *
 * Flow control, both ways without polling: a writer that was told FILL_PAUSE is woken through
 * its `room` hook when a reader has made room; a reader that found nothing registers itself with
 * fill_wait() and is woken through its `ready` hook. Hooks are called without the fill's lock.
 *
 * A fill is reference counted (atomic); the writer and each reader hold one reference.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define FILL_HELD_BACK ((size_t)64 * 1024)
/* A writer that is told to pause may still bring so much: what it had received already. */
#define FILL_ROOM     ((size_t)64 * 1024)
#define FILL_RING_MIN (FILL_HELD_BACK + FILL_ROOM)

struct fill;

struct fill_writer {
	void (*room)(void *ud); /* any thread: write again */
	/* Is what has arrived what was asked for? Called once, by fill_commit(). NULL: yes. */
	enum err (*verify)(void *ud, struct error *e);
	void *ud;
};

enum fill_flow { FILL_GO, FILL_PAUSE };
enum fill_read { FILL_DATA, FILL_WAIT, FILL_END, FILL_FAILED };

/* ring_max: bytes of memory this fill may use at most, FILL_RING_MIN or more. */
struct fill *fill_new(size_t ring_max, struct fill_writer writer);
struct fill *fill_ref(struct fill *f);
void fill_unref(struct fill *f); /* accepts NULL */

/* Writer. The length in bytes must be known; it is what readers will be promised. */
MUST_CHECK enum err fill_begin(struct fill *f, int64_t length, struct error *e);
/*
 * Takes all of data. From the write on that is answered FILL_PAUSE, itself included, no more than
 * FILL_ROOM until `room` is called.
 */
enum fill_flow fill_write(struct fill *f, struct slice data);
/* Would n more bytes go into the ring? If not, the one who brings them has not paused. */
bool fill_fits(struct fill *f, size_t n);
/*
 * To be asked when `room` has come to the writer's own thread: false when it has paused again in
 * between, on what it had received already; then `room` comes again.
 */
bool fill_may_write(struct fill *f);
int64_t fill_written(const struct fill *f);
void fill_fail(struct fill *f, const struct error *why); /* why is copied */
/* ERR_CORRUPT, and the fill FAILED, when bytes are missing or the verify hook says no. */
MUST_CHECK enum err fill_commit(struct fill *f, struct error *e);

/* Reader: up to n bytes from offset on. With a ring, offset must follow what was read before. */
enum fill_read fill_read(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n);
/*
 * The whole body, when it has been committed, nothing of it has been read yet, and it lies in one
 * piece: readable until the last reference goes. False otherwise.
 */
bool fill_whole(struct fill *f, struct slice *ret);
/*
 * Ask for one call of ready(ud) when fill_read() at offset would say something else than
 * FILL_WAIT. Returns false, and registers nothing, when it would do so already.
 */
bool fill_wait(struct fill *f, int64_t offset, void (*ready)(void *ud), void *ud);
/* Forget the wait. It may have been called already, by another thread even just now. */
void fill_unwait(struct fill *f);
/* Has it FAILED, and why? */
bool fill_failed(struct fill *f, struct error *ret);
