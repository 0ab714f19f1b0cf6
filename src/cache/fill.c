// SPDX-License-Identifier: MIT
/*
 * See fill.h. The ring: positions `written` and `consumed` count bytes of the object, their
 * difference is what the ring holds. Bytes between them belong to the reader, the rest to the
 * writer, so both copy outside the lock and only move their position under it.
 *
 * The ring is never larger than the object, so a small object is written without a pause.
 */
#include "cache/fill.h"

#include <stdatomic.h>

enum state { NEW, RUNNING, COMMITTED, FAILED };

struct fill {
	atomic_uint refs;
	size_t ring_max;
	struct fill_writer writer;
	char *ring; /* set once by fill_begin */
	size_t size;
	int64_t length;

	pthread_mutex_t mu;
	enum state state; /* under mu, as all below */
	int64_t written, consumed;
	struct error why; /* FAILED */
	bool writer_paused;
	void (*ready)(void *ud);
	void *ready_ud;
	int64_t ready_at; /* the offset it waits at */
};

struct fill *fill_new(size_t ring_max, struct fill_writer writer)
{
	struct fill *f = xnew(struct fill);

	ASSERT(ring_max >= FILL_RING_MIN);
	atomic_init(&f->refs, 1);
	pthread_mutex_init(&f->mu, NULL);
	f->ring_max = ring_max;
	f->writer = writer;
	return f;
}

struct fill *fill_ref(struct fill *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void fill_unref(struct fill *f)
{
	if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&f->mu);
	free(f->ring);
	free(f);
}

enum err fill_begin(struct fill *f, int64_t length, struct error *e)
{
	size_t size = length < (int64_t)f->ring_max ? (size_t)length : f->ring_max;
	char *ring = malloc(size ? size : 1);

	if (!ring)
		return err_set(e, ERR_NOMEM, "no memory for a stream buffer of %zu bytes", size);
	LOCK_SCOPE(&f->mu);
	ASSERT(length >= 0 && f->state == NEW);
	f->ring = ring;
	f->size = size;
	f->length = length;
	f->state = RUNNING;
	return OK;
}

/* Take the waiting reader off, to be called once the lock is gone. Called under mu. */
static void (*take_reader(struct fill *f, void **ret_ud))(void *)
{
	void (*ready)(void *) = f->ready;

	f->ready = NULL;
	*ret_ud = f->ready_ud;
	return ready;
}

/* How far readers may go. Called under mu. */
static int64_t readable(const struct fill *f)
{
	if (f->state == COMMITTED)
		return f->written;
	return MIN(f->written, MAX(f->length - (int64_t)FILL_HELD_BACK, 0));
}

static void copy_in(struct fill *f, int64_t at, struct slice data)
{
	size_t pos = (size_t)(at % (int64_t)f->size);
	size_t head = MIN(data.n, f->size - pos);

	memcpy(f->ring + pos, data.p, head);
	memcpy(f->ring, data.p + head, data.n - head);
}

static void copy_out(const struct fill *f, int64_t at, char *to, size_t n)
{
	size_t pos = (size_t)(at % (int64_t)f->size);
	size_t head = MIN(n, f->size - pos);

	memcpy(to, f->ring + pos, head);
	memcpy(to + head, f->ring, n - head);
}

static size_t ring_free(struct fill *f)
{
	LOCK_SCOPE(&f->mu);

	return f->size - (size_t)(f->written - f->consumed);
}

enum fill_flow fill_write(struct fill *f, struct slice data)
{
	void (*ready)(void *) = NULL;
	void *ud = NULL;
	enum fill_flow flow;
	size_t free_bytes;

	if (data.n == 0)
		return FILL_GO;
	ASSERT(f->written + (int64_t)data.n <= f->length);
	ASSERT(data.n <= ring_free(f));
	copy_in(f, f->written, data);
	pthread_mutex_lock(&f->mu);
	f->written += (int64_t)data.n;
	free_bytes = f->size - (size_t)(f->written - f->consumed);
	/* What still comes after a pause does not end it: the writer waits for `room`. */
	if (f->written < f->length && f->length > (int64_t)f->size && free_bytes < FILL_ROOM)
		f->writer_paused = true;
	flow = f->writer_paused ? FILL_PAUSE : FILL_GO;
	if (f->ready && readable(f) > f->ready_at)
		ready = take_reader(f, &ud);
	pthread_mutex_unlock(&f->mu);
	if (ready)
		ready(ud);
	return flow;
}

