// SPDX-License-Identifier: MIT
/*
 * The format of a cached object's file, and the identity that names it. A file is a header of
 * OBJECT_HEADER_SIZE bytes, then the body as it came from the store:
 *
 *	offset  size
 *	     0     8  magic, "PeptoObj"
 *	     8     4  version of this format, OBJECT_VERSION
 *	    12     4  size of this header
 *	    16    16  identity
 *	    32     8  length of the body in bytes
 *	    40     8  Last-Modified in seconds since the epoch, -1 when unknown
 *	    48     8  XXH3-64 of the body, 0 when unknown
 *	    56     4  flags; 1: the XXH3-64 of the body is known
 *	    60     4  zero
 *	    64   128  ETag with its quotes
 *	   192    40  Content-Encoding
 *	   232   128  name of the store, for people
 *	   360   656  key, for people
 *	  1016     8  XXH3-64 of all bytes before it
 *
 * Numbers are little-endian, signed ones in two's complement; texts are padded with NULs, at least
 * one. The header is fixed in size and place so that a body can be written before anything but its
 * length is known, and so that its bytes lie where sendfile() finds them without a look.
 *
 * Pure functions; any thread.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#define OBJECT_HEADER_SIZE 1024
#define OBJECT_VERSION     1
/* The longest body: header and body together still have a size. */
#define OBJECT_LENGTH_MAX (INT64_MAX - OBJECT_HEADER_SIZE)
/*
 * Up to this length a body is kept in memory while it is on its way to many, and kept with its
 * hash.
 */
#define OBJECT_SMALL    ((int64_t)128 * 1024)
#define OBJECT_KEY_MAX  656
#define OBJECT_NAME_LEN 34 /* "ab/", 30 more hex digits, and a NUL */

struct object_id {
	uint8_t b[16];
};

struct object_meta {
	struct object_id id;
	int64_t length;
	int64_t mtime;     /* seconds since the epoch, -1 unknown */
	char etag[128];    /* with its quotes; "" unknown */
	char encoding[40]; /* Content-Encoding; "" = none */
	bool hashed;       /* xxh3 is that of the body */
	uint64_t xxh3;
	char store[128]; /* this and key are for people who look at the file: cut to its size */
	char key[OBJECT_KEY_MAX];
};

/*
 * Texts without a NUL are cut. A meta that object_header_read() would refuse is written all the
 * same.
 */
void object_header_write(const struct object_meta *meta, uint8_t ret[static OBJECT_HEADER_SIZE]);
/*
 * The header at the beginning of bytes. ERR_CORRUPT, with *ret untouched, unless it is to the byte
 * what object_header_write() makes of a meta with a length of 0 to OBJECT_LENGTH_MAX and without
 * control bytes in etag and encoding.
 */
MUST_CHECK enum err object_header_read(struct slice bytes, struct object_meta *ret,
				       struct error *e);
/*
 * XXH3-128 over where the object is from (a digest of endpoint, bucket, prefix, credential scope),
 * its key there and the form it is kept in ("stored" when as the store has it). Equal parts give
 * the same identity in every process; parts are told apart by their length, so "a" + "bc" is
 * another object than "ab" + "c".
 */
struct object_id object_id_make(const uint8_t store_id[static 32], struct slice key,
				struct slice form);
/* The path below objects/: "ab/cdef...", 256 directories. */
void object_name(const struct object_id *id, char ret[static OBJECT_NAME_LEN]);
