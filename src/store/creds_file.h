// SPDX-License-Identifier: MIT
/*
 * AWS's shared credentials and config files, as botocore reads them: INI with sections, comments
 * (# and ;), "key = value" or "key: value", and indented "key = value" lines below a key without a
 * value, which are nested in it.
 * A later section or key of the same name adds to, or wins over, an earlier one. Beyond botocore,
 * " #" and " ;" end a value, as they do in the other SDKs.
 * (AWS SDKs and Tools reference guide, "Shared config and credentials files".)
 *
 * Pure: the text is walked anew by each call, nothing is kept, values are slices of the text.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum creds_file_kind {
	CREDS_FILE_CREDENTIALS, /* a section is a profile: [x] */
	CREDS_FILE_CONFIG,      /* [profile x], [profile "x y"], and [default] */
	CREDS_FILE_SERVICES,    /* of the config file: [services x] */
};

/* ERR_CORRUPT with the number of the first line that is none of the above; never with its text. */
MUST_CHECK enum err creds_file_check(struct slice text, struct error *e);
bool creds_file_has(struct slice text, enum creds_file_kind kind, struct slice profile);
/* Keys in any case. False, and *ret_value untouched, when the profile has no such key. */
bool creds_file_get(struct slice text, enum creds_file_kind kind, struct slice profile,
		    struct slice key, struct slice *ret_value);
/* The same for what is nested in a key: "s3 =" and, indented below it, "endpoint_url = ...". */
bool creds_file_get_nested(struct slice text, enum creds_file_kind kind, struct slice profile,
			   struct slice key, struct slice inner, struct slice *ret_value);
