// SPDX-License-Identifier: MIT
/* See flights.h. The table of flights is in flight.c; this is what stands around it. */
#include "flight/flights.h"
#include "flight/confirm.h"
#include "flight/flight_priv.h"

#define DISK_THREADS  4
#define KEEP_THREADS  2
#define MAKER_THREADS 32 /* most of them wait for a store: permits bound those that work */
#define MAKER_QUEUE   256
#define FILE_MAKERS   4
#define WINDOWS_BYTES (INT64_C(512) << 20)
#define DISK_QUEUE    16384

struct cache *flights_cache(const struct flights *all)
{
	return all->cache;
}

bool flights_find(struct flights *all, struct store *s, struct slice key, enum form form,
		  const char *expect, const char *checksum, struct cache_object *ret)
{
	if (!cache_find(all->cache, s, key, form, expect, ret))
		return false;
	if (!ret->fresh_ns)
		confirm_start(all, s, ret->spelled ? slice_of(ret->key) : key, form, expect,
			      checksum, &ret->head, ret->spelled || !s->traits.folds);
	return true;
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
	all->confirms = confirms_new();
	all->windows = budget_new(WINDOWS_BYTES);
	all->permits = permits_new(MAX(settings->decode_max, 1));
	if (pool_new(DISK_THREADS, DISK_QUEUE, "pepto-cache", &all->pool, e) != OK ||
	    pool_new(KEEP_THREADS, DISK_QUEUE, "pepto-keep", &all->keepers, e) != OK ||
	    pool_new(MAKER_THREADS, MAKER_QUEUE, "pepto-maker", &all->makers, e) != OK ||
	    pool_new(FILE_MAKERS, MAKER_QUEUE, "pepto-maker", &all->file_makers, e) != OK) {
		(void)!flights_stop(all, NS_PER_S); /* its workers have nothing to do */
		flights_free(all);
		return e->code;
	}
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
		pool_stop(all->pool, timeout_ns) && pool_stop(all->keepers, timeout_ns));
}

void flights_free(struct flights *all)
{
	if (!all)
		return;
	pool_free(all->pool);
	pool_free(all->keepers);
	pool_free(all->makers);
	pool_free(all->file_makers);
	permits_free(all->permits);
	budget_free(all->windows);
	confirms_free(all->confirms);
	free(all);
}
