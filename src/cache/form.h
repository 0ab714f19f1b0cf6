// SPDX-License-Identifier: MIT
/*
 * The forms of a store's object: what the store sends, and what is made of that. Each form is an
 * object of the cache in its own right, with an identity, an ETag and a flight of its own. The
 * first and the last form below are sent by stores; the others are made from the first (maker.h).
 * Pure.
 */
#pragma once
#include "store/store.h"

enum form {
	FORM_STORED,   /* as the store has it, Content-Encoding included */
	FORM_PLAIN,    /* its encoding undone (encoding.h) */
	FORM_EXPANDED, /* what it holds compressed: a cabinet, gzip, zstd, MSFZ */
	FORM_CABINET,  /* a cabinet made of it */
	/*
	 * What a store that negotiates (traits.negotiates) sends in place of a PDB to a request
	 * that accepts MSFZ. It is never given to clients that do not accept MSFZ, neither as it is
	 * nor expanded.
	 */
	FORM_MSFZ,
};
#define FORMS 5

/* "stored", "plain", ...: part of identities, so it never changes. */
const char *form_name(enum form form);
/* Is it what the store sends, and not made of that? */
bool form_is_sent(enum form form);
/*
 * The head of the form that was made of an object: of the same version and date, with an ETag of
 * its own, not encoded. The length is not known yet.
 */
struct object_head form_head(enum form form, const struct object_head *stored);
/* Would the same still be made of the object that has this head? */
bool form_is_current(enum form form, const struct object_head *made,
		     const struct object_head *stored);
