// SPDX-License-Identifier: MIT
/*
 * What is looked for where it is known how the store spells the name: each spelling with the key in each way in
 * which it may be written, the likeliest first, and how such a key begins where the name has capitals.
 */
#include "serve/candidates.h"
#include "tap.h"

#define UPPER                 "497B72F6390A44FC878E5A2D63B6CC4B"
#define LOWER                 "497b72f6390a44fc878e5a2d63b6cc4b"
#define SOME                  "497B72F6390a44fc878e5a2d63b6cc4b"
#define NAMES_MAX             3
#define WANTED_MAX            12
#define LIES(packing, casing) ((packing)*4 + (casing) + 1)

struct row {
	const char *target;
	struct listed_name names[NAMES_MAX];
	struct candidate_options o;     /* names_first: they are not */
	const char *wanted[WANTED_MAX]; /* keys; then, behind "-", the starts */
};

#define NAME(text)                                                                                 \
	{                                                                                          \
		.name = { text, sizeof(text) - 1 }                                                 \
	}
#define KNOWN(text, lies)                                                                          \
	{                                                                                          \
		.name = {text, sizeof(text) - 1}, .learnt = (lies)                                 \
	}
#define IN(fo, text)                                                                               \
	{                                                                                          \
		.folder = {fo, sizeof(fo) - 1}, .name = { text, sizeof(text) - 1 }                 \
	}

