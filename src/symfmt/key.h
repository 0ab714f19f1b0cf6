// SPDX-License-Identifier: MIT
/*
 * Symbol keys: the text between the names in foo.pdb/KEY/foo.pdb. This module reads and writes
 * them; key_match.h says which keys mean the same file.
 *
 *	GUID	PDB, portable PDB, Breakpad: 32 hex digits, then the age in hex without leading
 *		zeros; ffffffff for a portable PDB, nothing for a PDB that has no age
 *	STAMP	PE, .dbg: time stamp, 8 digits, then the size of the image without leading zeros;
 *		PDB 2.0: signature and age, likewise
 *	ELF	elf-buildid-HEX, and of its debug file elf-buildid-sym-HEX: zeros fill it up to 20
 *		bytes
 *	MACHO	mach-uuid-HEX, and of its dSYM mach-uuid-sym-HEX
 *	OTHER	sha1-..., r2rmap-..., -coreclr-..., WASM build-ids, hashes of scripts: opaque, matched
 *		by their text only
 *
 * No key says where its stamp ends or in which base its age is, and clients differ in case,
 * padding and base; so a key keeps its text. What we write has the case of symstore.exe: GUID
 * and stamp upper, age and size lower; SSQP keys are all lower. Sources: SSQP key conventions of
 * .NET, stores that symstore.exe wrote. Pure.
 */
#pragma once
#include "base/buf.h"
#include "symfmt/symbol_id.h"

#define KEY_TEXT_MAX 160 /* the longest key we write: elf-buildid-sym- and SYMBOL_ID_MAX bytes */

enum key_kind {
	KEY_OTHER,
	KEY_GUID,
	KEY_STAMP,
	KEY_ELF,
	KEY_ELF_SYM,
	KEY_MACHO,
	KEY_MACHO_SYM,
};

struct symbol_key {
	enum key_kind kind;
	struct slice text;     /* as it was given, not owned */
	struct symbol_id id;   /* all but KEY_STAMP and KEY_OTHER */
	struct slice age_text; /* KEY_GUID: part of text, may be empty */
	uint32_t age;          /* that, read as hex; 0 when empty */
};

struct key_text {
	char s[KEY_TEXT_MAX + 1];
};

/*
 * Every text is a key, of kind KEY_OTHER if of no other. The name is that of the file: a file that
 * .NET stores under the key of coreclr.dll (mscordaccore.dll, sos.dll...) is KEY_OTHER by its name.
 */
struct symbol_key key_parse(struct slice name, struct slice text);
/* Age is hex, lower-case. Without has_age: the GUID alone. */
/* How the letters of a key are written. */
enum key_casing { KEY_IN_LOWER, KEY_AS_SYMSTORE, KEY_AS_ASKED };
#define KEY_CASINGS 3
/* Append text, a key of this kind, so. */
void key_put_cased(struct slice text, enum key_kind kind, enum key_casing casing, struct buf *out);
struct key_text key_of_guid(const struct symbol_id *guid, bool has_age, uint32_t age);
struct key_text key_of_stamp(uint32_t stamp, uint32_t size);
/*
 * Kind: one of the last four. A build-id is filled up to 20 bytes. With symbol_id_parse() this
 * makes /buildid/HEX/debuginfo and .../executable into SSQP keys.
 */
struct key_text key_of_id(enum key_kind kind, const struct symbol_id *id);
/*
 * The key under which a store keeps the file: the which-th of a fat Mach-O file, else the 0th.
 * is_debug_file tells the debug file of an ELF or Mach-O image from the image. False when the
 * identity has no such key.
 */
MUST_CHECK bool key_of_identity(const struct symbol_identity *i, bool is_debug_file, size_t which,
				struct key_text *ret);
/*
 * The id that Breakpad gives to an ELF or Mach-O file: the first 16 bytes of the build-id, as if
 * they were a GUID of Windows, or the UUID; and the age 0.
 */
struct key_text key_of_breakpad(enum symbol_kind kind, const struct symbol_id *id);
/*
 * The folder that a two-tier store keeps name in: its first two characters, or one when the
 * second is a point or missing. In the case of name; a part of it.
 */
struct slice name_tier_folder(struct slice name);
/*
 * The name without its last character: what the name and its compressed twin, which ends in '_'
 * in place of that, begin with. A part of name.
 */
struct slice name_twin_stem(struct slice name);
