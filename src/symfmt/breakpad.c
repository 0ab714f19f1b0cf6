// SPDX-License-Identifier: MIT
/* Two lines of fields with one blank between them; see breakpad.h. */
#include "symfmt/breakpad.h"
#include "symfmt/key.h"

#define RECORD_MAX 4096
#define MODULE     "MODULE "
#define CODE_ID    "INFO CODE_ID "

static struct slice read_line(struct head *h, uint64_t at)
{
	struct slice line = head_text(h, at, '\n', RECORD_MAX);

	return slice_ends(line, SLICE("\r")) ? slice_head(line, line.n - 1) : line;
}

/* The second line may be of any length when it is another record: look before reading it. */
static void read_code_id(struct head *h, uint64_t at, struct breakpad *b)
{
	struct slice tag = SLICE(CODE_ID), line;

	if (at >= h->file_size || h->file_size - at < tag.n ||
	    !slice_eq(head_bytes(h, at, tag.n), tag))
		return;
	line = read_line(h, at + tag.n);
	(void)slice_next(&line, ' ', &b->code_id);
	b->code_file = line;
}

enum parse breakpad_read(struct head *h, struct breakpad *ret)
{
	struct breakpad b = {0};
	struct slice whole, line;

	if (!head_starts(h, SLICE(MODULE)))
		return head_other(h);
	whole = head_text(h, 0, '\n', RECORD_MAX);
	line = slice_from(read_line(h, 0), strlen(MODULE));
	if (!slice_next(&line, ' ', &b.os) || !slice_next(&line, ' ', &b.arch) ||
	    !slice_next(&line, ' ', &b.id) || line.n == 0)
		return head_state(h) == PARSE_OK ? PARSE_CORRUPT : head_state(h);
	b.name = line;
	read_code_id(h, whole.n + 1, &b);
	if (head_state(h) == PARSE_OK)
		*ret = b;
	return head_state(h);
}

enum parse breakpad_identity(struct head *h, struct symbol_identity *ret)
{
	struct breakpad b = {0};
	struct symbol_key key;
	enum parse state = breakpad_read(h, &b);

	if (state != PARSE_OK)
		return state;
	key = key_parse(SLICE_NONE, b.id);
	if (key.kind != KEY_GUID || key.age_text.n == 0)
		return PARSE_CORRUPT;
	*ret = (struct symbol_identity){
		.kind = SYMBOL_BREAKPAD,
		.ids = 1,
		.id[0] = key.id,
		.has_age = true,
		.age = key.age,
		.code_id = b.code_id,
	};
	return PARSE_OK;
}
