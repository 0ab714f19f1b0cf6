// SPDX-License-Identifier: MIT
/*
 * /-/api/search: which files the stores have under a name, by listing what lies below it; or which names match a GLOB,
 * by the indexes of names, so that no bucket is listed as a whole. The folders that may hold the name are the targets,
 * asked one after the other and page by page, until there is enough for one answer; its cursor tells the target and the
 * page where the next one goes on.
 *
 * A directory has no index: where a name is not found as it was typed, and for a GLOB, the names in it are read.
 */
#include "base/clock.h"
#include "base/text.h"
#include "metric/metric.h"
#include "serve/api.h"
#include "serve/search.h"
#include "serve/search_names.h"
#include "store/listing.h"
#include "symfmt/key.h"

#define ROWS_WANTED 200
#define TARGETS_MAX 2048

/* What is listed. */
struct target {
	size_t place;  /* of its store */
	char *folder;  /* owned */
	bool names;    /* names are looked for in it; else keys, whatever folders they lie in */
	bool fallback; /* only where the targets of this store before it had nothing */
};

struct found {
	size_t place;
	char *stored; /* owned */
	int64_t size, modified_s;
};

/* What was found in a store, and why not all. */
struct part {
	bool any;
	const char *lacks; /* or NULL */
	struct error error;
	struct search_names names; /* SEARCH_NAMES */
};

struct api_search {
	struct api_work work;
	const struct store_list *stores;
	struct search search;
	struct search_cursor from;
	size_t wanted;
	struct part *part; /* of each store */
	struct target *target;
	size_t targets, at;
	struct buf token; /* of the page of target[at] that is next; none: the first */
	struct listing *listing;
	struct found *row;
	size_t rows, room;
};

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

