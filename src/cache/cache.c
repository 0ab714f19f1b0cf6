// SPDX-License-Identifier: MIT
/*
 * See cache.h. The identities of objects, the state of the disk, and the finding and forgetting of
 * objects; what is missing: misses.c. A disk that fails is left alone for DISK_PAUSE_NS: everything is
 * passed through meanwhile, and one line a minute tells of it.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cache/cache_priv.h"
#include "metric/metric.h"
#include "store/encoding.h"
#include "symfmt/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#define DISK_PAUSE_NS (5 * NS_PER_S)
#define DISK_LOG_NS   (60 * NS_PER_S)
#define RECLAIM_NS    (300 * NS_PER_S)
#define KEY_MAX       4096
#define KEY_SHORT     1024
#define USED_EVERY_S  600 /* how exact the time of the last use has to be */

/* ---- generations ---- */

uint64_t cache_generation(const struct cache *c, const struct store *s, struct slice key,
			  const char *named)
{
	const struct generations *g = c->generations;
	uint64_t of_key;

	if (generations_untouched(g))
		return 0;
	of_key = generation_of(g, generation_hash(s->id, key));
	return named ? of_key * 3 + generation_of(g, generation_hash(s->id, slice_of(named)))
		     : of_key;
}

void cache_see_purges(struct cache *c)
{
	generations_check(c->generations);
}

uint64_t cache_purges(const struct cache *c)
{
	return generation_of_all(c->generations);
}

/* ---- identities ---- */

/* Are all spellings of this key one object, if they are any? */
static bool folds(const struct store *s, struct slice key)
{
	struct claim held;

	return s->traits.folds && (s->traits.folds_all || claim_of_path(key, &held));
}

/* Else two keys that differ in case only are two objects. */
static struct object_id id_of_key(const struct store *s, struct slice key, struct slice form)
{
	struct buf longer CLEANUP(buf_fini) = {0};
	char space[KEY_SHORT];

	if (folds(s, key))
		key = fold_within(key, space, sizeof(space), &longer);
	return object_id_make(s->id, key, form);
}

static void put_generation(const struct cache *c, const struct store *s, const char *whose,
			   struct slice key, struct buf *name)
{
	uint64_t generation = generation_on_disk(c->generations, generation_hash(s->id, key));
	char text[40];

	snprintf(text, sizeof(text), " %s %016" PRIx64, whose, generation);
	buf_puts(name, generation ? text : "");
}

/*
 * An object that was found under one key, for a path that names another key, is named by both. A
 * purge of the other key cannot tell which objects were found for it; so the generations of both
 * keys are part of the name, and after a purge of either the old file is not found any more.
 */
static struct object_id marked_id(const struct cache *c, const struct store *s, struct slice key,
				  enum form form, const char *named, uint64_t mark)
{
	struct buf name CLEANUP(buf_fini) = BUF_MAX(KEY_MAX);

	if (!named && !mark)
		return id_of_key(s, key, slice_of(form_name(form)));
	buf_puts(&name, form_name(form));
	if (mark)
		buf_printf(&name, " of %016" PRIx64, mark);
	if (named) {
		buf_puts(&name, " for ");
		fold_lower(slice_of(named), &name);
	}
	if (named && !generations_untouched(c->generations)) {
		put_generation(c, s, "here", key, &name);
		put_generation(c, s, "there", slice_of(named), &name);
	}
	return id_of_key(s, key, buf_slice(&name));
}

struct object_id cache_id(const struct cache *c, const struct store *s, struct slice key,
			  enum form form, const char *named)
{
	return marked_id(c, s, key, form, named, generations_mark(c->generations));
}

/* ---- the disk ---- */

struct disk *cache_disk(const struct cache *c)
{
	return c->disk;
}

struct evict *cache_evict(const struct cache *c)
{
	return c->evict;
}

bool cache_disk_usable(struct cache *c)
{
	int64_t failed = atomic_load_explicit(&c->disk_failed_ns, memory_order_relaxed);

	return c->disk && (!failed || clock_mono_ns() - failed >= DISK_PAUSE_NS);
}

