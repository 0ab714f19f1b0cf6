// SPDX-License-Identifier: MIT
/*
 * Between the files of the S3 store: s3.c (making one, the operations), s3_call.c (one read),
 * s3_request.c (what goes over the wire), s3_verdict.c (what errors lead to), s3_doubt.c (exact or
 * opaque). Loop's thread throughout.
 */
#pragma once
#include "store/doubt.h"
#include "store/keeper.h"
#include "store/s3_address.h"
#include "store/s3_error.h"
#include "store/s3_xml.h"
#include "store/sigv4.h"
#include "store/store_priv.h"

struct s3_store {
	struct store store;
	char *bucket, *prefix, *endpoint; /* prefix without slashes around; endpoint "" = AWS */
	enum store_style style;
	char region[S3_REGION_MAX + 1];
	struct s3_address address; /* for the present region */
	struct keeper keeper;
	struct sigv4 signer;
	int64_t skew_s;               /* S3's clock minus ours */
	struct doubt doubt;           /* how it says missing */
	bool silent;                  /* by a 404 without a reason: who says so cannot be told */
	unsigned denied;              /* misses told by 403 */
	bool ever_found, ever_tagged; /* an object was given; one with an ETag */
	bool warned;
	bool bare_misses;    /* misses=bare: a 404 counts without a reason */
	bool requester_pays; /* and says so with every request */
	bool closing;        /* calls that wait end now */
};

enum s3_ask { S3_READ, S3_PROBE, S3_LIST };

/*
 * Start a call. For S3_PROBE and S3_LIST read->key is the key, or the prefix to list, as it
 * stands in the bucket, and `raw` takes the verdict and the body; for S3_READ they are below the
 * store's prefix, and events are a store's.
 */
struct s3_asking {
	enum s3_ask what;
	const struct store_events *events;
	void (*raw)(void *ud, enum s3_verdict verdict, struct slice body, const struct error *e);
	void *ud;
};

struct store_call *s3_call_start(struct s3_store *s3, const struct store_read *read,
				 const struct s3_asking *asking);
void s3_call_resume(struct store_call *c);
void s3_call_cancel(struct store_call *c);

/* Everything that is sent is in here; all borrowed. read.key is whole, prefix included. */
struct s3_request {
	enum s3_ask what;
	struct store_read read;
	const struct creds *creds; /* NULL: unsigned */
};

/* Send it to the store's present region. *ret and the events are as of transfer_start(). */
MUST_CHECK enum err s3_request_send(struct s3_store *s3, const struct s3_request *r,
				    const struct transfer_events *events, void *ud,
				    struct transfer **ret, struct error *e);

/* Sign for another region from now on, and go where AWS serves it. */
MUST_CHECK enum err s3_set_region(struct s3_store *s3, struct slice region, struct error *e);
/* "prefix/key", or key when there is no prefix. */
void s3_full_key(const struct s3_store *s3, struct slice key, struct buf *out);

/* s3_doubt.c: how the store says missing (doubt.h), in S3's words. */
void s3_doubt_init(struct s3_store *s3);
/* As s3_judge() wants to know it. */
enum s3_exactness s3_doubt_exactness(const struct s3_store *s3);
/* A miss was told by a 403; an object was found, and had an ETag. */
void s3_doubt_count_denied(struct s3_store *s3);
void s3_doubt_count_found(struct s3_store *s3, struct slice key, bool tagged);
/* Other credentials: they may see other things. */
void s3_doubt_anew(struct s3_store *s3);
