// SPDX-License-Identifier: MIT
/*
 * A file of a local store is looked into by a thread of that store's disk before its asker hears of
 * it: is it the file that its key names (proof.h), and is it compressed under a plain name
 * (encoding.h)? The loop's thread does not do that, for the disk may be slow.
 *
 * Loop's thread. The owner drops it when it does not want the answer any more; the struct lives
 * until the worker is done.
 */
#pragma once
#include "flight/flights.h"

struct local_look;

/*
 * Once, never from inside local_look_start(); the struct is gone afterwards. other: it is another
 * file than its key names, which has been logged. The head says how it is encoded; head->fd is the
 * callee's.
 */
typedef void local_looked(void *ud, bool other, const struct object_head *head);

struct local_look_request {
	struct flights *flights;
	struct store *store;
	const char *key;                /* where the file lies; copied, as the next two */
	const char *path;               /* whose key it has to be true to; may be the same */
	const struct object_head *head; /* head->fd is the look's, once that has started */
};

/* NULL when too much waits for the disk already. */
struct local_look *local_look_start(const struct local_look_request *r, local_looked *looked,
				    void *ud);
void local_look_drop(struct local_look *l); /* accepts NULL */