static void add_store(struct api_search *a, const struct cache *cache, size_t place)
{
	struct store *s = a->stores->store[place];
	struct listed_name alike[NAMES_ALIKE_MAX];
	struct buf lower CLEANUP(buf_fini) = BUF_MAX(4 * SEARCH_TEXT_MAX);
	size_t n = cache_names_alike(cache, s, a->search.name, alike);

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

static void take_listed(void *ud, struct slice folder, struct slice name)
{
	search_names_take(ud, folder, name);
}

static void add_names(struct api_search *a, const struct cache *cache, size_t place)
{
	struct store *s = a->stores->store[place];
	struct part *part = &a->part[place];
	bool whole;

	search_names_init(&part->names, a->search.name,
			  a->from.store == place ? a->from.folder : SLICE_NONE, a->wanted);
	if (s->traits.local)
		add_target(a, &(struct target){place, NULL, true, false}, SLICE(""));
	else if (!s->index)
		part->lacks = "its names are not listed: give it the store option index=on";
	else if (!cache_each_name(cache, s, take_listed, &part->names, &whole))
		part->lacks = "its names are not known (yet): ask again, or see INDEX_NAMES_MAX";
	else if (!whole)
		part->lacks = "of its two tiers only folders that were asked for often are known";
}

static void add_targets(struct api_search *a, const struct cache *cache)
{
	for (size_t i = a->from.store; i < a->stores->n; i++) {
		if (!store_can_list(a->stores->store[i]))
			a->part[i].lacks = "it cannot be listed: ask for a file by its path";
		else if (a->search.kind == SEARCH_NAMES)
			add_names(a, cache, i);
		else
			add_store(a, cache, i);
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

static void add_row(struct api_search *a, const struct target *t, struct slice key,
		    const struct name_fact *fact)
{
	struct buf stored CLEANUP(buf_fini) = BUF_MAX(8192);
	struct search_row r;

	buf_puts(&stored, t->folder);
	buf_add(&stored, key);
	if (buf_failed(&stored) || !search_row_of(buf_slice(&stored), &r) ||
	    (a->search.kind == SEARCH_KEY && !fold_equal(r.key, a->search.key)))
		return;
	if (a->rows == a->room) {
		a->room = a->room ? 2 * a->room : 256;
		a->row = reallocarray(a->row, a->room, sizeof(*a->row));
		ASSERT(a->row);
	}
	a->row[a->rows++] = (struct found){t->place, xstrndup(stored.p, stored.n),
					   fact ? fact->size : -1, fact ? fact->modified_s : 0};
	a->part[t->place].any = true;
}

static struct slice bare(struct slice folder)
{
	return slice_head(folder, folder.n - slice_ends(folder, SLICE("/")));
}

static bool is_tier_of(const struct api_search *a, const struct target *t, struct slice folder)
{
	int tiers = atomic_load(&a->stores->store[t->place]->tier);

	if (t->folder[0] || folder.n > 9)
		return false;
	if (a->search.kind == SEARCH_NAMES)
		return folder.n <= 3 && (tiers == TIER_TWO || tiers == TIER_BOTH) &&
		       search_names_may_lie_in(&a->part[t->place].names, folder);
	return tiers != TIER_ONE && fold_equal(bare(folder), name_tier_folder(a->search.name));
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
		search_names_take(&a->part[t->place].names, slice_of(t->folder), bare(folder));
	} else if (search_same_name(bare(folder), a->search.name)) {
		insert_target(a, a->at + 1, &more, buf_slice(&whole));
	}
}

static void go_on(struct api_search *a);

static void next_target(struct api_search *a)
{
	a->at++;
	buf_clear(&a->token);
}

static void page_came(void *ud, struct name_page *page)
{
	struct api_search *a = ud;
	struct target t = a->target[a->at];

	listing_cancel(TAKE(a->listing));
	for (size_t i = 0; i < page->n_keys && !t.names; i++)
		add_row(a, &t, page->keys[i], page->facts ? &page->facts[i] : NULL);
	for (size_t i = 0; i < page->n_folders && t.names; i++)
		take_folder(a, &t, page->folders[i]);
	buf_clear(&a->token);
	buf_add(&a->token, page->next);
	if (!page->next.n)
		next_target(a);
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
	while (a->at < a->targets && a->target[a->at].place == place)
		next_target(a);
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
		api_done(&a->work);
}

static void begin(struct api_work *w)
{
	go_on(CONTAINER_OF(w, struct api_search, work));
}

/* What there is by now is told, and where it goes on. */
static void stop(struct api_work *w)
{
	struct api_search *a = CONTAINER_OF(w, struct api_search, work);

	if (a->listing)
		listing_cancel(TAKE(a->listing));
	api_done(w);
}

/* ---- the answer ---- */

static int newest_first(const void *a_, const void *b_)
{
	const struct found *a = a_, *b = b_;

	if (a->modified_s != b->modified_s)
		return a->modified_s < b->modified_s ? 1 : -1;
	return strcmp(a->stored, b->stored);
}

static void add_number_or_null(const char *name, int64_t value, struct buf *out)
{
	buf_printf(out, value < 0 ? ",\"%s\":null" : ",\"%s\":%lld", name, (long long)value);
}

static void add_date_or_null(int64_t at_s, struct buf *out)
{
	char date[ISO_DATE_LEN];

	if (at_s <= 0) {
		buf_puts(out, ",\"date\":null");
		return;
	}
	iso_date_format(at_s, date);
	buf_printf(out, ",\"date\":\"%s\"", date);
}

static void add_path(const struct search_row *r, struct buf *out)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(8192);

	buf_add(&path, r->name);
	buf_putc(&path, '/');
	buf_add(&path, r->key);
	buf_putc(&path, '/');
	buf_add(&path, r->last);
	api_string(buf_slice(&path), out);
}

static void tell_row(const struct api_search *a, const struct found *f, struct buf *out)
{
	struct search_row r;

	if (!search_row_of(slice_of(f->stored), &r))
		return;
	buf_puts(out, "\n{\"name\":");
	api_string(r.name, out);
	buf_puts(out, ",\"key\":");
	api_string(r.key, out);
	buf_puts(out, ",\"path\":");
	add_path(&r, out);
	buf_puts(out, ",\"store\":");
	api_string(slice_of(a->stores->store[f->place]->traits.name), out);
	buf_puts(out, ",\"stored\":");
	api_string(slice_of(f->stored), out);
	buf_printf(out, ",\"form\":\"%s\"", r.form);
	add_number_or_null("size", f->size, out);
	add_date_or_null(f->modified_s, out);
	buf_puts(out, ",\"transaction\":null}");
}

static void tell_rows(const struct api_search *a, struct buf *out)
{
	if (a->rows)
		qsort(a->row, a->rows, sizeof(a->row[0]), newest_first);
	for (size_t i = 0; i < a->rows; i++) {
		buf_puts(out, i ? "," : "");
		tell_row(a, &a->row[i], out);
	}
}

static void tell_name(const struct store *s, struct slice folder, struct buf *out)
{
	size_t slash = slice_find(folder, '/');
	struct slice name = bare(slash + 1 < folder.n ? slice_from(folder, slash + 1) : folder);

	buf_puts(out, "\n{\"name\":");
	api_string(name, out);
	buf_puts(out, ",\"key\":null,\"path\":null,\"store\":");
	api_string(slice_of(s->traits.name), out);
	buf_puts(out, ",\"stored\":");
	api_string(folder, out);
	buf_puts(out, ",\"form\":null,\"size\":null,\"date\":null,\"transaction\":null}");
}

/* Store by store; the cursor is the last that is told. */
static void tell_names(const struct api_search *a, struct search_cursor *next, bool *more,
		       struct buf *out)
{
	size_t told = 0;

	for (size_t i = a->from.store; i < a->stores->n && !*more; i++) {
		const struct search_names *m = &a->part[i].names;

		for (size_t k = 0; k < m->n && told < a->wanted; k++) {
			buf_puts(out, told++ ? "," : "");
			tell_name(a->stores->store[i], slice_of(m->folder[k]), out);
			*next = (struct search_cursor){i, slice_of(m->folder[k]), SLICE_NONE};
			*more = told == a->wanted && (m->more || k + 1 < m->n);
		}
		for (size_t later = i + 1; later < a->stores->n && told == a->wanted; later++)
			*more |= a->part[later].names.n > 0;
	}
}

/* Returns whether there are any. */
static bool tell_errors(const struct api_search *a, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < a->stores->n; i++) {
		const struct part *part = &a->part[i];

		if (!part->error.code && !part->lacks)
			continue;
		buf_puts(out, any ? ",\n{\"store\":" : "\n{\"store\":");
		api_string(slice_of(a->stores->store[i]->traits.name), out);
		buf_puts(out, ",\"error\":");
		api_string(slice_of(part->error.code ? part->error.msg : part->lacks), out);
		buf_putc(out, '}');
		any = true;
	}
	return any;
}

