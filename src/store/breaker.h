// SPDX-License-Identifier: MIT
/*
 * The breaker of one store for one kind of question.
 *
 *	CLOSED --5 faults over 2 s, no good answer among them--> OPEN
 *	OPEN --a probe is answered, but oddly--> HALF OPEN --4 faults--> OPEN, for a second at least
 *	any good answer closes it, that to a probe among them
 *
 * While it is open only probes ask (store/gate.h), so a store that is back is asked again a
 * moment later, however long it was away. Half open, four requests are let through at a time.
 *
 * Faults are counted by request: one that asks for many keys has failed once. Faults without a
 * request (0) count each for itself.
 *
 * A count of faults alone does not open it: keys that make a store fail, asked for again and
 * again, would close it for all others. A fault counts only if its question went out after the last
 * good answer and after the last change of state: what was sent before says nothing new. Pure but
 * for the time it is told; not thread safe.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAULTS   5
#define BREAKER_RUN_NS   (INT64_C(2) * 1000000000) /* that they have to last */
#define BREAKER_TRIES    4
#define BREAKER_PAUSE_NS (INT64_C(1) * 1000000000)

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker {
	enum breaker_state state;
	int64_t since_ns;                /* of the state, or the last good answer */
	int64_t first_ns;                /* the first of the faults */
	unsigned faults;                 /* that count, since then; no more than it takes */
	uint64_t askers[BREAKER_FAULTS]; /* of these */
	int64_t until_ns; /* OPEN: a probe may end it from now on; HALF OPEN: four more may try */
	unsigned tries;   /* HALF OPEN: let through */
};

/* May a request go out now? */
bool breaker_allows(struct breaker *b, int64_t now_ns);
/* A question of that request went out at asked_ns. Returns true when this opened it (again). */
bool breaker_failed(struct breaker *b, uint64_t asker, int64_t asked_ns, int64_t now_ns);
/* A good answer. Returns true when it was not closed before. */
bool breaker_succeeded(struct breaker *b, int64_t now_ns);
/* A probe was answered, if not by a miss. */
void breaker_probed(struct breaker *b, int64_t now_ns);
