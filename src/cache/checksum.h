// SPDX-License-Identifier: MIT
/*
 * Is what arrived what the store holds? A store says what it expects in a header, a digest is
 * computed over the body as it passes, and the two are compared before anything is kept. Pure:
 * bytes in, verdict out. A digest belongs to one thread at a time.
 *
 * Sources: "Checking object integrity" of the Amazon S3 User Guide; for CRC-64/NVME the NVM
 * Express NVM Command Set Specification 1.0a, 5.2.1.3.4; RFC 3720, appendix B.4 for CRC-32C.
 */
#pragma once
#include "base/slice.h"

enum checksum_kind {
	CHECKSUM_NONE, /* nothing is known, so that nothing can be wrong */
	CHECKSUM_MD5,
	CHECKSUM_SHA1,
	CHECKSUM_SHA256,
	CHECKSUM_CRC32,
	CHECKSUM_CRC32C,
	CHECKSUM_CRC64NVME,
};

#define CHECKSUM_LEN_MAX 32

struct checksum {
	enum checksum_kind kind;
	uint8_t value
		[CHECKSUM_LEN_MAX]; /* what the kind fills; CRCs big-endian, as S3 sends them */
};

/*
 * An ETag as it came: MD5 when it is strong and 32 hex digits in quotes; false for any other, such
 * as the "...-7" of a multipart upload. The caller knows whether S3 meant an MD5: it does not where
 * the object is encrypted with SSE-KMS or SSE-C.
 */
bool checksum_from_etag(struct slice etag, struct checksum *ret);
/*
 * The value of an x-amz-checksum-... header. False when it is not of the kind's length, as that of
 * a composite ("...-3"), which is a checksum of checksums.
 */
bool checksum_from_base64(enum checksum_kind kind, struct slice base64, struct checksum *ret);

struct digest;

/*
 * Never NULL. One of MD5 computes an XXH3-128 as well. Of kind CHECKSUM_NONE where OpenSSL refuses
 * (MD5 in FIPS mode).
 */
struct digest *digest_new(enum checksum_kind kind);
void digest_free(struct digest *d); /* accepts NULL */
enum checksum_kind digest_kind(const struct digest *d);
/* Of an MD5 digest, before it is freed: the XXH3-128 of what was added, big-endian. */
void digest_own(const struct digest *d, uint8_t ret[static 16]);
/* The next bytes of the body. */
void digest_add(struct digest *d, struct slice bytes);
/*
 * Once, at the end. False when the bytes are proven wrong; so a digest of kind CHECKSUM_NONE, or an
 * a `told` of that kind, matches anything. Otherwise the kinds must be the same.
 */
MUST_CHECK bool digest_matches(struct digest *d, const struct checksum *told);
