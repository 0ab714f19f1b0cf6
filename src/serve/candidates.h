// SPDX-License-Identifier: MIT
/*
 * Which keys of a store may hold what was asked for, likeliest first. A later key is answered
 * only when all earlier ones are proven misses, so the order decides between twins.
 *
 * Three things multiply, and nest like this, the outermost first:
 *
 *  1. spelling (symbol_path: '+' and space). Another spelling is another name, so no key of it
 *     comes before all keys of the name as it was asked.
 *  2. tier (foo.pdb/K/foo.pdb, fo/foo.pdb/K/foo.pdb). The layout belongs to the whole store and
 *     is therefore surer than the case of one file.
 *  3. case, lower before as asked. Innermost, so that the two cases stand side by side at the
 *     front: a gather that asks for two keys at once asks for those.
 *
 * Tiers: a path as it was asked comes before its twin, but for a store that is known to be
 * two-tier a one-tier path (three segments) is asked for in its two-tier form first, and for one
 * that is not known yet in that form second, lest a 404 be unproven. A two-tier
 * path (four segments, the first being the folder of the second) has its one-tier twin on any
 * store. A segment msfz0 before the last does not count. The folder that is put before a name
 * has the case of that name.
 *
 * A lower-case one-tier request has one candidate on a one-tier store, a mixed-case one two.
 * Pure: no I/O, no globals.
 */
#pragma once
#include "serve/request.h"

#define CANDIDATES_MAX (REQUEST_SPELLINGS_MAX * 2 * 2)

enum key_case { KEY_CASE_BOTH, KEY_CASE_LOWER, KEY_CASE_ASKED };
enum key_tier { KEY_TIER_UNKNOWN, KEY_TIER_ONE, KEY_TIER_TWO };

struct candidate_options {
	enum key_case key_case;
	enum key_tier tier;
};

/* No two keys are the same. They lie in text and live until candidates_fini(). */
struct candidates {
	size_t n;
	struct slice key[CANDIDATES_MAX];
	struct buf text;
};

/*
 * *ret needs no preparation and is always safe to give to candidates_fini(). False only when
 * memory is out. A path without segments has no candidates.
 */
MUST_CHECK bool candidates_make(const struct symbol_path *p, const struct candidate_options *o,
				struct candidates *ret);
void candidates_fini(struct candidates *c);
