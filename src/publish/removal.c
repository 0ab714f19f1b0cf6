// SPDX-License-Identifier: MIT
/* See removal.h. What is known of transactions is kept up to date by look(), from one LIST to the next. */
#include "publish/removal.h"

#include "base/clock.h"
#include "base/random.h"
#include "publish/catalog_get.h"
#include "publish/kept.h"
#include "publish/removal_ask.h"

#include <stdio.h>
#include <time.h>

#define VALID_S   60
#define VALID_NS  (VALID_S * NS_PER_S)
#define ANSWER_NS (60 * NS_PER_S)
#define TRIES_MAX 10 /* of a batch that comes too late */
#define PAUSE_NS  (200 * NS_PER_MS)

/* Of a catalog's entry: what has been made of its plan. */
enum {
	NAMED = 1,
	STORED = 2,
	TARGET = 4,
	AGAIN = 8, /* a target that was gone before: what it stored behind its removal */
};

struct target {
	struct tx_id id;
	struct plan plan;
	struct done done;
	bool has_done;
};

struct removal {
	const struct removal_request *q;
	struct store *store;
	bool markers; /* else the store is locked */
	struct tx_id id;
	struct store_lock *lock;
	struct catalog catalog;
	struct target *target;
	size_t targets;
	struct removal_keys keys;
	struct removal_result *result;

	int64_t date_s;        /* of the last marker, by the store's clock */
	int64_t unanswered_ns; /* until then a DELETE may be on its way; by clock_boot_ns() */
};

static enum err check_stop(const struct removal *r, struct error *e)
{
	return r->q->from->stop && atomic_load(r->q->from->stop)
		       ? err_set(e, ERR_CANCELED, "interrupted")
		       : OK;
}

/* ---- what transactions there are ---- */

static bool is_target(const struct catalog_entry *t)
{
	return t->mark & TARGET;
}

static bool is_gone(const struct catalog_entry *t)
{
	return catalog_has(t, TX_GONE) || (t->mark & TARGET);
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

	if (!err && t->mark & AGAIN)
		removal_keys_stored_since(&r->keys, &plan);
	else if (!err)
		err = catalog_get_done(r->q->from, t, plan.files, &done, e);
	if (!err && !(t->mark & AGAIN))
		removal_keys_stored(&r->keys, &plan, is_done ? &done : NULL,
				    t->mark & TARGET ? INT64_MAX : t->object[TX_GONE].modified_s);
	done_fini(&done);
	plan_fini(&plan);
	return err;
}

/* Whose plans have to be read for this; they count as read. */
static enum err take_plans(struct removal *r, bool (*wanted)(const struct catalog_entry *t),
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
	return !is_gone(t) && !(t->mark & NAMED);
}

static bool is_to_unname(const struct catalog_entry *t)
{
	return is_gone(t) && (t->mark & NAMED);
}

