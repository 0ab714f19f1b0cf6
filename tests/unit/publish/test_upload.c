// SPDX-License-Identifier: MIT
/* One file on its way into a bucket, whatever lies there, comes in between, or fails. */
#include "publish/upload.h"

#include "../plan_rig.h"
#include "base/file.h"
#include "publish/await.h"
#include "tap.h"

#define KEY   "foo/1/foo"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"

static struct memory_store m;

struct run {
	struct await await;
	struct upload_request request;
	struct upload_turns turns;
	struct upload_bodies bodies;
	struct pack_how how;
	struct plan plan;
	struct upload *upload;
	struct loop_timer later;
	unsigned turns_left; /* of the loop, until it is stopped; 0: never */
	bool open_fails, was_told;
	atomic_int opened, closed;
	struct upload_result result;
};

static enum err open_body(void *ud, size_t which, struct upload_body *ret, struct error *e)
{
	struct run *r = ud;

	if (r->open_fails)
		return err_set(e, ERR_IO, "it is away");
	*ret = (struct upload_body){.fd = file_temporary()};
	ASSERT(ret->fd >= 0 && file_write_at(ret->fd, SLICE("0"), 0));
	atomic_fetch_add(&r->opened, 1);
	return OK;
}

static void close_body(void *ud, size_t which, struct upload_body *body)
{
	close(body->fd);
	atomic_fetch_add(&((struct run *)ud)->closed, 1);
}

static void told(void *ud, const struct upload_result *result)
{
	struct run *r = ud;

	ASSERT(!r->was_told);
	r->was_told = true;
	r->result = *result;
	loop_timer_stop(m.ctx.loop, &r->later);
	await_over(&r->await, NULL);
}

static void count_down(struct loop_timer *timer)
{
	struct run *r = CONTAINER_OF(timer, struct run, later);

	if (--r->turns_left > 0)
		loop_timer_set(m.ctx.loop, timer, 0);
	else
		upload_stop(r->upload);
}

static void begin(struct await *a)
{
	struct run *r = CONTAINER_OF(a, struct run, await);

	r->upload = upload_start(&r->request, told, r);
	ASSERT(!r->was_told);
	if (r->turns_left)
		loop_timer_set(m.ctx.loop, &r->later, 0);
}

static void send_file(struct run *r)
{
	struct plan_file f = {.key = SLICE(KEY),
			      .id = SLICE("1"),
			      .kind = SLICE("breakpad"),
			      .size = 1,
			      .as = SLICE("none")};

	snprintf(f.sha256, sizeof(f.sha256), "%s", PLAN_SHA);
	r->plan = (struct plan){.id = plan_id(1), .started_s = MEMORY_START_S};
	ASSERT(plan_add(&r->plan, &f, NULL) == OK);
	r->how = (struct pack_how){PACK_NONE, PACK_LEVEL_DEFAULT};
	r->bodies = (struct upload_bodies){open_body, close_body, r};
	r->turns = (struct upload_turns){.left = 1};
	TAILQ_INIT(&r->turns.waiting);
	r->request.store = &m.store;
	r->request.plan = &r->plan;
	r->request.bodies = &r->bodies;
	r->request.pool = m.ctx.disk;
	r->request.turns = &r->turns;
	r->request.how = &r->how;
	r->await.begin = begin;
	r->later.due = count_down;
	ASSERT(await_run(&r->await, m.ctx.loop, NULL) == OK);
	CHECK_INT(atomic_load(&r->opened), atomic_load(&r->closed), "what is opened is closed");
	CHECK(r->turns.left == 1 && TAILQ_EMPTY(&r->turns.waiting), "its turn is given back");
	plan_fini(&r->plan);
}

/* What lies there: text, who stored it, its hash. */
static void lies_there(const char *text, unsigned tx, const char *sha256)
{
	memory_put(&m, KEY, text, tx ? plan_id(tx).s : NULL);
	snprintf(memory_find(&m, KEY)->sha256, 65, "%s", sha256);
}

static void nothing(void)
{
}

static void the_same(void)
{
	lies_there("0", 2, PLAN_SHA);
}

static void its_own(void)
{
	lies_there("0", 1, PLAN_SHA);
}

static void another(void)
{
	lies_there("1", 2, OTHER);
}

static void one_without_metadata(void)
{
	lies_there("11", 0, "");
}

static void same_comes(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "PUT") == 0)
		the_same();
}

