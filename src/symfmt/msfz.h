// SPDX-License-Identifier: MIT
/*
 * MSFZ ("PDZ"): the streams of a PDB in a container that is compressed, smaller, and read by few.
 * Here it is read, and written back as an MSF 7.0 with the same streams, which all tools read.
 *
 * A stream is a list of fragments. A fragment lies as it is in the file, or in chunks, which are
 * compressed one by one, and which taken together, in the order of their table, are one long run
 * of bytes: a fragment may begin in one chunk and end in another.
 *
 * All counts and places are checked when the container is opened; chunks are decoded when they are
 * first needed and kept while MSFZ_CACHE_MAX bytes of them are. Memory: that, one compressed chunk,
 * and the two tables, which have limits of their own. A file that has its chunks decoded over and
 * over again is refused.
 *
 * Source: msfz.md of pdb-rs, version 0 of the format ("experimental" by its owner's word).
 */
#pragma once
#include "symfmt/pdb.h"

#define MSFZ_MAGIC                                                                                 \
	"Microsoft MSFZ Container\r\n\x1a"                                                         \
	"ALD\0\0"
#define MSFZ_MAGIC_SIZE    32
#define MSFZ_DIRECTORY_MAX ((uint32_t)16 << 20)
#define MSFZ_TABLE_MAX     ((uint32_t)16 << 20)
#define MSFZ_CHUNK_MAX     ((uint32_t)64 << 20) /* either way; encoders make them of 4 MiB */
#define MSFZ_CACHE_MAX     ((uint64_t)64 << 20)

struct msfz;

/* By its magic. */
bool msfz_begins(struct slice head);
/* Borrows file. ERR_CORRUPT, ERR_LIMIT beyond one of the limits, ERR_NOMEM, or the source's own. */
MUST_CHECK enum err msfz_open(const struct source *file, struct msfz **ret, struct error *e);
void msfz_free(struct msfz *z); /* accepts NULL */
static inline void msfz_free_p(struct msfz **z)
{
	msfz_free(*z);
}

uint32_t msfz_streams(const struct msfz *z);
/* MSF_NIL for a nil stream. */
uint32_t msfz_stream_size(const struct msfz *z, uint32_t number);

struct msfz_taker {
	/* Bytes in their order, there until it returns. Its error ends the reading. */
	enum err (*take)(void *ud, struct slice bytes, struct error *e);
	void *ud;
};

/* The first bytes of a stream, at most max of them, in pieces. */
MUST_CHECK enum err msfz_stream_read(struct msfz *z, uint32_t number, uint32_t max,
				     const struct msfz_taker *to, struct error *e);

MUST_CHECK enum err msfz_read_facts(const struct source *file, struct pdb_facts *ret,
				    struct error *e);

struct msfz_sink {
	/* The length of the MSF file, before its first byte. */
	enum err (*size)(void *ud, int64_t size, struct error *e);
	enum err (*write)(void *ud, struct slice bytes, struct error *e);
	void *ud;
	int64_t max_output; /* ERR_LIMIT beyond it, before size() */
};

/* Write the file as MSF 7.0, front to back, so that it may be sent on as it is made. */
MUST_CHECK enum err msfz_expand(const struct source *file, const struct msfz_sink *sink,
				struct error *e);
