// SPDX-License-Identifier: MIT
/*
 * Which keys mean the same file. Clients and stores disagree in known ways; this module lists the
 * other keys under which a file may lie (before anything is fetched), and judges whether a file
 * that came for a key is the one that was meant (after).
 *
 *	asked		may lie under				because
 *	...A		...10					a writer printed the age in decimal
 *	...10		...A					a client (LLDB) did
 *	any age		...FFFFFFFF				portable PDB, asked like a PDB
 *	...FFFFFFFF	...1, ... without age			the reverse
 *	any age		... without age				a PDB without DBI stream has none
 *	no age		...1, ...FFFFFFFF			clients that know such PDBs
 *	1234567c2000	01234567c2000				a client (PerfView) does not pad stamps
 *	01234567c2000	1234567c2000				a store filled by such a client
 *	elf-buildid-	the same with zeros up to 20 bytes,	SSQP pads, Symbolicator does not
 *			or without
 *	a build-id	a PE or Mach-O file, a PDB		GNU ld and gdb, unified stores
 *
 * An age in ambiguous digits is meant in hex: only the caller's order decides that, so the
 * exact key always comes first. Letters are compared without case. Pure.
 */
#pragma once
#include "symfmt/key.h"

/*
 * Why a key is on the list, so that a caller may leave out keys that its store or client never
 * uses.
 */
enum key_alias {
	KEY_EXACT,            /* as it was asked */
	KEY_CANONICAL,        /* the same number, written as stores do: without leading zeros */
	KEY_AGE_FROM_DECIMAL, /* asked in decimal, stored in hex */
	KEY_AGE_TO_DECIMAL,   /* asked in hex, stored in decimal */
	KEY_AGE_PORTABLE,     /* ffffffff for another age */
	KEY_AGE_ONE,          /* 1 for ffffffff, or for none */
	KEY_AGE_NONE,         /* no age for any */
	KEY_PADDED,           /* zeros added: before a stamp (one more each), after a build-id */
	KEY_UNPADDED,         /* zeros taken away */
};

#define KEY_ALIASES_MAX 12

struct key_aliases {
	size_t n;
	struct {
		enum key_alias why;
		struct key_text text;
	} key[KEY_ALIASES_MAX];
};

/*
 * The likeliest first, none twice, the exact one at the front. A key longer than KEY_TEXT_MAX has
 * none, not even itself.
 */
void key_list_aliases(const struct symbol_key *k, struct key_aliases *ret);

enum key_match {
	KEY_MATCH,         /* the file is the one that the key names */
	KEY_MATCH_ALIAS,   /* it is by one of the rules above */
	KEY_MATCH_NOT,     /* it is another file */
	KEY_MATCH_UNKNOWN, /* the key is opaque, or the file tells nothing to hold it to */
};

enum key_match key_compare(const struct symbol_key *k, const struct symbol_identity *i);
