// SPDX-License-Identifier: MIT
/*
 * See http_page.h. Bytes are held only while they are a text that is too short to tell, or encoded
 * and too few to show anything. The bytes tell whether they are encoded, as all else.
 */
#include "store/http_page.h"
#include "base/text.h"
#include "store/packing.h"
#include "symfmt/identity.h"
#include "symfmt/page.h"

/*
 * So much of an encoded body is decoded and looked at: zstd shows nothing before the end of a
 * block.
 */
#define CODED_HEAD ((size_t)4096)
#define MAGIC_MAX  4 /* of a coding */

/* What kind of page it is, or NULL. Under the label text/html any text counts as a page. */
static const char *name_of(const struct page_look *l, struct slice beginning)
{
	const char *name = page_name(beginning);

	if (!name && l->is_called_page && page_is_text(beginning) &&
	    !slice_starts(beginning, SLICE("MODULE ")))
		name = "a text called text/html";
	return name;
}

/* A part from the midst of a file shows nothing. */
bool page_look_begin(struct page_look *l, const char *content_type, const struct object_head *head)
{
	page_look_fini(l);
	l->beginning = BUF_MAX(CODED_HEAD + 2 * TRANSFER_READ_MAX);
	l->is_called_page = slice_starts_nocase(slice_of(content_type), SLICE("text/html"));
	l->is_called_coded = head->encoding[0];
	l->length = head->length;
	l->name = NULL;
	return (l->is_called_page || l->is_symbol_path) && head->first == 0 && head->length != 0;
}

/*
 * No more bytes come. A body that is labelled a page, and of which nothing could be seen, is taken
 * for one.
 */
static enum page_seen conclude(struct page_look *l, bool unseen)
{
	if (!unseen || !l->is_called_page)
		return PAGE_NONE;
	l->name = "what is called text/html, encoded,";
	return PAGE_SEEN;
}

/* The bytes are gzip or zstd, whatever the label says: look at their content. */
static enum page_seen look_into(struct page_look *l, enum codec codec, struct slice seen)
{
	bool all = seen.n >= CODED_HEAD || seen.n >= (uint64_t)l->length, nothing;
	char inside[PAGE_HEAD];
	struct slice text = {inside, codec_peek(codec, seen, inside, sizeof(inside), &nothing)};

	l->name = name_of(l, text);
	if (l->name)
		return PAGE_SEEN;
	if (all || text.n >= PAGE_HEAD || nothing || (text.n && !page_is_text(text)))
		return conclude(l, text.n == 0 && !nothing);
	return PAGE_MORE;
}

static enum page_seen look_at(struct page_look *l, struct slice seen)
{
	bool all = seen.n >= PAGE_HEAD || seen.n >= (uint64_t)l->length;
	struct symbol_identity ignored;
	struct head h = head_of(seen, HEAD_SIZE_UNKNOWN);

	l->name = name_of(l, seen);
	if (l->name)
		return PAGE_SEEN;
	if (page_is_text(seen) || seen.n < MAGIC_MAX)
		return all ? PAGE_NONE : PAGE_MORE;
	/* Of a coding that is not undone, or of a file whose label lies. */
	return conclude(l, l->is_called_coded && identity_read(&h, &ignored) == PARSE_OTHER);
}

enum page_seen page_look_feed(struct page_look *l, struct slice bytes)
{
	struct slice seen = bytes;
	enum page_seen is;
	enum packing is_in;

	if (l->beginning.n) {
		buf_add(&l->beginning, bytes);
		seen = buf_slice(&l->beginning);
	}
	is_in = packing_of(seen);
	if (packing_is_coding(is_in))
		is = look_into(l, packing_rows[is_in].codec, seen);
	else
		is = look_at(l, seen);
	if (is == PAGE_MORE && !l->beginning.n)
		buf_add(&l->beginning, bytes);
	return is;
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
