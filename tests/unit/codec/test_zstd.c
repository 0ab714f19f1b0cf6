// SPDX-License-Identifier: MIT
/* zstd: frames, those to be skipped, stated sizes, windows, damage. Made by libzstd in the test. */
#include "base/bytes.h"
#include "codec/zstd.h"
#include "codec_rig.h"

#include <zstd.h>

/* Append a frame. */
static void frame(struct buf *to, struct slice data, bool with_size, int window_log)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(data.n);
	ZSTD_outBuffer out = {buf_reserve(to, room), room, 0};
	ZSTD_inBuffer in = {data.p, data.n, 0};

	ASSERT(c && out.dst);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
	if (with_size)
		ZSTD_CCtx_setPledgedSrcSize(c, data.n);
	else
		ASSERT(ZSTD_compressStream2(c, &out, &in, ZSTD_e_continue) == 0 ||
		       in.pos == data.n);
	ASSERT(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end) == 0);
	to->n += out.pos;
	ZSTD_freeCCtx(c);
}

static void skippable(struct buf *to, size_t n)
{
	char head[8] = "\x5e\x2a\x4d\x18";

	store_le32(head + 4, (uint32_t)n);
	buf_add(to, (struct slice){head, sizeof(head)});
	for (size_t i = 0; i < n; i++)
		buf_putc(to, (char)i);
}

static void test_good(void)
{
	static const size_t sizes[] = {0, 1, 1000, 131072, 131073, 1000000};

	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		bool with_size = i % 2;

		rig_text(&plain, sizes[i / 2]);
		frame(&packed, buf_slice(&plain), with_size, 0);
		rig_check_good(CODEC_ZSTD, buf_slice(&packed), buf_slice(&plain),
			       with_size ? (int64_t)plain.n : CODEC_SIZE_UNKNOWN);
	}
}

static void test_frames(void)
{
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {.step = 3};
	struct codec_io io;
	struct error e;

	skippable(&packed, 0);
	skippable(&packed, 100000);
	frame(&packed, SLICE("one "), true, 0);
	skippable(&packed, 5);
	frame(&packed, SLICE_NONE, true, 0);
	frame(&packed, SLICE("two"), true, 0);
	skippable(&packed, 1);
	CHECK_INT(rig_decode(&r, CODEC_ZSTD, buf_slice(&packed), &e), OK, "frames and others");
	CHECK_SLICE(buf_slice(&r.out), "one two", "in their order");
	CHECK_INT(r.sized, 0, "a size is not to be had");

	buf_clear(&packed);
	frame(&packed, SLICE("one "), true, 0);
	frame(&packed, SLICE("two"), true, 0);
	CHECK_INT(rig_decode(&r, CODEC_ZSTD, buf_slice(&packed), &e), ERR_CORRUPT,
		  "the first of two frames promised too little");
	CHECK_SLICE(buf_slice(&r.out), "one ", "which was kept");
	io = rig_io(&r);
	io.size = NULL;
	CHECK_INT(codec_decode(CODEC_ZSTD, &io, &e), OK, "nobody was promised anything");
	CHECK_SLICE(buf_slice(&r.out), "one two", "so all is decoded");

	r.input = slice_head(r.input, packed.n - 1);
	CHECK_INT(codec_decode(CODEC_ZSTD, &io, &e), ERR_CORRUPT, "second frame cut off");
	buf_puts(&packed, "x");
	r.input = buf_slice(&packed);
	CHECK_INT(codec_decode(CODEC_ZSTD, &io, &e), ERR_CORRUPT, "one byte behind the end");
	buf_puts(&packed, "xxxxxxxx");
	r.input = buf_slice(&packed);
	CHECK_INT(codec_decode(CODEC_ZSTD, &io, &e), ERR_CORRUPT, "more bytes behind the end");
	CHECK_STR(e.msg, "not zstd", "which are named");
	buf_fini(&r.out);
}

