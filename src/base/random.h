// SPDX-License-Identifier: MIT
/* Randomness for names and for jitter. Any thread. */
#pragma once
#include <stdint.h>

/* From the kernel; never fails on Linux once it has booted. */
uint64_t random_u64(void);
/* Evenly in [0, n), n > 0. Good enough for jitter. */
uint64_t random_below(uint64_t n);
