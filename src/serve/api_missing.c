// SPDX-License-Identifier: MIT
/*
 * /-/api/missing: the files that were asked for most and are nowhere (missing.h), as JSON or, for ?format=csv, with
 * the columns that users of Tecken know. ?n=100: so many at most. Who asked last is told to the operator alone, by
 * ADMIN_TOKEN in the header Pepto-Admin.
 */
#include "base/clock.h"
#include "base/text.h"
#include "serve/api.h"
#include "symfmt/key.h"

struct list {
	const struct server *server;
	struct buf *out;
	size_t left, told;
	bool csv, clients;
};

/* Has a store files under this name? NULL: no store's names are known. */
static const char *is_held(const struct server *s, struct slice name)
{
	const struct cache *cache = flights_cache(s->parts.flights);
	struct listed_name alike[NAMES_ALIKE_MAX];
	struct name_index_view view;
	bool known = false;

	for (size_t i = 0; i < s->parts.stores->n; i++) {
		if (!cache_look_at_names(cache, s->parts.stores->store[i], &view) || !view.began_ns)
			continue;
		known = true;
		if (cache_names_alike(cache, s->parts.stores->store[i], name, alike))
			return "true";
	}
	return known ? "false" : "null";
}

/* What begins like a formula is none to a spreadsheet behind an apostrophe. */
static void add_cell(struct slice s, struct buf *out)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(6 * s.n + 1);

	text_show(s, &shown);
	buf_putc(out, '"');
	if (shown.n && strchr("=+-@", shown.p[0]))
		buf_putc(out, '\'');
	for (size_t i = 0; i < shown.n; i++) {
		if (shown.p[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, shown.p[i]);
	}
	buf_putc(out, '"');
}

/* A GUID is the key of a debug file; a stamp and ids of images are those of code. */
static bool is_of_debug_file(const struct missing_file *f)
{
	enum key_kind kind = key_parse(f->name, f->key).kind;

	return kind == KEY_GUID || kind == KEY_ELF_SYM || kind == KEY_MACHO_SYM;
}

static void add_row(const struct list *l, const struct missing_file *f, const char *first,
		    const char *last)
{
	bool debug = is_of_debug_file(f);

	if (!debug)
		buf_puts(l->out, ",,");
	add_cell(f->name, l->out);
	buf_putc(l->out, ',');
	add_cell(f->key, l->out);
	if (debug)
		buf_puts(l->out, ",,");
	buf_printf(l->out, ",%llu,%s,%s\r\n", (unsigned long long)f->count, first, last);
}

static void add_object(const struct list *l, const struct missing_file *f, const char *first,
		       const char *last)
{
	buf_puts(l->out, l->told ? ",\n{\"name\":" : "\n{\"name\":");
	api_string(f->name, l->out);
	buf_puts(l->out, ",\"key\":");
	api_string(f->key, l->out);
	buf_printf(l->out,
		   ",\"count\":%llu,\"over\":%llu,\"first\":\"%s\",\"last\":\"%s\",\"held\":%s",
		   (unsigned long long)f->count, (unsigned long long)f->over, first, last,
		   is_held(l->server, f->name));
	if (l->clients) {
		buf_puts(l->out, ",\"client\":");
		api_string(slice_of(f->client), l->out);
	}
	buf_putc(l->out, '}');
}

static void tell(void *ud, const struct missing_file *f)
{
	struct list *l = ud;
	char first[ISO_DATE_LEN], last[ISO_DATE_LEN];

	if (!l->left)
		return;
	iso_date_format(f->first_s, first);
	iso_date_format(f->last_s, last);
	if (l->csv)
		add_row(l, f, first, last);
	else
		add_object(l, f, first, last);
	l->left--;
	l->told++;
}

struct api_work *api_missing(struct exchange *x, const struct api_asked *asked, struct page *ret)
{
	struct buf format CLEANUP(buf_fini) = BUF_MAX(16), n CLEANUP(buf_fini) = BUF_MAX(16);
	struct list l = {.server = x->server,
			 .out = &ret->text,
			 .left = MISSING_MAX,
			 .clients = api_is_operator(x)};
	uint64_t most;

	(void)api_parameter(asked->query, SLICE("format"), &format);
	if (api_parameter(asked->query, SLICE("n"), &n) &&
	    parse_u64(buf_slice(&n), MISSING_MAX, &most))
		l.left = most;
	l.csv = slice_eq(buf_slice(&format), SLICE("csv"));
	if (l.csv) {
		ret->type = "text/csv; charset=utf-8";
		buf_puts(l.out, "debug_file,debug_id,code_file,code_id,count,first,last\r\n");
	} else {
		buf_puts(l.out, "{\"api\":1,\"missing\":[");
	}
	missing_each(x->server->missing, tell, &l);
	if (!l.csv)
		buf_puts(l.out, "]}\n");
	return NULL;
}
