// SPDX-License-Identifier: MIT
/* See api_path.h. */
#include "serve/api_path.h"

#include "base/text.h"
#include "serve/exchange.h"

/* What a request for it would be answered without a store. */
static enum api_path judge(const struct server *s, enum request_verdict verdict,
			   const struct symbol_path *path)
{
	switch (verdict) {
	case REQUEST_NOMEM: return API_PATH_NOMEM;
	case REQUEST_BAD:
	case REQUEST_OUTSIDE: return API_PATH_REFUSED;
	case REQUEST_CLEAN: break;
	}
	if (symbol_path_is_own(path) || slice_eq(path->segment[0], SLICE("-")))
		return API_PATH_NONE;
	if (path->kind == PATH_PART || exchange_mentions_secret(&s->parts, path))
		return API_PATH_REFUSED;
	return API_PATH_FILE;
}

static bool is_url(struct slice s)
{
	size_t colon = slice_find(s, ':');

	return slice_find(s, '/') > colon && slice_starts(slice_from(s, colon), SLICE("://"));
}

enum api_path api_path_of_target(const struct server *s, struct slice text, struct symbol_path *ret)
{
	struct request_rules rules = {.base_path = slice_of(s->parts.conf->base_path),
				      .path_token = s->parts.auth != NULL};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX + 2);
	enum request_verdict verdict;

	text = slice_trim(text);
	buf_puts(&target, is_url(text) || slice_starts(text, SLICE("/")) ? "" : "/");
	buf_add(&target, text);
	if (buf_failed(&target)) {
		*ret = (struct symbol_path){0};
		return API_PATH_REFUSED;
	}
	verdict = request_clean(buf_slice(&target), &rules, ret);
	if (verdict == REQUEST_OUTSIDE) { /* then it was told as stores have it */
		symbol_path_fini(ret);
		rules.base_path = SLICE_NONE;
		verdict = request_clean(buf_slice(&target), &rules, ret);
	}
	return judge(s, verdict, ret);
}

enum api_path api_path_of_text(const struct server *s, struct slice text, struct symbol_path *ret)
{
	const struct request_rules rules = {.base_path = SLICE_NONE};
	struct buf target CLEANUP(buf_fini) = BUF_MAX(REQUEST_TARGET_MAX + 2);

	buf_putc(&target, '/');
	percent_encode(text, "/", &target);
	if (buf_failed(&target)) {
		*ret = (struct symbol_path){0};
		return API_PATH_REFUSED;
	}
	return judge(s, request_clean(buf_slice(&target), &rules, ret), ret);
}
