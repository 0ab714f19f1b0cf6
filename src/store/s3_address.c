// SPDX-License-Identifier: MIT
/* See s3_address.h. */
#include "store/s3_address.h"
#include "store/sigv4.h"

#include <stdio.h>

struct origin {
	const char *scheme;
	struct slice host; /* without a default port */
	struct slice path; /* without slashes at its end */
};

static bool has(struct slice s, char c)
{
	return slice_find(s, c) < s.n;
}

static enum err split_endpoint(struct slice endpoint, struct origin *ret, struct error *e)
{
	bool https = slice_starts_nocase(endpoint, SLICE("https://"));
	struct slice port = https ? SLICE(":443") : SLICE(":80");
	size_t slash;

	if (!https && !slice_starts_nocase(endpoint, SLICE("http://")))
		return err_set(e, ERR_USAGE,
			       "an S3 endpoint begins with http:// or https://, not '" SLICE_FMT
			       "'",
			       SLICE_ARG(slice_head(endpoint, 60)));
	ret->scheme = https ? "https" : "http";
	endpoint = slice_from(endpoint, https ? 8 : 7);
	slash = slice_find(endpoint, '/');
	ret->host = slice_head(endpoint, slash);
	ret->path = slice_from(endpoint, slash);
	while (ret->path.n && ret->path.p[ret->path.n - 1] == '/')
		ret->path.n--;
	if (slice_ends(ret->host, port))
		ret->host.n -= port.n;
	if (!store_url_host_valid(ret->host) || has(ret->host, '@') || has(endpoint, '?') ||
	    has(endpoint, '#'))
		return err_set(e, ERR_USAGE,
			       "an S3 endpoint names a host and nothing else before its path");
	return OK;
}

static void aws_host(struct slice region, char *ret, size_t size)
{
	snprintf(ret, size, "s3." SLICE_FMT ".amazonaws.com%s", SLICE_ARG(region),
		 slice_starts(region, SLICE("cn-")) ? ".cn" : "");
}

const char *s3_partition(struct slice region)
{
	if (slice_starts(region, SLICE("cn-")))
		return "aws-cn";
	return slice_starts(region, SLICE("us-gov-")) ? "aws-us-gov" : "aws";
}

/* A dot in the name breaks the wildcard certificate *.s3.REGION.amazonaws.com. */
static bool is_virtual(const struct s3_place *place)
{
	switch (place->style) {
	case STYLE_PATH: return false;
	case STYLE_VIRTUAL: return true;
	case STYLE_DEFAULT: break;
	}
	return place->endpoint.n == 0 && !has(place->bucket, '.');
}

enum err s3_address_make(const struct s3_place *place, struct s3_address *ret, struct error *e)
{
	struct buf bucket CLEANUP(buf_fini) = BUF_MAX((size_t)3 * 128);
	struct origin origin = {.scheme = "https"};
	char aws[128];
	bool virtual = is_virtual(place);
	enum err err;

	if (place->bucket.n == 0 || place->bucket.n > 128)
		return err_set(e, ERR_USAGE, "a bucket name has 1 to 128 characters");
	s3_key_encode(place->bucket, &bucket);
	if (place->endpoint.n) {
		err = split_endpoint(place->endpoint, &origin, e);
		if (err)
			return err;
	} else {
		aws_host(place->region, aws, sizeof(aws));
		origin.host = slice_of(aws);
	}
	if (origin.host.n + origin.path.n + 2 * bucket.n + 8 > S3_HOST_MAX)
		return err_set(e, ERR_USAGE, "the S3 endpoint is too long");
	snprintf(ret->host, sizeof(ret->host), "%s%s" SLICE_FMT, virtual ? buf_str(&bucket) : "",
		 virtual ? "." : "", SLICE_ARG(origin.host));
	snprintf(ret->origin, sizeof(ret->origin), "%s://%s", origin.scheme, ret->host);
	snprintf(ret->root, sizeof(ret->root), SLICE_FMT "/%s%s", SLICE_ARG(origin.path),
		 virtual ? "" : buf_str(&bucket), virtual ? "" : "/");
	return OK;
}
