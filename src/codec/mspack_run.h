// SPDX-License-Identifier: MIT
/*
 * A run of libmspack, which pulls: it opens "files" that are windows on the run's input and output
 * (codec_run.h). It never asks for the length of the input, so the input may still grow. For
 * src/codec only.
 */
#pragma once
#include "codec/codec_run.h"

#include <mspack.h>

struct mspack_run {
	struct mspack_system system;
	struct codec_run *run;
	enum err failed; /* the error of a callback, of which libmspack knows only that it failed */
	/*
	 * Bytes at gap_at and behind are read from gap bytes further on, as long as gap is not 0.
	 */
	int64_t gap_at, gap;
	size_t n; /* of output that is gathered, for the decoders that write single bytes */
	char output[16 * 1024];
};

void mspack_run_init(struct mspack_run *m, struct codec_run *run);
/* Write the bytes that have been gathered. */
MUST_CHECK enum err mspack_run_flush(struct mspack_run *m);
/* The error of a status of libmspack that is not OK: the callback's, or its own. */
enum err mspack_run_failed(struct mspack_run *m, const char *format, int status);
