// SPDX-License-Identifier: MIT
/* See known.h. */
#include "serve/known.h"
#include "metric/metric.h"

uint64_t known_version(const struct flights *flights, const struct store_list *stores)
{
	uint64_t version = cache_purges(flights_cache(flights));

	for (size_t i = 0; i < stores->n; i++)
		version += atomic_load_explicit(&stores->store[i]->epoch, memory_order_relaxed);
	return version;
}

static bool find(const struct known_request *r, struct store *s, const struct candidate *c,
		 enum form form, struct answer *ret)
{
	bool gzip = r->rules.client->gzip && !r->part.ranged;
	const struct confirm_request wanted = {s, c->key, form, NULL, r->rules.client->checksum};
	struct cache_object o;

	if (!flights_find(r->flights, &wanted, &o))
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
static bool look_for(const struct known_request *r, struct store *s, const struct candidate *c,
		     struct answer *ret)
{
	switch (c->want) {
	case WANT_FILE:
		return (resolve_asks_for(&r->rules, c) == FORM_MSFZ &&
			find(r, s, c, FORM_MSFZ, ret)) ||
		       find(r, s, c, FORM_STORED, ret) ||
		       (!c->gzipped && find(r, s, c, FORM_PLAIN, ret));
	case WANT_EXPANDED: return find(r, s, c, FORM_EXPANDED, ret);
	case WANT_CABINET: return find(r, s, c, FORM_CABINET, ret);
	case WANT_POINTER: break; /* what it points to is known by another name */
	}
	return false;
}

static struct miss find_miss(const struct known_request *r, struct store *s,
			     const struct candidate *c)
{
	return cache_find_miss(flights_cache(r->flights), s, c->key, resolve_asks_for(&r->rules, c),
			       r->rules.client->checksum);
}

/* What the candidates looked at so far come to. */
struct past {
	int64_t keep_ns;  /* a miss of all may be kept so long */
	int64_t again_ns; /* the first of them is to be asked again in so long */
	bool answers;     /* all are known to be missing */
	bool proven;      /* all are proven to be missing, if not lately */
};

/* The proof of a store before is worth a question when half of it is over. */
static int64_t again_in(const struct known_request *r, const struct miss *miss, bool before)
{
	if (miss->refused)
		return miss->answers_ns;
	return before ? miss->proves_ns - cache_fresh_ns(flights_cache(r->flights)) / 2
		      : miss->answers_ns;
}

static void note(struct past *past, const struct known_request *r, const struct store *s,
		 const struct miss *miss, bool before)
{
	bool loops = r->via && s->traits.loops;
	bool proven = miss->proves_ns > 0 && (before || !s->traits.local);

	if (miss->answers_ns > 0)
		past->keep_ns = MIN(past->keep_ns, miss->refused ? 0 : miss->answers_ns);
	else
		past->answers = false;
	past->proven = past->proven && (proven || miss->answers_ns > 0 || loops);
	if (!loops)
		past->again_ns = MIN(past->again_ns, again_in(r, miss, before));
}

/* Ask for the candidates before the rank whose misses are due. */
static void ask_again(const struct known_request *r, struct store *s, size_t rank, bool before)
{
	struct candidates c;

	if (resolve_candidates(&r->rules, s, &c))
		for (size_t i = 0; i < c.n && i < rank; i++) {
			struct miss miss = find_miss(r, s, &c.list[i]);

			if (again_in(r, &miss, before) <= 0)
				flights_ask_again(r->flights, s, c.list[i].key,
						  r->rules.client->checksum);
		}
	candidates_fini(&c);
}

/* Before the candidate of this rank in store `at`, in it and in those before it. */
static void ask_again_before(const struct known_request *r, size_t at, size_t rank)
{
	for (size_t i = 0; i <= at; i++)
		if (!resolve_passes_over(&r->rules, r->stores->store[i]) &&
		    !(r->via && r->stores->store[i]->traits.loops))
			ask_again(r, r->stores->store[i], i == at ? rank : SIZE_MAX, i < at);
}

/* Something is there; or what all of its being missing is worth for the stores behind. */
static bool look_in(const struct known_request *r, struct store *s, struct past *past,
		    struct answer *ret)
{
	struct past here = *past, later = *past;
	struct candidates c;
	bool found = false;

	if (!resolve_candidates(&r->rules, s, &c))
		here.proven = later.proven = later.answers = false;
	for (size_t i = 0; i < c.n && !found; i++) {
		struct miss miss = find_miss(r, s, &c.list[i]);

		found = miss.answers_ns <= 0 && look_for(r, s, &c.list[i], ret);
		if (found) {
			ret->rank = i;
		} else {
			note(&here, r, s, &miss, false);
			note(&later, r, s, &miss, true);
		}
	}
	if (!found && c.starts) {
		const struct candidate in_vain = {.key = c.in_vain};
		struct miss miss = find_miss(r, s, &in_vain);

		note(&later, r, s, &miss, true);
	}
	candidates_fini(&c);
	*past = found ? here : later;
	return found;
}

static bool conclude(const struct known_request *r, size_t at, const struct past *past,
		     struct answer *ret)
{
	if (!past->proven)
		return false;
	ret->hot_ns = MIN(ret->fresh_ns, past->again_ns);
	if (past->again_ns <= 0)
		ask_again_before(r, at, ret->rank);
	answer_cut(ret, &r->part);
	return true;
}

bool known_answer(const struct known_request *r, struct answer *ret)
{
	struct past past = {INT64_MAX, INT64_MAX, true, true};

	*ret = (struct answer){.kind = ANSWER_MISS, .head.fd = -1};
	if (!cache_may_know(flights_cache(r->flights)))
		return false;
	for (size_t i = 0; i < r->stores->n; i++) {
		struct store *s = r->stores->store[i];

		if (resolve_is_loop(&r->rules, s))
			past.keep_ns = 0;
		if (resolve_passes_over(&r->rules, s))
			continue;
		if (look_in(r, s, &past, ret))
			return conclude(r, i, &past, ret);
	}
	ret->keep_ns = past.keep_ns;
	return past.answers;
}