/* Of one that is gone and has no plan any more nobody knows what it stored. */
static bool is_to_store(const struct catalog_entry *t)
{
	return is_gone(t) && !(t->mark & STORED) && catalog_has(t, TX_PLAN);
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
static enum err learn(struct removal *r, struct error *e)
{
	enum err err = check_plans(r, e);

	if (!err)
		err = take_plans(r, is_to_name, take_named, NAMED, e);
	if (!err)
		err = take_plans(r, is_to_unname, take_named, NAMED, e);
	if (!err)
		err = take_plans(r, is_to_store, take_gone, STORED, e);
	return err;
}

/* LIST, and read what is new. One that has vanished since goes on naming what it named. */
static enum err look(struct removal *r, struct error *e)
{
	struct catalog now;
	enum err err = check_stop(r, e);

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
	return learn(r, e);
}

/* ---- which are to go ---- */

static enum err add_target(struct removal *r, struct catalog_entry *t, unsigned mark)
{
	if (t->mark & TARGET)
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
		       : add_target(ud, (struct catalog_entry *)t, TARGET);
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
			err = add_target(r, t, TARGET);
		else if (r->markers && catalog_has(t, TX_PLAN)) /* an add may have run on */
			err = add_target(r, t, TARGET | AGAIN);
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
		   : removal_keys_add(&r->keys, &target->plan,
				      t->mark & AGAIN ? INT64_MAX : t->object[TX_PLAN].modified_s,
				      e);
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

/* ---- markers ---- */

static enum err put_small(struct removal *r, const struct tx_id *id, enum tx_object which,
			  struct slice text, struct store_put_answer *answer, struct error *e)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(256);
	enum err err;

	tx_key_add(id, which, &key);
	err = await_put(r->store, buf_slice(&key), text, answer, e);
	if (err)
		return err_wrap(e, "cannot write '%s'", buf_str(&key));
	r->result->any_written = true;
	return OK;
}

static enum err mark(struct removal *r, struct error *e)
{
	struct store_put_answer answer;
	enum err err = put_small(r, &r->id, TX_REMOVAL, SLICE("{}"), &answer, e);

	if (!err && answer.date_s < 0)
		err = err_set(e, ERR_UPSTREAM,
			      "its answers tell no Date, so that no removal could end in time");
	r->date_s = answer.date_s;
	return err;
}

static enum err put_gone(struct removal *r, const struct gone *gone, const struct tx_id *id,
			 struct error *e)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(GONE_SIZE_MAX);
	struct store_put_answer answer;
	enum err err = gone_write(gone, &text, e);

	return err ? err : put_small(r, id, TX_GONE, buf_slice(&text), &answer, e);
}

static struct gone gone_of(const struct removal *r)
{
	struct gone gone = {.when_s = clock_wall_s()};

	snprintf(gone.by, sizeof(gone.by), "%s", r->q->by);
	snprintf(gone.why, sizeof(gone.why), "%s", r->q->why);
	return gone;
}

/* From then on none of them is live, and none can be resumed. */
static enum err put_going(struct removal *r, struct error *e)
{
	const struct gone going = gone_of(r);
	enum err err = r->markers ? mark(r, e) : OK;

	for (size_t i = 0; i < r->targets && !err; i++) {
		err = check_stop(r, e);
		if (!err && !catalog_has(catalog_find(&r->catalog, &r->target[i].id), TX_GONE))
			err = put_gone(r, &going, &r->target[i].id, e);
	}
	return err;
}

struct batch {
	struct removal_key *key[STORE_REMOVE_MAX];
	bool failed[STORE_REMOVE_MAX];
	size_t n;
};

static void note_failed(void *ud, size_t which, const struct error *e)
{
	struct batch *b = ud;

	if (!b)
		return;
	b->failed[which] = true;
	free(b->key[which]->why);
	b->key[which]->why = xstrdup(e->msg);
}

/* Not while a DELETE of ours may come yet. That it stays keeps somebody waiting for two minutes. */
static void unmark(struct removal *r)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(256);
	struct slice one;
	const struct store_remove remove = {.keys = &one, .n = 1, .answer_ns = ANSWER_NS};
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct error e;

	while (clock_boot_ns() < r->unanswered_ns) {
		if (check_stop(r, &e) != OK)
			return;
		nanosleep(&pause, NULL);
	}
	tx_key_add(&r->id, TX_REMOVAL, &key);
	one = buf_slice(&key);
	if (await_remove(r->store, &remove, note_failed, NULL, &e) != OK)
		r->store->ctx->warn(r->store->traits.name,
				    "the marker of a removal is left behind");
}

/* ---- batches ---- */

/* Those that may still go. */
static void narrow(struct batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		if (removal_key_may_go(b->key[i]))
			b->key[n++] = b->key[i];
	b->n = n;
}

static enum err send_batch(struct removal *r, struct batch *b, int64_t began_ns, struct error *e)
{
	struct slice keys[STORE_REMOVE_MAX];
	bool unanswered = false;
	const struct store_remove remove = {.keys = keys,
					    .n = b->n,
					    .answer_ns = ANSWER_NS,
					    .signed_s = r->markers ? r->date_s : 0,
					    .valid_s = VALID_S,
					    .unanswered = &unanswered};
	enum err err;
	bool late;

