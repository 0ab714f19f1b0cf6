// SPDX-License-Identifier: MIT
/*
 * A cache in a directory of its own, on a loop turned by hand, in front of a store that the test
 * speaks for. The clocks stand still. Workers are real threads: cache_rig_quiet() runs all they
 * have, cache_rig_hold() keeps them busy until cache_rig_release().
 *
 *	struct cache_rig r;
 *	cache_rig_init(&r);	then the test may change r.settings, r.flying
 *	cache_rig_open(&r);
 *	...
 *	CHECK(cache_rig_close(&r), "nothing is left");
 *
 * Bodies are a pattern, so that each byte tells where it belongs.
 */
#pragma once
#include "cache/cache_priv.h"
#include "fake_store.h"
#include "flight/flight_priv.h"
#include "knows_missing.h"
#include "manual_loop.h"

#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>

#define RIG_WORKERS   4                               /* DISK_THREADS of flights.c */
#define RIG_KEEPERS   2                               /* KEEP_THREADS */
#define RIG_HELD      (RIG_WORKERS + RIG_KEEPERS + 1) /* and that of the store's disk */
#define RIG_DISK_JOBS 4 /* that wait for the one thread of the store's disk */
#define RIG_NOW       INT64_C(1700000000)
#define RIG_ETAG      "\"v1\""
#define RIG_BLOCK     (INT64_C(1) << 20)
#define RIG_PIECE     ((size_t)32 * 1024) /* as transfers give it */
#define RIG_PERIOD    251                 /* of the pattern: a prime, so it fits no buffer */
#define RIG_ASKER     7                   /* for whom all is asked */

struct rig_worker {
	struct pool_job job;
	struct cache_rig *rig;
};

struct cache_rig {
	char dir[40];
	struct loop *loop;
	struct store_context ctx;
	struct fake_store store;
	bool background; /* some of what is asked is for nobody */
	struct cache_settings settings;
	struct flights_settings flying;
	struct cache *cache;
	struct flights *flights;
	struct rig_worker workers[RIG_HELD];
	sem_t held, go, left; /* of the workers */
};

static int rig_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

