// SPDX-License-Identifier: MIT
/*
 * The keys that the transactions to be removed name, and what is known of each. One may be taken
 * only if a transaction that is gone stored it, and none names it that is live or open, whatever
 * became of it there. In a store that finds keys in any case, keys that differ by case alone are
 * one. Pure; one thread's.
 */
#pragma once
#include "publish/markers.h"
#include "publish/plan.h"

enum removal_fate {
	FATE_UNDECIDED,
	FATE_REMOVED,
	FATE_KEPT,   /* it was there before, or others name it */
	FATE_ABSENT, /* it was not there */
	FATE_FAILED,
};

struct removal_key {
	char *key;         /* as it is removed */
	char *folded;      /* as it is looked for; may be the same */
	unsigned named;    /* by so many transactions that are live or open */
	int64_t planned_s; /* when the first of them that name it had its plan written */
	bool stored;       /* by one that is gone */
	bool asks;         /* perhaps by one that is gone and was open: its object tells */
	bool asks_again;   /* perhaps by one that was gone already, behind its removal: likewise */
	enum removal_fate fate;
	char *why; /* the last time that it could not be removed; NULL */
};

struct removal_keys {
	struct removal_key *v; /* sorted once they are all there */
	size_t n, room;
	bool folds;
};

void removal_keys_fini(struct removal_keys *k);
/* All of a plan, before removal_keys_sort(). */
MUST_CHECK enum err removal_keys_add(struct removal_keys *k, const struct plan *plan,
				     int64_t planned_s, struct error *e);
void removal_keys_sort(struct removal_keys *k);
/* NULL: none of them. */
struct removal_key *removal_keys_find(const struct removal_keys *k, struct slice key);
/* A plan that is live or open names its keys; names: or does not any more. */
void removal_keys_name(struct removal_keys *k, const struct plan *plan, bool names);
/*
 * One that is gone has stored some; done NULL: it was open. gone_s: when its removal ended, INT64_MAX: it is to be removed
 * now. It took what it stored along, so that nothing which a later plan names is its.
 */
void removal_keys_stored(struct removal_keys *k, const struct plan *plan, const struct done *done,
			 int64_t gone_s);
/*
 * One that is gone already is to be removed once more: it may have stored any of its keys since, and its object alone
 * tells, for others may have come, too.
 */
void removal_keys_stored_since(struct removal_keys *k, const struct plan *plan);
/* May it be taken, as far as plans tell? */
bool removal_key_may_go(const struct removal_key *key);
