// SPDX-License-Identifier: MIT
/*
 * Makers are threads that wait for stores: a test that has one cannot run all workers dry, as
 * cache_rig_quiet() does with the others, but has to wait for what is to happen. Nothing is slept
 * over: SOON() turns the loop until a condition holds, and fails when it does not in ten seconds.
 */
#pragma once
#include "cache_rig.h"
#include "flight/fill_priv.h"
#include "metric/metric.h"

#include <time.h>

static int64_t soon_real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

#define SOON(r, cond)                                                                              \
	__extension__({                                                                            \
		int64_t until_ = soon_real_ns() + 10 * NS_PER_S;                                   \
		while (!(cond) && soon_real_ns() < until_)                                         \
			manual_turn((r)->loop, 1);                                                 \
		(cond);                                                                            \
	})

/* Does anybody wait for bytes of this fill? */
__attribute__((unused)) static bool somebody_waits(struct fill *f)
{
	LOCK_SCOPE(&f->mu);

	return !LIST_EMPTY(&f->waiters);
}

/* All makers have ended, and what comes of that has happened. */
__attribute__((unused)) static bool makers_over(struct cache_rig *r)
{
	bool over = SOON(r, metric_get(active_decoders) == 0);

	cache_rig_quiet(r);
	return over;
}

/* The bytes of a file behind its header, as many as there should be. */
__attribute__((unused)) static bool file_has(int fd, struct slice want)
{
	char got[4096];
	int64_t at = OBJECT_HEADER_SIZE;

	while (want.n) {
		ssize_t n = pread(fd, got, MIN(want.n, sizeof(got)), at);

		if (n <= 0 || memcmp(got, want.p, (size_t)n) != 0)
			return false;
		want = slice_from(want, (size_t)n);
		at += n;
	}
	return true;
}

/* ---- flights of what is made ---- */

__attribute__((unused)) static enum seated rig_take_form(struct cache_rig *r, const char *key,
							 enum form form, struct passenger *p)
{
	struct flight_request request = rig_flight(r, key);

	request.form = form;
	*p = (struct passenger){.seat = {.decided = passenger_told,
					 .declined = passenger_declined,
					 .key = slice_of(key),
					 .asker = RIG_ASKER,
					 .use = p->seat.use},
				.leaves = p->leaves};
	return seat_take(&request, &p->seat);
}

/* The head of an answer to this call: of the part that it asks for, or of the whole. */
__attribute__((unused)) static struct object_head head_for(const struct store_call *c,
							   int64_t total, const char *encoding)
{
	struct object_head h = fake_whole(total, RIG_ETAG);

	if (c->read.ranged)
		h = fake_part(total, RIG_ETAG, c->read.range.first,
			      MIN(c->read.range.last, total - 1));
	memcpy(h.encoding, encoding, strlen(encoding) + 1);
	return h;
}

/* Bytes, as fast as they are taken. The call must not be cancelled meanwhile. */
__attribute__((unused)) static void give_bytes(struct cache_rig *r, struct store_call *c,
					       struct slice bytes)
{
	for (; bytes.n; bytes = slice_from(bytes, RIG_PIECE)) {
		ASSERT(MANUAL_UNTIL(r->loop, !c->paused));
		fake_data(c, bytes.p, MIN(bytes.n, RIG_PIECE));
	}
}

/* A whole answer. */
__attribute__((unused)) static void answer_with(struct cache_rig *r, struct store_call *c,
						struct slice whole, const char *encoding)
{
	struct object_head h = head_for(c, (int64_t)whole.n, encoding);

	fake_head(c, &h);
	give_bytes(r, c, slice_head(slice_from(whole, (size_t)h.first), (size_t)h.length));
	fake_done(c, STORE_FOUND);
}

/* Is it in the cache in this form, with these bytes and this ETag? */
__attribute__((unused)) static bool kept_as(struct cache_rig *r, const char *key, enum form form,
					    struct slice bytes, const char *etag)
{
	struct object_id id = cache_id(r->cache, &r->store.store, slice_of(key), form, NULL);
	struct disk_object o;
	bool good;

	if (disk_find(r->cache->disk, &id, &o, NULL) != DISK_HIT)
		return false;
	good = o.meta.length == (int64_t)bytes.n && strcmp(o.meta.etag, etag) == 0 &&
	       file_has(o.fd, bytes);
	close(o.fd);
	return good;
}

/* What can be read of a fill, from its beginning: all of it these bytes? -1 when not. */
__attribute__((unused)) static int64_t readable_of(struct fill *f, struct slice bytes)
{
	static char to[RIG_PIECE];
	size_t at = 0, n = 0;

	while (fill_read(f, (int64_t)at, to, sizeof(to), &n) == FILL_DATA) {
		if (at + n > bytes.n || memcmp(to, bytes.p + at, n) != 0)
			return -1;
		at += n;
	}
	return (int64_t)at;
}