static void another_comes(struct memory_store *s, const char *verb, const char *key)
{
	if (strcmp(verb, "PUT") == 0)
		another();
}

static void no_look(struct memory_store *s, const char *verb, const char *key)
{
	s->fail = STORE_FAULT;
	s->fails = strcmp(verb, "HEAD") == 0;
}

static void no_put(struct memory_store *s, const char *verb, const char *key)
{
	s->fails = strcmp(verb, "PUT") == 0;
}

enum { FORCE = 1, DRY = 2, AWAY = 4 };

static void test_rows(void)
{
	static const struct {
		const char *what;
		void (*world)(void);
		void (*before)(struct memory_store *s, const char *verb, const char *key);
		unsigned how;
		enum outcome want;
		size_t puts;
		const char *text, *why; /* what lies there then; NULL: nothing */
	} rows[] = {
		{"nothing is there", nothing, NULL, 0, OUTCOME_STORED, 1, "0", ""},
		{"the same is", the_same, NULL, 0, OUTCOME_EXISTED, 0, "0", ""},
		{"the same, forced", the_same, NULL, FORCE, OUTCOME_EXISTED, 0, "0", ""},
		{"its own, of before", its_own, NULL, 0, OUTCOME_STORED, 0, "0", ""},
		{"another is", another, NULL, 0, OUTCOME_CONFLICT, 0, "1", ""},
		{"another, forced", another, NULL, FORCE, OUTCOME_STORED, 1, "0", ""},
		{"one that tells nothing", one_without_metadata, NULL, 0, OUTCOME_EXISTED, 0, "11",
		 ""},
		{"dry", nothing, NULL, DRY, OUTCOME_STORED, 0, NULL, ""},
		{"dry, and the same is there", the_same, NULL, DRY, OUTCOME_EXISTED, 0, "0", ""},
		{"dry, and another is", another, NULL, DRY, OUTCOME_CONFLICT, 0, "1", ""},
		{"the same comes in between", nothing, same_comes, 0, OUTCOME_EXISTED, 1, "0", ""},
		{"another comes in between", nothing, another_comes, 0, OUTCOME_CONFLICT, 1, "1",
		 ""},
		{"nobody says what is there", nothing, no_look, 0, OUTCOME_FAILED, 0, NULL,
		 "broken"},
		{"it cannot be put", nothing, no_put, 0, OUTCOME_FAILED, 1, NULL, "broken"},
		{"it cannot be opened", nothing, NULL, AWAY, OUTCOME_FAILED, 0, NULL, "away"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r = {.open_fails = rows[i].how & AWAY};
		const struct memory_object *o;

		memory_store_init(&m);
		rows[i].world();
		m.before = rows[i].before;
		r.request.force = rows[i].how & FORCE;
		r.request.dry_run = rows[i].how & DRY;
		send_file(&r);
		o = memory_find(&m, KEY);
		CHECK_STR(outcome_name(r.result.outcome), outcome_name(rows[i].want), rows[i].what);
		CHECK_INT(memory_asked(&m, "PUT " KEY), rows[i].puts, "so many puts");
		CHECK_STR(o ? o->text : "none", rows[i].text ? rows[i].text : "none",
			  "what is there then");
		CHECK(strstr(r.result.why, rows[i].why), r.result.why);
		CHECK((rows[i].want == OUTCOME_FAILED) == (r.result.err != OK),
		      "a failure has a kind");
		CHECK(rows[i].want != OUTCOME_CONFLICT ||
			      strcmp(r.result.holder, plan_id(2).s) == 0,
		      "a conflict, with whom");
		if (rows[i].puts && rows[i].want == OUTCOME_STORED)
			CHECK(strcmp(o->tx, plan_id(1).s) == 0 && strcmp(o->sha256, PLAN_SHA) == 0,
			      "what is told beside it");
		memory_store_fini(&m);
	}
}

/* Whenever it is: one answer, and nothing is leaked. */
static void test_stop(void)
{
	for (unsigned turns = 1; turns < 14; turns++) {
		struct run r = {.turns_left = turns};

		memory_store_init(&m);
		send_file(&r);
		CHECK(r.result.outcome == OUTCOME_OPEN || r.result.outcome == OUTCOME_STORED,
		      "stopped, or stored by then");
		CHECK(r.result.outcome != OUTCOME_STORED || memory_find(&m, KEY),
		      "then it is there");
		memory_store_fini(&m);
	}
}

int main(void)
{
	test_rows();
	test_stop();
	return tap_done();
}
