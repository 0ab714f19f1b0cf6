// SPDX-License-Identifier: MIT
/* See door.h. */
#include "serve/door.h"

#include "metric/metric.h"
#include "serve/pages.h"
#include "store/write.h"

#define STOP_NS (1 * NS_PER_S)

static enum err find_store(struct door *d, const struct store_list *stores, struct error *e)
{
	enum err err = store_writable(stores->store, stores->n, &d->store, e);

	return err ? err_wrap(e, "UPLOAD_TOKENS: a server with a door has one store for it") : OK;
}

enum err door_new(struct server *s, struct door **ret, struct error *e)
{
	const struct conf *conf = s->parts.conf;
	struct door *d = xnew(struct door);

	d->server = s;
	d->parallel = (unsigned)conf->upload_parallel;
	d->unpacked_max = (int64_t)conf->upload_unpacked_max;
	d->rules = (struct delivery_rules){
		.tokens = s->parts.upload_tokens,
		.max = conf->upload_max_size,
		.public_url = pages_server_url(slice_of(conf->public_url),
					       slice_of(conf->base_path)),
	};
	if (find_store(d, s->parts.stores, e) != OK ||
	    pool_new(d->parallel, d->parallel, "pepto-door", &d->work, e) != OK ||
	    pool_new(1, (size_t)d->parallel * DOOR_FILES, "pepto-pack", &d->packing, e) != OK) {
		door_free(d);
		return e->code;
	}
	*ret = d;
	return OK;
}

void door_stop(struct door *d)
{
	struct door_guest *g;

	atomic_store(&d->stopped, true);
	LIST_FOREACH (g, &d->publishing, link)
		g->stop(g);
}

void door_free(struct door *d)
{
	if (!d)
		return;
	ASSERT(!atomic_load(&d->running) && LIST_EMPTY(&d->publishing));
	/* No upload is left, and so none of their jobs. */
	if (pool_stop(d->work, STOP_NS) && pool_stop(d->packing, STOP_NS)) {
		pool_free(d->work);
		pool_free(d->packing);
	}
	free(d);
}

bool door_enter(struct door *d)
{
	if (atomic_fetch_add(&d->running, 1) < d->parallel && !atomic_load(&d->stopped)) {
		metric_inc(uploads_running);
		return true;
	}
	atomic_fetch_sub(&d->running, 1);
	metric_inc(refused_uploads);
	return false;
}

void door_leave(struct door *d)
{
	metric_dec(uploads_running);
	atomic_fetch_sub(&d->running, 1);
}

bool door_how(const struct door *d, struct scan_how *ret)
{
	int tier = atomic_load(&d->store->tier);

	/* WinDbg reads directories itself; of a bucket every client is given what it can read. */
	*ret = (struct scan_how){
		.key_case = PLACE_IN_LOWER,
		.two_tier = tier == TIER_TWO,
		.local = d->store->traits.local,
		.pack = {.kind = d->store->traits.local ? PACK_NONE : PACK_ZSTD,
			 .level = PACK_LEVEL_DEFAULT},
	};
	return tier != TIER_UNKNOWN;
}
