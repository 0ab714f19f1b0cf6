// SPDX-License-Identifier: MIT
/* Between the files of a removal: removal.c chooses and tells, removal_known.c knows, removal_delete.c takes away. */
#pragma once
#include "publish/removal.h"

/* Of a catalog's entry: what has been made of its plan. */
enum {
	MARK_NAMED = 1,
	MARK_STORED = 2,
	MARK_TARGET = 4,
	MARK_AGAIN = 8, /* a target that was gone before: what it stored behind its removal */
};

struct target {
	struct tx_id id;
	struct plan plan;
	struct done done;
	bool has_done;
};

struct removal {
	const struct removal_request *q;
	struct store *store;
	bool markers; /* else the store is locked */
	struct tx_id id;
	struct store_lock *lock;
	struct catalog catalog;
	struct target *target;
	size_t targets;
	struct removal_keys keys;
	struct removal_result *result;

	int64_t date_s;        /* of the last marker, by the store's clock */
	int64_t unanswered_ns; /* until then a DELETE may be on its way; by clock_boot_ns() */
};

/* ---- removal_known.c ---- */

/* ERR_CANCELED: it was interrupted. */
MUST_CHECK enum err removal_check_stop(const struct removal *r, struct error *e);
bool removal_is_target(const struct catalog_entry *t);
/* Whose plans have to be read for this; mark is turned over in each. */
MUST_CHECK enum err removal_take_plans(struct removal *r,
				       bool (*wanted)(const struct catalog_entry *t),
				       enum err (*take)(void *ud, const struct catalog_entry *t,
							struct slice text, struct error *e),
				       unsigned mark, struct error *e);
/* What the catalog tells that was not known yet. */
MUST_CHECK enum err removal_learn(struct removal *r, struct error *e);
/* LIST, and read what is new. */
MUST_CHECK enum err removal_look(struct removal *r, struct error *e);

/* ---- removal_delete.c ---- */

struct gone removal_gone_of(const struct removal *r);
MUST_CHECK enum err removal_put_gone(struct removal *r, const struct gone *gone,
				     const struct tx_id *id, struct error *e);
/* From then on none of them is live, and none can be resumed. */
MUST_CHECK enum err removal_put_going(struct removal *r, struct error *e);
/* All keys that may go, as far as is known. */
MUST_CHECK enum err removal_delete_keys(struct removal *r, struct error *e);
/* Takes the marker away, when no DELETE of ours can come any more. */
void removal_unmark(struct removal *r);