/*
 * Something odd lies where one object would, or this process has no descriptor left to look: that
 * says nothing of other objects.
 */
static bool is_about_one_name(const struct error *e)
{
	return e->code != ERR_IO || err_sys_is_ours(e->sys) || e->sys == EISDIR ||
	       e->sys == ENOTDIR || e->sys == EEXIST || e->sys == ELOOP;
}

/* Other programs have filled the disk: nothing can be written, but cached objects can be read. */
static bool is_full(const struct error *e)
{
	return e->sys == ENOSPC || e->sys == EDQUOT;
}

void cache_disk_failed(struct cache *c, const struct error *e)
{
	int64_t now = clock_mono_ns();
	int64_t logged = atomic_load(&c->disk_logged_ns);

	metric_inc(cache_errors);
	if (is_about_one_name(e))
		return;
	if (is_full(e) && c->evict)
		evict_full(c->evict);
	else
		atomic_store(&c->disk_failed_ns, now);
	if (logged && now - logged < DISK_LOG_NS)
		return;
	if (atomic_compare_exchange_strong(&c->disk_logged_ns, &logged, now))
		log_event(LOG_WARN, "the cache cannot be used, passing through", "error", e->msg,
			  NULL);
}

/* ---- objects ---- */

static struct object_head cached_head(const struct disk_object *o)
{
	struct object_head h = {
		.total = o->meta.length,
		.length = o->meta.length,
		.mtime = o->meta.mtime,
		.fd = o->fd,
		.fd_base = OBJECT_HEADER_SIZE,
	};

	memcpy(h.etag, o->meta.etag, sizeof(h.etag));
	memcpy(h.encoding, o->meta.encoding, sizeof(h.encoding));
	return h;
}

/*
 * For how long an object still counts as confirmed. A time of confirmation that lies in the future
 * counts as none: the clock was set back. A form made of a local file counts for no longer than a
 * miss there, since it costs little to ask a directory, and its files are edited.
 */
static int64_t fresh_for(const struct cache *c, const struct store *s, const struct disk_object *o,
			 int64_t now_s)
{
	int64_t fresh_ns = c->settings.fresh_ns, age_s;

	if (s->traits.local)
		fresh_ns = MIN(fresh_ns, s->traits.miss_ttl_max_ns);
	if (__builtin_sub_overflow(now_s, o->checked_s, &age_s) || age_s < 0 ||
	    age_s > fresh_ns / NS_PER_S)
		return 0;
	return fresh_ns - age_s * NS_PER_S;
}

/* Is it kept how the store spells it, which it is if that was short enough? */
static bool is_spelled(const struct disk_object *o, struct slice asked)
{
	return fold_equal(slice_of(o->meta.key), asked);
}

/* A small body is read and compared with its hash; a large one is believed. */
static bool is_intact(const struct disk_object *o)
{
	char body[OBJECT_SMALL];
	size_t n = (size_t)o->meta.length;

	if (!o->meta.hashed || o->meta.length > OBJECT_SMALL)
		return true;
	return file_read_at(o->fd, body, n, OBJECT_HEADER_SIZE) == (ssize_t)n &&
	       XXH3_64bits(body, n) == o->meta.xxh3;
}

static void tell_damaged(const char *how)
{
	metric_inc(cache_damaged);
	log_event(LOG_WARN, "damaged file in the cache removed", "error", how, NULL);
}

/* The file of an object, if it is a good one; a damaged one goes. */
static bool find_file(struct cache *c, const struct object_id *id, struct disk_object *ret)
{
	struct error e;

	switch (disk_find(c->disk, id, ret, &e)) {
	case DISK_HIT: break;
	case DISK_ERROR: cache_disk_failed(c, &e); return false;
	case DISK_NONE:
		if (ret->damaged)
			tell_damaged(e.msg);
		return false;
	}
	if (is_intact(ret))
		return true;
	tell_damaged("the body is not what was kept");
	close(ret->fd);
	(void)!disk_remove(c->disk, id, &e);
	return false;
}

