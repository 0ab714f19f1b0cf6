// SPDX-License-Identifier: MIT
/*
 * What was missing, over a restart: a file beside the cache, a line of JSON for each file that was asked for in vain.
 *
 *	{"name","key","count","over","first","last","client"}		first, last: seconds since the epoch
 *
 * It is written anew as a whole, and gets its name when it is complete. Of several processes on one cache directory
 * the last one counts. Lines that cannot be read are passed over: nothing hangs on them. The printing and reading of
 * text is pure; saving and loading block on the disk.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "cache/disk.h"
#include "serve/missing.h"

#define MISSING_FILE_MAX ((size_t)16 << 20)

void missing_print(struct missing *m, struct buf *out);
/* Returns how many files it told of. */
size_t missing_read(struct missing *m, struct slice text);
/* dir: a descriptor of the directory. */
MUST_CHECK enum err missing_save(struct missing *m, int dir, struct error *e);
/* OK when there is none. */
MUST_CHECK enum err missing_load(struct missing *m, int dir, struct error *e);
