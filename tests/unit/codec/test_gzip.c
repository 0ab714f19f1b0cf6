// SPDX-License-Identifier: MIT
/* gzip: members, padding, what the trailer promises, damage. Made by zlib in the test itself. */
#include "codec/gzip.h"
#include "codec_rig.h"

#include <zlib.h>

/* Append a member that holds data. */
static void gzip(struct buf *to, struct slice data, int level)
{
	z_stream z = {.next_in = (Bytef *)(data.p ? data.p : ""), .avail_in = (uInt)data.n};
	size_t room;

	ASSERT(deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + 16, 8, 0) == Z_OK);
	room = deflateBound(&z, data.n);
	z.next_out = (Bytef *)buf_reserve(to, room);
	z.avail_out = (uInt)room;
	ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
	to->n += room - z.avail_out;
	deflateEnd(&z);
}

static void test_good(void)
{
	static const size_t sizes[] = {0, 1, 1000, 65536, 1000000};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);

		rig_text(&plain, sizes[i]);
		gzip(&packed, buf_slice(&plain), (int)(i % 10));
		rig_check_good(CODEC_GZIP, buf_slice(&packed), buf_slice(&plain),
			       CODEC_SIZE_UNKNOWN);
	}
}

static void test_members(void)
{
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;
	size_t good;

	gzip(&packed, SLICE("one "), 6);
	gzip(&packed, SLICE_NONE, 6);
	gzip(&packed, SLICE("two"), 6);
	good = packed.n;
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), OK, "three members");
	CHECK_SLICE(buf_slice(&r.out), "one two", "in their order");
	for (size_t i = 0; i < 70000; i++)
		buf_putc(&packed, '\0');
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), OK, "padding");
	CHECK_SLICE(buf_slice(&r.out), "one two", "is no output");
	buf_putc(&packed, '\x1f');
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), ERR_CORRUPT,
		  "something behind the padding");
	packed.n = good;
	buf_puts(&packed, "x");
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), ERR_CORRUPT, "garbage");
	CHECK_STR(e.msg, "gzip: bytes behind the end", "is named");
	packed.n = good;
	buf_puts(&packed, "\x1f");
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), ERR_CORRUPT, "half a magic");
	buf_fini(&r.out);
}

static void test_bomb(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct codec_io io;
	struct rig r = {0};
	struct error e;

	memset(buf_reserve(&plain, 16 << 20), 0, 16 << 20);
	plain.n = 16 << 20;
	gzip(&packed, buf_slice(&plain), 9);
	io = rig_io(&r);
	r.input = buf_slice(&packed);
	io.max_output = 1 << 20;
	CHECK_INT(codec_decode(CODEC_GZIP, &io, &e), ERR_LIMIT, "a bomb");
	CHECK(r.out.n <= 1 << 20, "goes off within the limit");
	buf_fini(&r.out);
}

static void test_damage(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf packed CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;

	rig_text(&plain, 3000);
	gzip(&packed, buf_slice(&plain), 6);
	rig_check_cuts(CODEC_GZIP, buf_slice(&packed), buf_slice(&plain));
	rig_check_flips(CODEC_GZIP, buf_slice(&packed), buf_slice(&plain));
	packed.p[packed.n - 5] ^= 1;
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), ERR_CORRUPT, "CRC");
	packed.p[packed.n - 5] ^= 1;
	packed.p[packed.n - 1] ^= 1;
	CHECK_INT(rig_decode(&r, CODEC_GZIP, buf_slice(&packed), &e), ERR_CORRUPT, "ISIZE");
	CHECK_INT(rig_decode(&r, CODEC_GZIP, SLICE("MSCF and so on"), &e), ERR_CORRUPT, "others");
	CHECK_INT(rig_decode(&r, CODEC_GZIP, SLICE("\x78\x9c\x03\0\0\0\0\1"), &e), ERR_CORRUPT,
		  "zlib's own container");
	buf_fini(&r.out);
}

static void test_guess(void)
{
	static const struct {
		const char *trailer;
		int64_t stored, want;
	} rows[] = {
		{"\x00\x00\x00\x00", 20, -1},
		{"\x14\x00\x00\x00", 20, -1},
		{"\x15\x00\x00\x00", 20, 21},
		{"\x9f\x50\x00\x00", 20, 20639},
		{"\xa0\x50\x00\x00", 20, -1},
		{"\xff\xff\xff\xff", 4161789, -1}, /* 1032 x 4161789 = 4294966248 */
		{"\xe7\xfb\xff\xff", 4161789, 4294966247},
		{"\xff\xff\xff\x7f", 4161789, 2147483647},
		{"\xff\xff\xff\x7f", 4161790, -1},
		{"\xff\xff\xff\xff", INT64_MAX, -1},
		{"\x01\x00\x00\x00", 0, -1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CHECK_INT(gzip_guess_size((struct slice){rows[i].trailer, 4}, rows[i].stored),
			  rows[i].want, "ISIZE");
	CHECK_INT(gzip_guess_size(SLICE("\1\2\3"), 20), -1, "no trailer");
}

int main(void)
{
	test_good();
	test_members();
	test_bomb();
	test_damage();
	test_guess();
	return tap_done();
}
