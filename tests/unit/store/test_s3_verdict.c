// SPDX-License-Identifier: MIT
/* Every row of the verdict table, for GET and HEAD and for the three kinds of store. */
#include "store/s3_verdict.h"
#include "store/s3_xml.h"

#include "tap.h"

#define ANY (-1) /* the same verdict whatever the store is */

static struct s3_answer answer(int status, const char *code)
{
	return (struct s3_answer){
		.status = status,
		.code = slice_of(code),
		.refreshable = true,
		.our_region = SLICE("us-east-1"),
	};
}

static const char *name_of(enum s3_verdict v)
{
	switch (v) {
	case S3_FOUND: return "found";
	case S3_MISS: return "miss";
	case S3_BARE: return "bare";
	case S3_NAME: return "name";
	case S3_ARCHIVED: return "archived";
	case S3_RANGE: return "range";
	case S3_NOT_MODIFIED: return "not_modified";
	case S3_PRECONDITION: return "precondition";
	case S3_RETRY: return "retry";
	case S3_REGION: return "region";
	case S3_DENIED_IN_DOUBT: return "denied_in_doubt";
	case S3_ASK_GET: return "ask_get";
	case S3_SKEW: return "skew";
	case S3_EXPIRED: return "expired";
	case S3_FAULT: return "fault";
	}
	return "unknown";
}

static const char *describe(const struct s3_answer *a)
{
	static const char *const kinds[] = {"unknown", "exact", "opaque", "silent"};
	static char text[160];

	ASSERT((size_t)a->exactness < ARRAY_LEN(kinds));
	snprintf(text, sizeof(text), "%s %d '" SLICE_FMT "', %s store", a->head ? "HEAD" : "GET",
		 a->status, SLICE_ARG(a->code), kinds[a->exactness]);
	return text;
}

static void check_one(struct s3_answer a, enum s3_verdict want)
{
	struct slice region = SLICE_NONE;

	CHECK_STR(name_of(s3_judge(&a, &region)), name_of(want), describe(&a));
	CHECK(want == S3_REGION || region.p == NULL, "no region unless the verdict is region");
}

