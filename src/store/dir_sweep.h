// SPDX-License-Identifier: MIT
/*
 * What stands in a directory to no purpose: drafts (dir_draft.h) of processes that were killed, and folders in which
 * nothing is. Nothing outside root is reached. Blocks on the file system; any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Is it exactly such a name as a draft has? */
bool dir_is_draft(const char *name);
/*
 * Removes the drafts that stand directly in the folder, no others and nothing but files, and then the folder itself
 * and those above it, as long as they are empty; for who knows that nobody writes there. path is cut by it, as by the
 * next. How many drafts.
 */
size_t dir_sweep(int root, char *path);
/* The folder at path and those above it, as long as they are empty; "" is root, which stays. A link to a folder is none. */
void dir_remove_folders(int root, char *path);
