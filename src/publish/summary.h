// SPDX-License-Identifier: MIT
/*
 * What is told of a transaction in a line: its state, what the first line of its plan says, and of one that is being
 * removed who removes it, when and why. For that the first bytes of the plan are read, and .gone where it is listed.
 * Loop's thread; exactly one done(), never from inside summary_start(), or a cancel.
 */
#pragma once
#include "publish/catalog.h"
#include "publish/markers.h"
#include "publish/plan.h"

struct summary {
	enum tx_state state;
	struct plan head;  /* {0}: not known; it has no files */
	int64_t files;     /* -1: not known */
	struct gone *gone; /* NULL: it is not being removed, or that cannot be read */
	/* Of a damaged one: why. is_fault: the store gave no answer, so that nothing is known; then state is damaged, too. */
	struct error error;
	bool is_fault;
};

void summary_fini(struct summary *s);

/* What the listing alone tells; true: there is more to be read. */
bool summary_of_listed(const struct catalog_entry *t, struct summary *ret);

struct summary_reading;

/* Of one of which there is more to be read. *s may be taken. */
struct summary_reading *summary_start(struct store *store, const struct catalog_entry *t,
				      void (*done)(void *ud, struct summary *s), void *ud);
void summary_cancel(struct summary_reading *r); /* accepts NULL */
