// SPDX-License-Identifier: MIT
/*
 * The failures of a store, for who looks at the server: how many, and what the last one was, as the log has it.
 * Any thread.
 */
#pragma once
#include "base/err.h"

struct last_fault {
	int64_t count;
	int64_t at_s;  /* of clock_wall_s() and */
	int64_t at_ns; /* of clock_mono_ns(), when the last one was; 0: none yet */
	struct error error;
};

struct store;

void last_fault_note(struct store *s, const struct error *e);
struct last_fault last_fault_get(const struct store *s);
