// SPDX-License-Identifier: MIT
/* See known.h. */
#include "serve/known.h"
#include "metric/metric.h"

enum found { UNKNOWN, MISSING, HIT };

static bool find(const struct known_request *r, struct store *s, const struct candidate *c,
		 enum form form, struct answer *ret)
{
	bool gzip = r->rules.client->gzip && !r->part.ranged;
	struct cache_object o;

	if (!cache_find(r->cache, s, c->key, form, NULL, &o))
		return false;
	if (!answer_acceptable(&o.head, gzip) || (c->gzipped && !answer_is_gzip(&o.head))) {
		close(o.head.fd);
		return false;
	}
	*ret = (struct answer){
		.kind = ANSWER_FOUND,
		.head = o.head,
		.way = ASK_HIT,
		.fresh_ns = o.fresh_ns,
		.from = s,
	};
	answer_describe(ret, c, form);
	return true;
}

/* An object as it is stored, if the client may have it so, or else with its encoding undone. */
static enum found look_for(const struct known_request *r, struct store *s,
			   const struct candidate *c, struct answer *ret)
{
	struct miss miss = cache_find_miss(r->cache, s, c->key);
	bool found = false;

	if (miss.answers_ns > 0) {
		ret->keep_ns = MIN(ret->keep_ns, miss.refused ? 0 : miss.answers_ns);
		return MISSING;
	}
	switch (c->want) {
	case WANT_FILE:
		found = find(r, s, c, FORM_STORED, ret) ||
			(!c->gzipped && find(r, s, c, FORM_PLAIN, ret));
		break;
	case WANT_EXPANDED: found = find(r, s, c, FORM_EXPANDED, ret); break;
	case WANT_CABINET: found = find(r, s, c, FORM_CABINET, ret); break;
	case WANT_POINTER: break; /* what it points to is known by another name */
	}
	return found ? HIT : UNKNOWN;
}

/*
 * The best that can be said of one store. What was found stays found when those before it have to be
 * asked again, with three exceptions: the client would rather have it as MSFZ; it has another key
 * than was asked for; and a local store is quickly asked.
 */
static enum found look_in(const struct known_request *r, struct store *s, struct answer *ret)
{
	struct candidates c;
	bool unsure = s->traits.local;
	enum found all = MISSING;

	if (!resolve_candidates(&r->rules, s, &c))
		all = UNKNOWN;
	for (size_t i = 0; i < c.n && all != HIT; i++) {
		const struct candidate *one = &c.list[i];

		if (all == UNKNOWN && (unsure || one->alias))
			break;
		switch (look_for(r, s, one, ret)) {
		case HIT: all = HIT; break;
		case UNKNOWN:
			all = UNKNOWN;
			unsure = unsure || one->msfz;
			break;
		case MISSING: break;
		}
	}
	candidates_fini(&c);
	return all;
}

bool known_answer(const struct known_request *r, struct answer *ret)
{
	bool all_known = true;

	*ret = (struct answer){.kind = ANSWER_MISS, .head.fd = -1, .keep_ns = INT64_MAX};
	if (!cache_may_know(r->cache))
		return false;
	for (size_t i = 0; i < r->stores->n; i++) {
		struct store *s = r->stores->store[i];

		if (resolve_is_loop(&r->rules, s))
			ret->keep_ns = 0;
		if (resolve_passes_over(&r->rules, s))
			continue;
		switch (look_in(r, s, ret)) {
		case HIT: answer_cut(ret, &r->part); return true;
		case UNKNOWN: all_known = false; break;
		case MISSING: break;
		}
	}
	return all_known;
}
