// SPDX-License-Identifier: MIT
/*
 * How a flight comes to know whether what it brings is right (proof.h): a worker follows the bytes
 * with a checksum in their order, while they arrive; the store is asked for one where it did not
 * tell it; the beginning is held against the key as it comes, the whole at the end. It tells the
 * flight by flight_events: plausible, other, proven, failed, disk_failed.
 *
 * Loop's thread; takes a flight that is held. What a maker brings has been looked at by that.
 */
#pragma once
#include "base/loop.h"
#include "base/pool.h"
#include "flight/proof.h"

struct flight;

struct proving {
	struct proof proof;
	int64_t hashed, target; /* up to there */
	bool hashing;           /* a worker follows */
	struct pool_job hash_job;
	struct loop_task hashed_task;
	struct error hash_failure;
	struct fetch *sum_fetch; /* asks for the checksum of an object that comes in parts */
	bool looking_at_all;     /* a worker looks at the whole */
	struct loop_timer looked;
};

void proving_init(struct flight *f);
void proving_fini(struct flight *f);
/* The head is in (of a part only?): find out which checksum to compare with. */
void proving_expect(struct flight *f, bool ranged);
/*
 * The beginning is about to come: do the seats have to wait until it, or the whole, has been looked
 * at?
 */
bool proving_begin(struct flight *f);
/*
 * A seat wants the object itself, and none did when proving_begin() was called: look at it in the
 * end.
 */
void proving_begin_late(struct flight *f);
/* More of its beginning, in order. */
void proving_look(struct flight *f, struct slice bytes);
/* More has arrived, or a part has ended. */
void proving_advance(struct flight *f);
/* A checksum has been told, and the bytes have not been compared with it yet. */
bool proving_may_be_damaged(const struct flight *f);
