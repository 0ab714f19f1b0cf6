// SPDX-License-Identifier: MIT
/*
 * The files in a zip archive (zip64 too), which lies in an open file, one after the other. Archives
 * come from outside: before libzip opens one its directory is counted here, and what is unpacked is
 * counted as it is inflated, whatever the directory says of lengths, so that entries which share their
 * bytes count each time. Stored and deflated entries are read. A pool's thread.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

#define UNPACK_ENTRIES_MAX   20000
#define UNPACK_DIRECTORY_MAX ((int64_t)16 << 20) /* bytes of the archive's directory */

/* What an archive begins with, an empty one, too. */
bool unpack_begins(struct slice head);

struct unpack_archive {
	int fd; /* borrowed */
	int64_t offset, length;
	int64_t max; /* bytes that may be unpacked */
};

/* Directories are passed over. */
struct unpack_events {
	/* The entry's name as it stands there, in UTF-8 as far as that can be told. */
	void (*begin)(void *ud, struct slice name);
	/* An error ends the whole, and end() is not called. */
	enum err (*bytes)(void *ud, struct slice bytes, struct error *e);
	/* e == NULL: it is whole, and its checksum right. Else: encrypted, damaged, cut short... */
	void (*end)(void *ud, const struct error *e);
};

/*
 * *ret_bytes: so many have been unpacked. ERR_CORRUPT: no archive, or its directory is damaged;
 * ERR_LIMIT: too many entries or bytes; ERR_IO: it cannot be read; or the error of bytes().
 */
MUST_CHECK enum err unpack(const struct unpack_archive *a, const struct unpack_events *events,
			   void *ud, int64_t *ret_bytes, struct error *e);
