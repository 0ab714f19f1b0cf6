// SPDX-License-Identifier: MIT
/*
 * Does a store keep its files in two tiers (fo/foo.pdb/KEY/foo.pdb)? It does where it has index2.txt, as symstore.exe
 * leaves it; asked only where nothing is known of it. The caller's thread waits for the loop's.
 */
#pragma once
#include "base/err.h"
#include "cmd/service.h"

/* An error: the store gave no answer. */
MUST_CHECK enum err two_tier_ask(struct service *s, struct store *store, bool *ret,
				 struct error *e);
