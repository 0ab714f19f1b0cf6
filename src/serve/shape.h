// SPDX-License-Identifier: MIT
/*
 * Does a path look like one that a symbol client asks for? A store that is read with credentials
 * serves nothing else to clients without any (design rule: a private bucket is not made public by
 * accident), so what is not on this list is refused before the store hears of it:
 *
 *	symsrv		name/KEY/name, name/KEY/nam_ (name without extension: also name._),
 *			name/KEY/file.ptr
 *	SSQP		the same with elf-buildid-..., mach-uuid-..., sha1-..., r2rmap-v... as KEY
 *	MSFZ		name/KEY/msfz0/name
 *	two-tier	any of these behind a folder of the first two characters of name
 *	Breakpad	x.pdb/ID/x.sym (.exe and .dll likewise), x/ID/x.sym
 *	Sentry		nn/nnnn/debuginfo, executable or breakpad, by a GUID and age as well
 *	build-ids	what build_id.h names, and buildid/HEX/source/..., .../section/...
 *
 * KEY, ID and HEX are 5 to 128 hex digits: PE keys come unpadded, decimal ages are hex digits too.
 * Names are compared as the fold of text.h does. Never among them: what lies in symstore's
 * 000Admin folder, and refs.ptr. The files of the root (index2.txt, pingme.txt) are not symbols;
 * request.h names them. Pure.
 */
#pragma once
#include "serve/request.h"

/* What the last segment of name/KEY/last is. */
enum shape_file {
	SHAPE_OTHER,
	SHAPE_PLAIN, /* the name again */
	SHAPE_TWIN,  /* the name of the compressed file: nam_, or name._ */
	SHAPE_SYM,   /* Breakpad's: name.sym, or that with .pdb, .exe or .dll cut off the name */
	SHAPE_PTR,   /* file.ptr */
};

/* Can it be a KEY: 5 to 128 hex digits, or one of SSQP's? */
bool shape_is_key(struct slice s);
enum shape_file shape_file(struct slice name, struct slice last);
/* Judges the first spelling; the others differ from it in '+' and space only. */
bool shape_is_symbol(const struct symbol_path *p);
/*
 * The folder that a two-tier store keeps name in: its first two characters, or one when the
 * second is a point or missing. In the case of name; a part of it.
 */
struct slice shape_tier_folder(struct slice name);
/*
 * The name without its last character: what the name and its compressed twin, which ends in '_'
 * in place of that, begin with. A part of name.
 */
struct slice shape_twin_stem(struct slice name);
