// SPDX-License-Identifier: MIT
/*
 * The retry policy, for all that is asked of a store: after a failure that passes the same
 * question is asked again, a few times, after a growing, jittered pause. Which failures pass is
 * for who has the answer to say (STORE_FAULT_RETRY).
 */
#pragma once
#include "base/clock.h"
#include <stdbool.h>

#define RETRY_TRIES_MAX      4
#define RETRY_WRITES_MAX     5 /* nobody waits for one as for an answer, and much has been sent */
#define RETRY_FIRST_PAUSE_NS (50 * NS_PER_MS)

/* The last of so many tries has failed. True: the next one is due at *ret_at_ns, and counted. */
bool retry_later(unsigned tries, int64_t deadline_ns, int64_t *ret_at_ns);
/* The same for a write, which has no deadline. */
bool retry_write_later(unsigned tries, int64_t *ret_at_ns);
