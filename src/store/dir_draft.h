// SPDX-License-Identifier: MIT
/*
 * A file on its way into a directory: written under a name of its own, ".pepto-" and random digits, in the folder where
 * it belongs, and given the name that it is to have in one step, so that no reader sees a part of it. Whoever gives it
 * that name has made its bytes durable before, so that after a power cut, too, a file which has its name is whole.
 * A process that is killed leaves a draft behind (dir_sweep.h).
 *
 * Nothing outside root is reached; links within are followed. Blocks on the file system; any thread, one at a time.
 */
#pragma once
#include "base/err.h"
#include "store/body.h"
#include "store/dir_find.h"

#define DIR_DRAFT_NAME_SIZE 32

struct dir_draft {
	const char *folder; /* below root, "" for root itself; borrowed */
	const char *name;   /* that it is to get; borrowed */
	char draft[DIR_DRAFT_NAME_SIZE];
	dev_t dev; /* of its file system */
	char etag[DIR_ETAG_SIZE];
};

/*
 * Which transaction stored a file is told by an extended attribute of it, user.pepto-tx, with its length, time of change
 * and key (folded, hashed) of then: whoever writes another file into its place without a rename, links it, or copies it
 * to another key with all its attributes, does not take that along. Where a file system has no such attributes nothing
 * is told.
 */
#define DIR_TX_SIZE 40

/* "" where nothing is told. */
void dir_told_tx(int fd, const struct stat *st, struct slice key, char ret[static DIR_TX_SIZE]);

/*
 * Makes the folder and writes the draft. tx: the transaction that stores it, or NULL. sha256: of the body, in hex;
 * ERR_CORRUPT when it has another. *stop: ERR_CANCELED. On an error no draft is left.
 */
MUST_CHECK enum err dir_draft_write(struct dir_draft *d, int root, const struct store_body *body,
				    const char *sha256, const char *tx, const atomic_bool *stop,
				    struct error *e);
/* Its bytes are on the disk then. */
MUST_CHECK enum err dir_draft_sync(const struct dir_draft *d, int root, struct error *e);
/*
 * After this there is no draft any more. only_new: *ret_present says that something has that name already, which
 * stays. durable: so is the name, at once.
 */
MUST_CHECK enum err dir_draft_name(const struct dir_draft *d, int root, bool only_new, bool durable,
				   bool *ret_present, struct error *e);
void dir_draft_drop(const struct dir_draft *d, int root);

/* The folder at path, "" for root itself; -1 with errno. */
int dir_open_folder(int root, const char *path);
/* The last segment of a path is cut off; where it begins. path becomes "" when there is one alone. */
const char *dir_cut_last(char *path, const char **ret_folder);
