// SPDX-License-Identifier: MIT
/* See removal_ask.h. */
#include "publish/removal_ask.h"

#include "publish/small.h"
#include "store/fetch.h"

#include <unistd.h>

#define LOOK_NS  (60 * NS_PER_S)
#define AT_ONCE  16
#define REFS_MAX ((size_t)1 << 20)

struct look {
	struct removal_key *key;
	struct fetch *fetch;
	struct looks *all;
	bool asks_origin; /* else for a refs.ptr beside it */
};

struct looks {
	struct await_each each;
	struct store *store;
	const struct catalog *catalog;
	bool (*is_removed)(const struct catalog_entry *t);
	struct look *look;
};

static void judge_origin(struct look *h, enum fetch_result result, const struct object_head *head)
{
	const struct catalog_entry *t = NULL;
	struct tx_id id;

	if (fetch_is_miss(result)) {
		h->key->fate = FATE_ABSENT;
		return;
	}
	if (tx_id_parse(slice_of(head->origin.tx), &id))
		t = catalog_find(h->all->catalog, &id);
	if (!t || (!h->key->asks && !h->all->is_removed(t)))
		h->key->fate = FATE_KEPT;
}

static void has_origin(void *ud, enum fetch_result result, const struct object_head *head,
		       const struct error *e)
{
	struct look *h = ud;
	struct error why;

	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	fetch_free(TAKE(h->fetch));
	if (result != FETCH_FOUND && result != FETCH_MISS) {
		if (result == FETCH_FAULT)
			why = *e;
		else
			err_set(&why, ERR_DENIED, "the store gives no reason why it is not there");
		err_wrap(&why, "cannot look at '%s'", h->key->key);
		await_each_over(&h->all->each, &why);
		return;
	}
	judge_origin(h, result, head);
	await_each_over(&h->all->each, NULL);
}

static void has_refs(void *ud, struct buf *bytes, const struct error *e)
{
	struct look *h = ud;
	struct error why;

	if (bytes || (e && e->code == ERR_LIMIT)) {
		h->key->fate = FATE_KEPT;
	} else if (e) {
		why = *e;
		err_wrap(&why, "cannot look for a refs.ptr beside '%s'", h->key->key);
		await_each_over(&h->all->each, &why);
		return;
	}
	await_each_over(&h->all->each, NULL);
}

/* By GET, since what a HEAD says of what is not there takes a second question to a bucket. */
static void ask_refs(struct look *h)
{
	struct slice key = slice_of(h->key->key);
	struct buf refs CLEANUP(buf_fini) = BUF_MAX(8192);
	size_t slash = slice_rfind(key, '/');

	if (slash < key.n)
		buf_add(&refs, slice_head(key, slash + 1));
	buf_puts(&refs, "refs.ptr");
	(void)small_get(h->all->store, buf_slice(&refs), REFS_MAX, has_refs, h);
}

static void ask_origin(struct look *h)
{
	const struct fetch_request request = {.store = h->all->store,
					      .key = slice_of(h->key->key),
					      .head = true,
					      .denied_fails = true,
					      .origin = true,
					      .deadline_ns = clock_mono_ns() + LOOK_NS};

	h->fetch = fetch_start(&request, NULL, has_origin, h);
}

static void ask(struct await_each *each, size_t which)
{
	struct look *h = &CONTAINER_OF(each, struct looks, each)->look[which];

	if (h->asks_origin)
		ask_origin(h);
	else
		ask_refs(h);
}

enum err removal_ask(const struct catalog_source *from, const struct catalog *catalog,
		     bool (*is_removed)(const struct catalog_entry *t),
		     struct removal_key *const *key, size_t n, struct error *e)
{
	struct looks all = {.store = from->store,
			    .catalog = catalog,
			    .is_removed = is_removed,
			    .each = {.at_once = AT_ONCE, .start = ask, .stop = from->stop}};
	enum err err;

	all.look = xzalloc((2 * n + 1) * sizeof(*all.look));
	for (size_t i = 0; i < n; i++) {
		struct look h = {.key = key[i], .all = &all};

		all.look[all.each.n++] = h;
		h.asks_origin = true;
		if (!key[i]->stored)
			all.look[all.each.n++] = h;
	}
	err = await_each(&all.each, from->store->ctx->loop, e);
	free(all.look);
	return err;
}
