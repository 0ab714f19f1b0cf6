// SPDX-License-Identifier: MIT
/*
 * What a request to the upload door asks for, and whether it may; all of that is known before its
 * body is read.
 *
 *	PUT  /-/upload/NAME	one file, or a zip archive of several
 *	POST /-/upload/		a form (multipart/form-data) with any number of both
 *	PUT  /api/v2/symbolpackage	the same, as NuGet's clients send it
 *
 * Behind a '?': product, version, comment, source, keep_until (a date), as the options of `add`.
 * Pure.
 */
#pragma once
#include "base/buf.h"
#include "serve/upload_tokens.h"

#define DELIVERY_TEXT_MAX 4096 /* bytes of the whole query, and of each text in it */
#define NUGET_INDEX       "/v3/index.json"
#define NUGET_PUSH        "/api/v2/symbolpackage"

/* As it was sent; NULL, n == 0: not there. */
struct delivery_asked {
	struct slice method, target; /* the target with its query */
	struct slice authorization, nuget_key, content_type, content_encoding;
	struct slice origin, host, fetch_site;
	const char *scheme; /* "http" or "https" */
	uint64_t length;    /* of the body, as far as it is told */
};

struct delivery_rules {
	const struct upload_tokens *tokens;
	uint64_t max;            /* bytes of a body */
	struct slice public_url; /* the server's address where it is known, else empty */
};

enum delivery_verdict {
	DELIVERY_OTHER,    /* the path is none of the door's */
	DELIVERY_METHOD,   /* 405: PUT, or for a form POST */
	DELIVERY_DENIED,   /* 401 */
	DELIVERY_FOREIGN,  /* 403: a web page of another origin sends it */
	DELIVERY_BAD,      /* 400 */
	DELIVERY_TOO_LONG, /* 413 */
	DELIVERY_TYPE,     /* 415 */
	DELIVERY_ALLOWED,
};

struct delivery_request {
	const struct upload_token *token; /* ALLOWED; borrowed of the rules */
	bool is_form, is_nuget;
	const char *why; /* what is wrong, for people; not with OTHER and ALLOWED */
	/* All but the name as plain text of UTF-8; empty: not told. In text. */
	struct slice name, product, version, comment, source;
	int64_t keep_until_s; /* 0: not told */
	struct buf text;
};

/* *ret needs no preparation; whatever the verdict is, it is delivery_request_fini()'s. */
MUST_CHECK enum delivery_verdict delivery_judge(const struct delivery_rules *rules,
						const struct delivery_asked *asked,
						struct delivery_request *ret);
void delivery_request_fini(struct delivery_request *r);
