// SPDX-License-Identifier: MIT
/*
 * What a lookup needs around it: stores that the test speaks for, a cache, and the loop turned by
 * hand. The cache of world_init() keeps nothing; that of world_cached() has a directory of its own
 * and remembers misses.
 *
 *	struct world w;
 *	world_init(&w, 2, "/" ASKED);		two stores
 *	world_start(&w);			the lookup has asked what it asks at once
 *	play_store(&w, 0, "MM", FORWARD);	the first store misses both candidates
 *	...
 *	world_release(&w);
 *	CHECK(world_fini(&w), "nothing stays behind");
 */
#pragma once
#include "cache/cache_priv.h"
#include "flight/flight_priv.h"
#include "manual_loop.h"
#include "metric/metric.h"
#include "serve/lookup.h"

#include "fake_store.h"
#include "knows_missing.h"
#include <ftw.h>
#include <stdio.h>

#define STORES_MAX 3
/* ASKED and LOWER may be set before: to a key that tells nothing of the file, so that nobody looks into that. */
#ifndef ASKED
#define ASKED "Foo.pdb/ABCDEF0123/Foo.pdb"
#define LOWER "foo.pdb/abcdef0123/foo.pdb"
#endif
#define BODY   "0123456789"
#define BODY_N (sizeof(BODY) - 1)
#define BODY_GZIP                                                                                  \
	"\x1f\x8b\x08"                                                                             \
	"3456789" /* as far as the magic tells */
#define BUDGET_NS (8 * NS_PER_S)

struct world {
	struct loop *loop;
	struct cache *cache;
	struct flights *flights;
	char dir[32]; /* of the cache; "" = none */
	struct store_context ctx;
	struct fake_store fake[STORES_MAX];
	struct store *store[STORES_MAX];
	struct store_list list;
	struct lookups all;
	struct symbol_path path;
	struct client client; /* who asks */
	struct lookup_request request;
	struct lookup *lookup;
	struct answer answer;
	int answered, released;
};

static void world_aim(struct world *w, const char *target)
{
	const struct request_rules rules = {.base_path = SLICE_NONE};

	symbol_path_fini(&w->path);
	ASSERT(request_clean(slice_of(target), &rules, &w->path) == REQUEST_CLEAN);
}

static const struct cache_settings world_settings = {
	.max_bytes = INT64_C(1) << 30,
	.fresh_ns = 3600 * NS_PER_S,
};

static const struct flights_settings world_flying = {
	.fetch_parallel = 4,
	.fetch_block = INT64_C(16) << 20,
	.max_fills = 16,
	.max_fill_waiters = 16,
	.decode_max = 2,
	.max_object = INT64_C(1) << 30,
};

static void world_open(struct world *w, size_t stores, const char *target,
		       const struct cache_settings *settings)
{
	static const char *const names[STORES_MAX] = {"zero", "one", "two"};
	struct error e;

	*w = (struct world){.loop = manual_loop()};
	w->ctx = (struct store_context){.loop = w->loop};
	ASSERT(pool_new(1, 16, "disk", &w->ctx.disk, NULL) == OK);
	ASSERT(cache_new(settings, &w->cache, &e) == OK);
	ASSERT(flights_new(w->loop, w->cache, &world_flying, &w->flights, &e) == OK);
	for (size_t i = 0; i < stores; i++) {
		fake_store_init(&w->fake[i], names[i], &w->ctx);
		w->fake[i].store.traits.key_case = CASE_BOTH;
		w->fake[i].store.traits.miss_ttl_max_ns = INT64_MAX;
		w->fake[i].store.id[0] = (uint8_t)(i + 1);
		w->store[i] = &w->fake[i].store;
	}
	w->list = (struct store_list){w->store, stores};
	world_aim(w, target);
	w->request = (struct lookup_request){
		.all = &w->all,
		.flights = w->flights,
		.stores = &w->list,
		.rules = {.path = &w->path, .client = &w->client, .any_path = true},
		.loop = w->loop,
		.budget_ns = BUDGET_NS,
		.ring_max = FILL_RING_MIN,
	};
	w->answer.head.fd = -1;
}

