// SPDX-License-Identifier: MIT
/*
 * A fetch is the whole life of reading one key, or a part of it, from one store: it tries again
 * after passing failures, decides found or missing once, hands the body to a sink, and continues a
 * body that broke off by a ranged read of the same version. When it is tried again retry.h says;
 * the tally of what the store answered (metrics, breaker) is here and nowhere else.
 *
 * The encoding in the head is true, as far as the first bytes of the body tell (encoding.h), and
 * head.msfz says whether the body is in MSFZ form. Not so when only the head is asked for (but see
 * tried, judged), or a part that does not begin at the first byte: then the encoding is the
 * store's word.
 *
 * A body whose sink has paused it for some seconds gives its transfer to others that wait for one;
 * the rest is asked for like that of a body that broke off, once the sink has room. A body that
 * cannot be continued keeps its transfer for longer, and ends then with ERR_BUSY.
 *
 * Loop's thread only. The owner frees it with fetch_free(), which cancels what is still running.
 */
#pragma once
#include "base/clock.h"
#include "store/store.h"

struct fetch;

/*
 * As enum store_result: three kinds of miss; an answer that is not one of the results below is a
 * fault.
 */
enum fetch_result {
	FETCH_FAULT,
	FETCH_FOUND,
	FETCH_UNSATISFIABLE,
	FETCH_MISS,   /* the store has said that it is not there */
	FETCH_DENIED, /* a miss too, but only implied: the store denies what it does not have */
	/*
	 * A miss, because the store refuses a key of this name. Clients are not to keep the answer;
	 * we remember it for FETCH_REFUSED_NS, and remove no cached copy for it.
	 */
	FETCH_REFUSED,
};

#define FETCH_REFUSED_NS (2 * NS_PER_S)

bool fetch_is_miss(enum fetch_result result);

struct fetch_request {
	struct store *store;
	struct slice key; /* copied */
	bool head;
	bool unproven;     /* with head: as in struct store_read */
	bool denied_fails; /* as there; FETCH_DENIED is then only a 404 without a reason */
	bool origin;       /* as there */
	bool tried;        /* with head: the label gzip is checked by the first bytes */
	bool judged; /* with head: of a plain name (encoding.h) the head is told as with a body */
	bool into_file; /* the body comes as head->fd, whole; no sink (fetch_take_spool()) */
	bool no_length; /* if no length is told, it is enough to know that the object is there */
	bool ranged;    /* only this part is wanted */
	bool or_whole;  /* or all of it, where the store answers no question for a part */
	struct range_ask range;
	/* Exactly this part of exactly this version; copied. NULL: of any version. */
	const struct object_head *pin;
	const char *via; /* borrowed for the life of the fetch; may be NULL; the next, too */
	const char *checksum;
	bool msfz;           /* it may come in MSFZ form (store.h) */
	uint64_t asker;      /* whose transfers they are (transfer.h) */
	bool goes_on;        /* with a promised body: its transfers wait their turn (put_off_ns) */
	int64_t deadline_ns; /* to be decided by then */
	bool patient;        /* a single try may take all the time there is */
};

/* Where the body goes. Called on the loop's thread, never from inside fetch_start(). */
struct fetch_sink {
	/*
	 * The head is in, before decided() is called with it. NULL: every body is welcome. An
	 * error makes it a fault.
	 */
	enum err (*begin)(void *ud, const struct object_head *head, struct error *e);
	/*
	 * Takes all of it. False: pause until fetch_resume(); bytes that had been received already
	 * still come.
	 */
	bool (*write)(void *ud, struct slice data);
	/* May it go on, or will fetch_resume() be called? NULL: it never pauses. */
	bool (*may_write)(void *ud);
	/* The last call: e == NULL when all bytes have come. The fetch may be freed in here. */
	void (*end)(void *ud, const struct error *e);
};

/*
 * Called once, never from inside fetch_start(). FOUND: head is complete and the sink gets the
 * body, unless only the head was asked or head->fd holds it (the callee owns the descriptor).
 * UNSATISFIABLE: head->total is the size. FAULT: e says why; a MISS may have an e that does, too (ERR_OTHER). A pinned fetch is FOUND or FAULT. The
 * fetch may be freed in here.
 */
typedef void fetch_decided(void *ud, enum fetch_result result, const struct object_head *head,
			   const struct error *e);

/* sink: NULL when only the head is asked; copied; its ud is this one too. */
struct fetch *fetch_start(const struct fetch_request *request, const struct fetch_sink *sink,
			  fetch_decided *decided, void *ud);
/* The sink has room again. */
void fetch_resume(struct fetch *f);
/* A later deadline, for another asker that waits for the decision too. */
void fetch_extend(struct fetch *f, int64_t deadline_ns);
/* The sink cannot go on. Allowed in write(). */
void fetch_fail(struct fetch *f, const struct error *e);
/* Break it off: a body that runs ends with ERR_CANCELED. The fetch stays until it is freed. */
void fetch_abort(struct fetch *f);
/* Is an answer without a length being received? It may take longer than the deadline. */
bool fetch_is_spooling(const struct fetch *f);
/*
 * Of a body that was received without a length, or into_file, and lies whole in head->fd: the count of that
 * temporary file (file_temporary_grow()), which is the caller's from now on. If it is not taken it
 * ends with the fetch, though the file may be read for longer.
 */
int64_t fetch_take_spool(struct fetch *f);
/* Accepts NULL. The sink's end() is not called any more. */
void fetch_free(struct fetch *f);
