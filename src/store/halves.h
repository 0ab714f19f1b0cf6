// SPDX-License-Identifier: MIT
/*
 * A buffer of two halves between a transfer and a disk that may be slow: bytes go into one half
 * while a worker writes the other one, and then the two change places. The job, and the pause of
 * the transfer when there is no room, are the owner's.
 *
 * One thread; but between halves_turn() and halves_written() the worker reads halves_full().
 */
#pragma once
#include "base/slice.h"
#include "store/transfer.h"

#define HALF_SIZE ((size_t)128 * 1024)
/* A transfer that is told to pause may still bring so much. */
#define HALF_ROOM (2 * TRANSFER_READ_MAX)

/* Zeroed: empty. */
struct halves {
	char *half[2];
	size_t n[2];
	int filling;  /* which of them */
	bool writing; /* a job writes the other one */
};

void halves_fini(struct halves *h); /* while none is written */
/*
 * Takes all of the bytes. False: there is no room, though the transfer was told to pause in time.
 */
MUST_CHECK bool halves_add(struct halves *h, struct slice bytes);
/* Is there room for more than a transfer that pauses now may still bring? */
bool halves_have_room(const struct halves *h);
/* Is a half to be written now? Then they have changed places: true, and it is in halves_full(). */
MUST_CHECK bool halves_turn(struct halves *h);
struct slice halves_full(const struct halves *h);
/* The bytes of halves_full() have been written, or never will be. */
void halves_written(struct halves *h);
