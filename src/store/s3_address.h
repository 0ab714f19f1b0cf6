// SPDX-License-Identifier: MIT
/*
 * Where a bucket is reached: the one place that knows S3's host names. Pure.
 * (AWS S3 user guide: "Virtual hosting of buckets", "Amazon S3 endpoints".)
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "store/store_url.h"

#define S3_HOST_MAX 300

struct s3_place {
	struct slice bucket;
	struct slice endpoint; /* "http(s)://host[:port][/path]"; empty: AWS */
	struct slice region;
	enum store_style
		style; /* STYLE_DEFAULT: virtual at AWS unless the name has dots, else path */
};

struct s3_address {
	char origin[S3_HOST_MAX + 16]; /* "https://host:port", nothing behind it */
	char host[S3_HOST_MAX];        /* as in the Host header: no default port */
	char root[S3_HOST_MAX];        /* encoded path before the key: "/", "/bucket/" */
};

/* Which AWS the region belongs to: a bucket's name is unique in each. */
const char *s3_partition(struct slice region);
MUST_CHECK enum err s3_address_make(const struct s3_place *place, struct s3_address *ret,
				    struct error *e);
