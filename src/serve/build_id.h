// SPDX-License-Identifier: MIT
/*
 * Paths that name an ELF file by its build-id, as clients ask for them and as stores keep them:
 *
 *	asked by	debug file			executable
 *	debuginfod	buildid/HEX/debuginfo		buildid/HEX/executable
 *	Symbolicator	HEX/debuginfo			HEX/executable
 *	GDB		nn/nnnn.debug			nn/nnnn, and both behind .build-id/
 *	Sentry unified	nn/nnnn/debuginfo		nn/nnnn/executable
 *	SSQP		_.debug/elf-buildid-sym-HEX/_.debug
 *							name/elf-buildid-HEX/name
 *
 *	layout of the store
 *	ssqp		_.debug/elf-buildid-sym-HEX/_.debug
 *							ANY/elf-buildid-HEX/ANY (STORE_ANY_NAME)
 *	gdb		nn/nnnn.debug			nn/nnnn, then both behind .build-id/
 *	debuginfod	buildid/HEX/debuginfo		buildid/HEX/executable
 *	unified		nn/nnnn/debuginfo		nn/nnnn/executable
 *
 * Sentry's unified layout (symsorter) keeps PDBs so as well, by GUID and age, and .sym as nn/nnnn/breakpad.
 * SSQP fills an id up to 20 bytes with zeros, the others do not. Keys are lower-case. Pure.
 */
#pragma once
#include "serve/request.h"
#include "store/store.h"
#include "symfmt/key.h"

struct build_id_path {
	struct symbol_id id;
	bool executable; /* else the debug file */
	bool ssqp;       /* asked for by its SSQP key */
};

/* False: it is no such path. An id has 8 bytes or more in forms that do not say "build-id". */
bool build_id_parse(const struct symbol_path *p, struct build_id_path *ret);
/* Is it /buildid/HEX/debuginfo or /executable, whose answer tells X-DEBUGINFOD-SIZE? */
bool build_id_is_debuginfod(const struct symbol_path *p);
/* Is it /buildid/HEX/source/... or /section/..., which only a debuginfod server can tell? */
bool build_id_is_part(const struct symbol_path *p);
/* Is it nn/nnnn/WORD of Sentry's unified layout, whatever file WORD says and whatever id that is? */
bool build_id_is_unified(const struct symbol_path *p);
/* Append the key of a file in that layout: by any id, in hex. */
void build_id_put_unified(struct slice hex, const char *word, struct buf *out);
/*
 * Append the key of a store of this layout for the id given in hex; of one with SSQP's for executables
 * only, where it knows wildcards: the debug file is a name/KEY/name as any other (key.h).
 */
void build_id_put_key(enum store_layout layout, struct slice hex, bool executable, struct buf *out);
