// SPDX-License-Identifier: MIT
/*
 * zstd by libzstd, frame by frame: frames follow each other, and those to be skipped are. The
 * magic of each is looked at here, because the library would also take the formats of before 1.0,
 * whose decoders are not maintained any more. Checksums are verified where a frame has one.
 */
#include "codec/zstd.h"
#include "base/bytes.h"
#include "codec/codec_run.h"

#include <zstd.h>
#include <zstd_errors.h>

/* RFC 8878, 3.1.1: magic and the longest frame header. */
#define FRAME_HEAD_MAX 18
/* log2 of CODEC_ZSTD_WINDOW_MAX: what zstd(1) takes without being told to. */
#define WINDOW_LOG_MAX 27

_Static_assert(CODEC_ZSTD_WINDOW_MAX == INT64_C(1) << WINDOW_LOG_MAX, "one limit");

struct zstd {
	ZSTD_DCtx *d;
	struct codec_run *run;
	struct codec_input in;
	char out[128 * 1024]; /* a whole block, so that the library need not keep one back */
};

bool zstd_is_skippable(uint32_t magic)
{
	return (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

bool zstd_begins(struct slice head)
{
	return slice_starts(head, SLICE(ZSTD_MAGIC)) ||
	       (head.n >= 4 && zstd_is_skippable(load_le32(head.p)));
}

/* RFC 8878, 3.1.1.1: a single segment is its own window; else exponent and eighths follow. */
int64_t zstd_window(struct slice head)
{
	unsigned char descriptor, window;
	int64_t base;

	if (head.n < 6 || load_le32(head.p) != ZSTD_MAGICNUMBER)
		return 0;
	descriptor = (unsigned char)head.p[4];
	window = (unsigned char)head.p[5];
	if (descriptor & 0x20) {
		unsigned long long size = ZSTD_getFrameContentSize(head.p, head.n);

		return size > CODEC_ZSTD_WINDOW_MAX ? CODEC_ZSTD_WINDOW_MAX : (int64_t)size;
	}
	base = INT64_C(1) << MIN(10 + (window >> 3), 40);
	return base + base / 8 * (window & 7);
}

enum sniff zstd_sniff(struct slice head, int64_t *ret_size, struct error *e)
{
	uint32_t magic = head.n < 4 ? 0 : load_le32(head.p);
	unsigned long long size = ZSTD_CONTENTSIZE_UNKNOWN;

	if (head.n < 4)
		return SNIFF_MORE;
	if (magic != ZSTD_MAGICNUMBER && !zstd_is_skippable(magic)) {
		err_set(e, ERR_CORRUPT, "not zstd");
		return SNIFF_BAD;
	}
	if (!zstd_is_skippable(magic))
		size = ZSTD_getFrameContentSize(head.p, head.n);
	if (size == ZSTD_CONTENTSIZE_ERROR && head.n < FRAME_HEAD_MAX)
		return SNIFF_MORE;
	if (size != ZSTD_CONTENTSIZE_UNKNOWN && size > INT64_MAX) {
		err_set(e, ERR_CORRUPT, "zstd: damaged frame header");
		return SNIFF_BAD;
	}
	*ret_size = size == ZSTD_CONTENTSIZE_UNKNOWN ? CODEC_SIZE_UNKNOWN : (int64_t)size;
	return SNIFF_OK;
}

/* The next power of two, for the library takes no other bound. */
static int window_log_max(const struct codec_io *io)
{
	int log = 10;

	while (io->max_window && log < WINDOW_LOG_MAX && INT64_C(1) << log < io->max_window)
		log++;
	return io->max_window ? log : WINDOW_LOG_MAX;
}

static enum err window_too_large(const struct codec_run *run)
{
	return err_set(run->e, ERR_LIMIT, "zstd: window beyond %lld MiB",
		       (1LL << window_log_max(run->io)) >> 20);
}

static enum err zstd_failed(struct zstd *z, size_t code)
{
	switch (ZSTD_getErrorCode(code)) {
	case ZSTD_error_memory_allocation: return err_set(z->run->e, ERR_NOMEM, "zstd: no memory");
	case ZSTD_error_frameParameter_windowTooLarge: return window_too_large(z->run);
	default: return err_set(z->run->e, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(code));
	}
}

/*
 * The library holds nothing back once it has left room in the output; only then more input is
 * waited for, so that what has arrived is passed on before.
 */
static enum err decode_frame(struct zstd *z)
{
	ZSTD_outBuffer out = {z->out, sizeof(z->out), 0};
	size_t hint = 1;

	while (hint != 0) {
		ZSTD_inBuffer in = {z->in.p, z->in.n, z->in.at};
		enum err err;

		out.pos = 0;
		hint = ZSTD_decompressStream(z->d, &out, &in);
		z->in.at = in.pos;
		if (ZSTD_isError(hint))
			return zstd_failed(z, hint);
		err = codec_write(z->run, (struct slice){z->out, out.pos});
		if (!err && hint != 0 && out.pos < out.size)
			err = codec_input_want(&z->in, 1);
		if (!err && hint != 0 && out.pos < out.size && codec_input_left(&z->in) == 0)
			err = err_set(z->run->e, ERR_CORRUPT, "zstd: cut off");
		if (err)
			return err;
	}
	return OK;
}

/* Look at the head of the next frame; the first one states the length. */
static enum err open_frame(struct zstd *z, bool is_first)
{
	struct slice head = {z->in.p + z->in.at, codec_input_left(&z->in)};
	int64_t size;

	switch (zstd_sniff(head, &size, z->run->e)) {
	case SNIFF_BAD: return z->run->e->code;
	case SNIFF_MORE: return err_set(z->run->e, ERR_CORRUPT, "zstd: cut off");
	case SNIFF_OK: break;
	}
	/* The library looks at it only where it cannot decode a frame in one go. */
	if (zstd_window(head) > INT64_C(1) << window_log_max(z->run->io))
		return window_too_large(z->run);
	return is_first && size != CODEC_SIZE_UNKNOWN ? codec_state_size(z->run, size) : OK;
}

static enum err decode_all(struct zstd *z)
{
	for (bool is_first = true;; is_first = false) {
		enum err err = codec_input_want(&z->in, FRAME_HEAD_MAX);

		if (!err && codec_input_left(&z->in) == 0 && !is_first)
			return OK;
		if (!err)
			err = open_frame(z, is_first);
		if (!err)
			err = decode_frame(z);
		if (err)
			return err;
	}
}

enum err zstd_decode(struct codec_run *run)
{
	struct zstd *z = xnew(struct zstd);
	enum err err;

	z->run = run;
	z->in.run = run;
	z->d = ZSTD_createDCtx();
	if (z->d && !ZSTD_isError(ZSTD_DCtx_setParameter(z->d, ZSTD_d_windowLogMax,
							 window_log_max(run->io))))
		err = decode_all(z);
	else
		err = err_set(run->e, ERR_NOMEM, "zstd: no memory");
	ZSTD_freeDCtx(z->d);
	free(z);
	return err;
}
