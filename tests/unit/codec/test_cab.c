// SPDX-License-Identifier: MIT
/*
 * Cabinets: what we write is read back; stored and LZX ones are put together here by hand (LZX in
 * its form for data that does not compress, which needs no Huffman coder); headers of all shapes.
 */
#include "base/bytes.h"
#include "codec/cab.h"
#include "codec_rig.h"

enum { BLOCK = 32768 };

static enum err put_at(void *ud, int64_t offset, struct slice bytes, struct error *e)
{
	struct rig *r = ud;

	if (r->refuse)
		return err_set(e, ERR_IO, "disk full");
	while (r->out.n < (size_t)offset + bytes.n)
		buf_putc(&r->out, '?');
	memcpy(r->out.p + offset, bytes.p, bytes.n);
	return OK;
}

/* Our own cabinet of data in *ret. */
static void encode(struct slice data, int level, struct rig *ret)
{
	struct cab_member m = {SLICE("foo.pdb"), (int64_t)data.n, 1700000000};
	struct cab_output io = {rig_read, put_at, ret};
	struct error e = {0};

	buf_fini(&ret->out);
	ret->out = BUF_MAX(RIG_MAX);
	ret->input = data;
	CHECK_INT(cab_encode(&m, level, &io, &e), OK, "encodes");
}

static void put32(struct buf *b, size_t at, uint64_t v)
{
	store_le32(b->p + at, (uint32_t)v);
}

static void put16(struct buf *b, size_t at, uint64_t v)
{
	store_le16(b->p + at, (uint16_t)v);
}

/* Header of a cabinet with one file named "a.pdb" of size bytes; data blocks follow. */
static void head(struct buf *b, uint64_t size, uint64_t type)
{
	enum { N = 36 + 8 + 16 + 6 };

	memset(buf_reserve(b, N), 0, N);
	b->n = N;
	memcpy(b->p, "MSCF", 4);
	put32(b, 16, 44);
	put16(b, 24, 0x0103);
	put16(b, 26, 1);
	put16(b, 28, 1);
	put32(b, 36, N);
	put16(b, 40, (size + BLOCK - 1) / BLOCK);
	put16(b, 42, type);
	put32(b, 44, size);
	memcpy(b->p + 60, "a.pdb", 5);
}

/* A data block without a checksum. */
static void block(struct buf *b, struct slice packed, size_t plain)
{
	char h[8] = {0};

	store_le16(h + 4, (uint16_t)packed.n);
	store_le16(h + 6, (uint16_t)plain);
	buf_add(b, (struct slice){h, sizeof(h)});
	buf_add(b, packed);
}

static void stored_cab(struct buf *b, struct slice data)
{
	head(b, data.n, CAB_STORED);
	for (; data.n; data = slice_from(data, BLOCK))
		block(b, slice_head(data, BLOCK), MIN(data.n, (size_t)BLOCK));
}

/* One LZX frame, uncompressed block: bits are put into 16-bit words from the top. [MS-PATCH] 2.3 */
static void lzx_cab(struct buf *b, struct slice data)
{
	struct buf lzx CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	/* 1 bit no E8 translation, 3 bits block type 3, 24 bits length, 4 bits padding */
	uint32_t bits = 3U << 28 | (uint32_t)data.n << 4;
	static const char repeats[] = "\1\0\0\0\1\0\0\0\1\0\0";
	char words[4];

	store_le16(words, (uint16_t)(bits >> 16));
	store_le16(words + 2, (uint16_t)bits);
	buf_add(&lzx, (struct slice){words, sizeof(words)});
	buf_add(&lzx, (struct slice){repeats, sizeof(repeats)});
	buf_add(&lzx, data);
	if (data.n % 2)
		buf_putc(&lzx, '\0');
	head(b, data.n, 21U << 8 | CAB_LZX);
	block(b, buf_slice(&lzx), data.n);
}

static void test_mszip(void)
{
	static const size_t sizes[] = {0, 1, 32767, 32768, 32769, 65536, 1000000};

	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		struct rig r = {.step = i % 3 * 1000};
		struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);

		(i % 2 ? rig_text : rig_noise)(&plain, sizes[i / 2]);
		encode(buf_slice(&plain), (int)(1 + i % 9), &r);
		buf_add(&cab, buf_slice(&r.out));
		CHECK_INT(load_le32(cab.p + 8), cab.n, "counts itself");
		CHECK(i % 2 == 0 || plain.n < 100 || cab.n < plain.n / 2, "shrinks text");
		CHECK(cab.n <= 100 + plain.n + (plain.n / BLOCK + 1) * 16, "noise hardly grows");
		rig_check_good(CODEC_CAB, buf_slice(&cab), buf_slice(&plain), (int64_t)plain.n);
		buf_fini(&r.out);
	}
}

