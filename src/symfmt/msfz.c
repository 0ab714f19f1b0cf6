// SPDX-License-Identifier: MIT
/*
 * The reading half of msfz.h; msfz_expand.c is the other.
 *
 * The directory is kept as it came (decompressed) and walked again for each stream: its records
 * were checked once, in check_streams(), and are trusted from then on.
 */
#include "symfmt/msfz.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "symfmt/msf.h"

#include <zlib.h>
#include <zstd.h>

enum { HEADER_SIZE = 80, CHUNK_SIZE = 20, FRAGMENT_SIZE = 12 };
enum compression { RAW, ZSTD, DEFLATE };

/* zstd and deflate add little to bytes that they cannot shrink. */
#define PACKED_MAX (MSFZ_CHUNK_MAX + (MSFZ_CHUNK_MAX >> 8))
/* Bytes of the file that are passed on in one piece. */
#define PIECE_SIZE ((uint32_t)64 * 1024)
#define NO_CHUNK   UINT32_MAX

struct packed {
	uint64_t at; /* offset in the file */
	uint32_t compression, packed_size, size;
};

struct chunk {
	struct packed packed;
	uint64_t start; /* sum of the sizes of all chunks before */
	char *bytes;    /* decoded, or NULL */
	uint32_t next;  /* decoded after this one */
};

struct stream {
	uint32_t at; /* of its first fragment in the directory */
	uint32_t size;
};

struct msfz {
	const struct source *file;
	struct packed directory_at;
	char *directory;
	uint32_t n_streams, n_chunks;
	struct stream *streams;
	struct chunk *chunks;
	uint64_t total; /* size of all chunks */
	/* The decoded ones are a queue, the oldest goes first. */
	uint32_t oldest, newest;
	uint64_t cached;
	uint64_t decoding_left; /* how many bytes may still be decoded */
	char piece[PIECE_SIZE];
};

/* A fragment, unpacked from its 12 bytes. */
struct fragment {
	uint32_t size;
	bool is_chunked;
	uint32_t chunk;
	uint64_t at; /* in the chunk or in the file */
};

static struct fragment fragment_of(const char *p)
{
	uint64_t location = load_le64(p + 4);
	struct fragment f = {.size = load_le32(p), .is_chunked = location >> 63};

	f.chunk = location >> 32 & INT32_MAX;
	f.at = f.is_chunked ? location & UINT32_MAX : location;
	return f;
}

static bool inflate_all(struct slice packed, char *to, size_t n)
{
	z_stream z = {
		.next_in = (Bytef *)packed.p,
		.avail_in = (uInt)packed.n,
		.next_out = (Bytef *)to,
		.avail_out = (uInt)n,
	};
	bool whole = inflateInit2(&z, -MAX_WBITS) == Z_OK &&
		     inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0 && z.avail_out == 0;

	inflateEnd(&z);
	return whole;
}

/* Decode packed to exactly n bytes. */
static bool decode(uint32_t compression, struct slice packed, char *to, size_t n)
{
	if (compression == DEFLATE)
		return inflate_all(packed, to, n);
	/* The library would take the formats of before zstd 1.0 as well. */
	return packed.n >= 4 && load_le32(packed.p) == ZSTD_MAGICNUMBER &&
	       ZSTD_decompress(to, n, packed.p, packed.n) == n;
}

bool msfz_begins(struct slice head)
{
	return slice_starts(head, (struct slice){MSFZ_MAGIC, MSFZ_MAGIC_SIZE});
}

static enum err check_packed(const struct msfz *z, const struct packed *p, struct error *e)
{
	if (p->compression > DEFLATE)
		return err_set(e, ERR_CORRUPT, "MSFZ: unknown compression %u", p->compression);
	if (!source_has(z->file, p->at, p->packed_size))
		return err_set(e, ERR_CORRUPT, "MSFZ: cut off");
	if (p->packed_size > PACKED_MAX || p->size > MSFZ_CHUNK_MAX)
		return err_set(e, ERR_LIMIT, "MSFZ: chunk of %u bytes", p->size);
	if (p->compression == RAW && p->packed_size != p->size)
		return err_set(e, ERR_CORRUPT, "MSFZ: two sizes for what is not compressed");
	return OK;
}