static const struct row rows[] = {
	/* A name in lower case: the key in lower case first. */
	{"/foo.pdb/" UPPER "A/foo.pdb",
	 {NAME("foo.pdb")},
	 {CASE_BOTH, TIER_ONE},
	 {"foo.pdb/" LOWER "a/foo.pdb", "foo.pdb/" UPPER "A/foo.pdb",
	  "foo.pdb/" UPPER "a/foo.pdb"}},
	/* One with capitals: as symstore writes the key; those that the store is not known to have are last. */
	{"/foo.pdb/" LOWER "a/foo.pdb",
	 {NAME("Foo.PDB")},
	 {CASE_BOTH, TIER_ONE},
	 {"Foo.PDB/" UPPER "a/Foo.PDB", "Foo.PDB/" LOWER "a/Foo.PDB", "foo.pdb/" LOWER "a/foo.pdb",
	  "-", "Foo.PDB/497B72F6", "Foo.PDB/497b72f6"}},
	/* Of digits alone there is one way, and one start. */
	{"/foo.dll/123456789000/foo.dll",
	 {NAME("Foo.dll")},
	 {CASE_BOTH, TIER_ONE},
	 {"Foo.dll/123456789000/Foo.dll", "foo.dll/123456789000/foo.dll", "-", "Foo.dll/12345678"}},
	/* The stamp in capitals, the size not. */
	{"/foo.dll/5617d4feab000/foo.dll",
	 {NAME("FOO.DLL")},
	 {CASE_BOTH, TIER_ONE},
	 {"FOO.DLL/5617D4FEab000/FOO.DLL", "FOO.DLL/5617d4feab000/FOO.DLL",
	  "foo.dll/5617d4feab000/foo.dll", "-", "FOO.DLL/5617D4FE", "FOO.DLL/5617d4fe"}},
	/* Twins: all of one before all of the other. */
	{"/foo.pdb/" LOWER "1/foo.pdb",
	 {NAME("foo.pdb"), NAME("FOO.pdb")},
	 {CASE_BOTH, TIER_ONE, STORE_FORM_CAB},
	 {"foo.pdb/" LOWER "1/foo.pdb", "foo.pdb/" UPPER "1/foo.pdb", "foo.pdb/" LOWER "1/foo.pd_",
	  "foo.pdb/" UPPER "1/foo.pd_", "FOO.pdb/" UPPER "1/FOO.pdb", "FOO.pdb/" LOWER "1/FOO.pdb",
	  "FOO.pdb/" UPPER "1/FOO.pd_", "FOO.pdb/" LOWER "1/FOO.pd_", "-", "FOO.pdb/497B72F6",
	  "FOO.pdb/497b72f6"}},
	/* What was learnt of the name goes first, else what was of the store; in its spelling. */
	{"/foo.pdb/" LOWER "1/foo.pdb",
	 {KNOWN("foo.pdb", LIES(PACKED_CAB, KEY_AS_SYMSTORE))},
	 {CASE_BOTH, TIER_ONE, STORE_FORM_CAB, .learnt = LIES(PACKED_NOT, KEY_IN_LOWER)},
	 {"foo.pdb/" UPPER "1/foo.pd_", "foo.pdb/" LOWER "1/foo.pdb", "foo.pdb/" UPPER "1/foo.pdb",
	  "foo.pdb/" LOWER "1/foo.pd_"}},
	{"/foo.pdb/" LOWER "1/foo.pdb",
	 {NAME("foo.pdb")},
	 {CASE_BOTH, TIER_ONE, STORE_FORM_CAB, .learnt = LIES(PACKED_CAB, KEY_IN_LOWER)},
	 {"foo.pdb/" LOWER "1/foo.pd_", "foo.pdb/" LOWER "1/foo.pdb", "foo.pdb/" UPPER "1/foo.pdb",
	  "foo.pdb/" UPPER "1/foo.pd_"}},
	{"/foo.pdb/" LOWER "1/foo.pdb",
	 {NAME("Foo.pdb")},
	 {CASE_BOTH, TIER_ONE, STORE_FORM_CAB, .learnt = LIES(PACKED_GZIP, KEY_IN_LOWER)},
	 {"Foo.pdb/" UPPER "1/Foo.pdb", "Foo.pdb/" LOWER "1/Foo.pdb", "Foo.pdb/" UPPER "1/Foo.pd_",
	  "Foo.pdb/" LOWER "1/Foo.pd_", "foo.pdb/" LOWER "1/foo.pdb", "foo.pdb/" LOWER "1/foo.pd_",
	  "-", "Foo.pdb/497B72F6", "Foo.pdb/497b72f6"}},
	/* The last segment begins as the name does. */
	{"/foo.pdb/" SOME "1/FOO.pd_",
	 {NAME("Foo.pdb")},
	 {CASE_BOTH, TIER_ONE},
	 {"Foo.pdb/" UPPER "1/Foo.pd_", "Foo.pdb/" LOWER "1/Foo.pd_", "Foo.pdb/" SOME "1/Foo.pd_",
	  "foo.pdb/" LOWER "1/foo.pd_", "foo.pdb/" SOME "1/FOO.pd_", "-", "Foo.pdb/497B72F6",
	  "Foo.pdb/497b72f6"}},
	{"/foo.pdb/" LOWER "1/foo.SYM",
	 {NAME("Foo.pdb")},
	 {CASE_BOTH, TIER_ONE},
	 {"Foo.pdb/" UPPER "1/Foo.sym", "Foo.pdb/" LOWER "1/Foo.sym", "foo.pdb/" LOWER "1/foo.sym",
	  "foo.pdb/" LOWER "1/foo.SYM", "-", "Foo.pdb/497B72F6", "Foo.pdb/497b72f6"}},
	{"/refs.pdb/" LOWER "1/refs.ptr",
	 {NAME("ReFs.pdb")},
	 {CASE_BOTH, TIER_ONE},
	 {"ReFs.pdb/" UPPER "1/refs.ptr", "ReFs.pdb/" LOWER "1/refs.ptr",
	  "refs.pdb/" LOWER "1/refs.ptr", "-", "ReFs.pdb/497B72F6", "ReFs.pdb/497b72f6"}},
	/* A space in a listing may be a plus: what was asked for tells. */
	{"/c%2B%2B.pdb/123456789/c%2B%2B.pdb",
	 {NAME("C  .pdb")},
	 {CASE_BOTH, TIER_ONE},
	 {"C++.pdb/123456789/C++.pdb", "c++.pdb/123456789/c++.pdb", "C  .pdb/123456789/C  .pdb",
	  "c  .pdb/123456789/c  .pdb", "-", "C++.pdb/12345678"}},
	/* A folder of a two-tier store, and that of a store which may be one. */
	{"/foo.pdb/123456789/foo.pdb",
	 {IN("Fo/", "Foo.pdb")},
	 {CASE_BOTH, TIER_TWO},
	 {"Fo/Foo.pdb/123456789/Foo.pdb", "fo/foo.pdb/123456789/foo.pdb",
	  "foo.pdb/123456789/foo.pdb", "-", "Fo/Foo.pdb/12345678"}},
	{"/foo.pdb/123456789/foo.pdb",
	 {IN("Fo/", "Foo.pdb"), NAME("FOO.pdb")},
	 {CASE_BOTH, TIER_UNKNOWN},
	 {"Fo/Foo.pdb/123456789/Foo.pdb", "FOO.pdb/123456789/FOO.pdb", "foo.pdb/123456789/foo.pdb",
	  "fo/foo.pdb/123456789/foo.pdb", "-", "Fo/Foo.pdb/12345678", "FOO.pdb/12345678"}},
	/* Where others may be there all the same, those that are asked for anyway go first, and what is added last. */
	{"/foo.pdb/" LOWER "a/FOO.pdb",
	 {KNOWN("Foo.PDB", LIES(PACKED_CAB, KEY_IN_LOWER))},
	 {CASE_BOTH, TIER_ONE, STORE_FORM_CAB, .names_first = true},
	 {"foo.pdb/" LOWER "a/foo.pdb", "foo.pdb/" LOWER "a/FOO.pdb", "foo.pdb/" LOWER "a/foo.pd_",
	  "foo.pdb/" LOWER "a/FOO.pd_", "Foo.PDB/" LOWER "a/Foo.PD_", "Foo.PDB/" UPPER "a/Foo.PDB",
	  "Foo.PDB/" LOWER "a/Foo.PDB", "Foo.PDB/" UPPER "a/Foo.PD_", "-", "Foo.PDB/497B72F6",
	  "Foo.PDB/497b72f6"}},
	/* Where others may be there all the same, those that are asked for anyway go first, and what is added last. */
	{"/foo.pdb/" LOWER "a/FOO.pdb",
	 {KNOWN("Foo.PDB", LIES(PACKED_CAB, KEY_IN_LOWER))},
	 {CASE_BOTH, TIER_ONE, STORE_FORM_CAB, .names_first = true},
	 {"foo.pdb/" LOWER "a/foo.pdb", "foo.pdb/" LOWER "a/FOO.pdb", "foo.pdb/" LOWER "a/foo.pd_",
	  "foo.pdb/" LOWER "a/FOO.pd_", "Foo.PDB/" LOWER "a/Foo.PD_", "Foo.PDB/" UPPER "a/Foo.PDB",
	  "Foo.PDB/" LOWER "a/Foo.PDB", "Foo.PDB/" UPPER "a/Foo.PD_", "-", "Foo.PDB/497B72F6",
	  "Foo.PDB/497b72f6"}},
	/* Where the store's keys are said to be written in one way, they are. */
	{"/Foo.pdb/" UPPER "A/Foo.pdb",
	 {NAME("foo.pdb"), NAME("Foo.pdb")},
	 {CASE_LOWER, TIER_ONE},
	 {"foo.pdb/" LOWER "a/foo.pdb"}},
	{"/Foo.pdb/" UPPER "A/Foo.pdb",
	 {NAME("foo.pdb"), NAME("Foo.pdb")},
	 {CASE_ASKED, TIER_ONE},
	 {"Foo.pdb/" UPPER "A/Foo.pdb"}},
};

