// SPDX-License-Identifier: MIT
/* What is told of a transaction in a line, whatever lies there. */
#include "publish/summary.h"

#include "../plan_rig.h"
#include "tap.h"

static struct memory_store m;

struct run {
	struct await await;
	const struct catalog_entry *entry;
	struct summary summary;
	struct summary_reading *reading;
	bool was_told;
};

static void told(void *ud, struct summary *s)
{
	struct run *r = ud;

	r->was_told = true;
	r->summary = *s;
	*s = (struct summary){0};
	await_over(&r->await, NULL);
}

static void begin(struct await *a)
{
	struct run *r = CONTAINER_OF(a, struct run, await);

	r->reading = summary_start(&m.store, r->entry, told, r);
	ASSERT(!r->was_told);
}

#define HEAD                                                                                       \
	"{\"pepto\":1,\"id\":\"20261129-000001-00000001\",\"started\":\"2026-11-29T15:07:17Z\","
#define GOOD HEAD "\"product\":\"app\",\"files\":3,\"bytes\":5}\nwhatever"
#define WHEN "\"when\":\"2026-11-29T15:07:17Z\",\"by\":\"me\",\"removed\":1,\"kept\":2}"

/* A first line of so many bytes, or none. */
static const char *first_line(size_t n)
{
	static char text[PLAN_LINE_MAX + 4096];
	size_t at = (size_t)snprintf(text, sizeof(text), HEAD "\"files\":3,\"bytes\":5");

	memset(text + at, ' ', n - at - 1);
	memcpy(text + n - 1, "}\n", 3);
	return text;
}

static const char *fault_at; /* part of a key, or NULL */
static const char *vanishes;

static void come_between(struct memory_store *s, const char *verb, const char *key)
{
	const char *end = strrchr(key, '.');

	s->fail = STORE_FAULT;
	s->fails = fault_at && strcmp(end, fault_at) == 0;
	if (vanishes && strcmp(end, vanishes) == 0)
		memory_remove(s, key);
}