/*
 * An object that an earlier version of this program kept has the Content-Encoding that the store
 * told, be it true or not.
 */
static void judge_encoding(struct slice key, const struct disk_object *o, struct object_head *h)
{
	_Static_assert(DISK_BEGINNING >= ENCODING_HEAD, "so much is looked at");

	if (encoding_in_doubt(key, h->encoding))
		(void)encoding_judge(key, (struct slice){o->beginning, o->beginning_n}, true,
				     h->encoding);
}

bool cache_find(struct cache *c, struct store *s, struct slice key, enum form form,
		const char *named, struct cache_object *ret)
{
	int64_t now_s = clock_wall_s();
	struct disk_object o;
	struct object_id id;

	if ((s->traits.local && form == FORM_STORED) || !cache_disk_usable(c))
		return false;
	id = cache_id(c, s, key, form, named);
	if (!find_file(c, &id, &o))
		return false;
	ret->head = cached_head(&o);
	if (form == FORM_STORED)
		judge_encoding(key, &o, &ret->head);
	ret->fresh_ns = fresh_for(c, s, &o, now_s);
	if (o.used_s > now_s || now_s - o.used_s >= USED_EVERY_S)
		disk_touch_used(o.fd);
	ret->spelled = is_spelled(&o, key);
	if (!ret->fresh_ns)
		memcpy(ret->key, o.meta.key, sizeof(ret->key));
	return true;
}

/* ---- forgetting ---- */

void cache_outdate_all(struct cache *c, struct error *failure)
{
	(void)!generation_raise_all(c->generations, failure);
}

/*
 * Who publishes a file tells us by a purge, so that it is found at once. Its name may be new to the index of
 * names as well: the first segment, or in a two-tier store the second.
 */
static void outdate_names(struct cache *c, const struct store *s, struct slice key,
			  struct error *failure)
{
	struct slice first = name_of_key(key), second = name_of_key(slice_from(key, first.n));

	(void)!generation_raise(c->generations, generation_hash(s->id, first), failure);
	(void)!generation_raise(c->generations, generation_hash(s->id, second), failure);
}

/* Keys of one path come one after the other. */
static bool same_name(struct slice a, struct slice b)
{
	return slice_eq(name_of_key(a), name_of_key(b)) &&
	       slice_eq(name_of_key(slice_from(a, name_of_key(a).n)),
			name_of_key(slice_from(b, name_of_key(b).n)));
}

static void outdate(struct cache *c, const struct store *s, const struct slice *keys, size_t n,
		    struct error *failure)
{
	if (!keys)
		cache_outdate_all(c, failure);
	for (size_t i = 0; keys && i < n; i++) {
		(void)!generation_raise(c->generations, generation_hash(s->id, keys[i]), failure);
		if (i == 0 || !same_name(keys[i - 1], keys[i]))
			outdate_names(c, s, keys[i], failure);
	}
}

static void remove_file(struct cache *c, const struct store *s, struct slice key,
			struct error *failure)
{
	for (enum form form = 0; form < FORMS; form++) {
		uint64_t mark = generations_mark(c->generations);
		struct object_id id = marked_id(c, s, key, form, NULL, 0);

		(void)!disk_remove(c->disk, &id, failure);
		if (!mark)
			continue;
		id = marked_id(c, s, key, form, NULL, mark);
		(void)!disk_remove(c->disk, &id, failure);
	}
}

static void remove_files(struct cache *c, const struct store *s, const struct slice *keys, size_t n,
			 struct error *failure)
{
	if (!keys)
		(void)!disk_empty(c->disk, failure);
	for (size_t i = 0; keys && i < n; i++)
		remove_file(c, s, keys[i], failure);
}

