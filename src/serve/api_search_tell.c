// SPDX-License-Identifier: MIT
/* What a search (api_search.h) has found, as JSON. */
#include "base/clock.h"
#include "base/text.h"
#include "serve/api_search.h"

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

void search_tell_href(struct slice path, struct buf *out)
{
	buf_puts(out, ",\"href\":\"");
	percent_encode(path, "/", out);
	buf_putc(out, '"');
}

static void add_paths(const struct search_row *r, struct buf *out)
{
	struct buf path CLEANUP(buf_fini) = BUF_MAX(8192);

	buf_add(&path, r->name);
	buf_putc(&path, '/');
	buf_add(&path, r->key);
	buf_putc(&path, '/');
	buf_add(&path, r->last);
	buf_puts(out, ",\"path\":");
	api_string(buf_slice(&path), out);
	search_tell_href(buf_slice(&path), out);
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
	add_paths(&r, out);
	buf_puts(out, ",\"store\":");
	api_string(slice_of(a->stores->store[f->place]->traits.name), out);
	buf_puts(out, ",\"stored\":");
	api_string(slice_of(f->stored), out);
	buf_printf(out, ",\"form\":\"%s\"", r.form);
	add_number_or_null("size", f->size, out);
	add_date_or_null(f->modified_s, out);
	buf_puts(out, ",\"transaction\":");
	api_string_or_null(f->by.s[0] ? f->by.s : NULL, out);
	buf_putc(out, '}');
}

static void tell_rows(const struct api_search *a, struct buf *out)
{
	for (size_t i = 0; i < a->rows; i++) {
		buf_puts(out, i ? "," : "");
		tell_row(a, &a->row[i], out);
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

/* What does not fit into a URL is not gone on with. */
static void tell_next(struct api_search *a, const struct search_cursor *next, bool more,
		      struct buf *out)
{
	struct buf cursor CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX);

	search_cursor_write(next, &cursor);
	if (more && buf_failed(&cursor))
		a->part[next->store].lacks = "there is more, but what it is gone on by is too long";
	if (!more || buf_failed(&cursor))
		buf_puts(out, "],\"next\":null");
	else
		buf_printf(out, "],\"next\":\"%s\"", buf_str(&cursor));
}

void search_tell(struct api_search *a, struct page *ret)
{
	static const char *const kinds[] = {
		[SEARCH_NAME] = "name", [SEARCH_KEY] = "key", [SEARCH_NAMES] = "names"};
	struct buf *out = &ret->text, errors CLEANUP(buf_fini) = BUF_MAX(out->max);
	struct search_cursor next = {0};
	bool more = false, partial;

	if (a->search.kind == SEARCH_NAMES && a->work.stopped == API_LATE)
		search_names_late(a);
	buf_puts(out, "{\"api\":1,\"q\":");
	api_string(buf_slice(&a->search.text), out);
	buf_printf(out, ",\"kind\":\"%s\",\"rows\":[", kinds[a->search.kind]);
	if (a->search.kind == SEARCH_NAMES) {
		search_tell_names(a, &next, &more, out);
	} else {
		tell_rows(a, out);
		more = a->at < a->targets;
		if (more)
			next = (struct search_cursor){a->target[a->at].place,
						      slice_of(a->target[a->at].folder),
						      buf_slice(&a->token)};
	}
	tell_next(a, &next, more, out);
	partial = tell_errors(a, &errors);
	buf_printf(out, ",\"partial\":%s,\"errors\":[", partial ? "true" : "false");
	buf_add(out, buf_slice(&errors));
	buf_puts(out, "]}\n");
}
