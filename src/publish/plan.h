// SPDX-License-Identifier: MIT
/*
 * The plan of a transaction: who publishes what, and the file that each key of it is to hold. As text it is a
 * line of JSON for the transaction and one for each file, numbered from 1 as lines of a text are: the first
 * file's is line 2.
 *
 *	{"pepto":1,"id","started","product","version","comment","keep_until","source","host","user","tool",
 *	 "files","bytes"}
 *	{"key","id","kind","path","size","sha256","as","machine","private","pdb"}
 *
 * What is "" or not told is left out, and members that are not known are passed over: what an older reader must
 * not pass over comes with a greater number behind "pepto", which is refused. So is all that a removal which
 * believed it could do harm by: a key that is not clean or is one of ours, one that is named twice, a plan that
 * was cut short. Dates are "2026-11-29T15:07:17Z". Pure; a plan is one thread's at a time.
 */
#pragma once
#include "base/err.h"
#include "publish/facts.h"
#include "publish/transaction.h"

#define PLAN_FORMAT    1
#define PLAN_FILES_MAX 250000
#define PLAN_SIZE_MAX  ((size_t)64 << 20) /* bytes of the text */
#define PLAN_LINE_MAX  ((size_t)256 << 10)
#define PLAN_TEXT_MAX  4096 /* bytes of a string in it: a path, a comment */

struct plan_file {
	struct slice
		key;     /* in the store, below its prefix, as it is written: "foo.pdb/K/foo.pdb" */
	struct slice id; /* the symbol key within that: "K" */
	struct slice kind; /* file_facts.kind: "pdb", "pe" */
	struct slice path; /* where it was read, any bytes but NUL */
	int64_t size;      /* of the plain file, as is: */
	char sha256[65];   /* 64 digits in lower case */
	struct slice as;   /* how it is to be kept: "none", "zstd", "gzip", "cab" */
	struct slice machine;
	enum privacy privacy;
	struct slice pdb; /* of an image: the key of the PDB that it names */
};

/* {0} is an empty one. All slices point into what the plan owns. */
struct plan {
	struct tx_id id;
	int64_t started_s, keep_until_s; /* seconds since the epoch; 0: not told */
	struct slice product, version, comment, source, host, user, tool;
	struct plan_file *file;
	size_t files;
	int64_t bytes; /* of all plain files */
	/* What it owns. */
	size_t room;
	struct plan_block *text;
};

void plan_fini(struct plan *p);
/*
 * A copy that lives as long as the plan, for the slices of its head. Bytes that are no UTF-8 are
 * escaped (text_show()), NUL bytes too, and what is longer than PLAN_TEXT_MAX is cut.
 */
struct slice plan_text(struct plan *p, struct slice s);
/* Behind the others, copied; bytes grows along. ERR_LIMIT: too many. The rest is checked by plan_write(). */
MUST_CHECK enum err plan_add(struct plan *p, const struct plan_file *file, struct error *e);
/* "2027-01-31", or with a time as plans have it: until when what is published is to be kept, as people write it. */
MUST_CHECK bool plan_keep_until(struct slice text, int64_t *ret_s);
/*
 * The line of file which, as done and messages count them, and the file of a line: false when it has none.
 */
size_t plan_line(size_t which);
MUST_CHECK bool plan_file_at(size_t files, int64_t line, size_t *ret_which);

/* Append the text. What plan_read() would refuse is not written. Leaves nothing behind on failure. */
MUST_CHECK enum err plan_write(const struct plan *p, struct buf *out, struct error *e);
/*
 * The text that lies under the key of this id. ERR_CORRUPT, ERR_LIMIT: it is none, and e says what is to be
 * done; *ret is untouched then.
 */
MUST_CHECK enum err plan_read(struct slice text, const struct tx_id *id, struct plan *ret,
			      struct error *e);
/*
 * The same of the first line alone, for who lists transactions: of the text so much as has a whole line. *ret has no
 * files then, but the number and bytes that the line tells.
 */
MUST_CHECK enum err plan_read_head(struct slice text, const struct tx_id *id, struct plan *ret,
				   int64_t *ret_files, struct error *e);
