// SPDX-License-Identifier: MIT
/*
 * Containers of streams, made in memory: MSF 7.0 and 2.0 with their pages shuffled, and MSFZ in
 * all its forms. Independent of what src/symfmt does to write an MSF.
 */
#pragma once
#include "base/buf.h"
#include "base/bytes.h"
#include "symfmt/msf.h"
#include "symfmt/msfz.h"
#include "tap.h"

#include <zlib.h>
#include <zstd.h>

#define RIG_MAX ((size_t)256 << 20)

struct rig_stream {
	struct slice data;
	bool is_nil;
};

static void rig_put(struct buf *b, uint64_t v, size_t n)
{
	char bytes[8];

	store_le(bytes, v, n);
	buf_add(b, (struct slice){bytes, n});
	ASSERT(!buf_failed(b));
}

static void rig_zeros(struct buf *b, size_t n)
{
	if (n)
		memset(buf_reserve(b, n), 0, n);
	b->n += n;
}

/* What an MSF is made of: pages are handed out from the end of the file to its beginning. */
struct rig_msf {
	struct buf *file;
	size_t page_size, next_page, number_size;
};

/* Put data on pages and their numbers into *numbers. */
static void rig_pages(struct rig_msf *m, struct slice data, struct buf *numbers)
{
	for (; data.n; data = slice_from(data, m->page_size)) {
		do
			m->next_page--;
		while (m->next_page % m->page_size == 1 || m->next_page % m->page_size == 2);
		rig_put(numbers, m->next_page, m->number_size);
		memcpy(m->file->p + m->next_page * m->page_size, data.p, MIN(data.n, m->page_size));
	}
}

__attribute__((unused)) static void rig_make_msf(struct buf *b, bool is_small, size_t page_size,
						 size_t pages, const struct rig_stream *streams,
						 size_t n)
{
	struct buf directory CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf numbers CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf list CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf lists CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct rig_msf m = {b, page_size, pages, is_small ? 2 : 4};

	buf_clear(b);
	rig_zeros(b, pages * page_size);
	rig_put(&directory, n, 4);
	for (size_t i = 0; i < n; i++) {
		rig_put(&directory, streams[i].is_nil ? MSF_NIL : streams[i].data.n, 4);
		if (is_small)
			rig_put(&directory, 0xdeadbeef, 4);
		rig_pages(&m, streams[i].data, &numbers);
	}
	buf_add(&directory, buf_slice(&numbers));
	rig_pages(&m, buf_slice(&directory), &list);
	if (is_small) {
		memcpy(b->p, MSF_SMALL_MAGIC, MSF_SMALL_MAGIC_SIZE);
		store_le16(b->p + 50, (uint16_t)pages);
		store_le32(b->p + 52, (uint32_t)directory.n);
		memcpy(b->p + 60, list.p, list.n);
	} else {
		rig_pages(&m, buf_slice(&list), &lists);
		memcpy(b->p, MSF_MAGIC, MSF_MAGIC_SIZE);
		store_le32(b->p + 36, 1);
		store_le32(b->p + 40, (uint32_t)pages);
		store_le32(b->p + 44, (uint32_t)directory.n);
		memcpy(b->p + 52, lists.p, lists.n);
	}
	store_le32(b->p + (is_small ? 44 : 32), (uint32_t)page_size);
	ASSERT(m.next_page >= 3);
}

struct rig_msfz {
	unsigned directory_compression;
	size_t chunk_size; /* 0: fragments lie in the file */
	size_t fragment;   /* length of each; 0: one for a stream */
	unsigned kind;     /* compression of the first chunk: zstd (the default), deflate, none */
};

static void rig_pack(struct buf *to, unsigned compression, struct slice data)
{
	size_t room = ZSTD_compressBound(data.n) + 64, n = data.n;
	char *p = buf_reserve(to, room);

	ASSERT(p);
	if (compression == 1)
		n = ZSTD_compress(p, room, data.p, data.n, 3);
	else if (compression == 2) {
		z_stream z = {.next_in = (Bytef *)data.p, .avail_in = (uInt)data.n};

		ASSERT(deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, 0) == Z_OK);
		z.next_out = (Bytef *)p;
		z.avail_out = (uInt)room;
		ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
		n = room - z.avail_out;
		deflateEnd(&z);
	} else if (n)
		memcpy(p, data.p, n);
	to->n += n;
}

