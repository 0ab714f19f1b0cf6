// SPDX-License-Identifier: MIT
/*
 * One file of a plan on its way into a store:
 *
 *	HEAD --missing--> open, pack (pool) --> PUT, only where nothing is --> stored
 *	  \--there--> the same (present.h)? --> existed
 *	                \--no, with force--> open, pack, PUT --> stored
 *	                \--no--> GET, compare (twin.h) --> conflict
 *	                           \--an image, and its signature alone differs--> the signed one is kept
 *
 * (Into a directory, what is not packed is put first, only where nothing is, which is to look there.)
 * So a signed image replaces the one that is not (stored), unless nothing is to be replaced; else what is there stays
 * (existed). Images, and PDBs of up to TWIN_PDB_MAX bytes, are fetched for that; for all others the head is enough.
 * What this transaction itself has stored before counts as stored again, where the store tells who stored it: by its
 * metadata, in a directory by an attribute of the file (store/dir_draft.h). Elsewhere it counts as existed.
 *
 * What comes after the HEAD is done by some of them at a time (upload_turns): there may be more of them that ask.
 *
 * Loop's thread, but for open(). Exactly one done(), never from inside the functions below, after which the pointer
 * is gone.
 */
#pragma once
#include "base/list.h"
#include "publish/markers.h"
#include "publish/plan.h"
#include "publish/present.h"

struct upload;

/* The bytes of a file of the plan, as it tells their number. */
struct upload_body {
	int fd; /* borrowed from open() until close() */
	int64_t offset;
};

struct upload_bodies {
	/* On a thread of the pool, of several files at once. */
	enum err (*open)(void *ud, size_t which, struct upload_body *ret, struct error *e);
	/* Any thread; once for each that was opened. */
	void (*close)(void *ud, size_t which, struct upload_body *body);
	void *ud;
};

/*
 * How many uploads may do more than ask the store whether their file is there (open, pack, fetch, put) at a time. The
 * others wait, in the order in which they have been answered. Loop's thread.
 */
struct upload_turns {
	unsigned left;
	TAILQ_HEAD(, upload) waiting;
};

struct upload_request {
	struct store *store;
	const struct plan *plan; /* borrowed until done(), as all here */
	size_t which;            /* of its files */
	const struct upload_bodies *bodies;
	struct pool *pool;
	struct upload_turns *turns; /* of all uploads together */
	const struct pack_how *how; /* of its kind only what the plan says of this file */
	bool force;                 /* what differs is replaced */
	bool replaces_unsigned;     /* an image, by the same one that is signed */
	bool dry_run;               /* nothing is written; what would be is stored */
};

struct upload_result {
	enum outcome outcome;    /* OUTCOME_OPEN: it was stopped */
	int64_t stored_bytes;    /* as it lies there, with OUTCOME_STORED */
	char why[ERROR_MSG_MAX]; /* for people, "": nothing to say */
	bool by_signature;       /* it differs from what is there, or was, by the signature alone */
	char holder[sizeof(
		((struct object_origin *)0)->tx)]; /* who stored what is there, "": not told */
	enum err err;                              /* with OUTCOME_FAILED, as the next */
	bool refused; /* the store takes no such object, now or later */
};

typedef void upload_done(void *ud, const struct upload_result *r);

struct upload *upload_start(const struct upload_request *request, upload_done *done, void *ud);
/* It ends soon; what has been written by then stays. */
void upload_stop(struct upload *u);
