// SPDX-License-Identifier: MIT
/* See removals.h. What tells no time, or is of a store that tells none, counts as new. */
#include "publish/removals.h"

#include "publish/transaction.h"
#include "store/listing.h"

#define MARKERS_MAX 100000

struct removals {
	struct listing *listing;
	size_t running;
	struct loop *loop;
	struct loop_timer go_on;
	void (*done)(void *ud, size_t running, const struct error *e);
	void *ud;
};

static void removals_free(struct removals *r)
{
	loop_timer_stop(r->loop, &r->go_on);
	if (r->listing)
		listing_cancel(r->listing);
	free(r);
}

static void take_page(void *ud, struct name_page *page)
{
	struct removals *r = ud;

	for (size_t i = 0; i < page->n_keys; i++) {
		int64_t at_s = page->facts ? page->facts[i].modified_s : 0;

		if (at_s <= 0 || page->date_s < 0 || page->date_s - at_s < REMOVAL_OLD_S)
			r->running++;
	}
	loop_timer_set(r->loop, &r->go_on, 0);
}

static void go_on(struct loop_timer *timer)
{
	listing_go_on(CONTAINER_OF(timer, struct removals, go_on)->listing);
}

static void ended(void *ud, struct listing_result *result, const struct error *e)
{
	struct removals *r = ud;
	void (*done)(void *, size_t, const struct error *) = r->done;
	size_t running = r->running;
	void *whose = r->ud;
	struct error failed = {.code = OK};

	if (e) {
		failed = *e;
		err_wrap(&failed, "cannot list the removals that run");
	}
	name_list_fini(&result->names);
	r->listing = NULL;
	removals_free(r);
	done(whose, running, e ? &failed : NULL);
}

struct removals *removals_count(struct store *s,
				void (*done)(void *ud, size_t running, const struct error *e),
				void *ud)
{
	const struct listing_request request = {.store = s,
						.folder = SLICE(TX_REMOVALS),
						.max_names = MARKERS_MAX,
						.page = take_page};
	struct removals *r = xnew(struct removals);

	*r = (struct removals){.loop = s->ctx->loop, .go_on.due = go_on, .done = done, .ud = ud};
	r->listing = listing_start(&request, ended, r);
	return r;
}

void removals_cancel(struct removals *r)
{
	if (r)
		removals_free(r);
}
