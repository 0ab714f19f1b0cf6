// SPDX-License-Identifier: MIT
/* See http_page.h. Bytes are held only while they are a text that is too short to tell. */
#include "store/http_page.h"
#include "base/text.h"
#include "symfmt/page.h"

/* What it is, or NULL. Whose label says text/html may be a text of any kind. */
static const char *name_of(const struct page_look *l, struct slice beginning)
{
	const char *name = page_name(beginning);

	if (!name && l->is_called_page && page_is_text(beginning) &&
	    !slice_starts(beginning, SLICE("MODULE ")))
		name = "a text called text/html";
	return name;
}

/* A part from the midst of a file, and what is encoded, show nothing. */
bool page_look_begin(struct page_look *l, const char *content_type, const struct object_head *head)
{
	page_look_fini(l);
	l->beginning = BUF_MAX(PAGE_HEAD + 2 * TRANSFER_READ_MAX);
	l->is_called_page = slice_starts_nocase(slice_of(content_type), SLICE("text/html"));
	l->length = head->length;
	l->name = NULL;
	return (l->is_called_page || l->is_symbol_path) && head->first == 0 && head->length != 0 &&
	       !head->encoding[0];
}

enum page_seen page_look_feed(struct page_look *l, struct slice bytes)
{
	struct slice seen = bytes;

	if (l->beginning.n) {
		buf_add(&l->beginning, bytes);
		seen = buf_slice(&l->beginning);
	}
	l->name = name_of(l, seen);
	if (l->name)
		return PAGE_SEEN;
	if (seen.n >= PAGE_HEAD || seen.n >= (uint64_t)l->length || !page_is_text(seen))
		return PAGE_NONE;
	if (!l->beginning.n)
		buf_add(&l->beginning, bytes);
	return PAGE_MORE;
}

struct buf page_look_take(struct page_look *l)
{
	struct buf held = l->beginning;

	l->beginning = (struct buf){0};
	return held;
}

void page_look_fini(struct page_look *l)
{
	buf_fini(&l->beginning);
}
