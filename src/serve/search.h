// SPDX-License-Identifier: MIT
/*
 * What is typed into a search box, what a key that is found tells of a file, and where a search goes on that was told
 * page by page. Pure and bounded.
 */
#pragma once
#include "base/buf.h"

#define SEARCH_TEXT_MAX   ((size_t)1024) /* bytes of what is searched for */
#define SEARCH_CURSOR_MAX 4096           /* of the text of a cursor */

enum search_kind {
	SEARCH_NAME,  /* foo.pdb: the keys below it */
	SEARCH_KEY,   /* foo.pdb/KEY, foo.pdb/KEY/foo.pdb: what lies there */
	SEARCH_NAMES, /* foo*.p?b: names */
};

struct search {
	enum search_kind kind;
	struct slice name, key; /* or the GLOB, as name; parts of text */
	struct buf text;
};

/* NULL, or what is wrong. Blanks and slashes around it do not count, backslashes are slashes. */
MUST_CHECK const char *search_read(struct slice typed, struct search *ret);
void search_fini(struct search *s);
/* In any case; '+' and ' ' are one (name_list.h), also because a query may have been written with either. */
bool search_same_name(struct slice a, struct slice b);
/* Does the folder ("fo/foo.pdb/", in any case, and so much of the key) hold what is searched for? */
bool search_is_of(const struct search *s, struct slice folder);

/* What a key of a store is; all parts of it, but for form. */
struct search_row {
	struct slice name, key;
	struct slice last; /* what is asked for below name/key/ */
	const char
		*form; /* "plain", "cabinet", "gzip", "zstd", "msfz", "sym", "pointer", "other" */
};

/* False: it is no name/KEY/file. */
MUST_CHECK bool search_row_of(struct slice stored, struct search_row *ret);

/* The store with this place in STORES, what was listed there, and how far. */
struct search_cursor {
	size_t store;
	struct slice folder, token; /* parts of text */
	struct buf text;
};

/* Appended as text that needs no escape anywhere; buf_failed(): it is too long. */
void search_cursor_write(const struct search_cursor *c, struct buf *out);
/* False: none of ours. */
MUST_CHECK bool search_cursor_read(struct slice s, struct search_cursor *ret);
void search_cursor_fini(struct search_cursor *c);
