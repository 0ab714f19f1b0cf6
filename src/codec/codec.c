// SPDX-License-Identifier: MIT
/* See codec.h: the table of the formats, and what is asked of all of them alike. */
#include "base/bytes.h"
#include "codec/cab.h"
#include "codec/codec_run.h"
#include "codec/gzip.h"
#include "codec/szdd.h"
#include "codec/zstd.h"

#define PEEK_WINDOW_MAX (INT64_C(8) << 20)

const char *codec_name(enum codec c)
{
	switch (c) {
	case CODEC_CAB: return "cab";
	case CODEC_GZIP: return "gzip";
	case CODEC_ZSTD: return "zstd";
	case CODEC_SZDD: return "szdd";
	}
	return "";
}

bool codec_sniff(struct slice head, enum codec *ret)
{
	static const struct {
		struct slice magic;
		enum codec codec;
	} known[] = {
		{{CAB_MAGIC, 4}, CODEC_CAB},
		{{GZIP_MAGIC, 3}, CODEC_GZIP},
		{{ZSTD_MAGIC, 4}, CODEC_ZSTD},
		{{SZDD_MAGIC, SZDD_MAGIC_SIZE}, CODEC_SZDD},
		{{SZDD_QBASIC, SZDD_MAGIC_SIZE}, CODEC_SZDD},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!slice_starts(head, known[i].magic))
			continue;
		*ret = known[i].codec;
		return true;
	}
	*ret = CODEC_ZSTD;
	return head.n >= 4 && zstd_is_skippable(load_le32(head.p));
}

enum sniff codec_sniff_size(enum codec c, struct slice head, int64_t *ret_size, struct error *e)
{
	enum sniff answer = SNIFF_BAD;
	struct cab_info cab;

	switch (c) {
	case CODEC_CAB:
		answer = cab_sniff(head, &cab, e);
		if (answer == SNIFF_OK)
			*ret_size = cab.size;
		break;
	case CODEC_GZIP:
		answer = gzip_sniff(head, e);
		if (answer == SNIFF_OK)
			*ret_size = CODEC_SIZE_UNKNOWN;
		break;
	case CODEC_ZSTD: answer = zstd_sniff(head, ret_size, e); break;
	case CODEC_SZDD: answer = szdd_sniff(head, ret_size, e); break;
	}
	return answer;
}

static enum err decode(enum codec c, struct codec_run *run)
{
	switch (c) {
	case CODEC_CAB: return cab_decode(run);
	case CODEC_GZIP: return gzip_decode(run);
	case CODEC_ZSTD: return zstd_decode(run);
	case CODEC_SZDD: return szdd_decode(run);
	}
	return err_set(run->e, ERR_USAGE, "no such codec");
}

enum err codec_decode(enum codec c, const struct codec_io *io, struct error *e)
{
	struct error ignored;
	struct codec_run run = {io, e ? e : &ignored, io->promised, 0};
	enum err err = decode(c, &run);

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
