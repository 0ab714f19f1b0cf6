// SPDX-License-Identifier: MIT
/*
 * A cabinet of one file, one folder, MSZIP: the file in blocks of 32 KiB, each a deflate stream of
 * its own behind the letters "CK", which may refer back into the block before. The header counts
 * everything, so it comes last. Sources: [MS-CAB], [MS-MCI] 2.
 */
#include "base/bytes.h"
#include "codec/cab.h"

#include <time.h>
#include <zlib.h>

enum {
	BLOCK_SIZE = 32768,
	PACKED_MAX = 2 + 5 + BLOCK_SIZE, /* "CK" and one stored block */
	DATA_HEADER_SIZE = 8,
	HEAD_SIZE = 36 + 8 + 16, /* CFHEADER, CFFOLDER, CFFILE without the name */
	ATTRIBUTE_ARCHIVE = 0x20,
	ATTRIBUTE_UTF8 = 0x80,
};

struct encoder {
	const struct cab_member *member;
	const struct cab_output *io;
	struct error *e;
	z_stream z;
	int64_t at; /* where the next block goes */
	uint16_t blocks;
	char plain[2][BLOCK_SIZE]; /* this block and the one before, in turn */
	char data[DATA_HEADER_SIZE + PACKED_MAX];
};

/* [MS-CAB] 3.1: 32-bit words are xored; of the bytes that are left the first is the highest. */
static uint32_t checksum(const char *p, size_t n, uint32_t sum)
{
	uint32_t rest = 0;

	for (; n >= 4; p += 4, n -= 4)
		sum ^= load_le32(p);
	for (; n > 0; p++, n--)
		rest = rest << 8 | (unsigned char)*p;
	return sum ^ rest;
}

/* A block that deflate cannot shrink is stored: MSZIP has no room for much more than the block. */
static size_t store_block(const char *plain, size_t n, char *to)
{
	to[0] = 1; /* the last block, stored */
	store_le16(to + 1, (uint16_t)n);
	store_le16(to + 3, (uint16_t)~n);
	memcpy(to + 5, plain, n);
	return 5 + n;
}

static size_t deflate_block(struct encoder *x, size_t n)
{
	char *plain = x->plain[x->blocks % 2], *to = x->data + DATA_HEADER_SIZE + 2;
	int status = deflateReset(&x->z);

	if (status == Z_OK && x->blocks > 0)
		status = deflateSetDictionary(&x->z, (Bytef *)x->plain[1 - x->blocks % 2],
					      BLOCK_SIZE);
	x->z.next_in = (Bytef *)plain;
	x->z.avail_in = (uInt)n;
	x->z.next_out = (Bytef *)to;
	x->z.avail_out = PACKED_MAX - 2;
	if (status == Z_OK && deflate(&x->z, Z_FINISH) == Z_STREAM_END)
		return PACKED_MAX - 2 - x->z.avail_out;
	return store_block(plain, n, to);
}

static enum err read_block(struct encoder *x, int64_t from, size_t n)
{
	char *to = x->plain[x->blocks % 2];

	for (size_t got = 0, more = 0; got < n; got += more) {
		enum err err = x->io->read(x->io->ud, from + (int64_t)got, to + got, n - got, &more,
					   x->e);

		if (err)
			return err;
		if (more == 0)
			return err_set(x->e, ERR_CORRUPT, "file is shorter than %lld bytes",
				       (long long)x->member->size);
	}
	return OK;
}

static enum err encode_block(struct encoder *x, int64_t from, size_t n)
{
	size_t packed;
	enum err err = read_block(x, from, n);

	if (err)
		return err;
	memcpy(x->data + DATA_HEADER_SIZE, "CK", 2);
	packed = 2 + deflate_block(x, n);
	store_le16(x->data + 4, (uint16_t)packed);
	store_le16(x->data + 6, (uint16_t)n);
	store_le32(x->data,
		   checksum(x->data + 4, 4, checksum(x->data + DATA_HEADER_SIZE, packed, 0)));
	err = x->io->write_at(x->io->ud, x->at, (struct slice){x->data, DATA_HEADER_SIZE + packed},
			      x->e);
	x->at += (int64_t)(DATA_HEADER_SIZE + packed);
	x->blocks++;
	return err;
}

/* MS-DOS date and time; a time outside their range becomes the nearest end. */
static void store_time(int64_t mtime_s, char *to)
{
	const int64_t first = 315532800, last = 4354819198; /* 1980-01-01, 2107-12-31 23:59:58 */
	time_t t = (time_t)MAX(first, MIN(mtime_s, last));
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	store_le16(to, (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday));
	store_le16(to + 2, (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2));
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static enum err write_head(struct encoder *x)
{
	const struct cab_member *m = x->member;
	char head[HEAD_SIZE + CAB_NAME_MAX + 1] = CAB_MAGIC;
	size_t n = HEAD_SIZE + m->name.n + 1;

	store_le32(head + 8, (uint32_t)x->at);
	store_le32(head + 16, HEAD_SIZE - 16); /* offset of CFFILE */
	head[24] = 3;                          /* version 1.3 */
	head[25] = 1;
	store_le16(head + 26, 1); /* folders */
	store_le16(head + 28, 1); /* files */
	store_le32(head + 36, (uint32_t)n);
	store_le16(head + 40, x->blocks);
	store_le16(head + 42, CAB_MSZIP);
	store_le32(head + 44, (uint32_t)m->size);
	store_time(m->mtime_s, head + 54);
	store_le16(head + 58, ATTRIBUTE_ARCHIVE | (is_ascii(m->name) ? 0 : ATTRIBUTE_UTF8));
	memcpy(head + HEAD_SIZE, m->name.p, m->name.n);
	return x->io->write_at(x->io->ud, 0, (struct slice){head, n}, x->e);
}

static enum err encode(struct encoder *x)
{
	enum err err = OK;

	x->at = (int64_t)(HEAD_SIZE + x->member->name.n + 1);
	for (int64_t from = 0; !err && from < x->member->size; from += BLOCK_SIZE)
		err = encode_block(x, from, (size_t)MIN(x->member->size - from, BLOCK_SIZE));
	return err ? err : write_head(x);
}

enum err cab_encode(const struct cab_member *m, int level, const struct cab_output *io,
		    struct error *e)
{
	struct encoder *x;
	enum err err;

	if (m->size < 0 || m->size > CAB_FILE_MAX)
		return err_set(e, ERR_LIMIT, "%lld bytes do not fit into a cabinet",
			       (long long)m->size);
	if (m->name.n == 0 || m->name.n > CAB_NAME_MAX || slice_find(m->name, '\0') < m->name.n)
		return err_set(e, ERR_USAGE, "name cannot be that of a file in a cabinet");
	x = xnew(struct encoder);
	x->member = m;
	x->io = io;
	x->e = e;
	if (deflateInit2(&x->z, level, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY))
		err = err_set(e, ERR_NOMEM, "cabinet: no memory");
	else
		err = encode(x);
	deflateEnd(&x->z);
	free(x);
	return err;
}
