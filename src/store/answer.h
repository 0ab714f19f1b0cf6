// SPDX-License-Identifier: MIT
/*
 * From the head of an HTTP answer to what a store says of its object; shared by the stores that
 * speak HTTP. Pure.
 */
#pragma once
#include "store/store.h"

/*
 * For status 200 and 206. ERR_CORRUPT when the length is nonsense, or when a 206 has no usable Content-Range, or one that
 * contradicts Content-Length. An ETag that is not well-formed is dropped. Content codings that are none ("identity", and "aws-chunked", which
 * buggy uploaders leave in the metadata) are dropped.
 */
MUST_CHECK enum err answer_head(const struct transfer_head *answer, struct object_head *ret,
				struct error *e);
/* The value of a Range header for what is wanted, "" for the whole. */
void range_header(const struct store_read *read, char *ret, size_t size);
