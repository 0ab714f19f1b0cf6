// SPDX-License-Identifier: MIT
/*
 * The transactions that a store has, as a listing of their objects tells, newest first; and those that symstore.exe
 * wrote down in its folder 000Admin. Main thread, but for what is marked.
 */
#pragma once
#include "publish/markers.h"
#include "publish/plan.h"
#include "store/store.h"

#define TRANSACTIONS_MAX 100000

struct transaction {
	struct tx_id id; /* of symstore's: ten digits */
	bool is_symstore;
	unsigned has; /* a bit for each enum tx_object that is listed */
	/* What transaction_look() adds: */
	enum tx_state state;
	struct plan head;  /* its first line; of symstore's what its list tells */
	int64_t files;     /* -1: not known */
	struct gone *gone; /* NULL: it is not being removed */
	struct error
		error; /* of a damaged one: why; or why it could not be read: code is not ERR_CORRUPT, _LIMIT */
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
/* Read of each what is told in a line. What fails stands in its error. */
void transactions_look(struct transactions *t);
/*
 * The plan and what became of its files; of a transaction that is not done *ret_done has none. Any thread but the
 * loop's. ERR_OTHER: the store has no such plan.
 */
MUST_CHECK enum err transaction_read(struct store *s, const struct transaction *tx,
				     struct plan *ret_plan, struct done *ret_done, struct error *e);
