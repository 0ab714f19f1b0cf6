// SPDX-License-Identifier: MIT
/*
 * A number of bytes that makers share, for memory of which only few files need much. A caller that
 * wants more than is left waits; one that wants more than there is at all gets all of it. Thread
 * safe.
 */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct quota;

struct quota *quota_new(int64_t bytes);
void quota_free(struct quota *b); /* nothing is taken; accepts NULL */
/*
 * Waits. Gives up soon after *cancelled is set: 0, and nothing is taken. Returns what to give back.
 */
int64_t quota_take(struct quota *b, int64_t bytes, const atomic_bool *cancelled);
void quota_give(struct quota *b, int64_t bytes);
