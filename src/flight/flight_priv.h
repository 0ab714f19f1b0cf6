// SPDX-License-Identifier: MIT
/*
 * The struct of a flight and its parts. flight.c and flight_answer.c write the fields of struct
 * flight itself (but for `received`, which arrival and making write); arrival, proving, keep and
 * making are written by the file of that name alone. Calls by name go one way only: flight,
 * arrival, proving, keep.
 */
#pragma once
#include "base/file.h"
#include "base/pool.h"
#include "flight/arrival.h"
#include "flight/flight.h"
#include "flight/flights.h"
#include "flight/keep.h"
#include "flight/permits.h"
#include "flight/proving.h"
#include "flight/quota.h"
#include "flight/recent.h"

struct confirms;

/* ---- a flight ---- */

enum flight_phase {
	FLIGHT_ASKING,
	FLIGHT_PRESENCE,
	FLIGHT_UNDER_WAY,
	FLIGHT_LANDING,
	FLIGHT_LANDED,
	FLIGHT_GONE
};

/*
 * How arrival, proving and keep report to their flight, which they hold meanwhile: they call no
 * function of it by name. The flight may have ended when one of these returns.
 */
struct flight_events {
	/* arrival.h: the head of the first answer is in; else why that is not wanted any more */
	enum err (*begin)(struct flight *f, const struct object_head *head, struct error *e);
	/* the first answer is in, or there will be none */
	void (*answered)(struct flight *f, enum fetch_result result, const struct object_head *head,
			 const struct error *e);
	/*
	 * a part has failed; learn: take it into account when the object is asked for the next time
	 */
	void (*torn)(struct flight *f, const struct error *e, bool learn);

	/* proving.h: nothing is wrong with its beginning, or only the whole tells */
	void (*plausible)(struct flight *f);
	void (*other)(struct flight *f);  /* it is another file than its key names */
	void (*proven)(struct flight *f); /* all of it is there, and is right */
	void (*failed)(struct flight *f, const struct error *e);

	/* keep.h */
	void (*drafted)(struct flight *f);
	void (*kept)(struct flight *f, bool kept); /* or never will be */

	void (*disk_failed)(struct flight *f, const struct error *e);
	void (*idle)(struct flight *f); /* the last hold is given back */
};

struct flight {
	struct flights *all;
	struct cache *cache; /* theirs */
	const struct flight_events *events;
	struct object_id id;
	LIST_ENTRY(flight) place; /* in its bucket, while it is in the table */
	enum flight_phase phase;
	struct store *store;
	enum form form;
	char *key, *named, *via, *checksum; /* owned; all but the key may be NULL */
	uint64_t asker;                     /* of the seat that began it */
	int64_t deadline_ns;
	bool patient;
	/*
	 * from before the store was asked: what comes is kept, and a miss remembered, only if they
	 * are the same at the end
	 */
	uint64_t generation, ticket;
	bool whole;    /* do not ask in parts */
	bool unranged; /* nor, to see whether it is there, for its first byte */
	bool declined; /* the cache cannot take it */
	bool alone;    /* for seats that spell the key exactly so; no others join */
	LIST_HEAD(seats, seat) seats, aboard; /* waiting for the decision; told */
	size_t n_seats;                       /* of both */
	size_t takers; /* seats of SEAT_TAKES, past ones too: with one it is worth keeping */
	size_t jobs;   /* that workers have; and one for each caller on the stack (flight_hold()) */
	bool anew;     /* the stored form in the cache may be out of date */
	bool scratch_ok; /* it may lie in a temporary file */
	bool told;       /* the seats have been told FOUND: later ones are told at once */

	/* from FLIGHT_UNDER_WAY on */
	struct object_head head; /* of the whole object */
	struct fill *fill;
	bool small;       /* kept in memory while it flies */
	bool counted;     /* among the running fills */
	int64_t received; /* bytes, by all parts */

	struct arrival arrival;
	struct proving proving;
	struct keep keep;
	struct making *making; /* making.c; NULL: it has parts */
};

/* A flight without seats is finished when the object is smaller than this, or half there. */
#define FLIGHT_FINISH_BYTES (INT64_C(64) << 20)
#define FLIGHT_BUCKETS      4096

struct flights {
	struct loop *loop;
	struct cache *cache;
	struct flights_settings settings;
	struct pool *pool;      /* for short jobs that may block on the disk */
	struct pool *keep_pool; /* for making files durable: that takes long, and no client waits */
	struct pool *makers;    /* for makers whose input arrives from a store */
	struct pool *file_makers; /* the same, where that lies in a file: they never wait */
	struct permits *permits;  /* of makers */
	struct quota *windows;    /* memory of makers beyond WINDOW_FREE, shared */
	struct confirms *confirms;

