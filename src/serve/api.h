// SPDX-License-Identifier: MIT
/*
 * /-/api/...: what the server knows, as JSON for the page and for scripts (docs/api.md). Reached as files are, behind
 * base path and token, by whoever may read files; where a bucket is read with credentials and no token is asked for,
 * on a loopback address only, since the names in it are nobody else's business.
 *
 * A question is a row of the table in api.c: its ask() answers at once, or returns work that the loop has to do, for
 * which the connection waits (struct api_work). Questions that take long have seats: so many run at once, of all and of
 * one client; whoever comes above that is told to come again. The body of a POST is taken up to a limit, once the
 * client has a seat. All of that is on the connection's thread, but for the work.
 */
#pragma once
#include "base/loop.h"
#include "serve/exchange.h"

struct api_work;

/* What is asked, to be read until ask() returns. */
struct api_asked {
	struct slice query; /* without the question mark, encoded */
	struct slice body;  /* of a POST */
};

struct api_question {
	const char *name;
	bool post; /* else GET and HEAD */
	unsigned client,
		all; /* seats of one client, and of all (API_SEATS_MAX at most); 0: it needs none */
	uint64_t body_max;
	/* NULL: the answer is in *ret; else work that has not begun. */
	struct api_work *(*ask)(struct exchange *x, const struct api_asked *asked,
				struct page *ret);
};

/* Is it such a path? */
bool api_is(const struct symbol_path *path);
/* complete(): a GET or HEAD. Gives an answer, or the connection waits. */
void api_answer(struct exchange *x);
/* request(): a POST. Gives an answer, or takes the body; then: */
void api_begin(struct exchange *x);
void api_body(struct exchange *x, struct slice bytes);
void api_complete(struct exchange *x);
/* What the connection has waited for is done. */
void api_resume(struct exchange *x);
void api_free(struct api_call *call); /* accepts NULL */

/* ---- api_work.c: what a question has the loop do ---- */

enum api_stop {
	API_GOES_ON,
	API_LATE,   /* its time is over */
	API_LEFT,   /* the client has gone: nobody reads the answer */
	API_ENDING, /* the process ends; nor then */
};

/*
 * The work of one question; embedded in the question's own struct. ask() fills in the first part and gives it away. From
 * then on:
 *
 *	begin()		loop's thread, once: start what is to be done. With `stopped` set it is not called at all
 *	stop()		loop's, once at most: `stopped` tells why. What is under way has to end soon, without waiting
 *			for a store
 *	api_done()	called by the work on the loop's thread, once for each begin(), at any time, also within begin()
 *			and stop(): nothing on the loop may touch the work after that
 *	tell()		connection's thread, after api_done(): the answer, also after API_LATE: what is known by then.
 *			Not called after API_LEFT and API_ENDING
 *	free()		connection's, at the end, in any case
 *
 * What the exchange lends (path, headers) stays only until ask() returns; `server` and its parts outlive the work.
 */
struct api_work {
	void (*begin)(struct api_work *w);
	void (*stop)(struct api_work *w);
	void (*tell)(struct api_work *w, struct page *ret);
	void (*free)(struct api_work *w);
	int64_t budget_ns; /* 0: REQUEST_BUDGET */

	/* from here on api_work.c's, to be read */
	struct server *server;
	const atomic_bool *left; /* the client has gone */
	enum api_stop stopped;
	struct http_conn *conn;
	struct loop_task start;
	struct loop_timer over;
	LIST_ENTRY(api_work) place;
};

void api_done(struct api_work *w);

/* A seat for a question of this row; NULL: there is none for this client, or (*full) for nobody. Connection's thread. */
_Atomic uint64_t *api_take_seat(struct exchange *x, const struct api_question *q, size_t row,
				bool *full);
void api_leave_seat(_Atomic uint64_t *seat); /* accepts NULL */
/* The connection waits from here on; false: the process ends, nothing has begun. */
MUST_CHECK bool api_start(struct exchange *x, struct api_work *w);
/* Loop's thread: stop the work of clients that have left; all work, also what comes from now on. */
void api_sweep(struct api_running *all);
void api_stop_all(struct api_running *all);

/* ---- the questions ---- */

struct api_work *api_keys(struct exchange *x, const struct api_asked *asked, struct page *ret);
struct api_work *api_builds(struct exchange *x, const struct api_asked *asked, struct page *ret);
struct api_work *api_live(struct exchange *x, const struct api_asked *asked, struct page *ret);
struct api_work *api_missing(struct exchange *x, const struct api_asked *asked, struct page *ret);
struct api_work *api_search(struct exchange *x, const struct api_asked *asked, struct page *ret);
struct api_work *api_test(struct exchange *x, const struct api_asked *asked, struct page *ret);

/* ---- api_text.c: for all of them ---- */

/* Who asks has ADMIN_TOKEN, in the header Pepto-Admin. */
bool api_is_operator(const struct exchange *x);
/* Has the query a parameter of this name, whatever its value? */
bool api_has(struct slice query, const char *name);
/* An answer that is an error: {"api":1,"error":"what to do"}. */
void api_error(struct page *ret, int status, const char *what_to_do);
/*
 * The value of a parameter of a query, decoded and appended. False, with nothing appended: it is not there, or cannot
 * be decoded.
 */
bool api_parameter(struct slice query, struct slice name, struct buf *out);
/* A string of JSON, quotes included; bytes that are no UTF-8, and what is not seen, are escaped (text_show()). */
void api_string(struct slice s, struct buf *out);
/* The same, or null where there is none. */
void api_string_or_null(const char *s, struct buf *out);
