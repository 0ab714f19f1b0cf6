// SPDX-License-Identifier: MIT
/*
 * Between the files of the s3:// store, each of which uses those before it: s3_bucket.c (what is
 * known of the bucket), s3_request.c (what goes over the wire), s3_call.c (one read, and what its
 * answer leads to), s3_doubt.c (probes: exact or opaque), s3_store.c (making one, the operations).
 * Loop's thread throughout, but for reading a page of a listing (s3_page.c).
 */
#pragma once
#include "base/list.h"
#include "store/doubt.h"
#include "store/renewal.h"
#include "store/s3_address.h"
#include "store/s3_verdict.h"
#include "store/s3_xml.h"
#include "store/sigv4.h"
#include "store/store_priv.h"

struct s3_store {
	struct store store;
	char *bucket, *prefix, *endpoint; /* prefix without slashes around; endpoint "" = AWS */
	enum store_style style;
	char region[S3_REGION_MAX + 1];
	struct s3_address address; /* for the present region */
	struct renewal renewal;
	struct sigv4 signer;
	int64_t skew_s;               /* S3's clock minus ours */
	struct doubt doubt;           /* how it says missing */
	bool silent;                  /* it says missing by a 404 without a code, as proxies do */
	unsigned denied;              /* misses told by 403 */
	bool ever_found, ever_tagged; /* an object was given; an object with an ETag */
	bool warned;
	bool bare_misses;                   /* misses=bare: a 404 counts without a reason */
	int64_t multipart_from, part_size;  /* a body so long is put in parts of so much */
	LIST_HEAD(, s3_multipart) aborting; /* whose owners have left */
	bool no_conditions;  /* it has refused If-None-Match, so that none is sent any more */
	bool requester_pays; /* each request has to say that we pay for it */
	bool closing;        /* calls that wait end now */
};

/* s3_bucket.c */

/* Sign for another region from now on, and go where AWS serves it. */
MUST_CHECK enum err s3_set_region(struct s3_store *s3, struct slice region, struct error *e);
/* The full key: "prefix/key", or key when there is no prefix. */
void s3_full_key(const struct s3_store *s3, struct slice key, struct buf *out);
/* As s3_judge() wants to know it. */
enum s3_exactness s3_exactness_of(const struct s3_store *s3);
/* A miss was told by a 403; an object was found, and had an ETag. */
void s3_count_denied(struct s3_store *s3);
void s3_count_found(struct s3_store *s3, struct slice key, bool tagged);

enum s3_ask {
	S3_READ,
	S3_PROBE,
	S3_LIST,  /* keys, however deep; the first thousand */
	S3_WRITE, /* a request of s3_put.c or s3_remove.c */
	S3_PAGE,  /* what stands directly below the prefix, or with deep all; from the token on */
};

/* What a write sends besides its key; all borrowed until the call has ended. */
struct s3_write {
	const char *method;                        /* NULL: HEAD */
	const struct sigv4_field *query, *headers; /* values end with a NUL; all are signed */
	size_t n_query, n_headers;
	const struct store_body *body; /* NULL: none */
	const char *sha256;            /* of it, in hex; NULL: of nothing */
	int64_t answer_ns;             /* for its answer, from the last byte sent */
	int64_t signed_s; /* > 0: by a query that is valid so long (store_remove), ... */
	int valid_s;      /* ... whose body is told by a Content-MD5 among the headers */
};

/*
 * Start a call. read->key is the key, or for the last two the prefix to list, as it stands in the
 * bucket. For S3_READ events are a store's; for S3_PAGE `paged` takes the end; for S3_WRITE
 * `written`, with the head of the answer (status 0: there was none); else `raw` takes the verdict
 * and the body. A write of any verdict but S3_FOUND (2xx) tells why in e.
 */
struct s3_asking {
	enum s3_ask what;
	const struct store_events *events;
	struct slice token; /* for S3_PAGE: how to go on; none: the first; copied */
	bool deep;          /* for S3_PAGE: all keys, no folders */
	const struct s3_write *write;
	store_paged *paged;
	void (*written)(void *ud, enum s3_verdict verdict, const struct transfer_head *answer,
			struct slice body, const struct error *e);
	void (*raw)(void *ud, enum s3_verdict verdict, struct slice body, const struct error *e);
	void *ud;
};

struct store_call *s3_call_start(struct s3_store *s3, const struct store_read *read,
				 const struct s3_asking *asking);
void s3_call_resume(struct store_call *c);
void s3_call_cancel(struct store_call *c);

/* Everything that is sent is in here; all borrowed. read.key is the full key. */
struct s3_request {
	enum s3_ask what;
	struct store_read read;
	struct slice token;
	bool deep;
	const struct s3_write *write; /* of S3_WRITE */
	const struct creds *creds;    /* NULL: unsigned */
};

/* Send it to the store's present region. *ret and the events are as of transfer_start(). */
MUST_CHECK enum err s3_request_send(struct s3_store *s3, const struct s3_request *r,
				    const struct transfer_events *events, void *ud,
				    struct transfer **ret, struct error *e);

/* s3_put.c, s3_multipart.c, s3_remove.c: writing (write.h). */
struct store_write *s3_put(struct store *s, const struct store_put *put, store_put_done *done,
			   void *ud);
/* What an answer tells of an object that was put, or was not. */
void s3_put_answer(enum s3_verdict verdict, const struct transfer_head *answer, struct slice body,
		   struct store_put_answer *ret);
struct store_write *s3_remove(struct store *s, const struct store_remove *remove,
			      const struct store_remove_events *events, void *ud);

/* s3_doubt.c: how the store says missing (doubt.h), in S3's words. */
void s3_doubt_init(struct s3_store *s3);
/* Other credentials: they may see other things. */
void s3_doubt_anew(struct s3_store *s3);
