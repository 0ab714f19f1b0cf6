// SPDX-License-Identifier: MIT
/*
 * The http(s):// store: another symbol server. Keys are asked as the client asked them (some such
 * servers mind the case, some do not), redirects are followed by the transfer engine, and every
 * request carries Via so that a chain that leads back to us can be seen.
 */
#include "store/http_store.h"
#include "base/text.h"

static void http_describe(struct store *s, struct buf *out)
{
	const struct http_store *h = (struct http_store *)s;

	http_doubt_describe(h, out);
	buf_puts(out, h->user_password ? ", with a password" : "");
}

static bool http_is_private(struct store *s)
{
	struct http_store *h = (struct http_store *)s;

	return h->user_password || h->query; /* a query may be a token */
}

static void http_free(struct store *s)
{
	struct http_store *h = (struct http_store *)s;

	for (int q = 0; q < QUESTIONS; q++)
		doubt_fini(&h->doubt[q]);
	free(h->base);
	free(h->query);
	free(h->user_password);
}

static const struct store_ops http_ops = {
	.scheme = "http",
	.start = http_call_start,
	.resume = http_call_resume,
	.cancel = http_call_cancel,
	.probe = http_probe,
	.describe = http_describe,
	.doubt = http_doubt_of,
	.is_private = http_is_private,
	.free = http_free,
};

/* "https://host:port", without a port that goes without saying. */
static void fold_origin(const struct store_url *url, struct buf *out)
{
	struct slice host = url->host;
	struct slice port = slice_eq(url->scheme, SLICE("https")) ? SLICE(":443") : SLICE(":80");

	if (slice_ends(host, port))
		host.n -= port.n;
	buf_add(out, url->scheme);
	buf_puts(out, "://");
	fold_lower(host, out);
}

static void identify(struct http_store *h, const struct store_url *url)
{
	struct buf origin CLEANUP(buf_fini) = BUF_MAX(16384);
	struct slice path = url->raw_path;
	struct slice user = slice_head(url->user_password, slice_find(url->user_password, ':'));

	while (slice_ends(path, SLICE("/")))
		path.n--;
	fold_origin(url, &origin);

	const struct store_fact facts[] = {{"kind", SLICE("http")},
					   {"origin", buf_slice(&origin)},
					   {"path", path},
					   {"query", url->query},
					   {"user", user}};

	store_identify(&h->store, facts, ARRAY_LEN(facts));
}

enum err http_open(const struct store_context *ctx, const struct store_url *url, struct store **ret,
		   struct error *e)
{
	struct buf base CLEANUP(buf_fini) = BUF_MAX(8192);
	struct http_store *h;

	if (!store_url_host_valid(url->host))
		return err_set(
			e, ERR_USAGE,
			"the URL of a symbol server needs a host, and a port up to 65535 if any");
	store_url_name(url, &base);
	h = xnew(struct http_store);
	h->store.ops = &http_ops;
	h->store.ctx = ctx;
	http_doubt_init(h);
	h->store.traits.key_case = CASE_ASKED;
	h->store.traits.loops = h->store.traits.checksums = h->store.traits.negotiates = true;
	h->store.traits.folds = ctx->holds_to_keys;
	h->store.traits.miss_ttl_max_ns = INT64_MAX;
	h->base = xstrdup(buf_str(&base));
	h->query = url->query.n ? xstrndup(url->query.p, url->query.n) : NULL;
	h->user_password = url->user_password.n
				   ? xstrndup(url->user_password.p, url->user_password.n)
				   : NULL;
	identify(h, url);
	*ret = &h->store;
	return OK;
}
