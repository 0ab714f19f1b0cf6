// SPDX-License-Identifier: MIT
/*
 * Writing to a directory (write.h), on the pool for file lookups, without a deadline: a disk has
 * none. A file is written under a name of its own in the folder where it belongs, ".pepto-" and
 * random digits, made durable, and then gets its name in one step, so that no reader sees a part of
 * it. A process that is killed leaves that name behind. Folders are made as they are needed; a
 * removal takes those along that it leaves empty.
 *
 * Keys are written in the case that they have, but with only_new a file of that key in any case is
 * there already. Links within the directory are followed, never out of it.
 */
#pragma once
#include "store/write.h"

struct dir_names;

/* root, and names (of root) are borrowed while the write runs. */
struct store_write *dir_put(struct store *s, const char *root, struct dir_names *names,
			    const struct store_put *put, store_put_done *done, void *ud);
struct store_write *dir_remove(struct store *s, const char *root, const struct store_remove *remove,
			       const struct store_remove_events *events, void *ud);
