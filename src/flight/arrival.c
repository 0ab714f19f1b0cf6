// SPDX-License-Identifier: MIT
/*
 * See arrival.h. Write-behind: the loop's thread must not wait for the disk. Bytes go into the half
 * of a buffer that is being filled; a worker writes the other half to the draft; then they change
 * places. While the worker is slow the half fills up, and the fetch is paused. Small objects stay
 * in memory.
 */
#include "base/clock.h"
#include "base/file.h"
#include "flight/flight_priv.h"
#include "metric/metric.h"
#include "store/halves.h"

#include <errno.h>

#define PART_MIN       (INT64_C(1) << 20)
#define PART_BUDGET_NS (8 * NS_PER_S)

struct part {
	struct flight *flight;
	LIST_ENTRY(part) place; /* in flight->arrival.parts */
	int64_t first, end;     /* end: set once it is known */
	int64_t stored;         /* reported to the fill */
	int64_t reserved;       /* space on the disk, up to here; the job's */
	struct fetch *fetch;    /* NULL once it has ended */
	bool asking;            /* it is the flight's first question */
	struct halves halves;
	bool paused; /* the fetch was told to pause */
	struct pool_job job;
	struct loop_task written;
	struct error failure; /* of the job */
};

static void part_done(struct part *p);

static struct part *part_new(struct flight *f, int64_t first, int64_t end)
{
	struct part *p = xnew(struct part);

	p->flight = f;
	p->first = p->stored = first;
	p->end = end;
	LIST_INSERT_HEAD(&f->arrival.parts, p, place);
	f->arrival.n_parts++;
	return p;
}

static void part_free(struct part *p)
{
	halves_fini(&p->halves);
	free(p);
}

/* Out of the flight; freed now, or when its job is back. */
static void part_drop(struct part *p)
{
	ASSERT(LIST_IS_IN(p, place));
	fetch_free(TAKE(p->fetch));
	LIST_LEAVE(p, place);
	p->flight->arrival.n_parts--;
	if (!p->halves.writing)
		part_free(p);
}

void arrival_drop(struct flight *f)
{
	while (!LIST_EMPTY(&f->arrival.parts))
		part_drop(LIST_FIRST(&f->arrival.parts));
}

/* ---- write-behind ---- */

/* Reserve a step more than is written now, within the part. */
static bool reserve(struct part *p, int64_t end)
{
	struct flight *f = p->flight;
	int64_t from = MAX(p->reserved, p->stored);

	if (!f->keep.step || end <= p->reserved)
		return true;
	p->reserved = MAX(end, MIN(from + f->keep.step, p->end));
	return draft_reserve(f->keep.draft, from, p->reserved - from, &p->failure) == OK;
}

/* On a worker. */
static void write_half(struct pool_job *job)
{
	struct part *p = CONTAINER_OF(job, struct part, job);
	struct slice bytes = halves_full(&p->halves);

	if (reserve(p, p->stored + (int64_t)bytes.n) &&
	    !file_write_at(draft_fd(p->flight->keep.draft), bytes, OBJECT_HEADER_SIZE + p->stored))
		err_sys(&p->failure, ERR_IO, "cannot write to the cache");
	loop_post(p->flight->all->loop, &p->written);
}

static void half_written(struct loop_task *task);

/* Give the half that was being filled to a worker, if it is time. False: it has no room. */
static bool turn_halves(struct part *p)
{
	struct flight *f = p->flight;

	if (!f->keep.drafted || !halves_turn(&p->halves))
		return true;
	p->job.run = write_half;
	p->written.run = half_written;
	flight_hold(f);
	if (pool_submit(f->all->pool, &p->job) == OK)
		return true;
	flight_let_go(f);
	halves_written(&p->halves);
	return false;
}

static void cannot_submit(struct flight *f)
{
	struct error e;

	err_set(&e, ERR_BUSY, "too much waits to be written to the cache");
	f->events->disk_failed(f, &e);
}

static void report_stored(struct part *p)
{
	int64_t n = (int64_t)halves_full(&p->halves).n;

	p->stored += n;
	keep_arrived(p->flight, n);
	fill_stored(p->flight->fill, p->first, p->stored);
}

/* The part may be gone afterwards: a fetch that is resumed may bring more at once, or fail. */
static void go_on(struct part *p)
{
	struct flight *f = p->flight;

	if (!turn_halves(p)) {
		cannot_submit(f);
	} else if (!p->fetch && p->stored == p->end) {
		part_done(p);
	} else if (p->fetch && p->paused && halves_have_room(&p->halves)) {
		p->paused = false;
		fetch_resume(p->fetch);
	}
}