__attribute__((unused)) static void world_init(struct world *w, size_t stores, const char *target)
{
	world_open(w, stores, target, &world_settings);
}

__attribute__((unused)) static void world_cached(struct world *w, size_t stores, const char *target)
{
	struct cache_settings settings = world_settings;
	char dir[] = "/tmp/pepto-lookup-XXXXXX";

	ASSERT(mkdtemp(dir));
	settings.dir = dir;
	settings.miss_ttl_ns = 60 * NS_PER_S;
	settings.miss_entries = 1000;
	world_open(w, stores, target, &settings);
	memcpy(w->dir, dir, sizeof(dir));
}

/* As world_cached(), but without the directory. */
__attribute__((unused)) static void world_remembering(struct world *w, size_t stores,
						      const char *target)
{
	struct cache_settings settings = world_settings;

	settings.miss_ttl_ns = 60 * NS_PER_S;
	settings.miss_entries = 1000;
	world_open(w, stores, target, &settings);
}

static void answered(void *ud, struct answer *answer)
{
	struct world *w = ud;

	w->answered++;
	w->answer = *answer;
}

static void released(void *ud)
{
	((struct world *)ud)->released++;
}

__attribute__((unused)) static void world_start(struct world *w)
{
	w->answered = w->released = 0;
	w->lookup = lookup_start(&w->request, answered, w);
	manual_settle(w->loop);
}

__attribute__((unused)) static void world_release(struct world *w)
{
	lookup_release(w->lookup, released);
	manual_settle(w->loop);
}

/* Let go of the answer, so that another lookup can be started. */
static void world_forget(struct world *w)
{
	answer_drop(&w->answer);
}

/* Stores as they are unless their options say more: plain files, and `_` twins. */
__attribute__((unused)) static void with_twins(struct world *w)
{
	for (size_t i = 0; i < w->list.n; i++)
		w->fake[i].store.traits.forms = STORE_FORM_CAB;
}

/* One spelling for each path, so that a call is a path. */
__attribute__((unused)) static void one_spelling(struct world *w)
{
	for (size_t i = 0; i < w->list.n; i++)
		w->fake[i].store.traits.any_case = true;
}

/* The next lookup of the same world. */
__attribute__((unused)) static void again(struct world *w, const char *target)
{
	world_forget(w);
	world_aim(w, target);
	world_start(w);
}

static int world_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

/* Everything that was lent is back; leaks are the sanitizer's to find. */
static bool world_fini(struct world *w)
{
	bool clean = w->released == (w->lookup != NULL) && LIST_EMPTY(&w->all.list);

	world_forget(w);
	flights_abort(w->flights);
	manual_settle(w->loop);
	clean = pool_stop(w->ctx.disk, 10 * NS_PER_S) && flights_stop(w->flights, 10 * NS_PER_S) &&
		cache_stop(w->cache, 10 * NS_PER_S) && clean;
	manual_settle(w->loop);
	for (size_t i = 0; i < w->list.n; i++)
		clean = clean && !w->fake[i].first;
	flights_free(w->flights);
	cache_free(w->cache);
	symbol_path_fini(&w->path);
	pool_free(w->ctx.disk);
	loop_free(w->loop);
	if (w->dir[0])
		nftw(w->dir, world_remove, 16, FTW_DEPTH | FTW_PHYS);
	return clean;
}

/* ---- what the cache knows ---- */

__attribute__((unused)) static void world_miss(struct world *w, size_t store, const char *key)
{
	cache_note_miss(
		w->cache, w->store[store],
		&(struct miss_asked){slice_of(key), FORM_STORED, NULL, NULL,
				     cache_miss_ticket(w->cache, w->store[store], slice_of(key))},
		FETCH_MISS);
}

