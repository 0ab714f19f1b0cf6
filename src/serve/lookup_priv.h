// SPDX-License-Identifier: MIT
/*
 * Shared by the files of a lookup: lookup.c, lookup_stage.c, lookup_judge.c, lookup_list.c, lookup_pointer.c.
 * Loop's thread.
 */
#pragma once
#include "base/clock.h"
#include "flight/flight.h"
#include "serve/lookup.h"

/* lookup_judge.c has the table of transitions. */
enum slot_state {
	WAITING,  /* asked; no answer yet */
	HELD,     /* not likely, and not asked for before those that are likelier are missing */
	THERE,    /* only its presence was asked for, and it is there */
	FOUND,    /* its head is in */
	PEEKING,  /* found, called gzip; waits for its first bytes */
	LEADING,  /* found, leads to another object; waits for its body */
	FIT,      /* found, and fit for the client, as far as its bytes tell */
	SETTLING, /* fit, and the answer; waits a moment for its body */
	MISSING,  /* it is not there, or another file than its key names */
	UNSATISFIABLE, /* the range that is asked for lies outside */
	FAULTY,        /* no answer */
};

struct slot {
	struct lookup *lookup;
	struct candidate candidate; /* its key lies in lookup.keys */
	struct ask *ask;            /* NULL: not asked for; */
	bool known;                 /* it is known to be missing */
	bool presence;              /* it is only asked whether it is there */
	bool answered;              /* by the ask: */
	enum fetch_result result;
	int64_t asked_ns, took_ns; /* with request.note */
	enum slot_state state;
	struct object_head head;
	struct error error;
	bool lists;     /* keys that begin with the candidate's are listed: */
	bool looked_at; /* a page has come; */
	bool complete;  /* that is all of them */
	struct store_call *listing;
	void (*judge)(struct lookup *l); /* when that has ended */
	char *listed_key; /* owned: the candidate's, where it was found in a listing */
};

struct lookup {
	struct lookup_request request;
	char *if_range, *via, *checksum; /* owned copies of the request's, or NULL */
	void (*answered)(void *ud, struct answer *answer);
	void (*released)(void *ud);
	void *ud;
	struct loop_task start, release;
	struct loop_timer next;    /* the next stage, outside of everybody's callbacks */
	struct loop_timer overdue; /* the present stage takes too long */
	int64_t deadline_ns;

	size_t at;          /* the present store */
	struct slot *slots; /* owned array */
	size_t n_slots;
	struct buf keys;      /* of the slots */
	bool named;           /* the store is known to have the name; */
	struct slice in_vain; /* candidates.in_vain; n == 0: nothing is listed */
	bool starts_cut;      /* in more ways with capitals than are listed */
	int64_t stage_began_ns, stage_deadline_ns;
	int64_t keep_before_ns; /* keep_ns as it was then */
	size_t questions_left;  /* of the present stage */
	struct lookup_cut cut;  /* where that was cut; of == 0: nowhere */
	struct buf target;      /* of the present store's file.ptr; empty: it was not followed */
	char *asked;            /* then, the path whose key the target has to be true to */
	struct ask *winner;
	struct object_head version; /* the version that the winner gives */
	struct slot *awaited;       /* the one that is PEEKING, LEADING or SETTLING; or NULL */
	struct fill_waiter body;    /* that it waits with */
	struct loop_timer awaken;   /* its body has come so far, or the time is over */
	struct loop_task rescue;    /* posted by the connection's thread, with the next three */
	int64_t rescue_first, rescue_last;
	void (*when_rescued)(void *ud, struct fill *body);
	void (*rescued)(void *ud, struct fill *body); /* to be called, while a rescue runs */
	bool done;                                    /* answered() was called */
	LIST_ENTRY(lookup) place;                     /* in request.all */
	uint64_t number;                              /* there */
	struct store *fault_store; /* the first that failed and counts; NULL: none */
	struct error fault;        /* its */
	int64_t keep_ns;           /* a miss may be kept so long: the least of its parts */
	bool working;              /* a flight goes on that was not waited for any longer */
};

/* Is it the present store that the spare answer is from? */
bool lookup_has_spare(const struct lookup *l);

static inline struct store *lookup_present(const struct lookup *l)
{
	return l->request.stores->store[l->at];
}

/* lookup.c */
void lookup_drop_slots(struct lookup *l);
void lookup_answer(struct lookup *l, struct answer *answer);

/* lookup_note.c: telling who wants to know (request.note) */
void lookup_note_slots(struct lookup *l);
/* All candidates are known to be missing, and none is asked for. */
void lookup_note_known(struct lookup *l, const struct candidates *c);
void lookup_note_store(struct lookup *l, enum lookup_said said, const char *why);

/* lookup_pointer.c: following an object that leads to another one, once for each store */
/* By its length, can it be a pointer? */
bool lookup_may_point(const struct slot *slot);
void lookup_pointer_arrived(struct lookup *l, struct slot *slot);
void lookup_forget_target(struct lookup *l);

/* lookup_stage.c: asking the present store */
void lookup_ask(struct slot *slot); /* it is there: ask for it */
void lookup_ask_held(struct lookup *l);
/* Is it known to be missing, and how long (l->keep_ns)? */
bool lookup_knows_missing(struct lookup *l, const struct candidate *c);
/* All that the stage has asked for is missing: the next request for the path goes on behind it. */
void lookup_remember_cut(struct lookup *l);
void lookup_stage(struct loop_timer *next);
void lookup_overdue(struct loop_timer *overdue);

/* lookup_list.c: keys in a case that is not among the candidates */
void lookup_add_lists(struct lookup *l, const struct candidates *c);
void lookup_list(struct slot *slot, void (*judge)(struct lookup *l));
/* It has been found: the candidates that it is but for its case are not missing, they lie in the cache. */
void lookup_list_found(struct lookup *l, const struct slot *slot);
/* Nothing is there. That is remembered, if all lists have come. */
void lookup_lists_in_vain(struct lookup *l);
/* Is there no such key, as far as the store's names are known? All slots are MISSING. */
bool lookup_lists_prove(const struct lookup *l);

/* lookup_judge.c: deciding by its answers */
fetch_decided lookup_decided; /* ud: the slot */
void lookup_awaken(struct loop_timer *awaken);
void lookup_next_stage(struct lookup *l);
void lookup_judge(struct lookup *l);
/* The object in this slot is another file than its key names. */
void lookup_take_for_missing(struct lookup *l, struct slot *slot);
void lookup_store_failed(struct lookup *l, const struct error *e, bool log);
void lookup_answer_nothing(struct lookup *l);
