// SPDX-License-Identifier: MIT
/*
 * A key in a case that nobody would guess. Where a store writes the name of a file with capitals, people or
 * tools have named files there, and the key or the file may be written in any way. So, when the likeliest
 * candidate is missing, the keys that begin as the file's would are listed beside the other candidates: one
 * page for each start (candidates.h). What is listed there, and is a candidate but for its case, is one more.
 *
 * Each start has a slot behind those of the candidates:
 *
 *	HELD		the likeliest are missing		WAITING, for the page
 *	WAITING		the page has such a key		THERE, from here on a candidate as any other
 *	WAITING		it has none, or failed			MISSING
 *
 * That it failed is no fault of the store's. It is left in peace for a minute, and for an hour when it does not let
 * us list.
 */
#include "base/text.h"
#include "metric/metric.h"
#include "serve/lookup_priv.h"
#include "store/listing.h"
#include "store/name_list.h"

#define DENIED_NS (3600 * NS_PER_S)
#define FAILED_NS (60 * NS_PER_S)
#define PAGE_MAX  ((size_t)256 * 1024) /* read on the loop's thread: a few keys are expected */

/* The first candidate that the listed key is but for its case; NULL: none, or it is that one itself. */
static const struct slot *find_meant(const struct lookup *l, struct slice key)
{
	const struct slot *meant = NULL;

	for (size_t i = 0; i < l->n_slots; i++) {
		const struct slot *slot = &l->slots[i];

		if (slot->lists || !fold_equal(slot->candidate.key, key))
			continue;
		if (slice_eq(slot->candidate.key, key) && (slot->ask || slot->known))
			return NULL;
		meant = meant ? meant : slot;
	}
	return meant;
}

static void become(struct slot *slot, const struct slot *meant, struct slice key)
{
	slot->lists = false;
	slot->listed_key = xstrndup(key.p, key.n);
	slot->candidate = meant->candidate;
	slot->candidate.key = (struct slice){slot->listed_key, key.n};
	slot->candidate.name_n = 0; /* nothing is learnt of it */
	slot->state = THERE;
}

static void look_through(struct slot *slot, const struct name_page *page)
{
	struct slice start = slot->candidate.key;
	struct buf key CLEANUP(buf_fini) = BUF_MAX(4096), best CLEANUP(buf_fini) = BUF_MAX(4096);
	const struct slot *meant = NULL;

	for (size_t i = 0; i < page->n_keys; i++) {
		const struct slot *found;

		buf_clear(&key);
		buf_add(&key, start);
		buf_add(&key, page->keys[i]);
		found = buf_failed(&key) ? NULL : find_meant(slot->lookup, buf_slice(&key));
		if (!found || (meant && found >= meant))
			continue;
		meant = found;
		buf_clear(&best);
		buf_add(&best, buf_slice(&key));
	}
	slot->looked_at = true;
	slot->complete = page->next.n == 0;
	if (meant)
		become(slot, meant, buf_slice(&best));
}

static void listed(void *ud, enum store_result result, struct buf *answer,
		   const struct store_page_time *time, const struct error *e)
{
	struct slot *slot = ud;
	struct store *s = lookup_present(slot->lookup);
	struct name_page page CLEANUP(name_page_fini) = {0};

	bool read = result == STORE_FOUND && answer->n <= PAGE_MAX &&
		    s->ops->read_page(s, slot->candidate.key, buf_slice(answer), &page, NULL) == OK;

	slot->listing = NULL;
	slot->state = MISSING;
	if (read)
		look_through(slot, &page);
	else
		s->unlisted_ns = clock_mono_ns() +
				 (e && e->code == ERR_DENIED ? DENIED_NS : FAILED_NS);
	slot->judge(slot->lookup);
}

void lookup_list(struct slot *slot, void (*judge)(struct lookup *l))
{
	struct lookup *l = slot->lookup;
	struct store *s = lookup_present(l);
	const struct store_page_ask ask = {
		.folder = slot->candidate.key, .deep = true, .deadline_ns = l->stage_deadline_ns};

	if (clock_mono_ns() < s->unlisted_ns) {
		slot->state = MISSING;
		return;
	}
	slot->state = WAITING;
	slot->judge = judge;
	slot->listing = s->ops->list(s, &ask, listed, slot);
	metric_inc(index_lookups);
}

void lookup_add_lists(struct lookup *l, const struct candidates *c)
{
	l->starts_cut = c->starts_cut;
	l->in_vain = c->in_vain;
	for (size_t i = 0; i < c->starts; i++)
		l->slots[l->n_slots++] = (struct slot){
			.lookup = l,
			.candidate = {.key = c->start[i]},
			.lists = true,
			.state = HELD,
			.head.fd = -1,
		};
}

void lookup_list_found(struct lookup *l, const struct slot *slot)
{
	for (size_t i = 0; i < l->n_slots && slot->listed_key; i++)
		if (!l->slots[i].lists &&
		    fold_equal(l->slots[i].candidate.key, slot->candidate.key))
			cache_forget_miss(flights_cache(l->request.flights), lookup_present(l),
					  l->slots[i].candidate.key, l->checksum);
}

void lookup_lists_in_vain(struct lookup *l)
{
	struct cache *cache = flights_cache(l->request.flights);
	struct store *s = lookup_present(l);
	const struct miss_asked asked = {.key = l->in_vain,
					 .form = FORM_STORED,
					 .via = l->via,
					 .checksum = l->checksum,
					 .ticket = cache_miss_ticket(cache, s, l->in_vain)};
	bool all = true;

	for (size_t i = 0; i < l->n_slots; i++)
		all = all && (!l->slots[i].lists || l->slots[i].looked_at);
	if (all)
		cache_note_miss(cache, s, &asked, FETCH_MISS);
}

bool lookup_lists_prove(const struct lookup *l)
{
	bool prove = !l->starts_cut;

	for (size_t i = 0; i < l->n_slots; i++)
		prove = prove && (!l->slots[i].lists || l->slots[i].complete);
	return prove;
}
