// SPDX-License-Identifier: MIT
/* See await.h. */
#include "publish/await.h"

#include "base/clock.h"
#include "base/text.h"

#include <openssl/evp.h>

#define ANSWER_NS (60 * NS_PER_S)

static void begin(struct loop_task *task)
{
	struct await *a = CONTAINER_OF(task, struct await, task);

	a->begin(a);
}

enum err await_run(struct await *a, struct loop *loop, struct error *e)
{
	a->task.run = begin;
	a->error = (struct error){.code = OK};
	sem_init(&a->over, 0, 0);
	loop_post(loop, &a->task);
	while (sem_wait(&a->over)) /* a signal may come */
		;
	sem_destroy(&a->over);
	if (a->error.code && e)
		*e = a->error;
	return a->error.code;
}

void await_over(struct await *a, const struct error *e)
{
	if (e)
		a->error = *e;
	sem_post(&a->over);
}

/* ---- several ---- */

static void start_more(struct await_each *a)
{
	if (a->stop && atomic_load(a->stop) && !a->error.code)
		err_set(&a->error, ERR_CANCELED, "interrupted");
	while (!a->error.code && a->running < a->at_once && a->next < a->n) {
		a->running++;
		a->start(a, a->next++);
	}
	if (!a->running)
		await_over(&a->await, a->error.code ? &a->error : NULL);
}

static void begin_each(struct await *await)
{
	start_more(CONTAINER_OF(await, struct await_each, await));
}

enum err await_each(struct await_each *a, struct loop *loop, struct error *e)
{
	a->await.begin = begin_each;
	a->next = a->running = 0;
	a->error = (struct error){.code = OK};
	return await_run(&a->await, loop, e);
}

void await_each_over(struct await_each *a, const struct error *e)
{
	if (e && !a->error.code)
		a->error = *e;
	a->running--;
	start_more(a);
}

/* ---- writes ---- */

struct putting {
	struct await await;
	struct store *store;
	struct store_put put;
	struct store_put_answer *answer;
};

static void was_put(void *ud, enum store_put_result result, const struct store_put_answer *answer,
		    const struct error *e)
{
	struct putting *p = ud;

	*p->answer = *answer;
	await_over(&p->await, e);
}

static void begin_put(struct await *a)
{
	struct putting *p = CONTAINER_OF(a, struct putting, await);

	(void)store_put(p->store, &p->put, was_put, p);
}

enum err await_put(struct store *s, struct slice key, struct slice bytes,
		   struct store_put_answer *ret, struct error *e)
{
	unsigned char sum[32];
	char sha256[2 * sizeof(sum) + 1];
	struct putting p = {.await.begin = begin_put,
			    .store = s,
			    .put = {.key = key,
				    .body = store_body_of(bytes),
				    .sha256 = sha256,
				    .looked = true, /* whatever is there, it is replaced */
				    .answer_ns = ANSWER_NS},
			    .answer = ret};

	if (!EVP_Digest(bytes.p, bytes.n, sum, NULL, EVP_sha256(), NULL))
		return err_set(e, ERR_NOMEM, "no memory for a hash");
	hex_encode(sum, sizeof(sum), sha256);
	return await_run(&p.await, s->ctx->loop, e);
}

struct removing {
	struct await await;
	struct store *store;
	const struct store_remove *remove;
	struct store_remove_events events;
	void (*failed)(void *ud, size_t which, const struct error *e);
	void *ud;
};

static void not_removed(void *ud, size_t which, const struct error *e)
{
	struct removing *r = ud;

	r->failed(r->ud, which, e);
}

static void removed(void *ud, const struct error *e)
{
	await_over(&((struct removing *)ud)->await, e);
}

static void begin_remove(struct await *a)
{
	struct removing *r = CONTAINER_OF(a, struct removing, await);

	(void)store_remove(r->store, r->remove, &r->events, r);
}

enum err await_remove(struct store *s, const struct store_remove *remove,
		      void (*failed)(void *ud, size_t which, const struct error *e), void *ud,
		      struct error *e)
{
	struct removing r = {.await.begin = begin_remove,
			     .store = s,
			     .remove = remove,
			     .events = {not_removed, removed},
			     .failed = failed,
			     .ud = ud};

	return await_run(&r.await, s->ctx->loop, e);
}

/* ---- the lock of a local store ---- */

struct locking {
	struct await await;
	struct store *store;
	bool alone;
	struct store_lock *lock;
};

static void locked(void *ud, const struct error *e)
{
	await_over(&((struct locking *)ud)->await, e);
}

static void begin_lock(struct await *a)
{
	struct locking *l = CONTAINER_OF(a, struct locking, await);

	l->lock = store_lock_start(l->store, l->alone, locked, l);
}

enum err await_lock(struct store *s, bool alone, struct store_lock **ret, struct error *e)
{
	struct locking l = {.await.begin = begin_lock, .store = s, .alone = alone};
	enum err err = await_run(&l.await, s->ctx->loop, e);

	*ret = l.lock;
	return err;
}

static void begin_unlock(struct await *a)
{
	store_lock_free(CONTAINER_OF(a, struct locking, await)->lock);
	await_over(a, NULL);
}

void await_unlock(struct store *s, struct store_lock *lock)
{
	struct locking l = {.await.begin = begin_unlock, .store = s, .lock = lock};
	enum err err = lock ? await_run(&l.await, s->ctx->loop, NULL) : OK;

	ASSERT(!err);
}
