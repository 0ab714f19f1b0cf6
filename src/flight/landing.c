// SPDX-License-Identifier: MIT
/*
 * The end of a flight: is what has arrived what the store holds, and how does it become a file of
 * the cache?
 *
 * Checksum. A store may tell one with its answer, S3 does so for the whole only; of an object that
 * comes in parts it is asked for by a HEAD, unless the ETag is an MD5 already. A worker follows the
 * bytes in their order (hasher) while they arrive, reading them back from the page cache. Only when
 * it has seen the last one and agrees is the fill committed, which releases the held-back tail. An
 * ETag that does not agree is no verdict yet (recheck.h).
 *
 * Then it is looked at whether it is the file that its key names, if its beginning could not tell
 * (flight_inspect.c).
 *
 * File. A large object's draft is made when its head is in, and what readers read is that draft.
 * A small one's is made at the end. Then a worker makes the file durable and visible (disk_keep);
 * no client waits for that.
 *
 * A disk that fails before the fill is committed fails the fill (ERR_IO): its readers go on by a
 * transfer of their own, and so do those who have not been told yet. After that it only costs the
 * next one another fetch.
 */
#include "base/file.h"
#include "base/log.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"

#include <errno.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <xxhash.h>

/* Space is reserved, and made, as it is needed: what has been promised is not taken from others. */
#define RESERVE_STEP (INT64_C(16) << 20)

#define SUMS_SILENT  4
#define SUMS_RETRY   64

#define HASH_STEP    (INT64_C(1) << 20) /* less is not worth a job */
#define HASH_BUFFER  ((size_t)64 * 1024)
#define COPY_STEP    ((size_t)1 << 20)

static void check(struct flight *f);

void landing_disk_failed(struct flight *f, const struct error *e)
{
	struct error copy = *e;

	copy.code = ERR_IO;
	if (!f->scratch)
		cache_disk_failed(f->cache, &copy);
	if (!f->told && !f->derivation) {
		flight_decline(f); /* nobody has seen any of it: each may fetch it past the cache */
		return;
	}
	flight_fail(f, &copy);
}

/* ---- the draft ---- */

static void make_draft(struct pool_job *job)
{
	struct flight *f = CONTAINER_OF(job, struct flight, draft_job);

	if (f->scratch)
		(void)!draft_scratch(f->head.total, &f->draft, &f->draft_failure);
	else
		(void)!disk_draft(cache_disk(f->cache), 0, &f->draft, &f->draft_failure);
	loop_post(f->all->loop, &f->drafted_task);
}

static void draft_made(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, drafted_task);

	if (f->phase == FLYING && f->draft_failure.code) {
		landing_disk_failed(f, &f->draft_failure);
	} else if (f->phase == FLYING) {
		fill_set_file(f->fill, draft_fd(f->draft), OBJECT_HEADER_SIZE);
		f->drafted = true;
		parts_flush(f);
	}
	flight_let_go(f);
}

enum err landing_draft(struct flight *f, struct error *e)
{
	enum err err;

	/* To reserve may wait for the disk. What is not kept had better not. */
	f->reserve = f->takers && !f->scratch ? RESERVE_STEP : 0;
	err = pool_submit(f->all->pool, &f->draft_job);
	if (err) {
		err_set(e, err, "too much waits for the cache's disk");
		cache_disk_failed(f->cache, e);
		return err;
	}
	flight_hold(f);
	return OK;
}

/* ---- what is promised ---- */

bool landing_promise(struct flight *f, int64_t bytes)
{
	landing_promise_end(f);
	if (!cache_evict(f->cache) || !evict_promise(cache_evict(f->cache), bytes))
		return false;
	f->promised = bytes;
	return true;
}

void landing_promise_end(struct flight *f)
{
	if (f->promised)
		evict_promise_end(cache_evict(f->cache), f->promised, f->expected);
	f->promised = 0;
}

/* ---- what to expect ---- */

bool landing_told_sum(const struct object_head *h, struct checksum *ret)
{
	static const struct {
		const char *name;
		enum checksum_kind kind;
	} names[] = {{"sha256", CHECKSUM_SHA256},
		     {"crc64nvme", CHECKSUM_CRC64NVME},
		     {"crc32c", CHECKSUM_CRC32C},
		     {"crc32", CHECKSUM_CRC32}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(h->sum_name, names[i].name) == 0)
			return checksum_from_base64(names[i].kind, slice_of(h->sum_base64), ret);
	return h->etag_is_md5 && checksum_from_etag(slice_of(h->etag), ret);
}

static void expect_sum(struct flight *f, const struct object_head *h)
{
	if (landing_told_sum(h, &f->hasher.expected))
		f->hasher.digest = digest_new(f->hasher.expected.kind);
}