/* What was in the block before is not stored again. */
static void test_history(void)
{
	struct buf noise CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};

	rig_noise(&noise, 32000);
	for (int i = 0; i < 4; i++)
		buf_add(&plain, buf_slice(&noise));
	encode(buf_slice(&plain), 6, &r);
	CHECK(r.out.n < 40000, "four times the same in little more than once");
	buf_fini(&r.out);
}

/* The header says where the entry of the file stands: somewhere behind the folders, not right behind. */
static void test_gap(struct slice cab, struct slice plain)
{
	enum { AT = 44, ENTRY = 16 + 6 };
	static const size_t gaps[] = {1, 7, 300, 40000};
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
		buf_clear(&b);
		buf_add(&b, slice_head(cab, AT));
		for (size_t n = 0; n < gaps[i]; n++)
			buf_putc(&b, '\xaa');
		buf_add(&b, slice_from(cab, AT));
		put32(&b, 16, AT + gaps[i]);
		put32(&b, 36, AT + ENTRY + gaps[i]);
		rig_check_good(CODEC_CAB, buf_slice(&b), plain, (int64_t)plain.n);
	}
	/* the data in the gap, the entry behind it */
	buf_clear(&b);
	buf_add(&b, slice_head(cab, AT));
	buf_add(&b, slice_head(slice_from(cab, AT + ENTRY), 40000 - AT));
	CHECK(b.n < CAB_HEAD_MAX, "short enough");
	buf_add(&b, slice_head(slice_from(cab, AT), ENTRY));
	put32(&b, 16, 40000);
	put32(&b, 36, AT);
	put16(&b, 40, 1);
	put32(&b, 40000, BLOCK);
	rig_check_good(CODEC_CAB, buf_slice(&b), slice_head(plain, BLOCK), BLOCK);
	put32(&b, 16, AT - 1);
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&b), &e), ERR_CORRUPT, "in the folders");
	buf_fini(&r.out);
}

static void test_by_hand(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;

	rig_noise(&plain, 100000);
	stored_cab(&cab, buf_slice(&plain));
	rig_check_good(CODEC_CAB, buf_slice(&cab), buf_slice(&plain), 100000);
	test_gap(buf_slice(&cab), buf_slice(&plain));
	buf_puts(&cab, "a signature, say");
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&cab), &e), OK, "bytes behind the cabinet");
	buf_clear(&cab);
	lzx_cab(&cab, slice_head(buf_slice(&plain), 32000));
	rig_check_good(CODEC_CAB, buf_slice(&cab), slice_head(buf_slice(&plain), 32000), 32000);
	buf_fini(&r.out);
}

static void test_damage(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e;

	rig_text(&plain, 3000);
	encode(buf_slice(&plain), 6, &r);
	buf_add(&cab, buf_slice(&r.out));
	rig_check_cuts(CODEC_CAB, buf_slice(&cab), buf_slice(&plain));
	cab.p[cab.n - 1] ^= 1;
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&cab), &e), ERR_CORRUPT, "a changed block");
	CHECK_STR(e.msg, "cabinet: checksum does not match", "is seen by its checksum");
	buf_clear(&cab);
	lzx_cab(&cab, buf_slice(&plain));
	rig_check_cuts(CODEC_CAB, buf_slice(&cab), buf_slice(&plain));
	buf_clear(&cab);
	head(&cab, 3000, CAB_STORED);
	put32(&cab, 44, 4000000000);
	block(&cab, buf_slice(&plain), 3000);
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&cab), &e), ERR_LIMIT, "promises 4 GB");
	put32(&cab, 44, 50000);
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&cab), &e), ERR_CORRUPT, "and has them not");
	buf_fini(&r.out);
}

/* A changed byte of the data is seen by its checksum; the header has none. */
static void test_flips(void)
{
	struct buf plain CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	size_t bad = 0;

	rig_text(&plain, 70000);
	encode(buf_slice(&plain), 6, &r);
	buf_add(&cab, buf_slice(&r.out));
	for (size_t i = 0; i < cab.n; i += i < 2000 ? 1 : 97) {
		struct error e;
		enum err err;

		cab.p[i] ^= 0x11;
		err = rig_decode(&r, CODEC_CAB, buf_slice(&cab), &e);
		cab.p[i] ^= 0x11;
		if (err == OK && i > 60 + 8 && !slice_eq(buf_slice(&r.out), buf_slice(&plain)))
			bad++;
		if (err != OK && !e.msg[0])
			bad++;
	}
	CHECK_INT(bad, 0, "no changed byte passes");
	buf_fini(&r.out);
}

