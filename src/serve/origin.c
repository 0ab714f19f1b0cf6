// SPDX-License-Identifier: MIT
/* See origin.h. */
#include "serve/origin.h"

/* What stands behind "scheme://", up to a slash. */
static struct slice authority(struct slice url, struct slice *ret_scheme)
{
	size_t colon = slice_find(url, ':');
	struct slice rest = slice_from(url, colon);

	*ret_scheme = slice_head(url, colon);
	if (!slice_starts(rest, SLICE("://")))
		return SLICE_NONE;
	rest = slice_from(rest, 3);
	return slice_head(rest, slice_find(rest, '/'));
}

static struct slice without_default_port(struct slice host, struct slice scheme)
{
	struct slice port = slice_eq_nocase(scheme, SLICE("https")) ? SLICE(":443") : SLICE(":80");

	return slice_ends(host, port) ? slice_head(host, host.n - port.n) : host;
}

static bool is_same_host(struct slice a, struct slice b, struct slice scheme)
{
	return slice_eq_nocase(without_default_port(a, scheme), without_default_port(b, scheme));
}

bool origin_is_foreign(const struct origin_asked *a)
{
	struct slice scheme, public_scheme, from, here;

	if (slice_eq_nocase(slice_trim(a->fetch_site), SLICE("cross-site")))
		return true;
	if (!a->origin.n)
		return false;
	from = authority(slice_trim(a->origin), &scheme);
	here = authority(a->public_url, &public_scheme);
	if (!from.n)
		return true;
	if (here.n && slice_eq_nocase(scheme, public_scheme) && is_same_host(from, here, scheme))
		return false;
	return !slice_eq_nocase(scheme, slice_of(a->scheme)) ||
	       !is_same_host(from, slice_trim(a->host), scheme);
}
