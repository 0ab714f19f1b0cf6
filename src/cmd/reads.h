// SPDX-License-Identifier: MIT
/*
 * Reading of stores for commands that work through a number of objects: a crew of threads, each of which does one
 * after the other and waits for what it asks the loop for.
 */
#pragma once
#include "store/fetch.h"

#define READS_PARALLEL 8

struct read_ask {
	struct store *store;
	struct slice key;
	bool head;           /* whether it is there, and what is said of it */
	int64_t first, last; /* of its bytes; last 0: all of it */
	size_t max;          /* of what comes; more: ERR_LIMIT */
	int64_t timeout_ns;  /* to be decided by then */
};

/*
 * Any thread but the loop's, which runs. Appends to bytes, whose ceiling has to be max or more; what came before a
 * failure stays there. e: with FETCH_FAULT.
 */
enum fetch_result read_object(const struct read_ask *ask, struct object_head *ret,
			      struct buf *bytes, struct error *e);

/*
 * work() for each number below n, in their order as they begin, on READS_PARALLEL threads; tick(), or NULL, on this
 * one every 200 ms and at the end. *stop set: none is begun any more.
 */
void crew_run(size_t n, void (*work)(void *ud, size_t i), void (*tick)(void *ud), void *ud,
	      const atomic_bool *stop);
