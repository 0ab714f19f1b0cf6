// SPDX-License-Identifier: MIT
/*
 * The names that have come into a store since it was listed, as those tell who published them: hashes of names in any
 * case. One thread adds; any thread looks, without a lock.
 */
#pragma once
#include "base/slice.h"

#define ARRIVALS_MAX 16384

struct arrivals;

struct arrivals *arrivals_new(void);
void arrivals_free(struct arrivals *a); /* accepts NULL */
/* False: there is no room. */
bool arrivals_add(struct arrivals *a, struct slice name);
bool arrivals_has(const struct arrivals *a, struct slice name);
