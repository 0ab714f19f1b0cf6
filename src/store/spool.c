// SPDX-License-Identifier: MIT
/* See spool.h. */
#include "store/spool.h"
#include "base/file.h"
#include "metric/metric.h"
#include "store/transfer.h"

#define SPOOL_HALF ((size_t)128 * 1024)
/* A call that is told to pause may still bring so much. */
#define SPOOL_ROOM (2 * TRANSFER_READ_MAX)

_Static_assert(SPOOL_HALF >= 2 * SPOOL_ROOM, "a half has to take some before it pauses");

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
	char *half[2];
	size_t n[2];
	int filling;  /* which half */
	bool writing; /* a job writes the other one */
	bool paused, complete;
	struct error failure; /* of the job */
	struct pool_job job;
	struct loop_task advance;
};

/* On a worker. */
static void write_half(struct pool_job *job)
{
	struct spool *s = CONTAINER_OF(job, struct spool, job);
	const struct slice bytes = {s->half[!s->filling], s->n[!s->filling]};
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
	if (s->writing || !s->n[s->filling])
		return OK;
	s->filling = !s->filling;
	s->writing = true;
	if (pool_submit(s->pool, &s->job) == OK)
		return OK;
	s->writing = false;
	return err_set(e, ERR_BUSY, "too much waits for the disk of temporary files");
}

static bool half_has_room(const struct spool *s)
{
	return SPOOL_HALF - s->n[s->filling] >= SPOOL_ROOM + TRANSFER_READ_MAX;
}

static void really_free(struct spool *s)
{
	file_temporary_end(&s->counted);
	close_p(&s->fd);
	free(s->half[0]);
	free(s->half[1]);
	free(s);
}

/* A job is back, or all has been written when the end is told. */
static void advance(struct loop_task *task)
{
	struct spool *s = CONTAINER_OF(task, struct spool, advance);
	struct error *e = &s->failure;

	s->writing = false;
	s->n[!s->filling] = 0;
	if (s->freed)
		really_free(s);
	else if (e->code || turn_halves(s, e) != OK)
		s->events.ended(s->ud, e);
	else if (s->complete && !s->writing)
		s->events.ended(s->ud, NULL);
	else if (s->paused && half_has_room(s)) {
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
	char **half = &s->half[s->filling];
	size_t *n = &s->n[s->filling];

	if (*n + bytes.n > SPOOL_HALF)
		return err_set(e, ERR_LIMIT,
			       "more bytes came than were asked for before the pause");
	if (!*half)
		*half = xzalloc(SPOOL_HALF);
	memcpy(*half + *n, bytes.p, bytes.n);
	*n += bytes.n;
	s->length += (int64_t)bytes.n;
	if (turn_halves(s, e) != OK)
		return e->code;
	s->paused = !half_has_room(s);
	*more = !s->paused;
	return OK;
}

void spool_end(struct spool *s)
{
	s->complete = true;
	if (!s->writing)
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
	if (!s->writing && !atomic_load(&s->advance.queued))
		really_free(s);
}
