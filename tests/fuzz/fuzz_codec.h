// SPDX-License-Identifier: MIT
/*
 * What holds for every decoder, whatever comes in: limits and promises are kept, a size is told
 * once and first, an error says why, and it makes no difference in which pieces the input came.
 * The first byte of the input chooses the piece size and who is told the size.
 */
#pragma once
#include "codec/cab.h"
#include "codec/szdd.h"
#include "codec/zstd.h"

#define FUZZ_OUTPUT_MAX (INT64_C(1) << 20)

struct fuzz_run {
	struct slice input;
	size_t step;
	int64_t stated, written;
	uint64_t hash; /* of the output */
};

static enum err fuzz_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			  struct error *e)
{
	struct fuzz_run *r = ud;
	struct slice left;

	ASSERT(offset >= 0 && n > 0);
	left = slice_from(r->input, (size_t)offset);
	n = MIN(n, MIN(left.n, r->step));
	if (n)
		memcpy(to, left.p, n);
	*ret_n = n;
	return OK;
}

static enum err fuzz_size(void *ud, int64_t decoded, struct error *e)
{
	struct fuzz_run *r = ud;

	ASSERT(r->stated == CODEC_SIZE_UNKNOWN && r->written == 0);
	ASSERT(decoded >= 0 && decoded <= FUZZ_OUTPUT_MAX);
	r->stated = decoded;
	return OK;
}

static enum err fuzz_write(void *ud, struct slice bytes, struct error *e)
{
	struct fuzz_run *r = ud;

	ASSERT(bytes.n > 0);
	for (size_t i = 0; i < bytes.n; i++)
		r->hash = (r->hash ^ (unsigned char)bytes.p[i]) * 0x100000001b3;
	r->written += (int64_t)bytes.n;
	ASSERT(r->written <= FUZZ_OUTPUT_MAX);
	ASSERT(r->stated == CODEC_SIZE_UNKNOWN || r->written <= r->stated);
	return OK;
}

static enum err fuzz_decode_once(enum codec c, struct fuzz_run *r, bool wants_size)
{
	struct codec_io io = {
		.read = fuzz_read,
		.size = wants_size ? fuzz_size : NULL,
		.write = fuzz_write,
		.ud = r,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = FUZZ_OUTPUT_MAX,
	};
	struct error e = {0};
	enum err err = codec_decode(c, &io, &e);

	ASSERT(err == e.code && (err == OK || e.msg[0]));
	ASSERT(err == OK || err == ERR_CORRUPT || err == ERR_LIMIT || err == ERR_NOMEM);
	ASSERT(err || r->stated == CODEC_SIZE_UNKNOWN || r->stated == r->written);
	return err;
}

/* What a beginning tells of the length; of gzip, nothing. */
static enum sniff fuzz_sniff_size(enum codec c, struct slice head, int64_t *size, struct error *e)
{
	struct cab_info cab = {.size = *size};
	enum sniff answer = SNIFF_MORE;

	switch (c) {
	case CODEC_CAB:
		answer = cab_sniff(head, &cab, e);
		*size = cab.size;
		break;
	case CODEC_SZDD: return szdd_sniff(head, size, e);
	case CODEC_ZSTD: return zstd_sniff(head, size, e);
	case CODEC_GZIP: break;
	}
	return answer;
}

/* A longer beginning never takes back what a shorter one told. */
static void fuzz_sniff(enum codec c, struct slice input)
{
	enum sniff last = SNIFF_MORE;
	int64_t size = 0, last_size = 0;

	for (size_t n = 0; n <= MIN(input.n, 200U); n++) {
		struct error e = {0};
		enum sniff now = fuzz_sniff_size(c, slice_head(input, n), &size, &e);

		ASSERT((now == SNIFF_BAD) == (e.code != OK));
		ASSERT(last == SNIFF_MORE || (now == last && size == last_size));
		last = now;
		last_size = size;
	}
}

static void fuzz_codec(enum codec c, const uint8_t *data, size_t size)
{
	struct slice input = slice_from((struct slice){(const char *)data, size}, 1);
	bool wants_size = size && data[0] & 1;
	struct fuzz_run whole = {input, SIZE_MAX, CODEC_SIZE_UNKNOWN, 0, 0};
	struct fuzz_run pieces = {input, size ? 1 + data[0] / 2U : 1, CODEC_SIZE_UNKNOWN, 0, 0};
	enum err err = fuzz_decode_once(c, &whole, wants_size);
	enum err other = fuzz_decode_once(c, &pieces, wants_size);

	/* Of a frame that comes in pieces libzstd does not compare the length that it states. */
	ASSERT(other == err || c == CODEC_ZSTD);
	ASSERT(whole.stated == pieces.stated);
	ASSERT(err || other || (whole.written == pieces.written && whole.hash == pieces.hash));
	fuzz_sniff(c, input);
}
