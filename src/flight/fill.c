// SPDX-License-Identifier: MIT
/*
 * See fill.h. Memory: positions `written` and `consumed` count bytes of the object, their
 * difference is what the ring holds; of a whole object nothing is ever consumed. Bytes between
 * the two belong to the readers, the rest to the writer, so both copy outside the lock and only
 * move their position under it. A ring is never larger than the object, so a small object is
 * written without a pause.
 *
 * File: `parts` is sorted by offset. Each grows from its first byte; a byte that was reported
 * stored does not change any more, so readers pread(2) it outside the lock.
 */
#include "base/file.h"
#include "flight/fill_priv.h"

#include <fcntl.h>

struct fill *fill_new(struct fill_writer writer)
{
	struct fill *f = xnew(struct fill);

	atomic_init(&f->refs, 1);
	pthread_mutex_init(&f->mu, NULL);
	f->writer = writer;
	f->fd = -1;
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
	free(f->parts);
	free(f->bytes);
	free(f);
}

/* ---- beginning ---- */

static void begin_fill(struct fill *f, enum fill_backing backing, int64_t length)
{
	LOCK_SCOPE(&f->mu);
	ASSERT(length >= 0 && f->state == NEW);
	f->backing = backing;
	f->length = length;
	f->state = RUNNING;
}

static enum err begin_bytes(struct fill *f, enum fill_backing backing, int64_t length, size_t size,
			    struct error *e)
{
	char *bytes = malloc(size ? size : 1);

	if (!bytes)
		return err_set(e, ERR_NOMEM, "no memory for a stream buffer of %zu bytes", size);
	f->bytes = bytes;
	f->size = size;
	begin_fill(f, backing, length);
	return OK;
}

enum err fill_begin_ring(struct fill *f, int64_t length, size_t ring_max, struct error *e)
{
	ASSERT(ring_max >= FILL_RING_MIN);
	return begin_bytes(f, RING, length, length < (int64_t)ring_max ? (size_t)length : ring_max,
			   e);
}

enum err fill_begin_memory(struct fill *f, int64_t length, struct error *e)
{
	ASSERT(length > 0 && length <= OBJECT_SMALL);
	return begin_bytes(f, MEMORY, length, (size_t)length, e);
}

void fill_begin_file(struct fill *f, int64_t length)
{
	begin_fill(f, FILE_PARTS, length);
}

/* ---- which part ---- */

/* The last part that begins at or before offset; NULL when there is none. Called under mu. */
static struct fill_part *part_at(const struct fill *f, int64_t offset)
{
	size_t low = 0, high = f->n_parts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->parts[mid].first <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &f->parts[low - 1] : NULL;
}

/* Called under mu: does offset lie in no part? */
static bool is_in_gap(const struct fill *f, int64_t offset)
{
	const struct fill_part *p = part_at(f, offset);

	return f->backing == FILE_PARTS && offset < f->length && (!p || offset >= p->end);
}

/* ---- what can be read ---- */

/* How far the held-back tail lets readers go. Called under mu. */
static int64_t limit(const struct fill *f, bool ahead)
{
	return f->state == COMMITTED || ahead ? f->length
					      : MAX(f->length - (int64_t)FILL_HELD_BACK, 0);
}

/* Up to where bytes are there without a hole, seen from offset on. Called under mu. */
static int64_t stored_up_to(const struct fill *f, int64_t offset)
{
	const struct fill_part *p;

	if (f->backing != FILE_PARTS)
		return f->written;
	p = part_at(f, offset);
	return p ? p->stored : 0;
}

/* How many bytes can be read at offset right now. Called under mu. */
static enum fill_read readable(const struct fill *f, int64_t offset, bool ahead, size_t *ret_n)
{
	int64_t n;

	if (f->state == FAILED)
		return FILL_FAILED;
	if (f->state == NEW)
		return FILL_WAIT;
	n = MIN(stored_up_to(f, offset), limit(f, ahead)) - offset;
	if (n > 0) {
		*ret_n = (size_t)n;
		return FILL_DATA;
	}
	return f->state == COMMITTED ? FILL_END : FILL_WAIT;
}

/* ---- waiters ---- */

/*
 * Take off the waiters that need not wait any more, to be called without the lock. Called under mu.
 */
static void take_ready(struct fill *f, struct fill_waiters *ret)
{
	struct fill_waiter *w = LIST_FIRST(&f->waiters), *next;
	size_t n;

	LIST_INIT(ret);
	for (; w; w = next) {
		next = LIST_NEXT(w, place);
		if (readable(f, w->offset, w->ahead, &n) == FILL_WAIT)
			continue;
		LIST_REMOVE(w, place);
		w->waits = false;
		LIST_INSERT_HEAD(ret, w, place);
	}
}

