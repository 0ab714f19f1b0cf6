// SPDX-License-Identifier: MIT
/*
 * How a file is packed before it goes into a store: zstd, gzip, a cabinet (MSZIP), or not at all. What is packed goes
 * into a temporary file (base/file.h); nothing is held in memory but the encoder's state.
 *
 * An S3 bucket can say of an object how it is encoded, so that zstd and gzip go under the plain name, where every
 * client finds them; in a directory, and for cabinets, the name says it: foo.pdb.zst, foo.pd_. Such a name stands in
 * the plan, so that it is decided before the file is packed whether that is worth it, by samples of it; where the name
 * does not change, what the whole has come to decides.
 *
 * Any thread; blocks on the file system and the processor.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#include <stdatomic.h>

enum pack_kind { PACK_NONE, PACK_ZSTD, PACK_GZIP, PACK_CAB };

#define PACK_LEVEL_DEFAULT INT32_MIN
#define PACK_SHA256_SIZE   65 /* in hex, and a NUL */
/* Who reads a frame has to have so much memory for it: zstd's own highest levels would take 128 MiB. */
#define PACK_ZSTD_WINDOW_LOG_MAX 23

struct pack_how {
	enum pack_kind kind;
	int level; /* PACK_LEVEL_DEFAULT: zstd 3, gzip and cabinets 6 */
};

/* Has what is packed so a name of its own? That goes by the kind and the store, local or not. */
static inline bool pack_in_the_name(enum pack_kind kind, bool local)
{
	return kind == PACK_CAB || (local && kind != PACK_NONE);
}

/* "zstd", "gzip", "cab", "none". False: another word. */
bool pack_kind_of(struct slice word, enum pack_kind *ret);
const char *pack_word(enum pack_kind kind);
/* The levels that the kind takes. */
bool pack_level_is_good(enum pack_kind kind, int64_t level);

struct pack_file {
	int fd; /* borrowed */
	int64_t offset, size;
	struct slice name; /* in a cabinet */
	int64_t mtime_s;   /* likewise */
	const char
		*sha256;  /* of the plain bytes, as they were; ERR_CORRUPT when they have changed */
	bool in_the_name; /* pack_in_the_name(): it is packed, whatever that comes to */
	const atomic_bool *stop; /* set: ERR_CANCELED; NULL: never */
};

struct packed {
	enum pack_kind kind; /* PACK_NONE: it stays as it is, in its own file */
	int fd;              /* of what is packed, at 0; -1 with PACK_NONE */
	int64_t size;
	char sha256[PACK_SHA256_SIZE]; /* of the stored bytes; with PACK_NONE as it was given */
	int64_t counted;               /* file_temporary_end() is owed */
};

/*
 * What shrinks by less than a twentieth stays as it is, and so does what is compressed already, but where the name has
 * told already that it is packed. On an error there is nothing to free.
 */
MUST_CHECK enum err pack_file(const struct pack_how *how, const struct pack_file *file,
			      struct packed *ret, struct error *e);
void packed_fini(struct packed *p);
/* Is the file worth a name of a packed form? By its beginning, and by samples. */
MUST_CHECK enum err pack_is_worth_it(const struct pack_how *how, const struct pack_file *file,
				     bool *ret, struct error *e);
/* All n bytes from at, which lie within the file as it was: ERR_CORRUPT when it has become shorter. */
MUST_CHECK enum err pack_read(const struct pack_file *file, int64_t at, void *to, size_t n,
			      struct error *e);
/* SHA-256 of the bytes as they are. */
MUST_CHECK enum err pack_hash(const struct pack_file *file, char ret[static PACK_SHA256_SIZE],
			      struct error *e);
