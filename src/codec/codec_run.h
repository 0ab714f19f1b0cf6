// SPDX-License-Identifier: MIT
/*
 * What the decoders share: the books of one run of codec_decode(), which the decoders, below the
 * table of formats in codec.c, read and write through; and a window on the input. For src/codec
 * only.
 */
#pragma once
#include "codec/codec.h"

/* One codec_decode(). The first failure fills its error. */
struct codec_run {
	const struct codec_io *io;
	struct error *e;
	int64_t promised;
	int64_t written;
};

/* Behind codec_decode(): enum err cab_decode(), and so on. */
#define CODEC(ID, name, ...) MUST_CHECK enum err name##_decode(struct codec_run *run);
#include "base/packings.def"

/* The container states the decoded length: refuse it or pass it on. Before the first write. */
MUST_CHECK enum err codec_state_size(struct codec_run *run, int64_t decoded);
MUST_CHECK enum err codec_write(struct codec_run *run, struct slice bytes);
/* Read until n bytes are there or the input ends. */
MUST_CHECK enum err codec_read(struct codec_run *run, int64_t offset, void *to, size_t n,
			       size_t *ret_n);

/* Input in sequence: the bytes not yet consumed are at p + at, n - at of them. */
struct codec_input {
	struct codec_run *run;
	int64_t next; /* offset of the first byte that has not been read */
	size_t at, n;
	char p[64 * 1024];
};

static inline size_t codec_input_left(const struct codec_input *in)
{
	return in->n - in->at;
}

/* Have at least want bytes left to consume, want <= sizeof(in->p); fewer only at the end. */
MUST_CHECK enum err codec_input_want(struct codec_input *in, size_t want);
