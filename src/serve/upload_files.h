// SPDX-License-Identifier: MIT
/*
 * The files of one upload: as they came, in one draft, one behind the other; and those that were
 * unpacked of them, in a second one. Temporary files (disk.h), which are counted as they grow and
 * gone when they are closed. One thread at a time; what writes or reads blocks for as long as the
 * disk takes.
 */
#pragma once
#include "cache/disk.h"

#include <stdatomic.h>

#define UPLOAD_FILES_MAX 20000 /* that came, and likewise that were unpacked */
#define UPLOAD_NAME_MAX  1024  /* bytes of a name that are kept: no key has more */

enum upload_draft { UPLOAD_CAME, UPLOAD_UNPACKED, UPLOAD_DRAFTS };

struct upload_file {
	struct slice name; /* owned; as it was sent, or stands in the archive */
	enum upload_draft draft;
	int64_t at, length; /* in the body of that draft */
	char *why;          /* owned: it cannot be had, because; or NULL */
};

struct upload_files {
	struct upload_file *file; /* owned; a pointer to one is good until the next begins */
	size_t n, room, begun[UPLOAD_DRAFTS];
	struct draft *draft[UPLOAD_DRAFTS]; /* owned; NULL: none yet */
	int64_t end[UPLOAD_DRAFTS];         /* so many bytes are there of files that have begun */
};

void upload_files_fini(struct upload_files *f);
/* A file begins at the end of a draft. NULL: too many. */
struct upload_file *upload_files_begin(struct upload_files *f, enum upload_draft draft,
				       struct slice name);
/*
 * Bytes of a draft's body. ERR_BUSY: the temporary files of the process are too many, or leave too
 * little room; ERR_IO.
 */
MUST_CHECK enum err upload_files_write(struct upload_files *f, enum upload_draft draft, int64_t at,
				       struct slice bytes, struct error *e);
/*
 * Each file that is a zip archive makes way for what is in it, as far as that is no archive itself.
 * max: bytes that may be unpacked in all. An archive that cannot be read stays, with `why`.
 * ERR_LIMIT: more than that; ERR_CANCELED: *stop became true; else as upload_files_write().
 */
MUST_CHECK enum err upload_files_unpack(struct upload_files *f, int64_t max,
					const atomic_bool *stop, struct error *e);
/* Where a file's bytes lie: *ret_fd is the draft's. */
int64_t upload_file_place(const struct upload_files *f, const struct upload_file *file,
			  int *ret_fd);
