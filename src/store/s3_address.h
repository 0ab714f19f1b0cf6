// SPDX-License-Identifier: MIT
/*
 * Where a bucket is reached: the one place that knows S3's host names. Pure.
 * (AWS S3 user guide: "Virtual hosting of buckets", "Amazon S3 endpoints".)
 *
 * Names are the service's affair: regions are called NL, RegionOne or default_zone, and old buckets
 * have capitals, '_' and up to 255 characters. So a name is refused for control characters and
 * slashes only; but a host name is made only of what can be one.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "store/store_url.h"

#define S3_HOST_MAX   300
#define S3_REGION_MAX 62  /* one less than where s3_xml.h and transfer.h cut */
#define S3_BUCKET_MAX 255 /* of the oldest; a new one may have 63 */
#define S3_ROOT_MAX   (S3_HOST_MAX + 3 * S3_BUCKET_MAX) /* percent-encoded */

struct s3_place {
	struct slice bucket;
	struct slice endpoint; /* "http(s)://host[:port][/path]"; empty: AWS */
	struct slice region;
	/*
	 * STYLE_DEFAULT: virtual at AWS unless the name has dots, else path. A name that cannot be
	 * part of a host name is put into the path in any style.
	 */
	enum store_style style;
};

struct s3_address {
	char origin[S3_HOST_MAX + 16]; /* "https://host:port", nothing behind it */
	char host[S3_HOST_MAX];        /* as in the Host header: no default port */
	char root[S3_ROOT_MAX];        /* encoded path before the key: "/", "/bucket/" */
};

/*
 * Can there be an object of this key, prefix included, with any service? 1 to 1024 bytes of UTF-8
 * without control characters. (AWS S3 user guide, "Naming Amazon S3 objects".)
 */
bool s3_key_possible(struct slice key);
/* The same, but control characters may be in it: some services have taken them. */
bool s3_key_removable(struct slice key);
bool s3_key_has_controls(struct slice key);
/* Can it be a region's: 1 to S3_REGION_MAX bytes, no control characters, no slashes? */
bool s3_region_valid(struct slice region);
/* Can a host name of AWS be made of it? */
bool s3_region_names_host(struct slice region);
/* Which AWS the region belongs to: a bucket's name is unique in each. */
const char *s3_partition(struct slice region);
/*
 * Is a listing of the service that this endpoint belongs to known to tell all that was written before it
 * began? AWS (since December 2020), Cloudflare R2, Google. Of others some need a second or more.
 */
bool s3_lists_exactly(struct slice endpoint);
MUST_CHECK enum err s3_address_make(const struct s3_place *place, struct s3_address *ret,
				    struct error *e);
