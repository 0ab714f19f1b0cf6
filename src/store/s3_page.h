// SPDX-License-Identifier: MIT
/*
 * What an answer to ListObjectsV2 with a delimiter says: a page of a listing, or nothing that can
 * be relied on. Pure. (AWS S3 API reference: ListObjectsV2.)
 */
#pragma once
#include "store/name_list.h"

/*
 * prefix is what was asked for, as a key of the bucket ("", or with a '/' at its end).
 * ERR_CORRUPT: no listing; an entry that is not below prefix; one that says neither how to go on,
 * by a continuation token, nor that it is the last page, or both. ERR_UPSTREAM: an error document.
 * *ret is untouched on failure.
 */
MUST_CHECK enum err s3_page_read(struct slice prefix, struct slice body, struct name_page *ret,
				 struct error *e);
