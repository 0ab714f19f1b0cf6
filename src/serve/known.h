// SPDX-License-Identifier: MIT
/*
 * What is known already: an answer out of the cache, on the thread of the connection, without a
 * store being asked. A path is taken from the first store and candidate whose object lies in the
 * cache: that all before it were missing was proven when it came. It is missing when every store
 * is known to miss every candidate. What lies there encoded as the client does not accept it does not
 * count, unless it lies there decoded as well.
 */
#pragma once
#include "serve/answer.h"
#include "serve/resolve.h"

struct known_request {
	struct cache *cache;
	const struct store_list *stores;
	struct resolve_rules rules;
	struct part_ask part;
};

/* False: somebody has to be asked. Any thread; may open files. */
bool known_answer(const struct known_request *request, struct answer *ret);