static void half_written(struct loop_task *task)
{
	struct part *p = CONTAINER_OF(task, struct part, written);
	struct flight *f = p->flight;

	if (LIST_IS_IN(p, place) && p->failure.code)
		f->events->disk_failed(f, &p->failure);
	else if (LIST_IS_IN(p, place))
		report_stored(p);
	halves_written(&p->halves);
	if (LIST_IS_IN(p, place))
		go_on(p);
	else
		part_free(p);
	proving_advance(f);
	flight_let_go(f);
}

void arrival_flush(struct flight *f)
{
	struct part *p;

	LIST_FOREACH (p, &f->arrival.parts, place) {
		if (!turn_halves(p)) {
			cannot_submit(f);
			return;
		}
	}
}

/* ---- the sink of a part's fetch ---- */

static enum err part_begin(void *ud, const struct object_head *head, struct error *e)
{
	struct part *p = ud;
	struct flight *f = p->flight;
	enum err err;

	if (!p->asking)
		return OK;
	flight_hold(f);
	err = f->events->begin(f, head, e);
	if (f->phase == FLIGHT_UNDER_WAY)
		p->end = head->length;
	flight_let_go(f);
	return err;
}

static bool take_bytes(struct part *p, struct slice data)
{
	struct flight *f = p->flight;
	struct error e;

	if (f->phase == FLIGHT_PRESENCE)
		return true;
	f->received += (int64_t)data.n;
	if (p->asking)
		proving_look(f, data);
	if (f->small)
		return fill_write(f->fill, data);
	if (!halves_add(&p->halves, data)) {
		err_set(&e, ERR_LIMIT, "more bytes came than were asked for before the pause");
		fetch_fail(p->fetch, &e);
		return true;
	}
	if (!turn_halves(p)) {
		cannot_submit(f);
		return true;
	}
	p->paused = !halves_have_room(&p->halves);
	return !p->paused;
}

static bool part_write(void *ud, struct slice data)
{
	struct part *p = ud;
	struct flight *f = p->flight;
	bool go_on;

	flight_hold(f);
	go_on = take_bytes(p, data);
	flight_let_go(f);
	return go_on;
}

static bool part_may_write(void *ud)
{
	const struct part *p = ud;

	return !p->paused;
}

static void part_end(void *ud, const struct error *e)
{
	struct part *p = ud;
	struct flight *f = p->flight;

	flight_hold(f);
	if (e)
		f->events->torn(f, e, f->whole || p->end - p->first < f->head.total);
	else
		fetch_free(TAKE(p->fetch));
	if (!e && (f->small || p->stored == p->end))
		part_done(p);
	flight_let_go(f);
}

static const struct fetch_sink part_sink = {part_begin, part_write, part_may_write, part_end};

/* All of it is stored. */
static void part_done(struct part *p)
{
	struct flight *f = p->flight;

	part_drop(p);
	arrival_start(f);
}

/* ---- asking ---- */

static void first_answered(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e)
{
	struct flight *f = ((struct part *)ud)->flight;

	flight_hold(f);
	f->events->answered(f, result, head, e);
	flight_let_go(f);
}

void arrival_ask(struct flight *f)
{
	struct part *p = part_new(f, 0, 0);
	bool presence = f->phase == FLIGHT_PRESENCE;
	struct fetch_request r = {
		.store = f->store,
		.key = slice_of(f->key),
		.ranged = !f->unranged && (presence || !f->whole),
		.or_whole = true,
		.no_length = presence,
		.range = {0, presence ? 0 : f->all->settings.fetch_block - 1},
		.via = f->via,
		.checksum = f->checksum,
		.msfz = f->form == FORM_MSFZ,
		.asker = f->asker,
		.deadline_ns = f->deadline_ns,
		.patient = f->patient,
	};

	p->asking = true;
	p->fetch = fetch_start(&r, &part_sink, first_answered, p);
}

/*
 * No transfer was free for the part: its bytes are fetched once another part is done, or, if there
 * is no other, by a part that goes on.
 */
static void put_back(struct part *p)
{
	fill_remove_part(p->flight->fill, p->first);
	part_drop(p);
}

