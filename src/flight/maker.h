// SPDX-License-Identifier: MIT
/*
 * A maker makes one form of an object out of another (form.h) on a thread of its own, while that
 * other one arrives: it reads a fill, waiting for what is not there yet, or a file, and writes a
 * draft. At most DECODE_MAX makers work at the same time; those that wait for input do not count.
 *
 *	maker_start -> began	the length is known and the beginning is what the key names: from
 *				here on what has been made may be read from the draft
 *		    -> grew	so much of it is there
 *		    -> ended	the whole, checked; or why not
 *
 * A length is known early when the container states it, and for gzip when the last 4 bytes can be
 * believed (gzip.h). Where a length was promised and not kept, `broke_promise` says so: made again
 * with `promise` off, all of it is made before it begins. A maker may read its input before that is
 * committed, but it does not end well before the commit: so nothing is completed that was made of
 * an input which the store's checksum refutes.
 *
 * Loop's thread, where the events are called, too; never from inside maker_start().
 */
#pragma once
#include "base/loop.h"
#include "flight/flight_priv.h"
#include "flight/proof.h"

/* Where the input lies: a fill in memory or a file (not a ring), else an open file. */
struct maker_input {
	struct fill *fill;
	int fd;
	int64_t base;
	int64_t length;
	const char *encoding; /* its Content-Encoding; "" = none */
};

enum maker_end {
	MAKER_MADE,
	MAKER_NONE,   /* there is no such form: too long for a cabinet, or nothing inside */
	MAKER_WRONG,  /* another file than its key names */
	MAKER_FAILED, /* see failure; ERR_CANCELED also beyond maker_end_beyond() */
};

struct maker_request {
	struct flights *flights;
	enum form form;
	struct maker_input input; /* the fill or descriptor in it has to live until ended() */
	const char *store;        /* its name, for the log; as input */
	const char *key;          /* of the input, for the name in a cabinet; as input */
	const char *named; /* path whose key the outcome has to be true to; NULL: any; as input */
	int64_t mtime;
	bool promise;
	void (*began)(void *ud);
	void (*grew)(void *ud);
	void (*ended)(void *ud, enum maker_end end);
	void *ud;
};

struct maker;

/* ERR_BUSY when too many wait already. */
MUST_CHECK enum err maker_start(const struct maker_request *r, struct maker **ret, struct error *e);
#define MAKER_TAIL 4
/*
 * The last bytes of the input, by a fetch of their own: those of a gzip file tell the length of its
 * content.
 */
void maker_tell_tail(struct maker *m, const char tail[static MAKER_TAIL]);
/* It ends soon, with ERR_CANCELED; ended() comes all the same. */
void maker_cancel(struct maker *m);
/* It is to end as if cancelled once it has made more than so many bytes (INT64_MAX: any number). */
void maker_end_beyond(struct maker *m, int64_t bytes);
void maker_free(struct maker *m); /* after ended() */

/* ---- from began() on ---- */

int64_t maker_length(const struct maker *m);
int64_t maker_made(const struct maker *m); /* bytes of it that can be read */
/* The receiver's from now on; the maker writes to it until ended(). */
struct draft *maker_draft(struct maker *m, bool *ret_scratch);
/*
 * The bytes that evict_promise() was told for it, 0 for a scratch file: the promise is the caller's
 * from now on.
 */
int64_t maker_promised(struct maker *m);

/* ---- from ended() on ---- */

const struct error *maker_failure(const struct maker *m);
bool maker_broke_promise(const struct maker *m);
/* The input had come whole, as the store has it, and it is that which cannot be decoded. */
bool maker_is_in_vain(const struct maker *m);
