// SPDX-License-Identifier: MIT
/*
 * A file of a local store is looked into by a thread of that store's disk before its asker hears of
 * it: is it the file that its key names (proof.h), and is it compressed under a plain name
 * (encoding.h)? The loop's thread does not do that, for the disk may be slow.
 *
 * Loop's thread. The owner drops it once it is not to be told any more; what the worker uses outlives
 * that.
 */
#pragma once
#include "flight/flights.h"

struct local_look;

/*
 * Once, never from inside local_look_start(); the struct is gone afterwards. other: it is another file
 * than its key names, which has been logged. The head says how it is encoded; head->fd is the callee's.
 */
typedef void local_looked(void *ud, bool other, const struct object_head *head);

/*
 * key: where the file lies; path: what it has to be true to, which may be the same; both copied. NULL,
 * and head->fd stays the caller's, when too much waits for the disk already.
 */
struct local_look *local_look_start(struct flights *all, struct store *s, const char *key,
				    const char *path, const struct object_head *head,
				    local_looked *looked, void *ud);
void local_look_drop(struct local_look *l); /* accepts NULL */
