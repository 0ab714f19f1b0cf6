// SPDX-License-Identifier: MIT
/* What the files of an ask share: ask.c and ask_inspect.c. Loop's thread. */
#pragma once
#include "flight/ask.h"
#include "flight/flight_priv.h"

struct local_check;

struct ask {
	struct ask_request request;
	char *key, *expect; /* owned; expect may be NULL */
	enum form form;     /* the request's, or FORM_PLAIN for FORM_STORED */
	fetch_decided *decided;
	void *ud;
	enum ask_way way;
	struct seat seats[2],
		*seat; /* seat: the one in use; the other one was of the stored form */
	struct fetch *fetch;
	struct fill *ring;
	struct loop_task room;  /* posted by the ring's reader */
	struct loop_timer soon; /* an answer that is known already */
	struct object_head
		found; /* to be told soon, or held until the beginning has been looked at */
	struct error refusal;
	uint64_t ticket;            /* for its miss, from when the store was asked */
	struct object_head version; /* rescue */
	bool rescuing;
	struct digest *digest; /* of what passes, when there is something to compare with */
	struct checksum expected;
	struct object_head passed; /* of what passes */
	struct recheck *recheck;

	/* ask_inspect.c */
	struct inspection inspection;
	bool holding; /* FOUND is not told yet */
	struct local_check *check;
};

/* ask.c: decide by a timer, outside of whatever calls. */
void ask_tell_found_soon(struct ask *a);
void ask_tell_soon(struct ask *a, const struct error *fault);
/* It is there, but not what was asked for: a miss, and remembered. */
void ask_tell_wrong_soon(struct ask *a);

/* It cannot be used as it is stored: its encoding is to be undone. */
void ask_for_plain(struct ask *a);

/* ask_inspect.c: what passes through, or lies in a local store, is it what its key names? */

/* FOUND, with this head: is there something to wait for? Then the head is ask's. */
bool ask_inspects(struct ask *a, const struct object_head *head);
/* The next bytes that pass. */
void ask_inspect(struct ask *a, struct slice bytes);
void ask_inspect_fini(struct ask *a);
