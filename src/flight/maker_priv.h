// SPDX-License-Identifier: MIT
/*
 * Shared by the files of a maker: maker.c (the loop's side), maker_run.c (the thread: bytes in and
 * out), and maker_form.c (which decoders they go through). A field belongs to the thread until it
 * has posted the task that the comment names, then to the loop; `made` and `cancelled` are atomics.
 */
#pragma once
#include "flight/maker.h"

#include <semaphore.h>
#include <stdatomic.h>

struct maker {
	struct maker_request request;
	struct pool_job job;
	struct loop_task began_task, grew_task, ended_task;
	atomic_bool cancelled;
	atomic_bool nudged;        /* look again, though nothing has arrived */
	atomic_int_least64_t most; /* to be made */

	/* input */
	atomic_bool tail_known; /* tail is, which the loop has set before */
	char tail[MAKER_TAIL];
	struct fill_waiter wait; /* offset: the thread's while not registered */
	sem_t woken;
	struct draft *middle; /* the input with its Content-Encoding undone, if that is a step */
	struct maker_input input; /* the request's, or that */
	int64_t read_to;          /* of the request's fill */

	/* output; the draft is the loop's once taken by maker_draft() */
	struct draft *draft; /* began */
	int fd;
	bool scratch;
	int64_t admitted; /* by evict_promise(); the loop's once taken by maker_promised() */
	int64_t length;   /* began; -1: not known yet */
	bool begun;       /* began was posted */
	bool promised;    /* the length was a promise that the bytes have to keep */
	int64_t written;  /* bytes that lie in the draft */
	int64_t reported; /* when grew was posted last */
	int64_t worked;   /* bytes read and written since the permit was last offered to others */
	bool input_failed;
	int64_t window;  /* of zstd frames, at most */
	int64_t charged; /* to the quota of windows */
	atomic_int_least64_t made;
	struct proof proof;   /* of the key alone: its input has a checksum */
	bool none;            /* ended */
	struct error failure; /* ended; code OK = made */
	bool broke_promise;   /* ended */
	bool in_vain;         /* ended */
};

/* ---- maker_run.c: bytes in and out, on the thread ---- */

void maker_run(struct pool_job *job);

/* Is it not wanted any more, or not so long? */
bool maker_is_cancelled(const struct maker *m, struct error *e);
/* As codec_io.read. */
enum err maker_read(void *ud, int64_t offset, void *to, size_t n, size_t *ret_n, struct error *e);
/* The last MAKER_TAIL bytes of the input, from wherever they come first. */
enum err maker_read_tail(struct maker *m, char *to, struct error *e);
/* All n bytes. */
enum err maker_read_all(void *ud, int64_t offset, void *to, size_t n, struct error *e);
/* The length of the outcome. */
enum err maker_promise(void *ud, int64_t length, struct error *e);
/* The next bytes of it. */
enum err maker_write(void *ud, struct slice bytes, struct error *e);
enum err maker_write_at(void *ud, int64_t offset, struct slice bytes, struct error *e);

/* So much memory is going to be used. May wait, without a permit. */
enum err maker_charge(struct maker *m, int64_t bytes, struct error *e);

/* ---- maker_form.c ---- */

/* Make it; the draft is there when this returns OK. */
MUST_CHECK enum err maker_make(struct maker *m, struct error *e);
