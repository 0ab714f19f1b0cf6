// SPDX-License-Identifier: MIT
/*
 * See accept_header.h. Weights are read only so far as to tell zero (q=0, q=0.000) from the rest.
 */
#include "serve/accept_header.h"

static bool is_refused(struct slice parameters)
{
	struct slice p;

	while (slice_next(&parameters, ';', &p)) {
		p = slice_trim(p);
		if (!slice_starts_nocase(p, SLICE("q=0")))
			continue;
		for (p = slice_from(p, 3); p.n && (p.p[0] == '0' || p.p[0] == '.');)
			p = slice_from(p, 1);
		return p.n == 0;
	}
	return false;
}

enum accepted accept_says(struct slice list, struct slice name)
{
	struct slice one;

	while (slice_next(&list, ',', &one)) {
		size_t at = slice_find(one, ';');

		if (slice_eq_nocase(slice_trim(slice_head(one, at)), name))
			return is_refused(slice_from(one, at)) ? ACCEPT_NO : ACCEPT_YES;
	}
	return ACCEPT_UNNAMED;
}
