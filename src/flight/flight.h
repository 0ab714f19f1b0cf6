// SPDX-License-Identifier: MIT
/*
 * A flight brings one object of one store into the disk cache, once for all requests that want it
 * meanwhile. Each of these takes a seat; the first seat makes the flight start.
 *
 *	FLIGHT_ASKING	 the store is asked; nothing is known yet. FLIGHT_PRESENCE: the same, but
 *			 only whether the object is there
 *	FLIGHT_UNDER_WAY found: the body arrives, in parallel parts when it is large (arrival.h);
 *			 readers follow. They are told when the beginning is what the key names
 *			 (proving.h)
 *	FLIGHT_LANDING	 all is there and has been checked; the file is being made durable and
 *			 visible
 *	FLIGHT_LANDED	 out of the table; a request that looked for the file just before it landed
 *			 is told to look again
 *	FLIGHT_GONE	 missing, failed or cancelled: out of the table
 *
 * A flight that is out of the table is freed when the last seat has left and no worker has a job of
 * it.
 *
 * A flight of a form that no store sends (form_is_sent()) is derived: in place of parts from the
 * store it has a maker (maker.h), which reads the stored form while that flies or lies in the
 * cache, and writes the derived form.
 *
 * A flight of FORM_MSFZ asks for the same key as that of FORM_STORED, but accepts MSFZ; the two
 * know nothing of one another. If the store sends the file as it is, the flight becomes one of
 * FORM_STORED before any seat is told; where such a flight exists already, the seats go to that.
 *
 * An object is what a store has under one key; where it is not known whether the store minds the
 * case (traits.folds), under all spellings of that key. But a miss is a miss of one spelling: a
 * seat that had joined a flight of another spelling moves to a flight that asks for its own, once.
 * Where the store is known to mind (traits.minds_case), each spelling has a flight of its own until
 * something has been found. Where a store may have a file only for requests with its SymbolChecksum (traits.checksums), a
 * miss counts only for requests with the same, and where it may pass over requests that come by way
 * of another server (traits.loops), only for those with the same Via: others share no flight until
 * something has been found, and then one (flight_merges()). A flight without seats goes on while
 * that is worth it (flight_worth_finishing()).
 *
 * Loop's thread only, but for fill_wait() of readers. A seat keeps the flight's memory alive.
 */
#pragma once
#include "cache/form.h"
#include "flight/fill.h"
#include "store/fetch.h"

struct flight;
struct flights;
struct object_id;

enum seat_use {
	SEAT_TAKES,    /* wants the object: it is worth to be kept */
	SEAT_MAKES,    /* makes another form of it, which is kept in its place */
	SEAT_PRESENCE, /* wants to know whether it is there; when all do, no body is fetched */
};

struct seat {
	/* Exactly once, never from inside seat_take(). FOUND: the head of the whole. */
	void (*decided)(struct seat *s, enum fetch_result result, const struct object_head *head,
			const struct error *e);
	/* In its place: the cache cannot take this object; fetch it yourself. */
	void (*declined)(struct seat *s);
	void *ud;         /* the taker's, as the next two, set before it is taken */
	struct slice key; /* as the store is to be asked; must outlive the seat, as the next */
	const char *via, *checksum; /* or NULL */
	uint64_t asker;             /* whose turn the transfers take (fetch.h) */
	enum seat_use use;
	struct flight *flight; /* the flight's, as all below; NULL: not seated */
	LIST_ENTRY(seat) place;
	struct loop_timer late; /* tells a seat that was taken after the decision */
	bool first;             /* it is for this one that the store was asked */
};

struct flight_request {
	struct flights *flights;
	struct store *store;
	struct slice key;
	enum form form;
	const char *named; /* the path whose key it has to be true to; NULL: that of its own */
	const char *via, *checksum;
	uint64_t asker; /* whose turn the transfers take */
	int64_t deadline_ns;
	bool patient;
	bool join_only; /* take a seat in a flight that exists, or none */
	bool scratch;   /* an object that the cache cannot take flies in a temporary file */
	bool anew;      /* not made of the stored form in the cache */
};

enum seated {
	SEATED,
	NO_SEAT,        /* nothing flies, or the process ends */
	NO_SEAT_LEFT,   /* too many wait for it */
	NO_SEAT_LANDED, /* it has landed a moment ago: look for the file again */
};

enum seated seat_take(const struct flight_request *request, struct seat *s);
/* The body, once FOUND was told. The reference is the flight's. */
struct fill *seat_fill(const struct seat *s);
/* Wait longer for the decision. */
void seat_extend(struct seat *s, int64_t deadline_ns, bool patient);
/*
 * Does its flight receive an answer without a length, or make something whose length is not known?
 */
bool seat_is_spooling(const struct seat *s);
/* Accepts a seat that is not seated. No reader may use the fill any more. */
void seat_leave(struct seat *s);
/* The same, and for this one it need not be kept. */
void seat_refuse(struct seat *s);

/* Find out whether the key is missing, in order to remember that; no seat waits for the answer. */
void flight_ask_presence(const struct flight_request *request);
/* The file that it landed as is not there any more. */
void flights_forget_landed(struct flights *all, const struct object_id *id);
