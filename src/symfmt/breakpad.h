// SPDX-License-Identifier: MIT
/*
 * Breakpad symbol files: text, whose first line names the module and whose second, where there
 * is one, the image.
 *
 *	MODULE windows x86_64 5A9832E5287241C1838ED98914E9B7FF1 crash.pdb
 *	INFO CODE_ID 5617D4FE8000 crash.exe
 *
 * Lines end in LF or CR LF. Fields are slices of the head.
 */
#pragma once
#include "symfmt/head.h"
#include "symfmt/symbol_id.h"

struct breakpad {
	struct slice os, arch;
	struct slice id;                 /* GUID and age: as a key */
	struct slice name;               /* to the end of the line, may have blanks */
	struct slice code_id, code_file; /* empty without that line; code_file may be so with it */
};

MUST_CHECK enum parse breakpad_read(struct head *h, struct breakpad *ret);
/* PARSE_CORRUPT when the id is not of the form of a key. */
MUST_CHECK enum parse breakpad_identity(struct head *h, struct symbol_identity *ret);