/* A waiter may be gone once it has been called. */
static void call_ready(struct fill_waiters *ready)
{
	struct fill_waiter *w;

	while ((w = LIST_FIRST(ready))) {
		LIST_REMOVE(w, place);
		w->ready(w);
	}
}

bool fill_wait(struct fill *f, struct fill_waiter *w)
{
	bool wanted;
	size_t n;

	pthread_mutex_lock(&f->mu);
	if (readable(f, w->offset, w->ahead, &n) != FILL_WAIT) {
		pthread_mutex_unlock(&f->mu);
		return false;
	}
	ASSERT(!w->waits);
	w->waits = true;
	LIST_INSERT_HEAD(&f->waiters, w, place);
	wanted = f->state == RUNNING && f->writer.wanted && is_in_gap(f, w->offset);
	pthread_mutex_unlock(&f->mu);
	if (wanted)
		f->writer.wanted(f->writer.ud);
	return true;
}

bool fill_unwait(struct fill *f, struct fill_waiter *w)
{
	LOCK_SCOPE(&f->mu);

	if (!w->waits)
		return false;
	LIST_REMOVE(w, place);
	w->waits = false;
	return true;
}

/* ---- memory ---- */

static void copy_in(struct fill *f, int64_t at, struct slice data)
{
	size_t pos = (size_t)(at % (int64_t)f->size);
	size_t head = MIN(data.n, f->size - pos);

	memcpy(f->bytes + pos, data.p, head);
	memcpy(f->bytes, data.p + head, data.n - head);
}

static void copy_out(const struct fill *f, int64_t at, char *to, size_t n)
{
	size_t pos = (size_t)(at % (int64_t)f->size);
	size_t head = MIN(n, f->size - pos);

	memcpy(to, f->bytes + pos, head);
	memcpy(to + head, f->bytes, n - head);
}

static size_t ring_free(struct fill *f)
{
	LOCK_SCOPE(&f->mu);

	return f->size - (size_t)(f->written - f->consumed);
}

