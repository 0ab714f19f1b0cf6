// SPDX-License-Identifier: MIT
/*
 * See health.h. One struct watch per store, driven by a timer:
 *
 *	UNANSWERED --probe ok--> TIER --index2.txt found or missing--> QUIET
 *	  ^  \--probe failed: again after a pause, 0.5 s doubling to 2 s
 *	  +---------- from QUIET, when the store has been silent for HEALTH_QUIET
 *
 * The state TIER is left out once the tier is known, be it from the store's URL (tiers=).
 */
#include "serve/health.h"
#include "base/log.h"
#include "base/wait.h"

#define FIRST_PAUSE_NS (500 * NS_PER_MS)
#define LAST_PAUSE_NS  (2 * NS_PER_S)
#define TIER_BUDGET_NS (5 * NS_PER_S)

struct watch {
	struct health *health;
	struct store *store;
	struct loop_timer timer;
	int64_t pause_ns;
	bool first_done; /* the first probe, and the tier if it went well */
	bool tier_known;
	bool failing; /* logged already */
};

struct health {
	struct loop *loop;
	struct loop_task start;
	size_t n;
	pthread_mutex_t mu;
	pthread_cond_t changed;
	size_t waiting_first; /* under mu */
	struct watch watches[];
};

static void set_timer(struct watch *w, int64_t in_ns)
{
	loop_timer_set(w->health->loop, &w->timer, clock_mono_ns() + in_ns);
}

/* The first look at this store has ended, well or not. */
static void note_first(struct watch *w)
{
	LOCK_SCOPE(&w->health->mu);

	if (w->first_done)
		return;
	w->first_done = true;
	if (--w->health->waiting_first == 0)
		pthread_cond_broadcast(&w->health->changed);
}

/* Of a store that denies its keys it has been said already (store/doubt.h). */
static void log_change(struct watch *w, const struct error *e)
{
	if (w->store->denying && !w->failing)
		return;
	if (e && !w->failing)
		log_event(LOG_WARN, "store does not answer", "store", w->store->traits.name,
			  "error", e->msg, NULL);
	else if (!e && w->failing)
		log_event(LOG_INFO, "store answers again", "store", w->store->traits.name, NULL);
	w->failing = e != NULL;
}

/* ---- index2.txt ---- */

static void tier_head(void *ud, const struct object_head *head)
{
	int fd CLEANUP(close_p) = head->fd;
}

static bool tier_data(void *ud, struct slice bytes)
{
	return true;
}

static void set_tier(struct watch *w, enum store_tier tier)
{
	w->tier_known = true;
	atomic_store(&w->store->tier, tier);
}

static void tier_done(void *ud, enum store_result result, const struct object_head *head,
		      const struct error *e)
{
	struct watch *w = ud;

	switch (result) {
	case STORE_FOUND: set_tier(w, TIER_TWO); break;
	case STORE_MISS:
	case STORE_MISS_DENIED: set_tier(w, TIER_ONE); break;
	case STORE_MISS_REFUSED:
	case STORE_UNSATISFIABLE:
	case STORE_CHANGED:
	case STORE_FAULT:
	case STORE_FAULT_RETRY: break;
	}
	note_first(w);
	set_timer(w, HEALTH_QUIET_NS);
}

/* Not by way of a fetch: the file is empty in real stores, and counts all the same. */
static void ask_tier(struct watch *w)
{
	static const struct store_events events = {tier_head, tier_data, tier_done};
	const struct store_read read = {
		.key = SLICE("index2.txt"),
		.head = true,
		.deadline_ns = clock_mono_ns() + TIER_BUDGET_NS,
	};

	store_start(w->store, &read, &events, w);
}

/* ---- the probe ---- */

static void probed(void *ud, const struct error *e)
{
	struct watch *w = ud;

	log_change(w, e);
	if (e) {
		last_fault_note(w->store, e);
		note_first(w);
		set_timer(w, w->pause_ns);
		w->pause_ns = MIN(2 * w->pause_ns, LAST_PAUSE_NS);
		return;
	}
	w->pause_ns = FIRST_PAUSE_NS;
	if (w->tier_known) {
		note_first(w);
		set_timer(w, HEALTH_QUIET_NS);
	} else {
		ask_tier(w);
	}
}

static void probe_if_quiet(struct loop_timer *timer)
{
	struct watch *w = CONTAINER_OF(timer, struct watch, timer);
	int64_t quiet = clock_mono_ns() - atomic_load(&w->store->answered_ns);

	if (w->tier_known && !w->failing && quiet < HEALTH_QUIET_NS)
		set_timer(w, HEALTH_QUIET_NS - quiet + NS_PER_MS);
	else
		store_probe(w->store, QUESTION_ANY, probed, w);
}

static void probe_all(struct loop_task *task)
{
	struct health *h = CONTAINER_OF(task, struct health, start);

	for (size_t i = 0; i < h->n; i++)
		store_probe(h->watches[i].store, QUESTION_ANY, probed, &h->watches[i]);
}

struct health *health_new(struct loop *loop, const struct store_list *stores)
{
	struct health *h = xzalloc(sizeof(*h) + stores->n * sizeof(h->watches[0]));

	h->loop = loop;
	h->start.run = probe_all;
	h->n = h->waiting_first = stores->n;
	pthread_mutex_init(&h->mu, NULL);
	pthread_cond_init(&h->changed, NULL);
	for (size_t i = 0; i < stores->n; i++)
		h->watches[i] = (struct watch){
			.health = h,
			.store = stores->store[i],
			.timer.due = probe_if_quiet,
			.pause_ns = FIRST_PAUSE_NS,
			.tier_known = atomic_load(&stores->store[i]->tier) != TIER_UNKNOWN,
		};
	return h;
}

void health_start(struct health *h)
{
	loop_post(h->loop, &h->start);
}

void health_free(struct health *h)
{
	if (!h)
		return;
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->mu);
	free(h);
}

bool health_ready(const struct health *h)
{
	int64_t now = clock_mono_ns();

	for (size_t i = 0; i < h->n; i++) {
		int64_t at = atomic_load(&h->watches[i].store->answered_ns);

		if (at && now - at < HEALTH_DEAD_NS)
			return true;
	}
	return false;
}

bool health_two_tier(const struct health *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (atomic_load(&h->watches[i].store->tier) == TIER_TWO)
			return true;
	return false;
}

void health_wait_first(struct health *h, int64_t timeout_ns)
{
	const struct timespec end = wait_end(timeout_ns);

	LOCK_SCOPE(&h->mu);
	while (h->waiting_first)
		if (!wait_change(&h->changed, &h->mu, &end))
			return;
}
