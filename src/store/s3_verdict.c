// SPDX-License-Identifier: MIT
/*
 * Three steps, the first that knows decides:
 *
 *	1. statuses that speak for themselves (200, 206, 304, 412, 416);
 *	2. the error code, from the table, for the statuses that it comes with;
 *	3. the status alone: redirects, throttling, outages, and answers without a code.
 */
#include "store/s3_verdict.h"
#include "store/s3_address.h"

/* How a code decides; most are a verdict as they stand. */
enum rule { IS, BY_EXACTNESS, BY_REGION, IF_REFRESHABLE };

static const struct row {
	const char *code;
	int status; /* 0: any error */
	enum rule rule;
	enum s3_verdict verdict; /* with IS */
} table[] = {
	{"NoSuchKey", 404, IS, S3_MISS},
	{"NoSuchVersion", 404, IS, S3_MISS},
	{"AccessDenied", 403, BY_EXACTNESS},
	{"InvalidObjectState", 403, IS, S3_ARCHIVED},

	/* Of AWS, of Ceph, of MinIO. Any other 400 may be about how we ask, not about the name. */
	{"KeyTooLongError", 400, IS, S3_NAME},
	{"InvalidURI", 400, IS, S3_NAME},
	{"InvalidObjectName", 400, IS, S3_NAME},
	{"XMinioInvalidObjectName", 400, IS, S3_NAME},

	{"AuthorizationHeaderMalformed", 400, BY_REGION},
	{"IllegalLocationConstraintException", 400, BY_REGION},

	{"ExpiredToken", 0, IF_REFRESHABLE},
	{"TokenRefreshRequired", 0, IF_REFRESHABLE},
	{"InvalidToken", 0, IF_REFRESHABLE},
	{"InvalidAccessKeyId", 0, IF_REFRESHABLE},
	{"RequestTimeTooSkewed", 0, IS, S3_SKEW},

	{"SlowDown", 0, IS, S3_RETRY},
	{"Throttling", 0, IS, S3_RETRY},
	{"ThrottlingException", 0, IS, S3_RETRY},
	{"TooManyRequests", 0, IS, S3_RETRY},
	{"RequestLimitExceeded", 0, IS, S3_RETRY},
	{"BandwidthLimitExceeded", 0, IS, S3_RETRY},
	{"RequestTimeout", 0, IS, S3_RETRY},
	{"InternalError", 0, IS, S3_RETRY},
	{"ServiceUnavailable", 0, IS, S3_RETRY},
	{"OperationAborted", 409, IS, S3_RETRY},
	{"ConditionalRequestConflict", 409, IS, S3_RETRY}, /* two who write one key at once */
};

/* The region that the answer names, when it is one and is not ours. */
static bool other_region(const struct s3_answer *a, struct slice *ret)
{
	const struct slice named[] = {a->header_region, a->body_region};

	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		if (s3_region_valid(named[i]) && !slice_eq(named[i], a->our_region)) {
			*ret = named[i];
			return true;
		}
	}
	return false;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 307 || status == 308;
}

static enum s3_verdict denied(enum s3_exactness exactness)
{
	return exactness == S3_OPAQUE ? S3_MISS : S3_DENIED_IN_DOUBT;
}

static enum s3_verdict by_row(const struct row *row, const struct s3_answer *a,
			      struct slice *region)
{
	switch (row->rule) {
	case IS: return row->verdict;
	case BY_EXACTNESS: return denied(a->exactness);
	case BY_REGION: return other_region(a, region) ? S3_REGION : S3_FAULT;
	case IF_REFRESHABLE: return a->refreshable ? S3_EXPIRED : S3_FAULT;
	}
	return S3_FAULT;
}

/* No code: a HEAD, or something between us and S3 has answered, which proves nothing. */
static enum s3_verdict by_status(const struct s3_answer *a, struct slice *region)
{
	if (a->status == 400 && other_region(a, region))
		return S3_REGION;
	if (a->head)
		return S3_ASK_GET;
	return a->status == 404 && a->bare ? S3_BARE : S3_FAULT;
}

static const struct row *find_row(const struct s3_answer *a)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_eq(a->code, slice_of(table[i].code)) &&
		    (table[i].status == 0 || table[i].status == a->status))
			return &table[i];
	return NULL;
}

static enum s3_verdict judge_error(const struct s3_answer *a, struct slice *region)
{
	const struct row *row = find_row(a);

	if (row)
		return by_row(row, a, region);
	if (is_redirect(a->status) && other_region(a, region))
		return S3_REGION;
	/* To ourselves: the name of a new bucket has not reached every server yet. */
	if (a->status == 307 || a->status == 408 || a->status == 429)
		return S3_RETRY;
	/* 501 is an answer about the request, not about the moment. */
	if (a->status >= 500 && a->status <= 599 && a->status != 501)
		return S3_RETRY;
	if (a->code.n == 0 && a->status >= 400 && a->status <= 499)
		return by_status(a, region);
	return S3_FAULT;
}

enum s3_verdict s3_judge(const struct s3_answer *a, struct slice *ret_region)
{
	switch (a->status) {
	case 200:
	case 206: return S3_FOUND;
	case 304: return S3_NOT_MODIFIED;
	case 412: return S3_PRECONDITION;
	case 416: return S3_RANGE;
	default: return a->status >= 300 ? judge_error(a, ret_region) : S3_FAULT;
	}
}

bool s3_refuses(int status, struct slice code)
{
	static const char *const codes[] = {"EntityTooLarge", "EntityTooSmall", "MetadataTooLarge",
					    "InvalidArgument"};
	const struct s3_answer a = {.status = status, .code = code};
	const struct row *row = find_row(&a);

	if (row && row->rule == IS && row->verdict == S3_NAME)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (slice_eq(code, slice_of(codes[i])))
			return true;
	return code.n == 0 && (status == 413 || status == 414); /* of what stands before it */
}