static enum err no_memory(struct error *e)
{
	return err_set(e, ERR_NOMEM, "MSFZ: no memory");
}

/* Read and decode; *ret is the caller's to free. p has been checked. */
static enum err unpack(struct msfz *z, const struct packed *p, char **ret, struct error *e)
{
	char *bytes CLEANUP(free_p) = malloc(MAX(p->size, 1U));
	char *packed CLEANUP(free_p) = NULL;
	enum err err;

	if (p->compression == RAW) {
		err = bytes ? source_read(z->file, p->at, bytes, p->size, e) : no_memory(e);
	} else {
		packed = malloc(MAX(p->packed_size, 1U));
		err = bytes && packed ? source_read(z->file, p->at, packed, p->packed_size, e)
				      : no_memory(e);
		if (!err &&
		    !decode(p->compression, (struct slice){packed, p->packed_size}, bytes, p->size))
			err = err_set(e, ERR_CORRUPT, "MSFZ: damaged data");
	}
	if (!err)
		*ret = TAKE(bytes);
	return err;
}

static enum err read_header(struct msfz *z, uint64_t *ret_table, struct error *e)
{
	char h[HEADER_SIZE];
	enum err err = source_read(z->file, 0, h, sizeof(h), e);

	if (err)
		return err;
	if (memcmp(h, MSFZ_MAGIC, MSFZ_MAGIC_SIZE) != 0 || load_le64(h + 32) != 0)
		return err_set(e, ERR_CORRUPT, "not an MSFZ file of version 0");
	z->directory_at = (struct packed){load_le64(h + 40), load_le32(h + 60), load_le32(h + 64),
					  load_le32(h + 68)};
	z->n_streams = load_le32(h + 56);
	z->n_chunks = load_le32(h + 72);
	*ret_table = load_le64(h + 48);
	if (z->directory_at.size > MSFZ_DIRECTORY_MAX || z->n_chunks > MSFZ_TABLE_MAX / CHUNK_SIZE)
		return err_set(e, ERR_LIMIT, "MSFZ: tables for %u streams and %u chunks",
			       z->n_streams, z->n_chunks);
	/* A stream takes 4 bytes of the directory at least. */
	if (z->n_streams == 0 || z->n_streams > z->directory_at.size / 4 ||
	    load_le32(h + 76) != z->n_chunks * CHUNK_SIZE)
		return err_set(e, ERR_CORRUPT, "MSFZ: impossible header");
	return OK;
}

static enum err read_chunks(struct msfz *z, uint64_t table_at, struct error *e)
{
	struct packed table = {table_at, RAW, z->n_chunks * CHUNK_SIZE, z->n_chunks * CHUNK_SIZE};
	char *bytes CLEANUP(free_p) = NULL;
	enum err err = check_packed(z, &table, e);

	if (!err)
		err = unpack(z, &table, &bytes, e);
	if (err)
		return err;
	z->chunks = calloc(MAX(z->n_chunks, 1U), sizeof(*z->chunks));
	if (!z->chunks)
		return no_memory(e);
	for (uint32_t i = 0; i < z->n_chunks; i++) {
		const char *p = bytes + (size_t)i * CHUNK_SIZE;
		struct chunk *c = &z->chunks[i];

		c->packed = (struct packed){load_le64(p), load_le32(p + 8), load_le32(p + 12),
					    load_le32(p + 16)};
		c->start = z->total;
		z->total += c->packed.size;
		err = check_packed(z, &c->packed, e);
		if (!err && c->packed.size == 0)
			err = err_set(e, ERR_CORRUPT, "MSFZ: empty chunk");
		if (err)
			return err;
	}
	return OK;
}

