// SPDX-License-Identifier: MIT
/*
 * Files in the forms in which stores hold them, made of any bytes; and symbol files that are, or are
 * not, what their key names.
 *
 *	struct buf text CLEANUP(buf_fini) = FORMS_BUF, packed CLEANUP(buf_fini) = FORMS_BUF;
 *	forms_text(&text, 100000);
 *	forms_gzip(&packed, buf_slice(&text));
 */
#pragma once
#include "base/buf.h"
#include "base/bytes.h"
#include "codec/cab.h"

#include <zlib.h>
#include <zstd.h>

#define FORMS_MAX_BYTES ((size_t)64 << 20)
#define FORMS_BUF       BUF_MAX(FORMS_MAX_BYTES)

/* ---- what is in them ---- */

/* Words of a small vocabulary by a fixed generator: they compress, but not to nothing. */
__attribute__((unused)) static void forms_text(struct buf *b, size_t n)
{
	uint32_t state = 4711;
	size_t end = b->n + n;

	while (b->n < end) {
		state = state * 1664525 + 1013904223;
		buf_printf(b, "sym_%u ", state >> 20);
	}
	b->n = end;
	ASSERT(!buf_failed(b));
}

/* Bytes that do not compress. */
__attribute__((unused)) static void forms_noise(struct buf *b, size_t n)
{
	uint64_t state = 88172645463325252U;
	size_t end = b->n + n;

	while (b->n < end) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		buf_add(b, (struct slice){(char *)&state, MIN(sizeof(state), end - b->n)});
	}
	ASSERT(!buf_failed(b));
}

/* ---- forms ---- */

__attribute__((unused)) static void forms_gzip(struct buf *to, struct slice data)
{
	z_stream z = {.next_in = (Bytef *)(data.p ? data.p : ""), .avail_in = (uInt)data.n};
	size_t room;

	ASSERT(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, 0) == Z_OK);
	room = deflateBound(&z, data.n);
	z.next_out = (Bytef *)buf_reserve(to, room);
	z.avail_out = (uInt)room;
	ASSERT(z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END);
	to->n += room - z.avail_out;
	deflateEnd(&z);
}

/* A frame that states its length. */
__attribute__((unused)) static void forms_zstd(struct buf *to, struct slice data)
{
	size_t room = ZSTD_compressBound(data.n), n;
	char *p = buf_reserve(to, room);

	ASSERT(p);
	n = ZSTD_compress(p, room, data.p, data.n, 3);
	ASSERT(!ZSTD_isError(n));
	to->n += n;
}

struct forms_cab {
	struct slice data;
	struct buf *to;
};

static enum err forms_cab_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n,
			       struct error *e)
{
	const struct forms_cab *c = ud;
	struct slice left = slice_from(c->data, (size_t)offset);

	*ret_n = MIN(n, left.n);
	if (*ret_n)
		memcpy(to, left.p, *ret_n);
	return OK;
}

static enum err forms_cab_write(void *ud, int64_t offset, struct slice bytes, struct error *e)
{
	struct forms_cab *c = ud;
	size_t end = (size_t)offset + bytes.n;

	if (c->to->n < end) {
		memset(buf_reserve(c->to, end - c->to->n), 0, end - c->to->n);
		c->to->n = end;
	}
	memcpy(c->to->p + offset, bytes.p, bytes.n);
	return OK;
}

/* An MSZIP cabinet, in an empty buffer. */
__attribute__((unused)) static void forms_cab(struct buf *to, struct slice data)
{
	struct forms_cab c = {data, to};
	const struct cab_member member = {
		.name = SLICE("foo.pdb"), .size = (int64_t)data.n, .mtime_s = 1700000000};
	const struct cab_output io = {forms_cab_read, forms_cab_write, &c};

	ASSERT(cab_encode(&member, 6, &io, NULL) == OK);
}

/* A text of n bytes, and what it is in each form; freed by forms_free_all(). */
__attribute__((unused)) static void forms_make_all(size_t n, struct buf *text, struct buf *gz,
						   struct buf *zst, struct buf *cab)
{
	*text = *gz = *zst = *cab = FORMS_BUF;
	forms_text(text, n);
	forms_gzip(gz, buf_slice(text));
	forms_zstd(zst, buf_slice(text));
	forms_cab(cab, buf_slice(text));
}

