// SPDX-License-Identifier: MIT
/*
 * Symbol ids (GUID, UUID, build-id), and the identity that a parser finds in a file. The bytes of
 * an id are in the order in which they are written: memcmp compares, hex_encode prints. Parsers and
 * keys are made of these; which parser a file is for says identity.h. Pure.
 */
#pragma once
#include "base/slice.h"

#define SYMBOL_ID_MAX    64 /* the longest build-id that debuginfod allows */
#define IDENTITY_IDS_MAX 16 /* images of a fat Mach-O file that are looked at */

struct symbol_id {
	size_t n; /* 16 for a GUID or UUID; 0: there is none; the bytes after n are zeros */
	unsigned char b[SYMBOL_ID_MAX];
};

enum symbol_kind {
	SYMBOL_UNKNOWN, /* no format that we know */
	SYMBOL_PDB,
	SYMBOL_PDB_OLD, /* PDB 2.0: stamp is its signature, size its age */
	SYMBOL_PDB_PORTABLE,
	SYMBOL_PE, /* and .dbg */
	SYMBOL_ELF,
	SYMBOL_MACHO,
	SYMBOL_BREAKPAD,
};

struct symbol_identity {
	enum symbol_kind kind;
	/*
	 * 0 or 1, but for a fat Mach-O file, which has one of each slice, and for a PE image, which
	 * has none until pe_add_ids() gives it those of its PDBs
	 */
	size_t ids;
	struct symbol_id id[IDENTITY_IDS_MAX];
	bool has_age;     /* SYMBOL_PDB with a DBI stream, SYMBOL_BREAKPAD */
	uint32_t age;     /* of a PDB without one: that of stream 1 */
	bool age_or_zero; /* SYMBOL_PDB: its DBI stream says 0, so keys are made with 0 as well */
	uint32_t stamp;   /* SYMBOL_PE, SYMBOL_PDB_OLD */
	uint32_t size;
	struct slice code_id; /* SYMBOL_BREAKPAD: of its image, as written there; may be empty */
};

/* An id of n bytes, which is none when n is more than SYMBOL_ID_MAX. */
struct symbol_id symbol_id_of(struct slice bytes);
/* The same for a GUID as Windows stores it: three little-endian integers and eight bytes. */
struct symbol_id symbol_id_of_guid(struct slice bytes);

/* Pairs of hex digits, at least one, SYMBOL_ID_MAX at most. */
MUST_CHECK bool symbol_id_parse(struct slice hex, struct symbol_id *ret);
/* nn/nnnn, as gdb has them in its paths: the first byte, and at least one other. */
MUST_CHECK bool symbol_id_parse_split(struct slice first, struct slice others,
				      struct symbol_id *ret);
