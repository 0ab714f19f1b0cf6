// SPDX-License-Identifier: MIT
/*
 * Drafts of one directory (dir_draft.h) get their names in groups: while one group is made durable, the next one
 * gathers. A few are synced one by one; for more of them two syncfs(2) do for all, one before the names are given and one
 * after. So a file that comes alone does not wait, and thousands do not wait for the disk thousands of times.
 *
 * Only where that is known to reach the disk: a file system of this machine, the one that the directory itself lies on.
 * Drafts elsewhere (NFS, or a file system that is mounted within) are synced by whoever wrote them.
 */
#pragma once
#include "base/list.h"
#include "store/dir_draft.h"
#include "store/store.h"

struct dir_commit;

/* A draft that waits for its name. */
struct dir_named {
	struct dir_draft draft;
	bool only_new;
	const atomic_bool *cancelled; /* set: it gets none, and is removed */

	struct error error; /* as of done() */
	bool present;       /* likewise: something had that name already */
	void (*done)(struct dir_named *n);
	STAILQ_ENTRY(dir_named) place; /* the group's */
};

struct dir_commit *dir_commit_new(struct store *s);
void dir_commit_free(struct dir_commit *c); /* accepts NULL; nothing waits any more */

/* Loop's thread: one more writes, or one less. */
void dir_commit_enter(struct dir_commit *c);
void dir_commit_leave(struct dir_commit *c);
bool dir_commit_is_idle(const struct dir_commit *c);
/* Of those that entered, any thread: before the first byte of a draft is written below root, which is open. */
void dir_commit_begin(struct dir_commit *c, int root);
/* Likewise, when it is written: may it wait? */
bool dir_commit_takes(struct dir_commit *c, const struct dir_draft *d);
/* Loop's thread; done() there, from inside where the pool takes no more (ERR_BUSY: the draft stays then). */
void dir_commit_add(struct dir_commit *c, struct dir_named *n);
