// SPDX-License-Identifier: MIT
/*
 * Pages of what lies in a directory, for listings (listing.h): a folder's names, or all keys that begin alike, in
 * the order of their bytes as in a bucket. Where a page ends in the midst of them, its token is the last key: the
 * next one looks for its place anew, and holds nothing open.
 *
 * Files are what dir_find() would open, in the case that they have on disk: regular ones, also by a link that
 * leads to one below the directory. Links to folders are not followed, since they may lead in a circle. What
 * vanishes meanwhile is passed over; a folder that may not be read is an error, for the page would not be whole.
 *
 * Blocks on the file system. Any thread.
 */
#pragma once
#include "store/name_list.h"
#include <stdatomic.h>

struct dir_list_ask {
	const char *root;
	struct slice folder; /* as in a store_page_ask, as the next two */
	bool deep;
	struct slice token;
	const atomic_bool *stop; /* set: the page is not wanted any more */
};

/* *ret is for dir_list_read(). ERR_LIMIT: a folder of too many names. ERR_CANCELED: stopped. */
MUST_CHECK enum err dir_list(const struct dir_list_ask *ask, struct buf *ret, struct error *e);
MUST_CHECK enum err dir_list_read(struct slice answer, struct name_page *ret, struct error *e);