	for (size_t i = 0; i < b->n; i++)
		keys[i] = slice_of(b->key[i]->key);
	memset(b->failed, 0, sizeof(b->failed));
	err = await_remove(r->store, &remove, note_failed, b, e);
	late = r->markers && clock_boot_ns() - began_ns >= VALID_NS;
	if (unanswered)
		r->unanswered_ns = clock_boot_ns() + VALID_NS + NS_PER_S;
	if (err)
		return late ? OK : err; /* or it was refused for that */
	for (size_t i = 0; i < b->n; i++) {
		if (!b->failed[i])
			b->key[i]->fate = FATE_REMOVED;
		else if (!late)
			b->key[i]->fate = FATE_FAILED;
	}
	return OK;
}

/*
 * The minute of a DELETE counts from before the marker; by then the list that it goes by is known
 * too. What comes later is asked for anew, marker and list first.
 */
static enum err remove_batch(struct removal *r, struct batch *b, struct error *e)
{
	for (int i = 0; i < TRIES_MAX; i++) {
		int64_t began_ns = clock_boot_ns();
		enum err err = check_stop(r, e);

		if (!err && r->markers)
			err = mark(r, e);
		if (!err && r->markers)
			err = look(r, e);
		if (!err && i) /* others may have come since */
			err = removal_ask(r->q->from, &r->catalog, is_target, b->key, b->n, e);
		narrow(b);
		if (err || !b->n)
			return err;
		if (r->markers && clock_boot_ns() - began_ns >= VALID_NS)
			continue;
		err = send_batch(r, b, began_ns, e);
		narrow(b);
		if (err || !b->n)
			return err;
	}
	return err_set(e, ERR_TIMEOUT, "the store is too slow: no removal came in time");
}

static enum err remove_keys(struct removal *r, struct error *e)
{
	struct batch *b CLEANUP(free_p) = xzalloc(sizeof(*b));
	enum err err = OK;
	size_t at = 0;

	while (at < r->keys.n && !err) {
		for (b->n = 0; at < r->keys.n && b->n < STORE_REMOVE_MAX; at++)
			if (removal_key_may_go(&r->keys.v[at]))
				b->key[b->n++] = &r->keys.v[at];
		if (b->n)
			err = removal_ask(r->q->from, &r->catalog, is_target, b->key, b->n, e);
		narrow(b);
		if (b->n && r->q->dry_run)
			for (size_t i = 0; i < b->n; i++)
				b->key[i]->fate = FATE_REMOVED;
		else if (b->n && !err)
			err = remove_batch(r, b, e);
	}
	return err;
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
	return catalog_find(&r->catalog, id)->mark & AGAIN;
}

static enum tx_state state_of(const struct removal *r, const struct tx_id *id, bool is_gone)
{
	const struct catalog_entry *t = catalog_find(&r->catalog, id);

	if (r->q->dry_run || t->mark & AGAIN)
		return tx_state_of(t->has, t->mark & AGAIN);
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
		struct gone gone = gone_of(r);
		size_t failed = count(r, &r->target[i], &gone);

		gone.is_gone = true;
		/* One that was gone before stays so: the time of its .gone tells what it took along. */
		if (!failed && !r->q->dry_run && !is_again(r, &r->target[i].id))
			err = put_gone(r, &gone, &r->target[i].id, e);
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
	return err ? err : learn(r, e);
}

static enum err run(struct removal *r, const struct removal_events *events, void *ud,
		    struct error *e)
{
	enum err err = prepare(r, e);

	if (!err && r->targets && !r->q->dry_run)
		err = put_going(r, e);
	/* Another removal may have seen ours live when we saw its so: one of the two has to look again. */
	if (!err && r->targets && !r->q->dry_run)
		err = look(r, e);
	if (!err)
		err = remove_keys(r, e);
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
		unmark(&r);
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
