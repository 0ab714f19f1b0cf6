// SPDX-License-Identifier: MIT
/*
 * See confirm.h. A bounded list of questions, which stay in it for PAUSE_NS after a store has not
 * answered them, so that a popular object is not asked about at every hit during an outage. A
 * full list asks no more: a stale hit comes again.
 *
 * An object that has changed is replaced when its new version has landed.
 */
#include "flight/confirm.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/pool.h"
#include "base/text.h"
#include "metric/metric.h"
#include "store/fetch.h"
#include "store/gate.h"

#include <stdatomic.h>
#include <unistd.h>

#define CONFIRMS_MAX 256
#define PAUSE_NS     (60 * NS_PER_S)
#define CHANGE_NS    (2 * NS_PER_S) /* for the new version to arrive */
#define BUDGET_NS    (30 * NS_PER_S)

struct confirm {
	struct confirms *all;
	struct store *store;
	char *key, *named, *checksum; /* owned; all but the key may be NULL */
	enum form form;
	struct object_id id;
	uint64_t generation; /* from before it was asked */
	struct object_head have;
	LIST_ENTRY(confirm) place; /* in the list of all, once it has started */
	struct loop_task start;
	struct fetch *fetch; /* NULL: it has been answered */
	struct loop_timer forget;
	struct pool_job job; /* changes the file as the answer says */
	struct loop_task job_done;
	bool remove;
	bool anew;       /* fetched once it has gone */
	bool spelled;    /* it is asked for as the store spells it: a miss is one of the object */
	bool missing;    /* it is asked whether it is still missing */
	bool without;    /* it is asked without the checksum, with which it is missing */
	uint64_t ticket; /* then, for the miss */
};

struct confirms {
	struct loop *loop;
	struct cache *cache;
	struct pool *pool;
	confirm_changed *changed;
	void *ud;
	LIST_HEAD(, confirm) list; /* the loop's */
	atomic_size_t n;           /* allocated */
	bool closing;
};

struct confirms *confirms_new(struct loop *loop, struct cache *cache, struct pool *pool,
			      confirm_changed *changed, void *ud)
{
	struct confirms *all = xnew(struct confirms);

	all->loop = loop;
	all->cache = cache;
	all->pool = pool;
	all->changed = changed;
	all->ud = ud;
	return all;
}

static void confirm_free(struct confirm *q)
{
	if (LIST_IS_IN(q, place))
		LIST_REMOVE(q, place);
	atomic_fetch_sub(&q->all->n, 1);
	free(q->key);
	free(q->named);
	free(q->checksum);
	free(q);
}

void confirms_free(struct confirms *all)
{
	while (all && !LIST_EMPTY(&all->list))
		confirm_free(LIST_FIRST(&all->list));
	free(all);
}

static void forget(struct loop_timer *timer)
{
	confirm_free(CONTAINER_OF(timer, struct confirm, forget));
}

static void forget_in(struct confirm *q, int64_t ns)
{
	fetch_free(TAKE(q->fetch));
	q->forget.due = forget;
	loop_timer_set(q->all->loop, &q->forget, clock_mono_ns() + ns);
}

/* ---- the answer ---- */

/*
 * Has it been purged since it was asked about? Then the file that is there now is another one, and
 * stays as it is.
 */
static bool is_outdated(const struct confirm *q)
{
	return q->generation !=
	       cache_generation(q->all->cache, q->store, slice_of(q->key), q->named);
}

/* On a worker. */
static void change_file(struct pool_job *job)
{
	struct confirm *q = CONTAINER_OF(job, struct confirm, job);
	struct disk_object o;
	struct error e;

	if (q->remove && !is_outdated(q))
		(void)!disk_remove(cache_disk(q->all->cache), &q->id, &e);
	else if (!q->remove && disk_find(cache_disk(q->all->cache), &q->id, &o, &e) == DISK_HIT) {
		if (!is_outdated(q))
			disk_touch_checked(o.fd);
		close(o.fd);
	}
	loop_post(q->all->loop, &q->job_done);
}

/* As the store is asked. */
static const char *checksum_of(const struct confirm *q)
{
	return q->without ? NULL : q->checksum;
}

static void tell_changed(struct confirm *q)
{
	const struct confirm_request r = {q->store, slice_of(q->key), q->form, q->named,
					  checksum_of(q)};

	metric_inc(confirms_changed);
	q->all->changed(q->all->ud, &r);
	forget_in(q, CHANGE_NS);
}

static void file_changed(struct loop_task *task)
{
	struct confirm *q = CONTAINER_OF(task, struct confirm, job_done);

	if (q->anew)
		tell_changed(q);
	else
		forget_in(q, 0);
}

static void change(struct confirm *q, bool remove)
{
	q->remove = remove;
	q->job.run = change_file;
	q->job_done.run = file_changed;
	fetch_free(TAKE(q->fetch));
	if (pool_submit(q->all->pool, &q->job) != OK)
		forget_in(q, PAUSE_NS);
}

/*
 * The store may no longer send MSFZ: then the new version is of FORM_STORED, which is another file
 * and does not replace this one. So a file of FORM_MSFZ is removed first.
 */
static void replace(struct confirm *q)
{
	q->anew = q->form == FORM_MSFZ;
	if (q->anew)
		change(q, true);
	else
		tell_changed(q);
}

static void ask_for_object(struct confirm *q);

/*
 * The checksum that a client sends may be wrong: a miss for it does not mean that the object is
 * gone for other clients.
 */
