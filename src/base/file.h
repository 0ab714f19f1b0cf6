// SPDX-License-Identifier: MIT
/*
 * Small files read whole (configuration, credentials, tokens); temporary files without a name;
 * reads and writes of all bytes that were asked for, which a signal does not cut short.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/*
 * Append the content of path to out, whose ceiling has to leave room for max bytes. ERR_LIMIT when
 * the file is longer than max, ERR_IO (errno in e->sys) when it cannot be opened or read; on either
 * out->n is as before. The memory is reserved once, so that a secret leaves no copies behind in
 * blocks that realloc gave back.
 */
MUST_CHECK enum err file_read_small(const char *path, size_t max, struct buf *out, struct error *e);
/* Read n bytes at offset, fewer only where the file ends: how many, or -1 with errno. */
ssize_t file_read_at(int fd, void *to, size_t n, int64_t offset);
/*
 * Write all of them; false with errno. A write of nothing without an error means that the disk is
 * full: ENOSPC.
 */
bool file_write_at(int fd, struct slice bytes, int64_t offset);
/*
 * A file for reading and writing in $TMPDIR, else /var/tmp, that is gone when it is closed; or -1.
 */
int file_temporary(void);
/* Bytes of all temporary files of the process together, at most. */
#define FILE_TEMPORARY_MAX (INT64_C(16) << 30)
/*
 * Before a temporary file becomes length bytes long: ERR_BUSY where that would be too many of all,
 * or leave less of its file system free than the floor (looked at every few MiB). *counted: what it
 * is counted with, 0 at first, and more after an error, too. It is counted until
 * file_temporary_end(), which comes once the file is not read any more. Any thread; one at a time
 * for each file.
 */
MUST_CHECK enum err file_temporary_grow(int fd, int64_t *counted, int64_t length, struct error *e);
void file_temporary_end(int64_t *counted);
/*
 * Temporary files leave so many bytes of their file system free (1 GiB, unless told). Any thread.
 */
void file_temporary_floor(int64_t bytes);
/*
 * Raises the number of descriptors that the process may have (RLIMIT_NOFILE) as far as it may; how many these are then.
 * Before there are threads.
 */
size_t file_descriptors_max(void);
/* For tests: as if there were so many, everywhere; -1: as it is. */
void file_pretend_room(int64_t bytes);
