// SPDX-License-Identifier: MIT
/*
 * Which removals run in a store, by their markers below .pepto/rm/. One whose marker is older than REMOVAL_OLD_S by
 * the store's own clock, the Date of the answer that lists it, takes nothing any more, whatever became of its process:
 * each of its requests carries an end of its own, which the store holds it to. Loop's thread.
 */
#pragma once
#include "store/store.h"

#define REMOVAL_OLD_S 120

struct removals;

/* Exactly one done(), never from inside, or a cancel. */
struct removals *removals_count(struct store *s,
				void (*done)(void *ud, size_t running, const struct error *e),
				void *ud);
void removals_cancel(struct removals *r); /* accepts NULL */
