// SPDX-License-Identifier: MIT
/* See removal.h. */
#include "publish/removal_priv.h"

#include "base/clock.h"
#include "base/random.h"
#include "publish/catalog_get.h"
#include "publish/drafts.h"
#include "publish/kept.h"

/* ---- which are to go ---- */

static enum err add_target(struct removal *r, struct catalog_entry *t, unsigned mark)
{
	if (t->mark & MARK_TARGET)
		return OK;
	t->mark |= mark;
	r->target[r->targets++].id = t->id;
	return OK;
}

static enum err take_going(void *ud, const struct catalog_entry *t, struct slice text,
			   struct error *e)
{
	struct gone gone;
	enum err err = gone_read(text, &t->id, &gone, e);

	return err || gone.is_gone || !catalog_has(t, TX_PLAN)
		       ? err
		       : add_target(ud, (struct catalog_entry *)t, MARK_TARGET);
}

/* What other removals have begun, and ours. */
static enum err choose(struct removal *r, struct error *e)
{
	const struct catalog_entry **gone = xcalloc(r->catalog.n + 1, sizeof(*gone));
	enum err err;
	size_t n = 0;

	r->target = xzalloc((r->catalog.n + 1) * sizeof(*r->target));
	for (size_t i = 0; i < r->catalog.n; i++)
		if (catalog_has(&r->catalog.entry[i], TX_GONE))
			gone[n++] = &r->catalog.entry[i];
	err = catalog_get(r->q->from, gone, n, TX_GONE, take_going, r, e);
	free(gone);
	for (size_t i = 0; i < r->q->n && !err; i++) {
		struct catalog_entry *t = catalog_find(&r->catalog, &r->q->id[i]);

		if (!t || (!catalog_has(t, TX_PLAN) && !catalog_has(t, TX_GONE)))
			err = err_set(e, ERR_USAGE, "there is no transaction %s; ls prints them",
				      r->q->id[i].s);
		else if (!catalog_has(t, TX_GONE))
			err = add_target(r, t, MARK_TARGET);
		else if (r->markers && catalog_has(t, TX_PLAN)) /* an add may have run on */
			err = add_target(r, t, MARK_TARGET | MARK_AGAIN);
	}
	return err;
}

static enum err take_target(void *ud, const struct catalog_entry *t, struct slice text,
			    struct error *e)
{
	struct removal *r = ud;
	struct target *target = r->target;
	enum err err;

	while (strcmp(target->id.s, t->id.s) != 0)
		target++;
	err = plan_read(text, &t->id, &target->plan, e);
	target->has_done = catalog_has(t, TX_DONE);
	if (!err)
		err = catalog_get_done(r->q->from, t, target->plan.files, &target->done, e);
	/* Whatever others stored of the keys of one that was gone says nothing of what lies there now. */
	return err ? err
		   : removal_keys_add(
			     &r->keys, &target->plan,
			     t->mark & MARK_AGAIN ? INT64_MAX : t->object[TX_PLAN].modified_s, e);
}

static enum err read_targets(struct removal *r, struct error *e)
{
	const struct catalog_entry **some = xcalloc(r->targets + 1, sizeof(*some));
	enum err err;

	for (size_t i = 0; i < r->targets; i++)
		some[i] = catalog_find(&r->catalog, &r->target[i].id);
	err = catalog_get(r->q->from, some, r->targets, TX_PLAN, take_target, r, e);
	free(some);
	removal_keys_sort(&r->keys);
	return err;
}

/* ---- what was broken off, in a local store ---- */

static bool is_broken_off(const struct catalog_entry *t)
{
	return tx_state_of(t->has, false) == TX_STATE_OPEN && !removal_is_target(t);
}

static enum err take_broken_off(void *ud, const struct catalog_entry *t, struct slice text,
				struct error *e)
{
	struct removal *r = ud;
	struct plan plan CLEANUP(plan_fini) = {0};
	enum err err = plan_read(text, &t->id, &plan, e);

	if (!err)
		r->result->drafts += drafts_sweep(r->store, &plan);
	return err;
}

/* Nobody adds, as long as the store is locked: what is open does not run. */
static enum err sweep(struct removal *r, struct error *e)
{
	r->result->drafts += drafts_sweep_ours(r->store);
	for (size_t i = 0; i < r->targets; i++)
		r->result->drafts += drafts_sweep(r->store, &r->target[i].plan);
	return removal_take_plans(r, is_broken_off, take_broken_off, 0, e);
}

