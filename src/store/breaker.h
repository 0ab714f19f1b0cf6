// SPDX-License-Identifier: MIT
/*
 * The breaker of one store: after BREAKER_FAILURES faults in a row the store is left alone, first
 * for a second, then for twice as long each time, up to a minute; after a pause one lookup
 * may try, and what it meets first decides how it goes on. Any answer closes the breaker. Pure but for the time it is
 * told; not thread safe.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES       5
#define BREAKER_FIRST_PAUSE_NS (INT64_C(1) * 1000000000)
#define BREAKER_LAST_PAUSE_NS  (INT64_C(60) * 1000000000)

struct breaker {
	unsigned failures;     /* in a row */
	bool trying;           /* half open: one request is out */
	int64_t pause_ns;      /* the present pause; 0 while closed */
	int64_t open_until_ns; /* 0 while closed */
};

/* May a request go out now? */
bool breaker_allows(struct breaker *b, int64_t now_ns);
/* Returns true when this failure opened the breaker (again): the moment to log. */
bool breaker_failed(struct breaker *b, int64_t now_ns);
/* Returns true when it was open before. */
bool breaker_succeeded(struct breaker *b);
