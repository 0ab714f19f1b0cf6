// SPDX-License-Identifier: MIT
/*
 * The regular files below a path, one after the other, in the order in which the directories give
 * them. A path that is named may be a symbolic link; those within directories are passed over, and
 * so is all that is neither file nor directory. Memory and open directories: those on the way to
 * the present file, WALK_DEPTH_MAX at most.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

#include <sys/stat.h>

#define WALK_DEPTH_MAX 64
#define WALK_PATH_MAX  ((size_t)64 * 1024)

struct walk {
	/* fd is open for reading, and closed by the walk. is_named: it is the path that was given. */
	void (*file)(void *ud, const char *path, int fd, const struct stat *st, bool is_named);
	/* A file or directory that cannot be read; the walk goes on behind it. */
	void (*failed)(void *ud, const char *path, const struct error *e);
	void *ud;
};

void walk(const struct walk *w, const char *path);