__attribute__((unused)) static void world_keep_body(struct world *w, size_t store, const char *key,
						    enum form form, const char *etag,
						    const char *encoding, struct slice body)
{
	struct object_meta meta = {
		.id = cache_id(w->cache, w->store[store], slice_of(key), form, NULL),
		.length = (int64_t)body.n,
		.mtime = 784111777};
	struct draft *draft;
	struct error e;

	snprintf(meta.etag, sizeof(meta.etag), "%s", etag);
	snprintf(meta.encoding, sizeof(meta.encoding), "%s", encoding);
	snprintf(meta.key, sizeof(meta.key), "%s", key);
	ASSERT(disk_draft(w->cache->disk, meta.length, &draft, &e) == OK);
	ASSERT(pwrite(draft_fd(draft), body.p, body.n, OBJECT_HEADER_SIZE) == (ssize_t)body.n);
	ASSERT(disk_keep(w->cache->disk, draft, &meta, false, NULL, NULL, &e) == OK);
	draft_free(draft);
}

__attribute__((unused)) static void world_keep_as(struct world *w, size_t store, const char *key,
						  enum form form, const char *etag,
						  const char *encoding)
{
	bool gzip = strcmp(encoding, "gzip") == 0;

	world_keep_body(w, store, key, form, etag, encoding, gzip ? SLICE(BODY_GZIP) : SLICE(BODY));
}

__attribute__((unused)) static void world_keep(struct world *w, size_t store, const char *key,
					       const char *etag, const char *encoding)
{
	world_keep_as(w, store, key, FORM_STORED, etag, encoding);
}

/* Turn until the disk has an object more than `before`; false when none comes in ten seconds. */
__attribute__((unused)) static bool world_until_kept(struct world *w, int64_t before)
{
	for (int i = 0; i < 100 && metric_get(fills_kept) == before; i++)
		manual_turn(w->loop, 100);
	manual_settle(w->loop);
	return metric_get(fills_kept) == before + 1;
}

/* ---- what the stores say ---- */

static void give_head(struct store_call *c)
{
	struct object_head head = fake_whole(BODY_N, "\"e\"");

	fake_head(c, &head);
}

static void give_body(struct store_call *c)
{
	struct fake_store *f = c->store;
	int cancelled = f->cancelled;

	fake_data(c, BODY, BODY_N);
	if (f->cancelled == cancelled)
		fake_done(c, STORE_FOUND);
}

static const char *const keys[2] = {LOWER, ASKED};

static void give(struct fake_store *f, const char *script, size_t candidate, bool first_part)
{
	struct store_call *c = fake_call(f, keys[candidate]);

	if (!c)
		return;
	switch (script[candidate]) {
	case 'M':
		if (first_part)
			fake_done(c, STORE_MISS);
		return;
	case 'X':
		if (first_part)
			fake_done(c, STORE_FAULT);
		return;
	case 'F':
		if (first_part)
			give_head(c);
		else
			give_body(c);
		return;
	default: return;
	}
}

enum order { FORWARD, BACKWARD, HEADS_FIRST, ORDERS };

/* A letter for each of the keys: Missing, X a fault, Found; anything else: no answer yet. */
__attribute__((unused)) static void play_store(struct world *w, size_t i, const char *script,
					       enum order order)
{
	for (size_t n = 0; n < 4; n++) {
		size_t candidate = order == FORWARD ? n / 2 : order == BACKWARD ? 1 - n / 2 : n % 2;
		bool first_part = order == HEADS_FIRST ? n < 2 : n % 2 == 0;

		give(&w->fake[i], script, candidate, first_part);
	}
	manual_settle(w->loop);
}

__attribute__((unused)) static bool body_is_whole(struct fill *f)
{
	char got[32];
	size_t n = 0;

	return f && fill_read(f, 0, got, sizeof(got), &n) == FILL_DATA && n == BODY_N &&
	       memcmp(got, BODY, n) == 0;
}
