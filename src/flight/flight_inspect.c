// SPDX-License-Identifier: MIT
/*
 * Is what a flight brings the file that its key names (inspect.h)? Mostly the beginning tells: then
 * nobody hears of the object before that. Of a PDB only the whole tells; a small one is waited for,
 * a larger one is delivered meanwhile, but for its tail. What turns out to be another file is a
 * miss, remembered as one.
 *
 * What a maker brings has been inspected by that.
 */
#include "flight/flight_priv.h"

/* The whole, on a worker. */
struct inspect_job {
	struct flight *flight;
	struct pool_job job;
	struct loop_task done;
};

static struct source source_of_flight(const struct flight *f, struct file_source *file,
				      struct slice *bytes)
{
	*bytes = f->small ? fill_bytes(f->fill) : SLICE_NONE;
	if (f->small)
		return source_of(bytes);
	*file = f->spool >= 0 ? (struct file_source){f->spool, f->spool_base}
			      : (struct file_source){draft_fd(f->draft), OBJECT_HEADER_SIZE};
	return file_source_of(file, f->head.total);
}

static void look_at_all(struct flight *f)
{
	struct file_source file;
	struct slice bytes;
	struct source source = source_of_flight(f, &file, &bytes);

	inspection_finish(&f->inspection, &source);
}

static bool is_there(const struct flight *f)
{
	return f->small ? f->received == f->head.total : fill_contiguous(f->fill) == f->head.total;
}

static void wrong(struct flight *f)
{
	struct file_source file;
	struct slice bytes;
	struct source source;

	if (is_there(f))
		source = source_of_flight(f, &file, &bytes);
	inspection_tell(&f->inspection, f->store->traits.name, is_there(f) ? &source : NULL);
	flight_is_other(f);
}

static void inspected(struct loop_timer *timer)
{
	struct flight *f = CONTAINER_OF(timer, struct flight, inspected);

	if (f->phase == GONE)
		return;
	flight_hold(f);
	if (f->inspection.wrong && f->phase == FLYING)
		wrong(f);
	else if (!f->told)
		flight_found(f);
	flight_let_go(f);
}

/* What is only made something of is inspected as that. */
static bool may_inspect(const struct flight *f)
{
	return f->all->settings.verify && f->form == FORM_STORED && f->takers &&
	       !f->head.encoding[0];
}

void flight_inspect_late(struct flight *f)
{
	if (f->phase != FLYING || f->inspection.path || !may_inspect(f))
		return;
	inspection_begin(&f->inspection, f->expect ? f->expect : f->key);
	f->inspection.whole = f->inspection.looking;
	f->inspection.looking = false;
}

bool flight_inspects(struct flight *f)
{
	if (!may_inspect(f))
		return false;
	inspection_begin(&f->inspection, f->expect ? f->expect : f->key);
	if (f->spool >= 0 && f->inspection.looking) {
		f->inspection.looking = false;
		look_at_all(f);
		if (f->inspection.wrong)
			wrong(f);
		return f->inspection.wrong;
	}
	return f->inspection.looking;
}

void flight_inspect(struct flight *f, struct slice bytes)
{
	inspection_feed(&f->inspection, bytes, f->head.total);
	/* A small one is waited for: what looks like another file may be damaged on its way. */
	if (!f->inspection.looking && !((f->inspection.whole || f->inspection.wrong) && f->small))
		loop_timer_set(f->all->loop, &f->inspected, 0); /* outside of the fetch's call */
}

/* ---- the whole ---- */

static void run_job(struct pool_job *job)
{
	struct inspect_job *j = CONTAINER_OF(job, struct inspect_job, job);

	look_at_all(j->flight);
	loop_post(j->flight->all->loop, &j->done);
}

static void job_done(struct loop_task *task)
{
	struct inspect_job *j = CONTAINER_OF(task, struct inspect_job, done);
	struct flight *f = j->flight;

	free(j);
	f->inspecting = false;
	landing_advance(f);
	flight_let_go(f);
}

/* Without a worker the file is let through: the alternative would be to fail what may be right. */
static bool start_job(struct flight *f)
{
	struct inspect_job *j = xnew(struct inspect_job);

	j->flight = f;
	j->job.run = run_job;
	j->done.run = job_done;
	if (pool_submit(f->all->pool, &j->job) != OK) {
		free(j);
		return false;
	}
	f->inspecting = true;
	flight_hold(f);
	return true;
}

bool flight_inspected(struct flight *f)
{
	struct inspection *in = &f->inspection;

	if (f->inspecting || (in->whole && !f->small && start_job(f)))
		return false;
	if (in->whole && f->small)
		look_at_all(f);
	if (in->wrong) {
		wrong(f);
		return false;
	}
	if (!f->told)
		flight_found(f);
	return f->phase == FLYING;
}

void flight_inspect_init(struct flight *f)
{
	f->inspected.due = inspected;
}
