// SPDX-License-Identifier: MIT
/* See catalog_get.h. */
#include "publish/catalog_get.h"

#include "publish/kept.h"
#include "publish/small.h"

#define AT_ONCE 16                 /* objects that are got at a time, and held in memory, */
#define BIG     ((int64_t)8 << 20) /* unless they are bigger than this: those one at a time */

static size_t size_max(enum tx_object which)
{
	return which == TX_PLAN ? PLAN_SIZE_MAX : which == TX_DONE ? DONE_SIZE_MAX : GONE_SIZE_MAX;
}

struct getting {
	struct await_each each; /* of those that are wanted */
	const struct catalog_source *from;
	enum tx_object which;
	struct one {
		struct getting *all;
		const struct catalog_entry *entry;
		struct buf text;
	} one[AT_ONCE];
	size_t wanted[AT_ONCE];
};

static void got(void *ud, struct buf *bytes, const struct error *e)
{
	struct one *one = ud;
	struct error why;

	if (bytes) {
		one->text = *bytes;
		*bytes = (struct buf){0};
		await_each_over(&one->all->each, NULL);
		return;
	}
	if (e)
		why = *e;
	else
		err_set(&why, ERR_CORRUPT,
			"it is empty, or has vanished: write it anew, or remove " TX_FOLDER "%s.*",
			one->entry->id.s);
	err_wrap(&why, "cannot read transaction %s", one->entry->id.s);
	await_each_over(&one->all->each, &why);
}

static void get_one(struct await_each *each, size_t i)
{
	struct getting *g = CONTAINER_OF(each, struct getting, each);
	struct one *one = &g->one[g->wanted[i]];
	struct buf key CLEANUP(buf_fini) = BUF_MAX(128);

	tx_key_add(&one->entry->id, g->which, &key);
	(void)small_get(g->from->store, buf_slice(&key), size_max(g->which), got, one);
}

/* What is not kept is asked for; what has been is kept. */
static enum err get_some(struct getting *g, size_t n, struct error *e)
{
	size_t wanted = 0;
	enum err err;

	for (size_t i = 0; i < n; i++) {
		g->one[i].text = BUF_MAX(size_max(g->which) + KEPT_SUM_SIZE);
		if (kept_read(g->from, g->one[i].entry, g->which, &g->one[i].text))
			continue;
		buf_fini(&g->one[i].text);
		g->wanted[wanted++] = i;
	}
	g->each = (struct await_each){
		.n = wanted, .at_once = AT_ONCE, .start = get_one, .stop = g->from->stop};
	err = wanted ? await_each(&g->each, g->from->store->ctx->loop, e) : OK;
	for (size_t i = 0; i < wanted && !err; i++)
		kept_keep(g->from, g->one[g->wanted[i]].entry, g->which,
			  buf_slice(&g->one[g->wanted[i]].text));
	return err;
}

/* How many of them may be held at a time. */
static size_t some_of(const struct catalog_entry *const *entry, size_t n, enum tx_object which)
{
	size_t some = 0;

	while (some < n && some < AT_ONCE && entry[some]->object[which].size <= BIG)
		some++;
	return some ? some : 1;
}

enum err catalog_get(const struct catalog_source *source, const struct catalog_entry *const *entry,
		     size_t n, enum tx_object which,
		     enum err (*take)(void *ud, const struct catalog_entry *t, struct slice text,
				      struct error *e),
		     void *ud, struct error *e)
{
	enum err err = OK;

	for (size_t at = 0, some; at < n && !err; at += some) {
		struct getting g = {.from = source, .which = which};

		some = some_of(entry + at, n - at, which);

		for (size_t i = 0; i < some; i++)
			g.one[i] = (struct one){.all = &g, .entry = entry[at + i]};
		err = get_some(&g, some, e);
		for (size_t i = 0; i < some; i++) {
			if (!err)
				err = take(ud, g.one[i].entry, buf_slice(&g.one[i].text), e);
			buf_fini(&g.one[i].text);
		}
	}
	return err;
}

static enum err take_plan(void *ud, const struct catalog_entry *t, struct slice text,
			  struct error *e)
{
	return plan_read(text, &t->id, ud, e);
}

enum err catalog_get_plan(const struct catalog_source *source, const struct catalog_entry *t,
			  struct plan *ret, struct error *e)
{
	return catalog_get(source, &t, 1, TX_PLAN, take_plan, ret, e);
}

struct getting_done {
	size_t files;
	struct done *ret;
};

static enum err take_done(void *ud, const struct catalog_entry *t, struct slice text,
			  struct error *e)
{
	struct getting_done *g = ud;

	return done_read(text, &t->id, g->files, g->ret, e);
}

enum err catalog_get_done(const struct catalog_source *source, const struct catalog_entry *t,
			  size_t files, struct done *ret, struct error *e)
{
	struct getting_done g = {files, ret};

	*ret = (struct done){0};
	return catalog_has(t, TX_DONE) ? catalog_get(source, &t, 1, TX_DONE, take_done, &g, e) : OK;
}