__attribute__((unused)) static void forms_free_all(struct buf *text, struct buf *gz,
						   struct buf *zst, struct buf *cab)
{
	buf_fini(text);
	buf_fini(gz);
	buf_fini(zst);
	buf_fini(cab);
}

/* ---- symbol files ---- */

/* As far as it is looked at: stamp 5F3759DF, size 8000; then n bytes in all. */
#define FORMS_PE_KEY   "foo.exe/5F3759DF8000/foo.exe"
#define FORMS_PE_OTHER "foo.exe/5F3759E08000/foo.exe"

__attribute__((unused)) static void forms_pe(struct buf *b, size_t n)
{
	size_t optional = 0x58;

	ASSERT(b->n == 0 && n >= 0x400);
	forms_text(b, n);
	memset(b->p, 0, 0x400);
	memcpy(b->p, "MZ", 2);
	store_le32(b->p + 0x3c, 0x40);
	memcpy(b->p + 0x40, "PE\0\0", 4);
	store_le16(b->p + 0x44, 0x8664);
	store_le16(b->p + 0x46, 1);
	store_le32(b->p + 0x48, 0x5f3759df);
	store_le16(b->p + 0x54, 112 + 16 * 8);
	store_le16(b->p + optional, 0x20b);
	store_le32(b->p + optional + 56, 0x8000);
	store_le32(b->p + optional + 108, 16);
}

/*
 * A PDB of n bytes, a multiple of its page, with its directory at the end: an MSF of the streams
 * that a key is made of, and much that is none of its business.
 */
#define FORMS_PDB_PAGE  4096
#define FORMS_PDB_KEY   "foo.pdb/A3A2A1A0A5A4A7A6A8A9AAABACADAEAF1a/foo.pdb"
#define FORMS_PDB_OTHER "foo.pdb/B3A2A1A0A5A4A7A6A8A9AAABACADAEAF1a/foo.pdb"

__attribute__((unused)) static void forms_pdb(struct buf *b, size_t n)
{
	uint32_t pages = (uint32_t)(n / FORMS_PDB_PAGE);
	char *list, *directory, *info, *dbi;

	ASSERT(b->n == 0 && n % FORMS_PDB_PAGE == 0 && pages >= 8);
	forms_text(b, n);
	list = b->p + (size_t)(pages - 4) * FORMS_PDB_PAGE;
	directory = list + FORMS_PDB_PAGE;
	info = directory + FORMS_PDB_PAGE;
	dbi = info + FORMS_PDB_PAGE;
	memset(b->p, 0, FORMS_PDB_PAGE);
	memcpy(b->p,
	       "Microsoft C/C++ MSF 7.00\r\n\x1a"
	       "DS\0\0",
	       32);
	store_le32(b->p + 32, FORMS_PDB_PAGE);
	store_le32(b->p + 36, 1);
	store_le32(b->p + 40, pages);
	store_le32(b->p + 44, 4 + 4 * 4 + 2 * 4); /* the directory's length */
	store_le32(b->p + 52, pages - 4);
	memset(list, 0, 4 * (size_t)FORMS_PDB_PAGE);
	store_le32(list, pages - 3);
	store_le32(directory, 4); /* streams, and their lengths: old directory, info, types, DBI */
	store_le32(directory + 8, 40);
	store_le32(directory + 16, 80);
	store_le32(directory + 20, pages - 2);
	store_le32(directory + 24, pages - 1);
	store_le32(info, 20000404);
	store_le32(info + 4, 0x5f3759df);
	store_le32(info + 8, 7);
	for (int i = 0; i < 16; i++)
		info[12 + i] = (char)(0xa0 + i);
	store_le32(dbi, UINT32_MAX);
	store_le32(dbi + 4, 19990903);
	store_le32(dbi + 8, 0x1a);
	store_le16(dbi + 58, 0x8664);
}
