// SPDX-License-Identifier: MIT
/*
 * The parts of an upload in parts (s3_multipart.h): cut, hashed on the pool for writes one by one in their order, and
 * sent, S3_PARTS_AT_ONCE at a time. Embedded in the upload, which begins, completes and aborts. Loop's thread.
 */
#pragma once
#include "store/s3_store.h"
#include "store/write.h"

#include <openssl/evp.h>

#define S3_PART_SIZE      (INT64_C(16) << 20) /* more where there would be too many */
#define S3_PARTS_MAX      10000
#define S3_PARTS_AT_ONCE  4
#define S3_PART_ETAG_SIZE 72
#define S3_SHA256_SIZE    65

enum s3_part_state { S3_PART_FREE, S3_PART_HASHING, S3_PART_SENDING };

/* One that is on its way. */
struct s3_part {
	struct s3_parts *all;
	enum s3_part_state state;
	int64_t number; /* from 0 */
	struct store_body body;
	char sha256[S3_SHA256_SIZE], number_text[24];
	struct sigv4_field query[2];
	struct s3_write request;
	struct store_call *call;
	struct loop_timer again;
	unsigned tries;
};

struct s3_parts {
	struct s3_store *s3;
	const char *key;        /* the full one; borrowed */
	struct store_body body; /* its fd is ours */
	struct slice id;        /* of the upload; borrowed */
	int64_t answer_ns;
	struct store_put_answer answer;   /* of one that has failed */
	int64_t size, n, begun, sent;     /* bytes of one; of them in all, begun, sent */
	char (*etags)[S3_PART_ETAG_SIZE]; /* n of them */
	struct s3_part part[S3_PARTS_AT_ONCE];
	EVP_MD_CTX *whole; /* the job's while one runs, as the next two */
	struct pool_job job;
	struct error unread;
	struct s3_part *hashing; /* NULL: no job runs */
	struct loop_task hashed;
	bool stopped;
	/* All are sent, or one has failed; or they were stopped, and the last job is over. They may be freed in there. */
	void (*ended)(struct s3_parts *p, const struct error *e);
};

/* A job may outlive the owner of the body. */
void s3_parts_init(struct s3_parts *p, struct s3_store *s3, const struct store_body *body);
/* From the first one on. */
MUST_CHECK enum err s3_parts_begin(struct s3_parts *p, struct error *e);
/* To that upload, which has been begun. ended() may come from inside. */
void s3_parts_send(struct s3_parts *p, struct slice id);
/* False: a job runs, and ended() comes when it is over. */
bool s3_parts_stop(struct s3_parts *p);
/* SHA-256 of all that was sent, in hex; false: there is none. */
bool s3_parts_sum(struct s3_parts *p, char ret[static S3_SHA256_SIZE]);
/* Is it the ETag of an object that was made of these parts? Not where theirs are no MD5s. */
bool s3_parts_made(const struct s3_parts *p, const char *etag);
void s3_parts_fini(struct s3_parts *p); /* no job runs */