static bool fragment_is_possible(const struct msfz *z, const struct fragment *f)
{
	if (!f->is_chunked)
		return source_has(z->file, f->at, f->size);
	return f->chunk < z->n_chunks && f->at < z->chunks[f->chunk].packed.size &&
	       z->chunks[f->chunk].start + f->at + f->size <= z->total;
}

/* The record of a stream at *at, which is moved behind it. */
static enum err check_stream(const struct msfz *z, uint32_t *at, struct stream *ret,
			     struct error *e)
{
	uint32_t end = z->directory_at.size;
	struct stream s = {.at = *at};
	uint64_t size = 0;

	for (bool is_first = true;; is_first = false) {
		struct fragment f;

		if (end - *at < 4)
			break;
		f.size = load_le32(z->directory + *at);
		if (f.size == 0 || (f.size == MSF_NIL && is_first)) {
			*at += 4;
			s.size = f.size == 0 ? (uint32_t)size : MSF_NIL;
			*ret = s;
			return OK;
		}
		if (end - *at < FRAGMENT_SIZE)
			break;
		f = fragment_of(z->directory + *at);
		if (!fragment_is_possible(z, &f))
			return err_set(e, ERR_CORRUPT, "MSFZ: fragment lies outside the file");
		*at += FRAGMENT_SIZE;
		size += f.size;
		if (size >= MSF_NIL)
			return err_set(e, ERR_LIMIT, "MSFZ: stream of 4 GiB or more");
	}
	return err_set(e, ERR_CORRUPT, "MSFZ: directory is too short");
}

static enum err check_streams(struct msfz *z, struct error *e)
{
	uint32_t at = 0;

	z->streams = calloc(z->n_streams, sizeof(*z->streams));
	if (!z->streams)
		return no_memory(e);
	for (uint32_t i = 0; i < z->n_streams; i++) {
		enum err err = check_stream(z, &at, &z->streams[i], e);

		if (err)
			return err;
	}
	return OK;
}

/*
 * How much may be decoded in all: each byte of the output, and of the chunks, some times. Files of
 * encoders need each chunk once, since streams follow each other as their chunks do.
 */
static void set_budget(struct msfz *z)
{
	uint64_t output = 0;

	for (uint32_t i = 0; i < z->n_streams; i++)
		output += z->streams[i].size == MSF_NIL ? 0 : z->streams[i].size;
	z->decoding_left = 8 * (output + MSFZ_CACHE_MAX);
}

enum err msfz_open(const struct source *file, struct msfz **ret, struct error *e)
{
	struct msfz *z CLEANUP(msfz_free_p) = xnew(struct msfz);
	uint64_t table_at = 0;
	enum err err;

	z->file = file;
	z->oldest = z->newest = NO_CHUNK;
	err = read_header(z, &table_at, e);
	if (!err)
		err = read_chunks(z, table_at, e);
	if (!err)
		err = check_packed(z, &z->directory_at, e);
	if (!err)
		err = unpack(z, &z->directory_at, &z->directory, e);
	if (!err)
		err = check_streams(z, e);
	if (err)
		return err;
	set_budget(z);
	*ret = TAKE(z);
	return OK;
}

void msfz_free(struct msfz *z)
{
	if (!z)
		return;
	for (uint32_t i = 0; z->chunks && i < z->n_chunks; i++)
		free(z->chunks[i].bytes);
	free(z->chunks);
	free(z->streams);
	free(z->directory);
	free(z);
}

uint32_t msfz_streams(const struct msfz *z)
{
	return z->n_streams;
}

uint32_t msfz_stream_size(const struct msfz *z, uint32_t number)
{
	return number < z->n_streams ? z->streams[number].size : MSF_NIL;
}

