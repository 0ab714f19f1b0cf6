// SPDX-License-Identifier: MIT
/*
 * Making a store from its URL: the table of the kinds by scheme, and the options that all kinds
 * have.
 */
#include "store/store_priv.h"

static char *copy_or_null(struct slice s)
{
	return s.n ? xstrndup(s.p, s.n) : NULL;
}

static void apply_options(struct store *s, const struct store_url *url)
{
	struct buf name CLEANUP(buf_fini) = BUF_MAX(8192);

	store_url_name(url, &name);
	s->traits.name = xstrdup(buf_str(&name));
	s->traits.optional = url->optional;
	s->traits.follows_anywhere = url->follows_anywhere;
	s->traits.only = copy_or_null(url->only);
	s->traits.not = copy_or_null(url->not );
	s->traits.ptr = copy_or_null(url->ptr);
	s->traits.forms = url->forms;
	s->traits.aliases = url->aliases;
	s->traits.layout = url->layout;
	atomic_store(&s->tier, url->tier);
	switch (url->key_case) {
	case CASE_OPTION_NONE: break;
	case CASE_OPTION_LOWER: s->traits.key_case = CASE_LOWER; break;
	case CASE_OPTION_ASKED: s->traits.key_case = CASE_ASKED; break;
	case CASE_OPTION_BOTH: s->traits.key_case = CASE_BOTH; break;
	}
	/* What was found in one case is the answer to all: whoever asks next may not know that case. */
	if (s->traits.key_case == CASE_BOTH)
		s->traits.folds = s->traits.minds_case = true;
}

enum err store_open(const struct store_context *ctx, struct slice url, struct store **ret,
		    struct error *e)
{
	static const struct {
		const char *scheme;
		enum err (*open)(const struct store_context *, const struct store_url *,
				 struct store **, struct error *);
	} kinds[] = {
		{"s3", s3_open}, {"file", dir_open}, {"http", http_open}, {"https", http_open}};
	struct store_url parts CLEANUP(store_url_fini) = {0};
	struct store *s = NULL;
	enum err err = store_url_parse(url, &parts, e);

	if (err)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!slice_eq(parts.scheme, slice_of(kinds[i].scheme)))
			continue;
		err = kinds[i].open(ctx, &parts, &s, e);
		if (err)
			return err;
		s->ctx = ctx;
		gates_init(s);
		apply_options(s, &parts);
		*ret = s;
		return OK;
	}
	return err_set(e, ERR_USAGE,
		       "a store is s3://, file://, http:// or https://, not '" SLICE_FMT "'",
		       SLICE_ARG(slice_head(parts.scheme, 20)));
}
