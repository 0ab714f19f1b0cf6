// SPDX-License-Identifier: MIT
/*
 * /-/api/search: which files the stores have under a name, by listing what lies below it; or which names match a GLOB,
 * by the indexes of names, so that no bucket is listed as a whole. The folders that may hold the name are the targets,
 * asked one after the other and page by page, until there is enough for one answer; its cursor tells the target and the
 * page where the next one goes on.
 *
 * A directory has no index: where a name is not found as it was typed, and for a GLOB, the names in it are read.
 */
#include "serve/api_search.h"
#include "base/text.h"
#include "metric/metric.h"
#include "serve/resolve.h"
#include "symfmt/key.h"

#define ROWS_WANTED 200
#define TARGETS_MAX 2048

/* ---- targets ---- */

static void insert_target(struct api_search *a, size_t at, const struct target *t,
			  struct slice folder)
{
	if (a->targets == TARGETS_MAX) {
		a->part[t->place].lacks = "too many folders: ask for less";
		return;
	}
	if (!a->target)
		a->target = xzalloc(TARGETS_MAX * sizeof(*a->target));
	memmove(a->target + at + 1, a->target + at, (a->targets - at) * sizeof(*a->target));
	a->target[at] = *t;
	a->target[at].folder = xstrndup(folder.p, folder.n);
	a->targets++;
}

static bool has_target(const struct api_search *a, const struct target *t, struct slice folder)
{
	for (size_t i = 0; i < a->targets; i++)
		if (a->target[i].place == t->place && a->target[i].fallback == t->fallback &&
		    slice_eq(slice_of(a->target[i].folder), folder))
			return true;
	return false;
}

static void add_target(struct api_search *a, const struct target *t, struct slice folder)
{
	if (!has_target(a, t, folder))
		insert_target(a, a->targets, t, folder);
}

/* The folder as it is, and with one of '+' and ' ' for both. */
static void add_folder(struct api_search *a, size_t place, bool fallback, struct slice folder)
{
	static const char blanks[] = {' ', '+'};
	struct target t = {.place = place, .fallback = fallback};

	add_target(a, &t, folder);
	for (size_t k = 0; k < ARRAY_LEN(blanks); k++) {
		struct buf other CLEANUP(buf_fini) = BUF_MAX(4 * SEARCH_TEXT_MAX);

		for (size_t i = 0; i < folder.n; i++)
			buf_putc(&other, folder.p[i] == ' ' || folder.p[i] == '+' ? blanks[k]
										  : folder.p[i]);
		add_target(a, &t, buf_slice(&other));
	}
}

/* "fo/" or none; all that lies below the name, or first below the key as it was typed. */
static void add_name(struct api_search *a, size_t place, struct slice tier, struct slice name)
{
	struct buf folder CLEANUP(buf_fini) = BUF_MAX(4 * SEARCH_TEXT_MAX);
	bool key = a->search.kind == SEARCH_KEY;

	buf_add(&folder, tier);
	buf_add(&folder, name);
	buf_putc(&folder, '/');
	if (key) {
		size_t n = folder.n;

		buf_add(&folder, a->search.key);
		buf_putc(&folder, '/');
		add_folder(a, place, false, buf_slice(&folder));
		folder.n = n;
	}
	add_folder(a, place, key, buf_slice(&folder));
}

/* As it may be written in a store of which no names are known. */
static void guess(struct api_search *a, size_t place, struct slice name)
{
	int tiers = atomic_load(&a->stores->store[place]->tier);
	struct buf tier CLEANUP(buf_fini) = BUF_MAX(16);

	if (tiers != TIER_TWO)
		add_name(a, place, SLICE_NONE, name);
	buf_add(&tier, name_tier_folder(name));
	buf_putc(&tier, '/');
	if (tiers != TIER_ONE)
		add_name(a, place, buf_slice(&tier), name);
}

static void add_store(struct api_search *a, size_t place)
{
	struct store *s = a->stores->store[place];
	struct listed_name alike[NAMES_ALIKE_MAX];
	struct buf lower CLEANUP(buf_fini) = BUF_MAX(4 * SEARCH_TEXT_MAX);
	size_t n = cache_names_alike(a->cache, s, a->search.name, alike);

	for (size_t i = 0; i < n; i++)
		add_name(a, place, alike[i].folder, alike[i].name);
	if (!n) {
		guess(a, place, a->search.name);
		fold_lower(a->search.name, &lower);
		guess(a, place, buf_slice(&lower));
	}
	if (s->traits.local)
		add_target(a, &(struct target){place, NULL, true, true}, SLICE(""));
}

static void add_targets(struct api_search *a)
{
	for (size_t i = a->from.store; i < a->stores->n; i++) {
		if (!store_can_list(a->stores->store[i]))
			a->part[i].lacks = "it cannot be listed: ask for a file by its path";
		else if (a->search.kind != SEARCH_NAMES &&
			 resolve_takes_below(a->stores->store[i], a->search.name))
			add_store(a, i);
		else if (a->search.kind == SEARCH_NAMES && search_names_of(a, i))
			add_target(a, &(struct target){i, NULL, true, false}, SLICE(""));
	}
}

