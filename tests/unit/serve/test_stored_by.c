// SPDX-License-Identifier: MIT
/* What is remembered of who stored an object is told of that very object, or of none. */
#include "serve/stored_by.h"

#include "tap.h"

static const struct object {
	size_t place;
	const char *key;
	int64_t size, modified_s;
	const char *etag, *why;
} others[] = {
	{1, "foo.pdb/K/foo.pdb", 3, 4, "\"e\"", "of another store"},
	{0, "foo.pdb/L/foo.pdb", 3, 4, "\"e\"", "of another key"},
	{0, "foo.pdb/K/foo.pdb", 5, 4, "\"e\"", "of another size"},
	{0, "foo.pdb/K/foo.pdb", 3, 5, "\"e\"", "of another time"},
	{0, "foo.pdb/K/foo.pdb", 3, 4, "\"f\"", "of other bytes"},
	{0, "foo.pdb/K/foo.pdb", 3, 4, "", "without an ETag"},
};

static uint64_t object_of(const struct object *o)
{
	return stored_by_object(o->place, slice_of(o->key), o->size, o->modified_s,
				slice_of(o->etag));
}

static void test_objects(void)
{
	static const struct object asked = {0, "foo.pdb/K/foo.pdb", 3, 4, "\"e\"", NULL};
	struct stored_by *s = stored_by_new();
	struct tx_id id = {"20261129-150717-3f9a12bc"}, told = {""};

	CHECK(!stored_by_find(s, object_of(&asked), &told), "at first nothing is known");
	stored_by_keep(s, object_of(&asked), &id);
	CHECK(stored_by_find(s, object_of(&asked), &told), "then it is");
	CHECK_STR(told.s, id.s, "by whom");
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		CHECK(!stored_by_find(s, object_of(&others[i]), &told), others[i].why);
	stored_by_keep(s, object_of(&asked), &(struct tx_id){""});
	CHECK(stored_by_find(s, object_of(&asked), &told) && !told.s[0],
	      "that nobody of ours has stored it is known, too");
	stored_by_free(s);
}

/* However many there are, it takes no more room: what is forgotten is asked for again. */
static void test_many(void)
{
	struct stored_by *s = stored_by_new();
	struct tx_id id = {""};
	size_t known = 0, right = 0;

	for (uint64_t i = 0; i < 3 * STORED_BY_KEPT; i++) {
		snprintf(id.s, sizeof(id.s), "%llu", (unsigned long long)i);
		stored_by_keep(s, stored_by_object(i, SLICE("x"), 1, 1, SLICE_NONE), &id);
	}
	for (uint64_t i = 0; i < 3 * STORED_BY_KEPT; i++) {
		bool is = stored_by_find(s, stored_by_object(i, SLICE("x"), 1, 1, SLICE_NONE), &id);

		known += is;
		right += is && strtoull(id.s, NULL, 10) == i;
	}
	CHECK(known && known <= STORED_BY_KEPT, "no more than it keeps");
	CHECK_INT(right, known, "each its own");
	stored_by_free(s);
}

int main(void)
{
	test_objects();
	test_many();
	return tap_done();
}