static void test_sniff(void)
{
	struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct cab_info info = {0};
	struct error e;
	size_t n = 0;

	head(&cab, 12345, 21U << 8 | CAB_LZX);
	put16(&cab, 58, 0xa0);
	while (cab_sniff(slice_head(buf_slice(&cab), n), &info, &e) == SNIFF_MORE)
		n++;
	CHECK_INT(n, cab.n, "needs all of its header");
	CHECK_INT(cab_sniff(buf_slice(&cab), &info, &e), SNIFF_OK, "and no more");
	CHECK_INT(info.size, 12345, "size");
	CHECK_INT(info.method, CAB_LZX, "method");
	CHECK_SLICE(info.name, "a.pdb", "name");
	CHECK(info.is_utf8, "its encoding");
	CHECK(info.name.p == cab.p + 60, "points into the header");
}

static void test_reserve(void)
{
	struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf with CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct cab_info info = {0};
	struct rig r = {.step = 1};
	struct error e;

	stored_cab(&cab, SLICE("some data"));
	buf_add(&with, slice_head(buf_slice(&cab), 36));
	buf_add(&with, SLICE("\x14\x00\x02\x01"
			     "--------------------")); /* 20, 2, 1 */
	buf_add(&with, slice_head(slice_from(buf_slice(&cab), 36), 8));
	buf_add(&with, SLICE("++"));
	buf_add(&with, slice_head(slice_from(buf_slice(&cab), 44), 30));
	buf_add(&with, SLICE("!"));
	buf_add(&with, SLICE("some data"));
	put16(&with, 30, 4);
	put32(&with, 16, 36 + 24 + 10);
	put32(&with, 60, 66 + 24 + 2);
	CHECK_INT(cab_sniff(buf_slice(&with), &info, &e), SNIFF_OK, "reserved areas");
	CHECK_INT(info.size, 9, "size");
	CHECK_INT(info.method, CAB_STORED, "method");
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&with), &e), OK, "decodes");
	CHECK_SLICE(buf_slice(&r.out), "some data", "to its data");
	buf_fini(&r.out);
}

/* Two folders with two bytes more each, of which the file is in the second. */
static void test_folders(void)
{
	enum { FIRST = 40, SECOND = 50, FILE_AT = 60, DATA = 82 };
	struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf with CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct cab_info info = {0};
	struct rig r = {0};
	struct error e;

	stored_cab(&cab, SLICE("some data"));
	buf_add(&with, slice_head(buf_slice(&cab), 36));
	buf_add(&with, SLICE("\0\0\2\0"));
	for (int i = 0; i < 2; i++) {
		buf_add(&with, slice_head(slice_from(buf_slice(&cab), 36), 8));
		buf_add(&with, SLICE("++"));
	}
	buf_add(&with, slice_from(buf_slice(&cab), 44));
	put32(&with, 16, FILE_AT);
	put16(&with, 26, 2);
	put16(&with, 30, 4);
	put32(&with, SECOND, DATA);
	put16(&with, FILE_AT + 8, 1);
	put16(&with, FIRST + 6, CAB_QUANTUM);
	CHECK_INT(cab_sniff(buf_slice(&with), &info, &e), SNIFF_OK, "two folders");
	CHECK_INT(info.method, CAB_STORED, "method of the second");
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&with), &e), OK, "decodes");
	CHECK_SLICE(buf_slice(&r.out), "some data", "to its data");
	buf_fini(&r.out);
}

