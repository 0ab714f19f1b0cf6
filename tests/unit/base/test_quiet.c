// SPDX-License-Identifier: MIT
/*
 * What is replaced under readers without a lock: freed when each of them sleeps or has begun another
 * turn, and not before. The readers' turns are stepped by hand; then threads read what is replaced a
 * thousand times, each value being filled with junk when it is freed (and watched by the sanitizers).
 */
#include "base/quiet.h"
#include "manual_loop.h"

#include "tap.h"

#define LOOK_NS  (10 * NS_PER_MS)
#define READERS  3
#define REPLACED 1000
#define READ     200 /* times in a turn */

static int freed;

static void note_freed(void *p)
{
	freed += *(int *)p;
}

/* ---- by hand ---- */

struct stepped {
	struct loop *owner, *reader;
	struct quiet *quiet;
};

static struct stepped stepped(void)
{
	struct stepped s = {.owner = manual_loop()};

	ASSERT(loop_new(&s.reader, NULL) == OK);
	s.quiet = quiet_new(s.owner);
	quiet_add(s.quiet, s.reader);
	freed = 0;
	return s;
}

static void finish(struct stepped *s)
{
	quiet_remove(s->quiet, s->reader);
	quiet_free(s->quiet);
	loop_free(s->reader);
	loop_free(s->owner);
	clock_freeze_mono_ns(0);
}

static void test_sleeper(void)
{
	struct stepped s = stepped();
	int one = 1;

	quiet_free_later(s.quiet, &one, note_freed);
	CHECK_INT(freed, 0, "nothing is freed in the turn that replaced it");
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 1, "a reader that sleeps holds nothing");
	quiet_free_later(s.quiet, NULL, note_freed);
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 1, "nothing is not freed");
	finish(&s);
}

static void test_turns(void)
{
	struct stepped s = stepped();
	int one = 1, ten = 10;

	begin_turn(s.reader);
	quiet_free_later(s.quiet, &one, note_freed);
	manual_advance(s.owner, 100 * LOOK_NS);
	CHECK_INT(freed, 0, "a reader in its turn holds what was there at its beginning");
	end_turn(s.reader);
	begin_turn(s.reader);
	quiet_free_later(s.quiet, &ten, note_freed);
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 1, "in the next one it holds what was replaced since");
	end_turn(s.reader);
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 11, "until it sleeps");
	finish(&s);
}

static void test_gone(void)
{
	struct stepped s = stepped();
	int one = 1, ten = 10;

	begin_turn(s.reader);
	quiet_free_later(s.quiet, &one, note_freed);
	quiet_remove(s.quiet, s.reader);
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 1, "a reader that is none any more holds nothing");
	quiet_add(s.quiet, s.reader);
	quiet_free_later(s.quiet, &ten, note_freed);
	finish(&s);
	CHECK_INT(freed, 11, "at the end all is freed");
}

/* A machine may have any number of processors. */
static void test_many(void)
{
	struct stepped s = stepped();
	int one = 1;

	for (int i = 1; i < 1000; i++)
		quiet_add(s.quiet, s.reader);
	begin_turn(s.reader);
	quiet_free_later(s.quiet, &one, note_freed);
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 0, "of a thousand readers each counts");
	end_turn(s.reader);
	manual_advance(s.owner, LOOK_NS);
	CHECK_INT(freed, 1, "until it sleeps");
	finish(&s);
}

/* ---- by threads ---- */

struct value {
	int a, b; /* b is always -a, until it is freed */
};

static _Atomic(struct value *) shared;
static atomic_int torn, turns;
static atomic_bool ending;

struct reader {
	struct loop *loop;
	struct loop_task task;
};

/* Many looks in one turn, and again in the next. */
static void look_at_shared(struct loop_task *task)
{
	struct reader *r = CONTAINER_OF(task, struct reader, task);

	for (int i = 0; i < READ; i++) {
		const struct value *v = atomic_load(&shared);

		torn += v->a != -v->b;
	}
	turns++;
	if (!ending)
		loop_post(r->loop, &r->task);
}

static void free_value(void *p)
{
	struct value *v = p;

	*v = (struct value){1, 1};
	free(v);
	freed++;
}

struct owner {
	struct loop *loop;
	struct quiet *quiet;
	struct loop_task task;
	int replaced;
	pthread_mutex_t mu;
	pthread_cond_t changed;
	bool done; /* under mu */
};

static void replace(struct loop_task *task)
{
	struct owner *o = CONTAINER_OF(task, struct owner, task);
	struct value *v = xnew(struct value);

	*v = (struct value){o->replaced, -o->replaced};
	quiet_free_later(o->quiet, atomic_exchange(&shared, v), free_value);
	if (++o->replaced < REPLACED) {
		loop_post(o->loop, &o->task);
		return;
	}
	LOCK_SCOPE(&o->mu);
	o->done = true;
	pthread_cond_signal(&o->changed);
}

static void wait_until_done(struct owner *o)
{
	LOCK_SCOPE(&o->mu);

	while (!o->done)
		pthread_cond_wait(&o->changed, &o->mu);
}

static void test_threads(void)
{
	struct owner o = {.task.run = replace,
			  .mu = PTHREAD_MUTEX_INITIALIZER,
			  .changed = PTHREAD_COND_INITIALIZER};
	struct reader r[READERS];

	freed = 0;
	atomic_store(&shared, xnew(struct value));
	ASSERT(loop_new(&o.loop, NULL) == OK);
	o.quiet = quiet_new(o.loop);
	for (int i = 0; i < READERS; i++) {
		r[i] = (struct reader){.task.run = look_at_shared};
		ASSERT(loop_new(&r[i].loop, NULL) == OK);
		quiet_add(o.quiet, r[i].loop);
		ASSERT(loop_start(r[i].loop, "reader", NULL) == OK);
		loop_post(r[i].loop, &r[i].task);
	}
	ASSERT(loop_start(o.loop, "owner", NULL) == OK);
	loop_post(o.loop, &o.task);
	wait_until_done(&o);
	ending = true;
	for (int i = 0; i < READERS; i++) {
		loop_stop(r[i].loop);
		quiet_remove(o.quiet, r[i].loop);
		loop_free(r[i].loop);
	}
	loop_stop(o.loop);
	quiet_free(o.quiet);
	loop_free(o.loop);
	CHECK_INT(torn, 0, "no reader has seen a value that was freed");
	CHECK(turns >= READERS, "all have read");
	CHECK_INT(freed, REPLACED, "all that was replaced is freed");
	free(atomic_load(&shared));
}

int main(void)
{
	test_sleeper();
	test_turns();
	test_gone();
	test_many();
	test_threads();
	return tap_done();
}
