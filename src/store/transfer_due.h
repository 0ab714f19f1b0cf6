// SPDX-License-Identifier: MIT
/*
 * Until when the head of a transfer must be in, and whose fault it is when it is not; for
 * transfer.c. A transfer may have to wait for its turn first, and then has less time, for which the
 * store is not to blame. Pure.
 */
#pragma once
#include "base/err.h"
#include "store/transfer.h"

struct transfer_due {
	int64_t asked_ns;    /* when it was asked for */
	int64_t until_ns;    /* head_deadline_ns, put off by the wait where it goes on */
	int64_t within_ns;   /* head_within_ns of the request */
	int64_t *put_off_ns; /* of the request, as the next */
	bool patient;
	int64_t at_ns;    /* what all that comes to: transfer_deadline_ns() */
	enum err overdue; /* transfer_overdue() */
};

struct transfer_due transfer_due_of(const struct transfer_request *r, int64_t now_ns);
/*
 * It waits for its turn: only its asker's deadline counts. Not for one that goes on, which waits
 * for any time.
 */
void transfer_due_wait(struct transfer_due *d);
/* It begins now. */
void transfer_due_begin(struct transfer_due *d, int64_t now_ns);
/* The last byte of a body has left now: the answer has head_within_ns from here. */
void transfer_due_sent(struct transfer_due *d, int64_t now_ns);
