// SPDX-License-Identifier: MIT
/*
 * The names that a store had in one folder at one time, all of them: it does not change, so that any
 * number of threads may look at it. A name is a folder's, with a '/' at its end, or that of a key which
 * lies there itself.
 *
 * '+' and ' ' are one byte here: services write a space in a listing as "+" or as "%20", and some leave
 * a '+' as it is, so that a name with either may be one with the other.
 */
#pragma once
#include "store/name_list.h"

struct names;

/* Copied. NULL when memory is out. */
struct names *names_make(const struct name_list *list);
void names_free(struct names *n); /* accepts NULL */
size_t names_count(const struct names *n);
/* How many of them differ from another one in case only. */
size_t names_twins(const struct names *n);
/* Bytes of memory. */
size_t names_size(const struct names *n);

/* Name i of names_count(), in the order of the list: by their bytes. It lives as long as n. */
struct slice names_at(const struct names *n, size_t i);
/* The first that is not before this text, by its bytes; names_count(): none is. */
size_t names_from(const struct names *n, struct slice text);
/* Is there such a name, spelled so? */
bool names_has(const struct names *n, struct slice name);
/*
 * Those that are the name in any case: the one in lower case first, the others in the order of their bytes.
 * At most max of them, with those that are spelled as the name is. Returns how many. They live as long as n.
 */
size_t names_alike(const struct names *n, struct slice name, struct slice *ret, size_t max);