/* To where the cursor is. What was told of its store before was something. */
static void skip_to_cursor(struct api_search *a)
{
	size_t i = 0;

	if (!a->from.folder.n || a->search.kind == SEARCH_NAMES)
		return;
	while (i < a->targets && (a->target[i].place != a->from.store ||
				  !slice_eq(slice_of(a->target[i].folder), a->from.folder)))
		i++;
	if (i == a->targets) { /* it is spelled otherwise since */
		i = 0;
		insert_target(a, 0, &(struct target){.place = a->from.store}, a->from.folder);
	}
	a->part[a->from.store].any = !a->target[i].fallback;
	a->target[i].fallback = false;
	a->at = i;
	buf_add(&a->token, a->from.token);
}

/* ---- what comes ---- */

/* By what a debugger asks for, or as it is called there. */
static bool is_taken(const struct store *s, const struct search_row *r, struct slice stored)
{
	return resolve_takes_key(s, r->name, r->key, r->last) ||
	       resolve_takes_key(s, r->name, r->key,
				 slice_from(stored, slice_rfind(stored, '/') + 1));
}

static void add_row(struct api_search *a, const struct target *t, struct slice key,
		    const struct name_fact *fact)
{
	struct buf stored CLEANUP(buf_fini) = BUF_MAX(8192);
	struct search_row r;
	struct found *row;

	buf_puts(&stored, t->folder);
	buf_add(&stored, key);
	if (buf_failed(&stored) || !search_row_of(buf_slice(&stored), &r) ||
	    (a->search.kind == SEARCH_KEY && !fold_equal(r.key, a->search.key)) ||
	    !is_taken(a->stores->store[t->place], &r, buf_slice(&stored)))
		return;
	if (a->rows == a->room) {
		a->room = a->room ? 2 * a->room : 256;
		a->row = reallocarray(a->row, a->room, sizeof(*a->row));
		ASSERT(a->row);
	}
	row = &a->row[a->rows++];
	*row = (struct found){.place = t->place,
			      .stored = xstrndup(stored.p, stored.n),
			      .size = fact ? fact->size : -1,
			      .modified_s = fact ? fact->modified_s : 0};
	if (fact)
		row->object = stored_by_object(t->place, buf_slice(&stored), fact->size,
					       fact->modified_s, fact->etag);
	a->part[t->place].any = true;
}

static bool is_tier_of(const struct api_search *a, const struct target *t, struct slice folder)
{
	int tiers = atomic_load(&a->stores->store[t->place]->tier);

	if (t->folder[0] || folder.n > 9)
		return false;
	if (a->search.kind == SEARCH_NAMES)
		return folder.n <= 3 && (tiers == TIER_TWO || tiers == TIER_BOTH) &&
		       search_names_may_lie_in(&a->part[t->place].names, folder);
	return tiers != TIER_ONE &&
	       fold_equal(search_bare(folder), name_tier_folder(a->search.name));
}

/* A folder of a directory: the name in another case, or one that may hold it. */
static void take_folder(struct api_search *a, const struct target *t, struct slice folder)
{
	struct target more = {.place = t->place};
	struct buf whole CLEANUP(buf_fini) = BUF_MAX(8192);

	buf_puts(&whole, t->folder);
	buf_add(&whole, folder);
	if (is_tier_of(a, t, folder)) {
		more.names = true;
		insert_target(a, a->at + 1, &more, buf_slice(&whole));
	} else if (a->search.kind == SEARCH_NAMES) {
		(void)search_take_name(a, t->place, slice_of(t->folder), search_bare(folder));
	} else if (search_same_name(search_bare(folder), a->search.name)) {
		insert_target(a, a->at + 1, &more, buf_slice(&whole));
	}
}

static void go_on(struct api_search *a);

static void next_target(struct api_search *a)
{
	a->at++;
	buf_clear(&a->token);
}

static void pass_store(struct api_search *a, size_t place)
{
	while (a->at < a->targets && a->target[a->at].place == place)
		next_target(a);
}

static void page_came(void *ud, struct name_page *page)
{
	struct api_search *a = ud;
	struct target t = a->target[a->at];
	bool circle = page->next.n && slice_eq(page->next, buf_slice(&a->token));

	listing_cancel(TAKE(a->listing));
	for (size_t i = 0; i < page->n_keys && !t.names; i++)
		add_row(a, &t, page->keys[i], page->facts ? &page->facts[i] : NULL);
	for (size_t i = 0; i < page->n_folders && t.names; i++)
		take_folder(a, &t, page->folders[i]);
	buf_clear(&a->token);
	buf_add(&a->token, page->next);
	if (circle) {
		(void)err_set(
			&a->part[t.place].error, ERR_UPSTREAM,
			"its listing goes round in a circle: a page named itself as the next");
		pass_store(a, t.place);
	} else if (!page->next.n) {
		next_target(a);
	}
	go_on(a);
}

