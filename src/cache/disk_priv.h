// SPDX-License-Identifier: MIT
/*
 * Shared by disk.c (the directory, and the files that have their names) and disk_draft.c (drafts).
 */
#pragma once
#include "cache/disk.h"

#include <stdatomic.h>
#include <sys/stat.h>

#define DISK_PATH_LEN 48 /* the longest path below the root, and its NUL */

/* A bit in the mode of a file that is no object yet, though it may have the name of one. */
#define DISK_NOT_YET S_ISVTX

struct disk {
	int root;
	char *dir;
	atomic_bool no_tmpfile; /* the file system knows no files without a name; set once */
};

/* Where the object lies: "objects/ab/...". */
void disk_object_path(const struct object_id *id, char ret[static DISK_PATH_LEN]);
/* The prefix and 16 random hex digits. */
void disk_random_path(const char *prefix, char ret[static DISK_PATH_LEN]);
