// SPDX-License-Identifier: MIT
/* See packing.h. */
#include "store/packing.h"
#include "symfmt/msfz.h"

#define PEEK_SIZE ((size_t)64)

_Static_assert(PACKING_MAGIC_MAX == MSFZ_MAGIC_SIZE, "the longest");

const struct packing_row packing_rows[PACKINGS_END] = {
#define ROW(ID, word, place, affix, coding, length, ...)                                           \
	[PACKED_##ID] = {word, affix, coding, PLACE_##place, LENGTH_##length, __VA_ARGS__},
#define CODEC(ID, name, word, place, affix, coding, length)                                        \
	ROW(ID, word, place, affix, coding, length, true, CODEC_##ID)
#define PACKING(ID, name, word, place, affix, coding, length)                                      \
	ROW(ID, word, place, affix, coding, length, false)
#include "base/packings.def"
};

enum packing packing_of(struct slice beginning)
{
#define PACKING(ID, name, ...)                                                                     \
	if (name##_begins(beginning))                                                              \
		return PACKED_##ID;
#include "base/packings.def"
	return slice_starts(beginning, SLICE("PK\x03\x04")) ? PACKED_ZIP : PACKED_NOT;
}

bool packing_can_be_undone(enum packing p)
{
	return p > PACKED_NOT && p < PACKINGS_END;
}

bool packing_is_coding(enum packing p)
{
	return packing_can_be_undone(p) && packing_rows[p].coding[0];
}

enum packing packing_inside(struct slice beginning, bool *nothing)
{
	enum packing outer = packing_of(beginning);
	char inside[PEEK_SIZE];
	size_t n;

	*nothing = false;
	if (!packing_is_coding(outer))
		return PACKED_NOT;
	n = codec_peek(packing_rows[outer].codec, beginning, inside, sizeof(inside), nothing);
	return n || *nothing ? packing_of((struct slice){inside, n}) : PACKED_UNKNOWN;
}

bool packing_is_folder(struct slice name)
{
	for (enum packing p = PACKED_NOT + 1; p < PACKINGS_END; p++)
		if (packing_rows[p].place == PLACE_FOLDER &&
		    slice_eq_nocase(name, slice_of(packing_rows[p].affix)))
			return true;
	return false;
}