/* A part of a version that is known to be there: any other answer than that part is a failure. */
static void part_decided(void *ud, enum fetch_result result, const struct object_head *head,
			 const struct error *e)
{
	struct part *p = ud;
	struct flight *f = p->flight;

	if (result == FETCH_FOUND)
		return;
	ASSERT(result == FETCH_FAULT); /* that of a pinned fetch */
	flight_hold(f);
	if (e->code == ERR_BUSY) {
		put_back(p);
		if (f->arrival.n_parts == 0)
			arrival_start(f);
	} else {
		f->events->torn(f, e, true);
	}
	flight_let_go(f);
}

/*
 * A flight's only part goes on with a body that has been promised to clients (goes_on); further
 * parts are there for more speed alone.
 */
static void start_part(struct flight *f, int64_t first, int64_t end)
{
	bool only = f->arrival.n_parts == 0;
	struct part *p = part_new(f, first, end);
	struct fetch_request r = {
		.store = f->store,
		.key = slice_of(f->key),
		.ranged = true,
		.range = {first, end - 1},
		.pin = &f->head,
		.via = f->via,
		.checksum = f->checksum,
		.msfz = f->form == FORM_MSFZ,
		.asker = f->asker,
		.goes_on = only,
		.deadline_ns = clock_mono_ns() + PART_BUDGET_NS,
		.patient = f->patient,
	};

	fill_add_part(f->fill, first, end);
	metric_inc(fill_parts);
	p->fetch = fetch_start(&r, &part_sink, part_decided, p);
}

/* Bytes that no part has yet. */
static int64_t unassigned(struct flight *f)
{
	int64_t sum = 0, end = 0, first;

	while ((first = fill_first_gap(f->fill, end, &end)) < f->head.total)
		sum += end - first;
	return sum;
}

/* A block, or, when all connections together would ask for the rest, an even share of that. */
static int64_t chunk_of(struct flight *f)
{
	int64_t block = f->all->settings.fetch_block;
	int64_t connections = f->all->settings.fetch_parallel;
	int64_t rest = unassigned(f);

	if (f->arrival.n_parts == 1 && LIST_FIRST(&f->arrival.parts)->asking)
		connections = MAX(connections - 1, 1); /* it is the start: one is busy for long */
	if (!f->arrival.chunk && rest <= block * connections)
		f->arrival.chunk = MIN(block,
				       MAX((rest + connections - 1) / connections, PART_MIN));
	return f->arrival.chunk ? f->arrival.chunk : block;
}

/* The next run of bytes to fetch: where a reader waits, else the first that is missing. */
static bool next_gap(struct flight *f, int64_t wanted, int64_t *ret_first, int64_t *ret_end)
{
	*ret_first = fill_first_gap(f->fill, MAX(wanted, 0), ret_end);
	if (*ret_first >= f->head.total)
		*ret_first = fill_first_gap(f->fill, 0, ret_end);
	*ret_end = MIN(*ret_end, *ret_first + chunk_of(f));
	return *ret_first < f->head.total;
}

void arrival_start(struct flight *f)
{
	bool crowded = transfer_engine_crowded(f->store->ctx->engine);
	size_t parallel = crowded ? 1 : f->all->settings.fetch_parallel;
	int64_t wanted, first, end;

	if (!f->small && f->keep.spool < 0) {
		wanted = fill_wanted(f->fill);
		while (f->arrival.n_parts < parallel + (wanted >= 0) &&
		       next_gap(f, wanted, &first, &end)) {
			start_part(f, first, end);
			wanted = fill_wanted(f->fill);
		}
	}
	proving_advance(f);
}

static void wanted(struct loop_task *task)
{
	struct flight *f = CONTAINER_OF(task, struct flight, arrival.wanted);

	flight_hold(f);
	if (f->phase == FLIGHT_UNDER_WAY)
		arrival_start(f);
	flight_let_go(f);
}

void arrival_want(void *flight)
{
	struct flight *f = flight;

	loop_post(f->all->loop, &f->arrival.wanted);
}

void arrival_extend(struct flight *f)
{
	struct part *p = LIST_FIRST(&f->arrival.parts);

	if (p && p->fetch)
		fetch_extend(p->fetch, f->deadline_ns);
}

bool arrival_is_spooling(const struct flight *f)
{
	const struct part *p = LIST_FIRST(&f->arrival.parts);

	return p && p->fetch && fetch_is_spooling(p->fetch);
}

int64_t arrival_take_spool(struct flight *f)
{
	return fetch_take_spool(LIST_FIRST(&f->arrival.parts)->fetch);
}

void arrival_init(struct flight *f)
{
	f->arrival.wanted.run = wanted;
}