bool fill_fits(struct fill *f, size_t n)
{
	return n <= ring_free(f);
}

bool fill_may_write(struct fill *f)
{
	LOCK_SCOPE(&f->mu);

	return !f->writer_paused;
}

int64_t fill_written(const struct fill *f)
{
	return f->written; /* the writer's own thread is the only one that moves it */
}

static void end(struct fill *f, enum state state, const struct error *why)
{
	void (*ready)(void *);
	void *ud;

	pthread_mutex_lock(&f->mu);
	ASSERT(f->state == NEW || f->state == RUNNING);
	f->state = state;
	if (why)
		f->why = *why;
	ready = take_reader(f, &ud);
	pthread_mutex_unlock(&f->mu);
	if (ready)
		ready(ud);
}

void fill_fail(struct fill *f, const struct error *why)
{
	end(f, FAILED, why);
}

enum err fill_commit(struct fill *f, struct error *e)
{
	enum err err = OK;

	ASSERT(e);
	if (f->written != f->length)
		err = err_set(e, ERR_CORRUPT, "%lld of %lld bytes arrived", (long long)f->written,
			      (long long)f->length);
	else if (f->writer.verify)
		err = f->writer.verify(f->writer.ud, e);
	end(f, err ? FAILED : COMMITTED, err ? e : NULL);
	return err;
}

/* What can be read at offset right now. Called under mu. */
static enum fill_read look(const struct fill *f, int64_t offset, size_t *ret_n)
{
	int64_t n = readable(f) - offset;

	if (f->state == FAILED)
		return FILL_FAILED;
	if (n > 0) {
		*ret_n = (size_t)n;
		return FILL_DATA;
	}
	return f->state == COMMITTED ? FILL_END : FILL_WAIT;
}

enum fill_read fill_read(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n)
{
	enum fill_read result;
	bool wake;
	size_t have = 0;

	pthread_mutex_lock(&f->mu);
	ASSERT(offset == f->consumed);
	result = look(f, offset, &have);
	pthread_mutex_unlock(&f->mu);
	if (result != FILL_DATA)
		return result;
	n = MIN(n, have);
	copy_out(f, offset, to, n);
	pthread_mutex_lock(&f->mu);
	f->consumed += (int64_t)n;
	/* Half a ring of room before the writer runs again: fewer, larger turns. */
	wake = f->writer_paused && f->state == RUNNING &&
	       f->size - (size_t)(f->written - f->consumed) >= f->size / 2;
	if (wake)
		f->writer_paused = false;
	pthread_mutex_unlock(&f->mu);
	if (wake)
		f->writer.room(f->writer.ud);
	*ret_n = n;
	return FILL_DATA;
}

bool fill_whole(struct fill *f, struct slice *ret)
{
	LOCK_SCOPE(&f->mu);

	if (f->state != COMMITTED || f->consumed != 0 || f->length > (int64_t)f->size)
		return false;
	*ret = (struct slice){f->ring, f->size};
	return true;
}

bool fill_wait(struct fill *f, int64_t offset, void (*ready)(void *ud), void *ud)
{
	size_t n;
	LOCK_SCOPE(&f->mu);

	if (look(f, offset, &n) != FILL_WAIT)
		return false;
	ASSERT(!f->ready);
	f->ready = ready;
	f->ready_ud = ud;
	f->ready_at = offset;
	return true;
}

void fill_unwait(struct fill *f)
{
	LOCK_SCOPE(&f->mu);

	f->ready = NULL;
}

bool fill_failed(struct fill *f, struct error *ret)
{
	LOCK_SCOPE(&f->mu);

	if (f->state != FAILED)
		return false;
	*ret = f->why;
	return true;
}
