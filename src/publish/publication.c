// SPDX-License-Identifier: MIT
/*
 * See publication.h. One step begins the next; in brackets, only where removals ran.
 *
 *	begin_soon, locked, begin, planned, counted, begin_files [, wait_for_removals, counted_again, begin_files],
 *	close_it, closed, looked_for_gone, end
 */
#include "publish/publication.h"

#include "base/clock.h"
#include "publish/removals.h"
#include "publish/small.h"
#include "publish/store_lock.h"

#include <stdio.h>

#define POLL_NS (5 * NS_PER_S)
/* So many files in a row that the store did not take, and it takes none: for each upload that runs, up to some. */
#define FAILURES_PER_UPLOAD 2
#define FAILURES_MAX        128

struct slot {
	struct publication *of;
	struct upload *upload;
	size_t which;
};

struct publication {
	struct publication_request r;
	struct publication_events events;
	void *ud;
	struct done done;
	struct publication_result result;

	struct slot slot[PUBLICATION_UPLOADS_MAX]; /* r.looks of them */
	struct upload_turns turns;
	size_t next; /* of the plan's files */
	unsigned running, at_once, failed_in_a_row;
	bool again; /* each key is looked at once more */

	struct store_lock *lock;
	struct small *small;
	struct removals *removals;
	size_t waits_for;  /* removals, as told last */
	bool any_removals; /* there were some when the plan had been written */
	struct loop_timer timer;
	bool ending;
	struct error error;
};

static struct loop *loop_of(const struct publication *p)
{
	return p->r.store->ctx->loop;
}

/* ---- the end ---- */

static void end(struct publication *p)
{
	struct publication_events events = p->events;
	struct error e = p->error;
	void *ud = p->ud;

	store_lock_free(p->lock);
	loop_timer_stop(loop_of(p), &p->timer);
	p->result.done = p->done;
	p->result.stored_bytes = p->done.stored_bytes;
	for (size_t i = 0; i < p->done.files; i++)
		p->result.n[p->done.outcome[i]]++;
	events.done(ud, &p->result, e.code ? &e : NULL);
	done_fini(&p->done);
	free(p);
}

static void end_soon(struct loop_timer *timer)
{
	end(CONTAINER_OF(timer, struct publication, timer));
}

/* Uploads come back one by one; with the last of them it is over. */
static void break_off(struct publication *p, const struct error *e)
{
	if (p->ending)
		return;
	p->ending = true;
	p->error = *e;
	small_cancel(p->small);
	p->small = NULL;
	removals_cancel(p->removals);
	p->removals = NULL;
	for (size_t i = 0; i < p->r.looks; i++)
		if (p->slot[i].upload)
			upload_stop(p->slot[i].upload);
	p->timer.due = end_soon;
	if (!p->running)
		loop_timer_set(loop_of(p), &p->timer, 0);
	else
		loop_timer_stop(loop_of(p), &p->timer);
}

/* ---- what is beside the files ---- */

static struct small *put(struct publication *p, enum tx_object which, struct buf *text,
			 small_was_put *done)
{
	struct buf key CLEANUP(buf_fini) = BUF_MAX(256);

	tx_key_add(&p->r.plan->id, which, &key);
	return small_put(p->r.store, buf_slice(&key), text, done, p);
}

static void looked_for_gone(void *ud, struct buf *bytes, const struct error *e)
{
	struct publication *p = ud;

	p->small = NULL;
	if (e)
		p->error = *e;
	p->result.gone = bytes != NULL;
	end(p);
}

static void closed(void *ud, const struct error *e)
{
	struct publication *p = ud;
	struct buf key CLEANUP(buf_fini) = BUF_MAX(256);

	p->small = NULL;
	if (e) {
		p->error = *e;
		end(p);
		return;
	}
	p->result.ended = true;
	tx_key_add(&p->r.plan->id, TX_GONE, &key);
	p->small = small_get(p->r.store, buf_slice(&key), GONE_SIZE_MAX, looked_for_gone, p);
}

static void close_it(struct publication *p)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(DONE_SIZE_MAX);
	struct error e;

	if (p->r.dry_run) {
		p->timer.due = end_soon;
		loop_timer_set(loop_of(p), &p->timer, 0);
		return;
	}
	p->done.ended_s = clock_wall_s();
	if (done_write(&p->done, &text, &e) == OK)
		p->small = put(p, TX_DONE, &text, closed);
	else
		break_off(p, &e);
}

/* ---- the files ---- */

static void begin_files(struct publication *p);

static bool is_of_the_store(const struct upload_result *r)
{
	return r->outcome == OUTCOME_FAILED && !r->refused &&
	       (r->err == ERR_NET || r->err == ERR_TIMEOUT || r->err == ERR_UPSTREAM ||
		r->err == ERR_DENIED);
}

static void note(struct publication *p, size_t which, const struct upload_result *r)
{
	uint8_t *outcome = &p->done.outcome[which];
	bool is_new = *outcome == OUTCOME_OPEN;

	if (r->outcome == OUTCOME_STORED && *outcome != OUTCOME_STORED)
		p->done.stored_bytes += r->stored_bytes;
	if (is_new || r->outcome != OUTCOME_EXISTED)
		*outcome = (uint8_t)r->outcome;
	if (is_new || r->outcome == OUTCOME_FAILED || r->outcome == OUTCOME_CONFLICT)
		p->events.file_done(p->ud, which, r);
}

