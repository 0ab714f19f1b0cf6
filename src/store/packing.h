// SPDX-License-Identifier: MIT
/*
 * Which packing bytes are in, by how they begin; and the properties of each packing, from the table
 * of base/packings.def. Pure.
 */
#pragma once
#include "base/slice.h"
#include "codec/codec.h"

enum packing {
	PACKED_NOT,
#define PACKING(ID, ...) PACKED_##ID,
#include "base/packings.def"
	PACKED_ZIP,     /* not expanded */
	PACKED_UNKNOWN, /* packed or not: it cannot be seen */
};
#define PACKINGS_END PACKED_ZIP /* those before it, but for PACKED_NOT, are expanded */

enum packing_place { PLACE_NOWHERE, PLACE_TWIN, PLACE_BEHIND, PLACE_FOLDER };
enum packing_length { LENGTH_HEADER, LENGTH_FRAME, LENGTH_END };

/* As packings.def says; that of PACKED_NOT is empty. */
struct packing_row {
	const char *word, *affix, *coding;
	enum packing_place place;
	enum packing_length length;
	bool is_codec; /* by: */
	enum codec codec;
};

extern const struct packing_row packing_rows[PACKINGS_END];

/* So much of the beginning is enough to tell any packing. */
#define PACKING_MAGIC_MAX ((size_t)32)

enum packing packing_of(struct slice beginning);
/*
 * The packing of the content, if the outer one is a coding; *nothing: the content is known to be
 * empty.
 */
enum packing packing_inside(struct slice beginning, bool *nothing);
/* May it be the Content-Encoding of something? */
bool packing_is_coding(enum packing p);
bool packing_can_be_undone(enum packing p);
/* Is a folder of this name, below name/KEY/, one of files that are packed? */
bool packing_is_folder(struct slice name);
