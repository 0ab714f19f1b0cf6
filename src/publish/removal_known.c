// SPDX-License-Identifier: MIT
/* What a removal knows of transactions and their keys: kept up to date by removal_look(), from one LIST to the next. */
#include "publish/catalog_get.h"
#include "publish/removal_priv.h"

enum err removal_check_stop(const struct removal *r, struct error *e)
{
	return r->q->from->stop && atomic_load(r->q->from->stop)
		       ? err_set(e, ERR_CANCELED, "interrupted")
		       : OK;
}

/* ---- what transactions there are ---- */

bool removal_is_target(const struct catalog_entry *t)
{
	return t->mark & MARK_TARGET;
}

static bool is_gone(const struct catalog_entry *t)
{
	return catalog_has(t, TX_GONE) || (t->mark & MARK_TARGET);
}

static enum err take_named(void *ud, const struct catalog_entry *t, struct slice text,
			   struct error *e)
{
	struct removal *r = ud;
	struct plan plan = {0};
	enum err err = plan_read(text, &t->id, &plan, e);

	if (err)
		return err;
	removal_keys_name(&r->keys, &plan, !is_gone(t));
	plan_fini(&plan);
	return OK;
}

static enum err take_gone(void *ud, const struct catalog_entry *t, struct slice text,
			  struct error *e)
{
	struct removal *r = ud;
	struct plan plan = {0};
	struct done done = {0};
	bool is_done = catalog_has(t, TX_DONE);
	enum err err = plan_read(text, &t->id, &plan, e);

	if (!err && t->mark & MARK_AGAIN)
		removal_keys_stored_since(&r->keys, &plan);
	else if (!err)
		err = catalog_get_done(r->q->from, t, plan.files, &done, e);
	if (!err && !(t->mark & MARK_AGAIN))
		removal_keys_stored(&r->keys, &plan, is_done ? &done : NULL,
				    t->mark & MARK_TARGET ? INT64_MAX
							  : t->object[TX_GONE].modified_s);
	done_fini(&done);
	plan_fini(&plan);
	return err;
}

enum err removal_take_plans(struct removal *r, bool (*wanted)(const struct catalog_entry *t),
			    enum err (*take)(void *ud, const struct catalog_entry *t,
					     struct slice text, struct error *e),
			    unsigned mark, struct error *e)
{
	const struct catalog_entry **some = xcalloc(r->catalog.n + 1, sizeof(*some));
	enum err err = OK;
	size_t n = 0;

	for (size_t i = 0; i < r->catalog.n; i++)
		if (wanted(&r->catalog.entry[i]))
			some[n++] = &r->catalog.entry[i];
	err = catalog_get(r->q->from, some, n, TX_PLAN, take, r, e);
	for (size_t i = 0; i < n && !err; i++)
		catalog_find(&r->catalog, &some[i]->id)->mark ^= mark;
	free(some);
	return err;
}

static bool is_to_name(const struct catalog_entry *t)
{
	return !is_gone(t) && !(t->mark & MARK_NAMED);
}

static bool is_to_unname(const struct catalog_entry *t)
{
	return is_gone(t) && (t->mark & MARK_NAMED);
}

/* Of one that is gone and has no plan any more nobody knows what it stored. */
static bool is_to_store(const struct catalog_entry *t)
{
	return is_gone(t) && !(t->mark & MARK_STORED) && catalog_has(t, TX_PLAN);
}

static enum err check_plans(const struct removal *r, struct error *e)
{
	for (size_t i = 0; i < r->catalog.n; i++) {
		const struct catalog_entry *t = &r->catalog.entry[i];

		if (!is_gone(t) && !catalog_has(t, TX_PLAN))
			return err_set(
				e, ERR_CORRUPT,
				"transaction %s has lost its plan, so that nobody knows what "
				"it needs: remove what is left of it by hand",
				t->id.s);
	}
	return OK;
}

/* What the catalog tells that was not known yet. */
enum err removal_learn(struct removal *r, struct error *e)
{
	enum err err = check_plans(r, e);

	if (!err)
		err = removal_take_plans(r, is_to_name, take_named, MARK_NAMED, e);
	if (!err)
		err = removal_take_plans(r, is_to_unname, take_named, MARK_NAMED, e);
	if (!err)
		err = removal_take_plans(r, is_to_store, take_gone, MARK_STORED, e);
	return err;
}

/* LIST, and read what is new. One that has vanished since goes on naming what it named. */
enum err removal_look(struct removal *r, struct error *e)
{
	struct catalog now;
	enum err err = removal_check_stop(r, e);

	if (!err)
		err = catalog_read(r->store, &now, e);
	if (err)
		return err;
	for (size_t i = 0; i < now.n; i++) {
		const struct catalog_entry *before = catalog_find(&r->catalog, &now.entry[i].id);

		if (before)
			now.entry[i].mark = before->mark;
	}
	catalog_fini(&r->catalog);
	r->catalog = now;
	return removal_learn(r, e);
}
