// SPDX-License-Identifier: MIT
/*
 * What a file says it is: the numbers that symbol keys are made of, read out of the file itself.
 * Publishing makes keys from them, serving checks that what arrived for a key belongs to it
 * (key_match.h). identity_read() finds the format by its magic; each format has a parser of its
 * own that tells more (pe.h, elf.h, ...). Pure; only what is in MSFZ form takes memory (msfz.h).
 */
#pragma once
#include "symfmt/head.h"

/* ids are in the order in which they are written: memcmp compares, hex_encode prints. */
#define SYMBOL_ID_MAX    64 /* what debuginfod allows for a build-id */
#define IDENTITY_IDS_MAX 16

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

/*
 * PARSE_OTHER for a file of no known format; SYMBOL_UNKNOWN is never given with PARSE_OK. A file
 * of known format without an identity (an ELF file without build-id) is PARSE_OK with ids == 0. A
 * PDB, in MSF or MSFZ form, needs the whole file (head.need is its size), and is PARSE_CORRUPT also
 * when that is beyond the limits of msfz.h.
 */
MUST_CHECK enum parse identity_read(struct head *h, struct symbol_identity *ret);
