// SPDX-License-Identifier: MIT
/* See keep.h. */
#include "base/file.h"
#include "base/text.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <xxhash.h>

/* Space is reserved, and made, as it is needed: a promise alone takes no space from others. */
#define RESERVE_STEP (INT64_C(16) << 20)
#define COPY_STEP    ((size_t)1 << 20)

/* ---- what is promised ---- */

bool keep_promise(struct flight *f, int64_t bytes)
{
	keep_promise_end(f);
	if (!cache_evict(f->cache) || !evict_promise(cache_evict(f->cache), bytes))
		return false;
	f->keep.promised = bytes;
	return true;
}

void keep_promise_end(struct flight *f)
{
	if (f->keep.promised)
		evict_promise_end(cache_evict(f->cache), f->keep.promised, f->keep.arriving);
	f->keep.promised = 0;
}

void keep_arrived(struct flight *f, int64_t bytes)
{
	if (f->keep.scratch)
		return;
	evict_arriving(cache_evict(f->cache), bytes);
	f->keep.arriving += bytes;
	if (f->keep.promised)
		evict_promise_kept(cache_evict(f->cache), bytes);
}

/* ---- the draft ---- */

static void make_draft(struct pool_job *job)
{
	struct flight *f = CONTAINER_OF(job, struct flight, keep.draft_job);
	struct keep *k = &f->keep;

	if (k->scratch)
		(void)!draft_scratch(f->head.total, &k->draft, &k->draft_failure);
	else
		(void)!disk_draft(cache_disk(f->cache), 0, &k->draft, &k->draft_failure);
	loop_post(f->all->loop, &k->drafted_task);
}

static void draft_made(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, keep.drafted_task);

	if (f->phase == FLIGHT_UNDER_WAY && f->keep.draft_failure.code) {
		f->events->disk_failed(f, &f->keep.draft_failure);
	} else if (f->phase == FLIGHT_UNDER_WAY) {
		fill_set_file(f->fill, draft_fd(f->keep.draft), OBJECT_HEADER_SIZE);
		f->keep.drafted = true;
		f->events->drafted(f);
	}
	flight_let_go(f);
}

enum err keep_draft(struct flight *f, struct error *e)
{
	enum err err;

	/* To reserve space may wait for the disk, so it is not done for a body that is not kept. */
	f->keep.step = f->takers && !f->keep.scratch ? RESERVE_STEP : 0;
	err = pool_submit(f->all->pool, &f->keep.draft_job);
	if (err) {
		err_set(e, err, "too much waits for the cache's disk");
		cache_disk_failed(f->cache, e);
		return err;
	}
	flight_hold(f);
	return OK;
}

void keep_nothing(struct flight *f)
{
	f->keep.scratch = f->keep.unkept = true;
}

void keep_spool(struct flight *f, int fd, int64_t counted, int64_t length)
{
	f->keep.spool = fd;
	f->keep.spool_counted = counted;
	f->keep.unkept = f->keep.unkept || !keep_promise(f, length);
}

void keep_made(struct flight *f, struct draft *draft, bool scratch, int64_t promised, bool complete)
{
	struct keep *k = &f->keep;

	k->promised = promised;
	if (scratch && complete && cache_disk_usable(f->cache) && keep_promise(f, f->head.total)) {
		k->spool_draft = draft;
		k->spool = fcntl(draft_fd(draft), F_DUPFD_CLOEXEC, 0);
		k->spool_base = OBJECT_HEADER_SIZE;
		k->unkept = k->unkept || k->spool < 0;
	} else {
		k->draft = draft;
		k->drafted = true;
		k->scratch = scratch;
		k->unkept = k->unkept || scratch;
	}
}

struct file_source keep_file(const struct flight *f)
{
	const struct keep *k = &f->keep;

	if (k->spool >= 0)
		return (struct file_source){k->spool, k->spool_base};
	return (struct file_source){draft_fd(k->draft), OBJECT_HEADER_SIZE};
}

/* ---- the file ---- */

static enum err copy_body(struct flight *f, struct error *e)
{
	const struct keep *k = &f->keep;
	int to = draft_fd(k->draft);
	const int64_t at = OBJECT_HEADER_SIZE;
	off_t from = k->spool_base;
	struct slice bytes = f->small ? fill_bytes(f->fill) : SLICE_NONE;

	if (!file_write_at(to, bytes, at))
		return err_sys(e, ERR_IO, "cannot write to the cache");
	while (k->spool >= 0 && from < k->spool_base + f->head.total) {
		if (lseek(to, at + from - k->spool_base, SEEK_SET) < 0 ||
		    sendfile(to, k->spool, &from, COPY_STEP) <= 0)
			return err_sys(e, ERR_IO, "cannot copy into the cache");
	}
	return OK;
}

