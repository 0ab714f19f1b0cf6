// SPDX-License-Identifier: MIT
/* What a lookup has found out about each candidate, told to who wants to know (lookup.h). */
#include "serve/lookup_priv.h"

#define LACKS_NAME "the store has no such name"

static const char *why_missing(const struct lookup *l, const struct candidate *c)
{
	const struct cache *cache = flights_cache(l->request.flights);

	return cache_lacks_name(cache, lookup_present(l), c->key) ? LACKS_NAME : NULL;
}

static enum lookup_said said_of_miss(enum fetch_result result)
{
	return result == FETCH_DENIED    ? SAID_DENIED
	       : result == FETCH_REFUSED ? SAID_REFUSED
					 : SAID_MISS;
}

static void describe_missing(const struct lookup *l, const struct slot *slot, struct lookup_note *n)
{
	if (slot->known) {
		n->said = SAID_MISS;
		n->memory = true;
		n->why = why_missing(l, &slot->candidate);
	} else if (slot->answered && slot->result == FETCH_FOUND) {
		n->said = SAID_MISS;
		n->why = "it is not what is looked for, by its content";
	} else if (slot->answered) {
		n->said = said_of_miss(slot->result);
		n->why = slot->error.code ? slot->error.msg : NULL;
	} else if (slot->looked_at) {
		n->said = SAID_MISS;
	} else if (!slot->lists) {
		n->why = "more keys may hold it than are asked for at a time";
	}
}

static void describe(const struct lookup *l, const struct slot *slot, struct lookup_note *n)
{
	*n = (struct lookup_note){
		.store = lookup_present(l),
		.candidate = &slot->candidate,
		.listed = slot->lists,
		.said = SAID_NOT_ASKED,
		.took_ns = slot->took_ns,
	};
	switch (slot->state) {
	case HELD: break;
	case WAITING: n->said = SAID_NO_ANSWER; break;
	case MISSING: describe_missing(l, slot, n); break;
	case THERE:
	case FOUND:
	case PEEKING:
	case LEADING:
	case FIT:
	case SETTLING:
	case UNSATISFIABLE: n->said = SAID_FOUND; break;
	case FAULTY:
		n->said = SAID_FAULT;
		n->why = slot->error.msg;
		break;
	}
}

void lookup_note_slots(struct lookup *l)
{
	struct lookup_note n;

	for (size_t i = 0; i < l->n_slots; i++) {
		describe(l, &l->slots[i], &n);
		l->request.note(l->ud, &n);
	}
}

void lookup_note_known(struct lookup *l, const struct candidates *c)
{
	for (size_t i = 0; l->request.note && i < c->n; i++)
		l->request.note(l->ud, &(struct lookup_note){
					       .store = lookup_present(l),
					       .candidate = &c->list[i],
					       .said = SAID_MISS,
					       .memory = true,
					       .why = why_missing(l, &c->list[i]),
				       });
}

void lookup_note_store(struct lookup *l, enum lookup_said said, const char *why)
{
	if (l->request.note)
		l->request.note(l->ud, &(struct lookup_note){.store = lookup_present(l),
							     .said = said,
							     .why = why});
}
