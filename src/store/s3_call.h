// SPDX-License-Identifier: MIT
/* Between s3_call.c (the life of a call) and s3_verdict.c (what an error answer leads to). */
#pragma once
#include "store/s3_priv.h"

struct store_call {
	struct s3_store *s3;
	struct s3_asking asking;
	struct store_events events;
	struct store_read read; /* key (whole, prefix included) and if_match are the next two */
	char *key, *if_match;   /* owned */

	char region[S3_REGION_MAX + 1]; /* that the present request was signed for */
	struct transfer *transfer;      /* NULL while waiting */
	struct waiter waiter;
	struct waiters *waiting_in;
	struct loop_timer overdue; /* until the body; also the start and a delayed end */

	bool as_get; /* the head is asked for by GET, since HEAD failed */
	bool whole;  /* the size is asked for, after a 416 that did not tell */
	bool resigned, renewed, reclocked; /* ways back that were taken */
	bool body;                         /* found: bytes are passed on */
	struct transfer_head answer;
	struct object_head object;
	struct buf text; /* error body, or listing */
	bool too_long;   /* so that there is nothing of it in text */
};

/*
 * Any of these may end the call, which is gone then: nothing but a return follows them.
 *
 * Ask, once there are credentials; also the way back from an answer.
 */
void s3_call_ask(struct store_call *c);
/* Ask once other credentials have come. */
void s3_call_wait_creds(struct store_call *c);
/* A 403 in doubt: end as the probe tells, once it has. */
void s3_call_wait_probe(struct store_call *c);
void s3_call_end(struct store_call *c, enum s3_verdict verdict, const struct error *e);
void s3_call_fail(struct store_call *c, enum s3_verdict verdict, enum err code, const char *what);
/* The answer is complete and is no object: c->answer and c->text say what. */
void s3_call_judge(struct store_call *c);
