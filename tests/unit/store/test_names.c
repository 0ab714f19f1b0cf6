// SPDX-License-Identifier: MIT
/*
 * The names of a store: each is found by its own bytes and no other spelling is, in lists of a few odd ones
 * and of a hundred thousand.
 */
#include "store/names.h"

#include "tap.h"

#define MANY 100000

static void put(struct name_list *l, struct slice name)
{
	l->end = realloc(l->end, (l->n + 1) * sizeof(l->end[0]));
	ASSERT(l->end);
	buf_add(&l->text, name);
	l->end[l->n++] = (uint32_t)l->text.n;
}

static struct names *names_of(const char *const *list, size_t n)
{
	struct name_list l = {.text = BUF_MAX(1 << 20)};
	struct names *names;

	for (size_t i = 0; i < n; i++)
		put(&l, slice_of(list[i]));
	names = names_make(&l);
	name_list_fini(&l);
	ASSERT(names);
	return names;
}

static const char *const odd[] = {
	"A.pdb/",     "B.PDB/",        "a.pdb/",        "b.pdb",     "c++rt.pdb/", "d e.pdb/",
	"index2.txt", "\xc3\x84.pdb/", "\xc3\xa4.pdb/", "\xff\xfe/", "%41.pdb/",   "\x01/",
};

static const struct {
	const char *name;
	bool there;
	const char *why;
} asked[] = {
	{"a.pdb/", true, "a name"},
	{"A.pdb/", true, "in another case, which is there as well"},
	{"A.PDB/", false, "in one that is not"},
	{"a.pdb", false, "a folder is no key"},
	{"b.pdb", true, "a key"},
	{"b.pdb/", false, "a key is no folder"},
	{"B.PDB/", true, "though there is a folder of another case"},
	{"b.PDB/", false, "but not of this one"},
	{"c++rt.pdb/", true, "plus signs"},
	{"c  rt.pdb/", true, "which may be spaces"},
	{"c+rt.pdb/", false, "each of them"},
	{"d+e.pdb/", true, "and a space a plus sign"},
	{"de.pdb/", false, "but not nothing"},
	{"\xc3\x84.pdb/", true, "a capital that is no ASCII"},
	{"\xc3\xa4.pdb/", true, "and its small letter"},
	{"\xff\xfe/", true, "no UTF-8"},
	{"\xfe\xfe/", false, "another one"},
	{"%41.pdb/", true, "an escape is what it is"},
	{"\x01/", true, "a control character"},
	{"", false, "nothing"},
	{"z.pdb/", false, "an unknown one"},
};

static void test_odd(void)
{
	struct names *n = names_of(odd, ARRAY_LEN(odd)), *none = names_of(NULL, 0);

	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		CHECK_INT(names_has(n, slice_of(asked[i].name)), asked[i].there, asked[i].why);
		CHECK(!names_has(none, slice_of(asked[i].name)), "an empty store has none");
	}
	CHECK_INT((long long)names_count(n), (long long)ARRAY_LEN(odd), "all are counted");
	names_free(n);
	names_free(none);
}

static const struct {
	const char *text;
	size_t from;
	const char *why;
} places[] = {
	{"", 0, "nothing is before all"},   {"A.pdb/", 0, "the first"},
	{"A.pdb/1", 1, "what lies in it"},  {"B", 1, "how one begins"},
	{"a.pdb", 2, "without its slash"},  {"c++rt.pdb/", 4, "one of them"},
	{"zz", 7, "behind the last ASCII"}, {"\xff\xff", 8, "behind all"},
};

static void test_order(void)
{
	static const char *const list[] = {"A.pdb/",     "B.PDB/", "a.pdb/", "b.pdb",
					   "c++rt.pdb/", "d/",     "z",      "\xc3\x84/"};
	struct names *n = names_of(list, ARRAY_LEN(list)), *none = names_of(NULL, 0);

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		CHECK(slice_eq(names_at(n, i), slice_of(list[i])), "they lie as in the list");
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CHECK_INT(names_from(n, slice_of(places[i].text)), places[i].from, places[i].why);
		CHECK_INT(names_from(none, slice_of(places[i].text)), 0, "none of none");
	}
	names_free(n);
	names_free(none);
}

static struct slice nth(size_t i, char text[static 40])
{
	return (struct slice){text, (size_t)snprintf(text, 40, "Module%06zu.pdb/", i)};
}

static void test_many(void)
{
	struct name_list l = {.text = BUF_MAX(1 << 24)};
	size_t found = 0, wrong = 0;
	struct names *n;
	char text[40];

	l.end = malloc(MANY * sizeof(l.end[0]));
	for (size_t i = 0; i < MANY; i++) {
		buf_add(&l.text, nth(i, text));
		l.end[l.n++] = (uint32_t)l.text.n;
	}
	n = names_make(&l);
	name_list_fini(&l);
	for (size_t i = 0; i < MANY; i++)
		found += names_has(n, nth(i, text));
	for (size_t i = MANY; i < 2 * MANY; i++)
		wrong += names_has(n, nth(i, text));
	CHECK_INT((long long)found, MANY, "each of a hundred thousand is there");
	CHECK_INT((long long)wrong, 0, "and no other");
	CHECK(names_size(n) < 8 << 20, "in less than 8 MiB");
	names_free(n);
}

/* Into as much room as there is; what is asked for and what is in lower case are not left out. */
static void test_room(void)
{
	static const char *const twins[] = {"AB/", "Ab/", "aB/", "ab/"};
	static const struct {
		const char *name, *wanted[4];
	} rows[] = {
		{"aB/", {0}},
		{"aB/", {"ab/"}},
		{"aB/", {"ab/", "aB/"}},
		{"aB/", {"ab/", "AB/", "aB/"}},
		{"Ab/", {"ab/", "AB/", "Ab/"}},
		{"AB/", {"ab/", "AB/", "Ab/"}},
		{"ab/", {"ab/", "AB/", "Ab/"}},
		{"aB/", {"ab/", "AB/", "Ab/", "aB/"}},
	};
	struct names *n = names_of(twins, ARRAY_LEN(twins));

	for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
		struct slice ret[6] = {SLICE("before")};
		size_t max = 0;

		while (max < 4 && rows[row].wanted[max])
			max++;
		CHECK_INT(names_alike(n, slice_of(rows[row].name), ret + 1, max), max, "so many");
		for (size_t i = 0; i < max; i++)
			CHECK_SLICE(ret[1 + i], rows[row].wanted[i], rows[row].name);
		CHECK(slice_eq(ret[0], SLICE("before")) && !ret[1 + max].p, "and nothing beside");
	}
	names_free(n);
}

int main(void)
{
	test_odd();
	test_order();
	test_many();
	test_room();
	return tap_done();
}