static void test_window(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;

	rig_text(&plain, 1000);
	frame(&packed, buf_slice(&plain), false, 27);
	CHECK_INT(rig_decode(&r, CODEC_ZSTD, buf_slice(&packed), &e), OK, "window of 128 MiB");
	buf_clear(&packed);
	frame(&packed, buf_slice(&plain), false, 28);
	CHECK_INT(rig_decode(&r, CODEC_ZSTD, buf_slice(&packed), &e), ERR_LIMIT, "of 256 MiB");
	CHECK_STR(e.msg, "zstd: window beyond 128 MiB", "is named");
	buf_fini(&r.out);
}

static void test_damage(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;

	rig_text(&plain, 3000);
	frame(&packed, buf_slice(&plain), true, 0);
	rig_check_cuts(CODEC_ZSTD, buf_slice(&packed), buf_slice(&plain));
	rig_check_flips(CODEC_ZSTD, buf_slice(&packed), buf_slice(&plain));
	packed.p[packed.n - 1] ^= 1;
	CHECK_INT(rig_decode(&r, CODEC_ZSTD, buf_slice(&packed), &e), ERR_CORRUPT, "checksum");
	/* Version 0.7, which the library knows and we do not. */
	CHECK_INT(rig_decode(&r, CODEC_ZSTD, SLICE("\x27\xb5\x2f\xfd\x20\0\0\0\0\0\0\0"), &e),
		  ERR_CORRUPT, "an old format");
	CHECK_STR(e.msg, "not zstd", "is not tried");
	buf_fini(&r.out);
}

static void test_sniff(void)
{
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct error e;
	int64_t size = 0;

	frame(&packed, SLICE("12345"), true, 0);
	for (size_t n = 0; n < 6; n++)
		CHECK_INT(zstd_sniff(slice_head(buf_slice(&packed), n), &size, &e), SNIFF_MORE,
			  "too little");
	CHECK_INT(zstd_sniff(slice_head(buf_slice(&packed), 6), &size, &e), SNIFF_OK, "enough");
	CHECK_INT(size, 5, "its size");
	buf_clear(&packed);
	skippable(&packed, 1);
	CHECK_INT(zstd_sniff(buf_slice(&packed), &size, &e), SNIFF_OK, "one to be skipped");
	CHECK_INT(size, CODEC_SIZE_UNKNOWN, "says nothing");
	CHECK_INT(zstd_sniff(SLICE("MSCF"), &size, &e), SNIFF_BAD, "another format");
}

static void test_window_told(void)
{
	static const struct {
		struct slice head;
		int64_t window;
		const char *name;
	} rows[] = {
		{{"\x28\xb5\x2f\xfd\x00\x50", 6}, INT64_C(1) << 20, "1 MiB"},
		{{"\x28\xb5\x2f\xfd\x00\x51", 6}, (INT64_C(9) << 20) / 8, "and an eighth"},
		{{"\x28\xb5\x2f\xfd\x00\x88", 6}, INT64_C(1) << 27, "128 MiB"},
		{{"\x28\xb5\x2f\xfd\x00\xff", 6},
		 (INT64_C(15) << 40) / 8,
		 "no more than the shift bears"},
		{{"\x28\xb5\x2f\xfd\x20\x07", 6}, 7, "one segment of 7 bytes"},
		{{"\x28\xb5\x2f\xfd\xe0\0\0\0\0\1\0\0\0", 13},
		 CODEC_ZSTD_WINDOW_MAX,
		 "one segment of 4 GiB"},
		{{"\x50\x2a\x4d\x18\0\0", 6}, 0, "none: skipped"},
		{{"\x28\xb5\x2f\xfd\x00", 5}, 0, "none: too short"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(zstd_window(rows[i].head), rows[i].window, rows[i].name);
}

int main(void)
{
	test_good();
	test_frames();
	test_window();
	test_damage();
	test_sniff();
	test_window_told();
	return tap_done();
}