/*
 * A service that does not know checksums never tells one, and the tail of every object would wait
 * for the answer. So after a few it is asked only now and then, in case that has changed.
 */
static bool ask_for_sum(struct store *s)
{
	if (!s->traits.tells_sums)
		return false;
	return s->sums_told || s->sums_silent < SUMS_SILENT || s->sums_silent++ % SUMS_RETRY == 0;
}

static void sum_told(void *ud, enum fetch_result result, const struct object_head *head,
		     const struct error *e)
{
	struct flight *f = ud;

	flight_hold(f);
	fetch_free(TAKE(f->sum_fetch));
	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	if (result == FETCH_FOUND && head->sums_known)
		f->store->sums_told = true;
	else if (result == FETCH_FOUND)
		f->store->sums_silent++;
	if (result == FETCH_FOUND && strcmp(head->etag, f->head.etag) == 0 &&
	    head->total == f->head.total)
		expect_sum(f, head);
	landing_advance(f);
	flight_let_go(f);
}

void landing_expect(struct flight *f, bool ranged)
{
	struct fetch_request r = {
		.store = f->store,
		.key = slice_of(f->key),
		.head = true,
		.no_length = true,
		.asker = f->asker,
		.deadline_ns = f->deadline_ns,
	};

	expect_sum(f, &f->head);
	if (f->hasher.digest || !ranged)
		return;
	if (ask_for_sum(f->store))
		f->sum_fetch = fetch_start(&r, NULL, sum_told, f);
}

/* Room is made for what has come, not for what a head has promised. */
void landing_arrived(struct flight *f, int64_t bytes)
{
	if (f->scratch)
		return;
	evict_expect(cache_evict(f->cache), bytes);
	f->expected += bytes;
	if (f->promised)
		evict_promise_kept(cache_evict(f->cache), bytes);
}

/* ---- following what arrives ---- */

/* On a worker. */
static void hash_file(struct flight *f, int fd, int64_t base)
{
	struct hasher *h = &f->hasher;
	char buffer[HASH_BUFFER];

	while (h->hashed < h->target) {
		size_t want = (size_t)MIN((int64_t)sizeof(buffer), h->target - h->hashed);
		ssize_t n = pread(fd, buffer, want, base + h->hashed);

		if (n <= 0) {
			err_sys(&h->failure, ERR_IO, "cannot read back from the cache");
			return;
		}
		digest_add(h->digest, (struct slice){buffer, (size_t)n});
		h->hashed += n;
	}
}

static void hash_more(struct pool_job *job)
{
	struct flight *f = CONTAINER_OF(job, struct flight, hasher.job);
	struct hasher *h = &f->hasher;

	if (f->small) {
		digest_add(h->digest, fill_bytes(f->fill));
		h->hashed = h->target;
	} else if (f->spool >= 0) {
		hash_file(f, f->spool, f->spool_base);
	} else {
		hash_file(f, draft_fd(f->draft), OBJECT_HEADER_SIZE);
	}
	loop_post(f->all->loop, &h->done);
}

static void hashed_more(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, hasher.done);

	f->hasher.running = false;
	if (f->phase == FLYING && f->hasher.failure.code)
		landing_disk_failed(f, &f->hasher.failure);
	else
		landing_advance(f);
	flight_let_go(f);
}

static void hash_up_to(struct flight *f, int64_t target)
{
	struct hasher *h = &f->hasher;
	struct error e;

	h->target = target;
	h->running = true;
	flight_hold(f);
	if (pool_submit(f->all->pool, &h->job) == OK)
		return;
	flight_let_go(f);
	h->running = false;
	err_set(&e, ERR_BUSY, "too much waits for the cache's disk");
	landing_disk_failed(f, &e);
}

void landing_advance(struct flight *f)
{
	struct hasher *h = &f->hasher;
	int64_t there;

	if (f->phase != FLYING || h->running || f->recheck)
		return;
	there = f->small ? f->received : fill_contiguous(f->fill);
	if (h->digest && there > h->hashed &&
	    (there == f->head.total || there - h->hashed >= HASH_STEP))
		hash_up_to(f, there);
	else if (there == f->head.total && !f->parts && !f->sum_fetch)
		check(f); /* no part: the stores have said that there is no more */
}

/* ---- the verdict ---- */

static enum err copy_body(struct flight *f, struct error *e)
{
	int to = draft_fd(f->draft);
	const int64_t at = OBJECT_HEADER_SIZE;
	off_t from = f->spool_base;
	struct slice bytes = f->small ? fill_bytes(f->fill) : SLICE_NONE;

