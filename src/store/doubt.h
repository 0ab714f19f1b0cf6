// SPDX-License-Identifier: MIT
/*
 * How a store says that it has no such key, found out by asking for a random one.
 *
 *	UNKNOWN --404--> EXACT        a miss is 404, a refusal is a fault
 *	UNKNOWN --denied--> OPAQUE    a miss looks like a refusal (S3 without s3:ListBucket)
 *	EXACT --denied--> DENYING     something was taken away: to list, or everything? Reads that
 *	                              are denied are faults until it is known
 *	DENYING --404--> EXACT;  --a key that it gave before is given again--> OPAQUE
 *	OPAQUE --404--> EXACT
 *	UNSPOKEN                      such questions mean nothing to it (http_doubt.c): a miss
 *	                              without asking, which clients are not to keep
 *
 * A store is probed at the start; as soon as it answers anything while its manner is unknown; when
 * an answer contradicts its manner (once in ten seconds at most); each second while it is DENYING;
 * and while it is UNSPOKEN, since that may have been a failure after all, each second at first and
 * then after another eighth of the time that this has lasted, a minute at most. Probes overlap: one
 * that gets no answer does not hold up the next. Loop's thread.
 */
#pragma once
#include "base/waiters.h"
#include "store/store.h"

#define DOUBT_PROBES 4
#define DOUBT_GIVEN  4

enum manner { MANNER_UNKNOWN, MANNER_EXACT, MANNER_OPAQUE, MANNER_DENYING, MANNER_UNSPOKEN };

/* The answer to a probe. */
enum told {
	TOLD_NOTHING, /* no answer: e says why */
	TOLD_FAULT,   /* an answer, but one of a server that fails: e says which */
	TOLD_OTHER,   /* an answer that says nothing of keys: e says which */
	TOLD_MISSING,
	TOLD_DENIED,
	TOLD_GIVEN, /* an object */
};

struct doubt;

struct doubt_probe {
	struct doubt *doubt;
	struct store_call *call; /* NULL: none */
	int64_t began_ns;
	bool again; /* for a key that was given before */
};

struct doubt_ops {
	/* Ask for a key; exactly one doubt_told() follows, later, unless it is cancelled. */
	struct store_call *(*ask)(struct doubt_probe *p, struct slice key);
	void (*cancel)(struct store_call *call);
	/* A probe has ended: `is` and `odd` have their new values. May be NULL. */
	void (*told)(struct doubt *d);
};

struct doubt {
	struct store *store;
	enum question question;
	const struct doubt_ops *ops;
	enum manner is;
	bool odd;               /* the answer to the last probe was TOLD_OTHER */
	struct error failure;   /* of the last probe; code OK = it gave a verdict */
	bool answered;          /* it was answered, though not with a verdict */
	int64_t failed_ns;      /* when */
	int64_t doubted_ns;     /* last probe that an unexpected answer led to; 0 = none */
	struct waiters waiters; /* for the end of the probes */
	struct doubt_probe probe[DOUBT_PROBES];
	struct loop_timer timer;
	char *given[DOUBT_GIVEN]; /* keys that it gave, as ask() takes them */
	unsigned n_given, next_asked;
	int64_t unspoken_ns; /* UNSPOKEN: since when */
	int64_t given_ns;    /* when one was noted last */
};

void doubt_init(struct doubt *d, struct store *s, enum question q, const struct doubt_ops *ops);
/* Calls that still wait are told that there will be no answer. */
void doubt_fini(struct doubt *d);
/* Probe, or join a probe that was sent less than a second ago. */
void doubt_probe(struct doubt *d);
/* The credentials have changed: probe, also when a probe under the old ones is on its way. */
void doubt_anew(struct doubt *d);
bool doubt_is_probing(const struct doubt *d);
/*
 * An answer came whose meaning is in doubt. True: a probe is on its way, wait in d->waiters, then
 * look at d->is again. False: take it as it is believed now.
 */
bool doubt_wait(struct doubt *d);
/* A read was answered, in any way; with 404; with the object `key`. */
void doubt_answered(struct doubt *d);
void doubt_not_found(struct doubt *d);
void doubt_gave(struct doubt *d, struct slice key);
/* The end of a probe; e: with TOLD_NOTHING, TOLD_FAULT and TOLD_OTHER. */
void doubt_told(struct doubt_probe *p, enum told told, const struct error *e);
/* Its owner has found out that such questions mean nothing to the store. */
void doubt_set_unspoken(struct doubt *d);
