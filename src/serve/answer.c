// SPDX-License-Identifier: MIT
/* See answer.h. */
#include "serve/answer.h"
#include "base/file.h"
#include "codec/gzip.h"

void answer_describe(struct answer *a, const struct candidate *c, enum form form)
{
	if (c->gzipped && form == FORM_STORED)
		memcpy(a->head.encoding, "gzip", sizeof("gzip"));
	a->msfz = c->msfz || form == FORM_MSFZ;
	a->late = c->late;
	a->vary_encoding = a->head.encoding[0] || form == FORM_PLAIN ||
			   (a->from->traits.forms & STORE_FORM_GZIP);
	a->vary_accept = c->negotiable || a->from->traits.forms & STORE_FORM_MSFZ;
}

bool answer_is_gzip(const struct object_head *head)
{
	char magic[2];

	return !head->encoding[0] && file_read_at(head->fd, magic, 2, head->fd_base) == 2 &&
	       memcmp(magic, GZIP_MAGIC, 2) == 0;
}

bool answer_acceptable(const struct object_head *head, bool accepts_gzip)
{
	return !head->encoding[0] ||
	       (accepts_gzip && slice_eq_nocase(slice_of(head->encoding), SLICE("gzip")));
}

bool answer_may_be_part(const struct object_head *h, const struct part_ask *ask)
{
	const struct condition_headers asked = {.if_range = slice_of(ask->if_range)};
	const struct validators have = {
		.etag = slice_of(h->etag),
		.modified = h->mtime >= 0 ? h->mtime : DATE_UNKNOWN,
	};

	/* A client that wants decoded bytes has no use for a range of the encoded ones. */
	return ask->ranged && !h->encoding[0] && condition_range_allowed(&asked, &have);
}

void answer_cut(struct answer *a, const struct part_ask *ask)
{
	struct object_head *h = &a->head;
	struct range part;

	if (!answer_may_be_part(h, ask))
		return;
	if (range_resolve(&ask->range, h->total, &part) == RANGE_UNSATISFIABLE) {
		answer_drop(a);
		a->kind = ANSWER_UNSATISFIABLE;
		return;
	}
	h->ranged = true;
	h->first = part.first;
	h->length = part.last - part.first + 1;
	a->fill_offset = part.first;
}

void answer_drop(struct answer *a)
{
	fill_unref(TAKE(a->fill));
	close_p(&a->head.fd);
	a->head.fd = -1;
}
