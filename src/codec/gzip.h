// SPDX-License-Identifier: MIT
/*
 * What a gzip file (RFC 1952) tells without being decoded. Its length after decoding is stated only
 * in its last 4 bytes, modulo 2^32, and only for the last of its members.
 */
#pragma once
#include "codec/codec.h"

/* ID1, ID2 and CM = deflate, the only method there is. */
#define GZIP_MAGIC        "\x1f\x8b\x08"
#define GZIP_TRAILER_SIZE 4

/*
 * The decoded length that the file's last GZIP_TRAILER_SIZE bytes state, or CODEC_SIZE_UNKNOWN
 * where it cannot be believed: deflate shrinks at most 1032 times, and what does not grow may have
 * wrapped around 2^32. It stays a guess: of several members it tells the last one's length, and
 * bytes behind the last member may look like anything.
 */
int64_t gzip_guess_size(struct slice trailer, int64_t stored);
