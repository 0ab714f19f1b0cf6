// SPDX-License-Identifier: MIT
/*
 * See api.h: questions that wait for the loop, and the seats that bound them.
 *
 * A seat holds a hash of its client's address. Whoever takes a free one counts those of the same client afterwards, so
 * that of two who come at once at least one sees the other: there may be a refusal too many, but never a question.
 */
#include "base/clock.h"
#include "serve/api.h"

#include <xxhash.h>

/* ---- seats ---- */

static uint64_t client_hash(const struct exchange *x)
{
	char peer[PEER_NAME_MAX];

	exchange_peer(x, peer);
	return XXH3_64bits(peer, strlen(peer)) | 1;
}

_Atomic uint64_t *api_take_seat(struct exchange *x, const struct api_question *q, size_t row,
				bool *full)
{
	_Atomic uint64_t *seats = x->server->api.seat[row], *mine = NULL;
	uint64_t client = client_hash(x);
	unsigned same = 0;

	for (size_t i = 0; i < q->all && !mine; i++) {
		uint64_t nobody = 0;

		if (atomic_compare_exchange_strong(&seats[i], &nobody, client))
			mine = &seats[i];
	}
	*full = !mine;
	for (size_t i = 0; i < q->all; i++)
		same += atomic_load(&seats[i]) == client;
	if (mine && same <= q->client)
		return mine;
	*full = *full && same < q->client;
	api_leave_seat(mine);
	return NULL;
}

void api_leave_seat(_Atomic uint64_t *seat)
{
	if (seat)
		atomic_store(seat, 0);
}

/* ---- the loop's side ---- */

void api_done(struct api_work *w)
{
	loop_timer_stop(w->server->parts.loop, &w->over);
	LIST_LEAVE(w, place);
	http_wake(w->conn);
}

static void stop(struct api_work *w, enum api_stop why)
{
	if (w->stopped)
		return;
	w->stopped = why;
	w->stop(w);
}

static void time_is_over(struct loop_timer *timer)
{
	stop(CONTAINER_OF(timer, struct api_work, over), API_LATE);
}

static void start(struct loop_task *task)
{
	struct api_work *w = CONTAINER_OF(task, struct api_work, start);
	struct api_running *all = &w->server->api;
	int64_t budget = w->budget_ns ? w->budget_ns : w->server->parts.conf->request_budget_ns;

	LIST_INSERT_HEAD(&all->works, w, place);
	if (atomic_load(w->left))
		w->stopped = API_LEFT;
	if (all->closing)
		w->stopped = API_ENDING;
	if (w->stopped) {
		api_done(w);
		return;
	}
	loop_timer_set(w->server->parts.loop, &w->over, clock_mono_ns() + budget);
	w->begin(w);
}

bool api_start(struct exchange *x, struct api_work *w)
{
	w->server = x->server;
	w->conn = x->conn;
	w->left = &x->left;
	w->over.due = time_is_over;
	w->start.run = start;
	if (!exchange_may_look(x))
		return false;
	loop_post(x->server->parts.loop, &w->start);
	return true;
}

/* Stopping one may end it, and no other. */
static void stop_those(struct api_running *all, bool left_only, enum api_stop why)
{
	for (struct api_work *w = LIST_FIRST(&all->works), *next; w; w = next) {
		next = LIST_NEXT(w, place);
		if (!left_only || atomic_load(w->left))
			stop(w, why);
	}
}

void api_sweep(struct api_running *all)
{
	stop_those(all, true, API_LEFT);
}

void api_stop_all(struct api_running *all)
{
	all->closing = true;
	stop_those(all, false, API_ENDING);
}
