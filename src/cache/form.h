// SPDX-License-Identifier: MIT
/*
 * What is kept of an object of a store, or made of it. Each form is an object of the cache in its own
 * right: another identity, another ETag, a flight of its own. Those of its two ends are what the store
 * sends; the others are made from the first (maker.h). Pure.
 */
#pragma once
#include "store/store.h"

enum form {
	FORM_STORED,   /* as the store has it, Content-Encoding included */
	FORM_PLAIN,    /* its encoding undone (encoding.h) */
	FORM_EXPANDED, /* what it holds compressed: a cabinet, gzip, zstd, MSFZ */
	FORM_CABINET,  /* a cabinet made of it */
	/*
	 * What a store that negotiates (traits.negotiates) sends in place of a PDB to who accepts MSFZ.
	 * It is nothing for who does not: neither the stored form, nor is anything made of it.
	 */
	FORM_MSFZ,
};
#define FORMS 5

/* "stored", "plain", ...: part of identities, so it never changes. */
const char *form_name(enum form form);
/* Is it what the store sends, and not made of that? */
bool form_is_sent(enum form form);
/*
 * The head of the form that was made of an object: of the same version and date, with an ETag of its
 * own, not encoded. The length is not known yet.
 */
struct object_head form_head(enum form form, const struct object_head *stored);
/* Is what was made of it still what would be made of the object that this is the head of? */
bool form_is_current(enum form form, const struct object_head *made,
		     const struct object_head *stored);
