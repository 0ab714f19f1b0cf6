// SPDX-License-Identifier: MIT
/*
 * Writing to a directory (write.h), on the pool for writes, without a deadline: a disk has none. A file is written as a
 * draft (dir_draft.h), made durable, alone or with others that are written at the time (dir_commit.h), and then gets its
 * name. It is done when the name is durable, too. Folders are made as they are needed; a removal takes those along that
 * it leaves empty.
 *
 * Keys are written in the case that they have, but with only_new a file of that key in any case is there already. (In a
 * folder that somebody made less than a second ago, and spells neither as this key nor in lower case, it may be
 * overlooked.) Links within the directory are followed, never out of it.
 */
#pragma once
#include "store/write.h"

struct dir_commit;
struct dir_names;

/* root, names and commit (of root) are borrowed while the write runs. */
struct store_write *dir_put(struct store *s, const char *root, struct dir_names *names,
			    struct dir_commit *commit, const struct store_put *put,
			    store_put_done *done, void *ud);
struct store_write *dir_remove(struct store *s, const char *root, const struct store_remove *remove,
			       const struct store_remove_events *events, void *ud);