__attribute__((unused)) static void rig_remove_tree(const char *path)
{
	nftw(path, rig_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static void cache_rig_init(struct cache_rig *r)
{
	*r = (struct cache_rig){.dir = "/tmp/pepto-cache-XXXXXX", .loop = manual_loop()};
	clock_freeze_wall_s(RIG_NOW);
	ASSERT(mkdtemp(r->dir));
	r->ctx = (struct store_context){.loop = r->loop};
	ASSERT(pool_new(1, RIG_DISK_JOBS, "disk", &r->ctx.disk, NULL) == OK);
	fake_store_init(&r->store, "fake", &r->ctx);
	r->store.store.traits.folds = r->store.store.traits.folds_all = true;
	r->store.store.traits.miss_ttl_max_ns = INT64_MAX;
	r->settings = (struct cache_settings){
		.dir = r->dir,
		.max_bytes = INT64_C(1) << 40,
		.fresh_ns = 86400 * NS_PER_S,
		.miss_ttl_ns = 60 * NS_PER_S,
		.miss_entries = 1000,
	};
	r->flying = (struct flights_settings){
		.fetch_parallel = 4,
		.fetch_block = RIG_BLOCK,
		.max_fills = 16,
		.max_fill_waiters = 16,
		.decode_max = 2,
		.max_object = INT64_C(1) << 30,
	};
	sem_init(&r->held, 0, 0);
	sem_init(&r->go, 0, 0);
	sem_init(&r->left, 0, 0);
}

__attribute__((unused)) static void cache_rig_open(struct cache_rig *r)
{
	struct error e = {OK, 0, ""};

	if (cache_new(&r->settings, &r->cache, &e) != OK ||
	    flights_new(r->loop, r->cache, &r->flying, &r->flights, &e) != OK)
		printf("# %s\n", e.msg);
	ASSERT(r->flights);
}

__attribute__((unused)) static void cache_rig_new(struct cache_rig *r)
{
	cache_rig_init(r);
	cache_rig_open(r);
}

/* As a client looks an object of the rig's store up; its descriptor is the caller's. */
__attribute__((unused)) static bool rig_find(struct cache_rig *r, struct slice key, enum form form,
					     const char *named, const char *checksum,
					     struct cache_object *ret)
{
	const struct confirm_request wanted = {&r->store.store, key, form, named, checksum};

	return flights_find(r->flights, &wanted, ret);
}

static void rig_hold_worker(struct pool_job *job)
{
	struct cache_rig *r = CONTAINER_OF(job, struct rig_worker, job)->rig;

	sem_post(&r->held);
	sem_wait(&r->go);
	sem_post(&r->left);
}

/* Returns when the workers have done what was queued; what comes now waits. */
static void cache_rig_hold(struct cache_rig *r)
{
	for (int i = 0; i < RIG_HELD; i++) {
		struct pool *pool = i < RIG_WORKERS    ? r->flights->pool
				    : i < RIG_HELD - 1 ? r->flights->keep_pool
						       : r->ctx.disk;

		r->workers[i] = (struct rig_worker){.job.run = rig_hold_worker, .rig = r};
		ASSERT(pool_submit(pool, &r->workers[i].job) == OK);
	}
	for (int i = 0; i < RIG_HELD; i++)
		sem_wait(&r->held);
}

static void cache_rig_release(struct cache_rig *r)
{
	for (int i = 0; i < RIG_HELD; i++)
		sem_post(&r->go);
	for (int i = 0; i < RIG_HELD; i++)
		sem_wait(&r->left);
}

/* Nothing moves any more before the store, a reader or time does something. */
static void cache_rig_quiet(struct cache_rig *r)
{
	bool moved;

	do {
		cache_rig_hold(r);
		moved = manual_turn(r->loop, 0);
		cache_rig_release(r);
		manual_settle(r->loop);
	} while (moved);
}

/*
 * As the program ends (cmd/service.c). False when a call to the store is left, or one was for nobody that
 * should have been for who asked.
 */
__attribute__((unused)) static bool cache_rig_close(struct cache_rig *r)
{
	bool clean;

	flights_abort(r->flights);
	manual_settle(r->loop);
	ASSERT(pool_stop(r->ctx.disk, 10 * NS_PER_S) && flights_stop(r->flights, 10 * NS_PER_S) &&
	       cache_stop(r->cache, 10 * NS_PER_S));
	manual_settle(r->loop);
	clean = !r->store.first && (!r->store.nobodys || r->background);
	flights_free(r->flights);
	cache_free(r->cache);
	pool_free(r->ctx.disk);
	loop_free(r->loop);
	rig_remove_tree(r->dir);
	sem_destroy(&r->held);
	sem_destroy(&r->go);
	sem_destroy(&r->left);
	return clean;
}

/* ---- bodies ---- */

/* n bytes of the pattern from offset at on; n is RIG_PIECE at most. */
__attribute__((unused)) static struct slice rig_bytes(int64_t at, size_t n)
{
	static char pattern[RIG_PIECE + RIG_PERIOD];
	static bool made;

	for (size_t i = 0; !made && i < sizeof(pattern); i++)
		pattern[i] = (char)(i % RIG_PERIOD);
	made = true;
	ASSERT(n <= RIG_PIECE);
	return (struct slice){pattern + at % RIG_PERIOD, n};
}

__attribute__((unused)) static bool rig_is_body(const char *p, size_t n, int64_t at)
{
	while (n) {
		size_t piece = MIN(n, RIG_PIECE);

		if (memcmp(p, rig_bytes(at, piece).p, piece) != 0)
			return false;
		p += piece;
		at += (int64_t)piece;
		n -= piece;
	}
	return true;
}

/* The call gives the pattern from offset at up to end, as fast as it is taken. */
__attribute__((unused)) static void rig_give(struct cache_rig *r, struct store_call *c, int64_t at,
					     int64_t end)
{
	while (at < end) {
		size_t n = (size_t)MIN((int64_t)RIG_PIECE, end - at);

		ASSERT(MANUAL_UNTIL(r->loop, !c->paused));
		fake_data(c, rig_bytes(at, n).p, n);
		at += (int64_t)n;
	}
}

/* How many bytes of the pattern can be read from offset at on; -1 when a byte is wrong. */
__attribute__((unused)) static int64_t rig_readable(struct fill *f, int64_t at)
{
	static char to[RIG_PIECE];
	int64_t from = at;
	size_t n = 0;

	while (fill_read(f, at, to, sizeof(to), &n) == FILL_DATA) {
		if (!rig_is_body(to, n, at))
			return -1;
		at += (int64_t)n;
	}
	return at - from;
}

/* The oldest call that asks for the part from first on, or NULL. */
__attribute__((unused)) static struct store_call *rig_part(struct cache_rig *r, int64_t first)
{
	struct store_call *c = r->store.first;

	while (c && !(c->read.ranged && !c->read.head && c->read.range.first == first))
		c = c->next;
	return c;
}

/* A whole answer to a call for a part: head, all its bytes, the end. */
__attribute__((unused)) static void rig_answer(struct cache_rig *r, struct store_call *c,
					       int64_t total)
{
	int64_t first = c->read.range.first, last = MIN(c->read.range.last, total - 1);
	struct object_head head = fake_part(total, RIG_ETAG, first, last);

	fake_head(c, &head);
	rig_give(r, c, first, last + 1);
	fake_done(c, STORE_FOUND);
}

/* Is it in the cache, valid, with this ETag, and all of its body the pattern? */
__attribute__((unused)) static bool rig_kept(struct cache_rig *r, const char *key, int64_t length,
					     const char *etag)
{
	struct object_id id = cache_id(r->cache, &r->store.store, slice_of(key), FORM_STORED, NULL);
	char to[RIG_PIECE];
	struct disk_object o;
	bool good;

	if (disk_find(r->cache->disk, &id, &o, NULL) != DISK_HIT)
		return false;
	good = o.meta.length == length && strcmp(o.meta.etag, etag) == 0;
	for (int64_t at = 0; good && at < length;) {
		ssize_t n = pread(o.fd, to, sizeof(to), OBJECT_HEADER_SIZE + at);

		good = n > 0 && rig_is_body(to, (size_t)n, at);
		at += n;
	}
	close(o.fd);
	return good;
}

/* ---- seats ---- */

struct passenger {
	struct seat seat;
	int told, declined;
	bool leaves; /* as soon as it is told */
	enum fetch_result result;
	struct object_head head;
	struct error error;
};

static void passenger_told(struct seat *s, enum fetch_result result, const struct object_head *head,
			   const struct error *e)
{
	struct passenger *p = CONTAINER_OF(s, struct passenger, seat);

	p->told++;
	p->result = result;
	if (head)
		p->head = *head;
	if (e)
		p->error = *e;
	if (p->leaves)
		seat_leave(s);
}

static void passenger_declined(struct seat *s)
{
	struct passenger *p = CONTAINER_OF(s, struct passenger, seat);

	p->declined++;
	if (p->leaves)
		seat_leave(s);
}

static struct flight_request rig_flight(struct cache_rig *r, const char *key)
{
	return (struct flight_request){.flights = r->flights,
				       .store = &r->store.store,
				       .key = slice_of(key),
				       .asker = RIG_ASKER,
				       .deadline_ns = clock_mono_ns() + 8 * NS_PER_S};
}

__attribute__((unused)) static enum seated rig_take(struct cache_rig *r, const char *key,
						    struct passenger *p)
{
	struct flight_request request = rig_flight(r, key);

	*p = (struct passenger){.seat = {.decided = passenger_told,
					 .declined = passenger_declined,
					 .key = slice_of(key),
					 .asker = RIG_ASKER},
				.leaves = p->leaves};
	return seat_take(&request, &p->seat);
}