/*
 * In two rounds. After the first no object that came from a store before the purge is there, nor
 * will one be kept. A form that a maker has made of such an object, and kept before the first round
 * ended, goes in the second; a form that is not kept yet never will be, since its generation is out
 * of date.
 */
void cache_forget(struct cache *c, struct store *s, const struct slice *keys, size_t n,
		  struct error *failure)
{
	struct error disk = {0};

	for (int round = 0; round < 2; round++) {
		cache_see_purges(c); /* each time: the file may be lost between the two */
		outdate(c, s, keys, n, failure);
		if (c->disk)
			remove_files(c, s, keys, n, &disk);
	}
	if (!disk.code)
		return;
	/* That other processes cannot be told of the purge is no failure of this disk. */
	cache_disk_failed(c, &disk);
	*failure = disk;
}

void cache_forget_misses(struct cache *c)
{
	negative_purge(c->negative);
}

/* ---- the frame ---- */

/*
 * When the directory has been removed while the server runs. Until it is there again objects pass
 * through.
 */
static void revive(struct cache *c)
{
	struct error e;

	switch (disk_revive(c->disk, &e)) {
	case DISK_THERE: return;
	case DISK_REVIVED:
		log_event(LOG_WARN, "the cache directory was removed, and has been made anew",
			  "dir", c->settings.dir, NULL);
		return;
	case DISK_GONE: cache_disk_failed(c, &e); return;
	}
}

/*
 * Without a shared file of generations objects are kept for this process alone, and no purge is
 * reported as done.
 */
static void tell_sharing(struct cache *c, const char *why)
{
	bool apart = generations_mark(c->generations) != 0;

	if (c->apart == apart)
		return;
	c->apart = apart;
	log_event(LOG_WARN,
		  apart ? "purges cannot be told to other processes or kept: the cache is "
			  "of use until the end of this process, and purges fail"
			: "purges can be told to other processes again",
		  why ? "error" : NULL, why, NULL);
}

static void tidy(void *ud)
{
	struct cache *c = ud;
	int64_t now = clock_mono_ns();

	revive(c);
	generations_check(c->generations);
	tell_sharing(c, NULL);
	if (now < c->reclaim_ns)
		return;
	c->reclaim_ns = now + RECLAIM_NS;
	disk_reclaim(c->disk);
}

static void share_generations(struct cache *c)
{
	struct error e;
	bool shared = generations_share(c->generations, disk_root(c->disk), &e) == OK;

	tell_sharing(c, shared ? NULL : e.msg);
}

static void open_disk(struct cache *c)
{
	const struct evict_limits limits = {.max_bytes = c->settings.max_bytes,
					    .min_free = c->settings.min_free};
	struct error e;

	if (!c->settings.dir) {
		log_event(LOG_INFO, "no cache on disk", NULL);
		return;
	}
	if (disk_open(c->settings.dir, &c->disk, &e) == OK) {
		share_generations(c);
		if (evict_start(disk_root(c->disk), &limits, tidy, c, &c->evict, &e) == OK)
			return;
	}
	disk_free(TAKE(c->disk));
	metric_inc(cache_errors);
	log_event(LOG_WARN, "no cache on disk", "dir", c->settings.dir, "error", e.msg, NULL);
}

enum err cache_new(const struct cache_settings *settings, struct cache **ret, struct error *e)
{
	struct cache *c = xnew(struct cache);

	c->settings = *settings;
	c->generations = generations_new();
	c->names_left = settings->index_names;
	if (negative_new(settings->miss_entries, settings->miss_ttl_ns, settings->fresh_ns,
			 &c->negative, e) != OK) {
		cache_free(c);
		return e->code;
	}
	open_disk(c);
	*ret = c;
	return OK;
}

bool cache_stop(struct cache *c, int64_t timeout_ns)
{
	return !c || evict_stop(c->evict, timeout_ns);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->indexes; i++)
		name_index_free(c->index[i]);
	free(c->index);
	evict_free(c->evict);
	negative_free(c->negative);
	generations_free(c->generations);
	disk_free(c->disk);
	free(c);
}
