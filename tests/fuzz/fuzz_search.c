// SPDX-License-Identifier: MIT
/*
 * What is typed into a search box, the key of a store, and a cursor: a line each. What is searched for has a name that
 * may be told, a cursor that is read is written again as it was, and a row consists of parts of its key.
 */
#include "serve/search.h"

#include "store/name_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void typed(struct slice line, struct slice folder)
{
	struct search s;

	if (!search_read(line, &s)) {
		ASSERT(s.name.n && !name_is_reserved(s.name));
		ASSERT(memchr(s.name.p, '/', s.name.n) == NULL);
		ASSERT((s.kind == SEARCH_KEY) == (s.key.n > 0));
		if (search_is_of(&s, folder))
			ASSERT(!name_is_reserved(name_of_key(folder)) &&
			       slice_ends(folder, SLICE("/")));
	}
	search_fini(&s);
}

static void stored(struct slice key)
{
	struct search_row r;

	if (!search_row_of(key, &r))
		return;
	ASSERT(r.name.n && r.last.n && r.form[0]);
	ASSERT(r.name.p >= key.p && r.name.p + r.name.n <= key.p + key.n);
	ASSERT(r.key.p >= key.p && r.key.p + r.key.n <= key.p + key.n);
	ASSERT(r.last.p >= key.p && r.last.p + r.last.n <= key.p + key.n);
}

static void cursor(struct slice text)
{
	struct buf again CLEANUP(buf_fini) = BUF_MAX(SEARCH_CURSOR_MAX);
	struct search_cursor c, same;

	if (!search_cursor_read(text, &c))
		return;
	search_cursor_write(&c, &again);
	if (!buf_failed(&again)) { /* "007" is written as "7" */
		ASSERT(search_cursor_read(buf_slice(&again), &same));
		ASSERT(same.store == c.store && slice_eq(same.folder, c.folder) &&
		       slice_eq(same.token, c.token));
		search_cursor_fini(&same);
	}
	search_cursor_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = {(const char *)data, size}, line[3] = {{0}};

	for (size_t i = 0; i < 3; i++)
		(void)slice_next(&rest, '\n', &line[i]);
	typed(line[0], line[1]);
	stored(line[1]);
	cursor(line[2]);
	return 0;
}
