// SPDX-License-Identifier: MIT
/*
 * Input and output of a codec in memory: input that comes in pieces of `step` bytes, and output
 * that is kept or refused; and what holds for every codec.
 */
#pragma once
#include "base/buf.h"
#include "codec/codec.h"
#include "tap.h"

#define RIG_MAX ((size_t)64 << 20)

struct rig {
	struct slice input;
	size_t step;        /* bytes for each read; 0: all that was asked for */
	int64_t read_fails; /* offset from which reading fails; 0: never */
	bool refuse;        /* takes no output */
	int64_t stated;     /* what size() was told, and how often */
	int sized;
	bool written_before_sized;
	struct buf out;
};

static enum err rig_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			 struct error *e)
{
	struct rig *r = ud;
	struct slice left = slice_from(r->input, (size_t)offset);

	if (r->read_fails && offset >= r->read_fails)
		return err_set(e, ERR_NET, "the store went away");
	n = MIN(n, left.n);
	if (r->step)
		n = MIN(n, r->step);
	if (n)
		memcpy(to, left.p, n);
	*ret_n = n;
	return OK;
}

static enum err rig_size(void *ud, int64_t decoded, struct error *e)
{
	struct rig *r = ud;

	r->stated = decoded;
	r->sized++;
	r->written_before_sized = r->out.n > 0;
	return OK;
}

static enum err rig_write(void *ud, struct slice bytes, struct error *e)
{
	struct rig *r = ud;

	ASSERT(bytes.n > 0);
	if (r->refuse)
		return err_set(e, ERR_CANCELED, "enough");
	buf_add(&r->out, bytes);
	ASSERT(!buf_failed(&r->out));
	return OK;
}

static struct codec_io rig_io(struct rig *r)
{
	buf_fini(&r->out);
	r->out = BUF_MAX(RIG_MAX);
	r->stated = CODEC_SIZE_UNKNOWN;
	r->sized = 0;
	return (struct codec_io){
		.read = rig_read,
		.size = rig_size,
		.write = rig_write,
		.ud = r,
		.promised = CODEC_SIZE_UNKNOWN,
		.max_output = RIG_MAX,
	};
}

/* Decode, and free what came out before unless it is looked at through *r. */
static enum err rig_decode(struct rig *r, enum codec c, struct slice input, struct error *e)
{
	struct codec_io io = rig_io(r);

	r->input = input;
	memset(e, 0, sizeof(*e));
	return codec_decode(c, &io, e);
}

/* Bytes that compress, but not to nothing: words of a small vocabulary by a fixed generator. */
__attribute__((unused)) static void rig_text(struct buf *b, size_t n)
{
	uint32_t state = 12345;

	while (b->n < n) {
		state = state * 1664525 + 1013904223;
		buf_printf(b, "sym_%u ", state >> 20);
	}
	b->n = n;
}

/* Bytes that do not compress. */
__attribute__((unused)) static void rig_noise(struct buf *b, size_t n)
{
	uint64_t state = 88172645463325252U;

	while (b->n < n) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		buf_add(b, (struct slice){(char *)&state, MIN(sizeof(state), n - b->n)});
	}
}

/*
 * A file cut off anywhere is an error, says so, and gives no more than a true beginning; so is one
 * that a failing store cut off.
 */
__attribute__((unused)) static void rig_check_cuts(enum codec c, struct slice whole,
						   struct slice decoded)
{
	struct rig r = {0};
	size_t bad = 0;

	for (size_t n = 0; n < whole.n; n++) {
		struct error e;
		enum err err = rig_decode(&r, c, slice_head(whole, n), &e);

		if (err != ERR_CORRUPT || e.code != err || !e.msg[0] || r.out.n > decoded.n ||
		    !slice_eq(buf_slice(&r.out), slice_head(decoded, r.out.n)))
			bad++;
	}
	CHECK_INT(bad, 0, "cut off at every byte");
	r.read_fails = (int64_t)whole.n / 2;
	r.step = whole.n / 8 + 1;
	CHECK_INT(rig_decode(&r, c, whole, &(struct error){0}), ERR_NET, "the store's own error");
	buf_fini(&r.out);
}

/* Any one byte changed: an error, or the same output (a name, a date, a flag nobody looks at). */
__attribute__((unused)) static void rig_check_flips(enum codec c, struct slice whole,
						    struct slice decoded)
{
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	size_t bad = 0;

	buf_add(&b, whole);
	for (size_t i = 0; i < whole.n; i++) {
		struct error e;
		enum err err;

		b.p[i] ^= 0x20;
		err = rig_decode(&r, c, buf_slice(&b), &e);
		b.p[i] ^= 0x20;
		if (err ? !e.msg[0] || e.code != err : !slice_eq(buf_slice(&r.out), decoded))
			bad++;
	}
	CHECK_INT(bad, 0, "a changed byte");
	buf_fini(&r.out);
}

/* What holds for every codec and a good file. */
__attribute__((unused)) static void rig_check_good(enum codec c, struct slice whole,
						   struct slice decoded, int64_t stated)
{
	static const size_t steps[] = {0, 1, 7, 4096};
	struct codec_io io;
	struct rig r = {0};
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		r.step = steps[i];
		CHECK_INT(rig_decode(&r, c, whole, &e), OK, "decodes");
		CHECK(slice_eq(buf_slice(&r.out), decoded), "to the same bytes");
		CHECK_INT(r.stated, stated, "states its size");
		CHECK(r.sized <= 1 && !r.written_before_sized, "once, first");
	}
	r.step = 0;
	io = rig_io(&r);
	io.max_output = (int64_t)decoded.n;
	io.size = NULL;
	CHECK_INT(codec_decode(c, &io, &e), OK, "max_output just met, nobody wants the size");
	io = rig_io(&r);
	io.promised = (int64_t)decoded.n + 1;
	CHECK_INT(codec_decode(c, &io, &e), ERR_CORRUPT, "shorter than promised");
	if (decoded.n > 0) {
		io = rig_io(&r);
		io.promised = (int64_t)decoded.n - 1;
		CHECK_INT(codec_decode(c, &io, &e), ERR_CORRUPT, "longer than promised");
		CHECK(r.out.n < decoded.n, "and never written to the end");
		io = rig_io(&r);
		io.max_output = (int64_t)decoded.n - 1;
		CHECK_INT(codec_decode(c, &io, &e), ERR_LIMIT, "longer than allowed");
		CHECK(stated == CODEC_SIZE_UNKNOWN || r.out.n + (size_t)r.sized == 0,
		      "which is known before anything is told or written");
		io = rig_io(&r);
		r.refuse = true;
		CHECK_INT(codec_decode(c, &io, &e), ERR_CANCELED, "stopped by its reader");
		CHECK_STR(e.msg, "enough", "in the reader's words");
	}
	buf_fini(&r.out);
}
