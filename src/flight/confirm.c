// SPDX-License-Identifier: MIT
/*
 * See confirm.h. A bounded list of questions, which stay in it for PAUSE_NS after a store has not
 * answered them, so that a popular object is not asked about at every hit during an outage. A
 * full list asks no more: a stale hit comes again.
 *
 * An object that has changed is fetched anew by a flight, and replaced when that has landed.
 */
#include "flight/confirm.h"
#include "base/clock.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"

#define CONFIRMS_MAX 256
#define PAUSE_NS     (60 * NS_PER_S)
#define CHANGE_NS    (2 * NS_PER_S) /* for the new version to arrive */
#define BUDGET_NS    (30 * NS_PER_S)

struct confirm {
	struct confirms *all;
	struct flights *flights;
	struct store *store;
	char *key, *expect, *checksum; /* owned; all but the key may be NULL */
	enum form form;
	struct object_id id;
	uint64_t generation; /* from before it was asked */
	struct object_head have;
	struct confirm *next, **at; /* at == NULL: not in the list yet */
	struct loop_task start;
	struct fetch *fetch; /* NULL: it has been answered */
	struct loop_timer forget;
	struct seat seat;    /* of the flight that brings the new version */
	struct pool_job job; /* what the answer means for the file */
	struct loop_task job_done;
	bool remove;
	bool spelled;    /* it is asked for as the store spells it: a miss is one of the object */
	bool missing;    /* it is asked whether it is still missing */
	uint64_t ticket; /* then, for the miss */
};

struct confirms {
	struct confirm *first; /* the loop's */
	atomic_size_t n;       /* allocated */
	bool closing;
};

struct confirms *confirms_new(void)
{
	return xnew(struct confirms);
}

static void confirm_free(struct confirm *q)
{
	if (q->at) {
		*q->at = q->next;
		if (q->next)
			q->next->at = q->at;
	}
	atomic_fetch_sub(&q->all->n, 1);
	free(q->key);
	free(q->expect);
	free(q->checksum);
	free(q);
}

void confirms_free(struct confirms *all)
{
	while (all && all->first)
		confirm_free(all->first);
	free(all);
}

static void forget(struct loop_timer *timer)
{
	struct confirm *q = CONTAINER_OF(timer, struct confirm, forget);

	seat_leave(&q->seat);
	confirm_free(q);
}

static void forget_in(struct confirm *q, int64_t ns)
{
	fetch_free(TAKE(q->fetch));
	q->forget.due = forget;
	loop_timer_set(q->flights->loop, &q->forget, clock_mono_ns() + ns);
}

/* ---- the answer ---- */

/* Has it been purged since it was asked about? What is there now is none of our business. */
static bool is_outdated(const struct confirm *q)
{
	return q->generation !=
	       cache_generation(q->flights->cache, q->store, slice_of(q->key), q->expect);
}

/* On a worker. */
static void change_file(struct pool_job *job)
{
	struct confirm *q = CONTAINER_OF(job, struct confirm, job);
	struct disk_object o;
	struct error e;

	if (q->remove && !is_outdated(q))
		(void)!disk_remove(cache_disk(q->flights->cache), &q->id, &e);
	else if (!q->remove &&
		 disk_find(cache_disk(q->flights->cache), &q->id, &o, &e) == DISK_HIT) {
		if (!is_outdated(q))
			disk_touch_checked(o.fd);
		close(o.fd);
	}
	loop_post(q->flights->loop, &q->job_done);
}

static void file_changed(struct loop_task *task)
{
	struct confirm *q = CONTAINER_OF(task, struct confirm, job_done);

	forget_in(q, 0);
}

static void change(struct confirm *q, bool remove)
{
	q->remove = remove;
	q->job.run = change_file;
	q->job_done.run = file_changed;
	fetch_free(TAKE(q->fetch));
	if (pool_submit(q->flights->pool, &q->job) != OK)
		forget_in(q, PAUSE_NS);
}

static void flight_over(struct seat *s, enum fetch_result result, const struct object_head *head,
			const struct error *e)
{
}

static void flight_declined(struct seat *s)
{
}

