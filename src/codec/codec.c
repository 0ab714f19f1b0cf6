// SPDX-License-Identifier: MIT
/* See codec.h. Here is what is the same for all formats: limits, promises, the order of calls. */
#include "base/bytes.h"
#include "codec/cab.h"
#include "codec/codec_priv.h"
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

enum codec_probe codec_probe_size(enum codec c, struct slice head, int64_t *ret_size,
				  struct error *e)
{
	enum codec_probe answer = PROBE_BAD;
	struct cab_info cab;

	switch (c) {
	case CODEC_CAB:
		answer = cab_probe(head, &cab, e);
		if (answer == PROBE_OK)
			*ret_size = cab.size;
		break;
	case CODEC_GZIP:
		answer = gzip_probe(head, e);
		if (answer == PROBE_OK)
			*ret_size = CODEC_SIZE_UNKNOWN;
		break;
	case CODEC_ZSTD: answer = zstd_probe(head, ret_size, e); break;
	case CODEC_SZDD: answer = szdd_probe(head, ret_size, e); break;
	}
	return answer;
}

enum err codec_state_size(struct codec_run *run, int64_t decoded)
{
	const struct codec_io *io = run->io;

	if (decoded > io->max_output)
		return err_set(run->e, ERR_LIMIT, "decoded length %lld is beyond %lld",
			       (long long)decoded, (long long)io->max_output);
	if (run->promised != CODEC_SIZE_UNKNOWN && run->promised != decoded)
		return err_set(run->e, ERR_CORRUPT, "decoded length %lld, but %lld was promised",
			       (long long)decoded, (long long)run->promised);
	if (!io->size)
		return OK;
	run->promised = decoded;
	return io->size(io->ud, decoded, run->e);
}

enum err codec_write(struct codec_run *run, struct slice bytes)
{
	const struct codec_io *io = run->io;
	int64_t n = (int64_t)bytes.n;

	if (n == 0)
		return OK;
	if (n > io->max_output - run->written)
		return err_set(run->e, ERR_LIMIT, "decodes to more than %lld bytes",
			       (long long)io->max_output);
	if (run->promised != CODEC_SIZE_UNKNOWN && n > run->promised - run->written)
		return err_set(run->e, ERR_CORRUPT, "decodes to more than the %lld bytes promised",
			       (long long)run->promised);
	run->written += n;
	return io->write(io->ud, bytes, run->e);
}

enum err codec_read(struct codec_run *run, int64_t offset, void *to, size_t n, size_t *ret_n)
{
	size_t got = 0;

	while (got < n) {
		size_t more = 0;
		enum err err = run->io->read(run->io->ud, offset + (int64_t)got, (char *)to + got,
					     n - got, &more, run->e);

		if (err)
			return err;
		if (more == 0)
			break;
		got += more;
	}
	*ret_n = got;
	return OK;
}

enum err codec_input_want(struct codec_input *in, size_t want)
{
	const struct codec_io *io = in->run->io;

	if (codec_input_left(in) >= want)
		return OK;
	memmove(in->p, in->p + in->at, codec_input_left(in));
	in->n -= in->at;
	in->at = 0;
	while (in->n < want) {
		size_t more = 0;
		enum err err = io->read(io->ud, in->next, in->p + in->n, sizeof(in->p) - in->n,
					&more, in->run->e);

		if (err)
			return err;
		if (more == 0)
			break;
		in->n += more;
		in->next += (int64_t)more;
	}
	return OK;
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
