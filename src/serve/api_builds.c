// SPDX-License-Identifier: MIT
/*
 * /-/api/builds: the transactions of all stores, newest first, page by page, also of one product; ?id=: one of them
 * (api_build.c). Which there are is listed at most once in a few seconds for everybody, and the first line of a plan is
 * read once (builds.h): READ_AT_ONCE at a time, until a page is full, and no more than LOOKED_MAX for one answer.
 */
#include "serve/api_builds.h"
#include "base/clock.h"
#include "metric/metric.h"
#include "publish/summary.h"
#include "serve/api.h"
#include "store/listing.h"

#define ROWS_WANTED  50
#define ROWS_MAX     200
#define READ_AT_ONCE 16
#define LOOKED_MAX   200

/* One that is looked at. */
struct pick {
	struct api_builds *all;
	struct build build;
	struct summary_reading *reading;
};

struct api_builds {
	struct api_work work;
	struct server *server;
	const struct store_list *stores;
	struct builds *builds;
	bool operator, goes_on;
	size_t wanted;
	char *product; /* NULL: of all */

	size_t at; /* the store that is listed */
	struct catalog_listing *listing;
	struct error *error; /* of each store */

	bool behind; /* older than, or of a later store: */
	struct tx_id last;
	size_t last_place;
	struct pick pick[READ_AT_ONCE];
	size_t picks, reading, looked;

	struct build row[ROWS_MAX];
	size_t rows;
	bool more, partial;
	char *products[BUILDS_PRODUCTS];
	size_t n_products;
};

/* ---- the end ---- */

static void finish(struct api_builds *a, bool more)
{
	a->more = more;
	for (size_t i = 0; i < a->stores->n; i++) {
		if (!a->error[i].code && builds_of(a->builds, i)->catalog.cut)
			err_set(&a->error[i], ERR_LIMIT,
				"it has more transactions than are told here: see ls");
		a->partial |= a->error[i].code != OK;
	}
	a->n_products = builds_products(a->builds, a->products);
	api_done(&a->work);
}

/* ---- one plan ---- */

static void look_on(struct api_builds *a);

/* That its store has not answered is not remembered. */
static void summary_came(void *ud, struct summary *s)
{
	struct pick *p = ud;
	struct api_builds *a = p->all;

	p->reading = NULL;
	if (s->files >= 0)
		build_read(&p->build, &s->head, s->files);
	if (s->is_fault) {
		a->error[p->build.place] = s->error;
	} else {
		struct build copy;

		p->build.state = s->state;
		copy = build_copy(&p->build);
		builds_keep(a->builds, &copy);
	}
	if (--a->reading == 0)
		look_on(a);
}

/* ---- which ---- */

static bool is_behind(const struct api_builds *a, const struct tx_id *id, size_t place)
{
	int order = a->behind ? strcmp(id->s, a->last.s) : -1;

	return order < 0 || (order == 0 && place > a->last_place);
}

/* The newest that is behind the last one; false: there is none. */
static bool find_next(const struct api_builds *a, const size_t *left, size_t *ret)
{
	const struct catalog_entry *best = NULL;

	for (size_t i = 0; i < a->stores->n; i++) {
		const struct catalog *c = &builds_of(a->builds, i)->catalog;
		const struct catalog_entry *b = left[i] ? &c->entry[left[i] - 1] : NULL;

		if (b && (!best || strcmp(b->id.s, best->id.s) > 0)) {
			best = b;
			*ret = i;
		}
	}
	return best;
}

static void begin_pick(struct api_builds *a, size_t place, const struct catalog_entry *listed)
{
	struct pick *p = &a->pick[a->picks++];
	const struct build *known = builds_find(a->builds, place, listed);

	*p = (struct pick){.all = a};
	if (known) {
		p->build = build_copy(known);
		return;
	}
	p->build = (struct build){.place = place,
				  .id = listed->id,
				  .version = catalog_version(listed),
				  .state = tx_state_of(listed->has, false),
				  .files = -1,
				  .bytes = -1};
	if (p->build.state == TX_STATE_DAMAGED)
		return;
	a->looked++;
	a->reading++;
	p->reading = summary_start(a->stores->store[place], listed, summary_came, p);
}

/* Some more, as many as are wanted at most. The lists may be others than before. */
static void pick_some(struct api_builds *a)
{
	size_t *left = xzalloc((a->stores->n + 1) * sizeof(*left)), place;
	size_t most = a->product ? READ_AT_ONCE : MIN(READ_AT_ONCE, a->wanted - a->rows);

	for (size_t i = 0; i < a->stores->n; i++) {
		const struct catalog *c = &builds_of(a->builds, i)->catalog;

		left[i] = c->n;
		while (left[i] && !is_behind(a, &c->entry[left[i] - 1].id, i))
			left[i]--;
	}
	a->picks = 0;
	while (a->picks < most && find_next(a, left, &place))
		begin_pick(a, place, &builds_of(a->builds, place)->catalog.entry[--left[place]]);
	free(left);
}

