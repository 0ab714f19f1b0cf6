// SPDX-License-Identifier: MIT
/*
 * An object that is put into an S3 store in parts (AWS S3 API reference: CreateMultipartUpload,
 * UploadPart, CompleteMultipartUpload): all but the last of the same size, as some services want
 * it, S3_PARTS_AT_ONCE at a time. Each part has its own SHA-256, which is signed; that of the whole
 * is taken on the way and compared before the parts become an object. Parts are hashed on the pool
 * for writes, in their order.
 *
 * What fails, or is cancelled, is aborted, so that no parts stay behind that somebody pays for; but
 * those of a process that is killed do, until the bucket's rule for incomplete uploads takes them; and so does an upload
 * without parts whose beginning got no answer: it could as well be another writer's.
 */
#pragma once
#include "store/s3_parts.h"
#include "store/s3_store.h"
#include "store/write.h"

#define S3_MULTIPART_FROM (INT64_C(64) << 20)

struct s3_multipart;

struct s3_multipart_request {
	const char *key;                   /* the full one; copied */
	const struct store_body *body;     /* copied; what it borrows stays until the end */
	const char *sha256;                /* copied */
	const struct sigv4_field *headers; /* of the object; copied */
	size_t n_headers;
	bool only_new;
	int64_t answer_ns;
};

/* Exactly one done(), never from inside; or a cancel, after which it aborts by itself. */
struct s3_multipart *s3_multipart_start(struct s3_store *s3,
					const struct s3_multipart_request *request,
					store_put_done *done, void *ud);
void s3_multipart_cancel(struct s3_multipart *m);
/* The store is being freed: those that still abort end now. */
void s3_multipart_end_all(struct s3_store *s3);