static void forget_oldest(struct msfz *z)
{
	struct chunk *c = &z->chunks[z->oldest];

	z->cached -= c->packed.size;
	free(TAKE(c->bytes));
	z->oldest = c->next;
	if (z->oldest == NO_CHUNK)
		z->newest = NO_CHUNK;
}

/* Have a chunk decoded. It stays so until the next call. */
static enum err load_chunk(struct msfz *z, uint32_t number, struct error *e)
{
	struct chunk *c = &z->chunks[number];
	enum err err;

	if (c->bytes)
		return OK;
	if (c->packed.size > z->decoding_left)
		return err_set(e, ERR_LIMIT, "MSFZ: chunks would have to be decoded too often");
	z->decoding_left -= c->packed.size;
	while (z->cached + c->packed.size > MSFZ_CACHE_MAX)
		forget_oldest(z);
	err = unpack(z, &c->packed, &c->bytes, e);
	if (err)
		return err;
	z->cached += c->packed.size;
	c->next = NO_CHUNK;
	if (z->newest == NO_CHUNK)
		z->oldest = number;
	else
		z->chunks[z->newest].next = number;
	z->newest = number;
	return OK;
}

static enum err read_raw(struct msfz *z, uint64_t at, uint32_t n, const struct msfz_taker *to,
			 struct error *e)
{
	for (uint32_t part; n > 0; n -= part, at += part) {
		enum err err;

		part = MIN(n, PIECE_SIZE);
		err = source_read(z->file, at, z->piece, part, e);
		if (!err)
			err = to->take(to->ud, (struct slice){z->piece, part}, e);
		if (err)
			return err;
	}
	return OK;
}

static enum err read_chunked(struct msfz *z, const struct fragment *f, uint32_t n,
			     const struct msfz_taker *to, struct error *e)
{
	uint32_t at = (uint32_t)f->at, part;

	for (uint32_t number = f->chunk; n > 0; number++, n -= part, at = 0) {
		const struct chunk *c = &z->chunks[number];
		enum err err = load_chunk(z, number, e);

		part = MIN(n, c->packed.size - at);
		if (!err)
			err = to->take(to->ud, (struct slice){c->bytes + at, part}, e);
		if (err)
			return err;
	}
	return OK;
}

enum err msfz_stream_read(struct msfz *z, uint32_t number, uint32_t max,
			  const struct msfz_taker *to, struct error *e)
{
	uint32_t size = msfz_stream_size(z, number), left = size == MSF_NIL ? 0 : MIN(size, max);
	const char *record = left ? z->directory + z->streams[number].at : NULL;

	for (; left > 0; record += FRAGMENT_SIZE) {
		struct fragment f = fragment_of(record);
		uint32_t n = MIN(f.size, left);
		enum err err = f.is_chunked ? read_chunked(z, &f, n, to, e)
					    : read_raw(z, f.at, n, to, e);

		if (err)
			return err;
		left -= n;
	}
	return OK;
}

static enum err take_head(void *ud, struct slice bytes, struct error *e)
{
	buf_add(ud, bytes);
	return buf_failed(ud) ? no_memory(e) : OK;
}

enum err msfz_read_facts(const struct source *file, struct pdb_facts *ret, struct error *e)
{
	struct msfz *z CLEANUP(msfz_free_p) = NULL;
	struct buf info CLEANUP(buf_fini) = BUF_MAX(PDB_INFO_HEAD);
	struct buf dbi CLEANUP(buf_fini) = BUF_MAX(PDB_DBI_HEAD);
	enum err err = msfz_open(file, &z, e);

	if (!err)
		err = msfz_stream_read(z, PDB_INFO_STREAM, PDB_INFO_HEAD,
				       &(struct msfz_taker){take_head, &info}, e);
	if (!err)
		err = msfz_stream_read(z, PDB_DBI_STREAM, PDB_DBI_HEAD,
				       &(struct msfz_taker){take_head, &dbi}, e);
	return err ? err : pdb_facts_of(buf_slice(&info), buf_slice(&dbi), ret, e);
}