/* ---- the end ---- */

static bool was_there(const struct target *t, size_t i)
{
	return !t->has_done || t->done.outcome[i] == OUTCOME_STORED ||
	       t->done.outcome[i] == OUTCOME_EXISTED;
}

/* How many of its keys have failed. */
static size_t count(const struct removal *r, const struct target *t, struct gone *ret)
{
	size_t failed = 0;

	for (size_t i = 0; i < t->plan.files; i++) {
		const struct removal_key *key = removal_keys_find(&r->keys, t->plan.file[i].key);

		if (key->fate == FATE_REMOVED)
			ret->removed++;
		else if (key->fate == FATE_FAILED)
			failed++;
		else if (key->fate == FATE_KEPT && was_there(t, i))
			ret->kept++;
	}
	return failed;
}

static bool is_again(const struct removal *r, const struct tx_id *id)
{
	return catalog_find(&r->catalog, id)->mark & MARK_AGAIN;
}

static enum tx_state state_of(const struct removal *r, const struct tx_id *id, bool is_gone)
{
	const struct catalog_entry *t = catalog_find(&r->catalog, id);

	if (r->q->dry_run || t->mark & MARK_AGAIN)
		return tx_state_of(t->has, t->mark & MARK_AGAIN);
	return is_gone ? TX_STATE_GONE : TX_STATE_GOING;
}

static enum err end_targets(struct removal *r, const struct removal_events *events, void *ud,
			    struct error *e)
{
	enum err err = OK;

	for (size_t i = 0; i < r->keys.n; i++) {
		struct removal_key *key = &r->keys.v[i];

		if (key->fate == FATE_UNDECIDED)
			key->fate = FATE_KEPT;
		r->result->failed += key->fate == FATE_FAILED;
		events->key(ud, key);
	}
	for (size_t i = 0; i < r->targets && !err; i++) {
		struct gone gone = removal_gone_of(r);
		size_t failed = count(r, &r->target[i], &gone);

		gone.is_gone = true;
		/* One that was gone before stays so: the time of its .gone tells what it took along. */
		if (!failed && !r->q->dry_run && !is_again(r, &r->target[i].id))
			err = removal_put_gone(r, &gone, &r->target[i].id, e);
		if (!err)
			events->transaction(ud, &r->target[i].id, !failed,
					    state_of(r, &r->target[i].id, !failed), gone.removed,
					    gone.kept);
	}
	return err;
}

static enum err prepare(struct removal *r, struct error *e)
{
	enum err err = r->markers || r->q->dry_run ? OK : await_lock(r->store, true, &r->lock, e);

	if (!err)
		err = catalog_read(r->store, &r->catalog, e);
	if (err)
		return err;
	kept_prune(r->q->from, &r->catalog);
	err = choose(r, e);
	if (!err)
		err = read_targets(r, e);
	return err ? err : removal_learn(r, e);
}

static enum err run(struct removal *r, const struct removal_events *events, void *ud,
		    struct error *e)
{
	enum err err = prepare(r, e);

	if (!err && r->targets && !r->q->dry_run)
		err = removal_put_going(r, e);
	/* Another removal may have seen ours live when we saw its so: one of the two has to look again. */
	if (!err && r->targets && !r->q->dry_run)
		err = removal_look(r, e);
	if (!err && r->lock)
		err = sweep(r, e);
	if (!err)
		err = removal_delete_keys(r, e);
	if (!err)
		err = end_targets(r, events, ud, e);
	return err;
}

enum err removal_run(const struct removal_request *request, const struct removal_events *events,
		     void *ud, struct removal_result *ret, struct error *e)
{
	struct store *s = request->from->store;
	struct removal r = {.q = request,
			    .store = s,
			    .markers = !s->traits.local,
			    .id = tx_id_make(clock_wall_s(), random_u64()),
			    .keys.folds = s->traits.any_case,
			    .catalog.date_s = -1,
			    .result = ret};
	enum err err;

	*ret = (struct removal_result){0};
	err = run(&r, events, ud, e);
	if (r.markers && r.result->any_written)
		removal_unmark(&r);
	await_unlock(s, r.lock);
	for (size_t i = 0; i < r.targets; i++) {
		plan_fini(&r.target[i].plan);
		done_fini(&r.target[i].done);
	}
	free(r.target);
	removal_keys_fini(&r.keys);
	catalog_fini(&r.catalog);
	return err;
}
