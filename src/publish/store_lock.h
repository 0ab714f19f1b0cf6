// SPDX-License-Identifier: MIT
/*
 * The lock of a local store, .pepto/lock in its directory, which holds for as long as the process has it (fcntl(2), open
 * file description locks): whoever adds has it shared, whoever removes has it alone. On a file system that cannot lock,
 * or where somebody else has it, there is an error (ERR_BUSY: wait until they are done). Loop's thread; the file is
 * opened on the pool for file lookups.
 */
#pragma once
#include "store/store.h"

struct store_lock;

/* done() once, never from inside; e == NULL: it is held until it is freed, which is owed in any case. */
struct store_lock *store_lock_start(struct store *s, bool alone,
				    void (*done)(void *ud, const struct error *e), void *ud);
void store_lock_free(struct store_lock *l); /* at any time; accepts NULL */
