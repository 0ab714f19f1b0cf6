// SPDX-License-Identifier: MIT
/*
 * The key of a file below a name as the store spells it: the folder, the name and the last segment as they
 * are written there, and the key in one of the ways in which stores write keys. Only candidates.c needs it.
 * Pure.
 */
#pragma once
#include "serve/candidates.h"

/* The file as it was asked for, in any case. */
struct named_file {
	struct slice name, key;
	enum key_kind kind;
	const char *in;    /* the folder behind the key, "" or "msfz0" */
	struct slice stem; /* the last segment, which begins as the name does, */
	const char *affix; /* and what stands behind that */
};

/* Append it. '+' and space are the path's: a listing does not tell them apart. */
void candidate_put_listed(const struct named_file *f, const struct listed_name *listed,
			  enum key_casing casing, struct buf *out);
/* Append how that begins up to the first characters of the key, so many that a page of a listing holds the rest. */
void candidate_put_start(const struct named_file *f, const struct listed_name *listed,
			 enum key_casing casing, struct buf *out);