static void check_get(void)
{
	static const struct {
		int status;
		const char *code;
		int exactness;
		enum s3_verdict want;
	} cases[] = {
		{200, "", ANY, S3_FOUND},
		{206, "", ANY, S3_FOUND},
		{304, "", ANY, S3_NOT_MODIFIED},
		{412, "PreconditionFailed", ANY, S3_PRECONDITION},
		{416, "InvalidRange", ANY, S3_RANGE},
		{416, "", ANY, S3_RANGE},

		{404, "NoSuchKey", ANY, S3_MISS},
		{404, "NoSuchVersion", ANY, S3_MISS},
		{404, "", ANY, S3_FAULT},
		{404, "NoSuchBucket", ANY, S3_FAULT},
		{404, "SomethingNew", ANY, S3_FAULT},
		{200, "NoSuchKey", ANY, S3_FOUND},
		{400, "NoSuchKey", ANY, S3_FAULT},

		{400, "KeyTooLongError", ANY, S3_NAME},
		{400, "InvalidURI", ANY, S3_NAME},
		{400, "InvalidObjectName", ANY, S3_NAME},
		{400, "XMinioInvalidObjectName", ANY, S3_NAME},
		{400, "InvalidBucketName", ANY, S3_FAULT},
		{400, "InvalidArgument", ANY, S3_FAULT},
		{400, "XMinioInvalidObjectNamePrefixSlash", ANY, S3_FAULT},
		{400, "invaliduri", ANY, S3_FAULT},
		{404, "InvalidURI", ANY, S3_FAULT},
		{403, "InvalidObjectName", ANY, S3_FAULT},
		{414, "", ANY, S3_FAULT},

		{403, "AccessDenied", S3_OPAQUE, S3_MISS},
		{403, "AccessDenied", S3_EXACT, S3_DENIED_IN_DOUBT},
		{403, "AccessDenied", S3_UNKNOWN, S3_DENIED_IN_DOUBT},
		{403, "", S3_OPAQUE, S3_FAULT},
		{403, "", S3_EXACT, S3_FAULT},
		{403, "", S3_UNKNOWN, S3_FAULT},
		{403, "accessdenied", ANY, S3_FAULT},
		{403, "AccessDeniedX", ANY, S3_FAULT},
		{401, "AccessDenied", ANY, S3_FAULT},
		{403, "InvalidObjectState", ANY, S3_ARCHIVED},
		{403, "SignatureDoesNotMatch", ANY, S3_FAULT},
		{403, "AllAccessDisabled", ANY, S3_FAULT},
		{403, "AccountProblem", ANY, S3_FAULT},
		{403, "SomethingNew", ANY, S3_FAULT},

		{403, "RequestTimeTooSkewed", ANY, S3_SKEW},
		{400, "ExpiredToken", ANY, S3_EXPIRED},
		{403, "ExpiredToken", ANY, S3_EXPIRED},
		{400, "TokenRefreshRequired", ANY, S3_EXPIRED},
		{400, "InvalidToken", ANY, S3_EXPIRED},
		{403, "InvalidAccessKeyId", ANY, S3_EXPIRED},

		{503, "SlowDown", ANY, S3_RETRY},
		{503, "ServiceUnavailable", ANY, S3_RETRY},
		{503, "", ANY, S3_RETRY},
		{500, "InternalError", ANY, S3_RETRY},
		{500, "SomethingNew", ANY, S3_RETRY},
		{502, "", ANY, S3_RETRY},
		{504, "", ANY, S3_RETRY},
		{599, "", ANY, S3_RETRY},
		{600, "", ANY, S3_FAULT},
		{400, "RequestTimeout", ANY, S3_RETRY},
		{400, "Throttling", ANY, S3_RETRY},
		{400, "ThrottlingException", ANY, S3_RETRY},
		{429, "TooManyRequests", ANY, S3_RETRY},
		{400, "RequestLimitExceeded", ANY, S3_RETRY},
		{509, "BandwidthLimitExceeded", ANY, S3_RETRY},
		{408, "", ANY, S3_RETRY},
		{429, "", ANY, S3_RETRY},
		{409, "OperationAborted", ANY, S3_RETRY},
		{409, "BucketAlreadyExists", ANY, S3_FAULT},
		{501, "NotImplemented", ANY, S3_FAULT},
		{501, "", ANY, S3_FAULT},

		{301, "PermanentRedirect", ANY, S3_FAULT},
		{307, "TemporaryRedirect", ANY, S3_RETRY},
		{307, "", ANY, S3_RETRY},
		{302, "", ANY, S3_FAULT},
		{400, "AuthorizationHeaderMalformed", ANY, S3_FAULT},
		{400, "", ANY, S3_FAULT},
		{400, "InvalidRequest", ANY, S3_FAULT},
		{401, "", ANY, S3_FAULT},
		{405, "MethodNotAllowed", ANY, S3_FAULT},
		{406, "", ANY, S3_FAULT},
		{410, "", ANY, S3_FAULT},
		{0, "", ANY, S3_FAULT},
		{100, "", ANY, S3_FAULT},
		{204, "", ANY, S3_FAULT},
		{300, "", ANY, S3_FAULT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int x = S3_UNKNOWN; x <= S3_SILENT; x++) {
			struct s3_answer a = answer(cases[i].status, cases[i].code);

			a.exactness = (enum s3_exactness)x;
			if (cases[i].exactness == ANY || cases[i].exactness == x)
				check_one(a, cases[i].want);
		}
	}
}

/* A HEAD has no code: what its status does not settle, a GET has to, whatever the store is. */
static void check_head(void)
{
	static const struct {
		int status;
		enum s3_verdict want;
	} cases[] = {
		{200, S3_FOUND},        {206, S3_FOUND},   {304, S3_NOT_MODIFIED},
		{412, S3_PRECONDITION}, {416, S3_RANGE},   {400, S3_ASK_GET},
		{401, S3_ASK_GET},      {403, S3_ASK_GET}, {404, S3_ASK_GET},
		{405, S3_ASK_GET},      {408, S3_RETRY},   {429, S3_RETRY},
		{500, S3_RETRY},        {503, S3_RETRY},   {501, S3_FAULT},
		{301, S3_FAULT},        {307, S3_RETRY},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int x = S3_UNKNOWN; x <= S3_SILENT; x++) {
			struct s3_answer a = answer(cases[i].status, "");

			a.head = true;
			a.exactness = (enum s3_exactness)x;
			check_one(a, cases[i].want);
		}
	}
}

