// SPDX-License-Identifier: MIT
/*
 * Minidumps: which modules had the process loaded, and by which keys are they and their PDBs found?
 * Only the directory, the system's stream and the list of modules are read, a few hundred bytes for
 * each module, wherever in the file they lie.
 *
 * Sources: minidumpapiset.h as Microsoft documents it; minidump_format.h of Breakpad, for dumps of
 * other systems: there a record holds a build-id ("BpEL") or a UUID.
 */
#pragma once
#include "symfmt/codeview.h"
#include "symfmt/source.h"

#define MINIDUMP_MODULES_MAX 16384
#define MINIDUMP_RECORD_MAX  1024 /* of a CodeView record, that much is read */

struct minidump {
	const struct source *file;
	uint16_t processor; /* machine.h; 0xffff: not told */
	bool is_windows, is_mac;
	uint32_t modules;
	uint64_t modules_at;
};

struct minidump_module {
	char name[CODEVIEW_NAME_MAX + 1]; /* UTF-8, the last component; "" when it is too long */
	/* SYMBOL_PE; of other systems SYMBOL_ELF or SYMBOL_MACHO, or SYMBOL_UNKNOWN: not told */
	struct symbol_identity image;
	struct codeview
		pdb; /* pdb.pdb.kind is SYMBOL_UNKNOWN: none is named; its path is not kept */
};

bool minidump_begins(struct slice head);
/* Borrows file. ERR_CORRUPT, ERR_LIMIT for too many modules, or the source's own. */
MUST_CHECK enum err minidump_open(const struct source *file, struct minidump *ret, struct error *e);
/* i < modules. A name or record that cannot be read is as none; ERR_CORRUPT for the module's row. */
MUST_CHECK enum err minidump_module(const struct minidump *m, uint32_t i,
				    struct minidump_module *ret, struct error *e);
