// SPDX-License-Identifier: MIT
/*
 * A directory into which files are written whose names came from outside. Nothing is made or opened outside it: a
 * path has no empty segments, "." or "..", and no link on the way is followed. Any thread; blocks on the file system.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* Made where it is missing. */
MUST_CHECK enum err out_dir_open(const char *path, int *ret_fd, struct error *e);

struct out_file {
	int folder;         /* where it is going to lie */
	char last[256];     /* its name there */
	char draft[40];     /* until it is whole */
	char draft_tag[40]; /* beside that: which version it is a part of */
	int fd;             /* of the draft, for reading and writing */
	int64_t size;       /* of what the draft has already */
	char tag[256];      /* "": not told, or there was no draft */
};

/*
 * Makes the folders. The draft is the one that an earlier run has left behind, or empty. ERR_BUSY: another process
 * writes it.
 */
MUST_CHECK enum err out_file_open(int dir, struct slice path, struct out_file *ret,
				  struct error *e);
/* For reading; -1: it is not there, or no regular file. */
int out_file_there(const struct out_file *f, int64_t *ret_size);
/* What the draft has is dropped, and what comes is of this version. */
MUST_CHECK enum err out_file_restart(struct out_file *f, const char *tag, struct error *e);
/* The draft, whole, takes its name. */
MUST_CHECK enum err out_file_keep(struct out_file *f, struct error *e);
/* Takes the draft away. */
void out_file_drop(struct out_file *f);
/* Leaves the draft there, if it has anything. */
void out_file_close(struct out_file *f);
