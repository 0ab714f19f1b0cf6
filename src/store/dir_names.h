// SPDX-License-Identifier: MIT
/*
 * The names in one directory, kept while it does not change, so that a name in another case than on disk is
 * looked for without reading all of them again.
 *
 * That a directory has not changed is told by its device, inode and times (mtime, ctime), and by these only once
 * they have been the same for SETTLED_NS of our own clock: what changes twice within a tick of the kernel's clock
 * has the same times, and a change of the second kind would not be seen. Names that are read when the times have
 * stood still for so long are believed as long as those stay. Directories that another machine may change (NFS,
 * SMB, FUSE, and whatever is not known to be of this one) are never believed.
 *
 * Thread safe. Blocks on the file system, with no lock held.
 */
#pragma once
#include "base/slice.h"
#include <stdbool.h>

#define DIR_MATCHES_MAX 16

struct dir_names;

/*
 * age_ns > 0: names that were read so long ago at most are believed, too, whatever has changed since, and wherever the
 * directory lies. For who changes it, all the time.
 */
struct dir_names *dir_names_new(int64_t age_ns);
void dir_names_free(struct dir_names *d); /* accepts NULL */

/*
 * The names in the directory that are `folded` once in lower case (fold_lower()): *ret_n of them, in any order,
 * DIR_MATCHES_MAX at most; the caller frees each. False: it is not known now, and the directory has to be
 * read. fd: of the directory, O_PATH will do; the same directory for all calls, as far as its path goes.
 */
MUST_CHECK bool dir_names_find(struct dir_names *d, int fd, struct slice folded,
			       char *ret[static DIR_MATCHES_MAX], size_t *ret_n);

/* Does the file lie on a file system that no other machine changes without our being told? */
bool dir_is_of_this_machine(int fd);
