// SPDX-License-Identifier: MIT
/*
 * The XML that S3 and STS answer with: errors, bucket listings, credentials. Pure and bounded:
 * bytes in, struct out. A document type declaration is refused, so no entity is ever expanded;
 * unknown elements are skipped, since compatible services add their own.
 * (AWS S3 API reference: Error Responses, ListObjectsV2, ListObjects; STS API reference:
 * AssumeRoleWithWebIdentity.)
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#define S3_KEY_MAX  1024
#define S3_LIST_MAX 1000
#define S3_XML_MAX  8388608 /* a body longer than this is not looked at */

/* Text that does not fit is cut between UTF-8 characters; a text that is absent is "". */
struct s3_error {
	char code[64];
	char message[256];
	char region[64];
	char endpoint[256];
	int64_t actual_size; /* of the object, with InvalidRange; else -1 */
};

/*
 * ERR_CORRUPT when the body is not a well-formed <Error> (or STS's <ErrorResponse>) with a code, or
 * says one thing twice: two codes are none.
 */
MUST_CHECK enum err s3_xml_error(struct slice body, struct s3_error *ret, struct error *e);

struct s3_object {
	struct slice key;   /* decoded when the service had encoded it; never empty */
	struct slice etag;  /* with its quotes, as in the header */
	int64_t size;       /* bytes */
	int64_t modified_s; /* seconds since the epoch; 0 when absent or unreadable */
};

/*
 * --check looks at the first page only, a listing (s3_page.h) at all of them, by the token. How
 * ListObjects goes on (next_marker) nobody asks for.
 *
 * The slices point into text. Fill with {0} first, give back with s3_list_fini().
 */
struct s3_list {
	struct s3_object *objects;
	size_t n_objects;
	struct slice *prefixes; /* common prefixes, when a delimiter was asked for */
	size_t n_prefixes;
	bool truncated;           /* IsTruncated is true; */
	bool complete;            /* or false, and says so */
	struct slice next_token;  /* V2: the next continuation-token; or else */
	struct slice next_marker; /* V1: the next marker; one of the two is set when truncated */
	struct buf text;
};

/*
 * One page of ListObjectsV2, or of ListObjects. ERR_LIMIT when it holds more than limit (<=
 * S3_LIST_MAX) objects and prefixes, or a key above S3_KEY_MAX; ERR_CORRUPT when it is no listing,
 * is truncated without saying how to go on, or says one thing twice. *ret is untouched on failure.
 */
MUST_CHECK enum err s3_xml_list(struct slice body, size_t limit, struct s3_list *ret,
				struct error *e);
void s3_list_fini(struct s3_list *l);

/* The slices point into text; s3_sts_fini() wipes it. */
struct s3_sts {
	struct slice access_key, secret_key, token;
	int64_t expires_s;
	struct buf text;
};

/* The answer of AssumeRoleWithWebIdentity; ERR_CORRUPT when any of the four is missing. */
MUST_CHECK enum err s3_xml_sts(struct slice body, struct s3_sts *ret, struct error *e);
void s3_sts_fini(struct s3_sts *s);

/*
 * The answer to DeleteObjects: failed() for each key that was not removed, with S3's error code.
 * ERR_CORRUPT when it is none, or names a failure without its key; some may have been told by then.
 */
MUST_CHECK enum err s3_xml_deleted(struct slice body,
				   void (*failed)(void *ud, struct slice key, struct slice code),
				   void *ud, struct error *e);

/*
 * Append the text of the element at a path, such as "/InitiateMultipartUploadResult/UploadId", once;
 * that of one with others in it is empty. ERR_CORRUPT when there is none, or more than one; ERR_LIMIT
 * when it is longer than ret may be.
 */
MUST_CHECK enum err s3_xml_find(struct slice body, const char *path, struct buf *ret,
				struct error *e);
