// SPDX-License-Identifier: MIT
/*
 * Which transaction stored what a search has found (api_search.h)? A listing does not tell, but the head of an object
 * does, if our publisher wrote it. So the heads of the newest HEADS_WANTED rows of an answer are asked for,
 * SEARCH_HEADS_AT_ONCE at a time, each once as long as it is remembered (stored_by.h). What a store does not tell, for
 * whatever reason, stays untold.
 */
#include "base/clock.h"
#include "metric/metric.h"
#include "serve/api_search.h"
#include "store/fetch.h"

#define HEADS_WANTED 64

static int newest_first(const void *a_, const void *b_)
{
	const struct found *a = a_, *b = b_;

	if (a->modified_s != b->modified_s)
		return a->modified_s < b->modified_s ? 1 : -1;
	return strcmp(a->stored, b->stored);
}

static void sort(struct api_search *a)
{
	if (a->rows)
		qsort(a->row, a->rows, sizeof(a->row[0]), newest_first);
}

static void ask_on(struct api_search *a);

static void came(void *ud, enum fetch_result result, const struct object_head *head,
		 const struct error *e)
{
	struct head_ask *h = ud;
	struct api_search *a = h->all;
	struct found *row = &a->row[h->row];

	if (result == FETCH_FOUND && !tx_id_parse(slice_of(head->origin.tx), &row->by))
		row->by = (struct tx_id){0};
	if (result == FETCH_FOUND && head->fd >= 0)
		close(head->fd);
	if (result == FETCH_FOUND)
		stored_by_keep(a->work.server->stored_by, row->object, &row->by);
	fetch_free(TAKE(h->fetch));
	a->heads--;
	ask_on(a);
}

static void ask(struct api_search *a, struct head_ask *h, size_t row)
{
	struct store *s = a->stores->store[a->row[row].place];
	const struct fetch_request request = {
		.store = s,
		.key = slice_of(a->row[row].stored),
		.head = true,
		.origin = true,
		.deadline_ns =
			clock_mono_ns() +
			a->work.server->parts.conf->request_budget_ns, /* stop() is earlier */
	};

	metric_inc(api_heads);
	*h = (struct head_ask){.all = a, .row = row};
	h->fetch = fetch_start(&request, NULL, came, h);
	a->heads++;
}

static void ask_on(struct api_search *a)
{
	const struct stored_by *known = a->work.server->stored_by;
	size_t end = MIN(a->rows, HEADS_WANTED);

	for (size_t i = 0; i < SEARCH_HEADS_AT_ONCE; i++) {
		if (a->head[i].fetch)
			continue;
		while (a->next_head < end && (!a->row[a->next_head].object ||
					      stored_by_find(known, a->row[a->next_head].object,
							     &a->row[a->next_head].by)))
			a->next_head++;
		if (a->next_head < end)
			ask(a, &a->head[i], a->next_head++);
	}
	if (!a->heads)
		api_done(&a->work);
}

void search_stored(struct api_search *a)
{
	sort(a);
	ask_on(a);
}

void search_stored_stop(struct api_search *a)
{
	for (size_t i = 0; i < SEARCH_HEADS_AT_ONCE; i++)
		fetch_free(TAKE(a->head[i].fetch));
	sort(a);
}