static void check_region(void)
{
	static const struct {
		int status;
		const char *code, *header, *body;
		bool head;
		enum s3_verdict want;
		const char *region;
	} cases[] = {
		{301, "PermanentRedirect", "eu-west-1", "", false, S3_REGION, "eu-west-1"},
		{301, "PermanentRedirect", "", "eu-west-2", false, S3_REGION, "eu-west-2"},
		{307, "TemporaryRedirect", "eu-west-1", "", false, S3_REGION, "eu-west-1"},
		{302, "", "eu-west-1", "", false, S3_REGION, "eu-west-1"},
		{308, "", "eu-west-1", "", false, S3_REGION, "eu-west-1"},
		{400, "AuthorizationHeaderMalformed", "", "auto", false, S3_REGION, "auto"},
		{400, "AuthorizationHeaderMalformed", "eu-west-1", "x", false, S3_REGION,
		 "eu-west-1"},
		{400, "IllegalLocationConstraintException", "eu-west-1", "", false, S3_REGION,
		 "eu-west-1"},
		{400, "", "eu-west-1", "", false, S3_REGION, "eu-west-1"},
		{301, "", "eu-west-1", "", true, S3_REGION, "eu-west-1"},
		{400, "", "eu-west-1", "", true, S3_REGION, "eu-west-1"},
		/* ours, or a header that says ours and a body that knows better */
		{301, "PermanentRedirect", "us-east-1", "", false, S3_FAULT},
		{307, "TemporaryRedirect", "us-east-1", "", false, S3_RETRY},
		{301, "PermanentRedirect", "us-east-1", "eu-west-1", false, S3_REGION, "eu-west-1"},
		{400, "AuthorizationHeaderMalformed", "us-east-1", "us-east-1", false, S3_FAULT},
		/* no region at all */
		{301, "PermanentRedirect", "evil.example/", "", false, S3_FAULT},
		{301, "PermanentRedirect", "", "a\nb", false, S3_FAULT},
		{301, "PermanentRedirect", "", "NL", false, S3_REGION, "NL"},
		{400, "AuthorizationHeaderMalformed", "", "default_zone", false, S3_REGION,
		 "default_zone"},
		{400, "", "us-east-1", "", true, S3_ASK_GET},
		/* most errors carry the header: it decides nothing about them */
		{403, "AccessDenied", "eu-west-1", "", false, S3_DENIED_IN_DOUBT},
		{404, "NoSuchKey", "eu-west-1", "", false, S3_MISS},
		{400, "ExpiredToken", "eu-west-1", "", false, S3_EXPIRED},
		{400, "InvalidRequest", "eu-west-1", "", false, S3_FAULT},
		{503, "", "eu-west-1", "", false, S3_RETRY},
		{403, "", "eu-west-1", "", true, S3_ASK_GET},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct s3_answer a = answer(cases[i].status, cases[i].code);
		struct slice region = SLICE_NONE;

		a.header_region = slice_of(cases[i].header);
		a.body_region = slice_of(cases[i].body);
		a.head = cases[i].head;
		CHECK_STR(name_of(s3_judge(&a, &region)), name_of(cases[i].want), describe(&a));
		CHECK_SLICE(region, cases[i].region, "region");
	}
}

/* A 404 that gives no reason, where the caller says that it counts; nothing else does. */
static void check_bare(void)
{
	static const struct {
		int status;
		const char *code;
		bool head;
		enum s3_verdict want;
	} cases[] = {
		{404, "", false, S3_BARE},  {404, "", true, S3_ASK_GET},
		{403, "", false, S3_FAULT}, {410, "", false, S3_FAULT},
		{400, "", false, S3_FAULT}, {404, "NoSuchBucket", false, S3_FAULT},
		{500, "", false, S3_RETRY},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct s3_answer a = answer(cases[i].status, cases[i].code);

		a.bare = true;
		a.head = cases[i].head;
		check_one(a, cases[i].want);
	}
}

static void check_not_refreshable(void)
{
	static const char *const codes[] = {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId",
					    "TokenRefreshRequired"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct s3_answer a = answer(403, codes[i]);

		a.refreshable = false;
		check_one(a, S3_FAULT);
	}
}

static void check_refused(void)
{
	static const struct {
		int status;
		const char *code;
		bool want;
	} cases[] = {
		{400, "KeyTooLongError", true},
		{400, "InvalidObjectName", true},
		{400, "EntityTooLarge", true},
		{400, "EntityTooSmall", true},
		{400, "MetadataTooLarge", true},
		{400, "InvalidArgument", true},
		{413, "EntityTooLarge", true},
		{413, "", true},
		{414, "", true},
		{413, "SlowDown", false},
		{400, "", false},
		{400, "InvalidRequest", false},
		{400, "ExpiredToken", false},
		{403, "AccessDenied", false},
		{403, "QuotaExceeded", false},
		{404, "NoSuchBucket", false},
		{409, "OperationAborted", false},
		{501, "NotImplemented", false},
		{503, "SlowDown", false},
		{0, "", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_INT(s3_refuses(cases[i].status, slice_of(cases[i].code)), cases[i].want,
			  cases[i].code);
}

int main(void)
{
	check_get();
	check_head();
	check_region();
	check_bare();
	check_not_refreshable();
	check_refused();
	return tap_done();
}
