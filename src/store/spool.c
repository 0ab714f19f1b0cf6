// SPDX-License-Identifier: MIT
/* See spool.h. */
#include "store/spool.h"
#include "base/file.h"
#include "metric/metric.h"
#include "store/halves.h"

struct spool {
	struct loop *loop;
	struct pool *pool;
	struct spool_events events;
	void *ud;
	bool freed; /* by its owner, while a job runs */
	int fd;
	int64_t counted; /* file_temporary_grow(); the job's while one runs, as the next */
	int64_t stored;  /* bytes in the file */
	int64_t length;
	struct halves halves;
	bool paused, complete;
	struct error failure; /* of the job */
	struct pool_job job;
	struct loop_task advance;
};

/* On a worker. */
static void write_half(struct pool_job *job)
{
	struct spool *s = CONTAINER_OF(job, struct spool, job);
	const struct slice bytes = halves_full(&s->halves);
	int64_t end = s->stored + (int64_t)bytes.n;

	if (file_temporary_grow(s->fd, &s->counted, end, &s->failure) != OK)
		metric_inc(refused_spool);
	else if (!file_write_at(s->fd, bytes, s->stored))
		err_sys(&s->failure, ERR_IO, "cannot write to a temporary file");
	s->stored = end;
	loop_post(s->loop, &s->advance);
}

/* Give the bytes that have come to a worker, unless it writes the half before. */
static enum err turn_halves(struct spool *s, struct error *e)
{
	if (!halves_turn(&s->halves) || pool_submit(s->pool, &s->job) == OK)
		return OK;
	halves_written(&s->halves);
	return err_set(e, ERR_BUSY, "too much waits for the disk of temporary files");
}

static void really_free(struct spool *s)
{
	file_temporary_end(&s->counted);
	close_p(&s->fd);
	halves_fini(&s->halves);
	free(s);
}

/* A job is back, or all has been written when the end is told. */
static void advance(struct loop_task *task)
{
	struct spool *s = CONTAINER_OF(task, struct spool, advance);
	struct error *e = &s->failure;

	halves_written(&s->halves);
	if (s->freed)
		really_free(s);
	else if (e->code || turn_halves(s, e) != OK)
		s->events.ended(s->ud, e);
	else if (s->complete && !s->halves.writing)
		s->events.ended(s->ud, NULL);
	else if (s->paused && halves_have_room(&s->halves)) {
		s->paused = false;
		s->events.room(s->ud);
	}
}

enum err spool_new(struct loop *loop, struct pool *pool, const struct spool_events *events,
		   void *ud, struct spool **ret, struct error *e)
{
	int fd = file_temporary();
	struct spool *s;

	if (fd < 0)
		return err_sys(e, ERR_IO,
			       "cannot make a temporary file for an answer without a length");
	s = xnew(struct spool);
	s->loop = loop;
	s->pool = pool;
	s->events = *events;
	s->ud = ud;
	s->fd = fd;
	s->job.run = write_half;
	s->advance.run = advance;
	*ret = s;
	return OK;
}

enum err spool_write(struct spool *s, struct slice bytes, bool *more, struct error *e)
{
	if (!halves_add(&s->halves, bytes))
		return err_set(e, ERR_LIMIT,
			       "more bytes came than were asked for before the pause");
	s->length += (int64_t)bytes.n;
	if (turn_halves(s, e) != OK)
		return e->code;
	s->paused = !halves_have_room(&s->halves);
	*more = !s->paused;
	return OK;
}

void spool_end(struct spool *s)
{
	s->complete = true;
	if (!s->halves.writing)
		loop_post(s->loop, &s->advance);
}

int64_t spool_length(const struct spool *s)
{
	return s->length;
}

int spool_take_file(struct spool *s)
{
	return TAKE_FD(s->fd);
}

int64_t spool_take_count(struct spool *s)
{
	int64_t counted = s->counted;

	s->counted = 0;
	return counted;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	s->freed = true;
	if (!s->halves.writing && !atomic_load(&s->advance.queued))
		really_free(s);
}
