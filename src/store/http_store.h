// SPDX-License-Identifier: MIT
/*
 * Between the files of the http:// and https:// store, each of which uses those before it:
 * http_page.c (is it a page in place of a file?), http_call.c (one read, and what its answer
 * means), http_doubt.c (probes: how the server says missing), http_store.c (making one, the
 * operations). Loop's thread throughout.
 */
#pragma once
#include "store/doubt.h"
#include "store/http_page.h"
#include "store/store_priv.h"

struct http_store {
	struct store store;
	char *base;                     /* scheme://host/path, no slash at the end */
	char *query;                    /* sent with every request, or NULL */
	char *user_password;            /* or NULL */
	struct doubt doubt[QUESTIONS];  /* how it says missing, to each kind of question */
	bool pages[QUESTIONS];          /* opaque: by a page, with 200, and not by 403 */
	bool wants_checksum[QUESTIONS]; /* only with a checksum does it say 404 */
};

/* A read, or a probe. */
struct store_call {
	struct http_store *http;
	struct transfer *transfer;
	struct store_events events;
	struct doubt_probe *probe; /* of a probe; else NULL */
	void *ud;
	void (*finish)(struct store_call *c, const struct error *e); /* the transfer has ended */
	bool head_only;                                              /* the body may go */
	bool has_checksum;                                           /* it was asked with one */
	bool accepts_msfz;                                           /* MSFZ was accepted */
	int refusal;  /* of a probe: its answer without a checksum; 0: none */
	bool body;    /* the head was found: bytes are passed on */
	bool looking; /* found, but not told: is it a page? */
	bool page;    /* it was one */
	struct page_look look;
	bool *gone; /* set when the call is cancelled by the event it is in */
	enum store_result result;
	int status;
	bool retry_after;   /* the answer has Retry-After */
	bool other, waited; /* other: the meaning of the answer depends on what probes have told */
	char *key;
	enum question question;
	int64_t deadline_ns;
	struct waiter waiter; /* for probes, before an answer is judged */
	struct waiters *waiting_in;
	struct object_head head;
	struct error error;
	struct loop_timer later; /* an end that is due without the transfer's */
};

/* http_call.c */
struct store_call *http_call_start(struct store *s, const struct store_read *read,
				   const struct store_events *events, void *ud);
void http_call_resume(struct store_call *c);
void http_call_cancel(struct store_call *c);
/* A call for a key, of which nothing has been sent. */
struct store_call *http_call_new(struct http_store *h, struct slice key, enum question q);
/* Send it. The head and the body are judged; then, with the transfer gone, comes finish(). */
MUST_CHECK enum err http_call_send(struct store_call *c, const struct store_read *read,
				   struct error *e);
/* Neither a transfer nor a timer of it runs. */
void http_call_free(struct store_call *c);

/* http_doubt.c */
void http_doubt_init(struct http_store *h);
void http_probe(struct store *s, enum question q, void (*done)(void *ud, const struct error *e),
		void *ud);
/* "exact (a miss is 404)": how it says missing, for each kind of question. */
void http_doubt_describe(const struct http_store *h, struct buf *out);
/* Why a good probe is no proof that anything can be read there; NULL: it is one. */
const char *http_doubt_of(struct store *s);
