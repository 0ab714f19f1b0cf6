// SPDX-License-Identifier: MIT
/* See api_look.h. */
#include "serve/api_look.h"

#include "base/log.h"
#include "serve/known.h"
#include "store/packing.h"

/* ---- what is noted ---- */

/* How the store has it, by its name there and by its label. */
static const char *form_of(struct slice key, struct slice encoding)
{
	static const struct {
		const char *end, *encoding, *form;
	} forms[] = {
		{"_", "", "cabinet"},
		{".gz", "gzip", "gzip"},
		{".zst", "zstd", "zstd"},
	};
	struct slice folder = slice_head(key, slice_rfind(key, '/'));

	if (slice_ends(folder, SLICE("/msfz0")))
		return "msfz";
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (slice_ends(key, slice_of(forms[i].end)) ||
		    (encoding.n && slice_eq_nocase(encoding, slice_of(forms[i].encoding))))
			return forms[i].form;
	return "plain";
}

static void take_note(struct api_look *k, const struct lookup_note *n)
{
	k->asked += n->said != SAID_PASSED_OVER;
	if (n->said == SAID_FOUND) {
		free(k->key);
		k->key = xstrndup(n->candidate->key.p, n->candidate->key.n);
	}
	k->other |= n->said == SAID_MISS && !n->memory && n->why && !n->listed && n->took_ns;
	if (k->note)
		k->note(k, n);
}

static void noted(void *ud, const struct lookup_note *n)
{
	struct api_look *k = ud;

	if (!k->canceled)
		take_note(k, n);
}

/* The candidates of one store, of which the cache knows all up to `found`, which lies there. */
static void note_known(struct api_look *k, const struct resolve_rules *rules, struct store *s,
		       size_t found)
{
	struct lookup_note n = {.store = s, .memory = true, .said = SAID_MISS};
	const struct cache *cache = rules->cache;
	struct candidates c;

	if (resolve_candidates(rules, s, &c))
		for (size_t i = 0; i < c.n && i <= found; i++) {
			n.candidate = &c.list[i];
			n.said = i == found ? SAID_FOUND : SAID_MISS;
			n.why = i != found && cache_lacks_name(cache, s, c.list[i].key)
					? "the store has no such name"
					: NULL;
			take_note(k, &n);
		}
	candidates_fini(&c);
}

/* ---- looking ---- */

static struct resolve_rules rules_of(struct api_look *k)
{
	const struct server_parts *p = &k->server->parts;

	return (struct resolve_rules){
		.path = k->path,
		.client = &k->client,
		.cache = flights_cache(p->flights),
		.any_path = k->any_path,
		.cabinets = p->conf->serve_cab,
		.head = true,
	};
}

static void conclude(struct api_look *k, const struct answer *a)
{
	k->kind = a->kind == ANSWER_UNSATISFIABLE ? ANSWER_FOUND : a->kind;
	k->store = a->from;
	k->took_ns = clock_mono_ns() - k->began_ns;
	k->error = a->error;
	k->passed_over = a->kind == ANSWER_MISS && !k->asked;
	if (k->kind != ANSWER_FOUND)
		return;
	k->size = a->head.total >= 0 ? a->head.total : -1;
	if (k->key)
		k->form = form_of(slice_of(k->key), slice_of(a->head.encoding));
}

static void note_all_known(struct api_look *k, const struct resolve_rules *rules,
			   const struct answer *a)
{
	const struct store_list *stores = k->server->parts.stores;

	for (size_t i = 0; i < stores->n; i++) {
		struct store *s = stores->store[i];
		bool here = a->kind == ANSWER_FOUND && s == a->from;

		if (resolve_passes_over(rules, s))
			take_note(k, &(struct lookup_note){.store = s, .said = SAID_PASSED_OVER});
		else
			note_known(k, rules, s, here ? a->rank : SIZE_MAX);
		if (here)
			return;
	}
}

static void released(void *ud)
{
	struct api_look *k = ud;

	k->ended(k);
}

/* What lies in the cache behind what was asked for, and is the answer now. */
static void note_spare(struct api_look *k, const struct answer *a)
{
	const struct resolve_rules rules = rules_of(k);
	struct candidates c;

	if (a->kind != ANSWER_FOUND || k->key || a->from != k->spare)
		return;
	if (resolve_candidates(&rules, k->spare, &c) && k->spare_rank < c.n)
		take_note(k, &(struct lookup_note){.store = k->spare,
						   .candidate = &c.list[k->spare_rank],
						   .said = SAID_FOUND,
						   .memory = true});
	candidates_fini(&c);
}

static void answered(void *ud, struct answer *a)
{
	struct api_look *k = ud;

	if (!k->canceled) {
		note_spare(k, a);
		conclude(k, a);
		lookup_release(k->lookup, released);
	}
	answer_drop(a);
}

static void leave(void *ud)
{
	/* No body is waited for. */
}

static void look_up(struct api_look *k, const struct resolve_rules *rules, struct answer *spare)
{
	const struct server_parts *p = &k->server->parts;
	const struct lookup_request request = {
		.all = &k->server->lookups,
		.flights = p->flights,
		.stores = p->stores,
		.rules = *rules,
		.loop = p->loop,
		.left = k->left,
		.leave = leave,
		.head = true,
		.presence = true,
		.asker = k->asker,
		.note = noted,
		.budget_ns = p->conf->request_budget_ns,
		.ring_max = p->conf->stream_buffer,
		.max_questions = p->conf->max_questions,
		.tells = log_enabled(LOG_DEBUG),
		.spare = *spare,
	};

	k->spare = spare->kind == ANSWER_FOUND ? spare->from : NULL;
	k->spare_rank = spare->rank;
	k->lookup = lookup_start(&request, answered, k);
}

bool api_look_start(struct api_look *k)
{
	const struct server_parts *p = &k->server->parts;
	struct known_request asked = {.flights = p->flights, .stores = p->stores};
	struct answer a;

	k->client = client_of(&(struct client_headers){{NULL, 0}});
	k->client.gzip = true; /* nothing is sent, so that nothing has to be decoded */
	k->began_ns = clock_mono_ns();
	k->size = -1;
	asked.rules = rules_of(k);
	if (!known_answer(&asked, &a)) {
		look_up(k, &asked.rules, &a);
		return false;
	}
	k->memory = true;
	note_all_known(k, &asked.rules, &a);
	conclude(k, &a);
	answer_drop(&a);
	return true;
}

void api_look_cancel(struct api_look *k)
{
	if (k->canceled || !k->lookup || k->took_ns)
		return;
	k->canceled = true;
	k->kind = ANSWER_FAULT;
	k->took_ns = clock_mono_ns() - k->began_ns;
	err_set(&k->error, ERR_TIMEOUT, "no time was left");
	lookup_release(k->lookup, released);
}

void api_look_fini(struct api_look *k)
{
	free(TAKE(k->key));
}
