// SPDX-License-Identifier: MIT
/*
 * Are the bytes that came right? A proof belongs to a flight (proving.h), to a pass, or to a maker.
 * Two questions:
 *
 *	damaged?	held against the checksum that the store tells with its answer (checksum.h).
 *			An ETag that looks like an MD5 and does not agree is no verdict yet
 *			(recheck.h)
 *	another file?	held against the key of its path (symfmt/verify.h): by the beginning, of
 *			which 64 KiB are followed; or by the whole, where only that tells
 *
 * One thread at a time; proof_check() on the loop's.
 */
#pragma once
#include "base/buf.h"
#include "cache/checksum.h"
#include "store/fetch.h"
#include "symfmt/verify.h"

struct recheck;

/* Zeroed: nothing can be wrong. */
struct proof {
	/* the checksum */
	struct digest *digest; /* over the bytes in their order; NULL: nothing to compare with */
	struct checksum told;
	struct recheck *recheck;
	void (*checked)(void *ud, bool sound);
	void *ud;

	/* the key */
	char *path; /* owned; NULL: there is nothing to look for */
	struct claim key;
	bool looking; /* more of the beginning is wanted */
	bool at_end;  /* only the whole file can tell */
	bool other;   /* it is another file */
	struct buf beginning;
};

void proof_fini(struct proof *p);

/* ---- the checksum ---- */

/* The head of an answer about the whole: does it tell a checksum that can be compared? */
void proof_hear(struct proof *p, const struct object_head *h);
/* The next bytes, in their order. */
void proof_add(struct proof *p, struct slice bytes);

/* Where it came from, should it have to be fetched once more. Borrowed. */
struct proof_origin {
	struct store *store;
	const char *key, *via, *checksum; /* the last two may be NULL */
	bool msfz;                        /* it came in MSFZ form, as it was asked for */
	uint64_t asker;
	bool patient;
	const struct object_head *head;
};

enum proof_verdict { PROOF_SOUND, PROOF_DAMAGED, PROOF_LATER };

/* All of it has been added. LATER: checked() is called, unless proof_fini() comes before. */
enum proof_verdict proof_check(struct proof *p, const struct proof_origin *from,
			       void (*checked)(void *ud, bool sound), void *ud);
/* Tell that it is damaged: log, count, *e. */
void proof_damaged(const struct store *s, const char *key, struct error *e);

/* ---- the key ---- */

/*
 * The path whose key it has to be true to; afterwards `looking` says whether anything can be held
 * to it.
 */
void proof_begin(struct proof *p, const char *path);
/* More of the beginning of a file of `total` bytes (INT64_MAX: not known yet), while `looking`. */
void proof_look(struct proof *p, struct slice bytes, int64_t total);
/*
 * Look at the whole file, where the beginning did not tell. A file that cannot be read counts as
 * right.
 */
void proof_look_at_all(struct proof *p, const struct source *file);
/*
 * Tell that it is another file: log, count; file: to read from it what it is, for the log; may be
 * NULL.
 */
void proof_tell_other(const struct proof *p, const char *store, const struct source *file);
/* The same as an error. */
enum err proof_other(enum err code, struct error *e);
