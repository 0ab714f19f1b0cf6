// SPDX-License-Identifier: MIT
/* The struct of a fill, for fill.c and the tests of its readers. */
#pragma once
#include "flight/fill.h"

#include <stdatomic.h>

enum fill_state { NEW, RUNNING, COMMITTED, FAILED };
enum fill_backing { NOTHING, RING, MEMORY, FILE_PARTS };

struct fill_part {
	int64_t first, stored, end;
};

struct fill {
	atomic_uint refs;
	struct fill_writer writer;
	enum fill_backing backing; /* set once by fill_begin_*(), as the next three */
	char *bytes;
	size_t size;
	int64_t length;
	int fd; /* set once by fill_set_file(), before anything is stored */
	int64_t base;

	pthread_mutex_t mu;
	enum fill_state state; /* under mu, as all below */
	int64_t written, consumed;
	bool writer_paused;
	struct fill_part *parts; /* owned array, sorted */
	size_t n_parts, cap_parts;
	struct error why; /* FAILED */
	LIST_HEAD(fill_waiters, fill_waiter) waiters;
};