/* A blank may have been written as '+' in the query. */
static bool is_wanted(const struct api_builds *a, const struct build *b)
{
	const char *x = a->product, *y = b->text[BUILD_PRODUCT];

	if (!x || !y)
		return !x;
	while (*x && (*x == *y || (*x == '+' && *y == ' '))) {
		x++;
		y++;
	}
	return *x == *y;
}

static void take_picks(struct api_builds *a)
{
	for (size_t i = 0; i < a->picks; i++) {
		struct build *b = &a->pick[i].build;

		if (a->rows == a->wanted) {
			build_fini(b);
			continue;
		}
		a->behind = true;
		a->last = b->id;
		a->last_place = b->place;
		if (is_wanted(a, b))
			a->row[a->rows++] = *b;
		else
			build_fini(b);
		*b = (struct build){0};
	}
	a->picks = 0;
}

static void look_on(struct api_builds *a)
{
	for (;;) {
		take_picks(a);
		if (a->rows == a->wanted || a->looked >= LOOKED_MAX) {
			finish(a, true);
			return;
		}
		pick_some(a);
		if (a->reading)
			return;
		if (!a->picks) {
			finish(a, false);
			return;
		}
	}
}

/* ---- listing ---- */

static void list_next(struct api_builds *a);

static void listed(void *ud, struct catalog *c, const struct error *e)
{
	struct api_builds *a = ud;
	struct build_list *l = builds_of(a->builds, a->at);

	a->listing = NULL;
	metric_add(api_pages, c->pages);
	if (e) {
		a->error[a->at] = *e;
	} else {
		catalog_fini(&l->catalog);
		*l = (struct build_list){*c, clock_mono_ns()};
		*c = (struct catalog){0};
	}
	a->at++;
	list_next(a);
}

/* Whoever goes on does so in the list that was told. */
static bool is_fresh(const struct api_builds *a, size_t place)
{
	const struct build_list *l = builds_of(a->builds, place);

	return l->listed_ns &&
	       clock_mono_ns() - l->listed_ns < (a->goes_on ? BUILDS_GOES_ON_NS : BUILDS_FRESH_NS);
}

static void list_next(struct api_builds *a)
{
	while (a->at < a->stores->n &&
	       (!store_can_list(a->stores->store[a->at]) || is_fresh(a, a->at)))
		a->at++;
	if (a->at == a->stores->n)
		look_on(a);
	else
		a->listing = catalog_list(a->stores->store[a->at], BUILDS_LISTED, listed, a);
}

static void begin(struct api_work *w)
{
	list_next(CONTAINER_OF(w, struct api_builds, work));
}

static void stop(struct api_work *w)
{
	struct api_builds *a = CONTAINER_OF(w, struct api_builds, work);

	catalog_list_cancel(TAKE(a->listing));
	for (size_t i = 0; i < a->picks; i++)
		summary_cancel(TAKE(a->pick[i].reading));
	a->partial |= !a->behind; /* nothing is told yet that one could go on behind */
	finish(a, a->behind);
}

/* ---- the answer ---- */

static void add_text(const char *name, const struct build *b, enum build_text which,
		     struct buf *out)
{
	buf_printf(out, ",\"%s\":", name);
	api_string(slice_of(b->text[which] ? b->text[which] : ""), out);
}

static void add_count(const char *name, int64_t n, struct buf *out)
{
	buf_printf(out, n < 0 ? ",\"%s\":null" : ",\"%s\":%lld", name, (long long)n);
}

void api_build_date(const char *name, int64_t at_s, struct buf *out)
{
	char date[ISO_DATE_LEN];

	if (at_s <= 0) {
		buf_printf(out, ",\"%s\":null", name);
		return;
	}
	iso_date_format(at_s, date);
	buf_printf(out, ",\"%s\":\"%s\"", name, date);
}

void api_build_members(const struct build *b, const struct store *s, bool operator,
		       struct buf * out)
{
	buf_printf(out, "\"id\":\"%s\",\"store\":", b->id.s);
	api_string(slice_of(s->traits.name), out);
	api_build_date("started", b->started_s, out);
	add_text("product", b, BUILD_PRODUCT, out);
	add_text("version", b, BUILD_VERSION, out);
	add_text("comment", b, BUILD_COMMENT, out);
	add_text("source", b, BUILD_SOURCE, out);
	add_count("files", b->files, out);
	add_count("bytes", b->bytes, out);
	buf_printf(out, ",\"state\":\"%s\"", tx_state_name(b->state));
	if (!operator)
		return;
	add_text("host", b, BUILD_HOST, out);
	add_text("user", b, BUILD_USER, out);
}

