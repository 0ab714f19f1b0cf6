// SPDX-License-Identifier: MIT
/*
 * Decoding of stored forms as they stream: one interface over cabinets, SZDD, gzip and zstd, the
 * rows CODEC of base/packings.def. A decoder is a function that runs from the first byte to the
 * last on a thread of the caller's: it pulls its input, waits in `read` while the input is not
 * there yet, and pushes what it decodes into `write`. It has no thread, no lock and no state of its
 * own beyond the call, so any number may run at once; each needs memory that depends on the format
 * and not on the file:
 *
 *	cab	0.1 MiB; LZX and Quantum add their window of at most 2 MiB
 *	szdd	some 30 KiB
 *	gzip	0.4 MiB
 *	zstd	0.7 MiB and the window of the frame, at most CODEC_ZSTD_WINDOW_MAX
 *
 * What is decoded is bounded by max_output and by the promise: the decoded length that a client has
 * been told already, because the container states it (CAB, SZDD, most zstd frames) or the caller
 * has guessed it (gzip_guess_size()). A promise that is not kept to the byte is an error.
 *
 * Errors: ERR_CORRUPT for input that is damaged, cut off, or does not keep the promise; ERR_LIMIT
 * for one beyond max_output or the window; ERR_NOMEM; and the errors of the callbacks.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum codec {
#define CODEC(ID, ...) CODEC_##ID,
#include "base/packings.def"
};

#define CODEC_SIZE_UNKNOWN    INT64_C(-1)
#define CODEC_ZSTD_WINDOW_MAX ((int64_t)128 * 1024 * 1024)

struct codec_io {
	/*
	 * Up to n bytes from offset: at least one, waiting for it, or none (*ret_n = 0) at the end
	 * of the input. The first 64 KiB of a cabinet are read more than once; apart from that
	 * offsets only grow.
	 */
	enum err (*read)(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			 struct error *e);
	/*
	 * The decoded length as the container states it, told at most once and before the first
	 * write; from here on it is the promise. NULL: it is not wanted, and the streams of a
	 * zstd file are decoded to the last one, whatever the first of them stated.
	 */
	enum err (*size)(void *ud, int64_t decoded, struct error *e);
	enum err (*write)(void *ud, struct slice bytes, struct error *e);
	void *ud;
	int64_t promised; /* the length, if the caller has promised one; else CODEC_SIZE_UNKNOWN */
	int64_t max_output;
	int64_t max_window; /* of zstd frames; 0: CODEC_ZSTD_WINDOW_MAX */
};

MUST_CHECK enum err codec_decode(enum codec c, const struct codec_io *io, struct error *e);

/* By its magic: does it begin so? bool cab_begins(), and so on. */
#define CODEC(ID, name, ...) bool name##_begins(struct slice head);
#include "base/packings.def"

/* What the beginning of a file tells of it (cab.h, szdd.h, zstd.h). */
enum sniff {
	SNIFF_OK,
	SNIFF_MORE, /* give more of the beginning */
	SNIFF_BAD,  /* not one that codec_decode() takes; *e says why */
};

/*
 * What the beginning of a stream, as far as it is there, decodes to: n bytes at most. Returns how
 * many; damage or an end further on does not matter. *nothing: it is complete, and holds nothing.
 */
size_t codec_peek(enum codec c, struct slice beginning, char *to, size_t n, bool *nothing);
