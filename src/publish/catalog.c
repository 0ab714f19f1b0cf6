// SPDX-License-Identifier: MIT
/* See catalog.h. */
#include "publish/catalog.h"

#include "store/listing.h"

#include <xxhash.h>

/* ---- entries ---- */

void catalog_fini(struct catalog *c)
{
	free(c->entry);
	*c = (struct catalog){.date_s = -1};
}

static int by_id(const void *id, const void *entry)
{
	return strcmp(id, ((const struct catalog_entry *)entry)->id.s);
}

struct catalog_entry *catalog_find(const struct catalog *c, const struct tx_id *id)
{
	return c->n ? bsearch(id->s, c->entry, c->n, sizeof(*c->entry), by_id) : NULL;
}

size_t catalog_before(const struct catalog *c, const struct tx_id *id)
{
	size_t n = c->n;

	while (n && id && strcmp(c->entry[n - 1].id.s, id->s) >= 0)
		n--;
	return n;
}

uint64_t catalog_version(const struct catalog_entry *t)
{
	uint64_t version = t->has;

	for (size_t i = 0; i < ARRAY_LEN(t->object); i++)
		version = XXH3_64bits_withSeed(t->object[i].etag, sizeof(t->object[i].etag),
					       version);
	return version;
}

/* ---- the listing ---- */

struct catalog_listing {
	struct store *store;
	size_t newest;
	struct listing *listing;
	struct loop_timer go_on;
	struct catalog catalog;
	struct error error;
	void (*done)(void *ud, struct catalog *c, const struct error *e);
	void *ud;
};

/* False: there are too many. The newest come last. */
static bool make_room(struct catalog_listing *l)
{
	struct catalog *c = &l->catalog;
	size_t most = l->newest ? 2 * l->newest : CATALOG_MAX, more = c->room ? 2 * c->room : 64;
	void *v;

	if (c->n < c->room)
		return true;
	if (c->n < most) {
		v = reallocarray(c->entry, MIN(more, most), sizeof(*c->entry));
		if (!v)
			return false;
		c->entry = v;
		c->room = MIN(more, most);
		return true;
	}
	if (!l->newest)
		return false;
	memmove(c->entry, c->entry + c->n - l->newest, l->newest * sizeof(*c->entry));
	c->n = l->newest;
	c->cut = true;
	return true;
}

/* They come in the order of their keys: what lies beside a plan stands behind it, or behind one that is missing. */
static struct catalog_entry *entry_of(struct catalog_listing *l, const struct tx_id *id)
{
	struct catalog *c = &l->catalog;

	if (c->n && strcmp(c->entry[c->n - 1].id.s, id->s) == 0)
		return &c->entry[c->n - 1];
	if (!make_room(l))
		return NULL;
	c->entry[c->n] = (struct catalog_entry){.id = *id};
	return &c->entry[c->n++];
}

static void add_object(struct catalog_listing *l, struct slice name, const struct name_fact *fact)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(8192);
	struct catalog_entry *t;
	struct catalog_object *o;
	enum tx_object which;
	XXH128_hash_t hash;
	struct tx_id id;

	buf_puts(&key, TX_FOLDER);
	buf_add(&key, name);
	if (!tx_key_parse(buf_slice(&key), &id, &which) || which > TX_GONE)
		return; /* none of ours */
	t = entry_of(l, &id);
	if (!t) {
		err_set(&l->error, ERR_LIMIT, "too many transactions");
		return;
	}
	t->has |= 1U << which;
	o = &t->object[which];
	if (!fact)
		return;
	o->size = fact->size;
	o->modified_s = fact->modified_s;
	hash = XXH3_128bits(fact->etag.p, fact->etag.n);
	if (fact->etag.n) {
		o->etag[0] = hash.high64;
		o->etag[1] = hash.low64;
	}
}

static void page_came(void *ud, struct name_page *page)
{
	struct catalog_listing *l = ud;

	if (!l->catalog.pages++)
		l->catalog.date_s = page->date_s;
	for (size_t i = 0; i < page->n_keys && !l->error.code; i++)
		add_object(l, page->keys[i], page->facts ? &page->facts[i] : NULL);
	loop_timer_set(l->store->ctx->loop, &l->go_on, 0);
}

static void go_on(struct loop_timer *timer)
{
	listing_go_on(CONTAINER_OF(timer, struct catalog_listing, go_on)->listing);
}

static void listing_free(struct catalog_listing *l)
{
	loop_timer_stop(l->store->ctx->loop, &l->go_on);
	catalog_fini(&l->catalog);
	free(l);
}

static void listed(void *ud, struct listing_result *result, const struct error *e)
{
	struct catalog_listing *l = ud;
	struct catalog *c = &l->catalog;

	name_list_fini(&result->names);
	if (!e && l->error.code)
		e = &l->error;
	if (e) {
		unsigned pages = result->pages;

		catalog_fini(c);
		c->pages = pages;
	}
	l->done(l->ud, c, e);
	listing_free(l);
}

struct catalog_listing *
catalog_list(struct store *s, size_t newest,
	     void (*done)(void *ud, struct catalog *c, const struct error *e), void *ud)
{
	const struct listing_request request = {
		.store = s, .folder = SLICE(TX_FOLDER), .page = page_came};
	struct catalog_listing *l = xnew(struct catalog_listing);

	*l = (struct catalog_listing){.store = s,
				      .newest = newest,
				      .go_on.due = go_on,
				      .catalog.date_s = -1,
				      .done = done,
				      .ud = ud};
	l->listing = listing_start(&request, listed, l);
	return l;
}

void catalog_list_cancel(struct catalog_listing *l)
{
	if (!l)
		return;
	listing_cancel(l->listing);
	listing_free(l);
}

/* ---- waiting for it ---- */

struct reading {
	struct await await;
	struct store *store;
	struct catalog *ret;
};

static void was_read(void *ud, struct catalog *c, const struct error *e)
{
	struct reading *r = ud;

	*r->ret = *c;
	*c = (struct catalog){0};
	await_over(&r->await, e);
}

static void begin_reading(struct await *a)
{
	struct reading *r = CONTAINER_OF(a, struct reading, await);

	(void)catalog_list(r->store, 0, was_read, r);
}

enum err catalog_read(struct store *s, struct catalog *ret, struct error *e)
{
	struct reading r = {.await.begin = begin_reading, .store = s, .ret = ret};
	enum err err = await_run(&r.await, s->ctx->loop, e);

	return err ? err_wrap(e, "cannot list the transactions") : OK;
}
