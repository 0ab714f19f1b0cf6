// SPDX-License-Identifier: MIT
/*
 * What is written beside a plan: .done, what became of its files, and .gone, that it is being removed.
 *
 *	{"ended","stored_bytes","stored":[line numbers],"existed":[],"conflict":[],"failed":[]}
 *	{"state":"going"|"gone","when","by","why","removed","kept"}
 *
 * Every line of the plan that is a file's stands in exactly one of the four lists (plan.h numbers them). As with plans
 * members that are not known are passed over, and a greater number behind "pepto" is refused. Pure.
 */
#pragma once
#include "base/err.h"
#include "publish/transaction.h"

#define DONE_SIZE_MAX ((size_t)4 << 20)
#define GONE_SIZE_MAX ((size_t)64 << 10)
#define GONE_TEXT_MAX 1024

enum outcome {
	OUTCOME_OPEN, /* nothing yet: no transaction that is done has one such */
	OUTCOME_STORED,
	OUTCOME_EXISTED,
	OUTCOME_CONFLICT,
	OUTCOME_FAILED,
};
#define OUTCOMES 5

/* "stored", "existed"...; "open". */
const char *outcome_name(enum outcome o);

struct done {
	int64_t ended_s;
	int64_t stored_bytes; /* as they lie in the store */
	uint8_t *outcome;     /* enum outcome of each file of the plan, in its order; owned */
	size_t files;
};

/* All OUTCOME_OPEN. */
struct done done_of(size_t files);
void done_fini(struct done *d);
/* Append the text. A file that is open: ERR_CORRUPT, and nothing is written. */
MUST_CHECK enum err done_write(const struct done *d, struct buf *out, struct error *e);
/* files: of the plan. *ret untouched on failure. */
MUST_CHECK enum err done_read(struct slice text, const struct tx_id *id, size_t files,
			      struct done *ret, struct error *e);

struct gone {
	bool is_gone; /* else going */
	int64_t when_s;
	char by[GONE_TEXT_MAX + 1],
		why[GONE_TEXT_MAX + 1]; /* UTF-8; written, what is not is escaped */
	int64_t removed, kept;          /* files; 0 while it is going */
};

MUST_CHECK enum err gone_write(const struct gone *g, struct buf *out, struct error *e);
MUST_CHECK enum err gone_read(struct slice text, const struct tx_id *id, struct gone *ret,
			      struct error *e);
