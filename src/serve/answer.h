// SPDX-License-Identifier: MIT
/*
 * What a request comes to, before it is made into HTTP: found (and where the body is), missing, or
 * not to be known now. Made by known.c out of what the cache knows, or by lookup.c by asking.
 */
#pragma once
#include "flight/ask.h"
#include "serve/candidates.h"
#include "serve/condition.h"

enum answer_kind { ANSWER_FAULT, ANSWER_FOUND, ANSWER_MISS, ANSWER_UNSATISFIABLE };

struct answer {
	enum answer_kind kind;
	struct object_head
		head;        /* FOUND: complete, fd owned by the receiver; UNSATISFIABLE: total */
	struct fill *fill;   /* FOUND, unless only the head was asked or head.fd >= 0; owned */
	int64_t fill_offset; /* where in the fill the body begins */
	enum ask_way way;    /* FOUND */
	int64_t fresh_ns;    /* ASK_HIT: fresh for so long; 0: stale */
	int64_t hot_ns;      /* FOUND: nothing has to be looked at or asked again for so long */
	size_t rank;         /* ASK_HIT by known_answer(): which candidate of `from` */
	struct store *from;  /* the store that answered; NULL on a miss */
	int64_t keep_ns;     /* MISS: clients may keep it for so long */
	bool working;        /* FAULT: it is still being fetched; asked again, it may be there */
	/* FOUND: it is in MSFZ form; others could be given it encoded, or in another form */
	bool msfz, vary_encoding, vary_accept;
	bool late;          /* FOUND: behind keys of `from` that not every client asks for */
	struct error error; /* FAULT */
};

/* The part of an object that a client wants. */
struct part_ask {
	bool ranged;
	struct range_ask range;
	const char *if_range; /* header value or NULL */
};

/* FOUND, in this form of this candidate of answer.from: fill in what others could be given. */
void answer_describe(struct answer *a, const struct candidate *c, enum form form);
/* Does the file (head->fd) that is called gzip hold what may be sent as Content-Encoding: gzip? */
bool answer_is_gzip(const struct object_head *head);
/* Can the client read the encoding that the head tells? */
bool answer_acceptable(const struct object_head *head, bool accepts_gzip);
/* Would the client be given a part of it, if it asks for one, or always the whole? */
bool answer_may_be_part(const struct object_head *head, const struct part_ask *ask);
/*
 * FOUND with a head of the whole, of which any part can be given: cut it to the part that is asked
 * for. Then it may become UNSATISFIABLE.
 */
void answer_cut(struct answer *a, const struct part_ask *ask);
/* Give up the descriptor or fill of a FOUND answer. */
void answer_drop(struct answer *a);
