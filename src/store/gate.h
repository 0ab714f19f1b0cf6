// SPDX-License-Identifier: MIT
/*
 * The gate of a store for one kind of question: its breaker, and the probes that are sent while
 * that is open, one each second, so that an outage is over for clients a moment after it is over
 * for the store. A probe that gets no answer (packets may vanish) does not hold up the next: a few
 * may be on their way at once. When the gate closes the connections of before are given up.
 *
 * What an answer says about the store is decided by the fetch that asked (store/fetch.c). Loop's
 * thread.
 */
#pragma once
#include "base/loop.h"
#include "store/breaker.h"
#include "store/question.h"

struct store;

struct gate {
	struct store *store;
	enum question question;
	struct breaker breaker;
	struct loop_timer timer; /* the next probe */
	unsigned probes;         /* on their way */
};

/* The gates of a store that has its context. */
void gates_init(struct store *s);
/* May it be asked such a question now? Half open, each yes counts. */
bool gate_admits(struct store *s, enum question q);
/*
 * Is it left alone until it has answered well? Nothing is counted: for questions that can do
 * without.
 */
bool gate_is_closed(const struct store *s, enum question q);
/* It was answered, with an object or with a proven miss. True: the store had been left alone. */
bool gate_answered(struct store *s, enum question q);
/*
 * A question of that asker (0: of no request) that went out at asked_ns has failed by the store's
 * fault. True: the store is left alone from now on, and was not before.
 */
bool gate_failed(struct store *s, enum question q, uint64_t asker, int64_t asked_ns);
