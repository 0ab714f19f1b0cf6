// SPDX-License-Identifier: MIT
/* See form.h. An ETag "abc" becomes "abc-plain"; one that has no room for that is none. */
#include "cache/form.h"

#include <stdio.h>

const char *form_name(enum form form)
{
	static const char *const names[FORMS] = {"stored", "plain", "expanded", "cabinet", "msfz"};

	return names[form];
}

bool form_is_sent(enum form form)
{
	return form == FORM_STORED || form == FORM_MSFZ;
}

struct object_head form_head(enum form form, const struct object_head *stored)
{
	struct object_head h = {.total = -1, .length = -1, .mtime = stored->mtime, .fd = -1};
	struct slice etag = slice_of(stored->etag);
	int n = 0;

	if (slice_ends(etag, SLICE("\"")))
		n = snprintf(h.etag, sizeof(h.etag), "%.*s-%s\"", (int)etag.n - 1, etag.p,
			     form_name(form));
	if (n >= (int)sizeof(h.etag))
		h.etag[0] = '\0';
	return h;
}

bool form_is_current(enum form form, const struct object_head *made,
		     const struct object_head *stored)
{
	struct object_head again;

	if (form_is_sent(form) && made->total != stored->total)
		return false;
	if (!made->etag[0] || !stored->etag[0])
		return made->mtime == stored->mtime;
	if (form_is_sent(form))
		return strcmp(made->etag, stored->etag) == 0;
	again = form_head(form, stored);
	return strcmp(made->etag, again.etag) == 0;
}
