// SPDX-License-Identifier: MIT
/* See web.h. */
#include "serve/web.h"
#include "serve/accept_header.h"
#include "serve/respond.h"

bool web_is(const struct symbol_path *p)
{
	return p->segments == 3 && slice_eq(p->segment[0], SLICE("-")) &&
	       slice_eq(p->segment[1], SLICE("web"));
}

/* A star stands for gzip where that is not named. */
static bool takes_gzip(struct slice accept)
{
	enum accepted gzip = accept_says(accept, SLICE("gzip"));

	return gzip == ACCEPT_YES ||
	       (gzip == ACCEPT_UNNAMED && accept_says(accept, SLICE("*")) == ACCEPT_YES);
}

void web_answer(struct exchange *x)
{
	bool gzip = takes_gzip(slice_of(exchange_header(x, "Accept-Encoding")));

	for (size_t i = 0; x->server->parts.conf->page && i < web_files_n; i++) {
		if (slice_eq(x->path.segment[2], slice_of(web_files[i].name))) {
			respond_web(x, &web_files[i], gzip);
			return;
		}
	}
	respond_bad_path(x);
}
