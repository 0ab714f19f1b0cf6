// SPDX-License-Identifier: MIT
/*
 * A CodeView record: the few bytes by which an image, or a module of a dump, names its PDB. It
 * stands in the debug directory of an image (pe.h) and in the module list of a minidump
 * (minidump.h). Pure.
 *
 *	RSDS	GUID, age, path; the key of a portable PDB takes no age, which only an image tells
 *	NB10	of PDB 2.0: signature, age, path
 *
 * Others (NB09 and NB11 carry the symbols themselves) name none.
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

#define CODEVIEW_NAME_MAX 255 /* the longest name of a file */

struct codeview {
	struct symbol_identity pdb; /* the PDB that is wanted; no stream has been seen */
	struct slice path; /* in the record, as the linker wrote it; empty: a build-id of GNU ld */
	char name[CODEVIEW_NAME_MAX + 1]; /* its last component; "" when it has none, or too long */
};

/* False for a record that names no PDB, *ret untouched. */
MUST_CHECK bool codeview_read(struct slice record, bool is_portable, struct codeview *ret);
/* The last component of a path, after either slash. */
struct slice codeview_last(struct slice path);
