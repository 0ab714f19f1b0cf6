// SPDX-License-Identifier: MIT
/* What the files of a fetch share: fetch.c, fetch_body.c. */
#pragma once
#include "base/buf.h"
#include "store/fetch.h"
#include "store/spool.h"

#define FETCH_TRIES_MAX        4
#define FETCH_FIRST_PAUSE_NS   (50 * NS_PER_MS)
#define FETCH_RESUME_BUDGET_NS (8 * NS_PER_S)
/* So long a body that is paused keeps its transfer from others: it can be continued, or not. */
#define FETCH_IDLE_NS     (2 * NS_PER_S)
#define FETCH_IDLE_MAX_NS (15 * NS_PER_S)

enum phase { ASKING, BODY, SPOOLING, ENDED };

struct fetch {
	struct fetch_request request;
	char *key;
	struct object_head pin; /* of request.pin */
	struct fetch_sink sink;
	fetch_decided *decided;
	void *ud;
	enum phase phase;
	struct store_call *call; /* NULL between tries */
	struct loop_timer idle;  /* while the sink has paused it */
	int64_t paused_ns;       /* since then */
	struct loop_timer again; /* the next try; while looking, the end of that */
	unsigned tries, resumes;
	int64_t asked_ns;        /* when the last try began */
	struct object_head head; /* of the first answer */
	bool headed;             /* it has come */
	int64_t received;        /* bytes of the body, handed to the sink */
	bool resuming;           /* this call continues a body */
	int64_t resumed_at;      /* what had been received when it was asked for the rest */
	bool held;               /* the rest is to be asked for once the sink has room */
	bool unmatched;          /* If-Match was refused: only the answer is compared */
	bool answered;           /* the last try failed by an answer of the store */
	int64_t skip;            /* bytes of this answer that have come before */
	bool looking;            /* found, not told: what is it encoded with? */
	bool peeking;            /* a HEAD: its label is tried by the first bytes */
	bool by_beginning;       /* a HEAD: it is asked as these */
	bool brief;              /* then, no more than these comes */
	bool unranged;           /* they are not to be had: it is asked as itself */
	struct buf beginning;    /* meanwhile */
	int64_t looking_ns;      /* since then */
	bool *gone;              /* set when it is freed by what it is about to tell */
	struct spool *spool;     /* a body without a length; NULL: there is none */
};

static inline struct loop *fetch_loop(const struct fetch *f)
{
	return f->request.store->ctx->loop;
}

/* fetch.c. The owner may free the fetch in decide: nobody touches it afterwards. */
void fetch_decide(struct fetch *f, enum fetch_result result, const struct object_head *head,
		  const struct error *e);
/* Found; a descriptor in the head becomes the owner's. */
void fetch_decide_found(struct fetch *f);
void fetch_drop_call(struct fetch *f);

/* Its head is known, and what it is encoded with: on to the body. May free it. */
void fetch_begin(struct fetch *f);
bool fetch_data(struct fetch *f, struct slice bytes);
void fetch_ask(struct fetch *f);
/* No answer, or one that does not fit: another try, or the end. May free it. */
void fetch_fault(struct fetch *f, bool retry, const struct error *e);

/* fetch_look.c: is the head true of the body (encoding.h)? Until that is known it is not told. */

/* The head of a new body is in. True: look at its first bytes. */
bool fetch_looks(struct fetch *f);
/* More of them. As store_events.data. */
bool fetch_look(struct fetch *f, struct slice bytes);
/* There are no more. False: the fetch is gone. */
MUST_CHECK bool fetch_look_done(struct fetch *f);
void fetch_look_stop(struct fetch *f);
/* None came in time. May free it. */
void fetch_look_overdue(struct fetch *f);
/*
 * Is a HEAD asked as the first bytes? With them comes all that it tells, and whether that is true, for
 * as many requests.
 */
bool fetch_by_beginning(const struct fetch *f);
/* Their head is in. False: go on as with the head of a body. May free it. */
bool fetch_beginning_head(struct fetch *f, const struct object_head *head);
/* What came in their place. True: the HEAD is asked as itself. */
bool fetch_beginning_refused(struct fetch *f, enum store_result result, const struct error *e);
/* The answer to a HEAD is in. True: its label is tried first. */
bool fetch_peeks(struct fetch *f);
/* What came of that, be it no answer: the head is told. May free it. */
void fetch_peek_head(struct fetch *f, const struct object_head *head);
void fetch_peek_done(struct fetch *f);

/* fetch_body.c. The first two end it, and may free it. */
void fetch_body_ended(struct fetch *f, const struct error *e);
void fetch_body_failed(struct fetch *f, const struct error *e);
/* The sink has paused it: for how long does it keep its transfer? */
void fetch_body_paused(struct fetch *f);
/* It has broken off: ask for the rest, or give up. */
void fetch_body_resume(struct fetch *f, const struct error *e);
/* Does the answer to a resuming call continue exactly what we have? Sets f->skip. */
bool fetch_body_continues(struct fetch *f, const struct object_head *head);
/* Is it the last try to go on, and may that ask for all of it anew? */
bool fetch_body_anew(const struct fetch *f);
bool fetch_sink_may_write(const struct fetch *f);
/* A body without a length. */
void fetch_begin_spool(struct fetch *f);
bool fetch_spool(struct fetch *f, struct slice bytes);
void fetch_spool_done(struct fetch *f);