/* Before its time: the store is passed over. */
static void listing_ended(void *ud, struct listing_result *r, const struct error *e)
{
	struct api_search *a = ud;
	size_t place = a->target[a->at].place;

	a->listing = NULL;
	name_list_fini(&r->names);
	if (e)
		a->part[place].error = *e;
	pass_store(a, place);
	go_on(a);
}

static void list(struct api_search *a)
{
	const struct target *t = &a->target[a->at];
	const struct listing_request request = {
		.store = a->stores->store[t->place],
		.folder = slice_of(t->folder),
		.token = buf_slice(&a->token),
		.deep = !t->names,
		.page = page_came,
	};

	metric_inc(api_pages);
	a->listing = listing_start(&request, listing_ended, a);
}

static bool is_idle(const struct api_search *a)
{
	const struct target *t = &a->target[a->at];

	return t->fallback && a->part[t->place].any;
}

static void go_on(struct api_search *a)
{
	while (a->at < a->targets && is_idle(a))
		next_target(a);
	if (a->at < a->targets && (a->rows < a->wanted || a->target[a->at].names))
		list(a);
	else
		search_stored(a);
}

/* What others want of the loop comes between two turns. */
static void take_turn(struct loop_task *task)
{
	struct api_search *a = CONTAINER_OF(task, struct api_search, turn);

	if (a->work.stopped)
		api_done(&a->work);
	else if (search_walk(a))
		loop_post(a->work.server->parts.loop, &a->turn);
	else
		go_on(a);
}

static void begin(struct api_work *w)
{
	struct api_search *a = CONTAINER_OF(w, struct api_search, work);

	a->turn.run = take_turn;
	take_turn(&a->turn);
}

/* What there is by now is told, and where it goes on. */
static void stop(struct api_work *w)
{
	struct api_search *a = CONTAINER_OF(w, struct api_search, work);

	if (atomic_load(&a->turn.queued))
		return; /* which ends it */
	if (a->listing)
		listing_cancel(TAKE(a->listing));
	search_stored_stop(a);
	api_done(w);
}

/* ---- the question ---- */

static void tell(struct api_work *w, struct page *ret)
{
	search_tell(CONTAINER_OF(w, struct api_search, work), ret);
}

static void search_free(struct api_work *w)
{
	struct api_search *a = CONTAINER_OF(w, struct api_search, work);

	for (size_t i = 0; i < a->targets; i++)
		free(a->target[i].folder);
	for (size_t i = 0; i < a->rows; i++)
		free(a->row[i].stored);
	for (size_t i = 0; i < a->stores->n; i++)
		search_names_fini(&a->part[i].names);
	free(a->target);
	free(a->row);
	free(a->part);
	buf_fini(&a->token);
	buf_fini(&a->walk_at);
	search_fini(&a->search);
	search_cursor_fini(&a->from);
	free(a);
}

/* NULL, or what is wrong with it. */
static const char *read_query(struct api_search *a, struct slice query)
{
	struct buf q CLEANUP(buf_fini) = BUF_MAX(4 * SEARCH_TEXT_MAX);
	struct buf from CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX);
	struct buf n CLEANUP(buf_fini) = BUF_MAX(16);
	const char *wrong;
	uint64_t wanted;

	if (!api_parameter(query, SLICE("q"), &q) || buf_failed(&q))
		return "q: ask for a name, name/KEY or a GLOB of names";
	wrong = search_read(buf_slice(&q), &a->search);
	if (wrong)
		return wrong;
	a->wanted = ROWS_WANTED;
	if (api_has(query, "n")) {
		if (!api_parameter(query, SLICE("n"), &n) ||
		    !parse_u64(buf_slice(&n), SEARCH_ROWS_MAX, &wanted) || !wanted)
			return "n is a number from 1 to 1000";
		a->wanted = (size_t)wanted;
	}
	if (!api_has(query, "from"))
		return NULL;
	if (!api_parameter(query, SLICE("from"), &from) || buf_failed(&from) ||
	    !search_cursor_read(buf_slice(&from), &a->from) || a->from.store >= a->stores->n ||
	    (a->search.kind != SEARCH_NAMES && !search_is_of(&a->search, a->from.folder)))
		return "from is none of this search: begin it again";
	return NULL;
}

struct api_work *api_search(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	const struct server_parts *parts = &x->server->parts;
	struct api_search *a = xnew(struct api_search);
	const char *wrong;

	a->work =
		(struct api_work){.begin = begin, .stop = stop, .tell = tell, .free = search_free};
	a->stores = parts->stores;
	a->part = xzalloc((a->stores->n + 1) * sizeof(*a->part));
	a->token = BUF_MAX(STORE_TOKEN_MAX);
	a->walk_at = BUF_MAX(SEARCH_CURSOR_MAX);
	wrong = read_query(a, asked->query);
	if (wrong) {
		api_error(ret, 400, wrong);
		search_free(&a->work);
		return NULL;
	}
	a->cache = flights_cache(parts->flights);
	add_targets(a);
	skip_to_cursor(a);
	return &a->work;
}
