// SPDX-License-Identifier: MIT
/*
 * A whole file to be read here and there: of containers whose directory lies at the end, and which
 * are too long to be looked at as one head (head.h). The caller says where the bytes come from; a
 * parser asks for the ranges that it needs, and for none outside the file.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct source {
	/* All n bytes from offset, which lie within size; an error of its own otherwise. */
	enum err (*read)(void *ud, int64_t offset, void *to, size_t n, struct error *e);
	void *ud;
	int64_t size;
};

/* A file in memory. *bytes has to live as long as the source. */
struct source source_of(const struct slice *bytes);
/*
 * A body in an open file, behind `base` bytes of something else. Has to live as long as the source.
 */
struct file_source {
	int fd; /* borrowed */
	int64_t base;
};
struct source source_of_file(struct file_source *f, int64_t length);
/* Does the range lie in the file? */
bool source_has(const struct source *s, uint64_t offset, uint64_t n);
/* ERR_CORRUPT when the range passes the end of the file; or the error of read(). */
MUST_CHECK enum err source_read(const struct source *s, uint64_t offset, void *to, size_t n,
				struct error *e);

/*
 * The same bytes by way of a source that remembers its own failure, which a parser does not tell
 * from a damaged file: err and *e are those of the first read that failed, and so does every later
 * one. *w has to live as long as the source.
 */
struct watched_source {
	const struct source *file;
	struct error *e;
	enum err err;
};
struct source source_watch(struct watched_source *w, const struct source *file, struct error *e);