/* One more after each that exists; with the first that does not, no more than are uploaded. */
static void set_pace(struct publication *p, enum outcome outcome)
{
	if (outcome == OUTCOME_EXISTED)
		p->at_once = MIN(p->at_once + 1, p->r.looks);
	else
		p->at_once = p->r.uploads;
}

static void file_ended(void *ud, const struct upload_result *r)
{
	struct slot *s = ud;
	struct publication *p = s->of;
	struct error e;

	s->upload = NULL;
	p->running--;
	if (r->outcome != OUTCOME_OPEN)
		note(p, s->which, r);
	if (is_of_the_store(r))
		p->failed_in_a_row++;
	else
		p->failed_in_a_row = 0;
	set_pace(p, r->outcome);
	if (p->ending && !p->running) {
		end(p);
	} else if (!p->ending &&
		   p->failed_in_a_row >= MIN(FAILURES_PER_UPLOAD * p->r.uploads, FAILURES_MAX)) {
		err_set(&e, r->err, "%s", r->why);
		break_off(p, &e);
	} else if (!p->ending) {
		begin_files(p);
	}
}

/* Once more only what lies there, or lay there. */
static bool is_wanted(const struct publication *p, size_t which)
{
	uint8_t outcome = p->done.outcome[which];

	return !p->again || outcome == OUTCOME_STORED || outcome == OUTCOME_EXISTED;
}

static void begin_file(struct publication *p, struct slot *s)
{
	const struct upload_request request = {.store = p->r.store,
					       .plan = p->r.plan,
					       .which = p->next,
					       .bodies = p->r.bodies,
					       .pool = p->r.pool,
					       .turns = &p->turns,
					       .how = &p->r.how,
					       .force = p->r.force && !p->again,
					       .replaces_unsigned = p->r.replaces_unsigned,
					       .dry_run = p->r.dry_run};

	s->of = p;
	s->which = p->next++;
	p->running++;
	s->upload = upload_start(&request, file_ended, s);
}

static void wait_for_removals(struct publication *p);

static void begin_files(struct publication *p)
{
	for (size_t i = 0; i < p->r.looks && p->running < p->at_once; i++) {
		while (p->next < p->r.plan->files && !is_wanted(p, p->next))
			p->next++;
		if (p->next < p->r.plan->files && !p->slot[i].upload)
			begin_file(p, &p->slot[i]);
	}
	if (p->running)
		return;
	if (p->any_removals && !p->again)
		wait_for_removals(p);
	else
		close_it(p);
}

/* ---- removals ---- */

static void counted_again(void *ud, size_t running, const struct error *e);

static void look_again(struct loop_timer *timer)
{
	wait_for_removals(CONTAINER_OF(timer, struct publication, timer));
}

static void wait_for_removals(struct publication *p)
{
	p->removals = removals_count(p->r.store, counted_again, p);
}

static void counted_again(void *ud, size_t running, const struct error *e)
{
	struct publication *p = ud;

	p->removals = NULL;
	if (e) {
		break_off(p, e);
	} else if (running) {
		if (p->events.waiting && running != p->waits_for)
			p->events.waiting(p->ud, running);
		p->waits_for = running;
		p->timer.due = look_again;
		loop_timer_set(loop_of(p), &p->timer, clock_mono_ns() + POLL_NS);
	} else {
		p->again = true;
		p->next = 0;
		begin_files(p);
	}
}

static void counted(void *ud, size_t running, const struct error *e)
{
	struct publication *p = ud;

	p->removals = NULL;
	if (e) {
		break_off(p, e);
		return;
	}
	p->any_removals = running > 0;
	begin_files(p);
}

/* ---- the beginning ---- */

static void planned(void *ud, const struct error *e)
{
	struct publication *p = ud;

	p->small = NULL;
	if (e) {
		break_off(p, e);
		return;
	}
	p->result.any_written = true;
	if (p->r.store->traits.local)
		begin_files(p);
	else
		p->removals = removals_count(p->r.store, counted, p);
}

static void begin(struct publication *p)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(PLAN_SIZE_MAX);
	struct error e;

	if (p->r.dry_run)
		begin_files(p);
	else if (p->r.resume)
		planned(p, NULL);
	else if (plan_write(p->r.plan, &text, &e) == OK)
		p->small = put(p, TX_PLAN, &text, planned);
	else
		break_off(p, &e);
}

static void locked(void *ud, const struct error *e)
{
	struct publication *p = ud;

	if (p->ending)
		return;
	if (e)
		break_off(p, e);
	else
		begin(p);
}

static void begin_soon(struct loop_timer *timer)
{
	struct publication *p = CONTAINER_OF(timer, struct publication, timer);

	if (p->r.store->traits.local && !p->r.dry_run)
		p->lock = store_lock_start(p->r.store, false, locked, p);
	else
		begin(p);
}

struct publication *publication_start(const struct publication_request *request,
				      const struct publication_events *events, void *ud)
{
	struct publication *p = xnew(struct publication);

	ASSERT(request->uploads > 0 && request->uploads <= PUBLICATION_UPLOADS_MAX &&
	       request->looks <= PUBLICATION_UPLOADS_MAX);
	*p = (struct publication){
		.r = *request, .events = *events, .ud = ud, .timer.due = begin_soon};
	p->done = done_of(request->plan->files);
	p->r.looks = MAX(request->looks, request->uploads);
	p->turns.left = p->at_once = request->uploads;
	TAILQ_INIT(&p->turns.waiting);
	loop_timer_set(loop_of(p), &p->timer, 0);
	return p;
}

void publication_stop(struct publication *p)
{
	struct error e;

	err_set(&e, ERR_CANCELED, "it was stopped");
	break_off(p, &e);
}
