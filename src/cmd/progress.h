// SPDX-License-Identifier: MIT
/*
 * How far a command is, on standard error: a bar on a terminal, else a line every ten seconds. One thread.
 */
#pragma once
#include "base/slice.h"

struct progress {
	bool is_terminal, is_quiet;
	const char *what; /* "adding" */
	int64_t began_ns, told_ns;
	size_t files; /* of all */
	int64_t bytes;
	bool is_shown; /* the bar stands in the present line */
};

void progress_begin(struct progress *p, const char *what, size_t files, int64_t bytes, bool quiet);
/* Often: it decides itself when to tell. */
void progress_tell(struct progress *p, size_t files, int64_t bytes);
/* Before something else is printed: the bar leaves its line. */
void progress_hide(struct progress *p);
