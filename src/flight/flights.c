// SPDX-License-Identifier: MIT
/*
 * See flights.h. Pools, purges, and the refreshing of objects that have changed; the table of
 * flights is in flight.c.
 */
#include "flight/flights.h"
#include "base/clock.h"
#include "flight/confirm.h"
#include "flight/flight_priv.h"

#define DISK_THREADS  4
#define KEEP_THREADS  2
#define MAKER_THREADS 32 /* most of them wait for a store: permits bound those that work */
#define MAKER_QUEUE   256
#define FILE_MAKERS   4
#define WINDOWS_BYTES (INT64_C(512) << 20)
#define DISK_QUEUE    16384
#define ANEW_NS       (30 * NS_PER_S) /* for the first answer about an object that has changed */

struct cache *flights_cache(const struct flights *all)
{
	return all->cache;
}

bool flights_find(struct flights *all, const struct confirm_request *r, struct cache_object *ret)
{
	return confirm_find(all->confirms, r, ret);
}

void flights_ask_again(struct flights *all, struct store *s, struct slice key, const char *checksum)
{
	const struct confirm_request r = {.store = s, .key = key, .checksum = checksum};

	confirm_missing(all->confirms, &r);
}

/* ---- objects that have changed ---- */

static void anew_decided(struct seat *s, enum fetch_result result, const struct object_head *head,
			 const struct error *e)
{
}

static void anew_declined(struct seat *s)
{
}

/* Begin a flight of the object, which goes on although its only seat is given up at once. */
static void fetch_anew(void *ud, const struct confirm_request *r)
{
	struct flights *all = ud;
	struct object_id id = cache_id(all->cache, r->store, r->key, r->form, r->named);
	const struct flight_request flight = {
		.flights = all,
		.store = r->store,
		.key = r->key,
		.form = r->form,
		.named = r->named,
		.checksum = r->checksum,
		.deadline_ns = clock_mono_ns() + ANEW_NS,
		.patient = true,
		.anew = true,
	};
	struct seat seat = {.decided = anew_decided,
			    .declined = anew_declined,
			    .key = r->key,
			    .checksum = r->checksum};

	flights_forget_landed(all, &id);
	if (seat_take(&flight, &seat) == SEATED)
		seat_leave(&seat);
}

/* ---- purging ---- */

/* On a worker. */
static void purge(struct pool_job *job)
{
	struct flights_purge *p = CONTAINER_OF(job, struct flights_purge, job);

	cache_forget(p->all->cache, p->store, p->keys, p->n, &p->failure);
	loop_post(p->all->loop, &p->task);
}

static void purged(struct loop_task *task)
{
	struct flights_purge *p = CONTAINER_OF(task, struct flights_purge, task);

	if (!p->keys)
		cache_forget_misses(p->all->cache);
	p->done(p);
}

/* Without a worker all that is in memory goes. */
static void start_purge(struct loop_task *task)
{
	struct flights_purge *p = CONTAINER_OF(task, struct flights_purge, task);

	task->run = purged;
	if (pool_submit(p->all->pool, &p->job) == OK)
		return;
	cache_outdate_all(p->all->cache, &p->failure);
	err_set(&p->failure, ERR_BUSY, "too much waits for the cache's disk");
	purged(task);
}

void flights_purge(struct flights *all, struct flights_purge *p)
{
	p->all = all;
	p->failure.code = OK;
	p->task = (struct loop_task){.run = start_purge};
	p->job = (struct pool_job){.run = purge};
	loop_post(all->loop, &p->task);
}

/* ---- the frame ---- */

enum err flights_new(struct loop *loop, struct cache *c, const struct flights_settings *settings,
		     struct flights **ret, struct error *e)
{
	struct flights *all = xnew(struct flights);

	all->loop = loop;
	all->cache = c;
	all->settings = *settings;
	all->windows = quota_new(WINDOWS_BYTES);
	all->permits = permits_new(MAX(settings->decode_max, 1));
	if (pool_new(DISK_THREADS, DISK_QUEUE, "pepto-cache", &all->pool, e) != OK ||
	    pool_new(KEEP_THREADS, DISK_QUEUE, "pepto-keep", &all->keep_pool, e) != OK ||
	    pool_new(MAKER_THREADS, MAKER_QUEUE, "pepto-maker", &all->makers, e) != OK ||
	    pool_new(FILE_MAKERS, MAKER_QUEUE, "pepto-maker", &all->file_makers, e) != OK) {
		(void)!flights_stop(all, NS_PER_S); /* its workers have nothing to do */
		flights_free(all);
		return e->code;
	}
	all->confirms = confirms_new(loop, c, all->pool, fetch_anew, all);
	*ret = all;
	return OK;
}

void flights_abort(struct flights *all)
{
	flights_fail_all(all);
	confirms_abort(all->confirms);
}

bool flights_stop(struct flights *all, int64_t timeout_ns)
{
	return !all ||
	       (pool_stop(all->makers, timeout_ns) && pool_stop(all->file_makers, timeout_ns) &&
		pool_stop(all->pool, timeout_ns) && pool_stop(all->keep_pool, timeout_ns));
}

void flights_free(struct flights *all)
{
	if (!all)
		return;
	pool_free(all->pool);
	pool_free(all->keep_pool);
	pool_free(all->makers);
	pool_free(all->file_makers);
	permits_free(all->permits);
	quota_free(all->windows);
	confirms_free(all->confirms);
	free(all);
}
