// SPDX-License-Identifier: MIT
/*
 * A body without a length on its way into a temporary file. Its worker is held where it matters, so
 * that nothing here depends on which thread is faster.
 */
#include "base/file.h"
#include "manual_loop.h"
#include "metric/metric.h"
#include "store/spool.h"
#include "store/transfer.h"
#include "tap.h"

#include <semaphore.h>

#define PIECE ((size_t)TRANSFER_READ_MAX)

static struct {
	struct loop *loop;
	struct pool *pool;
	struct pool_job holds;
	sem_t held, go;
	struct spool *spool;
	int rooms, endings;
	struct error error;
	bool free_at_end;
} w;

static void room(void *ud)
{
	w.rooms++;
}

static void ended(void *ud, const struct error *e)
{
	w.endings++;
	w.error = e ? *e : (struct error){OK, 0, ""};
	if (w.free_at_end)
		spool_free(TAKE(w.spool));
}

static void hold(struct pool_job *job)
{
	sem_post(&w.held);
	sem_wait(&w.go);
}

/* The only worker does nothing before release(). */
static void hold_worker(void)
{
	w.holds.run = hold;
	ASSERT(pool_submit(w.pool, &w.holds) == OK);
	sem_wait(&w.held);
}

static void release(void)
{
	sem_post(&w.go);
}

static enum err begin_spool(struct error *e)
{
	static const struct spool_events events = {room, ended};

	memset(&w, 0, sizeof(w));
	sem_init(&w.held, 0, 0);
	sem_init(&w.go, 0, 0);
	w.loop = manual_loop();
	ASSERT(pool_new(1, 2, "spool", &w.pool, NULL) == OK);
	return spool_new(w.loop, w.pool, &events, NULL, &w.spool, e);
}

static void end_spool(void)
{
	spool_free(w.spool);
	ASSERT(pool_stop(w.pool, 60 * NS_PER_S));
	manual_settle(w.loop);
	pool_free(w.pool);
	loop_free(w.loop);
	sem_destroy(&w.held);
	sem_destroy(&w.go);
}

static struct slice piece(size_t i)
{
	static char bytes[PIECE];

	memset(bytes, 'a' + (int)i % 26, sizeof(bytes));
	return (struct slice){bytes, sizeof(bytes)};
}

/* As many pieces as may be written before a pause. */
static size_t write_until_paused(size_t first)
{
	bool more = true;
	size_t n = 0;

	while (more) {
		ASSERT(spool_write(w.spool, piece(first + n), &more, NULL) == OK);
		n++;
	}
	return n;
}

static bool lies_there(int fd, size_t pieces)
{
	char got[PIECE];

	for (size_t i = 0; i < pieces; i++)
		if (file_read_at(fd, got, PIECE, (int64_t)(i * PIECE)) != (ssize_t)PIECE ||
		    memcmp(got, piece(i).p, PIECE) != 0)
			return false;
	return file_read_at(fd, got, 1, (int64_t)(pieces * PIECE)) == 0;
}

static void test_whole(void)
{
	int fd CLEANUP(close_p) = -1;
	struct error e;
	int64_t counted;
	size_t n;

	ASSERT(begin_spool(&e) == OK);
	hold_worker();
	n = write_until_paused(0);
	CHECK(n > 2 && w.rooms == 0,
	      "while the disk is busy both halves are filled, then it pauses");
	release();
	CHECK(MANUAL_UNTIL(w.loop, w.rooms == 1), "written: there is room");
	n += write_until_paused(n);
	spool_end(w.spool);
	CHECK_INT(w.endings, 0, "the end is not told from inside");
	CHECK(MANUAL_UNTIL(w.loop, w.endings == 1) && !w.error.code, "all is in the file");
	CHECK_INT(spool_length(w.spool), n * PIECE, "so many bytes");
	counted = spool_take_count(w.spool);
	CHECK(counted == (int64_t)(n * PIECE) && spool_take_count(w.spool) == 0,
	      "which it is counted with");
	fd = spool_take_file(w.spool);
	end_spool();
	CHECK(lies_there(fd, n), "in their order, and no others");
	file_temporary_end(&counted);
}

static void test_end_when_idle(void)
{
	struct error e;
	bool more;

	ASSERT(begin_spool(&e) == OK && spool_write(w.spool, SLICE("x"), &more, &e) == OK);
	ASSERT(pool_stop(w.pool, 60 * NS_PER_S)); /* it has run */
	manual_settle(w.loop);
	spool_end(w.spool);
	CHECK_INT(w.endings, 0, "nothing is left to be written: not from inside either");
	manual_settle(w.loop);
	CHECK(w.endings == 1 && !w.error.code, "but soon");
	end_spool();
}

static void test_too_much(void)
{
	struct error e = {OK, 0, ""};
	enum err err = OK;
	bool more;

	ASSERT(begin_spool(&e) == OK);
	hold_worker();
	(void)write_until_paused(0);
	for (int i = 0; i < 2; i++)
		CHECK(spool_write(w.spool, piece(0), &more, &e) == OK && !more,
		      "what had been received when it paused");
	for (int i = 0; i < 8 && !err; i++)
		err = spool_write(w.spool, piece(0), &more, &e);
	CHECK_INT(err, ERR_LIMIT, "no end of it");
	release();
	end_spool();
}

static void test_no_room(void)
{
	int64_t refused = metric_get(refused_spool);
	struct error e;
	bool more;

	file_pretend_room(0);
	ASSERT(begin_spool(&e) == OK && spool_write(w.spool, SLICE("x"), &more, &e) == OK);
	w.free_at_end = true;
	CHECK(MANUAL_UNTIL(w.loop, w.endings == 1) && w.error.code == ERR_BUSY,
	      "no room for it: why, and it may be freed then");
	CHECK_INT(metric_get(refused_spool) - refused, 1, "counted");
	file_pretend_room(-1);
	end_spool();
}

static void test_busy_disk(void)
{
	struct pool_job more_jobs[2] = {{.run = hold}, {.run = hold}};
	struct error e = {OK, 0, ""};
	bool more;

	ASSERT(begin_spool(&e) == OK);
	hold_worker();
	ASSERT(pool_submit(w.pool, &more_jobs[0]) == OK &&
	       pool_submit(w.pool, &more_jobs[1]) == OK);
	CHECK(spool_write(w.spool, SLICE("x"), &more, &e) == ERR_BUSY, "too many jobs wait");
	for (int i = 0; i < 3; i++)
		release();
	end_spool();
}

static void test_freed(void)
{
	struct error e;
	bool more;

	ASSERT(begin_spool(&e) == OK);
	hold_worker();
	ASSERT(spool_write(w.spool, SLICE("x"), &more, &e) == OK);
	spool_free(TAKE(w.spool));
	release();
	end_spool();
	CHECK(w.endings == 0 && w.rooms == 0, "freed while it is written: nothing is told");

	ASSERT(begin_spool(&e) == OK);
	spool_end(w.spool);
	spool_free(TAKE(w.spool));
	end_spool();
	CHECK_INT(w.endings, 0, "freed before the end is told");
	spool_free(NULL);
}

static void test_nowhere(void)
{
	struct error e = {OK, 0, ""};

	setenv("TMPDIR", "/nonexistent", 1);
	CHECK(begin_spool(&e) == ERR_IO && !w.spool, "no place for it");
	unsetenv("TMPDIR");
	end_spool();
}

int main(void)
{
	test_whole();
	test_end_when_idle();
	test_too_much();
	test_no_room();
	test_busy_disk();
	test_freed();
	test_nowhere();
	return tap_done();
}
