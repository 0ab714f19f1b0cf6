// SPDX-License-Identifier: MIT
/*
 * The transactions that a store has, as a listing of their objects tells, newest first; and those that symstore.exe
 * wrote down in its folder 000Admin. Main thread, but for what is marked.
 */
#pragma once
#include "publish/summary.h"

#define TRANSACTIONS_MAX 100000

struct transaction {
	struct tx_id id; /* of symstore's: ten digits */
	bool is_symstore;
	unsigned has; /* a bit for each enum tx_object that is listed */
	/* By the listing, until transactions_look() has read more. Of symstore's what its list tells; it counts as live. */
	struct summary told;
};

struct transactions {
	struct store *store;
	struct transaction *tx;
	size_t n, room;
};

void transactions_fini(struct transactions *t);
/* May there be a transaction of this name: one of ours, or the ten digits of symstore.exe? */
MUST_CHECK bool transactions_is_id(const char *word);
/* ERR_DENIED, ERR_NET...: it cannot be listed, and none is told. */
MUST_CHECK enum err transactions_list(struct store *s, struct transactions *ret, struct error *e);
/* Read of each what is told in a line. What fails stands in its told.error. */
void transactions_look(struct transactions *t);
/*
 * The plan and what became of its files; of a transaction that is not done *ret_done has none. Any thread but the
 * loop's.
 */
MUST_CHECK enum err transaction_read(struct store *s, const struct transaction *tx,
				     struct plan *ret_plan, struct done *ret_done, struct error *e);
