// SPDX-License-Identifier: MIT
/*
 * gzip by zlib, which checks CRC and length of each member. Members follow each other; padding
 * with NUL, as tape archives have it, may follow the last one. Anything else there is an error,
 * where gzip(1) warns and goes on: bytes of no known meaning are damage.
 */
#include "codec/gzip.h"
#include "base/bytes.h"
#include "codec/codec_run.h"

#include <zlib.h>

/* RFC 1951: a length of 258 costs at least two bits, a block end a few more. */
#define DEFLATE_RATIO_MAX 1032
#define WINDOW_GZIP_ONLY  (MAX_WBITS + 16)

struct gzip {
	z_stream z;
	struct codec_run *run;
	struct codec_input in;
	char out[256 * 1024];
};

bool gzip_begins(struct slice head)
{
	return slice_starts(head, (struct slice){GZIP_MAGIC, sizeof(GZIP_MAGIC) - 1});
}

int64_t gzip_guess_size(struct slice trailer, int64_t stored)
{
	int64_t size;

	if (trailer.n != GZIP_TRAILER_SIZE || stored >= (INT64_C(1) << 32) / DEFLATE_RATIO_MAX)
		return CODEC_SIZE_UNKNOWN;
	size = load_le32(trailer.p);
	if (size <= stored || size >= stored * DEFLATE_RATIO_MAX)
		return CODEC_SIZE_UNKNOWN;
	return size;
}

static enum err inflate_failed(struct gzip *g, int status)
{
	if (status == Z_MEM_ERROR)
		return err_set(g->run->e, ERR_NOMEM, "gzip: no memory");
	return err_set(g->run->e, ERR_CORRUPT, "gzip: %s", g->z.msg ? g->z.msg : "damaged");
}

/* One inflate() and what came of it. */
static enum err step(struct gzip *g, int *ret_status)
{
	size_t left = codec_input_left(&g->in);

	g->z.next_in = (Bytef *)g->in.p + g->in.at;
	g->z.avail_in = (uInt)left;
	g->z.next_out = (Bytef *)g->out;
	g->z.avail_out = sizeof(g->out);
	*ret_status = inflate(&g->z, Z_NO_FLUSH);
	g->in.at += left - g->z.avail_in;
	return codec_write(g->run, (struct slice){g->out, sizeof(g->out) - g->z.avail_out});
}

static enum err decode_member(struct gzip *g)
{
	int status = Z_OK;
	enum err err;

	while (status == Z_OK) {
		err = codec_input_want(&g->in, 1);
		if (!err && codec_input_left(&g->in) == 0)
			err = err_set(g->run->e, ERR_CORRUPT, "gzip: cut off");
		if (!err)
			err = step(g, &status);
		if (err)
			return err;
	}
	if (status != Z_STREAM_END)
		return inflate_failed(g, status);
	return inflateReset(&g->z) == Z_OK ? OK : inflate_failed(g, Z_STREAM_ERROR);
}

static enum err skip_padding(struct gzip *g)
{
	for (;;) {
		enum err err = codec_input_want(&g->in, 1);

		if (err || codec_input_left(&g->in) == 0)
			return err;
		if (g->in.p[g->in.at++] != '\0')
			return err_set(g->run->e, ERR_CORRUPT, "gzip: bytes behind the end");
	}
}

static enum err decode_all(struct gzip *g)
{
	enum err err;

	do {
		err = decode_member(g);
		if (!err)
			err = codec_input_want(&g->in, 1);
	} while (!err && codec_input_left(&g->in) && g->in.p[g->in.at] == GZIP_MAGIC[0]);
	return err ? err : skip_padding(g);
}

enum err gzip_decode(struct codec_run *run)
{
	struct gzip *g = xnew(struct gzip);
	enum err err;

	g->run = run;
	g->in.run = run;
	if (inflateInit2(&g->z, WINDOW_GZIP_ONLY) == Z_OK)
		err = decode_all(g);
	else
		err = err_set(run->e, ERR_NOMEM, "gzip: no memory");
	inflateEnd(&g->z);
	free(g);
	return err;
}
