// SPDX-License-Identifier: MIT
/* See codec.h: what is asked of all formats alike. */
#include "codec/codec_run.h"

#define PEEK_WINDOW_MAX (INT64_C(8) << 20)

static enum err (*const decoders[])(struct codec_run *run) = {
#define CODEC(ID, name, ...) [CODEC_##ID] = name##_decode,
#include "base/packings.def"
};

enum err codec_decode(enum codec c, const struct codec_io *io, struct error *e)
{
	struct error ignored;
	struct codec_run run = {io, e ? e : &ignored, io->promised, 0};
	enum err err = decoders[c](&run);

	if (err)
		return err;
	if (run.promised != CODEC_SIZE_UNKNOWN && run.written != run.promised)
		return err_set(e, ERR_CORRUPT, "decodes to %lld bytes, but %lld were promised",
			       (long long)run.written, (long long)run.promised);
	return OK;
}

/* ---- the beginning ---- */

struct peek {
	struct slice in;
	char *to;
	size_t n, max;
};

static enum err peek_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			  struct error *e)
{
	const struct peek *p = ud;
	struct slice left = slice_from(p->in, (size_t)MIN(offset, (int64_t)p->in.n));

	*ret_n = MIN(n, left.n);
	if (*ret_n)
		memcpy(to, left.p, *ret_n);
	return OK;
}

static enum err peek_write(void *ud, struct slice bytes, struct error *e)
{
	struct peek *p = ud;
	size_t n = MIN(bytes.n, p->max - p->n);

	memcpy(p->to + p->n, bytes.p, n);
	p->n += n;
	return p->n < p->max ? OK : err_set(e, ERR_CANCELED, "that was enough");
}

size_t codec_peek(enum codec c, struct slice beginning, char *to, size_t n, bool *nothing)
{
	struct peek peek = {.in = beginning, .to = to, .max = n};
	const struct codec_io io = {
		.read = peek_read,
		.write = peek_write,
		.ud = &peek,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = INT64_MAX,
		.max_window = PEEK_WINDOW_MAX,
	};
	enum err err = codec_decode(c, &io, NULL);

	*nothing = !err && peek.n == 0;
	return peek.n;
}
