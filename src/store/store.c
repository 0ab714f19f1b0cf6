// SPDX-License-Identifier: MIT
/* What all stores share: making one from its URL, and the few questions any of them can answer. */
#include "base/clock.h"
#include "store/store_priv.h"

#include <openssl/evp.h>

#define FACTS_MAX ((size_t)32768) /* a URL has 4096 bytes at most, as has who asks */

void store_identify(struct store *s, const struct store_fact *facts, size_t n)
{
	struct buf text CLEANUP(buf_fini) = BUF_MAX(FACTS_MAX);

	for (size_t i = 0; i < n; i++) {
		buf_printf(&text, "%s %zu:", facts[i].name, facts[i].value.n);
		buf_add(&text, facts[i].value);
		buf_putc(&text, '\n');
	}
	ASSERT(!buf_failed(&text));
	ASSERT(EVP_Digest(text.p, text.n, s->id, NULL, EVP_sha256(), NULL));
}

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

void store_free(struct store *s)
{
	if (!s)
		return;
	s->ops->free(s); /* ends calls, whose owners may still want the name */
	free(s->traits.name);
	free(s->traits.only);
	free(s->traits.not );
	free(s->traits.ptr);
	free(s);
}

struct store_call *store_start(struct store *s, const struct store_read *read,
			       const struct store_events *events, void *ud)
{
	return s->ops->start(s, read, events, ud);
}

void store_call_resume(struct store *s, struct store_call *call)
{
	s->ops->resume(call);
}

void store_call_cancel(struct store *s, struct store_call *call)
{
	s->ops->cancel(call);
}

void store_probe(struct store *s, enum question q, void (*done)(void *ud, const struct error *e),
		 void *ud)
{
	s->ops->probe(s, q, done, ud);
}

bool store_is_private(struct store *s)
{
	return s->ops->is_private(s);
}

int64_t store_miss_ttl_max(const struct store *s, struct slice key)
{
	return s->traits.wildcards && slice_starts(key, SLICE(STORE_ANY_KEY))
		       ? INT64_MAX
		       : s->traits.miss_ttl_max_ns;
}

void store_alive(struct store *s)
{
	atomic_store(&s->answered_ns, clock_mono_ns());
}
