// SPDX-License-Identifier: MIT
/*
 * May a file that came from outside be kept under this key? What the key is made of (a name, the
 * MODULE line of a Breakpad file) is the sender's, so it has to be a path that a request could ask
 * for, and to look like one of a symbol. Pure.
 */
#pragma once
#include "base/slice.h"

enum upload_key {
	UPLOAD_KEY_GOOD,
	UPLOAD_KEY_REFUSED, /* no store has such (place_fault()) */
	UPLOAD_KEY_UNKNOWN, /* no debugger asks for it */
};

/* The key in a store, below its prefix. *why: of what is not good, for people. */
enum upload_key upload_key_judge(struct slice key, const char **why);
