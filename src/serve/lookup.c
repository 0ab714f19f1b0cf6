// SPDX-License-Identifier: MIT
/*
 * See lookup.h. One store is asked at a time (a stage): lookup_stage.c asks, lookup_judge.c
 * decides, lookup_pointer.c follows file.ptr. Here is the frame: beginning, answering, going on
 * when the cache's disk has failed, and the end.
 *
 * The ask that becomes the answer lives on in `winner` until the release, since it holds the fill
 * that the client reads.
 */
#include "serve/lookup_priv.h"

void lookup_drop_slots(struct lookup *l)
{
	loop_timer_stop(l->request.loop, &l->overdue);
	if (l->request.note)
		lookup_note_slots(l);
	for (size_t i = 0; i < l->n_slots; i++) {
		ask_free(l->slots[i].ask);
		if (l->slots[i].listing)
			store_call_cancel(lookup_present(l), l->slots[i].listing);
		free(l->slots[i].listed_key);
		if (l->slots[i].state == FOUND || l->slots[i].state == FIT)
			close_p(&l->slots[i].head.fd);
	}
	l->n_slots = 0;
	free(TAKE(l->slots));
	buf_fini(&l->keys);
}

void lookup_answer(struct lookup *l, struct answer *a)
{
	lookup_drop_slots(l);
	l->done = true;
	l->answered(l->ud, a);
}

static void stop_timers(struct lookup *l)
{
	struct slot *slot = TAKE(l->awaited);

	loop_timer_stop(l->request.loop, &l->next);
	loop_timer_stop(l->request.loop, &l->awaken);
	if (slot)
		fill_unwait(ask_body(slot->ask), &l->body);
}

/* ---- the disk has failed ---- */

static void rescue_over(struct lookup *l, struct fill *body)
{
	void (*rescued)(void *ud, struct fill *body) = TAKE(l->rescued);

	if (rescued)
		rescued(l->ud, body);
}

static void rescue_decided(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e)
{
	struct lookup *l = ud;

	int64_t length = l->rescue_last - l->rescue_first + 1;
	/* By its ETag it is the same one; then the label is as it was sent, and not judged. */
	bool pinned = result == FETCH_FOUND && head->ranged;
	bool goes_on = result == FETCH_FOUND && head->fd < 0 && head->length == length &&
		       head->mtime == l->version.mtime &&
		       (pinned || strcmp(head->encoding, l->version.encoding) == 0);

	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	rescue_over(l, goes_on ? fill_ref(ask_body(l->winner)) : NULL);
}

static void rescue(struct loop_task *task)
{
	struct lookup *l = CONTAINER_OF(task, struct lookup, rescue);

	l->rescued = l->when_rescued;
	if (l->request.all->closing ||
	    !ask_rescue(l->winner, &l->version, l->rescue_first, l->rescue_last, rescue_decided, l))
		rescue_over(l, NULL);
}

void lookup_rescue(struct lookup *l, int64_t first, int64_t last,
		   void (*rescued)(void *ud, struct fill *body))
{
	l->rescue.run = rescue;
	l->rescue_first = first;
	l->rescue_last = last;
	l->when_rescued = rescued;
	loop_post(l->request.loop, &l->rescue);
}

/* ---- the frame ---- */

static void give_up(struct lookup *l, const char *why)
{
	struct answer a = {.kind = ANSWER_FAULT, .head.fd = -1};

	if (l->done)
		return;
	stop_timers(l);
	err_set(&a.error, ERR_CANCELED, "%s", why);
	lookup_answer(l, &a);
}

static void abort_one(struct lookup *l)
{
	if (l->winner)
		ask_abort(l->winner);
	rescue_over(l, NULL);
	give_up(l, "shutting down");
}

void lookup_sweep(struct lookups *all)
{
	struct lookup *l;

	LIST_FOREACH (l, &all->list, place) {
		if (!l->request.left || !atomic_load(l->request.left))
			continue;
		if (l->done)
			l->request.leave(l->ud);
		rescue_over(l, NULL);
		give_up(l, "the client has left");
	}
}

void lookup_abort_all(struct lookups *all)
{
	struct lookup *l;

	all->closing = true;
	LIST_FOREACH (l, &all->list, place)
		abort_one(l);
}

static void start_lookup(struct loop_task *task)
{
	struct lookup *l = CONTAINER_OF(task, struct lookup, start);

	LIST_INSERT_HEAD(&l->request.all->list, l, place);
	l->number = l->request.asker ? l->request.asker : ++l->request.all->count;
	if (l->request.all->closing)
		abort_one(l);
	else
		lookup_stage(&l->next);
}

static void let_go(struct loop_task *task)
{
	struct lookup *l = CONTAINER_OF(task, struct lookup, release);

	stop_timers(l);
	l->request.note = NULL; /* who released it hears no more */
	lookup_drop_slots(l);
	lookup_forget_target(l);
	answer_drop(&l->request.spare);
	ask_free(l->winner);
	LIST_REMOVE(l, place);
	l->released(l->ud);
	free(l->if_range);
	free(l->via);
	free(l->checksum);
	free(l);
}

struct lookup *lookup_start(const struct lookup_request *request,
			    void (*answered)(void *ud, struct answer *answer), void *ud)
{
	struct lookup *l = xnew(struct lookup);

	l->request = *request;
	if (request->spare.kind != ANSWER_FOUND)
		l->request.spare = (struct answer){.kind = ANSWER_MISS, .head.fd = -1};
	l->if_range = request->part.if_range ? xstrdup(request->part.if_range) : NULL;
	l->request.part.if_range = l->if_range;
	l->via = request->via ? xstrdup(request->via) : NULL;
	if (request->rules.client->checksum)
		l->checksum = xstrdup(request->rules.client->checksum);
	l->answered = answered;
	l->ud = ud;
	l->start.run = start_lookup;
	l->release.run = let_go;
	l->next.due = lookup_stage;
	l->awaken.due = lookup_awaken;
	l->overdue.due = lookup_overdue;
	l->deadline_ns = clock_mono_ns() + request->budget_ns;
	l->keep_ns = INT64_MAX;
	loop_post(request->loop, &l->start);
	return l;
}

void lookup_release(struct lookup *l, void (*released)(void *ud))
{
	l->released = released;
	loop_post(l->request.loop, &l->release);
}
