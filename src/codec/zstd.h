// SPDX-License-Identifier: MIT
/* What the beginning of a zstd file (RFC 8878) tells. */
#pragma once
#include "codec/codec.h"

#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"

/*
 * Bytes of memory that decoding needs for the window of the first frame, of which head has at least
 * 6 bytes; 0 where that is none.
 */
int64_t zstd_window(struct slice head);
/* Does a frame with this magic hold no data, but perhaps another one behind it? pzstd begins so. */
bool zstd_is_skippable(uint32_t magic);
/*
 * The decoded length that the first frame states. It is that of the file where there is one frame,
 * which is what every tool writes but those that compress in parallel to frames of their own
 * (pzstd) or make files seekable; CODEC_SIZE_UNKNOWN where the first frame does not state it or is
 * one to be skipped, as with pzstd.
 */
enum sniff zstd_sniff(struct slice head, int64_t *ret_size, struct error *e);
