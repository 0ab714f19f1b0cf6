// SPDX-License-Identifier: MIT
/*
 * Who asks, and how, as far as proxies before us tell and are believed; and whether a path gives away a secret. See
 * exchange.h, proxies.h.
 */
#include "serve/exchange.h"

#define FORWARDED_MAX 16 /* headers X-Forwarded-For; the last ones count */

/* Without an address it is on a unix socket. */
static struct peer other_end(const struct exchange *x)
{
	char text[HTTP_PEER_MAX];
	struct peer p = {.local = true};

	http_peer(x->conn, text);
	if (text[0] && !peer_parse(slice_of(text), &p))
		p.local = true;
	return p;
}

void exchange_peer(const struct exchange *x, char ret[static PEER_NAME_MAX])
{
	const struct proxies *proxies = x->server->parts.proxies;
	struct slice forwarded[FORWARDED_MAX];
	struct peer peer;
	struct http_field f;
	size_t n = 0;

	if (!proxies || !proxies->n) {
		http_peer(x->conn, ret);
		if (!ret[0])
			peer_name(&(struct peer){.local = true}, ret);
		return;
	}
	for (size_t at = 0; http_next_header(x->conn, &at, &f);) {
		if (!slice_eq_nocase(f.name, SLICE("X-Forwarded-For")))
			continue;
		if (n == FORWARDED_MAX)
			memmove(forwarded, forwarded + 1, --n * sizeof(*forwarded));
		forwarded[n++] = f.value;
	}
	peer = other_end(x);
	peer = proxies_client(proxies, &peer, forwarded, n);
	peer_name(&peer, ret);
}

const char *exchange_scheme(const struct exchange *x)
{
	const struct proxies *proxies = x->server->parts.proxies;
	struct slice said = slice_trim(slice_of(exchange_header(x, "X-Forwarded-Proto")));
	struct peer peer;

	if (http_is_tls(x->conn))
		return "https";
	if (!proxies || !slice_eq_nocase(said, SLICE("https")))
		return "http";
	peer = other_end(x);
	return proxies_trust(proxies, &peer) ? "https" : "http";
}

/* By mistake, mostly. */
bool exchange_mentions_secret(const struct server_parts *p, const struct symbol_path *asked)
{
	const char *const tokens[] = {p->conf->admin_token, p->conf->notify_token};
	struct slice path = asked->spelling[0].path;

	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		if (strlen(tokens[i]) >= AUTH_SECRET_MIN &&
		    auth_has_secret(path, slice_of(tokens[i])))
			return true;
	return p->auth && auth_mentions(p->auth, path, AUTH_SECRET_MIN);
}
