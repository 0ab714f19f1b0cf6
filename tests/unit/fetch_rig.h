// SPDX-License-Identifier: MIT
/*
 * One fetch from a store that the test speaks for, on a loop turned by hand. Its sink is a ring, as
 * in ask.c.
 *
 *	struct world w;
 *	struct store_call *c = init_and_start(&w);
 *	give_head(c, 10);
 *	...
 *	ASSERT(world_fini(&w));		no call and no timer is left
 */
#pragma once
#include "fake_store.h"
#include "flight/fill.h"
#include "manual_loop.h"
#include "store/fetch.h"

#define BUDGET_NS (8 * NS_PER_S)
#define ETAG      "\"v1\""

struct world {
	struct loop *loop;
	struct store_context ctx;
	struct fake_store store;
	struct fetch_request request;
	struct fetch *fetch;
	struct fill *fill;
	struct loop_task room;
	struct error refusal; /* begin() says so, unless OK */
	bool fail_in_write, free_in_write, free_in_end, free_when_decided;
	int begun, decided, ended;
	enum fetch_result result;
	struct object_head head;
	struct error error;
};

__attribute__((unused)) static enum err sink_begin(void *ud, const struct object_head *head,
						   struct error *e)
{
	struct world *w = ud;

	w->begun++;
	if (w->refusal.code)
		return err_set(e, w->refusal.code, "%s", w->refusal.msg);
	return fill_begin_ring(w->fill, head->length, FILL_RING_MIN, e);
}

__attribute__((unused)) static bool sink_write(void *ud, struct slice data)
{
	static const struct error full = {ERR_IO, 0, "full"};
	struct world *w = ud;
	bool go_on = fill_write(w->fill, data);

	if (w->fail_in_write)
		fetch_fail(w->fetch, &full);
	if (w->free_in_write)
		fetch_free(TAKE(w->fetch));
	return go_on;
}

__attribute__((unused)) static bool sink_may_write(void *ud)
{
	return fill_may_write(((struct world *)ud)->fill);
}

__attribute__((unused)) static void sink_end(void *ud, const struct error *e)
{
	struct world *w = ud;

	w->ended++;
	if (e)
		fill_fail(w->fill, e);
	else
		fill_commit(w->fill);
	if (w->free_in_end)
		fetch_free(TAKE(w->fetch));
}

static const struct fetch_sink sink = {sink_begin, sink_write, sink_may_write, sink_end};

__attribute__((unused)) static void post_room(void *ud)
{
	struct world *w = ud;

	loop_post(w->ctx.loop, &w->room);
}

__attribute__((unused)) static void room_made(struct loop_task *task)
{
	struct world *w = CONTAINER_OF(task, struct world, room);

	if (w->fetch)
		fetch_resume(w->fetch);
}

__attribute__((unused)) static void decided(void *ud, enum fetch_result result,
					    const struct object_head *head, const struct error *e)
{
	struct world *w = ud;

	w->decided++;
	w->result = result;
	if (head)
		w->head = *head;
	if (e)
		w->error = *e;
	if (w->free_when_decided)
		fetch_free(TAKE(w->fetch));
}

__attribute__((unused)) static void world_init(struct world *w)
{
	*w = (struct world){.loop = manual_loop(), .head.fd = -1};
	w->ctx = (struct store_context){.loop = w->loop};
	ASSERT(pool_new(1, 16, "disk", &w->ctx.disk, NULL) == OK);
	fake_store_init(&w->store, "fake", &w->ctx);
	w->request = (struct fetch_request){
		.store = &w->store.store,
		.key = SLICE("a/b/c"),
		.deadline_ns = clock_mono_ns() + BUDGET_NS,
	};
}

__attribute__((unused)) static struct store_call *world_start(struct world *w)
{
	w->fill = fill_new((struct fill_writer){.room = post_room, .ud = w});
	w->room.run = room_made;
	w->fetch = fetch_start(&w->request, w->request.head ? NULL : &sink, decided, w);
	manual_settle(w->loop);
	return fake_call(&w->store, NULL);
}

__attribute__((unused)) static struct store_call *init_and_start(struct world *w)
{
	world_init(w);
	return world_start(w);
}

__attribute__((unused)) static bool world_fini(struct world *w)
{
	bool clean;

	fetch_free(TAKE(w->fetch)); /* a task that has been posted looks */
	ASSERT(pool_stop(w->ctx.disk, 10 * NS_PER_S));
	manual_settle(w->loop);
	clean = !w->store.first && w->loop->n_timers == 0;
	fill_unref(w->fill);
	close_p(&w->head.fd);
	pool_free(w->ctx.disk);
	loop_free(w->loop);
	return clean;
}

__attribute__((unused)) static void give_head(struct store_call *c, int64_t length)
{
	struct object_head head = fake_whole(length, ETAG);

	fake_head(c, &head);
}

/* What a reader can have at this moment. */
__attribute__((unused)) static struct slice readable(const struct world *w, int64_t at)
{
	static char text[2 * FILL_RING_MIN];
	size_t n = 0;

	if (fill_read(w->fill, at, text, sizeof(text), &n) != FILL_DATA)
		return SLICE_NONE;
	return (struct slice){text, n};
}

/* Ten bytes, of which four have come when the store breaks. */
__attribute__((unused)) static struct store_call *
broken(struct world *w, const struct object_head *head, enum store_result end)
{
	struct store_call *c = init_and_start(w);

	fake_head(c, head);
	fake_data(c, "0123", 4);
	fake_done(c, end);
	manual_settle(w->loop);
	return fake_call(&w->store, NULL);
}
