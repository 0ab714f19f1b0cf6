// SPDX-License-Identifier: MIT
/*
 * From the head of an HTTP answer to what a store says of its object; shared by the stores that
 * speak HTTP. Pure.
 */
#pragma once
#include "store/store.h"

/*
 * For status 200 and 206. ERR_CORRUPT when the length is nonsense, or when a 206 has no usable
 * Content-Range, or one that contradicts Content-Length; but a part of an empty object counts as
 * the whole, for HTTP has no way to write it. An ETag that is not well-formed is dropped. Of a
 * Content-Encoding the names of content codings are kept; other words in it change no byte.
 */
MUST_CHECK enum err object_head_read(const struct transfer_head *answer, struct object_head *ret,
				     struct error *e);
/* The store's clock, from Date; -1: it tells none. */
int64_t object_head_date(const struct transfer_head *answer);
/*
 * What an S3 answer (200 or 206) tells of the object's content, into a head that object_head_read()
 * has filled. Services disagree about the checksum headers of a part, so whole says that no Range
 * was sent; a checksum of checksums, as multipart uploads may have, counts for nothing. (AWS S3
 * user guide, "Checking object integrity"; API reference, GetObject, "ETag".)
 */
void object_head_read_sum(const struct transfer_head *answer, bool whole, struct object_head *ret);