bool fill_write(struct fill *f, struct slice data)
{
	struct fill_waiters ready;
	bool go_on;
	size_t free_bytes;

	if (data.n == 0)
		return true;
	ASSERT(f->written + (int64_t)data.n <= f->length);
	ASSERT(data.n <= ring_free(f));
	copy_in(f, f->written, data);
	pthread_mutex_lock(&f->mu);
	f->written += (int64_t)data.n;
	free_bytes = f->size - (size_t)(f->written - f->consumed);
	/* Bytes that still come after a pause do not end it: the writer waits for `room`. */
	if (f->written < f->length && f->length > (int64_t)f->size && free_bytes < FILL_ROOM)
		f->writer_paused = true;
	go_on = !f->writer_paused;
	take_ready(f, &ready);
	pthread_mutex_unlock(&f->mu);
	call_ready(&ready);
	return go_on;
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

struct slice fill_bytes(const struct fill *f)
{
	return (struct slice){f->bytes, f->size};
}

/* ---- a file, which grows in parts ---- */

void fill_set_file(struct fill *f, int fd, int64_t base)
{
	LOCK_SCOPE(&f->mu);

	f->fd = fd;
	f->base = base;
}

void fill_add_part(struct fill *f, int64_t first, int64_t end)
{
	struct fill_part *before;
	size_t at;
	LOCK_SCOPE(&f->mu);

	if (f->n_parts == f->cap_parts) {
		f->cap_parts = f->cap_parts ? 2 * f->cap_parts : 16;
		f->parts = reallocarray(f->parts, f->cap_parts, sizeof(struct fill_part));
		ASSERT(f->parts);
	}
	before = part_at(f, first);
	at = before ? (size_t)(before - f->parts) + 1 : 0;
	ASSERT(first < end && end <= f->length && (!before || before->end <= first));
	ASSERT(at == f->n_parts || end <= f->parts[at].first);
	memmove(&f->parts[at + 1], &f->parts[at], (f->n_parts - at) * sizeof(struct fill_part));
	f->parts[at] = (struct fill_part){first, first, end};
	f->n_parts++;
}

void fill_remove_part(struct fill *f, int64_t first)
{
	struct fill_part *p;
	size_t after;
	LOCK_SCOPE(&f->mu);

	p = part_at(f, first);
	ASSERT(p && p->first == first && p->stored == first);
	after = f->n_parts - (size_t)(p - f->parts) - 1;
	memmove(p, p + 1, after * sizeof(*p));
	f->n_parts--;
}

void fill_stored(struct fill *f, int64_t first, int64_t up_to)
{
	struct fill_waiters ready;
	struct fill_part *p;

	pthread_mutex_lock(&f->mu);
	p = part_at(f, first);
	ASSERT(p && p->first == first && up_to >= p->stored && up_to <= p->end);
	p->stored = up_to;
	take_ready(f, &ready);
	pthread_mutex_unlock(&f->mu);
	call_ready(&ready);
}

int64_t fill_first_gap(struct fill *f, int64_t from, int64_t *ret_end)
{
	size_t i = 0;
	LOCK_SCOPE(&f->mu);

	while (i < f->n_parts && f->parts[i].first <= from) {
		from = MAX(from, f->parts[i].end);
		i++;
	}
	*ret_end = i < f->n_parts ? f->parts[i].first : f->length;
	return from;
}

int64_t fill_wanted(struct fill *f)
{
	struct fill_waiter *w;
	LOCK_SCOPE(&f->mu);

	LIST_FOREACH (w, &f->waiters, place)
		if (is_in_gap(f, w->offset))
			return w->offset;
	return -1;
}

int64_t fill_contiguous(struct fill *f)
{
	int64_t up_to = 0;
	LOCK_SCOPE(&f->mu);

	for (size_t i = 0; i < f->n_parts && f->parts[i].first == up_to; i++) {
		up_to = f->parts[i].stored;
		if (up_to < f->parts[i].end)
			break;
	}
	return up_to;
}

/* ---- the end ---- */

static void end(struct fill *f, enum fill_state state, const struct error *why)
{
	struct fill_waiters ready;

	pthread_mutex_lock(&f->mu);
	ASSERT(f->state == NEW || f->state == RUNNING);
	f->state = state;
	if (why)
		f->why = *why;
	take_ready(f, &ready);
	pthread_mutex_unlock(&f->mu);
	call_ready(&ready);
}

void fill_fail(struct fill *f, const struct error *why)
{
	end(f, FAILED, why);
}

void fill_commit(struct fill *f)
{
	end(f, COMMITTED, NULL);
}

/* ---- reading ---- */

/* A file that is there but cannot be read is as good as a failed transfer, for this reader. */
static enum fill_read read_parts(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n)
{
	ssize_t got = file_read_at(f->fd, to, n, f->base + offset);

	if (got <= 0)
		return FILL_FAILED;
	*ret_n = (size_t)got;
	return FILL_DATA;
}

static void consume(struct fill *f, size_t n)
{
	bool wake;

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
}

static enum fill_read read_at(struct fill *f, int64_t offset, bool ahead, char *to, size_t n,
			      size_t *ret_n)
{
	enum fill_read result;
	size_t have = 0;

	pthread_mutex_lock(&f->mu);
	ASSERT(f->backing != RING || offset == f->consumed);
	result = readable(f, offset, ahead, &have);
	pthread_mutex_unlock(&f->mu);
	if (result != FILL_DATA)
		return result;
	n = MIN(n, have);
	if (f->backing == FILE_PARTS)
		return read_parts(f, offset, to, n, ret_n);
	copy_out(f, offset, to, n);
	if (f->backing == RING)
		consume(f, n);
	*ret_n = n;
	return FILL_DATA;
}

enum fill_read fill_read(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n)
{
	return read_at(f, offset, false, to, n, ret_n);
}

enum fill_read fill_read_ahead(struct fill *f, int64_t offset, char *to, size_t n, size_t *ret_n)
{
	ASSERT(f->backing != RING);
	return read_at(f, offset, true, to, n, ret_n);
}

enum fill_read fill_locate(struct fill *f, int64_t offset, struct fill_place *ret)
{
	LOCK_SCOPE(&f->mu);

	*ret = (struct fill_place){.fd = f->backing == FILE_PARTS ? f->fd : -1,
				   .offset = f->base + offset};
	return readable(f, offset, false, &ret->n);
}

bool fill_whole(struct fill *f, struct slice *ret)
{
	LOCK_SCOPE(&f->mu);

	if (f->state != COMMITTED || f->consumed != 0 || f->backing == FILE_PARTS ||
	    f->length > (int64_t)f->size)
		return false;
	*ret = (struct slice){f->bytes, f->size};
	return true;
}

int fill_file(struct fill *f, int64_t *ret_base)
{
	LOCK_SCOPE(&f->mu);

	if (f->state != COMMITTED || f->fd < 0)
		return -1;
	*ret_base = f->base;
	return fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
}

int64_t fill_length(const struct fill *f)
{
	return f->length;
}

bool fill_failed(struct fill *f, struct error *ret)
{
	LOCK_SCOPE(&f->mu);

	if (f->state != FAILED)
		return false;
	*ret = f->why;
	return true;
}
