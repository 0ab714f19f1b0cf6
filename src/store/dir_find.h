// SPDX-License-Identifier: MIT
/*
 * Finding a file below a directory whatever the case of its names on disk. Blocks on the file
 * system. Nothing outside the directory is reachable: every path is resolved by the kernel with
 * RESOLVE_BENEATH (Linux 5.6), so symbolic links may lead about inside but not out. Of one that is absolute,
 * or climbs above the directory, the target counts where it lies below the directory all the same, or
 * would if the directory were `/` (RESOLVE_IN_ROOT).
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>

struct dir_names;

/*
 * Open the regular file that key names below root, read-only. In order: the key in lower case,
 * the key as it is, then any other case, in byte order of the names on disk. *ret_fd is -1 when
 * there is none (also for directories, fifos, devices, links that lead out); an error means that
 * we cannot tell. names: those of root (dir_names.h), or NULL.
 */
MUST_CHECK enum err dir_find(const char *root, struct dir_names *names, struct slice key,
			     int *ret_fd, struct error *e);
/*
 * The same for name/middle/name with a name that is not known: of all directories of root that have
 * such a file, the first in byte order. Here middle is looked for in lower case only. What may not
 * be read is passed over, and so is what lies behind the first DIR_NAMES_MAX names, or behind the one at
 * which *stop is found to be set: then the answer is not wanted any more.
 */
#define DIR_NAMES_MAX    65536
#define DIR_SEGMENTS_MAX 16 /* of a key; others are not found */
MUST_CHECK enum err dir_find_any_name(const char *root, struct slice middle,
				      const atomic_bool *stop, int *ret_fd, struct error *e);

/* A file's ETag, quotes and all: one that is replaced or rewritten changes its size, time or inode. */
#define DIR_ETAG_SIZE 64
void dir_etag(const struct stat *st, char ret[static DIR_ETAG_SIZE]);
/* Below root, which is an open directory, in this way; flags: of open(), O_PATH among them. -1: see errno. */
int dir_open_inside(int root, const char *path, int flags);
/* Does this errno say that there is no such file? */
bool dir_means_absent(int error);
/* ERR_DENIED: of what we may not read; ERR_BUSY: our own limits; else ERR_IO. */
enum err dir_error_kind(int error);
/* NULL at the end, with errno 0, and on a failure. */
struct dirent *dir_next_entry(DIR *dir);
