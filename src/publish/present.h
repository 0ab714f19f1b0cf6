// SPDX-License-Identifier: MIT
/*
 * A file that is to go into a store, and what lies under its key already: is it the same? What a publisher of ours
 * has put there tells its SHA-256; of a local store the bytes are compared. Of anything else only an object of the
 * same length that is stored as it is, with an ETag that is its MD5, can be told from the file for certain: all others
 * are taken to be the file, which is said (unverified). What tells two files apart that are not the same: twin.h.
 */
#pragma once
#include "publish/pack.h"
#include "store/store.h"

enum present {
	PRESENT_SAME,
	PRESENT_UNVERIFIED,
	PRESENT_DIFFERS,
	PRESENT_ASKS_MD5,   /* it is the file if that has this MD5: present_compare() */
	PRESENT_ASKS_BYTES, /* if it has these bytes: likewise */
};

/* The plain file: how long, its SHA-256. has_name: its key is that of a packed form. Pure. */
enum present present_judge(int64_t size, const char *sha256, bool has_name,
			   const struct object_head *head);
/*
 * On a thread of a pool, where one of the last two was said, which asks tells: PRESENT_SAME, _DIFFERS or _UNVERIFIED
 * (packed in a way that cannot be undone). head->fd stays open.
 */
MUST_CHECK enum err present_compare(enum present asks, const struct pack_file *file,
				    const struct object_head *head, enum present *ret,
				    struct error *e);
