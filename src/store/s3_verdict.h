// SPDX-License-Identifier: MIT
/*
 * What an answer of S3 means: the one place that turns a status and an error code into a verdict.
 * Pure; it decides, the caller acts. Only a proven miss is a miss: an answer that is not in the
 * table is a fault, which a client sees as 503. (AWS S3 API reference, "Error responses"; the rule
 * that a missing key is 403 without s3:ListBucket: GetObject, HeadObject.)
 */
#pragma once
#include "base/slice.h"

/* How the store says "no such key": learned by asking for a random one, which is
 * judged as UNKNOWN: S3_MISS means EXACT, S3_DENIED_IN_DOUBT means OPAQUE. */
enum s3_exactness {
	S3_UNKNOWN, /* not probed yet */
	S3_EXACT,   /* 404 NoSuchKey: we may list */
	S3_OPAQUE,  /* 403 AccessDenied: we may not, so that a miss looks like a refusal */
	S3_SILENT,  /* a 404 without an error code, which a proxy may have sent as well */
};

enum s3_verdict {
	S3_FOUND,           /* 200, 206 */
	S3_MISS,            /* proven: may be a 404 and may be remembered */
	S3_BARE,            /* a 404 that gives no reason, where that counts: a miss, if no proof */
	S3_NAME,            /* it can hold no key of such a name: a miss of the moment */
	S3_ARCHIVED,        /* in a storage class that cannot be read: a miss with a counter */
	S3_RANGE,           /* 416 */
	S3_NOT_MODIFIED,    /* 304 */
	S3_PRECONDITION,    /* 412 */
	S3_RETRY,           /* will pass: throttling, outage, DNS of a new bucket */
	S3_REGION,          /* sign again for *ret_region, and remember it */
	S3_DENIED_IN_DOUBT, /* AccessDenied, but not from an opaque store: probe before judging */
	S3_ASK_GET,         /* a HEAD error, which has no code: ask again with GET */
	S3_SKEW,            /* our clock is off: correct it by the answer's Date */
	S3_EXPIRED,         /* refresh the credentials and ask again */
	S3_FAULT,           /* credentials, policy, configuration, or something unknown */
};

struct s3_answer {
	int status;
	struct slice code; /* <Code> of the body; empty when there was none to read */
	bool bare;         /* there was none, and a 404 counts all the same */
	bool head;         /* the request was a HEAD */
	enum s3_exactness exactness;
	bool refreshable;           /* new credentials could be had, and these are not new */
	struct slice header_region; /* x-amz-bucket-region */
	struct slice body_region;   /* <Region> */
	struct slice our_region;    /* the region for which the request was signed */
};

/* *ret_region, set for S3_REGION only, points into a; its name is safe to put into a host name. */
enum s3_verdict s3_judge(const struct s3_answer *a, struct slice *ret_region);
/* Does it say that such an object is taken at no time: so large, of such a name, with such metadata? */
bool s3_refuses(int status, struct slice code);
