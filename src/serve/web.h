// SPDX-License-Identifier: MIT
/*
 * The scripts and the style of the page, below /-/web/. They are files of src/web/, which tools/embed.py has made C of when
 * the program was built. A browser asks each time whether they are still the same, and is told so by their ETags.
 * Reached as files are, behind base path and token; not at all with PAGE=off.
 */
#pragma once
#include "base/slice.h"

struct web_file {
	const char *name, *type; /* its Content-Type */
	struct slice plain, gzip;
	const char *etag, *gzip_etag;
};

extern const struct web_file web_files[];
extern const size_t web_files_n;
/* page.html, in which pages.c fills what is named in braces. */
extern const struct slice web_page;

struct exchange;
struct symbol_path;

/* Is it below /-/web/? */
bool web_is(const struct symbol_path *path);
/* On the connection's thread, as the next; gives exactly one answer: 200, or 304 to who has it. */
void web_answer(struct exchange *x);
struct page;
/* The page at the root, whose text is taken: it may load and ask what is the server's own, and nothing else. */
void web_front(struct exchange *x, struct page *page);
