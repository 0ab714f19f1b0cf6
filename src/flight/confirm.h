// SPDX-License-Identifier: MIT
/*
 * Asking a store whether a key is still missing (flights_ask_again()), or whether a cached object is still what it has, in the background: the client has
 * been served already. Only a store that says 404 makes the object go; where it denies (a policy
 * may have slipped), refuses the name or fails, the object stays, is served, and is asked about again a minute later.
 */
#pragma once
#include "cache/form.h"

struct flights;
struct confirms;

struct confirms *confirms_new(void);
void confirms_free(struct confirms *all);  /* after the loop; accepts NULL */
void confirms_abort(struct confirms *all); /* loop's thread */

/*
 * Any thread. Does nothing when it is being asked, or was a moment ago. All is copied. spelled: the
 * key is spelled as the store does; else a 404 may be one of the spelling, and removes nothing.
 */
void confirm_start(struct flights *flights, struct store *s, struct slice key, enum form form,
		   const char *expect, const char *checksum, const struct object_head *head,
		   bool spelled);
