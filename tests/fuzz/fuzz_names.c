// SPDX-License-Identifier: MIT
/*
 * The names of a store, looked up: an index tells of each name that it has, and of no other, as a look through
 * all of them does. Lines, up to an empty one, are names; those behind it are asked for.
 */
#include "store/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if ((a.p[i] == '+' ? ' ' : a.p[i]) != (b.p[i] == '+' ? ' ' : b.p[i]))
			return false;
	return true;
}

static bool is_there(const struct name_list *l, struct slice name)
{
	for (size_t i = 0; i < l->n; i++)
		if (same(name_list_at(l, i), name))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct name_list list CLEANUP(name_list_fini) = {.text = BUF_MAX(1 << 20)};
	struct slice rest = {(const char *)data, size}, name;
	size_t room = 0;
	struct names *n;

	while (slice_next(&rest, '\n', &name) && name.n)
		if (name_list_add(&list, &room, name, NULL) != OK)
			return 0;
	if (!list.n)
		return 0;
	n = names_make(&list);
	ASSERT(n && names_count(n) == list.n);
	for (size_t i = 0; i < list.n; i++)
		ASSERT(names_has(n, name_list_at(&list, i)));
	while (slice_next(&rest, '\n', &name))
		ASSERT(names_has(n, name) == is_there(&list, name));
	names_free(n);
	return 0;
}
