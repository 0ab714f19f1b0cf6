// SPDX-License-Identifier: MIT
/*
 * An ask is what one request wants of one key of one store. It takes a seat in a flight, so that
 * the object comes once for all and is kept; or, where the cache does not take part (no disk, a
 * local store, too large, a HEAD), it has a fetch of its own that passes through a ring. A form
 * that has to be made always flies.
 *
 * Loop's thread only. The owner frees it with ask_free(), once the body is not read any more.
 */
#pragma once
#include "flight/fill.h"
#include "flight/flights.h"
#include "store/fetch.h"

struct ask;

struct ask_request {
	struct flights *flights;
	struct store *store;
	struct slice key; /* copied */
	/*
	 * FORM_STORED: the object, its Content-Encoding undone (FORM_PLAIN) if it has one and that
	 * is not gzip accepted by the asker.
	 */
	enum form form;
	bool accepts_gzip;
	bool msfz;         /* FORM_STORED: or FORM_MSFZ, if the store sends that */
	const char *named; /* the path whose key it has to be true to; NULL: its own; copied */
	/*
	 * Only whether it is there, in its stored form: the head that is told is that of the stored
	 * form.
	 */
	bool presence;
	bool seekable; /* the body is to be read here and there: it never passes through */
	bool look;     /* it may be in the cache, which has not been looked into yet */
	bool head;
	bool as_it_is; /* FORM_STORED, with head: with whatever encoding, by the store's word alone */
	bool ranged;   /* only this part is wanted; a flight gives the whole */
	struct range_ask range;
	const char *via; /* borrowed for the life of the ask; may be NULL; the next, too */
	const char *checksum;
	uint64_t asker;      /* the number of the request, if it is one of a client; else 0 */
	int64_t deadline_ns; /* to be decided by then */
	bool patient;        /* a single try may take all the time there is */
	size_t ring_max;
};

enum ask_way { ASK_FILLED, ASK_JOINED, ASK_PASSED, ASK_HIT };

/* As fetch_decided. Called once, never from inside ask_start(). */
struct ask *ask_start(const struct ask_request *request, fetch_decided *decided, void *ud);
/* The body, once FOUND, unless the head was asked or head->fd holds it; the reference is ask's. */
struct fill *ask_body(const struct ask *a);
enum ask_way ask_way(const struct ask *a);
/*
 * The form that was found: FORM_PLAIN where FORM_STORED would have been no use; FORM_MSFZ if it
 * came.
 */
enum form ask_form(const struct ask *a);
bool ask_is_spooling(const struct ask *a);
/* Break it off: a body of its own ends with ERR_CANCELED. */
void ask_abort(struct ask *a);
/*
 * The flight's disk has failed in mid-body: go on by a fetch of its own, of the same version, for
 * bytes first to last of the object. decided() is called with the head of that part; then
 * ask_body() is another one, which begins at first. A version without a name can only be begun
 * again from its start, and the receiver has to see whether the length is the same: else false.
 */
bool ask_rescue(struct ask *a, const struct object_head *version, int64_t first, int64_t last,
		fetch_decided *decided, void *ud);
void ask_free(struct ask *a); /* accepts NULL */