static void test_refused(void)
{
	static const struct {
		size_t at;
		uint16_t value;
		const char *why;
	} rows[] = {
		{0, 0x5343, "cabinet: not a cabinet"},
		{24, 0x0203, "cabinet: unknown version"},
		{26, 0, "cabinet: its file is in no folder, or spans several cabinets"},
		{28, 0, "cabinet: does not hold exactly one file"},
		{28, 2, "cabinet: does not hold exactly one file"},
		{30, 1, "cabinet: one of a set that spans several"},
		{30, 2, "cabinet: one of a set that spans several"},
		{42, 4, "cabinet: unknown compression"},
		{52, 1, "cabinet: its file is in no folder, or spans several cabinets"},
		{52, 0xfffd, "cabinet: its file is in no folder, or spans several cabinets"},
		{52, 0xffff, "cabinet: its file is in no folder, or spans several cabinets"},
		{18, 1, "cabinet: header is too long"},
		{18, 0xffff, "cabinet: header is too long"},
	};
	struct rig r = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf cab CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
		struct cab_info info;
		struct error e = {0};

		stored_cab(&cab, SLICE("data"));
		put16(&cab, rows[i].at, rows[i].value);
		CHECK_INT(cab_sniff(buf_slice(&cab), &info, &e), SNIFF_BAD, "refused");
		CHECK_STR(e.msg, rows[i].why, "and says why");
		CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&cab), &e), ERR_CORRUPT, "decoder");
	}
	buf_fini(&r.out);
}

static void test_encoder_refuses(void)
{
	char name[CAB_NAME_MAX + 1];
	struct rig r = {.input = SLICE("abc"), .out = BUF_MAX(RIG_MAX)};
	struct cab_output io = {rig_read, put_at, &r};
	struct cab_member m = {SLICE("a"), CAB_FILE_MAX + 1, 0};
	struct error e;

	memset(name, 'n', sizeof(name));
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_LIMIT, "2 GiB");
	m.size = -1;
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_LIMIT, "no size");
	m = (struct cab_member){SLICE_NONE, 3, 0};
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_USAGE, "no name");
	m.name = (struct slice){name, CAB_NAME_MAX + 1};
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_USAGE, "name too long");
	m.name = SLICE("a\0b");
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_USAGE, "NUL in the name");
	m.name = (struct slice){name, CAB_NAME_MAX};
	CHECK_INT(cab_encode(&m, 6, &io, &e), OK, "longest name");
	m.size = 4;
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_CORRUPT, "file ends too soon");
	m.size = 3;
	r.read_fails = 1;
	r.step = 1;
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_NET, "reading fails");
	r.read_fails = 0;
	r.refuse = true;
	CHECK_INT(cab_encode(&m, 6, &io, &e), ERR_IO, "writing fails");
	buf_fini(&r.out);
}

static void test_header_written(void)
{
	static const struct {
		int64_t mtime;
		uint16_t date, time;
	} rows[] = {
		{INT64_MIN, 1 << 5 | 1, 0},
		{0, 1 << 5 | 1, 0},
		{315532801, 1 << 5 | 1, 0},
		{1700000000, 43 << 9 | 11 << 5 | 14, 22 << 11 | 13 << 5 | 10},
		{INT64_MAX, 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig r = {.input = SLICE("abc"), .out = BUF_MAX(RIG_MAX)};
		struct cab_output io = {rig_read, put_at, &r};
		struct cab_member m = {i % 2 ? SLICE("\xc3\xa4.pdb") : SLICE("a.pdb"), 3,
				       rows[i].mtime};

		CHECK_INT(cab_encode(&m, 6, &io, &(struct error){0}), OK, "encodes");
		CHECK_INT(load_le16(r.out.p + 54), rows[i].date, "date");
		CHECK_INT(load_le16(r.out.p + 56), rows[i].time, "time");
		CHECK_INT(load_le16(r.out.p + 58), i % 2 ? 0xa0 : 0x20, "name's encoding");
		buf_fini(&r.out);
	}
}

/* A match of 258 bytes from 32,768 bytes before the first one: nobody else's memory. */
static void test_before_the_beginning(void)
{
	static const char packed[] = "CK\x1b\xbd\xff\x1f\x00";
	struct buf b CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig r = {0};
	struct error e = {0};
	bool zeros = true;
	char *dirt = malloc(64 * 1024);

	ASSERT(dirt);
	memset(dirt, 'x', 64 * 1024);
	free(dirt);
	head(&b, 258, CAB_MSZIP);
	block(&b, (struct slice){packed, sizeof(packed) - 1}, 258);
	CHECK_INT(rig_decode(&r, CODEC_CAB, buf_slice(&b), &e), OK, "decodes");
	for (size_t i = 0; i < r.out.n; i++)
		zeros = zeros && r.out.p[i] == 0;
	CHECK(zeros && r.out.n == 258, "to zeros");
	buf_fini(&r.out);
}

int main(void)
{
	test_before_the_beginning();
	test_mszip();
	test_history();
	test_by_hand();
	test_damage();
	test_flips();
	test_sniff();
	test_reserve();
	test_folders();
	test_refused();
	test_encoder_refuses();
	test_header_written();
	return tap_done();
}
