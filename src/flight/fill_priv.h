// SPDX-License-Identifier: MIT
/* What the files of a fill share: fill.c, fill_parts.c. */
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
	struct fill_waiter *waiters;
};

/* All of these are called under mu, but for fill_call_ready(). */

/* fill.c: those who need not wait any more, taken off; to be called without the lock. */
struct fill_waiter *fill_take_ready(struct fill *f);
void fill_call_ready(struct fill_waiter *w);

/* fill_parts.c: the last part that begins at or before offset; NULL when there is none. */
struct fill_part *fill_part_at(const struct fill *f, int64_t offset);
/* Does nobody bring what lies at offset? */
bool fill_in_gap(const struct fill *f, int64_t offset);