static void describe(const struct flight *f, struct object_meta *ret)
{
	*ret = (struct object_meta){.id = f->id, .length = f->head.total, .mtime = f->head.mtime};
	memcpy(ret->etag, f->head.etag, sizeof(ret->etag));
	memcpy(ret->encoding, f->head.encoding, sizeof(ret->encoding));
	snprintf(ret->store, sizeof(ret->store), "%s", f->store->traits.name);
	snprintf(ret->key, sizeof(ret->key), "%s", f->key);
	if (f->small) {
		ret->hashed = true;
		ret->xxh3 = XXH3_64bits(fill_bytes(f->fill).p, fill_bytes(f->fill).n);
	}
}

static bool still_good(void *ud)
{
	return !flight_is_outdated(ud);
}

/*
 * Of two keys that differ in case the one in lower case goes before, whichever comes first. Which of them
 * are there a flight does not know.
 */
static bool is_late_twin(const struct flight *f)
{
	struct buf lower CLEANUP(buf_fini) = {0};
	char space[512];
	struct slice key = slice_of(f->key);

	return f->store->traits.minds_case &&
	       !slice_eq(fold_within(key, space, sizeof(space), &lower), key);
}

/* On a thread of its own pool. */
static enum err make_file(struct flight *f, struct error *e)
{
	struct object_meta meta;

	if (!f->keep.draft) {
		if (disk_draft(cache_disk(f->cache), f->head.total, &f->keep.draft, e) != OK ||
		    copy_body(f, e) != OK)
			return e->code;
	}
	describe(f, &meta);
	cache_see_purges(f->cache);
	return disk_keep(cache_disk(f->cache), f->keep.draft, &meta, is_late_twin(f), still_good, f,
			 e);
}

static void run_keep_job(struct pool_job *job)
{
	struct flight *f = CONTAINER_OF(job, struct flight, keep.keep_job);

	(void)!make_file(f, &f->keep.keep_failure);
	loop_post(f->all->loop, &f->keep.kept_task);
}

static void file_made(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, keep.kept_task);
	bool kept = !f->keep.keep_failure.code;

	if (f->keep.keep_failure.code == ERR_IO)
		cache_disk_failed(f->cache, &f->keep.keep_failure);
	else if (kept)
		evict_added(cache_evict(f->cache), OBJECT_HEADER_SIZE + f->head.total);
	if (kept)
		metric_inc(fills_kept);
	f->events->kept(f, kept);
	flight_let_go(f);
}

void keep_start(struct flight *f)
{
	struct keep *k = &f->keep;
	struct error e;

	k->unkept = k->unkept || flight_is_outdated(f) || !f->takers;
	flight_hold(f);
	if (!k->unkept && pool_submit(f->all->keep_pool, &k->keep_job) == OK)
		return;
	flight_let_go(f);
	if (!k->unkept) {
		err_set(&e, ERR_BUSY, "too much waits for the cache's disk");
		cache_disk_failed(f->cache, &e);
	}
	f->events->kept(f, false);
}

/* ---- the frame ---- */

void keep_init(struct flight *f)
{
	f->keep.spool = -1;
	f->keep.draft_job.run = make_draft;
	f->keep.drafted_task.run = draft_made;
	f->keep.keep_job.run = run_keep_job;
	f->keep.kept_task.run = file_made;
}

/* A large file that is given up takes the kernel a tenth of a second. */
struct given_up {
	struct pool_job job;
	struct draft *draft;
};

static void free_draft(struct pool_job *job)
{
	struct given_up *g = CONTAINER_OF(job, struct given_up, job);

	draft_free(g->draft);
	free(g);
}

static void give_up(struct flights *all, struct draft *draft)
{
	struct given_up *g = xnew(struct given_up);

	*g = (struct given_up){.job.run = free_draft, .draft = draft};
	if (pool_submit(all->pool, &g->job) != OK)
		free_draft(&g->job);
}

void keep_fini(struct flight *f)
{
	if (f->keep.draft)
		give_up(f->all, TAKE(f->keep.draft));
	if (f->keep.spool_draft)
		give_up(f->all, TAKE(f->keep.spool_draft));
	if (f->keep.arriving)
		evict_arriving_end(cache_evict(f->cache), f->keep.arriving);
	close_p(&f->keep.spool);
	file_temporary_end(&f->keep.spool_counted);
}
