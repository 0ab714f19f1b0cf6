// SPDX-License-Identifier: MIT
/*
 * Whether what arrives is the file that its key names (symfmt/verify.h): an inspection follows the
 * beginning of a body until that, or nothing, can be told of it. One thread at a time.
 */
#pragma once
#include "base/buf.h"
#include "symfmt/verify.h"

struct inspection {
	char *path; /* owned; NULL: there is nothing to look for */
	struct expected expected;
	bool looking; /* more of the beginning is wanted */
	bool wrong;
	bool whole; /* only the whole file can tell */
	struct buf head;
};

/* *ret needs no preparation. Afterwards ret->looking says whether there is anything to look for. */
void inspection_begin(struct inspection *ret, const char *path);
/* More of the beginning of a file of `total` bytes, while `looking`. */
void inspection_feed(struct inspection *in, struct slice bytes, int64_t total);
/*
 * At the end, when `whole`: look at all of it, which sets `wrong`. What cannot be read is not wrong.
 */
void inspection_finish(struct inspection *in, const struct source *file);
/* Count and tell that this is another file than its key names, and which. */
void inspection_tell(const struct inspection *in, const char *store, const struct source *file);
void inspection_fini(struct inspection *in); /* accepts a zeroed one */

/* A file as a source: its body lies behind base bytes of something else. */
struct file_source {
	int fd;
	int64_t base;
};
struct source file_source_of(struct file_source *f, int64_t length);
