// SPDX-License-Identifier: MIT
/* What the questions of /-/api/ read and write. See api.h. */
#include "base/text.h"
#include "serve/api.h"

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

bool api_is_operator(const struct exchange *x)
{
	struct slice token = slice_of(x->server->parts.conf->admin_token);

	return token.n && equal_secret(slice_of(exchange_header(x, "Pepto-Admin")), token);
}

bool api_has(struct slice query, const char *name)
{
	for (struct slice pair; slice_next(&query, '&', &pair);)
		if (slice_eq(slice_head(pair, slice_find(pair, '=')), slice_of(name)))
			return true;
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

void api_string_or_null(const char *s, struct buf *out)
{
	if (s)
		api_string(slice_of(s), out);
	else
		buf_puts(out, "null");
}

void api_error(struct page *ret, int status, const char *what_to_do)
{
	ret->status = status;
	ret->type = "application/json";
	buf_clear(&ret->text);
	buf_puts(&ret->text, "{\"api\":1,\"error\":");
	api_string(slice_of(what_to_do), &ret->text);
	buf_puts(&ret->text, "}\n");
}
