// SPDX-License-Identifier: MIT
/*
 * One publication: the files of a plan go into one store, as one transaction (docs/publish.md).
 *
 *	PUT plan; LIST rm/; each file (upload.h); PUT done; is there a .gone of ours?
 *
 * Were removals running, their ends are waited for before PUT done, and then each key is looked at once more: what they
 * have taken is uploaded again. A marker that is older than two minutes, by the store's clock alone, is of no removal
 * that may still take anything. A local store has no such clock; it is locked instead, shared, by whoever adds
 * (store_lock.h).
 *
 * Loop's thread, all of it but upload_bodies. It ends in exactly one done(), never from inside the functions below,
 * after which its pointer is gone.
 */
#pragma once
#include "publish/upload.h"

#define PUBLICATION_UPLOADS_MAX 512

struct publication;

struct publication_request {
	struct store *store; /* store_can_write() */
	const struct plan
		*plan; /* borrowed until done(), as all here; its id is that of the transaction */
	const struct upload_bodies *bodies;
	/* Opens, packs, compares: as many threads as may pack at once; its queue takes `uploads` jobs. */
	struct pool *pool;
	unsigned uploads; /* files at a time, 1 to PUBLICATION_UPLOADS_MAX */
	/*
	 * So many are asked for at a time while each answer is that the file exists, when there is nothing to do but to
	 * ask; after the first other answer it is `uploads` again. At most PUBLICATION_UPLOADS_MAX; less than `uploads`
	 * counts as `uploads`.
	 */
	unsigned looks;
	struct pack_how how;
	bool force;             /* what differs is replaced */
	bool replaces_unsigned; /* see upload.h */
	bool resume;            /* the plan is in the store already */
	bool dry_run;           /* looks, and writes nothing */
};

struct publication_result {
	struct done done;     /* what became of each file; its receiver's while done() runs */
	size_t n[OUTCOMES];   /* files by that */
	int64_t stored_bytes; /* as they lie there */
	bool any_written;     /* the plan is in the store */
	bool ended;           /* done is in the store, too; with an error: gone is not known */
	bool gone; /* somebody removed the transaction while it ran, or before it went on */
};

struct publication_events {
	/*
	 * Of each file once, in any order; and again if a removal took it, and it could not be put back. Of those that
	 * a stop broke off not at all.
	 */
	void (*file_done)(void *ud, size_t which, const struct upload_result *r);
	/* It waits for so many removals to end, told when the number changes; may be NULL. */
	void (*waiting)(void *ud, size_t removals);
	/*
	 * e == NULL: it is done, whatever became of each file. Else the transaction is open, unless it has ended, or
	 * none was begun, and e says why: ERR_CANCELED, it was stopped; or the store's error.
	 */
	void (*done)(void *ud, const struct publication_result *r, const struct error *e);
};

struct publication *publication_start(const struct publication_request *request,
				      const struct publication_events *events, void *ud);
/* What is on its way is broken off, parts of objects are taken back, and done() comes soon. The transaction stays open. */
void publication_stop(struct publication *p);
