// SPDX-License-Identifier: MIT
/* What the files of a derivation share: derive.c and derive_tail.c. Loop's thread. */
#pragma once
#include "flight/maker.h"

struct derivation {
	struct flight *flight;
	struct seat seat;          /* in the flight of the stored form */
	struct fetch *fetch;       /* of a local store */
	struct object_head stored; /* fd: the stored form, where it is a file */
	struct maker *maker;
	struct fetch *tail_fetch; /* of its last bytes */
	char tail[MAKER_TAIL];
	size_t tail_n;
	bool declined;          /* the cache has declined the stored form before */
	struct loop_timer soon; /* what is known at the start */
	struct error refusal;
};

/*
 * The stored form has this head and is on its way: if it may be gzip, have its last bytes fetched for
 * the maker, for they tell the length of what it holds.
 */
void derive_fetch_tail(struct flight *f, const struct object_head *head);