static void tell_errors(const struct api_builds *a, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < a->stores->n; i++) {
		if (!a->error[i].code)
			continue;
		buf_puts(out, any ? ",{\"store\":" : "{\"store\":");
		api_string(slice_of(a->stores->store[i]->traits.name), out);
		buf_puts(out, ",\"error\":");
		api_string(slice_of(a->error[i].msg), out);
		buf_putc(out, '}');
		any = true;
	}
}

static void tell(struct api_work *w, struct page *ret)
{
	struct api_builds *a = CONTAINER_OF(w, struct api_builds, work);
	struct buf *out = &ret->text;

	buf_puts(out, "{\"api\":1,\"builds\":[");
	for (size_t i = 0; i < a->rows; i++) {
		buf_puts(out, i ? ",\n{" : "\n{");
		api_build_members(&a->row[i], a->stores->store[a->row[i].place], a->operator, out);
		buf_puts(out, ",\"ended\":null}");
	}
	if (a->more)
		buf_printf(out, "],\"next\":\"%s.%zu\"", a->last.s, a->last_place);
	else
		buf_puts(out, "],\"next\":null");
	buf_printf(out, ",\"partial\":%s,\"errors\":[", a->partial ? "true" : "false");
	tell_errors(a, out);
	buf_puts(out, "],\"products\":[");
	for (size_t i = 0; i < a->n_products; i++) {
		buf_puts(out, i ? "," : "");
		api_string(slice_of(a->products[i]), out);
	}
	buf_puts(out, "]}\n");
}

/* ---- the question ---- */

static void builds_work_free(struct api_work *w)
{
	struct api_builds *a = CONTAINER_OF(w, struct api_builds, work);

	for (size_t i = 0; i < a->rows; i++)
		build_fini(&a->row[i]);
	for (size_t i = 0; i < a->picks; i++)
		build_fini(&a->pick[i].build);
	for (size_t i = 0; i < a->n_products; i++)
		free(a->products[i]);
	free(a->error);
	free(a->product);
	free(a);
}

/* "ID.2": the last that was told, and the place of its store. */
static bool read_from(struct api_builds *a, struct slice from)
{
	size_t point = slice_find(from, '.');
	uint64_t place;

	if (!tx_id_parse(slice_head(from, point), &a->last) ||
	    !parse_u64(slice_from(from, MIN(point + 1, from.n)), 65535, &place))
		return false;
	a->behind = a->goes_on = true;
	a->last_place = place;
	return true;
}

static const char *read_query(struct api_builds *a, struct slice query)
{
	struct buf n CLEANUP(buf_fini) = BUF_MAX(16), from CLEANUP(buf_fini) = BUF_MAX(64);
	struct buf product CLEANUP(buf_fini) = BUF_MAX(BUILD_TEXT_MAX);
	uint64_t wanted = ROWS_WANTED;

	if (api_has(query, "n") && (!api_parameter(query, SLICE("n"), &n) ||
				    !parse_u64(buf_slice(&n), ROWS_MAX, &wanted) || !wanted))
		return "n is a number from 1 to 200";
	a->wanted = (size_t)wanted;
	if (api_has(query, "product")) {
		if (!api_parameter(query, SLICE("product"), &product) || buf_failed(&product))
			return "product is longer than 512 bytes, or no text";
		a->product = xstrndup(buf_str(&product), product.n);
	}
	if (api_has(query, "from") && (!api_parameter(query, SLICE("from"), &from) ||
				       buf_failed(&from) || !read_from(a, buf_slice(&from))))
		return "from is none of ours: begin again without it";
	return NULL;
}

struct api_work *api_builds(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	struct api_builds *a;
	const char *wrong;

	if (api_has(asked->query, "id"))
		return api_build(x, asked, ret);
	a = xnew(struct api_builds);
	a->work = (struct api_work){
		.begin = begin, .stop = stop, .tell = tell, .free = builds_work_free};
	a->stores = x->server->parts.stores;
	a->builds = x->server->builds;
	a->operator= api_is_operator(x);
	a->error = xzalloc((a->stores->n + 1) * sizeof(*a->error));
	wrong = read_query(a, asked->query);
	if (!wrong)
		return &a->work;
	api_error(ret, 400, wrong);
	builds_work_free(&a->work);
	return NULL;
}
