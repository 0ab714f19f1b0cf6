// SPDX-License-Identifier: MIT
/*
 * Two kinds of questions go to a store: symbol paths (name/KEY/name), and paths that name a file by
 * its build-id (buildid/HEX/debuginfo). A server may know the one kind and be at a loss for the
 * other: elfutils' debuginfod answers 503 to whatever is none of its own paths. So what it says to
 * one kind of question tells nothing of the other. Pure.
 */
#pragma once
#include "base/slice.h"

enum question { QUESTION_SYMBOL, QUESTION_BUILD_ID, QUESTION_ANY };

#define QUESTIONS        2 /* ANY is none: whichever a store is likely to be asked */
#define QUESTION_KEY_MAX 128

/* Which kind a key is, by its shape alone: buildid/..., .build-id/..., and nn/nnnn... of gdb. */
enum question question_of(struct slice key);
/*
 * A key of that kind that no store has, another one each time, with a NUL. It looks like an
 * ordinary key, since servers have rules for names: those that begin with a dot are denied by many.
 * gdb: a build-id as of a tree of gdb's. Not pure: random.
 */
void question_random_key(enum question q, bool gdb, char ret[static QUESTION_KEY_MAX]);
