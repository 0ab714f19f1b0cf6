// SPDX-License-Identifier: MIT
/* What the files of a flight share: flights.c, flight*.c, part.c, derive.c, landing.c, ask.c... */
#pragma once
#include "base/file.h"
#include "base/pool.h"
#include "cache/checksum.h"
#include "flight/budget.h"
#include "flight/flight.h"
#include "flight/flights.h"
#include "flight/inspect.h"
#include "flight/permits.h"
#include "flight/recent.h"
#include "flight/recheck.h"

struct confirms;

/* ---- a flight, for flight.c, part.c and landing.c ---- */

enum flight_phase { ASKING, PROBING, FLYING, LANDING, LANDED, GONE };

/* The write-behind buffer of one part: two halves, one being filled, one being written. */
#define PART_BUFFER ((size_t)128 * 1024)

struct part {
	struct flight *flight;
	struct part *next, **at; /* in flight->parts */
	int64_t first, end;      /* end: set once it is known */
	int64_t stored;          /* reported to the fill */
	int64_t reserved;        /* space on the disk, up to here; the job's */
	struct fetch *fetch;     /* NULL once it has ended */
	bool asking;             /* it is the flight's first question */
	char *buffer[2];
	size_t n[2];
	int filling;  /* which half */
	bool writing; /* a job writes the other one */
	bool paused;  /* the fetch was told to pause */
	struct pool_job job;
	struct loop_task written;
	struct error failure; /* of the job */
};

/* Following what has arrived with a checksum, in order. */
struct hasher {
	struct digest *digest; /* NULL: nothing to compare with */
	struct checksum expected;
	int64_t hashed, target;
	bool running;
	struct pool_job job;
	struct loop_task done;
	struct error failure;
};

struct flight {
	struct flights *all;
	struct cache *cache; /* theirs */
	struct object_id id;
	struct flight *next, **at; /* in its bucket; at == NULL: not in the table */
	enum flight_phase phase;
	struct store *store;
	enum form form;
	char *key, *expect, *via, *checksum; /* owned; all but the key may be NULL */
	uint64_t asker;                      /* who began it */
	int64_t deadline_ns;
	bool patient;
	/* from before the store was asked, or something looked for: for what comes, and for a miss */
	uint64_t generation, ticket;
	bool whole;                  /* do not ask in parts */
	bool unranged;               /* nor, to see whether it is there, for its first byte */
	bool declined;               /* the cache cannot take it */
	bool alone;                  /* for who spells the key like this; others do not join */
	struct seat *seats, *aboard; /* waiting for the decision; told */
	size_t n_seats;              /* of both */
	size_t takers;               /* who have, or had, a seat because they want it as it is */
	size_t jobs; /* that workers have; and one for each caller on the stack (flight_hold()) */
	bool unkept;
	bool anew;                /* what lies in the cache of the stored form may be out of date */
	bool scratch_ok, scratch; /* may lie, and does lie in a temporary file: then never kept */
	bool told;                /* FOUND, to who had a seat then */

	/* from FLYING on */
	struct object_head head; /* of the whole object */
	struct fill *fill;
	bool small;       /* kept in memory while it flies */
	bool counted;     /* among the running fills */
	int64_t received; /* bytes, by all parts */
	/*
	 * -1, or the file of what came without a length, and where it begins there; spool_draft: what
	 * the file is if a maker has made it
	 */
	int spool;
	int64_t spool_base;
	int64_t spool_counted; /* until nobody reads it any more */
	struct draft *spool_draft;

	/* flight_inspect.c */
	struct inspection inspection;
	struct loop_timer inspected;
	bool inspecting; /* a worker looks at the whole */

	/* derive.c; NULL: it has parts */
	struct derivation *derivation;

	/* part.c */
	struct part *parts;
	size_t n_parts;
	int64_t chunk; /* size of the parts of the last round; 0: not there yet */
	struct loop_task wanted;

	/* landing.c */
	struct draft *draft; /* made by a worker; the loop's once `drafted` */
	int64_t reserve;     /* bytes that a part has space reserved for at a time; 0: none */
	struct loop_task drafted_task, kept_task;
	struct pool_job draft_job, keep_job;
	struct error draft_failure, keep_failure;
	bool drafted;
	int64_t promised;        /* by evict_promise(), which ends with the flight */
	int64_t expected;        /* bytes that evict_expect() was told of */
	struct fetch *sum_fetch; /* asks for the checksum of an object that comes in parts */
	struct hasher hasher;
	struct recheck *recheck; /* of an MD5 that does not agree */
};

/* A flight that nobody waits for is finished when it is smaller than this, or half done. */
#define FLIGHT_FINISH_BYTES (INT64_C(64) << 20)
#define FLIGHT_BUCKETS      4096

struct flights {
	struct loop *loop;
	struct cache *cache;
	struct flights_settings settings;
	struct pool *pool;    /* for what is short but may block on the disk */
	struct pool *keepers; /* for files being made durable, which takes long and nobody waits */
	struct pool *
		makers; /* for making one form of an object out of another, which waits for stores */
	struct pool *file_makers; /* the same, where that lies in a file: they never wait */
	struct permits *permits;  /* of makers */
	struct budget *windows;   /* memory of makers, beyond what each may have */
	struct confirms *confirms;