static bool asks_without_checksum(struct confirm *q)
{
	if (!checksum_of(q) || !q->store->traits.checksums)
		return false;
	q->without = true;
	fetch_free(TAKE(q->fetch));
	ask_for_object(q);
	return true;
}

static void object_answered(void *ud, enum fetch_result result, const struct object_head *head,
			    const struct error *e)
{
	struct confirm *q = ud;

	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	if (is_outdated(q)) {
		forget_in(q, 0);
		return;
	}
	switch (result) {
	case FETCH_FOUND:
		if (!form_is_current(q->form, &q->have, head)) {
			replace(q);
			return;
		}
		metric_inc(confirms_same);
		change(q, false);
		return;
	case FETCH_MISS:
		if (!q->spelled)
			break;
		if (asks_without_checksum(q))
			return;
		metric_inc(confirms_gone);
		change(q, true);
		return;
	case FETCH_DENIED:
	case FETCH_REFUSED:
	case FETCH_UNSATISFIABLE:
	case FETCH_FAULT: break;
	}
	metric_inc(confirms_failed);
	forget_in(q, PAUSE_NS);
}

static void ask_for_object(struct confirm *q)
{
	const struct fetch_request r = {
		.store = q->store,
		.key = slice_of(q->key),
		.head = true,
		.checksum = checksum_of(q),
		.msfz = q->form == FORM_MSFZ,
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
	};

	q->fetch = fetch_start(&r, NULL, object_answered, q);
}

/* ---- a miss ---- */

static void miss_answered(void *ud, enum fetch_result result, const struct object_head *head,
			  const struct error *e)
{
	struct confirm *q = ud;

	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	if (fetch_is_miss(result))
		cache_note_miss(q->all->cache, q->store,
				&(struct miss_asked){slice_of(q->key), q->form, NULL, q->checksum,
						     q->ticket},
				result);
	else if (result != FETCH_FAULT)
		cache_note_found(q->all->cache, q->store, slice_of(q->key), q->checksum);
	forget_in(q, result == FETCH_FAULT ? PAUSE_NS : 0);
}

/* By a GET of one byte: an error to a HEAD may have to be asked for again. */
static void ask_for_miss(struct confirm *q)
{
	static const struct fetch_sink none = {0};
	const struct fetch_request r = {
		.store = q->store,
		.key = slice_of(q->key),
		.ranged = true,
		.or_whole = true,
		.no_length = true,
		.checksum = q->checksum,
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
	};

	q->ticket = cache_miss_ticket(q->all->cache, q->store, slice_of(q->key));
	q->fetch = fetch_start(&r, &none, miss_answered, q);
}

/* ---- the question ---- */

static bool is_asked(const struct confirms *all, const struct confirm *as)
{
	const struct confirm *q;

	LIST_FOREACH (q, &all->list, place)
		if (q->missing == as->missing && text_same(q->checksum, as->checksum) &&
		    memcmp(&q->id, &as->id, sizeof(q->id)) == 0)
			return true;
	return false;
}

static void start(struct loop_task *task)
{
	struct confirm *q = CONTAINER_OF(task, struct confirm, start);

	if (q->all->closing || is_asked(q->all, q) ||
	    !gate_admits(q->store, question_of(slice_of(q->key)))) {
		confirm_free(q);
		return;
	}
	LIST_INSERT_HEAD(&q->all->list, q, place);
	q->generation = cache_generation(q->all->cache, q->store, slice_of(q->key), q->named);
	if (q->missing)
		ask_for_miss(q);
	else
		ask_for_object(q);
}

/* NULL: too many are asked already. */
static struct confirm *confirm_new(struct confirms *all, const struct confirm_request *r)
{
	struct confirm *q;

	if (atomic_fetch_add(&all->n, 1) >= CONFIRMS_MAX) {
		atomic_fetch_sub(&all->n, 1);
		return NULL;
	}
	q = xnew(struct confirm);
	q->all = all;
	q->store = r->store;
	q->key = xstrndup(r->key.p, r->key.n);
	q->form = r->form;
	q->named = r->named ? xstrdup(r->named) : NULL;
	/* Where it makes no difference, all ask the same. */
	if (r->checksum && r->store->traits.checksums)
		q->checksum = xstrdup(r->checksum);
	q->id = cache_id(all->cache, r->store, r->key, r->form, r->named);
	q->start.run = start;
	return q;
}

void confirm_start(struct confirms *all, const struct confirm_request *r,
		   const struct object_head *head, bool spelled)
{
	struct confirm *q = confirm_new(all, r);

	if (!q)
		return;
	q->have = *head;
	q->spelled = spelled;
	loop_post(all->loop, &q->start);
}

void confirm_missing(struct confirms *all, const struct confirm_request *r)
{
	struct confirm *q = confirm_new(all, r);

	if (!q)
		return;
	q->missing = true;
	loop_post(all->loop, &q->start);
}

bool confirm_find(struct confirms *all, const struct confirm_request *r, struct cache_object *ret)
{
	struct confirm_request as_stored = *r;

	if (!cache_find(all->cache, r->store, r->key, r->form, r->named, ret))
		return false;
	if (ret->spelled)
		as_stored.key = slice_of(ret->key);
	if (!ret->fresh_ns)
		confirm_start(all, &as_stored, &ret->head, ret->spelled || !r->store->traits.folds);
	return true;
}

void confirms_abort(struct confirms *all)
{
	struct confirm *q;

	all->closing = true;
	LIST_FOREACH (q, &all->list, place)
		if (q->fetch)
			forget_in(q, 0);
}
