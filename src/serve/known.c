// SPDX-License-Identifier: MIT
/* See known.h. */
#include "serve/known.h"
#include "metric/metric.h"

enum found { UNKNOWN, MISSING, HIT, UNACCEPTABLE };

static enum found look_for(const struct known_request *r, struct store *s, struct slice key,
			   struct answer *ret)
{
	struct cache_object o;

	if (cache_knows_missing(r->cache, s, key))
		return MISSING;
	if (!cache_find(r->cache, s, key, &o))
		return UNKNOWN;
	if (!answer_acceptable(&o.head, r->accepts_gzip)) {
		close(o.head.fd);
		return UNACCEPTABLE;
	}
	*ret = (struct answer){
		.kind = ANSWER_FOUND,
		.head = o.head,
		.way = ASK_HIT,
		.fresh_ns = o.fresh_ns,
		.from = s,
	};
	return HIT;
}

/* The best that can be said of one store. */
static enum found look_in(const struct known_request *r, struct store *s, struct answer *ret)
{
	struct candidates c;
	enum found all = MISSING;

	if (!resolve_candidates(r->rules.path, s, &c))
		all = UNKNOWN;
	for (size_t i = 0; i < c.n && all != HIT; i++) {
		enum found one = look_for(r, s, c.key[i], ret);

		if (one == HIT || one == UNACCEPTABLE || all == MISSING)
			all = one;
	}
	candidates_fini(&c);
	return all;
}

/* All stores are known to miss it or to have it in a form that the client does not accept. */
static void refuse(struct answer *ret, struct store *refused, bool unsure)
{
	*ret = (struct answer){.kind = ANSWER_MISS, .head.fd = -1, .unsure = unsure};
	if (!refused)
		return;
	ret->kind = ANSWER_FAULT;
	ret->from = refused;
	err_set(&ret->error, ERR_UPSTREAM,
		"stored with a Content-Encoding that the client does not accept");
}

bool known_answer(const struct known_request *r, struct answer *ret)
{
	struct store *refused = NULL; /* the first that counts */
	bool all_known = true, unsure = false;

	if (!cache_may_know(r->cache))
		return false;
	for (size_t i = 0; i < r->stores->n; i++) {
		struct store *s = r->stores->store[i];

		if (resolve_passes_over(&r->rules, s))
			continue;
		switch (look_in(r, s, ret)) {
		case HIT: answer_cut(ret, &r->part); return true;
		case UNKNOWN: all_known = false; break;
		case MISSING: break;
		case UNACCEPTABLE:
			if (s->traits.optional)
				unsure = true;
			else if (!refused)
				refused = s;
			break;
		}
	}
	if (!all_known)
		return false;
	if (refused || unsure)
		metric_inc(store_encoded);
	refuse(ret, refused, unsure);
	return true;
}
