// SPDX-License-Identifier: MIT
/*
 * Where stores keep files that are known by a build-id:
 *
 *	layout		debug file				executable
 *	ssqp		_.debug/elf-buildid-sym-HEX/_.debug	ANY/elf-buildid-HEX/ANY (STORE_ANY_NAME)
 *	gdb		nn/nnnn.debug				nn/nnnn, then both behind .build-id/
 *	debuginfod	buildid/HEX/debuginfo			buildid/HEX/executable
 *	unified		nn/nnnn/debuginfo			nn/nnnn/executable
 *
 * Sentry's unified layout (symsorter) keeps PDBs so as well, by GUID and age, and .sym as
 * nn/nnnn/breakpad. SSQP fills an id up to 20 bytes with zeros, the others do not. Keys are
 * lower-case. How clients ask for such files: symbol_path.h. Pure.
 */
#pragma once
#include "base/buf.h"
#include "store/store.h"

/* Append the key of a file in the unified layout: by any id, in hex. */
void layout_put_unified(struct slice hex, const char *word, struct buf *out);
/*
 * Append the key of a store of this layout for the id given in hex; of one with SSQP's for
 * executables only, where it knows wildcards: the debug file is a name/KEY/name as any other
 * (key.h).
 */
void layout_put_key(enum store_layout layout, struct slice hex, bool executable, struct buf *out);
