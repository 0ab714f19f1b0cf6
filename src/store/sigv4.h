// SPDX-License-Identifier: MIT
/*
 * AWS Signature Version 4, as headers and as a presigned query, for S3's rules: the path is
 * encoded once and never normalised, and the payload's hash is a header.
 * (AWS S3 API reference, "Authenticating Requests"; IAM user guide, "Create a signed request".)
 *
 * A struct sigv4 keeps the derived key of the last (secret, day, region, service) and the memory of
 * the last canonical request, so that signing allocates nothing once it has warmed up. One per
 * thread or under the caller's lock. Nothing here logs, and no error carries a secret.
 */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "store/creds.h"

#define SIGV4_SCOPE_MAX   128
#define SIGV4_FIELDS_MAX  32     /* headers or query parameters, ours included */
#define SIGV4_EXPIRES_MAX 604800 /* seconds: seven days */
#define SIGV4_UNSIGNED    "UNSIGNED-PAYLOAD"
/* SHA-256 of nothing: the payload hash of every GET and HEAD. */
#define SIGV4_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct sigv4 {
	char scope[SIGV4_SCOPE_MAX]; /* "20130524/us-east-1/s3/aws4_request" */
	char secret[CREDS_SECRET_MAX + 1];
	unsigned char key[32];   /* derived from the two above; valid when scope is set */
	struct buf canon, names; /* scratch */
};

void sigv4_init(struct sigv4 *s);
void sigv4_fini(struct sigv4 *s); /* wipes */

/* A header (name in lower case) or a query parameter (both raw: the encoding is done here). */
struct sigv4_field {
	struct slice name, value;
};

struct sigv4_request {
	const char *method;
	struct slice host; /* as in the Host header: with the port unless it is the default */
	struct slice path; /* as sent, percent-encoded (s3_key_encode), from the first '/' */
	const struct sigv4_field *query;
	size_t n_query;
	const struct sigv4_field
		*headers; /* to be signed besides the signer's own; names distinct */
	size_t n_headers;
	struct slice payload_hash; /* hex SHA-256, SIGV4_EMPTY or SIGV4_UNSIGNED */
	const char *region, *service;
	int64_t wall_s;
	const struct creds *creds;
};

/*
 * Header form. Signs host, x-amz-date, x-amz-security-token (when there is a token),
 * x-amz-content-sha256 (for service "s3") and r->headers, and appends the Authorization value.
 * The caller sends those headers with exactly these values. ERR_LIMIT when something does not fit.
 */
MUST_CHECK enum err sigv4_sign(struct sigv4 *s, const struct sigv4_request *r,
			       char ret_date[static AMZ_DATE_LEN], struct buf *authorization,
			       struct error *e);
/*
 * For removals that the store itself has to refuse once they are late (write.h). Query form: appends the whole query string (r->query included), without '?'. Signs host and
 * r->headers, which the user of the URL has to send too. expires_s is 1..SIGV4_EXPIRES_MAX.
 */
MUST_CHECK enum err sigv4_presign(struct sigv4 *s, const struct sigv4_request *r, int64_t expires_s,
				  struct buf *query, struct error *e);
/* Append the canonical query string, which is also the one to send; ERR_LIMIT as above. */
MUST_CHECK enum err sigv4_query(const struct sigv4_field *query, size_t n, struct buf *out,
				struct error *e);
/* Append the URL path of an S3 key, without the leading '/': the one place that knows how. */
void s3_key_encode(struct slice key, struct buf *out);