	/* ---- the table ---- */
	struct flight *bucket[FLIGHT_BUCKETS];
	size_t fills;  /* that run */
	size_t probes; /* that nobody waits for */
	bool closing;
	/* What has landed lately: the last one of each bucket. */
	struct object_id landed[FLIGHT_BUCKETS];
	uint64_t landed_generation[FLIGHT_BUCKETS];
	/* What did not keep the length that its end promised: no promise is made of it again. */
	struct recent liars;
	/* Versions of a stored form of which what was wanted could not be made (derive.c). */
	struct recent vain;
	/* What did not come in parts, as stored: for an hour the whole is asked for. */
	struct recent wholes;
};

/*
 * flight.c. Every task, timer and event of a flight holds it before anything else, and lets go as
 * the last thing it does, which may free it; a job of a worker holds it, too. All that is declared
 * below takes a flight that is held, and never frees it; a part or a fetch of it may be gone
 * afterwards.
 */
void flight_hold(struct flight *f);
/* Was it begun before a purge? Then it is neither kept nor joined. Any thread that holds it. */
bool flight_is_outdated(const struct flight *f);
void flight_let_go(struct flight *f);
/* At the end of the process. */
void flights_fail_all(struct flights *all);
/* Tell all who wait for the decision. */
void flight_tell(struct flight *f, enum fetch_result result, const struct error *e);
/* It is there: send all who wait for it to fetch it by themselves. */
void flight_decline(struct flight *f);
/*
 * GONE, as its key is missing: who asked for another spelling of it, or is another about a
 * SymbolChecksum, goes on in a flight that is for that spelling alone.
 */
void flight_part_ways(struct flight *f);
/* Out of the table: from now on another flight may bring the object. */
void flight_gone(struct flight *f);
void flight_fail(struct flight *f, const struct error *e);
void flight_landed(struct flight *f, bool kept);

/* flight_answer.c */
void flight_ask(struct flight *f, enum flight_phase phase);
/* The store does not have it: remember that, tell it. */
void flight_missing(struct flight *f, enum fetch_result result);
/* It is another file than its key names: a miss for who has not been told, broken off for the rest. */
void flight_is_other(struct flight *f);
/* Its head is known and who waits may know: tell them, and see whether anybody stays. */
void flight_found(struct flight *f);
bool flight_worth_finishing(const struct flight *f);
void flight_cancel(struct flight *f);
/* The head of the first answer; what becomes of that (ud: the part that asked). */
MUST_CHECK enum err flight_begin(struct flight *f, struct part *p, const struct object_head *head,
				 struct error *e);
fetch_decided flight_decided;
/* Is it known that this object has to be asked for as a whole? */
bool flight_whole(const struct flight *f);
/* A part, or the whole, has failed: learn from it how to ask the next time. */
void flight_learn(struct flight *f, const struct error *e);

/* flight_inspect.c: is it what its key names? */

/* Found: must anybody wait until that is known? */
bool flight_inspects(struct flight *f);
/* Somebody wants it as it is who came after that was asked: look at the whole in the end. */
void flight_inspect_late(struct flight *f);
/* More of its beginning, in order. */
void flight_inspect(struct flight *f, struct slice bytes);
/*
 * All bytes are there. False: it is another file, of which everybody has been told; or not known
 * yet, and landing_advance() will be called.
 */
MUST_CHECK bool flight_inspected(struct flight *f);
void flight_inspect_init(struct flight *f);

/* derive.c: making a form of what the store has */
void derive_ask(struct flight *f);
void derive_extend(struct flight *f); /* its deadline was moved */
bool derive_is_spooling(const struct flight *f);
/* Nobody waits: may what is not known to be there yet be made, up to a length that is worth it? */
bool derive_goes_on(struct flight *f);
void derive_wanted(struct flight *f); /* somebody waits again */
void derive_stop(struct flight *f);
void derive_free(struct flight *f);

/* part.c */
void parts_ask(struct flight *f);   /* the first question */
void parts_start(struct flight *f); /* as many parts as may run */
void parts_flush(struct flight *f); /* the draft is there */
void parts_drop(struct flight *f);
void parts_wanted(struct loop_task *task);

/* landing.c: the draft, the checksum, and the way into the directory */
void landing_init(struct flight *f);
MUST_CHECK enum err landing_draft(struct flight *f, struct error *e);
/* May a body of so many bytes come into the cache? Counted until landing_promise_end(). */
MUST_CHECK bool landing_promise(struct flight *f, int64_t bytes);
void landing_promise_end(struct flight *f);
/* The checksum that a store tells with an answer about the whole. */
bool landing_told_sum(const struct object_head *h, struct checksum *ret);
/* What came, and was added to d, is not what h says: fetch it once more. */
struct recheck_request landing_recheck(struct store *s, const char *key,
				       const struct object_head *h, const struct digest *d);
/* Tell of a wrong checksum: log, count, *e. */
void landing_corrupt(const struct store *s, const char *key, struct error *e);
/* The head is in (of a part only?): find out what checksum to expect. */
void landing_expect(struct flight *f, bool ranged);
void landing_arrived(struct flight *f, int64_t bytes); /* so many more are on the disk */
void landing_advance(struct flight *f);                /* more is there */
void landing_made(struct flight *f);                   /* all is there, and has been checked */
void landing_drop(struct flight *f);
/* The disk has failed this flight. */
void landing_disk_failed(struct flight *f, const struct error *e);
