// SPDX-License-Identifier: MIT
/* See reads.h. */
#include "cmd/reads.h"

#include "base/file.h"
#include "publish/await.h"

#include <errno.h>
#include <semaphore.h>

#define TICK_NS (200 * NS_PER_MS)

/* ---- one object ---- */

struct reading {
	struct await await;
	const struct read_ask *ask;
	struct fetch *fetch;
	enum fetch_result result;
	struct object_head head;
	struct buf *bytes;
};

static void finish(struct reading *r, const struct error *e)
{
	struct error why = {.code = OK}; /* *e may be the fetch's */

	if (e) {
		why = *e;
		r->result = FETCH_FAULT;
	}
	fetch_free(TAKE(r->fetch));
	await_over(&r->await, e ? &why : NULL);
}

static void decided(void *ud, enum fetch_result result, const struct object_head *head,
		    const struct error *e)
{
	struct reading *r = ud;

	r->result = result;
	if (result == FETCH_FOUND)
		r->head = *head;
	if (result != FETCH_FOUND || r->ask->head || head->fd >= 0)
		finish(r, result == FETCH_FAULT ? e : NULL);
}

static enum err begin(void *ud, const struct object_head *head, struct error *e)
{
	const struct reading *r = ud;

	return head->length > (int64_t)r->ask->max
		       ? err_set(e, ERR_LIMIT, "it has more than %zu bytes", r->ask->max)
		       : OK;
}

static bool write_bytes(void *ud, struct slice data)
{
	struct reading *r = ud;
	struct error e;

	buf_add(r->bytes, data);
	if (!buf_failed(r->bytes))
		return true;
	err_set(&e, ERR_LIMIT, "it has more than %zu bytes", r->ask->max);
	fetch_fail(r->fetch, &e);
	return true;
}

static void end(void *ud, const struct error *e)
{
	finish(ud, e);
}

static void go(struct await *await)
{
	struct reading *r = CONTAINER_OF(await, struct reading, await);
	const struct read_ask *ask = r->ask;
	const struct fetch_sink sink = {.begin = begin, .write = write_bytes, .end = end};
	const struct fetch_request request = {
		.store = ask->store,
		.key = ask->key,
		.head = ask->head,
		.denied_fails = true,
		.ranged = ask->last > 0,
		.or_whole = true,
		.range = {.first = ask->first, .last = ask->last},
		.deadline_ns = clock_mono_ns() + ask->timeout_ns,
		.patient = true,
	};

	r->fetch = fetch_start(&request, ask->head ? NULL : &sink, decided, r);
}

/* The body of a local store lies in an open file. */
static void read_file(struct reading *r, struct error *e)
{
	int fd CLEANUP(close_p) = r->head.fd;
	int64_t n = r->head.length;
	char *to;

	r->head.fd = -1;
	if (n > (int64_t)r->ask->max || !(to = buf_reserve(r->bytes, (size_t)n))) {
		err_set(e, ERR_LIMIT, "it has more than %zu bytes", r->ask->max);
		r->result = FETCH_FAULT;
	} else if (file_read_at(fd, to, (size_t)n, r->head.fd_base + r->head.first) != n) {
		err_set(e, ERR_IO, "it cannot be read to its end");
		r->result = FETCH_FAULT;
	} else {
		r->bytes->n += (size_t)n;
	}
}

enum fetch_result read_object(const struct read_ask *ask, struct object_head *ret,
			      struct buf *bytes, struct error *e)
{
	struct reading r = {.await.begin = go, .ask = ask, .bytes = bytes, .head.fd = -1};
	enum err err;

	*e = (struct error){.code = OK};
	err = await_run(&r.await, ask->store->ctx->loop, e);
	ASSERT(!err || r.result == FETCH_FAULT);
	if (r.head.fd >= 0 && ask->head)
		close(TAKE_FD(r.head.fd));
	else if (r.head.fd >= 0)
		read_file(&r, e);
	*ret = r.head;
	return r.result;
}

/* ---- a crew ---- */

struct crew {
	size_t n;
	atomic_size_t next;
	void (*work)(void *ud, size_t i);
	void *ud;
	const atomic_bool *stop;
	sem_t left;
};

static void *crew_main(void *arg)
{
	struct crew *c = arg;
	size_t i;

	while (!(c->stop && atomic_load(c->stop)) && (i = atomic_fetch_add(&c->next, 1)) < c->n)
		c->work(c->ud, i);
	sem_post(&c->left);
	return NULL;
}

static bool wait_tick(sem_t *sem)
{
	struct timespec until;
	int64_t at = clock_mono_ns() + TICK_NS;

	until = (struct timespec){at / NS_PER_S, at % NS_PER_S};
	return sem_clockwait(sem, CLOCK_MONOTONIC, &until) == 0;
}

void crew_run(size_t n, void (*work)(void *ud, size_t i), void (*tick)(void *ud), void *ud,
	      const atomic_bool *stop)
{
	struct crew c = {.n = n, .work = work, .ud = ud, .stop = stop};
	pthread_t thread[READS_PARALLEL];
	size_t threads = 0, left = 0;

	sem_init(&c.left, 0, 0);
	while (threads < MIN(n, (size_t)READS_PARALLEL) &&
	       pthread_create(&thread[threads], NULL, crew_main, &c) == 0)
		threads++;
	if (!threads) /* none could be started */
		(void)crew_main(&c);
	while (left < threads)
		if (wait_tick(&c.left))
			left++;
		else if (tick)
			tick(ud);
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	if (tick)
		tick(ud);
	sem_destroy(&c.left);
}