static void check(const struct row *row)
{
	static const struct client nobody = {.max_size = INT64_MAX};
	struct symbol_path p CLEANUP(symbol_path_fini);
	struct candidates c CLEANUP(candidates_fini);
	struct candidate_options o = row->o;
	size_t n = 0, at = 0;

	while (n < NAMES_MAX && row->names[n].name.n)
		n++;
	o.client = &nobody;
	o.names = row->names;
	o.n_names = n;
	o.names_first = !row->o.names_first; /* said of the rows where they are not */
	ASSERT(request_clean(slice_of(row->target), &(struct request_rules){0}, &p) ==
	       REQUEST_CLEAN);
	ASSERT(candidates_make(&p, &o, &c));
	for (size_t i = 0; i < c.n; i++)
		CHECK_SLICE(c.list[i].key, row->wanted[at] ? row->wanted[at++] : "nothing",
			    row->target);
	if (c.starts)
		CHECK_STR(row->wanted[at] ? row->wanted[at++] : "", "-", "no more keys");
	for (size_t i = 0; i < c.starts; i++)
		CHECK_SLICE(c.start[i], row->wanted[at] ? row->wanted[at++] : "nothing",
			    row->target);
	CHECK(at == WANTED_MAX || !row->wanted[at], row->target);
	for (size_t i = 0; i < c.n; i++)
		CHECK_INT(c.list[i].name_n > 0, c.list[i].casings > 0, "listed, or not");
}

/* What is learnt of a file that was found is what puts the next one first. */
static void test_lies(void)
{
	static const struct {
		struct candidate c;
		uint8_t have, lies;
	} cases[] = {
		{{.packing = PACKED_NOT, .casings = 1U << KEY_IN_LOWER},
		 0,
		 LIES(PACKED_NOT, KEY_IN_LOWER)},
		{{.packing = PACKED_CAB, .casings = 1U << KEY_AS_SYMSTORE},
		 0,
		 LIES(PACKED_CAB, KEY_AS_SYMSTORE)},
		{{.packing = PACKED_ZSTD, .casings = 3}, 0, LIES(PACKED_ZSTD, KEY_IN_LOWER)},
		{{.packing = PACKED_ZSTD, .casings = 3},
		 LIES(PACKED_GZIP, KEY_AS_SYMSTORE),
		 LIES(PACKED_ZSTD, KEY_AS_SYMSTORE)},
		{{.packing = PACKED_ZSTD, .casings = 1},
		 LIES(PACKED_GZIP, KEY_AS_SYMSTORE),
		 LIES(PACKED_ZSTD, KEY_IN_LOWER)},
		{{.packing = PACKED_MSFZ, .casings = 1U << KEY_AS_ASKED},
		 0,
		 LIES(PACKED_MSFZ, KEY_AS_ASKED)},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_INT(candidate_lies(&cases[i].c, cases[i].have), cases[i].lies, "learnt");
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
	test_lies();
	return tap_done();
}
