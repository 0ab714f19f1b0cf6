// SPDX-License-Identifier: MIT
/*
 * See maker.h: the loop's side of a maker, which starts, cancels and frees it and hears of its
 * progress. Apart from maker_run.c because no line here runs on the maker's thread, and none there
 * on the loop's. The tasks that the thread posts come in the order of posting, so that `ended` is
 * the last of all and the maker can be freed in it.
 */
#include "flight/maker_priv.h"
#include "metric/metric.h"

static void tell_began(struct loop_task *task)
{
	struct maker *m = CONTAINER_OF(task, struct maker, began_task);

	if (!atomic_load(&m->cancelled))
		m->request.began(m->request.ud);
}

static void tell_grew(struct loop_task *task)
{
	struct maker *m = CONTAINER_OF(task, struct maker, grew_task);

	if (!atomic_load(&m->cancelled))
		m->request.grew(m->request.ud);
}

static enum maker_end end_of(const struct maker *m)
{
	if (m->proof.other)
		return MAKER_WRONG;
	if (m->none)
		return MAKER_NONE;
	return m->failure.code ? MAKER_FAILED : MAKER_MADE;
}

static void tell_ended(struct loop_task *task)
{
	struct maker *m = CONTAINER_OF(task, struct maker, ended_task);

	metric_dec(active_decoders);
	m->request.ended(m->request.ud, end_of(m));
}

/* On the loop's thread, as all of a fill's calls. */
static void wake(struct fill_waiter *w)
{
	struct maker *m = CONTAINER_OF(w, struct maker, wait);

	sem_post(&m->woken);
}

enum err maker_start(const struct maker_request *r, struct maker **ret, struct error *e)
{
	struct maker *m = xnew(struct maker);

	m->request = *r;
	m->input = r->input;
	m->job.run = maker_run;
	m->began_task.run = tell_began;
	m->grew_task.run = tell_grew;
	m->ended_task.run = tell_ended;
	m->wait.ready = wake;
	m->wait.ahead = true;
	m->fd = -1;
	m->length = -1;
	atomic_store(&m->most, INT64_MAX);
	sem_init(&m->woken, 0, 0);
	if (r->named)
		proof_begin(&m->proof, r->named);
	if (pool_submit(r->input.fill ? r->flights->makers : r->flights->file_makers, &m->job) !=
	    OK) {
		metric_inc(refused_decoders);
		maker_free(m);
		return err_set(e, ERR_BUSY, "too many files wait to be decoded");
	}
	metric_inc(active_decoders);
	*ret = m;
	return OK;
}

/* The thread looks whether it was nudged once it is registered; so one of us sees the other. */
static void nudge(struct maker *m)
{
	atomic_store(&m->nudged, true);
	if (m->request.input.fill && fill_unwait(m->request.input.fill, &m->wait))
		sem_post(&m->woken);
}

void maker_cancel(struct maker *m)
{
	atomic_store(&m->cancelled, true);
	nudge(m);
}

void maker_end_beyond(struct maker *m, int64_t bytes)
{
	atomic_store(&m->most, bytes);
}

void maker_tell_tail(struct maker *m, const char tail[static MAKER_TAIL])
{
	memcpy(m->tail, tail, MAKER_TAIL);
	atomic_store(&m->tail_known, true);
	nudge(m);
}

void maker_free(struct maker *m)
{
	draft_free(m->draft);
	draft_free(m->middle);
	if (m->admitted)
		evict_promise_end(cache_evict(m->request.flights->cache), m->admitted, 0);
	proof_fini(&m->proof);
	sem_destroy(&m->woken);
	free(m);
}

int64_t maker_promised(struct maker *m)
{
	int64_t bytes = m->admitted;

	m->admitted = 0;
	return bytes;
}

int64_t maker_length(const struct maker *m)
{
	return m->length;
}

int64_t maker_made(const struct maker *m)
{
	return atomic_load(&m->made);
}

struct draft *maker_draft(struct maker *m, bool *ret_scratch)
{
	*ret_scratch = m->scratch;
	return TAKE(m->draft);
}

const struct error *maker_failure(const struct maker *m)
{
	return &m->failure;
}

bool maker_broke_promise(const struct maker *m)
{
	return m->broke_promise;
}

bool maker_is_in_vain(const struct maker *m)
{
	return m->in_vain;
}
