// SPDX-License-Identifier: MIT
/*
 * What an S3 store knows of its bucket: where it is, and what its answers so far have shown. The
 * calls read it and add to it (s3_call.c); probes find out the rest (s3_doubt.c).
 */
#include "store/s3_store.h"

#include <stdio.h>

#define DENIED_WARN 20

void s3_full_key(const struct s3_store *s3, struct slice key, struct buf *out)
{
	if (s3->prefix[0])
		buf_printf(out, "%s/", s3->prefix);
	buf_add(out, key);
}

static enum err make_address(struct s3_store *s3, struct error *e)
{
	struct s3_place place = {
		.bucket = slice_of(s3->bucket),
		.endpoint = slice_of(s3->endpoint),
		.region = slice_of(s3->region),
		.style = s3->style,
	};

	return s3_address_make(&place, &s3->address, e);
}

enum err s3_set_region(struct s3_store *s3, struct slice region, struct error *e)
{
	char before[sizeof(s3->region)];
	enum err err;

	memcpy(before, s3->region, sizeof(before));
	snprintf(s3->region, sizeof(s3->region), SLICE_FMT, SLICE_ARG(region));
	err = make_address(s3, e);
	if (err)
		memcpy(s3->region, before, sizeof(before));
	return err;
}

enum s3_exactness s3_exactness_of(const struct s3_store *s3)
{
	switch (s3->doubt.is) {
	case MANNER_OPAQUE: return S3_OPAQUE;
	case MANNER_EXACT:
	case MANNER_DENYING: return s3->silent ? S3_SILENT : S3_EXACT;
	case MANNER_UNSPOKEN:
	case MANNER_UNKNOWN: break;
	}
	return S3_UNKNOWN;
}

void s3_count_denied(struct s3_store *s3)
{
	if (++s3->denied < DENIED_WARN || s3->ever_found || s3->warned)
		return;
	s3->warned = true;
	s3->store.ctx->warn(s3->store.traits.name,
			    "denies every key and has never given one: credentials or policy?");
}

void s3_count_found(struct s3_store *s3, struct slice key, bool tagged)
{
	s3->ever_found = true;
	s3->ever_tagged = s3->ever_tagged || tagged;
	doubt_gave(&s3->doubt, key);
}
