// SPDX-License-Identifier: MIT
/* See question.h. */
#include "store/question.h"
#include "base/random.h"
#include "base/text.h"

#include <stdio.h>

enum question question_of(struct slice key)
{
	struct slice first = SLICE_NONE, rest = key;

	slice_next(&rest, '/', &first);
	if (slice_eq_nocase(first, SLICE("buildid")) || slice_eq_nocase(first, SLICE(".build-id")))
		return QUESTION_BUILD_ID;
	if (first.n == 2 && hex_only(first) && rest.n && slice_find(rest, '/') == rest.n)
		return QUESTION_BUILD_ID;
	return QUESTION_SYMBOL;
}

void question_random_key(enum question q, bool gdb, char ret[static QUESTION_KEY_MAX])
{
	unsigned long long a = random_u64(), b = random_u64(), c = random_u64();

	if (q == QUESTION_SYMBOL)
		snprintf(ret, QUESTION_KEY_MAX,
			 "pepto-probe-%016llx.pdb/%016llX%016llX1/pepto-probe-%016llx.pdb", a, b, c,
			 a);
	else if (gdb)
		snprintf(ret, QUESTION_KEY_MAX, "%02llx/%016llx%016llx%06llx.debug", a & 0xff, b, c,
			 a >> 40);
	else
		snprintf(ret, QUESTION_KEY_MAX, "buildid/%016llx%016llx%08llx/debuginfo", b, c,
			 a >> 32);
}