/* Chunks take turns in their compression: zstd, deflate, none. */
static void rig_chunks(struct buf *b, struct slice all, struct rig_msfz how, struct buf *table)
{
	for (unsigned i = how.kind ? how.kind : 1; all.n;
	     i++, all = slice_from(all, how.chunk_size)) {
		size_t at = b->n;

		rig_pack(b, i % 3, slice_head(all, how.chunk_size));
		rig_put(table, at, 8);
		rig_put(table, i % 3, 4);
		rig_put(table, b->n - at, 4);
		rig_put(table, MIN(all.n, how.chunk_size), 4);
	}
}

static void rig_fragments(struct rig_msfz how, struct slice data, uint64_t at, struct buf *to)
{
	size_t each = how.fragment ? how.fragment : MAX(data.n, 1U);

	for (size_t i = 0; i < data.n; i += each, at += each) {
		rig_put(to, MIN(each, data.n - i), 4);
		rig_put(to,
			how.chunk_size ? UINT64_C(1) << 63 | at / how.chunk_size << 32 |
						 at % how.chunk_size
				       : at,
			8);
	}
	rig_put(to, 0, 4);
}

__attribute__((unused)) static void rig_make_msfz(struct buf *b, struct rig_msfz how,
						  const struct rig_stream *streams, size_t n)
{
	struct buf all CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf directory CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	struct buf table CLEANUP(buf_fini) = BUF_MAX(RIG_MAX);
	size_t at;

	buf_clear(b);
	rig_zeros(b, 80);
	for (size_t i = 0; i < n; i++) {
		if (streams[i].is_nil)
			rig_put(&directory, MSF_NIL, 4);
		else
			rig_fragments(how, streams[i].data, (how.chunk_size ? 0 : 80) + all.n,
				      &directory);
		buf_add(&all, streams[i].data);
	}
	if (how.chunk_size)
		rig_chunks(b, buf_slice(&all), how, &table);
	else
		buf_add(b, buf_slice(&all));
	at = b->n;
	buf_add(b, buf_slice(&table));
	memcpy(b->p, MSFZ_MAGIC, MSFZ_MAGIC_SIZE);
	store_le(b->p + 40, b->n, 8);
	store_le(b->p + 48, at, 8);
	store_le32(b->p + 56, (uint32_t)n);
	store_le32(b->p + 60, how.directory_compression);
	store_le32(b->p + 68, (uint32_t)directory.n);
	store_le32(b->p + 72, (uint32_t)(table.n / 20));
	store_le32(b->p + 76, (uint32_t)table.n);
	at = b->n;
	rig_pack(b, how.directory_compression, buf_slice(&directory));
	store_le32(b->p + 64, (uint32_t)(b->n - at));
	ASSERT(!buf_failed(b));
}

/* The two streams that a key is made of. */
struct rig_pdb {
	char info[40], dbi[80];
};

static void rig_make_pdb(struct rig_pdb *p)
{
	memset(p, 0, sizeof(*p));
	store_le32(p->info, 20000404);
	store_le32(p->info + 4, 0x5f3759df);
	store_le32(p->info + 8, 7);
	for (int i = 0; i < 16; i++)
		p->info[12 + i] = (char)(0xa0 + i);
	store_le32(p->dbi, UINT32_MAX);
	store_le32(p->dbi + 4, 19990903);
	store_le32(p->dbi + 8, 0x1a);
	store_le16(p->dbi + 56, 2);
	store_le16(p->dbi + 58, 0x8664);
}

/* Bytes that compress somewhat. */
__attribute__((unused)) static void rig_data(struct buf *b, size_t n, uint32_t seed)
{
	while (b->n < n) {
		seed = seed * 1664525 + 1013904223;
		rig_put(b, seed >> 20, 4);
	}
	b->n = n;
}