static void test_what_is_told(void)
{
	const struct {
		const char *what, *plan, *done, *gone; /* NULL: is not listed */
		const char *fault_at, *vanishes;
		const char *state, *why;
		bool is_fault, has_head;
		size_t gets;
	} rows[] = {
		{"open", GOOD, NULL, NULL, NULL, NULL, "open", "", false, true, 1},
		{"live", GOOD, "x", NULL, NULL, NULL, "live", "", false, true, 1},
		{"going", GOOD, NULL, "{\"state\":\"going\"," WHEN, NULL, NULL, "going", "", false,
		 true, 2},
		{"gone", GOOD, "x", "{\"state\":\"gone\"," WHEN, NULL, NULL, "gone", "", false,
		 true, 2},
		{"only .gone", NULL, NULL, "x", NULL, NULL, "damaged", "no plan", false, false, 0},
		{"only .done", NULL, "x", NULL, NULL, NULL, "damaged", "no plan", false, false, 0},
		{"a long line", first_line(20000), NULL, NULL, NULL, NULL, "open", "", false, true,
		 2},
		{"no JSON", "<html>\n", "x", NULL, NULL, NULL, "damaged", "no JSON", false, false,
		 1},
		{"newer", "{\"pepto\":2}\n", "x", NULL, NULL, NULL, "damaged", "update", false,
		 false, 1},
		{"cut short", HEAD, NULL, NULL, NULL, NULL, "damaged", ".json", false, false, 1},
		{"empty", "", NULL, NULL, NULL, NULL, "damaged", "empty", false, false, 1},
		{"its plan goes", GOOD, NULL, NULL, NULL, ".json", "damaged", "not there", false,
		 false, 1},
		{"no answer", GOOD, NULL, NULL, ".json", NULL, "damaged", "broken", true, false, 1},
		{"unknown .gone", GOOD, NULL, "{\"state\":\"stalled\"," WHEN, NULL, NULL, "damaged",
		 "neither going nor gone", false, true, 2},
		{".gone goes", GOOD, NULL, "x", NULL, ".gone", "damaged", ".gone", false, true, 2},
		{"no answer for .gone", GOOD, NULL, "x", ".gone", NULL, "damaged", "broken", true,
		 true, 2},
		{"a plan that is none is not asked for its .gone", "x\n", NULL, "x", NULL, NULL,
		 "damaged", "no JSON", false, false, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r = {.await.begin = begin};
		struct catalog c;
		struct summary *s = &r.summary;

		memory_store_init(&m);
		if (rows[i].plan)
			memory_put(&m, plan_key(1, TX_PLAN), rows[i].plan, NULL);
		if (rows[i].done)
			memory_put(&m, plan_key(1, TX_DONE), rows[i].done, NULL);
		if (rows[i].gone)
			memory_put(&m, plan_key(1, TX_GONE), rows[i].gone, NULL);
		ASSERT(catalog_read(&m.store, &c, NULL) == OK && c.n == 1);
		fault_at = rows[i].fault_at;
		vanishes = rows[i].vanishes;
		m.before = come_between;
		r.entry = &c.entry[0];
		if (summary_of_listed(r.entry, s))
			ASSERT(await_run(&r.await, m.ctx.loop, NULL) == OK);
		CHECK_STR(tx_state_name(s->state), rows[i].state, rows[i].what);
		CHECK_INT(s->is_fault, rows[i].is_fault, "is it the store's?");
		CHECK(strstr(s->error.msg, rows[i].why) && !s->error.code == !rows[i].why[0],
		      s->error.msg);
		CHECK(rows[i].has_head ? s->files == 3 && s->head.bytes == 5 : s->files == -1,
		      "what the plan's first line tells");
		CHECK(!s->gone == !(s->state == TX_STATE_GOING || s->state == TX_STATE_GONE),
		      "who removes it");
		CHECK_INT(m.gets, rows[i].gets, "so many requests");
		summary_fini(s);
		catalog_fini(&c);
		memory_store_fini(&m);
	}
}

static void test_too_long(void)
{
	static const struct {
		size_t n;
		const char *state;
	} rows[] = {{PLAN_LINE_MAX, "open"},
		    {PLAN_LINE_MAX + 1, "damaged"},
		    {PLAN_LINE_MAX + 2, "damaged"}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r = {.await.begin = begin};
		struct catalog c;

		memory_store_init(&m);
		memory_put(&m, plan_key(1, TX_PLAN), first_line(rows[i].n), NULL);
		ASSERT(catalog_read(&m.store, &c, NULL) == OK);
		r.entry = &c.entry[0];
		ASSERT(await_run(&r.await, m.ctx.loop, NULL) == OK);
		CHECK_STR(tx_state_name(r.summary.state), rows[i].state, r.summary.error.msg);
		CHECK(!r.summary.error.code || strstr(r.summary.error.msg, "too long"), "why");
		summary_fini(&r.summary);
		catalog_fini(&c);
		memory_store_fini(&m);
	}
}

/* ---- cancelled ---- */

struct cancelling {
	struct run run;
	struct loop_timer later;
	unsigned turns; /* of the loop, until then */
};

static void turn(struct loop_timer *timer)
{
	struct cancelling *c = CONTAINER_OF(timer, struct cancelling, later);

	if (c->run.was_told)
		return;
	if (c->turns-- > 0) {
		loop_timer_set(m.ctx.loop, timer, 0);
		return;
	}
	summary_cancel(c->run.reading);
	await_over(&c->run.await, NULL);
}

static void begin_cancelling(struct await *a)
{
	struct cancelling *c = CONTAINER_OF(a, struct cancelling, run.await);

	begin(a);
	c->later.due = turn;
	loop_timer_set(m.ctx.loop, &c->later, 0);
}

static void test_cancel(void)
{
	struct catalog c;

	memory_store_init(&m);
	plan_put(&m, 1, "a/1/a");
	gone_put(&m, 1, true);
	ASSERT(catalog_read(&m.store, &c, NULL) == OK);
	for (unsigned turns = 0; turns < 12; turns++) {
		struct cancelling *k = xnew(struct cancelling);

		*k = (struct cancelling){
			.run = {.await.begin = begin_cancelling, .entry = &c.entry[0]},
			.turns = turns};
		ASSERT(await_run(&k->run.await, m.ctx.loop, NULL) == OK);
		summary_fini(&k->run.summary);
		if (k->run.was_told) { /* the timer may still run */
			struct run wait = {.await.begin = begin, .entry = &c.entry[0]};

			ASSERT(await_run(&wait.await, m.ctx.loop, NULL) == OK);
			summary_fini(&wait.summary);
		}
		free(k);
	}
	summary_cancel(NULL);
	CHECK(true, "cancelled at any turn");
	catalog_fini(&c);
	memory_store_fini(&m);
}

int main(void)
{
	test_what_is_told();
	test_too_long();
	test_cancel();
	return tap_done();
}
