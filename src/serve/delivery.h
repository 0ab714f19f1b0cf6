// SPDX-License-Identifier: MIT
/*
 * One upload, from its body to what is answered. It changes hands, and one thread has it at a time:
 *
 *	pepto-http	takes the body, piece by piece; pauses for
 *	pepto-door	jobs that write it into a draft; when all is in: unpacks, looks what each file is
 *	pepto-loop	publishes them (publication.h), has the misses of their keys forgotten
 *	pepto-door	puts the answer into words
 *	pepto-http	answers
 *
 * All of this goes on when the client leaves. Each function that says so owes its owner one wake(), of
 * any thread, before which the owner lets the upload alone.
 */
#pragma once
#include "http/multipart.h"
#include "publish/publication.h"
#include "serve/delivery_answer.h"
#include "serve/door.h"
#include "serve/purge.h"
#include "serve/upload_files.h"

struct delivery {
	struct door *door;
	void (*wake)(void *ud);
	void *ud;
	struct delivery_request request;
	char peer[PEER_NAME_MAX];
	struct door_guest guest; /* while it publishes */
	struct pool_job job;
	struct loop_task task;

	/* the body */
	struct multipart *form; /* owned; NULL: it is one file */
	bool form_ended, form_bad, full;
	struct buf bytes; /* that have come, and are to be written */
	int64_t written;  /* so many have been */
	struct upload_files files;

	/* what comes of it */
	struct plan plan;
	struct scan_set set;
	struct delivery_rows rows;
	size_t *row_of; /* owned: the row of each file of the plan */
	size_t row_of_room;
	size_t *file_of; /* owned: the file of each row */
	size_t file_of_room;
	struct upload_bodies bodies;
	struct publication *publication;
	struct purge *purge;
	size_t purged;        /* files of the plan whose misses are forgotten, or are being */
	bool published;       /* the transaction is in the store */
	struct error failure; /* of the whole */

	bool answered; /* this is: */
	int status;
	struct buf text;
};

/* The request is taken over. content_type: of a form. */
struct delivery *delivery_new(struct door *door, struct delivery_request *request,
			      struct slice content_type, const char *peer, void (*wake)(void *ud),
			      void *ud);
void delivery_free(struct delivery *d); /* accepts NULL; not while a wake is owed */

/* A piece of the body. True: the body is to be paused, and a wake is owed. */
bool delivery_body(struct delivery *d, struct slice bytes);
/* The body has come to its end, or (beyond) is longer than it may be. True: a wake is owed. */
bool delivery_complete(struct delivery *d, bool beyond);
/* Has it been decided what is answered: status, text? At any time, as it seems, while it is one's own. */
bool delivery_answered(struct delivery *d);

/* ---- its own parts ---- */

/* delivery_scan.c, on a worker: unpack, and look what each file is; d->plan, d->rows. */
enum err delivery_scan(struct delivery *d, struct error *e);
/* delivery_publish.c: on the loop's thread, d->plan; then delivery_told() is called, of any thread. */
void delivery_publish(struct delivery *d);
/* delivery.c: all is known. */
void delivery_told(struct delivery *d);