static void fetch_anew(struct confirm *q)
{
	struct flight_request r = {
		.flights = q->flights,
		.store = q->store,
		.key = slice_of(q->key),
		.form = q->form,
		.expect = q->expect,
		.checksum = q->checksum,
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
		.patient = true, /* to be finished, though nobody waits */
		.anew = true,
	};

	metric_inc(confirms_changed);
	q->seat.decided = flight_over;
	q->seat.declined = flight_declined;
	q->seat.key = slice_of(q->key);
	q->seat.checksum = q->checksum;
	flights_forget_landed(q->flights, &q->id);
	if (seat_take(&r, &q->seat) == SEATED)
		seat_leave(&q->seat); /* it flies on */
	forget_in(q, CHANGE_NS);
}

static void answered(void *ud, enum fetch_result result, const struct object_head *head,
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
			fetch_anew(q);
			return;
		}
		metric_inc(confirms_same);
		change(q, false);
		return;
	case FETCH_MISS:
		if (!q->spelled)
			break;
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

/* ---- a miss ---- */

static void miss_answered(void *ud, enum fetch_result result, const struct object_head *head,
			  const struct error *e)
{
	struct confirm *q = ud;

	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	if (fetch_is_miss(result))
		cache_note_miss(q->flights->cache, q->store, slice_of(q->key), NULL, q->checksum,
				q->ticket, result);
	else if (result != FETCH_FAULT)
		cache_note_found(q->flights->cache, q->store, slice_of(q->key));
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

	q->ticket = cache_miss_ticket(q->flights->cache, q->store, slice_of(q->key));
	q->fetch = fetch_start(&r, &none, miss_answered, q);
}

/* ---- the question ---- */

static bool is_asked(const struct confirms *all, const struct confirm *as)
{
	for (const struct confirm *q = all->first; q; q = q->next)
		if (q->missing == as->missing && !q->checksum == !as->checksum &&
		    memcmp(&q->id, &as->id, sizeof(q->id)) == 0)
			return true;
	return false;
}

static void start(struct loop_task *task)
{
	struct confirm *q = CONTAINER_OF(task, struct confirm, start);
	struct fetch_request r = {
		.store = q->store,
		.key = slice_of(q->key),
		.head = true,
		.checksum = q->checksum,
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
	};

	if (q->all->closing || is_asked(q->all, q) ||
	    !gate_admits(q->store, question_of(slice_of(q->key)))) {
		confirm_free(q);
		return;
	}
	q->next = q->all->first;
	q->at = &q->all->first;
	if (q->next)
		q->next->at = &q->next;
	q->all->first = q;
	q->generation = cache_generation(q->flights->cache, q->store, slice_of(q->key), q->expect);
	if (q->missing)
		ask_for_miss(q);
	else
		q->fetch = fetch_start(&r, NULL, answered, q);
}

/* NULL: too many are asked already. */
static struct confirm *confirm_new(struct flights *flights, struct store *s, struct slice key,
				   enum form form, const char *expect, const char *checksum)
{
	struct confirm *q;

	if (atomic_fetch_add(&flights->confirms->n, 1) >= CONFIRMS_MAX) {
		atomic_fetch_sub(&flights->confirms->n, 1);
		return NULL;
	}
	q = xnew(struct confirm);
	q->all = flights->confirms;
	q->flights = flights;
	q->store = s;
	q->key = xstrndup(key.p, key.n);
	q->form = form;
	q->expect = expect ? xstrdup(expect) : NULL;
	q->checksum = checksum ? xstrdup(checksum) : NULL;
	q->id = cache_id(flights->cache, s, key, form, expect);
	q->start.run = start;
	return q;
}

void confirm_start(struct flights *flights, struct store *s, struct slice key, enum form form,
		   const char *expect, const char *checksum, const struct object_head *head,
		   bool spelled)
{
	struct confirm *q = confirm_new(flights, s, key, form, expect, checksum);

	if (!q)
		return;
	q->have = *head;
	q->spelled = spelled;
	loop_post(flights->loop, &q->start);
}

void flights_ask_again(struct flights *flights, struct store *s, struct slice key,
		       const char *checksum)
{
	struct confirm *q = confirm_new(flights, s, key, FORM_STORED, NULL, checksum);

	if (!q)
		return;
	q->missing = true;
	loop_post(flights->loop, &q->start);
}

void confirms_abort(struct confirms *all)
{
	all->closing = true;
	for (struct confirm *q = all->first; q; q = q->next) {
		if (q->fetch)
			forget_in(q, 0);
		seat_leave(&q->seat);
	}
}
