// SPDX-License-Identifier: MIT
/*
 * The files that were asked for most and are nowhere, each with how often: by a sketch that keeps the most frequent
 * (space-saving, Metwally et al. 2005) in memory that does not grow with what is asked. When there is no room left, a
 * file takes the place of the one that was asked for least, and goes on from its count: so a count may be too high, by
 * `over` at most, and never too low. Whatever was more than one in MISSING_MAX of all that was counted is there.
 *
 * Any thread.
 */
#pragma once
#include "base/slice.h"

#define MISSING_MAX        4096
#define MISSING_TEXT_MAX   512 /* bytes of name and key together; a file with more is not counted */
#define MISSING_CLIENT_MAX 56  /* with its NUL */

struct missing;

struct missing_file {
	struct slice name,
		key; /* spelled as they were first asked for; case does not tell files apart */
	uint64_t count, over;
	int64_t first_s, last_s; /* seconds since the epoch; first: since it is counted here */
	const char *client;      /* who asked last */
};

struct missing *missing_new(void);
void missing_free(struct missing *m); /* accepts NULL */
/* The file was asked for once more; client: its address as text. */
void missing_count(struct missing *m, struct slice name, struct slice key, const char *client,
		   int64_t now_s);
/* One that was counted before, by another process: file->count times. */
void missing_restore(struct missing *m, const struct missing_file *file);
/*
 * The MISSING_MAX that were asked for most, the most frequent first. What is told lives until the call returns. A
 * file that is counted meanwhile may be told as it was before.
 */
void missing_each(struct missing *m, void (*tell)(void *ud, const struct missing_file *file),
		  void *ud);
/* It is there now: counted no more. */
void missing_forget(struct missing *m, struct slice name, struct slice key);
