// SPDX-License-Identifier: MIT
/*
 * A transaction is what one run of `add`, or one upload, publishes. A store keeps of each a few objects of
 * ours below its prefix, which are never served:
 *
 *	.pepto/tx/ID.json       the plan (plan.h), written before the first file
 *	.pepto/tx/ID.json.done  what became of its files (markers.h), written behind the last one
 *	.pepto/tx/ID.json.gone  it is being removed, or has been (markers.h)
 *	.pepto/rm/ID            a removal that runs; its own id, not that of what it removes
 *
 * Which of them there are is its state. Pure.
 */
#pragma once
#include "base/buf.h"

#define TX_FOLDER   ".pepto/tx/"
#define TX_REMOVALS ".pepto/rm/"
#define TX_ID_LEN   24

/* "20261129-150717-3f9a12bc": UTC by the clock of who publishes, and random. */
struct tx_id {
	char s[TX_ID_LEN + 1];
};

enum tx_object { TX_PLAN, TX_DONE, TX_GONE, TX_REMOVAL };
#define TX_OBJECTS 4

enum tx_state {
	TX_STATE_OPEN,    /* a plan alone: it runs, or was broken off */
	TX_STATE_LIVE,    /* .done is there */
	TX_STATE_GOING,   /* .gone is there, */
	TX_STATE_GONE,    /* and says that all is removed */
	TX_STATE_DAMAGED, /* there is no plan, or it cannot be read, or what lies beside it */
};
#define TX_STATES 5

/* "open", "live", "going", "gone", "damaged": everywhere, what is written down and what is told. */
const char *tx_state_name(enum tx_state state);
MUST_CHECK bool tx_state_parse(struct slice name, enum tx_state *ret);
/*
 * By what lies there: a bit for each enum tx_object. is_gone: what .gone says; who has not read it, says false. Who finds
 * that one of them cannot be read, takes it for damaged.
 */
enum tx_state tx_state_of(unsigned has, bool is_gone);
static inline bool tx_has(unsigned has, enum tx_object which)
{
	return has & (1U << which);
}

/* now_s: seconds since the epoch; random: of random_u64(). */
struct tx_id tx_id_make(int64_t now_s, uint64_t random);
/* Exactly such a text, of a date that there is; *ret untouched on failure. */
MUST_CHECK bool tx_id_parse(struct slice s, struct tx_id *ret);
/* Append the key of the object, below the store's prefix. */
void tx_key_add(const struct tx_id *id, enum tx_object which, struct buf *out);
/* What the key of an object below TX_FOLDER or TX_REMOVALS says; false: it is none of ours. */
MUST_CHECK bool tx_key_parse(struct slice key, struct tx_id *ret, enum tx_object *ret_which);
