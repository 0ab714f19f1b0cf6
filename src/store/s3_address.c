// SPDX-License-Identifier: MIT
/* See s3_address.h. */
#include "store/s3_address.h"
#include "base/text.h"
#include "store/s3_xml.h"
#include "store/sigv4.h"

#include <stdio.h>

#define HOST_LABEL_MAX 63

struct origin {
	const char *scheme;
	struct slice host; /* without a default port */
	struct slice path; /* without slashes at its end */
};

static bool has(struct slice s, char c)
{
	return slice_find(s, c) < s.n;
}

/* ---- names ---- */

/* The length of the UTF-8 sequence that s begins with (RFC 3629), 0 when it is none. */
static size_t utf8_length(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || p[0] > 0xf4 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, beyond Unicode. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool s3_key_has_controls(struct slice key)
{
	for (size_t i = 0; i < key.n; i++)
		if ((unsigned char)key.p[i] < ' ' || key.p[i] == 0x7f)
			return true;
	return false;
}

bool s3_key_removable(struct slice key)
{
	if (key.n == 0 || key.n > S3_KEY_MAX)
		return false;
	while (key.n) {
		size_t n = utf8_length(key);

		if (n == 0)
			return false;
		key = slice_from(key, n);
	}
	return true;
}

bool s3_key_possible(struct slice key)
{
	return s3_key_removable(key) && !s3_key_has_controls(key);
}

bool s3_region_valid(struct slice region)
{
	if (region.n == 0 || region.n > S3_REGION_MAX)
		return false;
	for (size_t i = 0; i < region.n; i++) {
		unsigned char c = (unsigned char)region.p[i];

		if (c < ' ' || c == 0x7f || c == '/' || c == '\\')
			return false;
	}
	return true;
}

/* ---- places ---- */

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

/* Can it be a bucket's: 1 to S3_BUCKET_MAX characters, no control characters, no slashes? */
static bool is_bucket(struct slice bucket)
{
	for (size_t i = 0; i < bucket.n; i++) {
		unsigned char c = (unsigned char)bucket.p[i];

		if (c < ' ' || c == 0x7f || c == '/' || c == '\\')
			return false;
	}
	return bucket.n > 0 && bucket.n <= S3_BUCKET_MAX;
}

bool s3_region_names_host(struct slice region)
{
	for (size_t i = 0; i < region.n; i++) {
		char c = ascii_lower(region.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return region.n > 0 && region.n <= HOST_LABEL_MAX;
}

/* Hosts know no case, so a name with capitals cannot be one: another bucket would be asked. */
static bool names_host(struct slice bucket)
{
	struct slice label, left = bucket;

	while (slice_next(&left, '.', &label)) {
		for (size_t i = 0; i < label.n; i++)
			if (label.p[i] != ascii_lower(label.p[i]))
				return false;
		if (!s3_region_names_host(label) || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
	}
	return bucket.n <= HOST_LABEL_MAX && bucket.p[bucket.n - 1] != '.';
}

/* A dot in the name breaks the wildcard certificate *.s3.REGION.amazonaws.com. */
static bool is_virtual(const struct s3_place *place)
{
	if (!names_host(place->bucket))
		return false;
	switch (place->style) {
	case STYLE_PATH: return false;
	case STYLE_VIRTUAL: return true;
	case STYLE_DEFAULT: break;
	}
	return place->endpoint.n == 0 && !has(place->bucket, '.');
}

enum err s3_address_make(const struct s3_place *place, struct s3_address *ret, struct error *e)
{
	struct buf bucket CLEANUP(buf_fini) = BUF_MAX((size_t)3 * S3_BUCKET_MAX);
	struct origin origin = {.scheme = "https"};
	char aws[128];
	bool virtual;
	enum err err;

	if (!is_bucket(place->bucket))
		return err_set(e, ERR_USAGE,
			       "a bucket name has 1 to %d characters, and no slashes among them",
			       S3_BUCKET_MAX);
	virtual = is_virtual(place);
	s3_key_encode(place->bucket, &bucket);
	if (place->endpoint.n) {
		err = split_endpoint(place->endpoint, &origin, e);
		if (err)
			return err;
	} else if (!s3_region_names_host(place->region)) {
		return err_set(e, ERR_USAGE,
			       "'" SLICE_FMT
			       "' is no region of AWS: another service has to be named "
			       "with endpoint=",
			       SLICE_ARG(slice_head(place->region, 60)));
	} else {
		aws_host(place->region, aws, sizeof(aws));
		origin.host = slice_of(aws);
	}
	if (origin.host.n + origin.path.n + (virtual ? bucket.n : 0) + 8 > S3_HOST_MAX)
		return err_set(e, ERR_USAGE, "the S3 endpoint is too long");
	snprintf(ret->host, sizeof(ret->host), "%s%s" SLICE_FMT, virtual ? buf_str(&bucket) : "",
		 virtual ? "." : "", SLICE_ARG(origin.host));
	snprintf(ret->origin, sizeof(ret->origin), "%s://%s", origin.scheme, ret->host);
	snprintf(ret->root, sizeof(ret->root), SLICE_FMT "/%s%s", SLICE_ARG(origin.path),
		 virtual ? "" : buf_str(&bucket), virtual ? "" : "/");
	return OK;
}

bool s3_lists_exactly(struct slice endpoint)
{
	static const char *const exact[] = {".amazonaws.com", ".amazonaws.com.cn",
					    ".r2.cloudflarestorage.com"};
	struct slice host = slice_from(endpoint, MIN(slice_find(endpoint, ':') + 3, endpoint.n));

	host = slice_head(host, slice_find(host, '/'));
	host = slice_head(host, slice_rfind(host, ':'));
	for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
		struct slice end = slice_of(exact[i]);

		if (host.n > end.n && slice_eq_nocase(slice_from(host, host.n - end.n), end))
			return true;
	}
	return endpoint.n == 0 || slice_eq_nocase(host, SLICE("storage.googleapis.com"));
}
