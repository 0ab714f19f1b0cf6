// SPDX-License-Identifier: MIT
/* Waiting for what the loop does: one thing, several, writes of a store. */
#include "publish/await.h"

#include "../memory_store.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static struct memory_store m;

/* ---- one thing ---- */

struct one {
	struct await await;
	struct loop_timer later;
	enum err how;
	bool at_once, ran;
};

static void end_one(struct loop_timer *timer)
{
	struct one *o = CONTAINER_OF(timer, struct one, later);
	struct error e;

	o->ran = true;
	await_over(&o->await, o->how ? (err_set(&e, o->how, "why not"), &e) : NULL);
}

static void begin_one(struct await *a)
{
	struct one *o = CONTAINER_OF(a, struct one, await);

	if (o->at_once)
		end_one(&o->later);
	else
		loop_timer_set(m.ctx.loop, &o->later, clock_mono_ns() + 20 * NS_PER_MS);
}

static void test_one(void)
{
	static const struct {
		const char *what;
		enum err how;
		bool at_once;
	} rows[] = {{"well", OK, false},
		    {"well, at once", OK, true},
		    {"not", ERR_NET, false},
		    {"not, at once", ERR_DENIED, true}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct one o = {.await.begin = begin_one,
				.later.due = end_one,
				.how = rows[i].how,
				.at_once = rows[i].at_once};
		struct error e = {.code = OK, .msg = "as before"};

		CHECK_INT(await_run(&o.await, m.ctx.loop, &e), rows[i].how, rows[i].what);
		CHECK(o.ran, "it is over by then");
		CHECK_STR(e.msg, rows[i].how ? "why not" : "as before",
			  "the error is told, or untouched");
		CHECK_INT(await_run(&o.await, m.ctx.loop, NULL), rows[i].how,
			  "once more, without one");
	}
}

static void on_signal(int signal)
{
}

static void begin_with_signals(struct await *a)
{
	for (int i = 0; i < 20; i++)
		(void)kill(getpid(), SIGUSR1);
	begin_one(a);
}

static void test_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct one o = {.await.begin = begin_with_signals, .later.due = end_one};

	ASSERT(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(await_run(&o.await, m.ctx.loop, NULL) == OK && o.ran, "signals do not end the wait");
}

/* ---- several ---- */

#define MANY 50

struct many {
	struct await_each each;
	struct part {
		struct many *all;
		struct loop_timer over;
	} part[MANY];
	size_t fails, stops; /* counted from 1; 0: none */
	size_t begun, most, runs;
	atomic_bool stop;
};

static void end_part(struct loop_timer *timer)
{
	struct part *p = CONTAINER_OF(timer, struct part, over);
	struct many *all = p->all;
	size_t which = (size_t)(p - all->part);
	struct error e;

	all->runs--;
	err_set(&e, ERR_NET, "number %zu", which + 1);
	await_each_over(&all->each, all->fails && which + 1 >= all->fails ? &e : NULL);
}

static void start_part(struct await_each *each, size_t which)
{
	struct many *all = CONTAINER_OF(each, struct many, each);
	struct part *p = &all->part[which];

	ASSERT(which == all->begun++); /* in their order, each once */
	all->runs++;
	all->most = MAX(all->most, all->runs);
	if (all->begun == all->stops)
		atomic_store(&all->stop, true);
	p->all = all;
	p->over.due = end_part;
	loop_timer_set(m.ctx.loop, &p->over, 0);
}

static void test_several(void)
{
	static const struct {
		const char *what;
		size_t n, at_once, fails, stops;
		enum err want;
	} rows[] = {
		{"none", 0, 4, 0, 0, OK},
		{"one", 1, 4, 0, 0, OK},
		{"fewer than may run", 3, 4, 0, 0, OK},
		{"many", MANY, 4, 0, 0, OK},
		{"one after the other", MANY, 1, 0, 0, OK},
		{"the first fails", MANY, 4, 1, 0, ERR_NET},
		{"from one on they fail", MANY, 4, 20, 0, ERR_NET},
		{"the last fails", MANY, 4, MANY, 0, ERR_NET},
		{"interrupted", MANY, 4, 0, 10, ERR_CANCELED},
		{"interrupted at once", MANY, 4, 0, 1, ERR_CANCELED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct many *all = xnew(struct many);
		size_t last = rows[i].fails ? rows[i].fails : rows[i].stops;
		struct error e = {.code = OK};

		*all = (struct many){.fails = rows[i].fails, .stops = rows[i].stops};
		all->each = (struct await_each){.n = rows[i].n,
						.at_once = rows[i].at_once,
						.start = start_part,
						.stop = &all->stop};
		CHECK_INT(await_each(&all->each, m.ctx.loop, &e), rows[i].want, rows[i].what);
		CHECK_INT(all->runs, 0, "none runs any more");
		CHECK(all->most <= rows[i].at_once, "no more at a time");
		if (last)
			CHECK(all->begun >= last && all->begun < last + rows[i].at_once + 1,
			      "and none is begun any more");
		else
			CHECK_INT(all->begun, rows[i].n, "all of them");
		if (rows[i].fails) {
			char want[40];

			snprintf(want, sizeof(want), "number %zu", rows[i].fails);
			CHECK_STR(e.msg, want, "the first failure is told");
		}
		free(all);
	}
}

/* ---- writes ---- */

static void fail_all(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = true;
}

static void fail_b(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(key, "b") == 0;
}

static void note(void *ud, size_t which, const struct error *e)
{
	*(size_t *)ud = *(size_t *)ud * 10 + which + 1;
}

static void test_writes(void)
{
	const struct slice keys[] = {SLICE("a"), SLICE("b"), SLICE("missing")};
	const struct store_remove remove = {.keys = keys, .n = ARRAY_LEN(keys)};
	struct store_put_answer answer;
	struct error e;
	size_t failed = 0;

	CHECK_INT(await_put(&m.store, SLICE("a"), SLICE("one"), &answer, &e), OK, "put");
	CHECK(answer.date_s == m.now_s, "and when, by the store's clock");
	CHECK_STR(memory_find(&m, "a")->text, "one", "it lies there");
	CHECK_INT(await_put(&m.store, SLICE("a"), SLICE(""), &answer, &e), OK, "what is there");
	CHECK_STR(memory_find(&m, "a")->text, "", "is replaced");
	m.before = fail_all;
	CHECK_INT(await_put(&m.store, SLICE("a"), SLICE("two"), &answer, &e), ERR_NET, "it fails");
	CHECK_STR(memory_find(&m, "a")->text, "", "nothing is put then");
	m.before = NULL;
	memory_put(&m, "b", "x", NULL);
	m.before = fail_b;
	CHECK_INT(await_remove(&m.store, &remove, note, &failed, &e), OK, "remove");
	CHECK_INT(failed, 2, "which one failed is told");
	CHECK(!memory_find(&m, "a") && memory_find(&m, "b"), "the others are gone");
}

int main(void)
{
	memory_store_init(&m);
	test_one();
	test_signals();
	test_several();
	test_writes();
	memory_store_fini(&m);
	return tap_done();
}
