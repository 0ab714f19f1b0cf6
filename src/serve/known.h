// SPDX-License-Identifier: MIT
/*
 * What is known already: an answer out of the cache, on the thread of the connection, without a
 * store being asked. A path is taken from the first store and candidate whose object lies in the
 * cache, if all before it are proven misses (negative.h): a later candidate may lie there from a request
 * by other aliases, or from a time when a store failed. A miss before it that proves, but is too old to
 * answer with, is asked about again in the background; one of an earlier store once half of the time is
 * over for which it proves. The path is missing when every store is known to miss every candidate. An
 * object with a Content-Encoding that the client does not accept counts only if its decoded form lies
 * there as well.
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
 * Another number after each purge (cache_purges()), and when the misses of a store no longer count: what was
 * looked for, and is remembered as an answer, is good as long as the number of before is that of now. Any thread.
 */
uint64_t known_version(const struct flights *flights, const struct store_list *stores);
/*
 * False: a store has to be asked. Then *ret may be FOUND all the same, uncut: what lies in the cache
 * for the answer if all before it (ret->rank of ret->from) are missing, or cannot be asked. Any
 * thread; may open files.
 */
bool known_answer(const struct known_request *request, struct answer *ret);
