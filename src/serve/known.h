// SPDX-License-Identifier: MIT
/*
 * What is known already: an answer out of the cache, on the thread of the connection, without a
 * store being asked. A path is taken from the first store and candidate whose object lies in the
 * cache, if all before it are proven misses (negative.h): what lies there may have come for somebody
 * who asked for less, or while a store failed. Those whose miss is no answer any more are asked again
 * behind the client's back; of stores before, when half of their proof is over. The path is missing when every store
 * is known to miss every candidate. What lies there encoded as the client does not accept it does not
 * count, unless it lies there decoded as well.
 */
#pragma once
#include "serve/answer.h"
#include "serve/resolve.h"

struct known_request {
	struct flights *flights;
	const struct store_list *stores;
	struct resolve_rules rules;
	struct part_ask part;
	bool via; /* asked by a server before us: what stores that may loop say to it proves nothing */
};

/*
 * False: somebody has to be asked. Then *ret may be FOUND all the same, uncut: what lies in the cache
 * for the answer if all before it (ret->rank of ret->from) are missing, or cannot be asked. Any
 * thread; may open files.
 */
bool known_answer(const struct known_request *request, struct answer *ret);
