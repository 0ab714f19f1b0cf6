// SPDX-License-Identifier: MIT
/*
 * Shared by the files of a fetch: fetch.c (questions and retries), fetch_look.c (is the head
 * true?), fetch_body.c (the body).
 */
#pragma once
#include "base/buf.h"
#include "store/fetch.h"
#include "store/retry.h"
#include "store/spool.h"

#define FETCH_RESUME_BUDGET_NS (8 * NS_PER_S)
/*
 * So long a paused body keeps its transfer while others wait for one: a body that can be continued,
 * and one that cannot.
 */
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
	int64_t resumed_at;      /* value of `received` when the rest was asked for */
	bool held;               /* the rest is to be asked for once the sink has room */
	bool unmatched;          /* If-Match was refused: only the answer is compared */
	bool answered;           /* the last try failed by an answer of the store */
	int64_t skip;            /* bytes of this answer that have come before */
	bool looking;            /* found, but not told yet: the first bytes are being looked at */
	bool peeking;      /* a HEAD has been answered: its label is checked by the first bytes */
	bool by_beginning; /* a HEAD is asked for as the first bytes */
	bool brief;        /* then: no more than these bytes comes */
	bool unranged;     /* they are not to be had: the HEAD is asked as itself */
	struct buf beginning; /* the bytes that are held meanwhile */
	int64_t looking_ns;   /* since then */
	bool *gone;          /* set when the fetch is freed by the event that it is about to tell */
	struct spool *spool; /* a body without a length; NULL: there is none */
};

static inline struct loop *fetch_loop(const struct fetch *f)
{
	return f->request.store->ctx->loop;
}

/* fetch.c. The owner may free the fetch in these two: it is not touched afterwards. */
void fetch_decide(struct fetch *f, enum fetch_result result, const struct object_head *head,
		  const struct error *e);
/* Found; a descriptor in the head becomes the owner's. */
void fetch_decide_found(struct fetch *f);
void fetch_drop_call(struct fetch *f);

/* Its head is known and true: on to the body. May free it. */
void fetch_begin(struct fetch *f);
bool fetch_data(struct fetch *f, struct slice bytes);
void fetch_ask(struct fetch *f);
/* No answer, or one that does not fit: another try, or the end. May free it. */
void fetch_fault(struct fetch *f, bool retry, const struct error *e);

/*
 * fetch_look.c: does the head say truly how the body is encoded (encoding.h)? Until that is known
 * it is not told.
 */

/* The head of a new body is in. True: look at its first bytes. */
bool fetch_looks(struct fetch *f);
/* More of them. As store_events.data. */
bool fetch_look(struct fetch *f, struct slice bytes);
/* There are no more. False: the fetch is gone. */
MUST_CHECK bool fetch_look_done(struct fetch *f);
void fetch_look_stop(struct fetch *f);
/* No bytes came in time. May free it. */
void fetch_look_overdue(struct fetch *f);
/*
 * Are the first bytes to be asked for in place of a HEAD? With them comes all that a HEAD tells,
 * and whether its label is true, and it costs no more requests.
 */
bool fetch_by_beginning(const struct fetch *f);
/* The head of their answer is in. False: go on as with the head of a body. May free it. */
bool fetch_beginning_head(struct fetch *f, const struct object_head *head);
/* There was another answer than the first bytes. True: the HEAD is asked as itself. */
bool fetch_beginning_refused(struct fetch *f, enum store_result result, const struct error *e);
/* The answer to a HEAD is in. True: its label is checked first. */
bool fetch_peeks(struct fetch *f);
/* The answer to that check, or the end of it without one: the head is told. May free it. */
void fetch_peek_head(struct fetch *f, const struct object_head *head);
void fetch_peek_done(struct fetch *f);

/* fetch_body.c. The first two end it, and may free it. */
void fetch_body_ended(struct fetch *f, const struct error *e);
void fetch_body_failed(struct fetch *f, const struct error *e);
/* The sink has paused the body: start the time for which it keeps its transfer. */
void fetch_body_paused(struct fetch *f);
/* It has broken off: ask for the rest, or give up. */
void fetch_body_resume(struct fetch *f, const struct error *e);
/* Does the answer to a resuming call continue exactly the bytes that have come? Sets f->skip. */
bool fetch_body_continues(struct fetch *f, const struct object_head *head);
/* Is it the last try to go on, and does it ask for the whole again? */
bool fetch_body_anew(const struct fetch *f);
bool fetch_sink_may_write(const struct fetch *f);
/* A body without a length. */
void fetch_begin_spool(struct fetch *f);
bool fetch_spool(struct fetch *f, struct slice bytes);
void fetch_spool_done(struct fetch *f);
