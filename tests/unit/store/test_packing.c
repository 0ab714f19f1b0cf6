// SPDX-License-Identifier: MIT
/* The table of packings: what it says of each, and that no two can be taken for one another. */
#include "store/packing.h"
#include "store/store.h"
#include "symfmt/msfz.h"

#include "tap.h"

static void test_of(void)
{
	static const char msfz[] = MSFZ_MAGIC;
	static const struct {
		const char *name;
		struct slice bytes;
		enum packing is;
		bool undone, coding;
	} rows[] = {
		{"nothing", {NULL, 0}, PACKED_NOT, false, false},
		{"a PDB", {"Microsoft C/C++ MSF 7.00", 24}, PACKED_NOT, false, false},
		{"a cabinet", {"MSCF", 4}, PACKED_CAB, true, false},
		{"SZDD", {"SZDD\x88\xf0\x27\x33", 8}, PACKED_SZDD, true, false},
		{"gzip", {"\x1f\x8b\x08", 3}, PACKED_GZIP, true, true},
		{"zstd", {"\x28\xb5\x2f\xfd", 4}, PACKED_ZSTD, true, true},
		{"MSFZ", {msfz, MSFZ_MAGIC_SIZE}, PACKED_MSFZ, true, false},
		{"MSFZ, cut", {msfz, MSFZ_MAGIC_SIZE - 1}, PACKED_NOT, false, false},
		{"a zip archive", {"PK\x03\x04", 4}, PACKED_ZIP, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_INT(packing_of(rows[i].bytes), rows[i].is, rows[i].name);
		CHECK_INT(packing_can_be_undone(rows[i].is), rows[i].undone, "undone?");
		CHECK_INT(packing_is_coding(rows[i].is), rows[i].coding, "a Content-Encoding?");
	}
	CHECK(!packing_can_be_undone(PACKED_UNKNOWN) && !packing_is_coding(PACKED_UNKNOWN),
	      "what cannot be seen is neither");
}

static bool alike(const char *a, const char *b)
{
	return a[0] && strcmp(a, b) == 0;
}

static void test_rows(void)
{
	unsigned all = 0;

	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++) {
		const struct packing_row *row = &packing_rows[p];
		bool named = row->place != PLACE_NOWHERE;

		CHECK(named == !!row->affix[0] && named == !!row->word[0],
		      "a name, and a word for it");
		CHECK(row->is_codec || !row->coding[0], "a coding can be looked into");
		CHECK_INT(packing_is_folder(slice_of(row->affix)), row->place == PLACE_FOLDER,
			  "its folder");
		all |= named ? 1U << p : 0;
		for (enum packing q = PACKED_NOT + 1; q < p; q++)
			CHECK(!alike(row->word, packing_rows[q].word) &&
				      !alike(row->affix, packing_rows[q].affix) &&
				      !alike(row->coding, packing_rows[q].coding),
			      "of its own");
	}
	CHECK_INT(STORE_FORMS_ALL, all, "all that have a name");
	CHECK(packing_is_folder(SLICE("MSFZ0")), "in any case");
	CHECK(!packing_is_folder(SLICE_NONE) && !packing_is_folder(SLICE("msfz1")),
	      "no other folder");
}

int main(void)
{
	test_of();
	test_rows();
	return tap_done();
}
