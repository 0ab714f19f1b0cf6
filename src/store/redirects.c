// SPDX-License-Identifier: MIT
/* See redirects.h. */
#include "store/redirects.h"

static bool may_lead_to(struct redirects *r, enum address_kind target)
{
	if (r->anywhere || address_may_follow(r->own, target, r->secure))
		return true;
	r->astray = true;
	return false;
}

/* The address of the connection that the transfer is on. */
static enum address_kind connected_to(CURL *easy)
{
	char *ip = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
	return address_kind_of_text(slice_of(ip));
}

/* The host as libcurl reads it, which knows 127.1 and 0x7f000001. */
static enum address_kind kind_of_location(CURL *easy, struct slice location)
{
	char *base = NULL, *host = NULL, *text = xstrndup(location.p, location.n);
	enum address_kind kind = ADDRESS_PUBLIC;
	CURLU *url = curl_url();

	curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &base);
	if (url && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		kind = address_kind_of_text(slice_of(host));
	curl_free(host);
	curl_url_cleanup(url);
	free(text);
	return kind;
}

bool redirects_unsafe(struct redirects *r, struct slice location)
{
	if (slice_starts_nocase(location, SLICE("https:")))
		r->secure = true;
	return r->secure && slice_starts_nocase(location, SLICE("http:"));
}

bool redirects_may_connect(struct redirects *r, const struct sockaddr *address)
{
	return !r->redirected || r->proxied || may_lead_to(r, address_kind_of(address));
}

bool redirects_may_stay(struct redirects *r, CURL *easy)
{
	return !r->redirected || r->proxied || may_lead_to(r, connected_to(easy));
}

bool redirects_follow(struct redirects *r, CURL *easy, struct slice location)
{
	if (!redirects_may_stay(r, easy))
		return false;
	if (!r->redirected)
		r->own = r->proxied ? kind_of_location(easy, SLICE("/")) : connected_to(easy);
	r->redirected = true;
	return may_lead_to(r, kind_of_location(easy, location));
}

bool redirects_proxied(void)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
					    "ALL_PROXY"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return true;
	}
	return false;
}
