// SPDX-License-Identifier: MIT
/*
 * How the body of a flight arrives: in parts, each a run of bytes with a connection of its own. The
 * first part is the answer to the first question, which asks for one block only; once its head has
 * told the size and the version, others are asked for the blocks behind, pinned to that version,
 * until FETCH_PARALLEL of them run. What is left for the last round is divided evenly. A place that
 * a reader waits at is fetched before anything else, if need be on one connection more.
 *
 * It tells the flight by flight_events: begin, answered, torn, disk_failed. Loop's thread; takes a
 * flight that is held, and may have ended it when it returns.
 */
#pragma once
#include "base/loop.h"

struct flight;
struct part;

struct arrival {
	LIST_HEAD(, part) parts;
	size_t n_parts;
	int64_t chunk; /* size of the parts of the last round; 0: not there yet */
	struct loop_task wanted;
};

void arrival_init(struct flight *f);
/* No part is wanted any more. */
void arrival_drop(struct flight *f);
/* The first question; while FLIGHT_PRESENCE only whether it is there. */
void arrival_ask(struct flight *f);
/*
 * The flight's deadline has been moved: a seat that waits has more time than the seats before it.
 */
void arrival_extend(struct flight *f);
/* Does it receive an answer without a length? */
bool arrival_is_spooling(const struct flight *f);
/* The count of that answer's temporary file is the caller's from now on (fetch_take_spool()). */
int64_t arrival_take_spool(struct flight *f);
/* As many parts as may run. */
void arrival_start(struct flight *f);
/* The draft is there: write the bytes that have come meanwhile. */
void arrival_flush(struct flight *f);
/* A reader waits at an offset of no part (fill_wanted()). Any thread that reads the fill. */
void arrival_want(void *flight);
