// SPDX-License-Identifier: MIT
/* See api.h. */
#include "serve/api.h"

#include "base/text.h"
#include "serve/respond.h"
#include "store/store.h"

#define API_PAGE_MAX ((size_t)8 << 20)

static const struct {
	const char *name;
	void (*answer)(struct exchange *x, struct slice query, struct page *ret);
} questions[] = {
	{"live", api_live},
	{"missing", api_missing},
};

bool api_is(const struct symbol_path *p)
{
	return p->segments == 3 && slice_eq(p->segment[0], SLICE("-")) &&
	       slice_eq(p->segment[1], SLICE("api"));
}

bool api_parameter(struct slice query, struct slice name, struct buf *out)
{
	struct slice pair;

	while (slice_next(&query, '&', &pair)) {
		size_t n = slice_find(pair, '=');

		if (slice_eq(slice_head(pair, n), name))
			return percent_decode(slice_from(pair, MIN(n + 1, pair.n)), out);
	}
	return false;
}

void api_string(struct slice s, struct buf *out)
{
	struct buf shown CLEANUP(buf_fini) = BUF_MAX(6 * s.n + 1);

	text_show(s, &shown);
	buf_putc(out, '"');
	for (size_t i = 0; i < shown.n; i++) {
		if (shown.p[i] == '"' || shown.p[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, shown.p[i]);
	}
	buf_putc(out, '"');
}

static bool any_is_private(const struct store_list *stores)
{
	for (size_t i = 0; i < stores->n; i++)
		if (store_is_private(stores->store[i]))
			return true;
	return false;
}

static bool may_ask(const struct exchange *x)
{
	const struct server *s = x->server;

	return x->auth > AUTH_NOT_ASKED || !s->open || !any_is_private(s->parts.stores);
}

void api_answer(struct exchange *x)
{
	struct slice target = exchange_target(x);
	struct slice query = slice_from(target, MIN(slice_find(target, '?') + 1, target.n));
	struct page page = {
		.status = 200, .type = "application/json", .text = BUF_MAX(API_PAGE_MAX)};
	size_t i = 0;

	if (!may_ask(x)) {
		page.status = 403;
		buf_puts(&page.text, "{\"api\":1,\"error\":\"a private bucket's names are told to "
				     "nobody without a "
				     "token: set AUTH_TOKENS, or LISTEN_ADDRESS=127.0.0.1\"}\n");
		respond_page(x, &page);
		return;
	}
	while (i < ARRAY_LEN(questions) &&
	       !slice_eq(x->path.segment[2], slice_of(questions[i].name)))
		i++;
	if (i == ARRAY_LEN(questions)) {
		page.status = 404;
		buf_puts(&page.text, "{\"api\":1,\"error\":\"no such question\"}\n");
	} else {
		questions[i].answer(x, query, &page);
	}
	if (buf_failed(&page.text)) {
		page_fini(&page);
		respond_fault(x);
		return;
	}
	respond_page(x, &page);
}
