// SPDX-License-Identifier: MIT
/*
 * HTTP out: one libcurl multi handle driven by the loop. A transfer is one request on one
 * connection: no retries, no judgement of the status, no knowledge of S3.
 *
 * Everything here belongs to the loop's thread. HTTP/1.1 only: a paused HTTP/2 stream would keep
 * its window in memory and put parallel ranges on one connection.
 */
#pragma once
#include "base/loop.h"
#include "store/body.h"

#define TRANSFER_READ_MAX     ((size_t)32 * 1024)
#define TRANSFERS_WAITING_MAX 4096

struct transfer_engine;
struct transfer;

struct transfer_limits {
	int64_t connect_timeout_ns;
	int64_t stall_timeout_ns; /* a body that gives nothing for so long has failed */
	size_t max_transfers;     /* in flight; one more waits its turn */
	size_t max_waiting;       /* that do; for one more the last of the asker with most is
				     ERR_BUSY, or itself if none has more (fair.h) */
	const char *ca_bundle;    /* file of CA certificates; NULL: the system's */
};

/* A URL or header with control bytes in it is refused: ERR_DENIED. */
struct transfer_request {
	const char *url; /* copied, like all strings here */
	bool head;
	const char *method; /* another one than GET or HEAD; NULL: one of these */
	/*
	 * What is sent, or NULL: nothing. What it borrows stays for the life of the transfer; it is
	 * read on the loop's thread. A body may take any time, as long as bytes of it leave
	 * (stall_timeout_ns), and head_within_ns counts from the last of them; but head_deadline_ns
	 * counts only while the transfer waits its turn.
	 */
	const struct store_body *body;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const char *user_password;  /* for Basic authentication; NULL: none */
	bool follow;                /* redirects: at most 5, never from https to http, ... */
	bool follow_anywhere;       /* ... and not where address.h says no, but for this */
	/*
	 * The head of the answer must be in at head_deadline_ns (monotonic), waiting included, and
	 * head_within_ns after the transfer has begun, unless it is patient. If it is too late
	 * because the transfer had to wait here, that is ERR_BUSY and not ERR_TIMEOUT; but a
	 * transfer that had head_within_ns had enough time.
	 */
	int64_t head_deadline_ns,
		head_within_ns; /* the latter may be 0, if the former alone counts */
	bool patient;
	uint64_t asker; /* whose turn it takes (fair.h): the number of a request; 0: of none */
	/*
	 * Not NULL: it goes on with a body that has been promised to a client. It waits its turn
	 * for as long as that takes (every second turn is for such transfers), and the deadlines
	 * are put off by that time, together with the caller's, which this points to. Borrowed for
	 * the life of the transfer.
	 */
	int64_t *put_off_ns;
	bool at_once; /* it does not wait, however many are in flight; for probes, which are few */
	/*
	 * Only on a connection that is made after this, as it stands when the transfer's turn
	 * comes; 0 or NULL: on any. Borrowed while the loop runs.
	 */
	const int64_t *fresh_ns;
};

/* The head of an answer. Texts are "" when the header is absent; cut when longer. */
struct transfer_head {
	int status;
	int64_t length;  /* Content-Length, -1 when unknown */
	bool bad_length; /* Content-Length is no number, or two different ones */
	char etag[128];
	char last_modified[40];
	char content_range[80];
	char content_encoding[128]; /* all of them, where the header comes more than once */
	char content_type[80];
	char date[40];
	char retry_after[40];
	char bucket_region[64]; /* x-amz-bucket-region */
	char request_id[80];    /* x-amz-request-id */
	/* x-amz-checksum-NAME; a value of 44 is the longest that can be right (SHA-256, base64) */
	char sum_sha256[48], sum_crc64nvme[48], sum_crc32c[48], sum_crc32[48];
	char sum_type[20];   /* x-amz-checksum-type */
	char encryption[20]; /* x-amz-server-side-encryption */
	/* x-amz-meta-pepto-NAME: what the publisher wrote beside the object */
	char pepto_sha256[72], pepto_size[24], pepto_tx[40];
	int64_t age_s;     /* Age: the greatest that it tells; what is no number may be any */
	char customer[20]; /* x-amz-server-side-encryption-customer-algorithm */
};

/*
 * In this order: head at most once, data any number of times, done exactly once unless the
 * transfer is cancelled (after transfer_cancel() nothing is called any more). data returns false
 * to pause: the bytes it was given are taken, as must be what libcurl had received by then (in
 * all no more than 2 * TRANSFER_READ_MAX); more comes after transfer_resume(). done says how the
 * transfer ended, not what the status means.
 */
struct transfer_events {
	void (*head)(void *ud, const struct transfer_head *head);
	bool (*data)(void *ud, struct slice bytes);
	void (*done)(void *ud, const struct error *e); /* e->code == OK: complete */
};

MUST_CHECK enum err transfer_engine_new(struct loop *loop, const struct transfer_limits *limits,
					struct transfer_engine **ret, struct error *e);
/* After the loop has stopped; transfers that still run end with ERR_CANCELED. Accepts NULL. */
void transfer_engine_free(struct transfer_engine *engine);

MUST_CHECK enum err transfer_start(struct transfer_engine *engine,
				   const struct transfer_request *request,
				   const struct transfer_events *events, void *ud,
				   struct transfer **ret, struct error *e);
/*
 * Until when the head must be in, or another answer that its asker has to wait for; and the error
 * when it is not: ERR_TIMEOUT, or ERR_BUSY where too little time was left after waiting.
 */
int64_t transfer_deadline_ns(const struct transfer *t);
enum err transfer_overdue(const struct transfer *t);
/* Are so many in flight that only transfers that are needed should be added? Accepts NULL. */
bool transfer_engine_crowded(const struct transfer_engine *engine);
/* Do more wait than there is room for: is one wanted that does nothing? Accepts NULL. */
bool transfer_engine_short(const struct transfer_engine *engine);
void transfer_resume(struct transfer *t);
/* Ends it and frees it; allowed from inside its own events. */
void transfer_cancel(struct transfer *t);