	if (!file_write_at(to, bytes, at))
		return err_sys(e, ERR_IO, "cannot write to the cache");
	while (f->spool >= 0 && from < f->spool_base + f->head.total) {
		if (lseek(to, at + from - f->spool_base, SEEK_SET) < 0 ||
		    sendfile(to, f->spool, &from, COPY_STEP) <= 0)
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

/* On a keeper; nobody waits for it. */
static enum err keep(struct flight *f, struct error *e)
{
	struct object_meta meta;

	if (!f->draft) {
		if (disk_draft(cache_disk(f->cache), f->head.total, &f->draft, e) != OK ||
		    copy_body(f, e) != OK)
			return e->code;
	}
	describe(f, &meta);
	cache_see_purges(f->cache);
	return disk_keep(cache_disk(f->cache), f->draft, &meta, still_good, f, e);
}

static void keep_file(struct pool_job *job)
{
	struct flight *f = CONTAINER_OF(job, struct flight, keep_job);

	(void)!keep(f, &f->keep_failure);
	loop_post(f->all->loop, &f->kept_task);
}

static void file_kept(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, kept_task);
	bool kept = !f->keep_failure.code;

	if (f->keep_failure.code == ERR_IO)
		cache_disk_failed(f->cache, &f->keep_failure);
	else if (kept)
		evict_added(cache_evict(f->cache), OBJECT_HEADER_SIZE + f->head.total);
	if (kept)
		metric_inc(fills_kept);
	flight_landed(f, kept);
	flight_let_go(f);
}

void landing_made(struct flight *f)
{
	struct error e;

	f->phase = LANDING;
	f->unkept = f->unkept || flight_is_outdated(f) || !f->takers;
	fill_commit(f->fill);
	flight_hold(f);
	if (!f->unkept && pool_submit(f->all->keepers, &f->keep_job) == OK)
		return;
	flight_let_go(f);
	if (!f->unkept) {
		err_set(&e, ERR_BUSY, "too much waits for the cache's disk");
		cache_disk_failed(f->cache, &e);
	}
	flight_landed(f, false);
}

void landing_corrupt(const struct store *s, const char *key, struct error *e)
{
	metric_inc(fills_corrupt);
	err_set(e, ERR_CORRUPT, "the checksum of what came is not the store's");
	log_event(LOG_WARN, "object damaged on its way", "store", s->traits.name, "key", key, NULL);
}

struct recheck_request landing_recheck(struct store *s, const char *key,
				       const struct object_head *h, const struct digest *d)
{
	struct recheck_request r = {.store = s, .key = slice_of(key), .head = *h};

	digest_own(d, r.own);
	return r;
}

/* It is what the store has, as far as can be known. */
static void sound(struct flight *f)
{
	digest_free(TAKE(f->hasher.digest)); /* it can be asked once */
	if (flight_inspected(f))
		landing_made(f);
}

static void corrupt(struct flight *f)
{
	struct error e;

	landing_corrupt(f->store, f->key, &e);
	flight_fail(f, &e);
}

static void rechecked(void *ud, bool same)
{
	struct flight *f = ud;

	flight_hold(f);
	recheck_free(TAKE(f->recheck));
	if (f->phase == FLYING && same)
		sound(f);
	else if (f->phase == FLYING)
		corrupt(f);
	flight_let_go(f);
}

/* All bytes are there and have been hashed, if they are to be. */
static void check(struct flight *f)
{
	const struct hasher *h = &f->hasher;
	bool md5 = h->digest && digest_kind(h->digest) == CHECKSUM_MD5; /* only ETags are one */
	struct recheck_request again;

	if (!h->digest || digest_matches(h->digest, &h->expected)) {
		if (md5)
			recheck_agreed(f->store);
		sound(f);
	} else if (!md5) {
		corrupt(f);
	} else if (recheck_needless(f->store)) {
		sound(f);
	} else {
		again = landing_recheck(f->store, f->key, &f->head, h->digest);
		again.via = f->via;
		again.checksum = f->checksum;
		again.asker = f->asker;
		again.patient = f->patient;
		f->recheck = recheck_start(&again, rechecked, f);
	}
}

/* ---- the frame ---- */

void landing_init(struct flight *f)
{
	f->draft_job.run = make_draft;
	f->drafted_task.run = draft_made;
	f->hasher.job.run = hash_more;
	f->hasher.done.run = hashed_more;
	f->keep_job.run = keep_file;
	f->kept_task.run = file_kept;
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

void landing_drop(struct flight *f)
{
	fetch_free(TAKE(f->sum_fetch));
	recheck_free(TAKE(f->recheck));
	digest_free(f->hasher.digest);
	if (f->draft)
		give_up(f->all, TAKE(f->draft));
	if (f->spool_draft)
		give_up(f->all, TAKE(f->spool_draft));
	if (f->expected)
		evict_expected_end(cache_evict(f->cache), f->expected);
}