static void tell_next(const struct search_cursor *next, bool more, struct buf *out)
{
	struct buf cursor CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX);

	search_cursor_write(next, &cursor);
	if (!more || buf_failed(&cursor))
		buf_puts(out, "],\"next\":null");
	else
		buf_printf(out, "],\"next\":\"%s\"", buf_str(&cursor));
}

static void tell(struct api_work *w, struct page *ret)
{
	static const char *const kinds[] = {
		[SEARCH_NAME] = "name", [SEARCH_KEY] = "key", [SEARCH_NAMES] = "names"};
	struct api_search *a = CONTAINER_OF(w, struct api_search, work);
	struct buf *out = &ret->text, errors CLEANUP(buf_fini) = BUF_MAX(out->max);
	struct search_cursor next = {0};
	bool more = false, partial = tell_errors(a, &errors);

	buf_puts(out, "{\"api\":1,\"q\":");
	api_string(buf_slice(&a->search.text), out);
	buf_printf(out, ",\"kind\":\"%s\",\"rows\":[", kinds[a->search.kind]);
	if (a->search.kind == SEARCH_NAMES) {
		tell_names(a, &next, &more, out);
	} else {
		tell_rows(a, out);
		more = a->at < a->targets;
		if (more)
			next = (struct search_cursor){a->target[a->at].place,
						      slice_of(a->target[a->at].folder),
						      buf_slice(&a->token)};
	}
	tell_next(&next, more, out);
	buf_printf(out, ",\"partial\":%s,\"errors\":[", partial ? "true" : "false");
	buf_add(out, buf_slice(&errors));
	buf_puts(out, "]}\n");
}

/* ---- the question ---- */

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
	wrong = read_query(a, asked->query);
	if (wrong) {
		api_error(ret, 400, wrong);
		search_free(&a->work);
		return NULL;
	}
	add_targets(a, flights_cache(parts->flights));
	skip_to_cursor(a);
	if (a->targets)
		return &a->work;
	tell(&a->work, ret);
	search_free(&a->work);
	return NULL;
}