	/* ---- the table ---- */
	LIST_HEAD(, flight) bucket[FLIGHT_BUCKETS];
	size_t fills;     /* that run */
	size_t presences; /* flights that began as FLIGHT_PRESENCE */
	bool closing;
	/* Objects that have landed lately: the last one of each bucket. */
	struct object_id landed[FLIGHT_BUCKETS];
	uint64_t landed_generation[FLIGHT_BUCKETS];
	/*
	 * Objects whose last bytes stated another length than they turned out to have: no length is
	 * promised for them again.
	 */
	struct recent liars;
	/* Versions of a stored form of which a wanted form could not be made (making.c). */
	struct recent vain;
	/* Stored forms that did not come in parts: for an hour they are asked for as a whole. */
	struct recent wholes;
};

/*
 * flight.c. Every task, timer and event of a flight holds it before anything else, and lets go as
 * the last thing it does, which may free it; a job of a worker holds it, too. All functions that
 * are declared below take a flight that is held, and never free it; a part or a fetch of it may be
 * gone afterwards.
 */
static inline void flight_hold(struct flight *f)
{
	f->jobs++;
}

static inline void flight_let_go(struct flight *f)
{
	ASSERT(f->jobs);
	if (--f->jobs == 0)
		f->events->idle(f);
}

/* Was it begun before a purge? Then it is neither kept nor joined. Any thread that holds it. */
static inline bool flight_is_outdated(const struct flight *f)
{
	return f->generation != cache_generation(f->cache, f->store, slice_of(f->key), f->named);
}

/* At the end of the process. */
void flights_fail_all(struct flights *all);
/* Tell the decision to all seats that wait for it. */
void flight_tell(struct flight *f, enum fetch_result result, const struct error *e);
/* The object is there, but cannot be cached: every seat that waits is to fetch it by itself. */
void flight_decline(struct flight *f);
/*
 * FLIGHT_GONE, as its key is missing: seats with another spelling of the key, another Via or
 * another SymbolChecksum, move to a flight that is for that spelling alone.
 */
void flight_part_ways(struct flight *f);
/*
 * A flight of FORM_MSFZ, to which the store has sent the file as it is: from here on it is a flight
 * of FORM_STORED. False: there is such a flight already, and all seats have moved there.
 */
MUST_CHECK bool flight_is_plain(struct flight *f);
/*
 * The object is there. True: another flight that asked for it at the same time, with another Via or
 * SymbolChecksum, was told so before; it brings the object, and all seats have moved there.
 */
MUST_CHECK bool flight_merges(struct flight *f);
/* Out of the table: from now on another flight may bring the object. */
void flight_gone(struct flight *f);
void flight_fail(struct flight *f, const struct error *e);
void flight_landed(struct flight *f, bool kept);

/* flight_answer.c */
void flight_ask(struct flight *f, enum flight_phase phase);
/* The store does not have the object: remember the miss, and tell the seats. */
void flight_missing(struct flight *f, enum fetch_result result);
/*
 * It is another file than its key names: a miss for seats not told yet, a broken body for readers.
 */
void flight_is_other(struct flight *f);
/* Its head is known and may be told: tell the seats, and cancel the flight if none stays. */
void flight_found(struct flight *f);
bool flight_worth_finishing(const struct flight *f);
void flight_cancel(struct flight *f);
/* As flight_events. */
MUST_CHECK enum err flight_begin(struct flight *f, const struct object_head *head, struct error *e);
void flight_answered(struct flight *f, enum fetch_result result, const struct object_head *head,
		     const struct error *e);
void flight_torn(struct flight *f, const struct error *e, bool learn);
void flight_disk_failed(struct flight *f, const struct error *e);
/* All of it is there, and is right: let the tail go, and keep it. */
void flight_made(struct flight *f);
void flight_proven(struct flight *f);
/* Is it known that this object has to be asked for as a whole? */
bool flight_whole(const struct flight *f);
/* A part, or the whole, has failed: learn from it how to ask the next time. */
void flight_learn(struct flight *f, const struct error *e);

/* making.c: making a form of what the store has */
void making_ask(struct flight *f);
void making_extend(struct flight *f); /* its deadline was moved */
bool making_is_spooling(const struct flight *f);
/* No seat is left before the maker has begun: may it go on, up to a length that is worth it? */
bool making_goes_on(struct flight *f);
void making_wanted(struct flight *f); /* it has a seat again: any length is worth it */
void making_stop(struct flight *f);
void making_free(struct flight *f);
