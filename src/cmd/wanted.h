// SPDX-License-Identifier: MIT
/*
 * Which files of stores are wanted for files on this machine: of a symbol file the one that it is itself, of an image
 * also the PDBs that it names, of a minidump the images and PDBs of its modules. Reads pages, not files. One thread's.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

struct wanted_file {
	char *path; /* "foo.pdb/K/foo.pdb", written as symstore.exe does */
	char *from; /* the file that wants it; the first one */
	bool is_pdb;
};

struct wanted {
	/* A file that cannot be read, or, of those that were named, is of no known format. */
	void (*failed)(void *ud, const char *file, const char *why);
	void *ud;
	struct wanted_file *file; /* each path once, in the order in which they were found */
	size_t n;
	void *tree; /* tsearch(3) */
};

/* A file, or all below a directory. */
void wanted_by(struct wanted *w, const char *path);
/* A path of a store, of any form. */
void wanted_path(struct wanted *w, const char *path);
void wanted_fini(struct wanted *w);
